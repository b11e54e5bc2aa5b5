/**
 * The rows of a container: its children with a data-live-key. They stand together, where the first one stood.
 */

import {arrange} from "./arrange.js"
import {morph} from "./morph.js"

/**
 * A row that goes from one container of a stream to another in the same frame takes its element along, with all that
 * the user is doing in it. The first of the two to be painted is either: it takes the element, or leaves it to be taken.
 */
export class Rows {
  /** The child before the first row. @type {ChildNode | null} */
  #lead = null

  /**
   * @param {Element} element
   * @param {{wanted: () => readonly string[], others: () => Rows[]}} options wanted: the keys of the live query as they
   *   are now, perhaps not painted yet; others: the rows of the stream's other containers
   */
  constructor(element, {wanted, others}) {
    this.element = element
    this.wanted = wanted
    this.others = others
  }

  keys() {
    return this.#rows().keys()
  }

  /** The rows as HTML. @returns {Map<string, string>} */
  read() {
    return new Map([...this.#rows()].map(([key, row]) => [key, row.outerHTML]))
  }

  /**
   * Lays what a call is expected to do over rows: it is given their elements, which are copies.
   *
   * @param {readonly import("./subscription.js").Entry[]} rows
   * @param {import("./overlays.js").Expectation} expect takes elements and returns those that are to stand there
   * @param {string} id of the call: what has no key yet gets one from it
   * @returns {import("./subscription.js").Entry[]}
   */
  expect(rows, expect, id) {
    const document = this.element.ownerDocument
    const shown = expect(rows.map(([key, html]) => parse(String(html), key, document)))
    if (!Array.isArray(shown) || !shown.every((row) => row instanceof Element)) {
      throw new TypeError("The function 'optimistic' must return an array of elements.")
    }
    return shown.map((row, index) => [row.getAttribute("data-live-key") ?? `optimistic ${id} ${index}`, row.outerHTML])
  }

  /** @type {import("./subscription.js").Painter} */
  paint(keys, {puts}) {
    const rows = this.#rows()
    if (!keys.every((key) => rows.has(key) || puts.has(key))) return false // a script has removed one

    const first = rows.values().next().value
    if (first) this.#lead = first.previousSibling
    const wanted = new Set(keys)
    const gone = [...this.element.children].filter((child) => {
      const key = child.getAttribute("data-live-key")
      return key !== null && !(wanted.has(key) && rows.get(key) === child)
    })
    const awaited = gone.length ? this.#collect((other) => other.#awaited()) : new Map()
    for (const child of gone) {
      if (!awaited.has(child.getAttribute("data-live-key"))) child.remove()
    }
    const leaving = [...puts.keys()].every((key) => rows.has(key)) ? new Map() : this.#collect((other) => other.#leaving())
    for (const [key, html] of puts) {
      const row = parse(String(html), key, this.element.ownerDocument)
      const shown = rows.get(key) ?? leaving.get(key)
      rows.set(key, shown ? morph(shown, row) : row)
    }
    const lead = this.#lead?.parentNode === this.element ? this.#lead : null
    arrange(this.element, keys.map((key) => /** @type {Element} */ (rows.get(key))), lead)
    return true
  }

  /** @param {import("./subscription.js").Change} change */
  detail({puts, drops, reset}) {
    return {puts: [...puts.keys()], drops, reset}
  }

  /** From the stream's other containers. @template T @param {(other: Rows) => [string, T][]} part @returns {Map<string, T>} */
  #collect(part) {
    return new Map(this.others().flatMap(part))
  }

  /** The keys whose rows are still to be painted. @returns {[string, true][]} */
  #awaited() {
    const rows = this.#rows()
    return this.wanted().filter((key) => !rows.has(key)).map((key) => [key, true])
  }

  /** The rows that are still to be removed. */
  #leaving() {
    const wanted = new Set(this.wanted())
    return [...this.#rows()].filter(([key]) => !wanted.has(key))
  }

  /** @returns {Map<string, Element>} */
  #rows() {
    /** @type {Map<string, Element>} */
    const rows = new Map()
    for (const child of this.element.children) {
      const key = child.getAttribute("data-live-key")
      if (key !== null && !rows.has(key)) rows.set(key, child)
    }
    return rows
  }
}

/** @param {string} html @param {string} key @param {Document} document */
function parse(html, key, document) {
  const template = document.createElement("template") // takes <tr>, <li> and <option> too, and runs no script
  template.innerHTML = html
  const row = template.content.firstElementChild
  if (!row) throw new Error(`The row '${key}' has no element: a row's template must have one root element.`)
  row.setAttribute("data-live-key", key)
  return row
}
