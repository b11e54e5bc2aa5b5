/**
 * The rows of a container: its children with a data-live-key. They are kept together, at the place of the first one. If there
 * are none, a placeholder is shown there.
 */

import {RealtimeError} from "../protocol/messages.js"
import {focusIn, moveFocus} from "./focus.js"
import {follow} from "./follow.js"
import {isEdited, isField} from "./form_fields.js"
import {parseElement, parseRow} from "./html.js"
import {elementsOf, isMarker, parentOfRows} from "./in_place.js"
import {ask, attribute, call, emit, get, show} from "./members.js"
import {morph} from "./morph.js"
import {pageChanges} from "./page_changes.js"
import {parts} from "./parts.js"
import {showAsViewed} from "./viewer.js"
import {arrange} from "./reorder.js"

/** The server's HTML that a row shows. @type {WeakMap<Element, string>} */
const serverHtml = new WeakMap()

/**
 * A row that moves from one container of a stream to another in the same frame keeps its element, with the user's input in
 * it. Either container may be painted first: the new one takes the element, or the old one leaves it for the new one.
 */
export class Rows {
  /** The child before the first row. @type {ChildNode | null} */
  #lead = null
  /** The last placeholder. @type {Element | null} */
  #placeholder = null
  /** The keys of the live query at the last change. A row among them that has no element was removed by the page's own code. */
  #keys
  /** The keys of the rows that the last change has added or altered. @type {Set<string>} */
  #altered = new Set()
  #isPainting = false
  /** Whether it shows rows that it has left for another container. */
  #isKeeping = false
  /** Whether others may have left rows for this one. */
  #isAwaiting = false

  /**
   * @param {Element} live a container, or the marker of a list in place
   * @param {{wanted: () => readonly string[], isRefused: () => boolean, others: () => Rows[], report: (error: unknown) => void}} options
   *   wanted: the current keys of the live query, perhaps not painted yet; others: the rows of the stream's other containers that are not paused
   */
  constructor(live, {wanted, isRefused, others, report}) {
    this.live = live
    this.wanted = wanted
    this.isRefused = isRefused
    this.others = others
    this.report = report
    const rows = this.rows()
    this.#keys = new Set(rows.keys())
    this.#observe(rows.values())
  }

  /** The parent of the rows. */
  get element() {
    return parentOfRows(this.live)
  }

