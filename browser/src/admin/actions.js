/**
 * The action bar of a change list. The admin's own script runs it; this module tells it about changed rows.
 */

import {morph} from "../dom/morph.js"

const BOXES = "tr input.action-select"

/** The current checkboxes, instead of those in the page as loaded. */
const boxes = {
  get length() {
    return document.querySelectorAll(BOXES).length
  },
  /** @param {(box: Element) => void} callback */
  forEach(callback) {
    document.querySelectorAll(BOXES).forEach(callback)
  },
  [Symbol.iterator]() {
    return [...document.querySelectorAll(BOXES)].values()
  },
}

/** Makes the admin's script use the current rows. Call it before DOMContentLoaded, when that script starts. */
export function followBoxes() {
  const global = /** @type {any} */ (window)
  const original = global.Actions
  if (original) global.Actions = (/** @type {unknown} */ _, /** @type {unknown} */ options) => original(boxes, options)
}

/** Starts the admin's script for the first rows of a list that was empty. */
export function begin() {
  const {Actions} = /** @type {any} */ (window)
  if (Actions && boxes.length) Actions(boxes)
}

/**
 * Updates the number of rows in the bars, and makes the script count the selected rows again.
 *
 * @param {ParentNode} list
 * @param {Element[]} bars the server's current ones
 */
export function follow(list, bars) {
  const shown = [...list.querySelectorAll("div.actions")]
  shown.forEach((bar, index) => {
    const now = bars[index]
    const counter = bar.querySelector(".action-counter")
    const count = now?.querySelector(".action-counter")?.getAttribute("data-actions-icnt")
    if (!counter || !count) return
    counter.setAttribute("data-actions-icnt", count)
    for (const part of ["span.all", "span.question a"]) copyText(bar.querySelector(part), now.querySelector(part))
    const [select, wanted] = [bar, now].map((each) => each.querySelector("select"))
    if (select && wanted) morph(select, wanted)
  })
  const across = list.querySelector("input.select-across")
  const box = list.querySelector(BOXES)
  if (shown.length && box && !(across instanceof HTMLInputElement && across.value === "1")) {
    box.dispatchEvent(new Event("change", {bubbles: true}))
  }
}

/** @param {Element | null} to @param {Element | null | undefined} from */
function copyText(to, from) {
  if (to && from && to.textContent !== from.textContent) to.textContent = from.textContent
}
