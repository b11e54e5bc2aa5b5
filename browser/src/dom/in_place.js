/**
 * Lists in place: their rows are in an element of the page's own, before a marker, a <template data-live>.
 *
 * If the element has nothing else, it becomes the container and the marker is removed, so that `:last-child` is a row. Otherwise
 * the marker stays, because the element may have headings, forms and several lists.
 */

import {badArguments} from "../protocol/messages.js"
import {attribute, call, documentOf, get, isSigned} from "./members.js"

/** Returns whether an element is such a marker. @param {Element | null} element */
export const isMarker = (element) => element !== null && get(element, "localName") === "template" && attribute(element, "data-live") !== null

/**
 * Returns the element to bind: the parent of a marker if it has nothing else, with the marker's attributes; else the element itself.
 *
 * @param {Element} element with data-live
 * @returns {Element}
 */
export function adopted(element) {
  if (!isMarker(element) || !isSigned(element)) return element
  const parent = aroundRows(element)
  if (!parent) return element
  if (attribute(parent, "data-live") !== null) {
    const reason = `The list '${attribute(element, "data-live")}' was put into an element that is a live list already: give each an element of its own.`
    throw badArguments(reason)
  }
  const isOwn = ["data-live-key", "data-live-stream", "data-live-token"].some((name) => attribute(parent, name) !== null)
  if (isOwn || parent === get(documentOf(parent), "body")) return element
  if (![...get(parent, "childNodes")].every((node) => node === element || isPart(node))) return element
  for (const {name, value} of get(element, "attributes")) if (name.startsWith("data-live")) call(parent, "setAttribute", name, value)
  call(element, "remove")
  return parent
}

/** Returns the parent of the rows. A parser creates a <tbody> around rows in a table; without rows it is created here. @param {Element} marker */
function aroundRows(marker) {
  const name = attribute(marker, "data-live-in")
  const parent = get(marker, "parentElement")
  if (!name || !parent || get(parent, "localName") !== "table") return parent
  const body = call(documentOf(marker), "createElement", name)
  call(marker, "before", body)
  call(body, "append", marker)
  return body
}

/** Returns whether a node is a row, a placeholder for rows, or invisible. @param {ChildNode} node */
function isPart(node) {
  if (node instanceof Element) return ["data-live-key", "data-live-empty", "data-live-load"].some((name) => attribute(node, name) !== null)
  return get(node, "nodeType") === 8 || !(get(node, "textContent") ?? "").trim() // a comment, or white space
}

/** Returns the parent of a list's rows. @param {Element} live the container, or the marker of a list in place @returns {Element} */
export const parentOfRows = (live) => (isMarker(live) && get(live, "parentElement")) || live

/** Returns the elements that may be rows of a list, in order. @param {Element} live @returns {Element[]} */
export function elementsOf(live) {
  if (!isMarker(live)) return [...get(live, "children")]
  const found = []
  for (let each = get(live, "previousElementSibling"); each && !isMarker(each); each = get(each, "previousElementSibling")) found.push(each)
  return found.reverse()
}

/** Returns the container or marker of an element's list, or the closest ancestor that `others` selects. @param {Element} element @param {string} [others] */
export function listAround(element, others = "[data-live]") {
  for (let each = /** @type {Element | null} */ (element); each; each = get(each, "parentElement")) {
    if (attribute(each, "data-live") !== null || call(each, "matches", others)) return each
    const marker = attribute(each, "data-live-key") === null ? null : markerBehind(each)
    if (marker) return marker
  }
  return null
}

/** Returns the marker that follows a row. @param {Element} row */
function markerBehind(row) {
  let each = get(row, "nextElementSibling")
  while (each && !isMarker(each)) each = get(each, "nextElementSibling")
  return each
}
