/**
 * Forms with files: form[data-live-upload]. A progress bar shows how much has been sent, and a button cancels it. Without this
 * module, or if no file is chosen, the browser submits such a form like any other.
 */

import {sentence} from "../protocol/sentences.js"
import {showErrors} from "./form_errors.js"
import {parsePage} from "./html.js"
import {attribute, call, documentOf, emit, get, isForeignSubmit, set, show} from "./members.js"

/** Tells realtime.middleware.UploadMiddleware to name the redirect in a header, so that only the browser follows it. */
const UPLOAD = "X-Realtime-Upload"
const LOCATION = "X-Realtime-Location"
/** Marks of a form with errors: Django's error list, and ARIA attributes. */
const ERRORS = '.errorlist, [aria-invalid="true"], [role="alert"]'

export class UploadForms {
  /** The forms with a running upload. @type {WeakSet<HTMLFormElement>} */
  #running = new WeakSet()

  /** @param {{document: Document, go: (url: string) => void}} options go: navigates to a page, or reloads this one */
  constructor({document, go}) {
    this.document = document
    this.go = go
  }

  start() {
    call(this.document, "addEventListener", "submit", (/** @type {any} */ event) => this.#submit(event))
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    const {target: form, submitter} = event
    if (!(form instanceof HTMLFormElement) || attribute(form, "data-live-upload") === null) return
    if (isForeignSubmit(form, submitter) || event.defaultPrevented || !filesOf(form).some((input) => input.files?.length)) return
    const address = addressOf(form, submitter)
    if (!address) return
    event.preventDefault()
    if (!this.#running.has(form)) this.#send(form, address, new FormData(form, submitter))
  }

  /** @param {HTMLFormElement} form @param {string} address @param {FormData} data */
  #send(form, address, data) {
    const request = new XMLHttpRequest()
    const area = makeArea(this.document, () => request.abort())
    const bar = /** @type {HTMLProgressElement} */ (call(area, "querySelector", "progress"))
    const end = () => {
      this.#running.delete(form)
      show(form, "aria-busy", null)
      call(area, "remove")
    }
    const fail = (/** @type {string} */ text) => {
      end()
      showErrors(form, {"": [text]}, {make: true, focus: false})
      emit(form, "realtime:upload-failed", {status: request.status})
    }
    request.upload.onprogress = ({loaded, total, lengthComputable}) => {
      if (lengthComputable) bar.value = Math.floor((100 * loaded) / Math.max(total, 1))
      emit(form, "realtime:upload", {loaded, total})
    }
    request.upload.onload = () => bar.removeAttribute("value") // everything was sent, and the server has not answered
    request.onload = () => this.#answer(form, address, request, end, fail)
    request.onerror = () => fail(sentence("The upload failed. Check your connection, and try again."))
    request.onabort = end
    request.open("POST", address)
    request.setRequestHeader(UPLOAD, "1")
    this.#running.add(form)
    showErrors(form, {}, {make: true})
    show(form, "aria-busy", "true")
    call(form, "append", area)
    request.send(data)
  }

  /**
   * @param {HTMLFormElement} form
   * @param {string} address
   * @param {XMLHttpRequest} request
   * @param {() => void} end
   * @param {(text: string) => void} fail
   */
  #answer(form, address, request, end, fail) {
    const named = request.getResponseHeader(LOCATION)
    const url = new URL(named ?? request.responseURL, address)
    const isPage = /^text\/html/.test(request.getResponseHeader("Content-Type") ?? "")
    const page = isPage ? parsePage(request.responseText) : null
    const again = page && sameForm(form, page)
    if (request.status < 400 && (named || !page || url.href !== address)) {
      end()
      if (/^https?:$/.test(url.protocol)) this.go(url.href)
    } else if (again && call(again, "matches", `:has(${ERRORS})`)) {
      end()
      showAgain(form, /** @type {HTMLFormElement} */ (again))
    } else if (request.status >= 400) {
      fail(sentence("The upload failed ({status}). Try again, or choose another file.", {status: request.status}))
    } else if (again) { // a redirect to the same address: the browser reloads the page
      end()
      this.go(address)
    } else {
      set(this.document, "title", page ? get(page, "title") : "")
      call(get(this.document, "body"), "replaceChildren", ...(page ? get(get(page, "body"), "childNodes") : []))
    }
  }
}

/** @param {HTMLFormElement} form @returns {HTMLInputElement[]} */
function filesOf(form) {
  return [...get(form, "elements")].filter((element) => element instanceof HTMLInputElement && element.type === "file")
    .map((element) => /** @type {HTMLInputElement} */ (element))
}

/** Returns the address to send the form to; "" if only the browser can send it. @param {HTMLFormElement} form @param {HTMLElement | null} submitter */
function addressOf(form, submitter) {
  const option = (/** @type {string} */ name) => (submitter && attribute(submitter, `form${name}`)) ?? attribute(form, name) ?? ""
  const isPost = option("method").toLowerCase() === "post" && option("enctype").toLowerCase() === "multipart/form-data"
  const {location} = /** @type {Window} */ (get(documentOf(form), "defaultView"))
  const url = new URL(option("action") || location.href, location.href)
  url.hash = ""
  return isPost && ["", "_self"].includes(option("target")) && url.origin === location.origin ? url.href : ""
}

/** Makes the element that shows the progress. @param {Document} document @param {() => void} cancel */
function makeArea(document, cancel) {
  const area = call(document, "createElement", "div")
  show(area, "data-live-upload-area", "")
  const bar = /** @type {HTMLProgressElement} */ (call(document, "createElement", "progress"))
  bar.max = 100
  bar.value = 0
  bar.setAttribute("aria-label", sentence("Upload"))
  const button = /** @type {HTMLButtonElement} */ (call(document, "createElement", "button"))
  button.type = "button"
  button.textContent = sentence("Cancel upload")
  button.addEventListener("click", cancel)
  call(area, "append", bar, " ", button)
  return area
}

/** Returns the same form of another version of the page: by its id, or by its place. @param {HTMLFormElement} form @param {Document} page */
function sameForm(form, page) {
  const id = attribute(form, "id")
  const forms = "form[data-live-upload]"
  const all = (/** @type {Document} */ document) => [...call(document, "querySelectorAll", forms)]
  const place = all(documentOf(form)).indexOf(form)
  return id ? call(page, "getElementById", id) : all(page)[place] ?? null
}

/** Shows the form with the server's errors, and keeps the chosen files, which a server cannot send. @param {HTMLFormElement} form @param {HTMLFormElement} again */
function showAgain(form, again) {
  const chosen = new Map(filesOf(form).map((input) => [input.name, input]))
  for (const input of filesOf(again)) {
    const own = chosen.get(input.name)
    if (!own) continue
    for (const name of ["aria-invalid", "aria-describedby"]) show(own, name, attribute(input, name))
    input.replaceWith(own)
  }
  call(form, "replaceChildren", ...get(again, "childNodes"))
  const wrong = /** @type {HTMLElement | null} */ (call(form, "querySelector", '[aria-invalid="true"]'))
  if (wrong) call(wrong, "focus")
}
