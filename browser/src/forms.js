/**
 * Forms of rows: form[data-live-form]. What the server refuses stands at its fields. Without this module, or with a file
 * in the form, the browser sends it as any other form.
 */

import {readJSON} from "./container.js"
import {contents} from "./fields.js"
import {codes, RealtimeError} from "./messages.js"
import {settle} from "./morph.js"

/** @typedef {(stream: string, params: Record<string, unknown>, action: string, args: Record<string, unknown>) => Promise<any>} Caller */
/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Control */

/** Fields by which the form finds its way without this module. */
const OWN = /^(_live_|csrfmiddlewaretoken$)/

export class Forms {
  /** Forms under way. @type {WeakSet<Element>} */
  #running = new WeakSet()
  #nextId = 1

  /** @param {{document: Document, call: Caller, follow: (url: string) => void}} options follow: goes to another page */
  constructor({document, call, follow}) {
    this.document = document
    this.call = call
    this.follow = follow
  }

  start() {
    this.document.addEventListener("submit", (event) => this.#submit(event))
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    const form = event.target
    if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-live-form") || event.defaultPrevented) return
    const data = formData(form, event.submitter)
    if (!data) return
    event.preventDefault()
    if (!this.#running.has(form)) this.#run(form, data)
  }

  /** @param {HTMLFormElement} form @param {Record<string, string | string[]>} data */
  async #run(form, data) {
    const held = contents(form)
    this.#running.add(form)
    form.setAttribute("aria-busy", "true")
    try {
      const action = form.getAttribute("data-live-form") ?? ""
      const pk = form.getAttribute("data-live-pk")
      const args = pk === null ? {data} : {pk, data, version: versionOf(form)?.value ?? ""}
      const params = readJSON(form, "data-live-params") ?? {}
      const result = await this.call(form.getAttribute("data-live-stream") ?? "", params, action, args)
      this.#show(form, {})
      settle(held)
      if (pk === null) form.reset()
      else setVersion(form, result.version)
      emit(form, "realtime:reply", result)
      const next = form.getAttribute("data-live-next")
      if (next) this.follow(next)
    } catch (error) {
      this.#refuse(form, error)
    } finally {
      this.#running.delete(form)
      form.removeAttribute("aria-busy")
    }
  }

  /** @param {HTMLFormElement} form @param {unknown} error */
  #refuse(form, error) {
    const details = error instanceof RealtimeError ? error.details : {}
    const whole = details[""] ?? []
    const ownSentence = error instanceof RealtimeError && error.code === codes.invalid && Object.keys(details).length > 0
    this.#show(form, {...details, "": ownSentence ? whole : [error instanceof Error ? error.message : String(error)]})
    if (error instanceof RealtimeError && error.version !== undefined) setVersion(form, error.version)
    emit(form, "realtime:error", error)
  }

  /** Puts sentences at their fields, and the focus into the first of these. @param {HTMLFormElement} form @param {Record<string, string[]>} sentences */
  #show(form, sentences) {
    for (const place of form.querySelectorAll("[data-live-error]")) place.textContent = ""
    for (const control of form.querySelectorAll("[aria-invalid]")) {
      control.removeAttribute("aria-invalid")
      describe(control, null)
    }
    /** @type {Control[]} */
    const wrong = []
    for (const [name, texts] of Object.entries(sentences)) {
      if (!texts.length) continue
      const controls = controlsOf(form, name)
      const place = this.#place(form, controls.length ? name : "", controls.at(-1))
      place.textContent = [place.textContent, ...texts].join(" ").trim()
      for (const control of controls) {
        control.setAttribute("aria-invalid", "true")
        describe(control, place.id)
        wrong.push(control)
      }
    }
    const elements = /** @type {Control[]} */ ([...form.elements])
    elements.find((element) => wrong.includes(element))?.focus()
  }

  /** Where a field's sentences go. @param {HTMLFormElement} form @param {string} name @param {Control} [control] */
  #place(form, name, control) {
    let place = [...form.querySelectorAll("[data-live-error]")].find((each) => each.getAttribute("data-live-error") === name)
    if (!place) {
      place = form.ownerDocument.createElement("p")
      place.setAttribute("data-live-error", name)
      if (!name) place.setAttribute("role", "alert")
      if (control) control.after(place)
      else form.append(place)
    }
    if (!place.id) place.id = `live-error-${this.#nextId++}`
    return place
  }
}

/**
 * What the form would send, by field; null where it holds a file, which only the browser itself can send.
 *
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter
 * @returns {Record<string, string | string[]> | null}
 */
function formData(form, submitter) {
  const sent = new FormData(form)
  const {name, value} = /** @type {{name?: string, value?: string}} */ (submitter ?? {})
  if (name) sent.append(name, value ?? "")
  /** @type {Record<string, string | string[]>} */
  const data = {}
  for (const field of new Set(sent.keys())) {
    if (OWN.test(field)) continue
    const values = sent.getAll(field)
    const files = values.filter((each) => typeof each !== "string")
    if (files.some((file) => /** @type {File} */ (file).size)) return null
    const texts = /** @type {string[]} */ (values.filter((each) => typeof each === "string"))
    if (texts.length) data[field] = texts.length > 1 ? texts : texts[0]
  }
  return data
}

/** @param {HTMLFormElement} form @param {string} name @returns {Control[]} */
function controlsOf(form, name) {
  return /** @type {Control[]} */ ([...form.elements].filter((each) => name && /** @type {Control} */ (each).name === name))
}

/** Adds the sentences' place to what describes a control; null: takes it away. @param {Element} control @param {string | null} id */
function describe(control, id) {
  const place = (/** @type {string} */ each) => control.ownerDocument.getElementById(each)?.hasAttribute("data-live-error")
  const others = (control.getAttribute("aria-describedby") ?? "").split(/\s+/).filter((each) => each && !place(each))
  const all = id ? [...others, id] : others
  if (all.length) control.setAttribute("aria-describedby", all.join(" "))
  else control.removeAttribute("aria-describedby")
}

/** @param {HTMLFormElement} form */
function versionOf(form) {
  return /** @type {HTMLInputElement | null} */ (form.querySelector('input[name="_live_version"]'))
}

/** @param {HTMLFormElement} form @param {string | undefined} version */
function setVersion(form, version) {
  const field = versionOf(form)
  if (field && version !== undefined) field.value = version
}

/** @param {Element} element @param {string} type @param {unknown} detail */
function emit(element, type, detail) {
  const heard = element.isConnected ? element : element.ownerDocument
  heard.dispatchEvent(new CustomEvent(type, {bubbles: true, detail}))
}
