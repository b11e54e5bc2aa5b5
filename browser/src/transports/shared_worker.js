/**
 * The shared worker: the same module, loaded as a worker that holds the shared connection of several pages.
 */

import {newClock} from "../connection/clock.js"
import {Multiplexer} from "./multiplexer.js"
import {WebSocketTransport} from "./websocket.js"

/**
 * Serves the pages that connect to this worker.
 *
 * @param {EventTarget} scope the worker's own
 * @param {{newTransport?: (url: string) => import("./websocket.js").Transport, locks?: LockManager | null}} [environment]
 */
export function serve(scope, {newTransport = (url) => new WebSocketTransport(url), locks = globalThis.navigator?.locks ?? null} = {}) {
  let address = "" // the same for all pages of this worker, because it is part of the worker's name
  const multiplexer = new Multiplexer({
    newTransport: () => newTransport(address),
    after: (seconds, callback) => {
      const timer = setTimeout(callback, seconds * 1000)
      return () => clearTimeout(timer)
    },
    now: newClock(),
  })
  scope.addEventListener("offline", () => multiplexer.cut("The network is gone."))
  scope.addEventListener("connect", (event) => {
    const [port] = /** @type {MessageEvent} */ (event).ports
    const page = multiplexer.join({
      send: (text) => port.postMessage(text),
      closed: (code, reason) => port.postMessage({code, reason}),
    })
    port.onmessage = ({data}) => {
      if (typeof data === "string") page.receive(data)
      else if (data === null) page.leave()
      else if (data.url) address = data.url
      else locks?.request(data.alive, () => page.leave()).catch(() => {}) // without locks, the worker notices the page's silence
    }
  })
}
