/**
 * The public object: connect(), live(), list(), value(), call(), presence(), send(), on(), state.
 */

import {Connection} from "./connection/connection.js"
import {ActionElements} from "./dom/action_elements.js"
import {RowForms} from "./dom/csrf.js"
import {Forms} from "./dom/forms.js"
import {call as callOf, get} from "./dom/members.js"
import {LiveQueries} from "./data/live_query.js"
import * as messages from "./protocol/messages.js"
import {translateAs} from "./protocol/sentences.js"
import {Monitor} from "./connection/reconnect.js"
import {Page} from "./dom/page.js"
import {ParameterForms} from "./dom/parameter_forms.js"
import {availableTransports, storage, tokenOfPage} from "./transports/endpoints.js"
import {serve} from "./transports/shared_worker.js"
import {Store} from "./data/store.js"
import {TransportSelector} from "./transports/selector.js"
import {UnreadCounts} from "./dom/unread_counts.js"
import {UploadForms} from "./dom/upload_forms.js"

/** Marks the public object, so that a module loaded from two URLs uses the same one. */
const MARK = Symbol.for("realtime")

function create() {
  /** @type {{url?: string, http?: string}} */
  let chosen = {}
  const monitor = new Monitor()
  const selector = new TransportSelector({
    list: () => availableTransports(chosen),
    after: monitor.after,
    now: () => Date.now() / 1000,
    memory: storage(),
  })
  const connection = new Connection({
    monitor,
    newTransport: () => selector.newTransport(),
    report: (error) => report(error),
    warn: (text) => console.warn(text),
  })
  const report = (/** @type {unknown} */ error) => console.error(error)
  const openUnread = (/** @type {string} */ name, /** @type {import("./protocol/messages.js").Params} */ params) => unread(name, params)
  const page = new Page({document, connection, connect: () => keepConnected(), report, openUnread})
  const queries = new LiveQueries(connection, (element) => page.resultSetOf(element))

  /**
   * Connects, unless already connected. A page with [data-live], live(), value() and call() connect by themselves.
   *
   * @param {{url?: string, http?: string, token?: import("./connection/connection.js").Token}} [options] url and http: the
   *   WebSocket's URL and the base URL of the HTTP transports, instead of those of {% realtime_script %};
   *   token: returns a token for each connection, if no cookie identifies the user
   */
  const connect = ({url, http, token} = {}) => {
    if (token && typeof token !== "function") {
      throw new TypeError("connect(): 'token' must be a function that returns a token; each connection asks it for one.")
    }
    if (url ?? http) chosen = {url, http}
    const first = connection.state === null ? tokenOfPage() : null
    connection.connect(availableTransports(chosen).map(({address}) => address).join(" "), token ?? first)
  }

  /**
   * Opens a live query whose rows are data.
   *
   * @template [T=import("./data/live_query.js").Row] the type of a row
   * @param {string} name of the stream
   * @param {import("./protocol/messages.js").Params} [params]
   * @returns {import("./data/live_query.js").LiveQuery<T>}
   */
  const live = (name, params = {}) => {
    keepConnected()
    return queries.open(name, params)
  }

  /**
   * Opens a range of the rows of a stream with `paginate_by`, for a virtual list.
   *
   * @template [T=import("./data/live_query.js").Row] the type of a row
   * @param {string} name of the stream
   * @param {import("./protocol/messages.js").Params} [params]
   * @returns {import("./data/live_query.js").LiveList<T>}
   */
  const list = (name, params = {}) => {
    keepConnected()
    return queries.openList(name, params)
  }

  /**
   * Opens a live value.
   *
   * @param {string} stream
   * @param {import("./protocol/messages.js").Params} params
   * @param {string} name of the value
   * @template [T=any] its type
   * @returns {import("./data/live_query.js").LiveValue<T>}
   */
  const value = (stream, params, name) => {
    keepConnected()
    return queries.openValue(stream, params, name)
  }

  /**
   * Opens the count of the rows that the user has not seen, of a stream with `unread_by`.
   *
   * @param {string} name of the stream
   * @param {import("./protocol/messages.js").Params} [params]
   * @returns {import("./data/unread.js").Unread}
   */
  const unread = (name, params = {}) => {
    keepConnected()
    return queries.openUnread(name, params)
  }

  /**
   * Calls an action of a stream.
   *
   * @param {string} stream
   * @param {import("./protocol/messages.js").Params} params
   * @param {string} action
   * @param {Record<string, unknown>} [args]
   * @param {import("./data/live_query.js").CallOptions} [options]
   * @template [Result=any]
   * @returns {import("./connection/calls.js").CallPromise<Result>} rejects with a RealtimeError
   */
  const call = (stream, params, action, args = {}, options = {}) => callTarget({stream, params, action, args}, options)

  /** @param {import("./connection/calls.js").Target} target @param {import("./data/live_query.js").CallOptions} [options] */
  const callTarget = (target, options) => {
    try {
      keepConnected()
    } catch (error) {
      return connection.calls.refuse(error)
    }
    return queries.call(target, options)
  }

  /**
   * Marks the user as present, and opens a live query of the present users.
   *
   * @param {string} stream that has presence
   * @param {import("./protocol/messages.js").Params} [params]
   * @param {{data?: object, watch?: boolean, everyone?: boolean}} [options] data: shown to the other users; watch: do not
   *   mark this user as present; everyone: all present users, not only the first fifty
   * @template [T=import("./data/live_query.js").Row] the type of a row
   * @returns {import("./data/live_query.js").Presence<T>}
   */
  const presence = (stream, params = {}, {data = {}, watch = false, everyone = false} = {}) => {
    keepConnected()
    return queries.openPresence(stream, params, watch ? null : data, everyone)
  }

  /**
   * Sends an event to the other subscribers of a live query of this page, in any format.
   *
   * @param {string} stream
   * @param {import("./protocol/messages.js").Params} params
   * @param {string} name
   * @param {object} [data]
   * @returns {boolean} whether it was sent
   */
  const send = (stream, params, name, data) =>
    connection.of(stream, JSON.stringify(messages.sorted(params))).some((each) => connection.sendEvent(each, name, data))

  /**
   * Listens for an event that the server sends to this user.
   *
   * @param {string} name
   * @param {import("./data/events.js").EventListener} callback
   * @returns {() => void} removes the listener
   */
  const on = (name, callback) => {
    keepConnected()
    return connection.events.on(name, callback)
  }

  /** Holds back the changes of all containers until resume(). Use data-live-paused for single containers. */
  const pause = () => page.pause()

  /** Applies the changes that were held back. */
  const resume = () => page.resume()

  const status = new Store(
    () => ({state: connection.state, waiting: connection.calls.waiting, held: page.held}),
    (callback) => {
      connection.watchers.add(callback)
      return () => void connection.watchers.delete(callback)
    },
  )

  const keepConnected = () => {
    if (connection.state === null) connect()
  }

  translateAs(document)
  const start = () => {
    page.start()
    new ActionElements({document, call: callTarget, subscriptionOf: (element) => page.resultSetOf(element)?.subscription}).start()
    new Forms({document, call: callTarget, follow: (url) => location.assign(url)}).start()
    new RowForms(document).start()
    new UploadForms({document, go: (url) => location.assign(url)}).start()
    new UnreadCounts({document, open: openUnread, report}).start()
    const {after, clock} = monitor
    new ParameterForms({document, containersOf: (name) => page.containersOf(name), after, now: clock.now}).start()
  }
  if (get(document, "readyState") === "loading") callOf(document, "addEventListener", "DOMContentLoaded", start)
  else start()

  return {
    [MARK]: true,
    connect,
    live,
    list,
    value,
    unread,
    call,
    presence,
    send,
    on,
    pause,
    resume,
    RealtimeError: messages.RealtimeError,
    codes: messages.codes,
    /** "connecting", "catching-up", "live", "offline" or "refused"; null until the page needs a connection. */
    get state() {
      return connection.state
    },
    /** The number of calls that wait for the connection. */
    get waiting() {
      return connection.calls.waiting
    },
    /** The number of rows that wait for resume(). */
    get held() {
      return page.held
    },
    /** These three values as a store: `{state, waiting, held}`. */
    status,
  }
}

