/**
 * The transport of pages that share one connection: a port to the shared worker that holds it.
 *
 * A worker, and not one of the pages: none of them has to stay for the others, and none can freeze what is in between. Its
 * name has the address and the session, so pages of two sessions never meet in one.
 */

/** @typedef {import("./websocket.js").TransportHandlers} TransportHandlers */
/** @typedef {import("./websocket.js").Transport} Transport */

const ABNORMAL = 1006

/** Whether this browser has what it takes. */
export const canShare = () => typeof SharedWorker !== "undefined"

/** @implements {Transport} */
export class SharedTransport {
  /** @type {MessagePort | null} */
  #port = null
  /** @type {TransportHandlers | null} */
  #handlers = null
  #release = () => {}

  /** @param {{url: string, session: string, script: string}} options script: the address of this module, which is the worker's too */
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
      const worker = new SharedWorker(this.script, {type: "module", name: `realtime ${this.session} ${this.url}`})
      worker.onerror = () => this.#closed(ABNORMAL, "The shared worker could not be started.") // a policy forbids it
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
    queueMicrotask(() => this.#handlers?.opened()) // what is sent waits in the port
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

  /** The worker gets this lock when the page is no more, however it ended. @param {MessagePort} port */
  #holdLock(port) {
    const name = `realtime ${crypto.randomUUID()}`
    const released = new Promise((resolve) => (this.#release = () => resolve(undefined)))
    const held = () => {
      port.postMessage({alive: name})
      return released
    }
    navigator.locks?.request(name, held).catch(() => {}) // a page that may have none is noticed by its silence
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const handlers = this.#handlers
    this.close()
    handlers?.closed(code, reason)
  }
}
