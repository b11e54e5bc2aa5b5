/**
 * Elements that show how many rows the user has not seen: [data-live-unread-count], with the name of a stream.
 */

import {MOST} from "../data/unread.js"
import {attribute, call, emit, get, isForeign, set} from "./members.js"
import {readJSON} from "./live_element.js"

/** @typedef {import("../data/unread.js").Unread} Unread */

const NAME = "data-live-unread-count"
const PARAMS = "data-live-params"

export class UnreadCounts {
  /** By element: its attributes when it was bound, and the count. @type {Map<Element, {text: string, unread: Unread}>} */
  #bound = new Map()

  /** @param {{document: Document, open: (stream: string, params: import("../protocol/messages.js").Params) => Unread, report: (error: unknown) => void}} options */
  constructor({document, open, report}) {
    this.document = document
    this.open = open
    this.report = report
  }

  start() {
    const root = get(this.document, "documentElement")
    this.#update()
    const options = {childList: true, subtree: true, attributes: true, attributeFilter: [NAME, PARAMS]}
    new MutationObserver((records) => records.some(concerns) && this.#update()).observe(root, options)
    // the server's version of a row has no count
    call(this.document, "addEventListener", "realtime:after-morph", () => this.#bound.forEach(({unread}, element) => this.#show(element, unread)))
  }

  #update() {
    const found = new Set([...call(this.document, "querySelectorAll", `[${NAME}]`)].filter((element) => !isForeign(element)))
    for (const [element, {text, unread}] of this.#bound) {
      if (found.has(element) && text === textOf(element)) continue
      this.#bound.delete(element)
      unread.close()
    }
    for (const element of found) if (!this.#bound.has(element)) this.#bind(element)
  }

  /** @param {Element} element */
  #bind(element) {
    try {
      const unread = this.open(attribute(element, NAME) ?? "", readJSON(element, PARAMS) ?? {})
      this.#bound.set(element, {text: textOf(element), unread})
      unread.watch(() => this.#show(element, unread))
      this.#show(element, unread)
    } catch (error) {
      this.report(error)
    }
  }

  /** @param {Element} element @param {Unread} unread */
  #show(element, unread) {
    const {count, error} = unread
    if (count === undefined && !error) return // the server's number is shown until another one is known
    const text = count === undefined ? "" : countText(count)
    if (get(element, "textContent") === text) return
    set(element, "textContent", text)
    emit(element, "realtime:change", {value: count ?? null})
  }
}

/** @param {number} count */
const countText = (count) => (count >= MOST ? `${MOST - 1}+` : count ? String(count) : "")

/** @param {Element} element */
const textOf = (element) => `${attribute(element, NAME)} ${attribute(element, PARAMS)}`

/** Returns whether elements with counts may have come, gone or changed. @param {MutationRecord} record */
function concerns({type, target, addedNodes, removedNodes}) {
  if (type === "attributes") return target instanceof Element && attribute(target, NAME) !== null
  const has = (/** @type {Node} */ node) => node instanceof Element && (call(node, "matches", `[${NAME}]`) || call(node, "querySelector", `[${NAME}]`) !== null)
  return [...addedNodes, ...removedNodes].some(has)
}
