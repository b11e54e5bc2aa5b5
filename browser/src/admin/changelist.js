/**
 * The change list: fetches its own page after each change, and shows the differences.
 */

import * as actions from "./actions.js"
import {arrange} from "../dom/reorder.js"
import {morph} from "../dom/morph.js"
import {BODY, change, initializeWidgets, isInUse, keyedRows, keyRows, markup, renumber} from "./rows.js"
import {element, read} from "./page.js"
import {Refresher} from "./refresher.js"

/** @typedef {import("./page.js").About} About */
/** @typedef {{added: Element[], changed: Element[], gone: Element[]}} Difference */

const LIST = "#changelist"
const FORMS = ["TOTAL_FORMS", "INITIAL_FORMS"].map((name) => `input[name="form-${name}"]`)
const FLASH = {duration: 1500, easing: "ease-out"}

export class ChangeList {
  #count
  #document
  #pk
  #left = false // rows in use are kept that are no longer in the list
  #list
  /** The server's last markup of each row, by key. @type {Map<string, string>} */
  #markup
  #refresher
  #status
  #texts

  /** @param {{document: Document, source: Document, about: About, status: import("./status.js").ListStatus}} options source: the page as loaded */
  constructor({document, source, about, status}) {
    this.#document = document
    this.#list = /** @type {Element} */ (document.querySelector(LIST))
    this.#markup = markups(source, about.keys)
    this.#count = about.count
    this.#pk = about.pk
    this.#status = status
    this.#texts = about.texts
    this.#refresher = new Refresher({document, work: () => this.#refresh()})
    keyRows(this.#list, about.keys)
    actions.followBoxes()
    this.#list.addEventListener("focusout", () => this.#left && this.changed())
  }

  /** Handles a possible change of the list. */
  changed() {
    this.#refresher.wake()
  }

  /** Handles the refusal of the live value: fetches the list to learn whether the user may still see it. */
  async refused() {
    const found = await this.#read(location.href).catch(() => "denied")
    if (typeof found === "string") this.#deny()
    else this.#status.stopped()
  }

  async #refresh() {
    const found = await this.#readPage()
    if (typeof found === "string") return this.#deny()
    if (found.url !== location.href.split("#")[0]) history.replaceState(history.state, "", found.url)
    this.#paint(found)
  }

