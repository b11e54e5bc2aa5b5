/**
 * Says in [data-live-connection] that the connection is lost, once that has lasted, and that it is back.
 */

import {sentence} from "../protocol/sentences.js"
import {call, show} from "./members.js"

/** A shorter outage, such as a restart of the server, is not worth an interruption. */
const OUTAGE_SECONDS = 5
/** For so long the page says that it is connected again. */
const BACK_SECONDS = 5

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

  /** @param {string} text */
  #say(text) {
    this.#text = text
    for (const place of call(this.document, "querySelectorAll", "[data-live-connection]")) {
      if (!call(place, "hasAttribute", "role")) show(place, "role", "status") // before it says anything
      if (place.textContent !== text) place.textContent = text
    }
  }
}
