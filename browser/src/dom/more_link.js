/**
 * The link to more rows of a list. A click loads them in place, and so does scrolling the link into view.
 */

import {isPlainClick} from "../connection/departure.js"
import {giveFocus} from "./focus.js"
import {elementsOf, parentOfRows} from "./in_place.js"
import {attribute, call, documentOf, focused, get, isForeign, show} from "./members.js"
import {pageChanges} from "./page_changes.js"

/** @typedef {import("../data/windows.js").Windows} Windows */

/** The parameter of the address. */
export const MORE = "more"

export class MoreLink {
  /** Whether the server has refused more rows. */
  #isRefused = false
  /** The rows that were shown at the last request for more. @type {Set<Element>} */
  #before = new Set()
  #observer

  /** @param {Element} live the container, or the marker of a list in place @param {Windows} windows */
  constructor(live, windows) {
    this.live = live
    this.windows = windows
    this.listener = (/** @type {Event} */ event) => this.#click(/** @type {MouseEvent} */ (event))
    call(this.#document, "addEventListener", "click", this.listener)
    const seen = (/** @type {IntersectionObserverEntry[]} */ entries) => entries.at(-1)?.isIntersecting && this.#load()
    this.#observer = typeof IntersectionObserver === "function" ? new IntersectionObserver(seen) : null
    this.update()
  }

  get #document() {
    return documentOf(this.live)
  }

  get #rows() {
    return elementsOf(this.live).filter((each) => attribute(each, "data-live-key") !== null)
  }

  /** The child of the list that contains the link. */
  get #place() {
    return elementsOf(this.live).find((each) => attribute(each, "data-live-load") !== null)
  }

  get #link() {
    const place = this.#place
    return place && (call(place, "querySelector", "a[href]") ?? undefined)
  }

  /** Updates the link, and checks again whether it is in view. */
  update() {
    const [place, link] = [this.#place, this.#link]
    if (!place || !link) return
    const {hasMore, isLoading, steps, size} = this.windows
    this.windows.look()
    const [first] = this.#rows
    const isFocused = call(place, "contains", focused(place))
    pageChanges.during(() => {
      if (size < 0 && first && call(first, "compareDocumentPosition", place) & Node.DOCUMENT_POSITION_FOLLOWING) call(first, "before", place)
      if (hasMore !== undefined || this.#isRefused) show(place, "hidden", hasMore && !this.#isRefused ? null : "")
      show(link, "aria-busy", isLoading ? "true" : null)
      show(link, "href", addressOf(link, steps + 1))
    })
    if (isFocused && attribute(place, "hidden") !== null) this.#leaveFocus()
    this.#observer?.disconnect()
    if (hasMore !== false && !isLoading && !this.#isRefused && !isManual(link)) this.#observer?.observe(link)
  }

  /** Puts the number of steps into the address, so that a reload shows as many rows. */
  showAddress() {
    const link = this.#link
    const window = get(this.#document, "defaultView")
    if (link && window && this.windows.steps > 1) window.history.replaceState(window.history.state, "", addressOf(link, this.windows.steps) + window.location.hash)
  }

  refuse() {
    this.#isRefused = true
    this.update()
  }

  /** Handles that the list starts again from its first rows. @param {Windows} windows */
  renew(windows) {
    this.windows = windows
    this.#isRefused = false
    this.update()
  }

  close() {
    this.#observer?.disconnect()
    call(this.#document, "removeEventListener", "click", this.listener)
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const link = this.#link
    if (!link || event.defaultPrevented || !isPlainClick(event)) return
    if (!(event.target instanceof Node) || !call(link, "contains", event.target) || isForeign(link)) return
    if (attribute(this.live, "data-live-state") === "refused") return // the browser follows the link
    event.preventDefault()
    this.#load()
  }

  /** Moves the focus from the hidden link to the nearest row that it has loaded. */
  #leaveFocus() {
    const [rows, isUp] = [this.#rows, this.windows.size < 0]
    const added = rows.filter((each) => !this.#before.has(each))
    const row = (isUp ? added.at(-1) : added[0]) ?? (isUp ? rows[0] : rows.at(-1))
    if (row) giveFocus(parentOfRows(this.live), row, attribute(row, "data-live-key"))
  }

  #load() {
    this.#before = new Set(this.#rows)
    this.windows.more()
    this.update()
  }
}

/** Returns whether only a click loads more. @param {Element} link */
const isManual = (link) => call(link, "closest", '[data-live-autoload="off"]') !== null

/** @param {Element} link @param {number} steps */
function addressOf(link, steps) {
  const url = new URL(documentOf(link).location.href)
  url.searchParams.set(MORE, String(steps))
  return url.search
}