  /** Observes the container; for a marker, its rows. @param {Iterable<Element>} rows */
  #observe(rows) {
    if (isMarker(this.live)) for (const row of rows) pageChanges.observe(row)
    else pageChanges.observe(this.live)
  }

  keys() {
    return this.rows().keys()
  }

  /** Returns the rows as the server's HTML. @returns {Map<string, string>} */
  read() {
    return pageChanges.during(() => new Map([...this.rows()].map(([key, row]) => [key, get(pageChanges.serverCopy(row), "outerHTML")])))
  }

  /**
   * Applies the expected effect of a call to copies of the rows' elements.
   *
   * @param {readonly import("../data/result_set.js").Entry[]} rows
   * @param {import("../data/optimistic.js").Expectation} expect takes elements and returns the expected ones
   * @param {string} id of the call; new elements get a key from it
   * @returns {import("../data/result_set.js").Entry[]}
   */
  expect(rows, expect, id) {
    const shown = expect(rows.map(([key, html]) => this.#parse(String(html), key)))
    if (!Array.isArray(shown) || !shown.every((row) => row instanceof Element)) {
      throw new TypeError("The function 'optimistic' must return an array of elements.")
    }
    return shown.map((row, index) => [attribute(row, "data-live-key") ?? `optimistic ${id} ${index}`, get(row, "outerHTML")])
  }

  /**
   * Shows a change, part by part, and returns the keys of the rows that it has added or altered. A row that the page's own code has
   * removed stays away until it changes.
   *
   * @param {readonly string[]} keys
   * @param {import("../data/result_set.js").Change} change
   * @returns {Generator<void, string[]>}
   */
  *paint(keys, {puts}) {
    this.#isPainting = true
    const rows = this.rows()
    const html = attribute(this.live, "data-live-when-empty")
    const isEmpty = keys.length === 0 && html !== null && !this.isRefused()
    const place = isEmpty ? null : this.#hidePlaceholder()
    const differing = new Map([...puts].filter(([key, html]) => !isShown(rows.get(key), String(html))))
    const altered = (this.#altered = new Set())
    let isFirst = true
    for (const part of parts([...rows.keys()], keys, differing)) {
      if (!isFirst) yield
      isFirst = false
      this.#paintPart(part.keys, part.puts.map((key) => [key, String(differing.get(key))]))
    }
    if (isEmpty) this.#showPlaceholder(html)
    if (place) moveFocus(this.element, this.rows(), {...place, keys: [...keys]})
    this.#keys = new Set(keys)
    this.#isPainting = false
    if (this.#isAwaiting) for (const other of this.others()) other.removeLeft()
    this.#isAwaiting = false
    return [...altered]
  }

  /** Removes the rows that it has left for another container, unless that one still waits for them. */
  removeLeft() {
    if (this.#isKeeping && !this.#isPainting) this.#paintPart([...this.#keys], [])
  }

  /** @param {string} html */
  #showPlaceholder(html) {
    if (this.#shownPlaceholder) return
    const element = this.#placeholder ?? parseElement(html, this.element)
    if (!element) return
    pageChanges.during(() => arrange(this.element, [element], this.#place, []))
    if (!this.#placeholder) /** @type {any} */ (globalThis).htmx?.process?.(element)
  }

  /** Removes the placeholder, and returns where the focus was, if it was in there. */
  #hidePlaceholder() {
    const shown = this.#shownPlaceholder
    if (!shown) return null
    const place = focusIn(new Map([["", shown]]), new Set([shown]))
    this.#placeholder = shown
    this.#lead = get(shown, "previousSibling")
    pageChanges.during(() => call(shown, "remove"))
    return place
  }

  get #shownPlaceholder() {
    return elementsOf(this.live).find((each) => attribute(each, "data-live-empty") !== null)
  }

  /** The child that precedes the rows. */
  get #place() {
    if (this.#lead && get(this.#lead, "parentNode") === this.element) return this.#lead
    return isMarker(this.live) && !this.rows().size ? get(this.live, "previousSibling") : null
  }

  /** @param {readonly string[]} keys @param {[string, string][]} puts */
  #paintPart(keys, puts) {
    const scroll = follow(this.element, this.live)
    pageChanges.during(() => {
      const rows = this.rows()
      const before = new Map(rows)
      const first = rows.values().next().value
      if (first) this.#lead = get(first, "previousSibling")
      const leaving = this.#leave(rows, new Set(keys))
      const place = focusIn(before, [...leaving, ...puts.flatMap(([key]) => rows.get(key) ?? [])])
      for (const row of leaving) this.#remove(row)
      const elsewhere = puts.every(([key]) => rows.has(key)) ? new Map() : this.#collect((other) => other.#leaving())
      /** @type {[string, Element][]} */
      const added = []
      for (const [key, html] of puts) {
        const shown = rows.get(key) ?? elsewhere.get(key)
        const row = this.#draw(key, html, shown)
        if (row) rows.set(key, row)
        if (row && !shown) added.push([key, row])
      }
      arrange(this.element, keys.flatMap((key) => rows.get(key) ?? []), this.#place, elementsOf(this.live))
      if (isMarker(this.live)) this.#observe(puts.flatMap(([key]) => rows.get(key) ?? []))
      for (const [key, row] of added) this.#dispatchAfter("add", key, row)
      if (place) moveFocus(this.element, this.rows(), place)
    })
    scroll()
  }

  /** @param {import("../data/result_set.js").Change} change */
  detail({puts, drops, reset}) {
    return {puts: [...puts.keys()], drops, reset}
  }

  /** Returns the elements to remove, except those that another container will take. @param {Map<string, Element>} rows @param {Set<string>} wanted */
  #leave(rows, wanted) {
    const gone = this.#children().filter(([key, row]) => !(wanted.has(key) && rows.get(key) === row))
    const awaited = gone.length ? this.#collect((other) => other.#awaited()) : new Map()
    const leaving = gone.filter(([key]) => !awaited.has(key)).map(([, row]) => row)
    this.#isKeeping = leaving.length < gone.length
    return new Set(leaving)
  }

  /** @param {string} html @param {string} key */
  #parse(html, key) {
    const row = parseRow(html, key, this.element)
    showAsViewed(row, this.live)
    return row
  }

  /** @param {Element} row */
  #remove(row) {
    const key = attribute(row, "data-live-key")
    if (ask(row, "realtime:before-remove", {key, row})) {
      call(row, "remove")
      emit(this.element, "realtime:after-remove", {key, row})
    } else {
      call(row, "removeAttribute", "data-live-key") // the page's own code has it from now on
    }
  }

  /**
   * Renders a row. If it cannot be shown, reports it and does not affect other rows.
   *
   * @param {string} key
   * @param {string} html
   * @param {Element | undefined} shown
   * @returns {Element | null | undefined} null: the page's own code has prevented it
   */
  #draw(key, html, shown) {
    if (shown) serverHtml.delete(shown)
    try {
      const row = this.#parse(html, key)
      if (!shown) {
        if (!ask(this.element, "realtime:before-add", {key, row})) return null
        serverHtml.set(row, html)
        this.#altered.add(key)
        return row
      }
      if (!ask(shown, "realtime:before-morph", {key, row: shown, to: row})) return shown
      const isAlike = isSame(shown, row, html)
      if (!isAlike) this.#altered.add(key)
      const drawn = isAlike ? shown : morph(shown, row)
      serverHtml.set(drawn, html)
      show(drawn, "data-live-error", null)
      this.#dispatchAfter("morph", key, drawn)
      return drawn
    } catch (cause) {
      const reason = `The row '${key}' of '${attribute(this.live, "data-live")}' cannot be shown: ${cause instanceof Error ? cause.message : cause}`
      const error = new RealtimeError(null, reason, {name: "not_shown"})
      show(shown ?? this.element, "data-live-error", reason)
      emit(shown ?? this.element, "realtime:error", error)
      this.report(Object.assign(error, {cause}))
      return shown
    }
  }

  /** @param {string} what @param {string} key @param {Element} row */
  #dispatchAfter(what, key, row) {
    /** @type {any} */ (globalThis).htmx?.process?.(row) // htmx only processes what it has loaded itself
    emit(row, `realtime:after-${what}`, {key, row})
  }

  /** Collects entries from the stream's other containers. @template T @param {(other: Rows) => [string, T][]} part @returns {Map<string, T>} */
  #collect(part) {
    return new Map(this.others().flatMap(part))
  }

  /** The keys of rows that are not painted yet. @returns {[string, true][]} */
  #awaited() {
    const rows = this.rows()
    const keys = this.wanted().filter((key) => !rows.has(key) && !this.#keys.has(key))
    this.#isAwaiting ||= keys.length > 0
    return keys.map((key) => [key, true])
  }

  /** The rows that are not removed yet. */
  #leaving() {
    const wanted = new Set(this.wanted())
    return [...this.rows()].filter(([key]) => !wanted.has(key))
  }

  /** The rows by key; of two with the same key, the first. @returns {Map<string, Element>} */
  rows() {
    /** @type {Map<string, Element>} */
    const rows = new Map()
    for (const [key, child] of this.#children()) if (!rows.has(key)) rows.set(key, child)
    return rows
  }

  /** @returns {[string, Element][]} */
  #children() {
    return elementsOf(this.live).flatMap((child) => {
      const key = attribute(child, "data-live-key")
      return key === null ? [] : [/** @type {[string, Element]} */ ([key, child])]
    })
  }
}

