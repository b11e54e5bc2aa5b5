/**
 * The rows of one live query: takes deltas whole, gives immutable snapshots.
 */

import {EventListeners} from "./events.js"
import {RealtimeError} from "./messages.js"
import {newWire} from "./wires.js"

/** @typedef {import("./messages.js").Row} Row */
/** @typedef {import("./messages.js").Delta} Delta */

/**
 * What a frame did to the rows.
 *
 * @typedef {{puts: Map<string, Row>, drops: string[], reset: boolean}} Change
 *
 * A listener of the rows; and what shows them in the page, which is called for all subscriptions of a frame before any
 * listener, and returns whether it could.
 *
 * @typedef {(rows: readonly Row[], change: Change) => void} Listener
 * @typedef {(keys: readonly string[], change: Change) => boolean} Painter
 *
 * A row is undefined where the page alone holds it.
 *
 * @typedef {{key: string, row: Row | undefined, before: Place, after: Place}} Place
 */

/** @type {readonly any[]} */
const NOTHING = Object.freeze([])

export class Subscription {
  /** The keys in order. @type {readonly string[]} */
  keys = NOTHING
  /** The rows in order; those of a page's own HTML are in the page only. @type {readonly Row[]} */
  rows = NOTHING
  /** Whether the rows have come. */
  filled = false
  /** Why there are none. @type {RealtimeError | null} */
  error = null
  /** @type {Set<Listener>} */
  listeners = new Set()
  events = new EventListeners()

  /** A ring through all places; this one is before the first and after the last. @type {Place} */
  #end = ring()
  /** @type {Map<string, Place>} */
  #places = new Map()
  /** Since the last commit. @type {Change | null} */
  #change = null

  /**
   * @param {Parameters<typeof newWire>[0]} target
   * @param {{keys?: Iterable<string>, paint?: Painter}} [page] rows that the page holds already, and what shows them
   */
  constructor(target, {keys, paint} = {}) {
    this.wire = newWire(target)
    this.paint = paint
    if (keys) {
      for (const key of keys) this.#put(this.#end.before, key, undefined)
      this.#snapshot()
      this.filled = true
    }
  }

  /**
   * Takes the deltas of one frame. Nothing shows before commit().
   *
   * @param {Delta[]} deltas
   * @param {{fresh: boolean}} options fresh: the rows start from nothing
   * @returns {boolean} false if a delta names a row that is not there, so that the rows must be asked for anew
   */
  apply(deltas, {fresh}) {
    let fits = true
    if (fresh) this.#clear()
    for (const delta of deltas) {
      if (delta.reset) {
        this.#clear()
        fits = true
      }
      fits &&= this.#applyOne(delta)
    }
    return fits
  }

  /**
   * Makes what was applied the snapshot.
   *
   * @returns {Change | null} null if nothing has changed
   */
  commit() {
    if (!this.#change && this.filled) return null
    const change = this.#change ?? {puts: new Map(), drops: [], reset: false}
    change.drops = this.keys.filter((key) => !this.#places.has(key))
    this.#snapshot()
    this.#change = null
    this.filled = true
    this.error = null
    return change
  }

  /** The subscription has ended: its rows leave the page. @param {RealtimeError} error @returns {Change} */
  refuse(error) {
    this.#clear()
    const change = /** @type {Change} */ (this.commit())
    this.filled = false
    this.error = error
    return change
  }

  /** @param {Delta} delta */
  #applyOne({drops, puts, order}) {
    if (drops || puts || order) this.#change ??= {puts: new Map(), drops: [], reset: false}
    for (const key of drops ?? []) this.#drop(key)

    /** @type {Place} */
    let previous = this.#end
    for (const {key, row, after} of puts ?? []) {
      const place = after === undefined ? previous : after === null ? this.#end : this.#places.get(after)
      if (!place || place.key === key) return false
      previous = this.#put(place, key, row)
      this.#change?.puts.set(key, row)
    }
    return order ? this.#arrange(order) : true
  }

  /** @param {Place} place @param {string} key @param {Row | undefined} row */
  #put(place, key, row) {
    const held = this.#places.get(key)
    if (held) unlink(held)
    const put = link(place, key, row)
    this.#places.set(key, put)
    return put
  }

  /** @param {string} key */
  #drop(key) {
    const place = this.#places.get(key)
    if (!place) return
    unlink(place)
    this.#places.delete(key)
    this.#change?.puts.delete(key)
  }

  /** @param {string[]} order */
  #arrange(order) {
    if (!order.every((key) => this.#places.has(key))) return false
    const wanted = new Set(order)
    for (const key of [...this.#places.keys()]) {
      if (!wanted.has(key)) this.#drop(key)
    }
    this.#end = ring()
    for (const key of wanted) {
      const {row} = /** @type {Place} */ (this.#places.get(key))
      this.#places.set(key, link(this.#end.before, key, row))
    }
    return true
  }

  #clear() {
    this.#end = ring()
    this.#places.clear()
    this.#change = {puts: new Map(), drops: [], reset: true}
  }

  #snapshot() {
    const keys = []
    const rows = []
    for (let place = this.#end.after; place !== this.#end; place = place.after) {
      keys.push(place.key)
      if (place.row !== undefined) rows.push(place.row)
      if (this.paint) place.row = undefined // the page holds it
    }
    this.keys = Object.freeze(keys)
    this.rows = this.paint ? NOTHING : Object.freeze(rows)
  }
}

/** @returns {Place} */
function ring() {
  const end = /** @type {Place} */ ({key: "", row: undefined})
  end.before = end.after = end
  return end
}

/** @param {Place} place @param {string} key @param {Row | undefined} row @returns {Place} */
function link(place, key, row) {
  const linked = {key, row, before: place, after: place.after}
  place.after.before = linked
  place.after = linked
  return linked
}

/** @param {Place} place */
function unlink(place) {
  place.before.after = place.after
  place.after.before = place.before
}
