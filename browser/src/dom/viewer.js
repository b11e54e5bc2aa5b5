/**
 * What shared rows show depends on who looks: [data-live-if-user], [data-live-unless-user] and [data-live-owner] name users.
 */

import {attribute, call, isForeign, show} from "./members.js"

const MARKS = "[data-live-if-user], [data-live-unless-user], [data-live-owner]"

/**
 * Shows a row as the viewer of its list sees it.
 *
 * @param {Element} row that is not in the page yet
 * @param {Element} live the container, or the marker of a list in place
 */
export function showAsViewed(row, live) {
  const viewer = attribute(live, "data-live-viewer")
  if (viewer === null) return
  const isNamed = (/** @type {Element} */ element, /** @type {string} */ name) => viewer !== "" && (attribute(element, name) ?? "").split(/\s+/).includes(viewer)
  for (const element of call(row, "matches", MARKS) ? [row, ...call(row, "querySelectorAll", MARKS)] : call(row, "querySelectorAll", MARKS)) {
    if (isForeign(element)) continue // its author would choose who sees it, such as not the moderators
    const has = (/** @type {string} */ name) => attribute(element, name) !== null
    const isForOthers = has("data-live-if-user") && !isNamed(element, "data-live-if-user")
    if (isForOthers || (has("data-live-unless-user") && isNamed(element, "data-live-unless-user"))) show(element, "hidden", "")
    if (isNamed(element, "data-live-owner")) show(element, "data-live-own", "")
  }
}
