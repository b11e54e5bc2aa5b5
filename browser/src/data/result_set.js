/**
 * The rows of one live query: applies whole deltas, and provides immutable snapshots.
 */

import {EventListeners} from "./events.js"
import {RealtimeError, badArguments} from "../protocol/messages.js"
import {LiveTexts} from "./live_text.js"
import {Overlays} from "./optimistic.js"
import {newSubscription} from "../protocol/subscriptions.js"
import {patched} from "./patch.js"

/** @typedef {import("../protocol/messages.js").Row} Row */
/** @typedef {import("../protocol/messages.js").Delta} Delta */

/**
 * The changes of the rows by a frame.
 *
 * `own`: it is the effect of this page's call. `isText`: a text grows.
 *
 * @typedef {{puts: Map<string, Row>, drops: string[], reset: boolean, own?: boolean, isText?: boolean}} Change
 *
 * A listener is called after each change of the rows. A painter shows the rows in the page, and returns whether it succeeded.
 * The painters of all subscriptions of a frame are called before any listener.
 *
 * @typedef {(rows: readonly Row[], change: Change) => void} Listener
 * @typedef {(keys: readonly string[], change: Change) => boolean} Painter
 *
 * The rows of a container. `read`: returns them by key; `expect`: applies an expected effect to them, as [key, row].
 *
 * @typedef {readonly [string, Row]} Entry
 * @typedef {{
 *   keys?: Iterable<string>, paint?: Painter, read?: () => Map<string, Row>,
 *   expect?: (rows: readonly Entry[], expect: import("./optimistic.js").Expectation, id: string) => readonly Entry[],
 * }} PageRows
 *
 * A row is undefined if only the page has it. `sent` is the row as the server sent it last, for patches.
 *
 * @typedef {{key: string, row: Row | undefined, sent: Row | undefined, before: Place, after: Place}} Place
 */

/** @type {readonly any[]} */
const NOTHING = Object.freeze([])

export class ResultSet {
  /** The keys of the server's rows in order. @type {readonly string[]} */
  keys = NOTHING
  /** The rows in order, with the overlays applied. Rows from a page's HTML are only in the page. @type {readonly Row[]} */
  rows = NOTHING
  /** The keys of the rows that the page shows. @type {readonly string[]} */
  shownKeys = NOTHING
  overlays = new Overlays()
  /** Text that is not saved yet. */
  texts = new LiveTexts()
  /** Whether the rows are loaded. */
  filled = false
  /** Why there are no rows. @type {RealtimeError | null} */
  error = null
  /** @type {Set<Listener>} */
  listeners = new Set()
  events = new EventListeners()

  /** The sentinel of the circular list of places: before the first and after the last. @type {Place} */
  #end = ring()
  /** @type {Map<string, Place>} */
  #places = new Map()
  /** The change since the last commit. @type {Change | null} */
  #change = null
  /** The server's rows, if they are stored here. @type {readonly Row[]} */
  #serverRows = NOTHING
  /** What the page shows, while there are overlays. @type {Map<string, Row> | null} */
  #shown = null
  /** What the page will show next. @type {Map<string, Row>} */
  #next = new Map()

  /**
   * @param {Parameters<typeof newSubscription>[0]} target
   * @param {PageRows} [page] rows already in the page, and their painter
   */
  constructor(target, page) {
    this.subscription = newSubscription(target)
    this.paint = page?.paint
    this.page = page?.paint ? page : undefined
    if (page?.keys) {
      for (const key of page.keys) this.#put(this.#end.before, key, undefined, undefined)
      this.#snapshot()
      this.filled = true
    }
  }

