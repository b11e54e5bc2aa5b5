/**
 * Shows a live value as the text of its element.
 */

import {get, set} from "./dom/members.js"

export class ValueText {
  /** @param {Element} element @param {import("./protocol/messages.js").Format} format */
  constructor(element, format) {
    this.element = element
    this.name = format.slice("value:".length)
  }

  keys() {
    return [this.name]
  }

  /** @param {readonly string[]} keys @param {import("./data/result_set.js").Change} change @returns {Generator<void, void>} */
  *paint(keys, {puts}) {
    if (!keys.length) this.#show("") // refused
    else if (puts.has(this.name)) this.#show(text(puts.get(this.name)))
  }

  /** @param {import("./data/result_set.js").Change} change */
  detail({puts}) {
    return {value: puts.get(this.name)}
  }

  /** @param {string} content */
  #show(content) {
    // Setting the same text again would lose the user's selection.
    if (get(this.element, "textContent") !== content) set(this.element, "textContent", content)
  }
}

/** @param {unknown} value any JSON */
function text(value) {
  if (typeof value === "string") return value
  return value === null ? "" : JSON.stringify(value)
}
