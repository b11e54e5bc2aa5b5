/**
 * The CSRF token of a page, and how forms in live rows come to it: a row is rendered once for all who see it, so that it
 * cannot hold anyone's token.
 */

import {attribute, call, get, isForeign} from "./members.js"

const FIELD = "csrfmiddlewaretoken"

/** As it is now: a login in another window changes the cookie. "" where the page has none. @param {Document} document */
export function csrfToken(document) {
  const script = call(document, "querySelector", "script[data-realtime-url]")
  const name = `${script?.getAttribute("data-realtime-csrf-cookie") ?? ""}=`
  const cookie = cookies(document).split("; ").find((each) => name.length > 1 && each.startsWith(name))
  return cookie ? decodeURIComponent(cookie.slice(name.length)) : script?.getAttribute("data-realtime-csrf") ?? ""
}

/** A page in a sandbox may not ask. @param {Document} document */
function cookies(document) {
  try {
    return get(document, "cookie")
  } catch {
    return ""
  }
}

/** Gives the token to forms in live rows when the browser gathers what they send: the rows themselves stay as they are. */
export class RowForms {
  /** The button of the form that is being sent. @type {HTMLElement | null} */
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
      if (!call(form, "closest", "[data-live-key]") || isForeign(form) || !this.#staysHere(form)) return
      const other = [...call(document, "getElementsByName", FIELD)].find((input) => !input.closest("[data-live-key]"))
      const token = csrfToken(document) || /** @type {HTMLInputElement | undefined} */ (other)?.value
      if (token) formData.set(FIELD, token)
    })
  }

  /** The event before `formdata`, where a user sends the form. @param {HTMLElement | null} submitter */
  #note(submitter) {
    this.#submitter = submitter
    setTimeout(() => (this.#submitter = null))
  }

  /** Whether it is a POST to this site: nobody else is to know the token. @param {HTMLFormElement} form */
  #staysHere(form) {
    const button = this.#submitter && /** @type {HTMLButtonElement} */ (this.#submitter).form === form ? this.#submitter : null
    // a field may bear the name "action", which the form's property would be
    const method = button?.getAttribute("formmethod") ?? attribute(form, "method") ?? "get"
    const action = button?.getAttribute("formaction") ?? attribute(form, "action") ?? ""
    try {
      return method.toLowerCase() === "post" && new URL(action, get(this.document, "baseURI")).origin === get(this.document, "defaultView")?.location.origin
    } catch {
      return false
    }
  }
}
