/**
 * Keeps what a reader sees in place while rows are added above it: Safari does not, and no browser does at the very top.
 */

import {call, documentOf, get} from "./members.js"

/** @param {Element} element a list that grows upwards */
export function withoutAnchoring(element) {
  if (element instanceof HTMLElement) get(element, "style").overflowAnchor = "none" // the browser would move it a second time
}

/**
 * @param {Element} element a list that is about to change
 * @returns {() => void} to call when it has changed
 */
export function keepPlace(element) {
  const scroller = scrollerOf(element)
  const edge = Math.max(0, scroller === get(documentOf(scroller), "documentElement") ? 0 : topOf(scroller))
  const row = [...get(element, "children")].find((each) => call(each, "hasAttribute", "data-live-key") && call(each, "getBoundingClientRect").bottom > edge)
  if (!row) return () => {}
  const before = topOf(row)
  return () => {
    const moved = get(row, "isConnected") ? topOf(row) - before : 0
    if (moved) Reflect.apply(Element.prototype.scrollBy, scroller, [{top: moved, behavior: "instant"}])
  }
}

/** @param {Element} element */
const topOf = (element) => call(element, "getBoundingClientRect").top

/** @param {Element} element @returns {Element} */
function scrollerOf(element) {
  /** @type {Element | null} */
  let each = element
  for (; each; each = get(each, "parentElement")) {
    if (/^(auto|scroll)$/.test(getComputedStyle(each).overflowY)) return each
  }
  const document = documentOf(element)
  return get(document, "scrollingElement") ?? get(document, "documentElement")
}
