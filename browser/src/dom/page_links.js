/**
 * Links to pages of a list: [data-live-page] in what `{% live_pages %}` renders. A click shows the page in place.
 */

import {isPlainClick} from "../connection/departure.js"
import {isMarker} from "./in_place.js"
import {attribute, call, get, isForeign} from "./members.js"

/** The parameter of the list, and of the address. */
export const PAGE = "page"

/** @typedef {(stream: string, page: string, answered: (error: unknown) => void) => void} Go shows another page of a stream's lists */

export class PageLinks {
  /** @param {{document: Document, isBound: (element: Element, stream: string) => boolean, go: Go}} options isBound: returns whether an element is a container that shows a stream */
  constructor({document, isBound, go}) {
    this.document = document
    this.isBound = isBound
    this.go = go
  }

  start() {
    const listen = (/** @type {string} */ type, /** @type {(link: Element, stream: string, event: any) => void} */ listener) =>
      call(this.document, "addEventListener", type, (event) => {
        const link = event.target instanceof Element ? call(event.target, "closest", "a[data-live-page]") : null
        const container = link && call(link, "closest", "[data-live]")
        const isOfLinks = container && attribute(container, "data-live-format") === "pages" && attribute(container, "data-live-state") !== "refused"
        const stream = isOfLinks && attribute(container, "data-live")
        if (link && stream && !isForeign(link) && this.isBound(container, stream)) listener(link, stream, event)
      })
    // rows are the same for all: what else the address of a page asks for is added before it is used
    for (const type of ["pointerover", "pointerdown", "focusin"]) listen(type, (link) => this.#complete(link))
    listen("click", (link, stream, event) => this.#click(link, stream, event))
  }

  /** @param {Element} link */
  #complete(link) {
    const url = new URL(this.document.location.href)
    url.searchParams.set(PAGE, attribute(link, "data-live-page") ?? "")
    if (attribute(link, "href") !== url.search) call(link, "setAttribute", "href", url.search)
  }

  /** @param {Element} link @param {string} stream @param {MouseEvent} event */
  #click(link, stream, event) {
    if (event.defaultPrevented || !isPlainClick(event)) return
    event.preventDefault()
    this.go(stream, attribute(link, "data-live-page") ?? "", (error) => error || this.#scrollTo(stream))
  }

  /** Scrolls to the beginning of the page, as after any other link. @param {string} stream */
  #scrollTo(stream) {
    const live = [...call(this.document, "querySelectorAll", "[data-live]")].find((each) => attribute(each, "data-live") === stream && isOfRows(each))
    const list = live && isMarker(live) ? get(live, "parentElement") : live
    if (list && call(list, "getBoundingClientRect").top < 0) call(list, "scrollIntoView", {block: "start"})
  }
}

/** @param {Element} live */
const isOfRows = (live) => /^html(:|$)/.test(attribute(live, "data-live-format") ?? "html")
