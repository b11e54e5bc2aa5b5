/**
 * Forms whose fields are parameters of the page's live queries: form[data-live-for]. The lists follow while the user types, and
 * so does the address. Without this module, the browser sends such a form as any other GET form.
 */

import {showErrors} from "./form_errors.js"
import {isEdited, isField, restore} from "./form_fields.js"
import {attribute, call, get, isForeign} from "./members.js"

/** @typedef {import("../protocol/messages.js").Params} Params */
/** @typedef {import("../protocol/messages.js").RealtimeError} RealtimeError */
/** @typedef {{state: unknown, params: Params, change: (params: Params, answered: (error: RealtimeError | null) => void) => void}} Container */
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement | HTMLButtonElement} Control */

/** How long the user must have paused. */
const PAUSE_SECONDS = 0.15
/** Who types on and on sees what there is so far. */
const LONGEST_SECONDS = 0.45
/** Controls that have a value only when they are pressed. */
const BUTTONS = new Set(["submit", "image", "reset", "button"])
/** Fields that are no parameters. */
const OWN = /^(_live_|csrfmiddlewaretoken$)/

export class ParameterForms {
  /** Forms in which the user is typing, since when, and what cancels their timer. @type {Map<HTMLFormElement, {since: number, cancel: () => void}>} */
  #typing = new Map()
  /** What hidden fields held at first. @type {WeakMap<Control, string>} */
  #hidden = new WeakMap()
  #initial = new URLSearchParams()
  /** The address that typing has replaced: "back" returns to it once the form is submitted. */
  #entry = ""
  /** The address that has replaced it. */
  #written = ""

  /** @param {{document: Document, containersOf: (stream: string) => Container[], after: (seconds: number, callback: () => void) => () => void, now: () => number}} options now: in seconds */
  constructor({document, containersOf, after, now}) {
    this.document = document
    this.window = /** @type {Window} */ (get(document, "defaultView"))
    this.containersOf = containersOf
    this.after = after
    this.now = now
  }

  start() {
    this.#initial = new URLSearchParams(this.window.location.search)
    const listen = (/** @type {string} */ type, /** @type {(form: HTMLFormElement, event: any) => void} */ listener) => {
      call(this.document, "addEventListener", type, (event) => {
        const form = formOf(event.target)
        if (form) listener(form, event)
      })
    }
    listen("input", (form, {isComposing}) => isComposing || this.#soon(form))
    listen("compositionend", (form) => this.#soon(form))
    listen("change", (form) => this.#soon(form, 0)) // the same key may submit the form at once
    listen("submit", (form, event) => this.#submit(form, event))
    listen("reset", (form) => this.after(0, () => this.#apply(form))) // the fields are reset after the event
    this.window.addEventListener("popstate", () => this.#forms().forEach((form) => this.#follow(form)))
    this.window.addEventListener("pageshow", ({persisted}) => persisted || this.#applyEdited())
    this.#applyEdited()
  }

  /** What the user has typed before this module began, or the browser has restored, counts too. */
  #applyEdited() {
    for (const form of this.#forms()) {
      if (controlsOf(form).some((control) => isField(control) && isEdited(control))) this.#apply(form)
    }
  }

  #forms() {
    return [...call(this.document, "querySelectorAll", "form[data-live-for]")].flatMap((each) => formOf(each) ?? [])
  }

  /** @param {HTMLFormElement} form */
  #containers(form) {
    return (attribute(form, "data-live-for") ?? "").split(/\s+/).flatMap((name) => this.containersOf(name))
  }

  /** @param {HTMLFormElement} form @param {number} [pause] in seconds */
  #soon(form, pause = PAUSE_SECONDS) {
    const now = this.now()
    const held = this.#typing.get(form)
    held?.cancel()
    const since = held?.since ?? now
    const wait = Math.max(0, Math.min(pause, since + LONGEST_SECONDS - now))
    this.#typing.set(form, {since, cancel: this.after(wait, () => this.#apply(form))})
  }

  /** @param {HTMLFormElement} form @param {SubmitEvent} event */
  #submit(form, event) {
    const containers = this.#containers(form)
    if (event.defaultPrevented || !containers.length || containers.every(({state}) => state === "refused")) return
    event.preventDefault()
    const {name = "", value = ""} = /** @type {Partial<Control>} */ (event.submitter ?? {})
    this.#apply(form, {pressed: name ? {[name]: value} : {}, isNew: true})
  }

  /**
   * Changes the parameters to what the fields hold.
   *
   * @param {HTMLFormElement} form
   * @param {{pressed?: Record<string, string>, isNew?: boolean}} [options] pressed: the button's value; isNew: as a new entry of the history
   */
  #apply(form, {pressed = {}, isNew = false} = {}) {
    this.#keepPressed(form, pressed)
    const values = {...valuesOf(form), ...pressed}
    this.#change(form, values)
    this.#showAddress(values, isNew)
  }

  /** @param {HTMLFormElement} form @param {Record<string, string>} values */
  #change(form, values) {
    this.#typing.get(form)?.cancel()
    this.#typing.delete(form)
    const answered = (/** @type {RealtimeError | null} */ error) => showErrors(form, error ? sentencesOf(form, error) : {}, {make: true, focus: false})
    for (const container of this.#containers(form)) container.change(joined(container.params, values), answered)
  }

  /** A form that has a hidden field beside buttons of its name goes on with what was pressed last. @param {HTMLFormElement} form @param {Record<string, string>} pressed */
  #keepPressed(form, pressed) {
    for (const control of controlsOf(form)) {
      if (control.type !== "hidden" || !(control.name in pressed)) continue
      if (!this.#hidden.has(control)) this.#hidden.set(control, control.value)
      control.value = pressed[control.name]
    }
  }

  /** The address has changed: the fields and the lists follow. @param {HTMLFormElement} form */
  #follow(form) {
    const search = new URLSearchParams(this.window.location.search)
    /** @type {Record<string, string>} */
    const pressed = {}
    for (const control of get(form, "elements")) {
      const {name, type} = /** @type {Control} */ (control)
      if (!name || OWN.test(name)) continue
      if (BUTTONS.has(type)) pressed[name] = search.get(name) ?? ""
      else this.#fill(/** @type {Control} */ (control), search)
    }
    this.#change(form, {...pressed, ...valuesOf(form)})
  }

  /** @param {Control} control @param {URLSearchParams} search */
  #fill(control, search) {
    const value = search.getAll(control.name).at(-1)
    const isAsRendered = value === undefined && !this.#initial.has(control.name)
    if (control.type === "hidden") control.value = value ?? (isAsRendered ? this.#hidden.get(control) ?? control.value : "")
    else if (!isField(control)) return
    else if (isAsRendered) restore(control)
    else if (control.type === "checkbox" || control.type === "radio") /** @type {HTMLInputElement} */ (control).checked = control.value === (value ?? "")
    else control.value = value ?? ""
  }

  /** @param {Record<string, string>} values @param {boolean} isNew */
  #showAddress(values, isNew) {
    const {history, location} = this.window
    const url = new URL(location.href)
    for (const [name, value] of Object.entries(values)) {
      url.searchParams.delete(name)
      if (value) url.searchParams.append(name, value)
    }
    const before = location.href === this.#written ? this.#entry : location.href
    if (isNew && url.href !== before) {
      history.replaceState(history.state, "", before)
      history.pushState(null, "", url)
    } else if (url.href !== location.href) {
      history.replaceState(history.state, "", url)
      this.#entry = before
      this.#written = url.href
    }
  }
}

