/**
 * Links to pages of a list: [data-live-page] in what `{% live_pages %}` renders. A click shows the page in place.
 */

import {isPlainClick} from "../connection/departure.js"
import {parentOfRows} from "./in_place.js"
import {attribute, call, isForeign} from "./members.js"

/** The parameter of the list, and of the address. */
export const PAGE = "page"

/** Links of a stream: `params` has the page that they show, or will show once they have changed. @typedef {{element: Element, name: string, params: import("../protocol/messages.js").Params, isChanging: boolean}} Links */
/** @typedef {(stream: string, page: string, answered: (error: unknown) => void) => void} Go shows another page of a stream's lists */

export class PageLinks {
  /** @param {{document: Document, containersOf: (stream: string) => Links[], go: Go}} options containersOf: returns what shows a stream */
  constructor({document, containersOf, go}) {
    this.document = document
    this.containersOf = containersOf
    this.go = go
  }

  start() {
    const listen = (/** @type {string} */ type, /** @type {(link: Element, links: Links, event: any) => void} */ listener) =>
      call(this.document, "addEventListener", type, (event) => {
        const link = event.target instanceof Element ? call(event.target, "closest", "a[data-live-page]") : null
        const element = link && call(link, "closest", "[data-live]")
        const isOfLinks = element && attribute(element, "data-live-format") === "pages" && attribute(element, "data-live-state") !== "refused"
        const links = isOfLinks && this.containersOf(attribute(element, "data-live") ?? "").find((each) => each.element === element)
        if (link && links && !isForeign(link)) listener(link, links, event)
      })
    // rows are the same for all: what else the address of a page asks for is added before it is used
    for (const type of ["pointerover", "pointerdown", "focusin"]) listen(type, (link) => this.#complete(link))
    listen("click", (link, links, event) => this.#click(link, links, event))
  }

  /** @param {Element} link */
  #complete(link) {
    const url = new URL(this.document.location.href)
    url.searchParams.set(PAGE, attribute(link, "data-live-page") ?? "")
    if (attribute(link, "href") !== url.search) call(link, "setAttribute", "href", url.search)
  }

  /** @param {Element} link @param {Links} links @param {MouseEvent} event */
  #click(link, links, event) {
    if (event.defaultPrevented || !isPlainClick(event)) return
    event.preventDefault()
    this.go(links.name, pageOf(link, links), (error) => error || this.#scrollTo(links.name))
  }

  /** Scrolls to the beginning of the page, as after any other link. @param {string} stream */
  #scrollTo(stream) {
    const live = [...call(this.document, "querySelectorAll", "[data-live]")].find((each) => attribute(each, "data-live") === stream && isOfRows(each))
    const list = live && parentOfRows(live)
    if (list && call(list, "getBoundingClientRect").top < 0) call(list, "scrollIntoView", {block: "start"})
  }
}

/**
 * Returns the page that a link leads to. Rows and links are two live queries, and one may show the next page before the other: while the
 * links change, "Next" and "Previous" count from the page that is being loaded. So each click is one page, however fast they follow.
 *
 * @param {Element} link
 * @param {Links} links
 */
function pageOf(link, {element, params, isChanging}) {
  const page = attribute(link, "data-live-page") ?? ""
  const rel = (attribute(link, "rel") ?? "").split(/\s+/)
  const step = Number(rel.includes("next")) - Number(rel.includes("prev"))
  const loading = Number(params[PAGE])
  if (!isChanging || !step || !(loading >= 1)) return page
  const pages = [...call(element, "querySelectorAll", "a[data-live-page]")].map((each) => Number(attribute(each, "data-live-page")) || 1)
  return String(Math.max(1, Math.min(loading + step, Math.max(...pages))))
}

/** @param {Element} live */
const isOfRows = (live) => /^html(:|$)/.test(attribute(live, "data-live-format") ?? "html")
