/**
 * Lists in place: their rows stand in an element of the page's own, before a <template data-live> that says what they are.
 *
 * If nothing else stands in that element, it becomes the list's own and the template goes, so that `:last-child` is a row. Otherwise the
 * template stays: an element may hold headings, forms and several lists.
 */

import {RealtimeError} from "../protocol/messages.js"
import {attribute, call, get} from "./members.js"

/** @param {Element | null} element */
export const isMarker = (element) => element !== null && get(element, "localName") === "template" && attribute(element, "data-live") !== null

/**
 * The element that is live: the one around a marker, where that has nothing else in it.
 *
 * @param {Element} element with data-live
 * @returns {Element}
 */
export function adopted(element) {
  if (!isMarker(element)) return element
  const parent = aroundRows(element)
  if (!parent) return element
  if (attribute(parent, "data-live") !== null) {
    const reason = `The list '${attribute(element, "data-live")}' was put into an element that is a live list already: give each an element of its own.`
    throw new RealtimeError(null, reason, {name: "bad_arguments"})
  }
  const isOwn = ["data-live-key", "data-live-stream", "data-live-token"].some((name) => attribute(parent, name) !== null)
  if (isOwn || parent === get(/** @type {Document} */ (get(parent, "ownerDocument")), "body")) return element
  if (![...get(parent, "childNodes")].every((node) => node === element || isPart(node))) return element
  for (const {name, value} of get(element, "attributes")) call(parent, "setAttribute", name, value)
  call(element, "remove")
  return parent
}

/** A parser makes a <tbody> around the rows of a table; where there are none yet, it is made here. @param {Element} marker */
function aroundRows(marker) {
  const name = attribute(marker, "data-live-in")
  const parent = get(marker, "parentElement")
  if (!name || !parent || get(parent, "localName") !== "table") return parent
  const body = /** @type {Document} */ (get(marker, "ownerDocument")).createElement(name)
  call(marker, "before", body)
  call(body, "append", marker)
  return body
}

/** Whether a node is a row, stands in for rows, or is nothing that shows. @param {ChildNode} node */
function isPart(node) {
  if (node instanceof Element) return ["data-live-key", "data-live-empty", "data-live-load"].some((name) => attribute(node, name) !== null)
  return get(node, "nodeType") === 8 || !(get(node, "textContent") ?? "").trim() // a comment, or white space
}

/** The elements that may be rows of a marker, in order. @param {Element} marker @returns {Element[]} */
export function elementsBefore(marker) {
  const found = []
  for (let each = get(marker, "previousElementSibling"); each && !isMarker(each); each = get(each, "previousElementSibling")) found.push(each)
  return found.reverse()
}

/** The live list that an element stands in, or what `others` selects around it. @param {Element} element @param {string} [others] */
export function listAround(element, others = "[data-live]") {
  for (let each = /** @type {Element | null} */ (element); each; each = get(each, "parentElement")) {
    if (attribute(each, "data-live") !== null || call(each, "matches", others)) return each
    const marker = attribute(each, "data-live-key") === null ? null : markerBehind(each)
    if (marker) return marker
  }
  return null
}

/** @param {Element} row */
function markerBehind(row) {
  let each = get(row, "nextElementSibling")
  while (each && !isMarker(each)) each = get(each, "nextElementSibling")
  return each
}