/** The form that an event is about, if it is one of these. @param {EventTarget | Element | null} target @returns {HTMLFormElement | null} */
function formOf(target) {
  if (!(target instanceof Element)) return null
  const form = target instanceof HTMLFormElement ? target : /** @type {Partial<Control>} */ (target).form
  if (!(form instanceof HTMLFormElement) || attribute(form, "data-live-for") === null || isForeign(form)) return null
  return get(form, "method") === "get" && !isInRows(target) ? form : null
}

/** What stands in a live list is no parameter of it, also where the list stands in the form. @param {Element} element */
const isInRows = (element) => call(element, "closest", "[data-live]") !== null

/** The fields that a form would send. @param {HTMLFormElement} form @returns {Control[]} */
function controlsOf(form) {
  const controls = /** @type {Control[]} */ ([...get(form, "elements")])
  return controls.filter((control) => control.name && (isField(control) || attribute(control, "type") === "hidden") && !OWN.test(control.name) && !call(control, "matches", ":disabled") && !isInRows(control))
}

/** What its fields hold; of several with one name the last one counts, as in request.GET, and "" is none. @param {HTMLFormElement} form */
function valuesOf(form) {
  const data = new FormData(form)
  /** @type {Record<string, string>} */
  const values = {}
  for (const {name} of controlsOf(form)) values[name] = String(data.getAll(name).at(-1) ?? "")
  return values
}

/** Parameters with these values. One that says the same stays as it is, a number for example. @param {Params} params @param {Record<string, string>} values */
function joined(params, values) {
  const changed = {...params}
  for (const [name, value] of Object.entries(values)) {
    const held = params[name] === false ? "" : String(params[name] ?? "") // a checkbox sends nothing for false
    if (held !== value) changed[name] = value
  }
  return changed
}

/** @param {HTMLFormElement} form @param {RealtimeError} error @returns {Record<string, string[]>} by field */
function sentencesOf(form, {message, details}) {
  const names = new Set(controlsOf(form).map(({name}) => name))
  const own = Object.entries(details).filter(([name]) => names.has(name) || name === "")
  return own.length ? Object.fromEntries(own) : {"": [message]}
}
