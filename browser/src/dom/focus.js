/**
 * Moves the focus when the row that has it is removed: to the same control of the next row, else of the previous one, else
 * to the container. A focus elsewhere is left alone.
 */

import {ask, attribute, call, focused, get} from "./members.js"

const FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, audio[controls], video[controls], [contenteditable], [tabindex]"

/** Where the focus was: the keys of the rows after it and before it, the nearest first, and the control. @typedef {{keys: string[], control: Element, index: number}} Place */

/**
 * Returns where the focus is, if it is in a row that will be removed.
 *
 * @param {Map<string, Element>} rows the shown ones, in order
 * @param {Set<Element>} leaving
 * @returns {Place | null}
 */
export function focusIn(rows, leaving) {
  const [first] = leaving
  const control = first ? focused(first) : null
  const entries = control ? [...rows] : []
  const place = entries.findIndex(([, row]) => leaving.has(row) && call(row, "contains", control))
  if (!control || place < 0) return null
  const keys = entries.map(([key]) => key)
  const index = controls(entries[place][1]).indexOf(control)
  return {keys: [...keys.slice(place + 1), ...keys.slice(0, place).reverse()], control, index}
}

/**
 * @param {Element} container
 * @param {Map<string, Element>} rows the remaining ones
 * @param {Place} place
 */
export function moveFocus(container, rows, {keys, control, index}) {
  if (focused(container)) return // another element has it
  const key = keys.find((each) => rows.has(each))
  const row = key === undefined ? undefined : rows.get(key)
  const target = /** @type {HTMLElement} */ ((row && likest(row, control, index)) ?? container)
  if (!ask(container, "realtime:before-focus", {target, key: key ?? null})) return
  if (target === container && !call(container, "hasAttribute", "tabindex")) call(container, "setAttribute", "tabindex", "-1")
  call(target, "focus", {preventScroll: true})
}

/** @param {Element} row @returns {Element[]} */
function controls(row) {
  const within = [...call(row, "querySelectorAll", FOCUSABLE)]
  return call(row, "matches", FOCUSABLE) ? [row, ...within] : within
}

/** Returns the most similar control of another row. @param {Element} row @param {Element} control @param {number} index */
function likest(row, control, index) {
  const usable = controls(row).filter((each) => attribute(each, "tabindex") !== "-1" && !call(each, "matches", ":disabled"))
  const like = ["data-live-call", "name", "class"].find((name) => attribute(control, name))
  const alike = usable.filter((each) => get(each, "nodeName") === get(control, "nodeName"))
  return alike.find((each) => like && attribute(each, like) === attribute(control, like)) ?? (alike.includes(usable[index]) ? usable[index] : undefined) ?? alike[0] ?? usable[0]
}
