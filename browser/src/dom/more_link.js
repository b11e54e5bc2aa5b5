/**
 * The link to more rows of a list: a click loads them in place, and so does scrolling it into view.
 */

import {attribute, call, get, show} from "./members.js"
import {pageChanges} from "./page_changes.js"

/** @typedef {import("../data/windows.js").Windows} Windows */

/** The parameter of the address. */
export const MORE = "more"

export class MoreLink {
  /** Whether the server refuses more. */
  #isRefused = false
  #observer

  /** @param {Element} element the container @param {Windows} windows */
  constructor(element, windows) {
    this.element = element
    this.windows = windows
    this.listener = (/** @type {Event} */ event) => this.#click(/** @type {MouseEvent} */ (event))
    call(element, "addEventListener", "click", this.listener)
    const seen = (/** @type {IntersectionObserverEntry[]} */ entries) => entries.at(-1)?.isIntersecting && this.#load()
    this.#observer = typeof IntersectionObserver === "function" ? new IntersectionObserver(seen) : null
    this.update()
  }

  get #link() {
    return [...call(this.element, "querySelectorAll", "[data-live-load]")].find((each) => call(each, "closest", "[data-live]") === this.element)
  }

  /** Shows whether there is more, and looks again whether it is in view. */
  update() {
    const link = this.#link
    if (!link) return
    const {isFull, isLoading, steps, size} = this.windows
    const child = childOf(this.element, link)
    pageChanges.during(() => {
      if (size < 0 && get(this.element, "firstElementChild") !== child) call(this.element, "prepend", child)
      show(child, "hidden", isFull && !this.#isRefused ? null : "")
      show(link, "aria-busy", isLoading ? "true" : null)
      show(link, "href", addressOf(link, steps + 1))
    })
    this.#observer?.disconnect()
    if (isFull && !isLoading && !this.#isRefused && !isManual(link)) this.#observer?.observe(link)
  }

  /** The page shows as much after a reload. */
  showAddress() {
    const link = this.#link
    const window = get(/** @type {Document} */ (get(this.element, "ownerDocument")), "defaultView")
    if (link && window && this.windows.steps > 1) window.history.replaceState(window.history.state, "", addressOf(link, this.windows.steps) + window.location.hash)
  }

  refuse() {
    this.#isRefused = true
    this.update()
  }

  /** The list has become another one. @param {Windows} windows */
  renew(windows) {
    this.windows = windows
    this.#isRefused = false
    this.update()
  }

  close() {
    this.#observer?.disconnect()
    call(this.element, "removeEventListener", "click", this.listener)
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const link = this.#link
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    if (!(event.target instanceof Node) || !call(link, "contains", event.target)) return
    if (attribute(this.element, "data-live-state") === "refused") return // the browser follows the link
    event.preventDefault()
    this.#load()
  }

  #load() {
    this.windows.more()
    this.update()
  }
}

/** Whether only a click loads more. @param {Element} link */
const isManual = (link) => call(link, "closest", '[data-live-autoload="off"]') !== null

/** @param {Element} element @param {Element} link */
function childOf(element, link) {
  let child = link
  while (get(child, "parentElement") && get(child, "parentElement") !== element) child = /** @type {Element} */ (get(child, "parentElement"))
  return child
}

/** @param {Element} link @param {number} steps */
function addressOf(link, steps) {
  const url = new URL(/** @type {Document} */ (get(link, "ownerDocument")).location.href)
  url.searchParams.set(MORE, String(steps))
  return url.search
}
