/**
 * Forms whose fields are parameters of the page's live queries: form[data-live-for]. The lists and the URL are updated while
 * the user types. Without this module, the browser submits such a form like any other GET form.
 */

import {showErrors} from "./form_errors.js"
import {BROWSERS_NAMES, isEdited, isField, restore, sentValues} from "./form_fields.js"
import {listAround} from "./in_place.js"
import {attribute, call, get, isForeign} from "./members.js"
import {MORE} from "./more_link.js"
import {PAGE, PageLinks} from "./page_links.js"
import {WINDOW} from "../data/windows.js"

/** @typedef {import("../protocol/messages.js").Params} Params */
/** @typedef {import("../protocol/messages.js").RealtimeError} RealtimeError */
/** @typedef {{element: Element, name: string, state: unknown, params: Params, isChanging: boolean, change: (params: Params, answered?: (error: RealtimeError | null) => void) => void}} Container */
/** @typedef {Record<string, string[]>} Sentences by field; "": about the whole */
/** @typedef {Record<string, string[]>} Values by field, those that are not empty */
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement | HTMLButtonElement} Control */

/** How long the user must have stopped typing. */
const PAUSE_SECONDS = 0.15
/** After this time the lists are updated even if the user is still typing. */
const LONGEST_SECONDS = 0.45
/** Controls whose value is sent only if they are clicked. */
const BUTTONS = new Set(["submit", "image", "reset", "button"])
/** Attributes of a button that submits its form elsewhere, such as a download. */
const ELSEWHERE = ["formaction", "formmethod", "formtarget"]

export class ParameterForms {
  /** Forms in which the user is typing; since: when that began; cancel: cancels their timer. @type {Map<HTMLFormElement, {since: number, cancel: () => void}>} */
  #typing = new Map()
  /** The initial values of hidden fields. @type {WeakMap<Control, string>} */
  #hidden = new WeakMap()
  /** The errors of each form, by the container that refused its values. @type {WeakMap<HTMLFormElement, Map<Container, Sentences>>} */
  #refused = new WeakMap()
  /** The sentences that a form shows, as JSON. @type {WeakMap<HTMLFormElement, string>} */
  #shown = new WeakMap()
  /** Forms that the user has used. What others hold is not the user's choice. @type {WeakSet<HTMLFormElement>} */
  #used = new WeakSet()
  #initial = new URLSearchParams()
  /** The URL that typing has replaced: "back" returns to it once the form is submitted. */
  #entry = ""
  /** The URL that has replaced it. */
  #written = ""
  /** The last known URL. */
  #seen = ""

  /** @param {{document: Document, containersOf: (stream?: string) => Container[], after: (seconds: number, callback: () => void) => () => void, now: () => number}} options now: in seconds */
  constructor({document, containersOf, after, now}) {
    this.document = document
    this.window = /** @type {Window} */ (get(document, "defaultView"))
    this.containersOf = containersOf
    this.after = after
    this.now = now
  }

