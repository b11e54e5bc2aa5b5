/**
 * Flow control: counts the messages that a client has received, and says when to acknowledge them.
 */

/** The default limit of unacknowledged messages. */
export const DEFAULT_WINDOW = {frames: 32, bytes: 1048576}

export class Acknowledgements {
  /** How much the server sends without an acknowledgement. */
  window = DEFAULT_WINDOW

  #handled = 0 // messages since the welcome
  #frames = 0 // of those that are not acknowledged
  #bytes = 0

  /** Begins with another connection. */
  reset() {
    this.#handled = this.#frames = this.#bytes = 0
  }

  /** @param {number} size length of a message's text */
  received(size) {
    this.#bytes += size
  }

  /** Counts a message as handled. @param {boolean} isFrame whether it counts as a frame in the window */
  handled(isFrame) {
    this.#handled += 1
    if (isFrame) this.#frames += 1
  }

  /** Whether a quarter of the window is used. */
  get isDue() {
    return this.#frames >= this.window.frames / 4 || this.#bytes >= this.window.bytes / 4
  }

  /** Returns the acknowledgement of all handled messages, to be sent. @returns {import("./messages.js").ClientMessage} */
  next() {
    this.#frames = this.#bytes = 0
    return {type: "ack", messages: this.#handled}
  }
}
