/**
 * The public object: connect(), live(), value(), call(), state.
 */

import {Connection} from "./connection.js"
import {Controls} from "./controls.js"
import {Forms} from "./forms.js"
import {LiveQueries} from "./live.js"
import * as messages from "./messages.js"
import {Monitor} from "./monitor.js"
import {Page} from "./page.js"
import {WebSocketTransport} from "./transports/websocket.js"

/** Marks the public object, so that the module, loaded under two addresses, still is one. */
const MARK = Symbol.for("realtime")

function create() {
  /** @type {string | undefined} */
  let chosen
  const connection = new Connection({
    monitor: new Monitor(),
    newTransport: (url) => new WebSocketTransport(url),
    report: (error) => report(error),
  })
  const report = (/** @type {unknown} */ error) => console.error(error)
  const page = new Page({document, connection, connect: () => keepConnected(), report})
  const queries = new LiveQueries(connection, (element) => page.subscriptionOf(element))

  /** @returns {string} */
  const address = () => {
    const path = chosen ?? document.querySelector("script[data-realtime-url]")?.getAttribute("data-realtime-url")
    if (!path) {
      throw new Error("The address of the server is not known: put {% realtime_script %} into the page, or call connect({url}).")
    }
    const url = new URL(path, location.href)
    url.protocol = url.protocol.replace(/^http/, "ws")
    url.hash = ""
    return url.href
  }

  /**
   * Connects, if that has not happened; a page with [data-live] in it, live(), value() and call() do so by themselves.
   *
   * @param {{url?: string}} [options] url: in place of that of {% realtime_script %}
   */
  const connect = ({url} = {}) => {
    chosen = url ?? chosen
    connection.connect(address())
  }

  /**
   * Opens a live query, whose rows come as data.
   *
   * @param {string} name of the stream
   * @param {import("./messages.js").Params} [params]
   */
  const live = (name, params = {}) => {
    keepConnected()
    return queries.open(name, params)
  }

  /**
   * Opens a live value.
   *
   * @param {string} stream
   * @param {import("./messages.js").Params} params
   * @param {string} name of the value
   */
  const value = (stream, params, name) => {
    keepConnected()
    return queries.openValue(stream, params, name)
  }

  /**
   * Calls an action of a stream.
   *
   * @param {string} stream
   * @param {import("./messages.js").Params} params
   * @param {string} action
   * @param {Record<string, unknown>} [args]
   * @param {import("./live.js").CallOptions} [options]
   * @returns {import("./calls.js").CallPromise} rejects with a RealtimeError
   */
  const call = (stream, params, action, args = {}, options = {}) => {
    try {
      keepConnected()
    } catch (error) {
      return connection.calls.refuse(error)
    }
    return queries.call({stream, params, action, args}, options)
  }

  const keepConnected = () => {
    if (connection.state === null) connect()
  }

  const start = () => {
    page.start()
    new Controls({document, call}).start()
    new Forms({document, call, follow: (url) => location.assign(url)}).start()
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start)
  else start()

  return {
    [MARK]: true,
    connect,
    live,
    value,
    call,
    RealtimeError: messages.RealtimeError,
    codes: messages.codes,
    /** "connecting", "catching-up", "live", "offline" or "refused"; null before anything was asked for. */
    get state() {
      return connection.state
    },
    /** How many calls wait for the connection. */
    get waiting() {
      return connection.calls.waiting
    },
  }
}

/** @type {any} */
const global = window
/** @type {ReturnType<typeof create>} */
const realtime = global.realtime?.[MARK] ? global.realtime : create()
global.realtime = realtime

export const {connect, live, value, call, RealtimeError, codes} = realtime
export default realtime
