/**
 * The status of an admin page: whether it is live, and what has changed. Screen readers announce it politely.
 */

import {OUTAGE_SECONDS} from "../dom/connection_notice.js"
import {call} from "../dom/members.js"
import {element} from "./page.js"

const QUIET = 3000 // milliseconds between two announcements of changes

/** @typedef {import("./page.js").About} About */

/** The line above a change list. */
export class ListStatus {
  #counts = {added: 0, changed: 0, gone: 0}
  #shown = ""
  #line
  #message
  /** The timer after which a lost connection is reported. @type {ReturnType<typeof setTimeout> | undefined} */
  #outage
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #quiet
  #state
  #texts
  #total = ""

  /** @param {{document: Document, about: About}} options */
  constructor({document, about}) {
    this.#texts = about.texts
    this.#state = element(document, "span", {class: "realtime-state"})
    this.#message = element(document, "span", {role: "status"})
    this.#line = element(document, "p", {class: "realtime-line", hidden: ""}, this.#state, " ", this.#message)
    document.querySelector("#changelist")?.before(this.#line)
  }

  /** @param {string} state of the connection */
  show(state) {
    if (this.#shown === "ended") return
    if (state === "live") {
      clearTimeout(this.#outage)
      this.#set("live", this.#texts.live, this.#message.textContent === this.#texts.offline ? "" : undefined)
    } else if (state === "offline" && this.#shown !== "offline") {
      this.#set("offline", "")
      this.#outage = setTimeout(() => this.#set("offline", "", this.#texts.offline), OUTAGE_SECONDS * 1000)
    }
  }

  stopped() {
    this.#end(this.#texts.stopped)
  }

  denied() {
    this.#end(this.#texts.denied)
  }

  paused() {
    this.#set("ended", "", this.#texts.paused)
  }

  /**
   * @param {Record<"added" | "changed" | "gone", unknown[]>} found
   * @param {string} total the number of rows in the whole list, if it has changed
   */
  changed(found, total) {
    this.#counts.added += found.added.length
    this.#counts.changed += found.changed.length
    this.#counts.gone += found.gone.length
    this.#total = total || this.#total
    this.#announce()
  }

  #announce() {
    const {added, changed, gone} = this.#counts
    if (this.#quiet || this.#shown === "ended" || !(added || changed || gone || this.#total)) return
    const counted = /** @type {const} */ (["added", "changed", "gone"]).filter((name) => this.#counts[name])
    const changes = counted.map((name) => this.#texts[name].replace("{number}", String(this.#counts[name]))).join(", ")
    this.#message.textContent = [this.#total, changes].filter(Boolean).map((part) => `${part}.`).join(" ")
    this.#counts = {added: 0, changed: 0, gone: 0}
    this.#total = ""
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined
      this.#announce()
    }, QUIET)
  }

  /** @param {string} message */
  #end(message) {
    clearTimeout(this.#outage)
    this.#set("ended", "", message)
    this.#message.append(" ", element(document, "a", {href: location.href}, this.#texts.again))
  }

  /** @param {string} state @param {string} label @param {string} [message] undefined: unchanged */
  #set(state, label, message) {
    this.#shown = state
    this.#line.hidden = false
    this.#line.setAttribute("data-state", state)
    this.#state.textContent = label
    if (message !== undefined) this.#message.textContent = message
  }
}

/** The notices above a form. */
export class FormNotices {
  #document
  #people
  #texts
  #warning

  /** @param {{document: Document, form: HTMLFormElement | null, about: About}} options */
  constructor({document, form, about}) {
    this.#document = document
    this.#texts = about.texts
    this.#warning = element(document, "p", {class: "realtime-warning", hidden: ""})
    this.#people = element(document, "p", {class: "realtime-people", hidden: ""})
    const notices = element(document, "div", {class: "realtime-notices", role: "status"}, this.#warning, this.#people)
    if (form) call(form, "before", notices)
  }

  /** @param {string[]} names of the changed fields; none: unknown */
  changed(names) {
    const what = names.length ? ` ${this.#texts.fields} ${names.join(", ")}.` : ""
    this.#warn(`${this.#texts.changed}${what}`, this.#texts.again)
  }

  /** Removes the warning, because the object is again as the form shows it. */
  unchanged() {
    this.#warning.hidden = true
    this.#warning.replaceChildren()
  }

  deleted() {
    this.#warn(this.#texts.deleted)
  }

  denied() {
    this.#warn(this.#texts.denied, this.#texts.again)
  }

  /** @param {{name: string, data: {editing?: boolean}}[]} people the other users who have this form open */
  others(people) {
    const names = people.map(({name, data}) => {
      const person = element(this.#document, "span", {class: "realtime-person"}, name)
      if (data.editing) person.append(" ", element(this.#document, "em", {}, `(${this.#texts.editing})`))
      return person
    })
    this.#people.replaceChildren(`${this.#texts.people} `, ...names.flatMap((name, index) => (index ? [", ", name] : [name])))
    this.#people.hidden = !names.length
  }

  /** @param {string} sentence @param {string} [link] reloads this page */
  #warn(sentence, link) {
    this.#warning.hidden = false
    const parts = link ? [" ", element(this.#document, "a", {href: location.href}, link)] : []
    this.#warning.replaceChildren(sentence, ...parts)
  }
}