  /**
   * Applies the deltas of one frame. Nothing is visible before commit().
   *
   * @param {Delta[]} deltas
   * @param {{fresh: boolean}} options fresh: the deltas replace all rows
   * @returns {boolean} false if a delta names an unknown row, so that the rows must be reloaded
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
   * Makes the applied deltas the new snapshot.
   *
   * @returns {Change | null} null if nothing has changed
   */
  commit() {
    const settled = this.overlays.settle()
    if (!this.#change && this.filled && !settled) return null
    const change = this.#change ?? {puts: new Map(), drops: [], reset: false}
    change.drops = this.keys.filter((key) => !this.#places.has(key))
    this.texts.keep((key) => this.#places.has(key))
    this.#snapshot()
    this.#change = null
    this.filled = true
    this.error = null
    return this.#shown ? this.#compare(change.reset) : change
  }

  /**
   * Shows a row whose text has changed.
   *
   * @param {string} key
   * @returns {Change | null} null if there is nothing to show
   */
  showText(key) {
    const place = this.#places.get(key)
    if (!place || !this.filled) return null
    place.sent ??= place.row || this.page?.read?.().get(key) // while an expected effect is shown, `row` is without it
    if (place.sent === undefined) return null
    this.#show(place)
    const change = this.commit()
    return change && {...change, isText: true}
  }

  /**
   * Shows the expected effect of a call until the real one arrives or the call fails. Throws what `expect` throws, without any change.
   *
   * @param {string} id of the call
   * @param {import("./optimistic.js").Expectation} expect
   * @returns {Change}
   */
  expect(id, expect) {
    if (this.page && !this.page.expect) throw badArguments("What a call is expected to do can be shown in rows, not in a live value.")
    if (this.page && !this.#shown) this.#readPage(this.page)
    this.overlays.add(id, expect)
    try {
      this.#applyOverlays(id)
    } catch (error) {
      this.overlays.drop(id)
      this.#applyOverlays()
      throw error
    }
    return this.#compare(false)
  }

  /** Removes the expected effect of a call. @param {string} id @returns {Change | null} null: it was not shown */
  removeExpectation(id) {
    if (!this.overlays.drop(id)) return null
    this.#applyOverlays()
    return this.#compare(false)
  }

  /** Ends the subscription, and removes its rows from the page. @param {RealtimeError} error @returns {Change} */
  refuse(error) {
    this.overlays.clear()
    this.#clear()
    const change = /** @type {Change} */ (this.commit())
    this.filled = false
    this.error = error
    return change
  }

  /** @param {Delta} delta */
  #applyOne({drops, puts, order, patches}) {
    if (drops || puts || order || patches) this.#change ??= {puts: new Map(), drops: [], reset: false}
    for (const key of drops ?? []) this.#drop(key)

    /** @type {Place} */
    let previous = this.#end
    for (const {key, row, after} of puts ?? []) {
      const place = after === undefined ? previous : after === null ? this.#end : this.#places.get(after)
      if (!place || place.key === key) return false
      if (row === undefined) {
        const held = this.#places.get(key)
        if (!held) return false
        previous = this.#put(place, key, held.row, held.sent)
      } else {
        previous = this.#put(place, key, row, row)
        this.#show(previous)
      }
    }
    return (!order || this.#arrange(order)) && Object.entries(patches ?? {}).every(([key, patch]) => this.#patch(key, patch))
  }

  /** @param {string} key @param {import("../protocol/messages.js").Patch} patch @returns {boolean} whether it fits the row */
  #patch(key, patch) {
    const place = this.#places.get(key)
    const row = patched(place?.sent, patch, (...text) => this.texts.read(key, ...text))
    if (!place || row === undefined) return false
    place.sent = row
    this.#show(place)
    return true
  }

  /** Adds a row to the change, with the text that is not saved yet. @param {Place} place */
  #show(place) {
    this.#change ??= {puts: new Map(), drops: [], reset: false}
    place.row = this.texts.shown(place.key, place.sent)
    this.#change.puts.set(place.key, /** @type {Row} */ (place.row))
  }

  /** @param {Place} place @param {string} key @param {Row | undefined} row @param {Row | undefined} sent */
  #put(place, key, row, sent) {
    const held = this.#places.get(key)
    if (held) unlink(held)
    const put = link(place, key, row, sent)
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
      const {row, sent} = /** @type {Place} */ (this.#places.get(key))
      this.#places.set(key, link(this.#end.before, key, row, sent))
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
      // null: the server could not render this row, so it is left out
      if (place.row !== undefined && !(place.row === null && this.subscription.format === "data")) rows.push(place.row)
      if (this.paint && !this.overlays.size) place.row = undefined // stored in the page
    }
    this.keys = Object.freeze(keys)
    this.#serverRows = Object.freeze(rows)
    this.#applyOverlays()
  }

  /** Adds the page's own rows, so that overlays apply to them. @param {PageRows} page */
  #readPage(page) {
    this.#shown = page.read?.() ?? new Map()
    for (const [key, place] of this.#places) place.row = this.#shown.get(key) ?? ""
    this.#serverRows = this.keys.map((key) => this.#places.get(key)?.row ?? "")
  }

  /** @param {string} [strict] the call whose exception is thrown */
  #applyOverlays(strict) {
    if (!this.page) {
      this.rows = this.overlays.size ? Object.freeze([...this.overlays.show(this.#serverRows, {strict})]) : this.#serverRows
      this.shownKeys = this.keys
    } else if (this.#shown) {
      const entries = this.keys.map((key, index) => /** @type {Entry} */ ([key, this.#serverRows[index]]))
      this.#next = new Map(this.overlays.show(entries, {strict, apply: this.page.expect}))
      this.shownKeys = Object.freeze([...this.#next.keys()])
    } else {
      this.shownKeys = this.keys
    }
  }

  /** Returns the change that makes the page show the expected rows. @param {boolean} reset show all rows again @returns {Change} */
  #compare(reset) {
    const shown = this.#shown ?? new Map()
    const puts = new Map([...this.#next].filter(([key, row]) => reset || shown.get(key) !== row))
    const drops = [...shown.keys()].filter((key) => !this.#next.has(key))
    this.#shown = this.page && this.overlays.size ? this.#next : null
    this.#next = new Map()
    return {puts, drops, reset}
  }
}

/** @returns {Place} */
function ring() {
  const end = /** @type {Place} */ ({key: "", row: undefined})
  end.before = end.after = end
  return end
}

/** @param {Place} place @param {string} key @param {Row | undefined} row @param {Row | undefined} sent @returns {Place} */
function link(place, key, row, sent) {
  const linked = {key, row, sent, before: place, after: place.after}
  place.after.before = linked
  place.after = linked
  return linked
}

/** @param {Place} place */
function unlink(place) {
  place.before.after = place.after
  place.after.before = place.before
}
