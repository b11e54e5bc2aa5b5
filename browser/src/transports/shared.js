/**
 * The transport of pages that share a connection: a port to the shared worker that holds the connection.
 *
 * The connection is in a worker, not in one of the pages, so that any page can be closed or frozen without affecting the
 * others. The worker's name contains the URL and the session, so pages of different sessions never share one.
 */

import {trusted} from "../dom/html.js"
import {ABNORMAL, newId} from "../protocol/messages.js"

/** @typedef {import("./websocket.js").TransportHandlers} TransportHandlers */
/** @typedef {import("./websocket.js").Transport} Transport */

/** Whether this browser supports sharing. */
export const canShare = () => typeof SharedWorker !== "undefined"

/** @implements {Transport} */
export class SharedTransport {
  /** @type {MessagePort | null} */
  #port = null
  /** @type {TransportHandlers | null} */
  #handlers = null
  #release = () => {}

  /** @param {{url: string, session: string, script: string}} options script: the URL of this module, which the worker loads too */
  constructor({url, session, script}) {
    this.url = url
    this.session = session
    this.script = script
  }

  /** @param {TransportHandlers} handlers */
  on(handlers) {
    this.#handlers = handlers
  }

  open() {
    try {
      const worker = new SharedWorker(trusted("createScriptURL", this.script), {type: "module", name: `realtime ${this.session} ${this.url}`})
      worker.onerror = () => this.#closed(ABNORMAL, "The shared worker could not be started.") // forbidden by a Content-Security-Policy
      this.#port = worker.port
    } catch (error) {
      queueMicrotask(() => this.#closed(ABNORMAL, String(error)))
      return
    }
    this.#port.onmessage = ({data}) => {
      if (typeof data === "string") this.#handlers?.message(data)
      else this.#closed(data.code, data.reason)
    }
    this.#port.postMessage({url: this.url})
    this.#holdLock(this.#port)
    queueMicrotask(() => this.#handlers?.opened()) // messages wait in the port
  }

  /** @param {string} text */
  send(text) {
    this.#port?.postMessage(text)
  }

  close() {
    this.#handlers = null
    this.#port?.postMessage(null)
    this.#port?.close()
    this.#port = null
    this.#release()
  }

  /** Holds a lock that the worker gets when the page has ended for any reason. @param {MessagePort} port */
  #holdLock(port) {
    const name = `realtime ${newId()}`
    const released = new Promise((resolve) => (this.#release = () => resolve(undefined)))
    const held = () => {
      port.postMessage({alive: name})
      return released
    }
    navigator.locks?.request(name, held).catch(() => {}) // without locks, the worker notices the page's silence
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const handlers = this.#handlers
    this.close()
    handlers?.closed(code, reason)
  }
}
