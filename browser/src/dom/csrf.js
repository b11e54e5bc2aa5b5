/**
 * The CSRF token of a page, also for forms in live rows. A row is rendered once for all users who see it, so its HTML has no
 * user's token.
 */

import {attribute, call, get, isForeignSubmit, isHere} from "./members.js"

const FIELD = "csrfmiddlewaretoken"

/** Returns the current token: a login in another window changes the cookie. "" if the page has none. @param {Document} document */
export function csrfToken(document) {
  const script = call(document, "querySelector", "script[data-realtime-url]")
  const name = `${(script && attribute(script, "data-realtime-csrf-cookie")) ?? ""}=`
  const cookie = cookies(document).split("; ").find((each) => name.length > 1 && each.startsWith(name))
  return cookie ? decodeURIComponent(cookie.slice(name.length)) : (script && attribute(script, "data-realtime-csrf")) ?? ""
}

/** Returns the page's cookies; a sandboxed page may not read them. @param {Document} document */
function cookies(document) {
  try {
    return get(document, "cookie")
  } catch {
    return ""
  }
}

/** Adds the token to the data of forms in live rows when they are submitted. The rows themselves are not changed. */
export class RowForms {
  /** The button that submits the form. @type {HTMLElement | null} */
  #submitter = null

  /** @param {Document} document */
  constructor(document) {
    this.document = document
  }

  start() {
    const {document} = this
    call(document, "addEventListener", "submit", (/** @type {any} */ {submitter}) => this.#note(submitter), true)
    call(document, "addEventListener", "formdata", (/** @type {any} */ {target, formData}) => {
      const form = /** @type {HTMLFormElement} */ (target)
      if (!call(form, "closest", "[data-live-key]") || isForeignSubmit(form, this.#submitter) || !this.#staysHere(form)) return
      const other = [...call(document, "getElementsByName", FIELD)].find((input) => !call(input, "closest", "[data-live-key]"))
      const token = csrfToken(document) || /** @type {HTMLInputElement | undefined} */ (other)?.value
      if (token) formData.set(FIELD, token)
    })
  }

  /** Notes the button: `submit` precedes `formdata` if the user submits the form. @param {HTMLElement | null} submitter */
  #note(submitter) {
    this.#submitter = submitter
    setTimeout(() => (this.#submitter = null))
  }

  /** Returns whether the form is a POST to this site: no other site may learn the token. @param {HTMLFormElement} form */
  #staysHere(form) {
    const button = this.#submitter && /** @type {HTMLButtonElement} */ (this.#submitter).form === form ? this.#submitter : null
    // a field named "action" would shadow the form's property
    const method = (button && attribute(button, "formmethod")) ?? attribute(form, "method") ?? "get"
    const action = (button && attribute(button, "formaction")) ?? attribute(form, "action") ?? ""
    return method.toLowerCase() === "post" && isHere(action, this.document)
  }
}
