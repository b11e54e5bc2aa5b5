/**
 * Says in [data-live-connection] that the connection is lost, once that has lasted, and that it is back.
 */

import {sentence} from "../protocol/sentences.js"
import {call, get, show} from "./members.js"

/** A shorter outage, such as a restart of the server, is not worth an interruption. */
export const OUTAGE_SECONDS = 5
/** For so long the page says that it is connected again. */
const BACK_SECONDS = 5
const PLACE = "[data-live-connection]"

export class ConnectionNotice {
  /** Ends the wait for the next word. */
  #cancel = () => {}
  #isLost = false
  #text = ""

  /** @param {Document} document @param {(seconds: number, callback: () => void) => () => void} after */
  constructor(document, after) {
    this.document = document
    this.after = after
  }

  /** @param {string | null} state of the connection @param {string} [reason] why it is refused */
  show(state, reason = "") {
    const isLost = state !== "live" && state !== "refused" && state !== null
    if (isLost && this.#isLost) return // the outage goes on, whatever is tried meanwhile
    this.#isLost = isLost
    this.#cancel()
    const wasSaid = state === "live" && this.#text !== ""
    this.#say(state === "refused" ? reason : wasSaid ? sentence("Connected again.") : "")
    if (isLost) this.#cancel = this.after(OUTAGE_SECONDS, () => this.#say(sentence("Offline: this page may be out of date.")))
    else if (wasSaid) this.#cancel = this.after(BACK_SECONDS, () => this.#say(""))
  }

  /** Says in a part of the page that is new what is said elsewhere. @param {Element} root */
  fill(root) {
    const places = [...call(root, "querySelectorAll", PLACE)]
    if (call(root, "matches", PLACE)) places.push(root)
    for (const place of places) {
      if (!call(place, "hasAttribute", "role")) show(place, "role", "status") // before it says anything
      if (place.textContent !== this.#text) place.textContent = this.#text
    }
  }

  /** @param {string} text */
  #say(text) {
    this.#text = text
    this.fill(get(this.document, "documentElement"))
  }
}
