/**
 * The public object: connect(), live(), value(), call(), presence(), send(), on(), state.
 */

import {Connection} from "./connection.js"
import {Controls} from "./controls.js"
import {RowForms} from "./csrf.js"
import {Forms} from "./forms.js"
import {LiveQueries} from "./live.js"
import * as messages from "./messages.js"
import {Monitor} from "./monitor.js"
import {Page} from "./page.js"
import {roadsTo, storage} from "./roads.js"
import {serve} from "./sharedworker.js"
import {Store} from "./store.js"
import {Roads} from "./transports/fallback.js"

/** Marks the public object, so that the module, loaded under two addresses, still is one. */
const MARK = Symbol.for("realtime")

function create() {
  /** @type {{url?: string, http?: string}} */
  let chosen = {}
  const monitor = new Monitor()
  const roads = new Roads({
    list: () => roadsTo(chosen),
    after: (seconds, callback) => monitor.after(seconds, callback),
    now: () => Date.now() / 1000,
    memory: storage(),
  })
  const connection = new Connection({
    monitor,
    newTransport: () => roads.newTransport(),
    report: (error) => report(error),
  })
  const report = (/** @type {unknown} */ error) => console.error(error)
  const page = new Page({document, connection, connect: () => keepConnected(), report})
  const queries = new LiveQueries(connection, (element) => page.subscriptionOf(element))

  /**
   * Connects, if that has not happened; a page with [data-live] in it, live(), value() and call() do so by themselves.
   *
   * @param {{url?: string, http?: string, token?: import("./connection.js").Token}} [options] url and http: in place of
   *   the addresses of {% realtime_script %}, that of the WebSocket and the folder of those of the HTTP transports;
   *   token: gives a token for each connection, where no cookie says who the user is
   */
  const connect = ({url, http, token} = {}) => {
    if (token && typeof token !== "function") {
      throw new TypeError("connect(): 'token' must be a function that returns a token; each connection asks it for one.")
    }
    if (url ?? http) chosen = {url, http}
    connection.connect(roadsTo(chosen).map(({address}) => address).join(" "), token)
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

  /**
   * Says that the user is here, and shows who else is.
   *
   * @param {string} stream that has presence
   * @param {import("./messages.js").Params} [params]
   * @param {{data?: object, watch?: boolean}} [options] data: what the user says of themselves; watch: only look on
   */
  const presence = (stream, params = {}, {data = {}, watch = false} = {}) => {
    keepConnected()
    return queries.openPresence(stream, params, watch ? null : data)
  }

  /**
   * Sends an event to the others who see a live query that this page has, in whatever format.
   *
   * @param {string} stream
   * @param {import("./messages.js").Params} params
   * @param {string} name
   * @param {object} [data]
   * @returns {boolean} whether it went out
   */
  const send = (stream, params, name, data) =>
    connection.of(stream, JSON.stringify(messages.sorted(params))).some((each) => connection.tell(each, name, data))

  /**
   * Listens to an event that the server sends to this user.
   *
   * @param {string} name
   * @param {import("./events.js").EventListener} callback
   * @returns {() => void} ends it
   */
  const on = (name, callback) => {
    keepConnected()
    return connection.events.on(name, callback)
  }

  const status = new Store(
    () => ({state: connection.state, waiting: connection.calls.waiting}),
    (callback) => {
      connection.watchers.add(callback)
      return () => void connection.watchers.delete(callback)
    },
  )

  const keepConnected = () => {
    if (connection.state === null) connect()
  }

  const start = () => {
    page.start()
    new Controls({document, call}).start()
    new Forms({document, call, follow: (url) => location.assign(url)}).start()
    new RowForms(document).start()
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start)
  else start()

  return {
    [MARK]: true,
    connect,
    live,
    value,
    call,
    presence,
    send,
    on,
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
    /** Both together, as a store: `{state, waiting}`. */
    status,
  }
}

/** In a page the public object, in a shared worker nothing but the worker's work. @returns {ReturnType<typeof create>} */
function start() {
  /** @type {any} */
  const global = globalThis.window
  if (global) return (global.realtime = global.realtime?.[MARK] ? global.realtime : create())
  serve(globalThis)
  return /** @type {any} */ ({})
}
const realtime = start()

export const {connect, live, value, call, presence, send, on, status, RealtimeError, codes} = realtime
export default realtime