  start() {
    this.#initial = new URLSearchParams(this.window.location.search)
    this.#seen = this.window.location.href
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
    new PageLinks({document: this.document, containersOf: this.containersOf, go: (stream, page, answered) => this.#goTo(stream, page, answered)}).start()
    this.window.addEventListener("popstate", () => this.#followAddress())
    this.window.addEventListener("pageshow", ({persisted}) => persisted || this.#applyEdited())
    this.#applyEdited()
  }

  /** Applies fields that the user has edited before this module started, or that the browser has restored. */
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
    const {submitter} = event
    if (submitter && (isOthers(submitter) || ELSEWHERE.some((name) => attribute(submitter, name) !== null))) return
    event.preventDefault()
    const {name = "", value = ""} = /** @type {Partial<Control>} */ (submitter ?? {})
    this.#apply(form, {pressed: name ? {[name]: [value]} : {}, isNew: true})
  }

  /**
   * Applies the values of the fields as parameters.
   *
   * @param {HTMLFormElement} form
   * @param {{pressed?: Values, isNew?: boolean}} [options] pressed: the button's value; isNew: adds an entry to the browser's history
   */
  #apply(form, {pressed = {}, isNew = false} = {}) {
    this.#used.add(form)
    this.#keepPressed(form, pressed)
    const values = this.#withPressed(form, pressed)
    const isFirst = this.#containers(form).some(({params}) => isOther(params, values))
    this.#change(form, values)
    this.#showAddress({...(isFirst ? {[PAGE]: [], [MORE]: []} : {}), ...this.#sent(form, values)}, isNew)
  }

  /** Returns the values of a form whose button is pressed: instead of the fields' value, or as one more. @param {HTMLFormElement} form @param {Values} pressed */
  #withPressed(form, pressed) {
    const values = valuesOf(form)
    for (const [name, [value]] of Object.entries(pressed)) values[name] = this.#takesSeveral(form, name) ? [...(values[name] ?? []), value].filter(Boolean) : [value]
    return values
  }

  /** Returns whether a parameter takes several values. @param {HTMLFormElement} form @param {string} name */
  #takesSeveral(form, name) {
    return this.#containers(form).some(({params}) => Array.isArray(params[name]))
  }

  /** Returns the values that count: of a parameter with a single value the last one, as in request.GET. @param {HTMLFormElement} form @param {Values} values @returns {Values} */
  #sent(form, values) {
    return Object.fromEntries(Object.entries(values).map(([name, each]) => [name, this.#takesSeveral(form, name) ? each : each.slice(-1)]))
  }

  /** @param {HTMLFormElement} form @param {Values} values */
  #change(form, values) {
    this.#typing.get(form)?.cancel()
    this.#typing.delete(form)
    for (const container of this.#containers(form)) {
      const first = isOther(container.params, values) ? firstPage(container.params) : {}
      container.change(joined(container.params, {...first, ...values}), (error) => this.#answer(form, container, error))
    }
  }

  /** Shows another page of a stream's lists. @param {string} stream @param {string} page @param {(error: RealtimeError | null) => void} answered */
  #goTo(stream, page, answered) {
    for (const container of this.containersOf(stream)) {
      if (PAGE in container.params) container.change(joined(container.params, {[PAGE]: [page]}), answered)
    }
    this.#showAddress({[PAGE]: [page]}, true)
  }

  /**
   * Shows why a container has refused the values, at the fields of this form and of the container's other forms.
   *
   * @param {HTMLFormElement} form that has changed it
   * @param {Container} container
   * @param {RealtimeError | null} error
   */
  #answer(form, container, error) {
    const others = this.#forms().filter((each) => each !== form && this.#containers(each).includes(container))
    if (!error) {
      const followed = others.filter((each) => !differing(container.params, valuesOf(each)).length)
      for (const each of [form, ...followed]) this.#show(each, container, {})
      return
    }
    const found = [form, ...others].map((each) => ({each, sentences: sentencesOf(each, error)})).filter(({sentences}) => Object.keys(sentences).length)
    for (const {each, sentences} of found) this.#show(each, container, sentences)
    if (found.every(({each}) => each !== form)) this.#show(form, container, found.length ? {} : {"": [error.message]})
    // the URL keeps the accepted values, so that a reload shows the same list instead of a bad request
    const names = found.flatMap(({sentences}) => Object.keys(sentences)).filter(Boolean)
    const refused = names.length ? names : differing(container.params, valuesOf(form))
    this.#showAddress(Object.fromEntries(refused.map((name) => [name, textsOf(container.params, name)])), false)
  }

