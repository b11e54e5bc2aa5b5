/**
 * Live queries as data: what `live()` and `value()` return.
 */

import {RealtimeError, badArguments, sorted, valueFormat} from "../protocol/messages.js"
import {ParameterChange} from "./parameter_change.js"
import {Store} from "./store.js"
import {ResultSet} from "./result_set.js"
import {Unread} from "./unread.js"
import {WINDOW} from "./windows.js"

/** @typedef {import("../protocol/messages.js").Params} Params */
/** @typedef {import("../connection/connection.js").Connection} Connection */
/** @typedef {import("./optimistic.js").Expectation} Expectation */
/** @typedef {import("./parameter_change.js").Subscribed} Subscribed */
/** @typedef {{connection: Connection, stream: string, params: Params, subscribe: (params: Params, isNext: boolean) => Subscribed}} HandleOptions subscribe: subscribes with these parameters */
/**
 * The default type of a row. `live<Task>("tasks")` sets another one.
 *
 * @typedef {Record<string, any>} Row
 */
/**
 * The expected effect of a call: on the live query whose `call()` it is, or on several live queries or containers.
 *
 * @typedef {Expectation | [LiveQuery<any> | Element, Expectation][]} Optimistic
 * @typedef {{timeout?: number, optimistic?: Optimistic}} CallOptions timeout: in seconds
 */

/**
 * A handle to a subscription. Handles to the same live query share the subscription.
 *
 * @template Seen
 */
class Handle {
  /** The functions that attach listeners to the subscription, each with the function that detaches them. @type {Map<(resultSet: ResultSet) => () => void, () => void>} */
  #attached = new Map()
  /** @type {Set<() => void>} */
  #listeners = new Set()
  /** Why the server refused the last parameters. @type {RealtimeError | null} */
  #refusal = null
  #change
  #connection
  #subscribed
  #read

