/**
 * Announces changes by others to assistive technology: one sentence at a time, with pauses. Lists opt in with data-live-announce.
 */

import {sentence} from "../protocol/sentences.js"
import {call, get, set, show} from "./members.js"

const PAUSE_SECONDS = 3
/** The default parts of a sentence; data-live-announce may have others. */
const PARTS = ["{number} added", "{number} changed", "{number} removed"]
const HIDDEN = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap"

/** @typedef {[added: number, changed: number, removed: number]} Counts */

export class Announcer {
  /** @type {HTMLElement | null} */
  #region = null
  /** The changes to announce, by the parts of their sentence. @type {Map<string, Counts>} */
  #counts = new Map()
  #isPausing = false

  /** @param {Document} document @param {(seconds: number, callback: () => void) => void} after */
  constructor(document, after) {
    this.document = document
    this.after = after
  }

  /** Announces changes soon. @param {string} parts the page's own; "": the default ones @param {Counts} counts */
  add(parts, counts) {
    const held = this.#counts.get(parts) ?? [0, 0, 0]
    this.#counts.set(parts, /** @type {Counts} */ (held.map((count, place) => count + counts[place])))
    this.#place() // screen readers ignore the initial text of a region
    if (!this.#isPausing) this.#pause(() => this.#announce())
  }

  #announce() {
    const sentences = [...this.#counts].map(([parts, counts]) =>
      (parts ? parts.split("|") : PARTS)
        .flatMap((part, place) => (counts[place] ? sentence(part, {number: counts[place]}) : []))
        .join(", "),
    )
    this.#counts.clear()
    const all = sentences.filter(Boolean).join(", ")
    if (all) set(this.#place(), "textContent", all)
    return Boolean(all)
  }

  /** Waits before the first announcement too, so that a burst of changes is one sentence. @param {() => boolean} then */
  #pause(then) {
    this.#isPausing = true
    this.after(PAUSE_SECONDS, () => {
      if (then()) this.#pause(then)
      else this.#isPausing = false
    })
  }

  #place() {
    if (!this.#region || !get(this.#region, "isConnected")) {
      this.#region = /** @type {HTMLElement} */ (call(this.document, "createElement", "div"))
      show(this.#region, "role", "status")
      show(this.#region, "data-live-announcer", "")
      get(this.#region, "style").cssText = HIDDEN
      call(get(this.document, "body"), "append", this.#region)
    }
    return this.#region
  }
}
