/**
 * Elements that call an action: [data-live-call] on buttons, forms and fields.
 */

import {showErrors} from "./form_errors.js"
import {contents, ownData, resetSent, restore} from "./form_fields.js"
import {readJSON} from "./live_element.js"
import {listAround} from "./in_place.js"
import {attribute, call, emit, get, isForeign, isForeignSubmit, show} from "./members.js"
import {RealtimeError, badArguments} from "../protocol/messages.js"
import {sentence} from "../protocol/sentences.js"
import {settle} from "./morph.js"

/** @typedef {(target: import("../connection/calls.js").Target, options?: {timeout?: number}) => Promise<unknown>} Caller */
/** @typedef {import("../protocol/subscriptions.js").Subscription} Subscription */

/** Fields that call the action when they change. Other elements call it when they are clicked. */
const FIELDS = "select, textarea, input:not([type=button], [type=submit], [type=reset], [type=image])"

export class ActionElements {
  /** The number of pending calls of each element. @type {WeakMap<Element, number>} */
  #running = new WeakMap()

  /** @param {{document: Document, call: Caller, subscriptionOf?: (element: Element) => Subscription | undefined}} options subscriptionOf: returns a container's subscription */
  constructor({document, call, subscriptionOf = () => undefined}) {
    this.document = document
    this.call = call
    this.subscriptionOf = subscriptionOf
  }

  start() {
    // in the bubbling phase, so that a page's own listener can prevent the call
    call(this.document, "addEventListener", "click", (/** @type {any} */ event) => this.#click(event))
    call(this.document, "addEventListener", "submit", (/** @type {any} */ event) => this.#submit(event))
    call(this.document, "addEventListener", "change", ({target}) => this.#changed(target))
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const element = event.target instanceof Element ? call(event.target, "closest", "[data-live-call]") : null
    if (!element || element instanceof HTMLFormElement || call(element, "matches", FIELDS) || event.defaultPrevented || isForeign(element)) return
    event.preventDefault()
    if (!this.#running.has(element)) this.#run(element, () => ({}))
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    const form = event.target
    if (!(form instanceof HTMLFormElement) || attribute(form, "data-live-call") === null || event.defaultPrevented || isForeignSubmit(form, event.submitter)) return
    event.preventDefault()
    if (!this.#running.has(form)) this.#run(form, () => formArgs(form, event.submitter))
  }

  /** @param {EventTarget | null} target */
  #changed(target) {
    if (target instanceof Element && call(target, "matches", FIELDS) && attribute(target, "data-live-call") !== null && !isForeign(target)) {
      this.#run(target, () => fieldArgs(target))
    }
  }

  /** @param {Element} element @param {() => Record<string, unknown>} ownArgs */
  async #run(element, ownArgs) {
    const held = contents(element)
    showError(element, null)
    this.#count(element, 1)
    try {
      const args = {...readJSON(element, "data-live-args"), ...ownArgs()}
      const action = attribute(element, "data-live-call") ?? ""
      const result = await this.call({...this.#target(element), action, args}, {timeout: timeoutOf(element)})
      settle(held)
      if (element instanceof HTMLFormElement && attribute(element, "data-live-reset") !== null) resetSent(element, held)
      emit(element, "realtime:reply", result)
    } catch (error) {
      if (!(element instanceof HTMLFormElement)) for (const {field} of held) if (isChoice(field)) restore(field) // a refused text stays, so that the user can correct it
      showError(element, error)
      emit(element, "realtime:error", error)
    } finally {
      this.#count(element, -1)
    }
  }

  /**
   * Returns the stream that an element calls: that of the closest container, by the token that the server has signed.
   *
   * @param {Element} element
   * @returns {{token: string} | {stream: string, params: Record<string, unknown>}}
   */
  #target(element) {
    const owner = listAround(element, "[data-live-stream]")
    const subscription = owner && this.subscriptionOf(owner)
    // the token has expired, or is for other parameters
    if (subscription?.vouched && (!subscription.token || subscription.changed)) return {stream: subscription.stream, params: subscription.params ?? {}}
    const token = owner && attribute(owner, "data-live-token")
    if (token) return {token}
    const reason = "An element with data-live-call must stand in what {% live %} shows, or in an element with {% live_actions %}: its call needs their data-live-token."
    throw badArguments(reason)
  }

  /** @param {Element} element @param {1 | -1} step */
  #count(element, step) {
    const running = (this.#running.get(element) ?? 0) + step
    if (running) this.#running.set(element, running)
    else this.#running.delete(element)
    show(element, "aria-busy", running ? "true" : null)
  }
}

/** Returns how many seconds the call may wait for its reply; undefined: as long as other calls. @param {Element} element */
function timeoutOf(element) {
  const text = attribute(element, "data-live-timeout")
  if (text === null) return undefined
  const seconds = Number(text)
  if (seconds > 0) return seconds
  throw badArguments(`data-live-timeout is '${text}', which is not a number of seconds above 0.`)
}

/** @param {HTMLFormElement} form @param {HTMLElement | null} submitter */
function formArgs(form, submitter) {
  const data = ownData(form, submitter)
  data.delete("csrfmiddlewaretoken") // for the same form without JavaScript

  /** @type {Record<string, unknown>} */
  const args = {}
  for (const name of new Set(data.keys())) {
    const values = data.getAll(name)
    if (values.some((each) => typeof each !== "string")) {
      const reason = sentence("The field '{name}' contains a file. Actions cannot send files; use a form.", {name})
      throw badArguments(reason)
    }
    const field = get(form, "elements").namedItem(name)
    const several = values.length > 1 || (field instanceof HTMLSelectElement && field.multiple)
    args[name] = several ? values : values[0]
  }
  return args
}

/** @param {Element} element @returns {Record<string, unknown>} */
function fieldArgs(element) {
  const field = /** @type {import("./form_fields.js").Field} */ (element)
  if (!field.name) return {}
  if (field.type === "checkbox") return {[field.name]: /** @type {HTMLInputElement} */ (field).checked}
  if (field instanceof HTMLSelectElement && field.multiple) {
    return {[field.name]: [...field.selectedOptions].map(({value}) => value)}
  }
  return {[field.name]: field.value}
}

/** Shows the server's refusal at a form or field. @param {Element} element @param {unknown} error null: removes it */
function showError(element, error) {
  const details = error instanceof RealtimeError ? error.details : {}
  const sentences = error instanceof Error ? {...details, "": [error.message]} : {}
  if (element instanceof HTMLFormElement) showErrors(element, sentences, {make: false})
  else if (isText(element)) show(element, "aria-invalid", error ? "true" : null)
}

/** @param {Element} element */
function isText(element) {
  return call(element, "matches", FIELDS) && !isChoice(/** @type {import("./form_fields.js").Field} */ (element))
}

/** @param {import("./form_fields.js").Field} field */
function isChoice(field) {
  return field instanceof HTMLSelectElement || field.type === "checkbox" || field.type === "radio"
}
