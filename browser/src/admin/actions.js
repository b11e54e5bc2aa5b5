/**
 * The bar of actions of a change list, which the admin's own script drives: it is left to it, and told of other rows.
 */

import {morph} from "../dom/morph.js"

const BOXES = "tr input.action-select"

/** All boxes that are there now, in place of those that were there when the page was loaded. */
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

/** Lets the admin's script follow the rows; to be called before the page is ready, when that script begins. */
export function followBoxes() {
  const global = /** @type {any} */ (window)
  const original = global.Actions
  if (original) global.Actions = (/** @type {unknown} */ _, /** @type {unknown} */ options) => original(boxes, options)
}

/** A list that was empty has rows now, and new bars. */
export function begin() {
  const {Actions} = /** @type {any} */ (window)
  if (Actions && boxes.length) Actions(boxes)
}

/**
 * Tells the bars how many rows there are, and has the chosen ones counted again.
 *
 * @param {ParentNode} list
 * @param {Element[]} bars as the server renders them now
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
