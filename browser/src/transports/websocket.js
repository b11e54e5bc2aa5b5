/**
 * The WebSocket transport.
 *
 * Every transport has this interface: `open`, `send`, `close`, and `on` for handlers. One object is one attempt. It calls no
 * handler after `closed`, or after its own `close`. A transport that continues with a new request calls `renew`: hello and all
 * subscriptions are sent again, from their cursors, with the events that the current request could not send. `renew` returns
 * whether all subscriptions were answered. `moved` does the same and repeats the calls, because the previous transport received
 * no answer.
 *
 * @typedef {{
 *   opened: () => void,
 *   message: (text: string) => void,
 *   renew: (events?: import("../protocol/messages.js").Send[]) => boolean,
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

import {ABNORMAL} from "../protocol/messages.js"

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
