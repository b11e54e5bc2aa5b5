/**
 * Marks the rows of a list that the user has not seen, and tells the server what the user sees: rows in view, while the
 * page is visible. Rows that are marked stay so while the user looks; those that arrive under the user's eyes are not.
 */

import {attribute, call, documentOf, emit, get, show} from "./members.js"

const MARK = "data-live-unread"
const DRAWN = ["realtime:after-add", "realtime:after-morph"]

export class UnreadRows {
  /** @type {Set<string>} */
  #marked = new Set()
  /** The keys of the rows that need no mark, or have one. @type {Set<string> | null} */
  #known = null
  /** The keys of the rows in view. @type {Set<string>} */
  #inView = new Set()
  #observer
  #stop

  /**
   * @param {Element} element that holds the rows
   * @param {{rows: () => Map<string, Element>, unread: import("../data/unread.js").Unread}} options rows: returns the rows that are shown
   */
  constructor(element, {rows, unread}) {
    this.element = element
    this.rows = rows
    this.unread = unread
    this.document = documentOf(element)
    this.#observer = new IntersectionObserver((entries) => this.#view(entries))
    for (const name of DRAWN) call(element, "addEventListener", name, this.#draw)
    call(this.document, "addEventListener", "visibilitychange", this.#return)
    for (const row of rows().values()) this.#observer.observe(row)
    this.#stop = unread.watch(() => this.#update())
    this.#update()
  }

  close() {
    this.#stop()
    this.#observer.disconnect()
    for (const name of DRAWN) call(this.element, "removeEventListener", name, this.#draw)
    call(this.document, "removeEventListener", "visibilitychange", this.#return)
    this.unread.close()
  }

  get #isVisible() {
    return get(this.document, "visibilityState") === "visible"
  }

  #draw = (/** @type {any} */ {detail}) => {
    const {key, row} = detail
    if (this.rows().get(key) !== row) return // of a list in this one
    this.#observer.observe(row)
    this.#mark(key, row)
  }

  /** A user who returns has not seen what has come meanwhile. */
  #return = () => {
    if (!this.#isVisible) return
    this.#known = null
    this.#update()
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #view(entries) {
    for (const {target, isIntersecting} of entries) {
      const key = attribute(target, "data-live-key")
      if (key === null) continue
      if (isIntersecting) this.#inView.add(key)
      else this.#inView.delete(key)
      if (this.#isVisible && this.#known && !this.#known.has(key)) this.#decide(key, !isIntersecting)
    }
    this.#look()
  }

  #update() {
    const {keys} = this.unread
    if (!keys) return
    if (!this.#known) {
      this.#known = new Set(this.rows().keys())
      this.#marked = new Set(keys)
    } else if (!this.#isVisible) {
      for (const key of keys) if (!this.#known.has(key)) this.#decide(key, true)
    }
    for (const key of this.#marked) if (this.unread.isSeenElsewhere(key)) this.#marked.delete(key)
    for (const [key, row] of this.rows()) this.#mark(key, row)
    this.#look()
  }

  /** @param {string} key @param {boolean} isUnseen */
  #decide(key, isUnseen) {
    this.#known?.add(key)
    if (!isUnseen || !this.unread.keys?.includes(key)) return
    this.#marked.add(key)
    const row = this.rows().get(key)
    if (row) this.#mark(key, row)
  }

  /** @param {string} key @param {Element} row */
  #mark(key, row) {
    if (this.#known) show(row, MARK, this.#marked.has(key) ? "" : null)
  }

  /** Tells the server the newest row in view. */
  #look() {
    if (!this.#isVisible || this.unread.state !== "live") return
    const rows = this.rows()
    const seen = this.unread.keys?.find((key) => this.#inView.has(key) && rows.has(key))
    if (seen !== undefined) this.unread.markRead(seen).catch((error) => emit(this.element, "realtime:error", error))
  }
}
