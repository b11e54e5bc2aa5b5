/**
 * Forms of rows: form[data-live-form]. Errors are shown at the fields. Without this module, or if the form contains a file,
 * the browser submits it like any other form.
 */

import {showErrors} from "./form_errors.js"
import {attribute, call, emit, isForeignSubmit, isHere, show} from "./members.js"
import {BROWSERS_NAMES, contents, ownData, resetSent} from "./form_fields.js"
import {codes, RealtimeError} from "../protocol/messages.js"
import {settle} from "./morph.js"

/** @typedef {(target: import("../connection/calls.js").Target) => Promise<any>} Caller */

export class Forms {
  /** Forms with a pending call. @type {WeakSet<Element>} */
  #running = new WeakSet()

  /** @param {{document: Document, call: Caller, follow: (url: string) => void}} options follow: navigates to another page */
  constructor({document, call, follow}) {
    this.document = document
    this.call = call
    this.follow = follow
  }

  start() {
    call(this.document, "addEventListener", "submit", (/** @type {any} */ event) => this.#submit(event))
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    const form = event.target
    if (!(form instanceof HTMLFormElement) || attribute(form, "data-live-form") === null || event.defaultPrevented) return
    if (!attribute(form, "data-live-token") || isForeignSubmit(form, event.submitter)) return // then the browser submits it, with CSRF protection
    const data = formData(form, event.submitter)
    if (!data) return
    event.preventDefault()
    if (!this.#running.has(form)) this.#run(form, data)
  }

  /** @param {HTMLFormElement} form @param {Record<string, string | string[]>} data */
  async #run(form, data) {
    const held = contents(form)
    this.#running.add(form)
    show(form, "aria-busy", "true")
    try {
      const action = attribute(form, "data-live-form") ?? ""
      const pk = attribute(form, "data-live-pk")
      const args = pk === null ? {data} : {pk, data, version: versionOf(form)?.value ?? ""}
      const result = await this.call({token: attribute(form, "data-live-token") ?? "", action, args})
      showErrors(form, {}, {make: true})
      settle(held)
      if (pk === null) resetSent(form, held)
      else setVersion(form, result.version)
      emit(form, "realtime:reply", result)
      const next = attribute(form, "data-live-next")
      if (next && isHere(next, this.document)) this.follow(next)
    } catch (error) {
      this.#refuse(form, error)
    } finally {
      this.#running.delete(form)
      show(form, "aria-busy", null)
    }
  }

  /** @param {HTMLFormElement} form @param {unknown} error */
  #refuse(form, error) {
    const details = error instanceof RealtimeError ? error.details : {}
    const whole = details[""] ?? []
    const ownSentence = error instanceof RealtimeError && error.code === codes.invalid && Object.keys(details).length > 0
    const sentence = error instanceof Error ? error.message : String(error)
    showErrors(form, {...details, "": ownSentence ? whole : [sentence]}, {make: true})
    if (error instanceof RealtimeError && error.version !== undefined) setVersion(form, error.version)
    emit(form, "realtime:error", error)
  }
}

/**
 * Returns the form's data by field; null if it contains a file, which only the browser itself can send.
 *
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter
 * @returns {Record<string, string | string[]> | null}
 */
function formData(form, submitter) {
  const sent = ownData(form, submitter)
  /** @type {Record<string, string | string[]>} */
  const data = {}
  for (const field of new Set(sent.keys())) {
    if (BROWSERS_NAMES.test(field)) continue
    const values = sent.getAll(field)
    const files = values.filter((each) => typeof each !== "string")
    if (files.some((file) => /** @type {File} */ (file).size)) return null
    const texts = /** @type {string[]} */ (values.filter((each) => typeof each === "string"))
    if (texts.length) data[field] = texts.length > 1 ? texts : texts[0]
  }
  return data
}

/** @param {HTMLFormElement} form */
function versionOf(form) {
  return /** @type {HTMLInputElement | null} */ (call(form, "querySelector", 'input[name="_live_version"]'))
}

/** @param {HTMLFormElement} form @param {string | undefined} version */
function setVersion(form, version) {
  const field = versionOf(form)
  if (field && version !== undefined) field.value = version
}
