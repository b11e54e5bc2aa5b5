/**
 * Elements that call an action by themselves: [data-live-call] on buttons, forms and fields.
 */

import {readJSON} from "./container.js"
import {contents, restore} from "./fields.js"
import {RealtimeError} from "./messages.js"
import {settle} from "./morph.js"

/** @typedef {(stream: string, params: Record<string, unknown>, action: string, args: Record<string, unknown>) => Promise<unknown>} Caller */

/** Fields that call when they change; any other element calls when it is clicked. */
const FIELDS = "select, textarea, input:not([type=button], [type=submit], [type=reset], [type=image])"

export class Controls {
  /** Calls under way, by element. @type {WeakMap<Element, number>} */
  #running = new WeakMap()

  /** @param {{document: Document, call: Caller}} options */
  constructor({document, call}) {
    this.document = document
    this.call = call
  }

  start() {
    // In the bubbling phase, so that a page's own listener can prevent the call.
    this.document.addEventListener("click", (event) => this.#click(event))
    this.document.addEventListener("submit", (event) => this.#submit(event))
    this.document.addEventListener("change", ({target}) => this.#changed(target))
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const element = event.target instanceof Element ? event.target.closest("[data-live-call]") : null
    if (!element || element instanceof HTMLFormElement || element.matches(FIELDS) || event.defaultPrevented) return
    event.preventDefault()
    if (!this.#running.has(element)) this.#run(element, () => ({}))
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    const form = event.target
    if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-live-call") || event.defaultPrevented) return
    event.preventDefault()
    if (!this.#running.has(form)) this.#run(form, () => formArgs(form, event.submitter))
  }

  /** @param {EventTarget | null} target */
  #changed(target) {
    if (target instanceof Element && target.matches(FIELDS) && target.hasAttribute("data-live-call")) {
      this.#run(target, () => fieldArgs(target))
    }
  }

  /** @param {Element} element @param {() => Record<string, unknown>} ownArgs */
  async #run(element, ownArgs) {
    const held = contents(element)
    showErrors(element, null)
    this.#count(element, 1)
    try {
      const {stream, params} = target(element)
      const args = {...readJSON(element, "data-live-args"), ...ownArgs()}
      const result = await this.call(stream, params, element.getAttribute("data-live-call") ?? "", args)
      settle(held)
      if (element instanceof HTMLFormElement && element.hasAttribute("data-live-reset")) element.reset()
      emit(element, "realtime:reply", result)
    } catch (error) {
      if (!(element instanceof HTMLFormElement)) held.forEach(({field}) => restoreChoice(field))
      showErrors(element, error)
      emit(element, "realtime:error", error)
    } finally {
      this.#count(element, -1)
    }
  }

  /** @param {Element} element @param {1 | -1} step */
  #count(element, step) {
    const running = (this.#running.get(element) ?? 0) + step
    if (running) this.#running.set(element, running)
    else this.#running.delete(element)
    if (running) element.setAttribute("aria-busy", "true")
    else element.removeAttribute("aria-busy")
  }
}

/** The stream and the parameters that an element belongs to. @param {Element} element */
function target(element) {
  const owner = element.closest("[data-live], [data-live-stream]")
  if (!owner) {
    const reason = "An element with data-live-call must stand in one with data-live, or with data-live-stream and data-live-params."
    throw new RealtimeError(null, reason, {name: "bad_arguments"})
  }
  const stream = owner.getAttribute("data-live") ?? owner.getAttribute("data-live-stream") ?? ""
  return {stream, params: readJSON(owner, "data-live-params") ?? {}}
}

/** @param {HTMLFormElement} form @param {HTMLElement | null} submitter */
function formArgs(form, submitter) {
  const data = new FormData(form)
  const {name, value} = /** @type {{name?: string, value?: string}} */ (submitter ?? {})
  if (name) data.append(name, value ?? "")
  data.delete("csrfmiddlewaretoken") // for the same form without JavaScript

  /** @type {Record<string, unknown>} */
  const args = {}
  for (const name of new Set(data.keys())) {
    const values = data.getAll(name)
    if (values.some((each) => typeof each !== "string")) {
      throw new RealtimeError(null, `The field '${name}' holds a file: files are not sent with an action.`, {name: "bad_arguments"})
    }
    const field = form.elements.namedItem(name)
    const several = values.length > 1 || (field instanceof HTMLSelectElement && field.multiple)
    args[name] = several ? values : values[0]
  }
  return args
}

/** @param {Element} element @returns {Record<string, unknown>} */
function fieldArgs(element) {
  const field = /** @type {import("./fields.js").Field} */ (element)
  if (!field.name) return {}
  if (field.type === "checkbox") return {[field.name]: /** @type {HTMLInputElement} */ (field).checked}
  if (field instanceof HTMLSelectElement && field.multiple) {
    return {[field.name]: [...field.selectedOptions].map(({value}) => value)}
  }
  return {[field.name]: field.value}
}

/** A refused choice goes back; a refused text stays, to be corrected. @param {import("./fields.js").Field} field */
function restoreChoice(field) {
  if (field instanceof HTMLSelectElement || field.type === "checkbox" || field.type === "radio") restore(field)
}

/** Sets the texts of a form's [data-live-error] elements. @param {Element} form @param {unknown} error null: clears them */
function showErrors(form, error) {
  if (!(form instanceof HTMLFormElement)) return
  const details = error instanceof RealtimeError ? error.details : {}
  for (const place of form.querySelectorAll("[data-live-error]")) {
    const field = place.getAttribute("data-live-error") ?? ""
    const sentences = field ? details[field] : error instanceof Error ? [error.message] : []
    place.textContent = (sentences ?? []).join(" ")
  }
}

/** @param {Element} element @param {string} type @param {unknown} detail */
function emit(element, type, detail) {
  // An element that has left the page meanwhile is heard at the document.
  const heard = element.isConnected ? element : element.ownerDocument
  heard.dispatchEvent(new CustomEvent(type, {bubbles: true, detail}))
}
