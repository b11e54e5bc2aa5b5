/**
 * The change form: warns if the object changes while the user edits it, and shows who else edits it.
 */

import {contentOf, isField} from "../dom/form_fields.js"
import {call} from "../dom/members.js"
import {element, read} from "./page.js"
import {Refresher} from "./refresher.js"
import {FormNotices} from "./status.js"

/** @typedef {import("./page.js").About} About */
/** @typedef {{user: unknown, name: string, data: {editing?: boolean}}} Person */

const TOKEN = "#content-main form [name=csrfmiddlewaretoken]"

export class ChangeForm {
  #document
  #form
  #notices
  #refresher
  #submitted = false
  /** The form's contents as loaded, by label; null: it shows posted data. @type {Map<string, string> | null} */
  #shown

  /** @param {{document: Document, source: Document, about: About}} options source: the page as loaded */
  constructor({document, source, about}) {
    this.#document = document
    this.#form = formOf(document)
    this.#notices = new FormNotices({document, form: this.#form, about})
    this.#shown = about.posted ? null : contents(source)
    this.#refresher = new Refresher({document, work: () => this.#refresh()})
    // a form that is shown again with errors was still opened at this position
    if (this.#form) call(this.#form, "append", element(document, "input", {type: "hidden", name: about.since.name, value: about.since.cursor}))
    if (this.#form) call(this.#form, "addEventListener", "submit", (event) => (this.#submitted ||= !event.defaultPrevented))
    addEventListener("pageshow", ({persisted}) => persisted && (this.#submitted = false))
  }

  /** Marks the user as present, and shows the other users. @param {any} realtime @param {About} about */
  showOthers(realtime, {stream, live, user}) {
    const people = realtime.presence(stream, JSON.parse(live["data-live-params"]))
    people.subscribe((/** @type {Person[]} */ rows) => this.#notices.others(rows.filter((person) => String(person.user) !== user)))
    if (this.#form) call(this.#form, "addEventListener", "input", () => people.set({editing: true}), {once: true})
  }

  /** Handles a possible change of the object. */
  changed() {
    this.#refresher.wake()
  }

  /** Handles the refusal of the live value: the object is deleted, or the user may no longer see it. */
  async refused() {
    const found = await read(location.href).catch(() => "denied")
    if (found === "denied") this.#deny()
    else if (found === "gone") this.#notices.deleted()
  }

  async #refresh() {
    const found = await read(location.href)
    if (this.#submitted) return // the change is probably this form's own, and the next page shows the result
    if (found === "denied") return this.#deny()
    if (found === "gone") return this.#notices.deleted()
    if (!this.#shown) return this.#notices.changed([])
    const names = differences(this.#shown, contents(found.page))
    if (names.length) this.#notices.changed(names)
    else this.#notices.unchanged()
  }

  #deny() {
    this.#refresher.end()
    if (this.#form) call(this.#form, "remove")
    for (const tool of this.#document.querySelectorAll("#content > h2, .object-tools")) tool.remove() // they contain the object's name
    this.#notices.denied()
  }
}

/** @param {Document} page */
function formOf(page) {
  return page.querySelector(TOKEN)?.closest("form") ?? null
}

/** Returns the contents of a form, by label. @param {Document} page @returns {Map<string, string>} */
function contents(page) {
  /** @type {Map<string, string>} */
  const found = new Map()
  const form = formOf(page)
  const add = (/** @type {string} */ name, /** @type {string} */ text) => found.set(name, `${found.get(name) ?? ""}${text}\n`)
  for (const part of form ? call(form, "querySelectorAll", "input, select, textarea, .readonly, .file-upload a") : []) {
    const name = nameOf(part)
    if (isField(part)) add(name, contentOf(part))
    else if (!(part instanceof HTMLInputElement)) add(name, part.textContent ?? "")
  }
  return found
}

/** Returns the label of a field; for a field of an inline object, the heading of the inline group. @param {Element} part */
function nameOf(part) {
  const group = part.closest(".inline-group")?.querySelector(".inline-heading, h2")
  const label = group ?? part.closest(".fieldBox, .form-row")?.querySelector("label, legend")
  return (label?.textContent ?? "").replace(/\s+/g, " ").trim().replace(/:$/, "")
}

/** @param {Map<string, string>} before @param {Map<string, string>} now */
function differences(before, now) {
  return [...new Set([...before.keys(), ...now.keys()])].filter((name) => before.get(name) !== now.get(name))
}
