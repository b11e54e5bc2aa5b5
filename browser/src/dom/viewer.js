/**
 * Shows parts of shared rows to some users only: [data-live-if-user], [data-live-unless-user] and [data-live-owner] name them.
 */

import {attribute, isForeign, matchesIn, show} from "./members.js"

const MARKS = "[data-live-if-user], [data-live-unless-user], [data-live-owner]"

/**
 * Hides the parts of a row that are not for this page's user, and marks the user's own parts.
 *
 * @param {Element} row that is not in the page yet
 * @param {Element} live the container, or the marker of a list in place
 */
export function showAsViewed(row, live) {
  const viewer = attribute(live, "data-live-viewer")
  if (viewer === null) return
  const isNamed = (/** @type {Element} */ element, /** @type {string} */ name) => viewer !== "" && (attribute(element, name) ?? "").split(/\s+/).includes(viewer)
  for (const element of matchesIn(row, MARKS)) {
    if (isForeign(element)) continue // its author must not choose who sees it
    const has = (/** @type {string} */ name) => attribute(element, name) !== null
    const isForOthers = has("data-live-if-user") && !isNamed(element, "data-live-if-user")
    if (isForOthers || (has("data-live-unless-user") && isNamed(element, "data-live-unless-user"))) show(element, "hidden", "")
    if (isNamed(element, "data-live-owner")) show(element, "data-live-own", "")
  }
}