  /** @param {HTMLFormElement} form @param {Container} container @param {Sentences} sentences why it has refused the values */
  #show(form, container, sentences) {
    const refused = this.#refused.get(form) ?? new Map()
    this.#refused.set(form, refused.set(container, sentences))
    for (const each of refused.keys()) if (!this.#containers(form).includes(each)) refused.delete(each)
    const all = Object.assign({}, ...refused.values())
    const text = JSON.stringify(all)
    if (text === this.#shown.get(form)) return // screen readers would announce it again
    this.#shown.set(form, text)
    showErrors(form, all, {make: true, focus: false})
  }

  /** Keeps a button's value in the hidden field of the same name, if the form has one. @param {HTMLFormElement} form @param {Values} pressed */
  #keepPressed(form, pressed) {
    for (const control of controlsOf(form)) {
      if (control.type !== "hidden" || !(control.name in pressed) || this.#takesSeveral(form, control.name)) continue
      if (!this.#hidden.has(control)) this.#hidden.set(control, control.value)
      control.value = pressed[control.name][0]
    }
  }

  #followAddress() {
    const before = this.#seen
    const {href} = this.window.location
    this.#seen = href
    if (href !== before && withoutFragment(href) === withoutFragment(before)) return
    const changed = changedNames(before, href)
    for (const form of this.#forms()) this.#follow(form, (name) => changed.has(name) || this.#used.has(form))
    const page = new URLSearchParams(this.window.location.search).get(PAGE) ?? "1"
    for (const container of this.containersOf()) {
      if (PAGE in container.params) container.change(joined(container.params, {[PAGE]: [page]}))
    }
  }

  /** Updates the fields and the lists after the URL has changed. @param {HTMLFormElement} form @param {(name: string) => boolean} follows whether a field follows it */
  #follow(form, follows) {
    const search = new URLSearchParams(this.window.location.search)
    /** The values that no field of their name shows yet. @type {Values} */
    const left = Object.create(null)
    /** @type {Values} */
    const pressed = Object.create(null)
    for (const control of get(form, "elements")) {
      const {name, type} = /** @type {Control} */ (control)
      if (!name || BROWSERS_NAMES.test(name) || isOthers(control) || !follows(name)) continue
      left[name] ??= this.#takesSeveral(form, name) ? search.getAll(name) : search.getAll(name).slice(-1)
      if (BUTTONS.has(type)) pressed[name] = left[name].slice()
      else this.#fill(/** @type {Control} */ (control), left[name], {isNamed: search.has(name), isLast: !this.#takesSeveral(form, name)})
    }
    this.#change(form, Object.fromEntries(Object.entries({...pressed, ...valuesOf(form)}).filter(([name]) => follows(name))))
  }

  /**
   * Shows what the URL has for a field.
   *
   * @param {Control} control
   * @param {string[]} values those for its name; a field that shows one of several takes it out
   * @param {{isNamed: boolean, isLast: boolean}} options isNamed: whether the URL has the name; isLast: fields of one name show the same value
   */
  #fill(control, values, {isNamed, isLast}) {
    const isAsRendered = !isNamed && !this.#initial.has(control.name)
    const next = () => (isLast ? values.at(-1) : values.shift())
    if (control.type === "hidden") control.value = isAsRendered ? this.#hidden.get(control) ?? control.value : next() ?? ""
    else if (!isField(control)) return
    else if (isAsRendered) restore(control)
    else if (control.type === "checkbox" || control.type === "radio") /** @type {HTMLInputElement} */ (control).checked = (values.length ? values : [""]).includes(control.value)
    else if (control instanceof HTMLSelectElement && control.multiple) for (const option of control.options) option.selected = values.includes(option.value)
    else control.value = next() ?? ""
  }

  /** @param {Values} values @param {boolean} isNew */
  #showAddress(values, isNew) {
    const {history, location} = this.window
    const url = new URL(location.href)
    for (const [name, several] of Object.entries(values)) {
      url.searchParams.delete(name)
      for (const value of several) if (value) url.searchParams.append(name, value)
    }
    const before = location.href === this.#written ? this.#entry : location.href
    if (isNew && url.href !== before) {
      history.replaceState(history.state, "", before)
      history.pushState(null, "", url)
      this.#written = "" // this entry is a new one
    } else if (url.href !== location.href) {
      history.replaceState(history.state, "", url)
      this.#entry = before
      this.#written = url.href
    }
    this.#seen = location.href
  }
}