  #deny() {
    this.#refresher.end()
    this.#list.replaceChildren()
    this.#status.denied()
  }

  /** Fetches the current page of the list; if it no longer exists, the previous one or the first. */
  async #readPage() {
    let found = await this.#read(location.href)
    const url = new URL(location.href)
    const number = Number(url.searchParams.get("p"))
    for (const before of number > 2 ? [number - 1, null] : [null]) {
      if (!number || typeof found === "string" || !new URL(found.url).searchParams.has("e")) break
      if (before) url.searchParams.set("p", String(before))
      else url.searchParams.delete("p")
      found = await this.#read(url.href)
    }
    return found
  }

  /** @param {string} url */
  async #read(url) {
    const found = await read(url)
    return typeof found === "string" || found.page.querySelector(LIST) ? found : "gone"
  }

  /** @param {import("./page.js").Reading} reading */
  #paint({page, about}) {
    const next = /** @type {Element} */ (page.querySelector(LIST))
    const fresh = markups(page, about.keys)
    const rows = keyRows(next, about.keys)
    const here = keyedRows(this.#list)
    const kept = [...here].filter(([key, row]) => !rows?.has(key) && isInUse(row)).map(([, row]) => row)
    if (kept.length && !next.querySelector(BODY)) this.#keepForm(next)

    const body = this.#list.querySelector(BODY)
    const bars = [...next.querySelectorAll("div.actions")].map((bar) => /** @type {Element} */ (bar.cloneNode(true)))
    const inPlace = (/** @type {Element} */ root) => root.querySelectorAll(`${BODY}, div.actions`)
    const left = body && rows && next.querySelector(BODY) ? [...inPlace(this.#list)] : []
    for (const each of left.length ? [...left, ...inPlace(next)] : []) each.setAttribute("data-live-keep", "")
    morph(this.#list, next)
    for (const each of left) each.removeAttribute("data-live-keep")

    if (body && rows && left.length) this.#report(this.#place(body, rows, here, kept, fresh), about)
    else this.#report({added: [...(rows?.values() ?? [])], changed: [], gone: [...here.values()]}, about)
    if (left.length) actions.follow(this.#list, bars)
    else actions.begin()
    this.#markup = fresh
    this.#left = kept.length > 0
  }

  /**
   * @param {Element} body
   * @param {Map<string, Element>} rows the new ones
   * @param {Map<string, Element>} here the shown ones
   * @param {Element[]} kept those that are no longer in the list, and that the user is editing
   * @param {Map<string, string>} fresh
   * @returns {Difference}
   */
  #place(body, rows, here, kept, fresh) {
    /** @type {Difference} */
    const found = {added: [], changed: [], gone: []}
    const keys = [...rows.keys()]
    const stay = [...keys.flatMap((key) => here.get(key) ?? []), ...kept]
    const numbers = new Map([...keys.map((key) => here.get(key) ?? null), ...kept].map((row, number) => [row, number]))
    renumber(stay.map((row) => [row, numbers.get(row) ?? 0]))

    const order = [...rows].map(([key, row]) => {
      const shown = here.get(key)
      if (shown && this.#markup.get(key) === fresh.get(key)) return shown
      found[shown ? "changed" : "added"].push(shown ?? row)
      return shown ? change(shown, row) : row
    })
    for (const row of here.values()) {
      if (!stay.includes(row)) found.gone.push(row)
    }
    this.#remove(body, found.gone)
    arrange(body, [...order, ...kept])
    found.added.forEach(initializeWidgets)
    for (const row of stay) row.classList.toggle("realtime-left", kept.includes(row))
    for (const row of kept) row.setAttribute("title", this.#texts.kept)
    this.#keepForms(kept, rows.size)
    return found
  }

  /** Adds rows that are no longer in the list to the formset. @param {Element[]} kept @param {number} first their first number */
  #keepForms(kept, first) {
    const form = this.#list.querySelector("#changelist-form")
    for (const name of FORMS) form?.querySelector(name)?.setAttribute("value", String(first + kept.length))
    kept.forEach((row, index) => {
      const name = `form-${first + index}-${this.#pk}`
      if (row.querySelector(`[name="${name}"]`)) return
      const value = row.getAttribute("data-live-key") ?? ""
      const hidden = element(this.#document, "input", {type: "hidden", name, id: `id_${name}`, value})
      const place = form?.querySelector(".hiddenfields") ?? form
      place?.append(hidden)
    })
  }

  /** Removes rows, and moves the focus to the row that follows. @param {Element} body @param {Element[]} gone */
  #remove(body, gone) {
    const focused = gone.find((row) => row.contains(this.#document.activeElement))
    const next = focused?.nextElementSibling ?? focused?.previousElementSibling
    for (const row of gone) row.remove()
    const target = next?.isConnected && body.contains(next) ? next.querySelector("a, input:not([type=hidden])") : null
    if (focused && target instanceof HTMLElement) target.focus()
  }

  /** Keeps the form in an empty list, for rows that the user is editing. @param {Element} next */
  #keepForm(next) {
    const form = this.#list.querySelector("#changelist-form")?.cloneNode(true)
    if (!(form instanceof Element)) return
    for (const part of form.querySelectorAll(`${BODY}, .hiddenfields`)) part.replaceChildren()
    next.querySelector("#changelist-form")?.replaceWith(form)
  }

  /** @param {Difference} found @param {About} about */
  #report(found, about) {
    this.#status.changed(found, about.count === this.#count ? "" : about.count)
    this.#count = about.count
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return
    const color = getComputedStyle(this.#list).getPropertyValue("--realtime-flash").trim()
    for (const row of color ? [...found.added, ...found.changed] : []) row.animate([{backgroundColor: color}, {}], FLASH)
  }
}

/** @param {Document} page @param {string[]} keys */
function markups(page, keys) {
  const rows = [...page.querySelectorAll(`${BODY} > tr`)]
  return new Map(rows.length === keys.length ? rows.map((row, index) => [keys[index], markup(row)]) : [])
}