/**
 * Returns whether the page already shows this HTML of a row, without parsing it. A row with the user's input is always
 * rendered, because an action may have accepted the input.
 *
 * @param {Element | undefined} row
 * @param {string} html
 */
function isShown(row, html) {
  if (!row || isInUse(row)) return false
  const before = serverHtml.get(row)
  if (before !== undefined) return before === html
  if (!isPlain(html) || !pageChanges.isUntouched(row)) return false
  const isAlike = get(row, "outerHTML").replace(/ data-live-key="[^"]*"/, "") === html
  if (isAlike) serverHtml.set(row, html)
  return isAlike
}

/** Returns whether there is nothing to change, even if the browser serializes the HTML in another way than the server. @param {Element} row @param {Element} to @param {string} html */
function isSame(row, to, html) {
  return isPlain(html) && pageChanges.isUntouched(row) && !isInUse(row) && call(row, "isEqualNode", to)
}

/** Neither outerHTML nor isEqualNode covers shadow trees and templates. @param {string} html */
const isPlain = (html) => !/<template/i.test(html)

/** Returns whether the row shows an error, or the user has edited one of its fields. @param {Element} row */
function isInUse(row) {
  const fields = [row, ...call(row, "querySelectorAll", "input, select, textarea")]
  return attribute(row, "data-live-error") !== null || fields.some((each) => isField(each) && isEdited(each))
}