/** Returns the form of an event's target, if it is a form[data-live-for]. @param {EventTarget | Element | null} target @returns {HTMLFormElement | null} */
function formOf(target) {
  if (!(target instanceof Element)) return null
  const form = target instanceof HTMLFormElement ? target : /** @type {Partial<Control>} */ (target).form
  if (!(form instanceof HTMLFormElement) || attribute(form, "data-live-for") === null || get(form, "method") !== "get") return null
  return isOthers(form) || isOthers(target) ? null : form
}

/** Returns whether an element is not the form's own: it is in foreign markup, or in a live list. @param {Element} element */
const isOthers = (element) => isForeign(element) || listAround(element) !== null

/** Returns the fields that a form would send. @param {HTMLFormElement} form @returns {Control[]} */
function controlsOf(form) {
  const controls = /** @type {Control[]} */ ([...get(form, "elements")])
  return controls.filter((control) => control.name && (isField(control) || attribute(control, "type") === "hidden") && !BROWSERS_NAMES.test(control.name) && !call(control, "matches", ":disabled") && !isOthers(control))
}

/** Returns all values of a form's fields. @param {HTMLFormElement} form */
function valuesOf(form) {
  /** @type {Values} */
  const values = Object.create(null) // a field may be called "constructor"
  for (const control of controlsOf(form)) values[control.name] = [...(values[control.name] ?? []), .../** @type {string[]} */ (sentValues(control))]
  return values
}

/** Returns the parameters with these values. An unchanged parameter keeps its type, such as number. @param {Params} params @param {Values} values */
const joined = (params, values) => ({...params, ...Object.fromEntries(differing(params, values).map((name) => [name, valueFor(params, name, values[name])]))})

/** Whether a list with these parameters becomes another one. @param {Params} params @param {Values} values */
const isOther = (params, values) => (PAGE in params || WINDOW in params) && differing(params, values).length > 0

/** Another list begins with its first page. @param {Params} params @returns {Values} */
const firstPage = (params) => (PAGE in params ? {[PAGE]: ["1"]} : {})

/** The names of values that are not those of the parameters. @param {Params} params @param {Values} values */
const differing = (params, values) => Object.keys(values).filter((name) => JSON.stringify(textsOf(params, name)) !== JSON.stringify([valueFor(params, name, values[name])].flat()))

/** Returns the value of a parameter: a list, if it takes several, or the last one, as in request.GET; "" is no value. @param {Params} params @param {string} name @param {string[]} values */
const valueFor = (params, name, values) => (Array.isArray(params[name]) ? values.filter(Boolean) : values.at(-1) ?? "")

/** Returns a parameter as the values of fields; a checkbox sends nothing for false. @param {Params} params @param {string} name */
const textsOf = (params, name) => [params[name] === false ? "" : params[name] ?? ""].flat().map(String)

/** The names of parameters in which two URLs differ. @param {string} one @param {string} other */
function changedNames(one, other) {
  const [before, after] = [one, other].map((url) => new URL(url).searchParams)
  return new Set([...before.keys(), ...after.keys()].filter((name) => JSON.stringify(before.getAll(name)) !== JSON.stringify(after.getAll(name))))
}

/** @param {string} url */
const withoutFragment = (url) => url.split("#", 1)[0]

/** Returns the error's sentences about fields of the form, or about the whole form. @param {HTMLFormElement} form @param {RealtimeError} error @returns {Sentences} */
function sentencesOf(form, {details}) {
  const names = new Set(controlsOf(form).map(({name}) => name))
  return Object.fromEntries(Object.entries(details).filter(([name]) => names.has(name) || name === ""))
}
