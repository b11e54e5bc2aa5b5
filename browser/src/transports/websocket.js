/**
 * The WebSocket transport.
 *
 * Every transport has this face: `open`, `send`, `close`, and `on` for what comes. One object is one attempt; after
 * `closed`, or its own `close`, nothing comes any more. A transport that goes on by a new request asks for `renew`: hello
 * and all subscriptions are sent again, from their cursors, and the events that it could not send by the request at hand.
 * It returns whether nothing is awaited but news. `moved` asks for the same and for the calls: they went out by a road on
 * which nothing was heard.
 *
 * @typedef {{
 *   opened: () => void,
 *   message: (text: string) => void,
 *   renew: (events?: import("../messages.js").Send[]) => boolean,
 *   moved: () => void,
 *   closed: (code: number, reason: string) => void,
 * }} TransportHandlers
 *
 * @typedef {{
 *   on: (handlers: TransportHandlers) => void,
 *   open: () => void,
 *   send: (text: string) => void,
 *   close: () => void,
 * }} Transport
 */

/** Nothing was said why the connection ended. */
const ABNORMAL = 1006

/** @implements {Transport} */
export class WebSocketTransport {
  /** @type {WebSocket | null} */
  #socket = null
  /** @type {TransportHandlers | null} */
  #handlers = null

  /** @param {string} url */
  constructor(url) {
    this.url = url
  }

  /** @param {TransportHandlers} handlers */
  on(handlers) {
    this.#handlers = handlers
  }

  open() {
    try {
      this.#socket = new WebSocket(this.url)
    } catch (error) {
      queueMicrotask(() => this.#closed(ABNORMAL, String(error)))
      return
    }
    this.#socket.onopen = () => this.#handlers?.opened()
    this.#socket.onmessage = ({data}) => this.#handlers?.message(data)
    this.#socket.onclose = ({code, reason}) => this.#closed(code, reason)
  }

  /** @param {string} text */
  send(text) {
    this.#socket?.send(text)
  }

  close() {
    this.#handlers = null
    this.#socket?.close()
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const handlers = this.#handlers
    this.#handlers = null
    handlers?.closed(code, reason)
  }
}
