/**
 * The shared worker: the module, loaded once more, as the place of the connection that several pages share.
 */

import {Switchboard} from "./switchboard.js"
import {WebSocketTransport} from "./transports/websocket.js"

/**
 * Serves the pages that connect to this worker.
 *
 * @param {EventTarget} scope the worker's own
 * @param {{newTransport?: (url: string) => import("./transports/websocket.js").Transport, locks?: LockManager | null}} [environment]
 */
export function serve(scope, {newTransport = (url) => new WebSocketTransport(url), locks = globalThis.navigator?.locks ?? null} = {}) {
  let address = "" // the same for all who find this worker, since its name has it
  const board = new Switchboard({
    newTransport: () => newTransport(address),
    after: (seconds, callback) => {
      const timer = setTimeout(callback, seconds * 1000)
      return () => clearTimeout(timer)
    },
    now: () => Date.now() / 1000,
  })
  scope.addEventListener("offline", () => board.cut("The network is gone."))
  scope.addEventListener("connect", (event) => {
    const [port] = /** @type {MessageEvent} */ (event).ports
    const page = board.join({
      send: (text) => port.postMessage(text),
      closed: (code, reason) => port.postMessage({code, reason}),
    })
    port.onmessage = ({data}) => {
      if (typeof data === "string") page.receive(data)
      else if (data === null) page.leave()
      else if (data.url) address = data.url
      else locks?.request(data.alive, () => page.leave()).catch(() => {}) // its silence tells too
    }
  })
}