  /** @param {HandleOptions & {read: (resultSet: ResultSet) => Seen}} options read: returns the snapshot of a subscription */
  constructor({connection, stream, params, subscribe, read}) {
    this.#connection = connection
    this.#subscribed = subscribe(params, false)
    this.#read = read
    this.#change = new ParameterChange({
      subscribe: (changed) => subscribe(changed, true),
      take: (subscribed, changed) => this.#take(subscribed, changed),
      refuse: (error) => this.#refuse(error),
      after: connection.monitor.after,
    })
    this.stream = stream
    /** The parameters of the rows that are shown. */
    this.params = params
    const notify = () => this.#notify()
    this.attach(({listeners}) => {
      listeners.add(notify)
      return () => void listeners.delete(notify)
    })
  }

  /** "connecting", "catching-up", "live", "offline" or "refused". */
  get state() {
    const state = this.#connection.stateOf(this.#subscribed.resultSet)
    return this.#change.target && state === "live" ? "catching-up" : state
  }

  /** Why the state is "refused", or why the last `set()` was. */
  get error() {
    return this.#refusal ?? this.#subscribed.resultSet.error
  }

  /**
   * Changes the given parameters. The current rows stay until the new ones are loaded. If the server refuses the parameters,
   * the rows stay and `error` has the reason. Of several changes in a row, the last one wins.
   *
   * @param {Params} params
   */
  set(params) {
    this.#refusal = null
    this.#change.set({...(this.#change.target ?? this.params), ...params})
  }

  /**
   * Calls back after each change, and at once if data is loaded.
   *
   * @param {(seen: Seen) => void} callback
   * @returns {() => void} unsubscribes
   */
  subscribe = (callback) => {
    const listener = () => callback(this.getSnapshot())
    this.#listeners.add(listener)
    if (this.#subscribed.resultSet.filled) listener()
    return () => void this.#listeners.delete(listener)
  }

  /** The current snapshot, for React's useSyncExternalStore(query.subscribe, query.getSnapshot). @returns {Seen} */
  getSnapshot = () => this.#read(this.#subscribed.resultSet)

  /**
   * Returns a store of the snapshots that `see` returns, updated at each change of the rows and the state.
   *
   * @template Snapshot
   * @param {() => Snapshot} see
   * @returns {Store<Snapshot>}
   */
  storeOf(see) {
    return new Store(see, (callback) => {
      const listener = () => callback() // the same callback may be added twice
      return this.attach(() => {
        this.#listeners.add(listener)
        this.#connection.watchers.add(listener)
        return () => void (this.#listeners.delete(listener), this.#connection.watchers.delete(listener))
      })
    })
  }

  /** Attaches a listener to the current subscription and its successors. @param {(resultSet: ResultSet) => () => void} attach returns a function that detaches it @returns {() => void} detaches it for good */
  attach(attach) {
    this.#attached.set(attach, attach(this.#subscribed.resultSet))
    return () => {
      this.#attached.get(attach)?.()
      this.#attached.delete(attach)
    }
  }

  /** Closes this handle. The last `close()` ends the subscription. */
  close() {
    this.#change.close()
    for (const detach of this.#attached.values()) detach()
    this.#attached.clear()
    this.#listeners.clear()
    this.#subscribed.close()
  }

  /** @param {Subscribed} subscribed @param {Params} params */
  #take(subscribed, params) {
    const before = this.#subscribed
    this.#subscribed = subscribed
    this.params = params
    for (const [attach, detach] of this.#attached) {
      detach()
      this.#attached.set(attach, attach(subscribed.resultSet))
    }
    before.close()
    this.#notify()
  }

  /** @param {RealtimeError} error */
  #refuse(error) {
    this.#refusal = error
    this.#notify()
  }

  #notify() {
    for (const listener of [...this.#listeners]) this.#connection.safely(listener)
  }

  /** @param {Handle<any>} handle */
  static resultSetOf(handle) {
    return handle.#subscribed.resultSet
  }

  /** @param {Handle<any>} handle */
  static connectionOf(handle) {
    return handle.#connection
  }

  /** Calls the listeners of a handle. @param {Handle<any>} handle */
  static notify(handle) {
    handle.#notify()
  }

  /** The newest parameters of a handle, shown or requested. @param {Handle<any>} handle */
  static targetOf(handle) {
    return handle.#change.target ?? handle.params
  }
}

/**
 * The rows of a stream.
 *
 * @template [T=Row]
 * @extends {Handle<readonly T[]>}
 */
export class LiveQuery extends Handle {
  #queries

  /** @param {HandleOptions & {queries: LiveQueries}} options */
  constructor(options) {
    super({...options, read: ({rows}) => /** @type {readonly any[]} */ (rows)})
    this.#queries = options.queries
  }

  /** Rows and state together, for React's useSyncExternalStore and the like: `{rows, state, error}`. */
  store = this.storeOf(() => ({rows: this.rows, state: this.state, error: this.error}))

  /** The rows in order, in an immutable array: each change creates a new one. @returns {readonly T[]} */
  get rows() {
    return this.getSnapshot()
  }

  /** The primary keys of the rows, as strings. */
  get keys() {
    return Handle.resultSetOf(this).keys
  }

  /**
   * Listens for an event of the other subscribers.
   *
   * @param {string} name
   * @param {import("./events.js").EventListener} callback
   * @returns {() => void} removes the listener
   */
  on(name, callback) {
    return this.attach(({events}) => events.on(name, callback))
  }

  /**
   * Sends an event to the other subscribers. It may be lost.
   *
   * @param {string} name
   * @param {object} [data]
   * @returns {boolean} whether it was sent: false if the live query is not live
   */
  send(name, data) {
    return Handle.connectionOf(this).sendEvent(Handle.resultSetOf(this), name, data)
  }

  /**
   * Calls an action of the stream.
   *
   * @template [Result=any]
   * @param {string} action
   * @param {Record<string, unknown>} [args]
   * @param {Omit<CallOptions, "optimistic"> & {optimistic?: ((rows: readonly T[]) => readonly T[]) | [LiveQuery<any> | Element, Expectation][]}} [options]
   * @returns {import("../connection/calls.js").CallPromise<Result>} rejects with a RealtimeError
   */
  call(action, args = {}, {timeout, optimistic} = {}) {
    const target = {stream: this.stream, params: this.params, action, args}
    const several = typeof optimistic === "function" ? /** @type {[LiveQuery, Expectation][]} */ ([[this, optimistic]]) : optimistic
    return this.#queries.call(target, {timeout, optimistic: several})
  }
}

/**
 * The present users of a stream, as rows.
 *
 * @template [T=Row]
 * @extends {LiveQuery<T>}
 */
export class Presence extends LiveQuery {
  /** The handle that marks the user as present; null if this one only watches so far. @type {Presence<any> | null} */
  #marking = null
  #mark

  /** @param {HandleOptions & {queries: LiveQueries, mark: (() => Presence<any>) | null}} options mark: opens a handle that marks the user as present; null: this one does */
  constructor({mark, ...options}) {
    super(options)
    this.#mark = mark
  }

  /** Marks the user as present, with data that all other users see. @param {object} data up to 1 KiB as JSON */
  set(data) {
    this.#marking ??= this.#mark ? this.#mark() : this
    Handle.connectionOf(this).present(Handle.resultSetOf(this.#marking), data)
  }

  close() {
    if (this.#marking !== this) this.#marking?.close()
    this.#marking ??= this
    super.close()
  }
}

/**
 * A value of a stream.
 *
 * @template [T=any]
 * @extends {Handle<T | undefined>}
 */
export class LiveValue extends Handle {
  /** @param {HandleOptions} options */
  constructor(options) {
    super({...options, read: ({rows: [value]}) => /** @type {any} */ (value)})
  }

  /** Value and state together: `{value, state, error}`. */
  store = this.storeOf(() => ({value: this.value, state: this.state, error: this.error}))

  /** The value; undefined until it is loaded, and if it is refused. @returns {T | undefined} */
  get value() {
    return this.getSnapshot()
  }
}

/**
 * The rows of a stream with `paginate_by`, of which a virtual list shows a range.
 *
 * @template [T=Row]
 * @extends {LiveQuery<T>}
 */
export class LiveList extends LiveQuery {
  #extent
  /** The places that are to be shown, the last one excluded. @type {[number, number] | null} */
  #wanted = null

  /** @param {HandleOptions & {queries: LiveQueries, extent: LiveValue<{total: number, size: number}>}} options */
  constructor({extent, ...options}) {
    super(options)
    this.#extent = extent
    extent.subscribe(() => {
      this.#load()
      Handle.notify(this)
    })
  }

  /** Rows, their place and state together: `{rows, start, total, state, error}`. */
  store = this.storeOf(() => ({rows: this.rows, start: this.start, total: this.total, state: this.state, error: this.error}))

  /** The number of all rows; undefined until it is loaded. */
  get total() {
    return this.#extent.value?.total
  }

  /** The place of the first of `rows` among all rows, from 0. */
  get start() {
    return Number(String(this.params[WINDOW] ?? "0").split(":", 1)[0])
  }

  get error() {
    return super.error ?? this.#extent.error
  }

  /**
   * Loads the rows from one place up to another one, which is excluded, and follows them instead of the rows before. The
   * rows before stay until these are loaded. Of several calls, the last one wins.
   *
   * @param {number} from
   * @param {number} to
   */
  range(from, to) {
    this.#wanted = [from, to]
    this.#load()
  }

  /** Changes parameters, of the rows and of their number. @param {Params} params */
  set(params) {
    super.set(params)
    this.#extent.set(params)
  }

  close() {
    this.#extent.close()
    super.close()
  }

  /** Requests the pages that have these rows: readers of the same pages share a live query. */
  #load() {
    const size = this.#extent.value?.size
    if (!size || !this.#wanted) return
    const [from, to] = this.#wanted.map((each) => Math.max(0, each) || 0)
    const first = Math.floor(from / size)
    const window = `${first * size}:${Math.max(first + 1, Math.ceil(to / size)) * size}`
    if ((Handle.targetOf(this)[WINDOW] ?? `0:${size}`) !== window) super.set({[WINDOW]: window})
  }
}

/** The live queries in use: one subscription for each combination of stream, parameters and format, and one more for presence. */
export class LiveQueries {
  /** @type {Map<string, {resultSet: ResultSet, uses: number}>} */
  #inUse = new Map()

  /**
   * @param {Connection} connection
   * @param {(element: Element) => ResultSet | undefined} [resultSetOf] returns a container's subscription
   */
  constructor(connection, resultSetOf = () => undefined) {
    this.connection = connection
    this.resultSetOf = resultSetOf
  }

  /** @param {import("../connection/calls.js").Target} target @param {CallOptions} [options] */
  call(target, {timeout, optimistic = []} = {}) {
    /** @type {[ResultSet, Expectation][]} */
    const expectations = []
    const pairs = Array.isArray(optimistic) ? optimistic : [[null, optimistic]]
    for (const [shown, expect] of pairs) {
      const resultSet = shown instanceof LiveQuery ? LiveQuery.resultSetOf(shown) : shown && this.resultSetOf(/** @type {Element} */ (shown))
      if (!resultSet || typeof expect !== "function") return this.connection.calls.refuse(badOptimistic())
      expectations.push([resultSet, expect])
    }
    return this.connection.call(target, {timeout, expectations})
  }

  /** @template T @param {string} stream @param {Params} params @returns {LiveQuery<T>} */
  open(stream, params) {
    return new LiveQuery({...this.#optionsOf(stream, params, "data"), queries: this})
  }

  /** @template T @param {string} stream @param {Params} params @returns {LiveList<T>} */
  openList(stream, params) {
    return new LiveList({...this.#optionsOf(stream, params, "data"), queries: this, extent: this.openValue(stream, params, "extent")})
  }

  /** @template T @param {string} stream @param {Params} params @param {object | null} data null: only watch @param {boolean} [everyone] @returns {Presence<T>} */
  openPresence(stream, params, data, everyone = false) {
    const name = everyone ? `${stream}:presence:all` : `${stream}:presence`
    const mark = data === null ? () => this.openPresence(stream, params, {}, everyone) : null
    /** @type {Presence<T>} */
    const presence = new Presence({...this.#optionsOf(name, params, "data", data !== null), queries: this, mark})
    if (data) presence.set(data)
    return presence
  }

  /** @template T @param {string} stream @param {Params} params @param {string} name @returns {LiveValue<T>} */
  openValue(stream, params, name) {
    return new LiveValue(this.#optionsOf(stream, params, valueFormat(name)))
  }

  /** @param {string} stream @param {Params} params */
  openUnread(stream, params) {
    const {connection} = this
    const name = `${stream}:marker`
    const move = (/** @type {string} */ position) => this.call({stream: name, params, action: "mark_read", args: {position}})
    /** @type {LiveQuery<import("./unread.js").Newest>} */
    const newest = this.open(`${stream}:unread`, params)
    const isLoaded = () => LiveQuery.resultSetOf(newest).filled
    return new Unread({newest, isLoaded, marker: this.openValue(name, params, "marker"), move, connection})
  }

  /** @param {string} stream @param {Params} params @param {import("../protocol/messages.js").Format} format @param {boolean} [isPresent] whether it marks the user as present, until it is closed @returns {HandleOptions} */
  #optionsOf(stream, params, format, isPresent = false) {
    return {connection: this.connection, stream, params, subscribe: (changed, isNext) => this.#subscribe({stream, params: changed, format, isPresent, isNext})}
  }

  /** @param {{stream: string, params: Params, format: import("../protocol/messages.js").Format, isPresent: boolean, isNext: boolean}} target @returns {Subscribed} */
  #subscribe({stream, params, format, isPresent, isNext}) {
    const sent = /** @type {Params} */ (sorted(params)) // a copy: the caller may go on to change a list in it
    const id = JSON.stringify([stream, sent, format, isPresent])
    let found = this.#inUse.get(id)
    if (!found || found.resultSet.subscription.status === "refused") {
      found = {resultSet: new ResultSet({stream, params: sent, format, cursor: null, isNext}), uses: 0}
      this.#inUse.set(id, found)
      this.connection.subscribe(found.resultSet)
    }
    const used = found
    used.uses += 1
    used.resultSet.subscription.isNext &&= isNext
    const {resultSet} = used
    let isOpen = true
    const close = () => {
      if (!isOpen) return
      isOpen = false
      if (--used.uses) return
      if (this.#inUse.get(id) === used) this.#inUse.delete(id) // else it was refused, and requested again
      this.connection.unsubscribe(resultSet)
    }
    return {resultSet, close}
  }
}

function badOptimistic() {
  const reason = "The option 'optimistic' is a function of rows, in a live query's call(), or pairs of a live query or container and a function."
  return badArguments(reason)
}
