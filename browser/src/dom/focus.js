/**
 * Moves the focus when the control that has it is removed: to the same control of its row, else of the next row, else of the
 * previous one, else to the container. A focus elsewhere is left alone.
 */

import {ask, attribute, call, focused, get, matchesIn} from "./members.js"

const FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, audio[controls], video[controls], [contenteditable], [tabindex]"

/** Where the focus was: the keys of its row, of the rows after it and before it, the nearest first, and the control. @typedef {{keys: string[], control: Element, index: number}} Place */

/**
 * Returns where the focus is, if it is in a row that will be changed or removed.
 *
 * @param {Map<string, Element>} rows the shown ones, in order
 * @param {Iterable<Element>} changing
 * @returns {Place | null}
 */
export function focusIn(rows, changing) {
  const [first, ...others] = changing
  const control = first ? focused(first) : null
  const row = control && [first, ...others].find((each) => call(each, "contains", control))
  if (!row) return null
  const entries = [...rows]
  const place = entries.findIndex(([, each]) => each === row)
  const keys = entries.map(([key]) => key)
  return {keys: [...keys.slice(place), ...keys.slice(0, place).reverse()], control, index: matchesIn(row, FOCUSABLE).indexOf(control)}
}

/**
 * @param {Element} container
 * @param {Map<string, Element>} rows the remaining ones
 * @param {Place} place
 */
export function moveFocus(container, rows, {keys, control, index}) {
  if (focused(container)) return // it was not lost, or another element has it
  const key = keys.find((each) => rows.has(each))
  const row = key === undefined ? undefined : rows.get(key)
  giveFocus(container, (row && likest(row, control, index)) ?? container, key ?? null)
}

/**
 * @param {Element} container
 * @param {Element} target the container, a row, or a control of a row
 * @param {string | null} key of the row
 */
export function giveFocus(container, target, key) {
  if (!ask(container, "realtime:before-focus", {target, key})) return
  if (!call(target, "matches", FOCUSABLE)) call(target, "setAttribute", "tabindex", "-1")
  call(/** @type {HTMLElement} */ (target), "focus", {preventScroll: true})
}

/** Returns the most similar control of another row. @param {Element} row @param {Element} control @param {number} index */
function likest(row, control, index) {
  const usable = matchesIn(row, FOCUSABLE).filter((each) => attribute(each, "tabindex") !== "-1" && !call(each, "matches", ":disabled"))
  const like = ["data-live-call", "name", "class"].find((name) => attribute(control, name))
  const alike = usable.filter((each) => get(each, "nodeName") === get(control, "nodeName"))
  const distance = (/** @type {Element} */ each) => Math.abs(usable.indexOf(each) - index)
  const nearest = [...alike].sort((one, other) => distance(one) - distance(other))[0]
  return alike.find((each) => like && attribute(each, like) === attribute(control, like)) ?? nearest ?? usable[0]
}
