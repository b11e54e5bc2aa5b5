/**
 * A live value, shown as the text of its element.
 */

export class ValueText {
  /** @param {Element} element @param {import("./messages.js").Format} format */
  constructor(element, format) {
    this.element = element
    this.name = format.slice("value:".length)
  }

  keys() {
    return [this.name]
  }

  /** @type {import("./subscription.js").Painter} */
  paint(keys, {puts}) {
    if (!keys.length) this.#show("") // refused
    else if (puts.has(this.name)) this.#show(text(puts.get(this.name)))
    return true
  }

  /** @param {import("./subscription.js").Change} change */
  detail({puts}) {
    return {value: puts.get(this.name)}
  }

  /** @param {string} content */
  #show(content) {
    // The same text, put anew, would lose the user's selection.
    if (this.element.textContent !== content) this.element.textContent = content
  }
}

/** @param {unknown} value any JSON */
function text(value) {
  if (typeof value === "string") return value
  return value === null ? "" : JSON.stringify(value)
}