/**
 * The object for server rendering and workers: it can be imported, but its functions throw.
 *
 * @returns {any}
 */
function withoutPage() {
  const seen = Object.freeze({state: null, waiting: 0, held: 0})
  const needsPage = (/** @type {string} */ name) => () => {
    throw new Error(`realtime.${name}() needs a page: call it in the browser, not where a server renders.`)
  }
  return {
    ...Object.fromEntries(["connect", "live", "list", "value", "unread", "call", "presence", "send", "on", "pause", "resume"].map((name) => [name, needsPage(name)])),
    RealtimeError: messages.RealtimeError,
    codes: messages.codes,
    ...seen,
    status: new Store(() => seen, () => () => {}),
  }
}

/** Returns the public object in a page; in a shared worker, serves the pages. @returns {ReturnType<typeof create>} */
function start() {
  /** @type {any} */
  const global = globalThis
  if (global.window?.document) return (global.window.realtime = global.window.realtime?.[MARK] ? global.window.realtime : create())
  if (typeof global.SharedWorkerGlobalScope === "function" && global instanceof global.SharedWorkerGlobalScope) serve(global)
  return withoutPage()
}
const realtime = start()

export const {connect, live, list, value, unread, call, presence, send, on, pause, resume, status, RealtimeError, codes} = realtime
export default realtime
