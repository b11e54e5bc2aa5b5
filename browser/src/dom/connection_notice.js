/**
 * Reports in [data-live-connection] that the connection has been lost for some seconds, and that it is back.
 */

import {sentence} from "../protocol/sentences.js"
import {call, get, isForeign, matchesIn, set, show} from "./members.js"

/** Shorter outages, such as a restart of the server, are not reported. */
export const OUTAGE_SECONDS = 5
/** How long the page reports that it is connected again. */
const BACK_SECONDS = 5
const PLACE = "[data-live-connection]"

export class ConnectionNotice {
  /** Cancels the timer for the next text. */
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
    if (isLost && this.#isLost) return // the same outage, while the page reconnects
    this.#isLost = isLost
    this.#cancel()
    const wasShown = state === "live" && this.#text !== ""
    this.#setText(state === "refused" ? reason : wasShown ? sentence("Connected again.") : "")
    if (isLost) this.#cancel = this.after(OUTAGE_SECONDS, () => this.#setText(sentence("Offline: this page may be out of date.")))
    else if (wasShown) this.#cancel = this.after(BACK_SECONDS, () => this.#setText(""))
  }

  /** Shows the current text in a new part of the page too. @param {Element} root */
  fill(root) {
    for (const place of matchesIn(root, PLACE)) {
      if (isForeign(place)) continue
      if (!call(place, "hasAttribute", "role")) show(place, "role", "status") // before it has a text
      if (get(place, "textContent") !== this.#text) set(place, "textContent", this.#text)
    }
  }

  /** @param {string} text */
  #setText(text) {
    this.#text = text
    this.fill(get(this.document, "documentElement"))
  }
}
