/**
 * Live queries as data: what `live()` and `value()` return.
 */

import {RealtimeError, sorted, valueFormat} from "../protocol/messages.js"
import {Store} from "./store.js"
import {Subscription} from "./result_set.js"

/** @typedef {import("../protocol/messages.js").Params} Params */
/** @typedef {import("../connection/connection.js").Connection} Connection */
/** @typedef {import("./optimistic.js").Expectation} Expectation */
/** @typedef {{connection: Connection, subscription: Subscription, stream: string, params: Params, close: () => void}} UseOptions */
/**
 * The default type of a row. `live<Task>("tasks")` sets another one.
 *
 * @typedef {Record<string, any>} Row
 */
/**
 * The expected effect of a call: on the live query that calls, or on several live queries or containers.
 *
 * @typedef {Expectation | [LiveQuery<any> | Element, Expectation][]} Optimistic
 * @typedef {{timeout?: number, optimistic?: Optimistic}} CallOptions timeout: in seconds
 */

/**
 * One user of a subscription. Users of the same live query share it.
 *
 * @template Seen
 */
class Use {
  /** Functions that remove this user's listeners. @type {Set<() => void>} */
  #ends = new Set()
  #close
  #connection
  #read
  #subscription

  /** @param {UseOptions & {read: (subscription: Subscription) => Seen}} options read: returns the user's view of the subscription */
  constructor({connection, subscription, stream, params, read, close}) {
    this.#connection = connection
    this.#subscription = subscription
    this.#read = read
    this.#close = close
    this.stream = stream
    this.params = params
  }

  /** "connecting", "catching-up", "live", "offline" or "refused". */
  get state() {
    return this.#connection.stateOf(this.#subscription)
  }

  /** Why the state is "refused". */
  get error() {
    return this.#subscription.error
  }

  /**
   * Calls back after each change, and at once if data is loaded.
   *
   * @param {(seen: Seen) => void} callback
   * @returns {() => void} ends it
   */
  subscribe = (callback) => {
    const listener = () => callback(this.getSnapshot())
    this.#subscription.listeners.add(listener)
    if (this.#subscription.filled) listener()
    const end = () => void this.#subscription.listeners.delete(listener)
    this.#ends.add(end)
    return () => {
      end()
      this.#ends.delete(end)
    }
  }

  /** The current snapshot, for React's useSyncExternalStore(query.subscribe, query.getSnapshot). @returns {Seen} */
  getSnapshot = () => this.#read(this.#subscription)

  /**
   * Returns a store of what `see` returns, updated at each change of the rows and the state.
   *
   * @template Snapshot
   * @param {() => Snapshot} see
   * @returns {Store<Snapshot>}
   */
  storeOf(see) {
    return new Store(see, (callback) => {
      const [{listeners}, {watchers}] = [this.#subscription, this.#connection]
      listeners.add(callback)
      watchers.add(callback)
      const end = () => void (listeners.delete(callback), watchers.delete(callback))
      this.#ends.add(end)
      return () => {
        end()
        this.#ends.delete(end)
      }
    })
  }

  /** @param {() => void} end called when this use ends */
  endWith(end) {
    this.#ends.add(end)
  }

  /** Ends this use. The last `close()` ends the subscription. */
  close() {
    for (const end of this.#ends) end()
    this.#ends.clear()
    this.#close()
    this.#close = () => {}
  }
}

/**
 * The rows of a stream.
 *
 * @template [T=Row]
 * @extends {Use<readonly T[]>}
 */
export class LiveQuery extends Use {
  #connection
  #queries
  #subscription

  /** @param {UseOptions & {queries: LiveQueries}} options */
  constructor(options) {
    super({...options, read: ({rows}) => /** @type {readonly any[]} */ (rows)})
    this.#connection = options.connection
    this.#queries = options.queries
    this.#subscription = options.subscription
  }

  /** Rows and state together, for React's useSyncExternalStore and the like: `{rows, state, error}`. */
  store = this.storeOf(() => ({rows: this.rows, state: this.state, error: this.error}))

  /** The rows in order, in an immutable array: each change creates a new one. @returns {readonly T[]} */
  get rows() {
    return /** @type {readonly any[]} */ (this.#subscription.rows)
  }

  /** The primary keys of the rows, as strings. */
  get keys() {
    return this.#subscription.keys
  }

  /**
   * Listens for an event of the other subscribers.
   *
   * @param {string} name
   * @param {import("./events.js").EventListener} callback
   * @returns {() => void} ends it
   */
  on(name, callback) {
    const end = this.#subscription.events.on(name, callback)
    this.endWith(end)
    return end
  }

  /**
   * Sends an event to the other subscribers. It may be lost.
   *
   * @param {string} name
   * @param {object} [data]
   * @returns {boolean} whether it was sent: false if the live query is not live
   */
  send(name, data) {
    return this.#connection.tell(this.#subscription, name, data)
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

  /** @param {LiveQuery<any>} query */
  static subscriptionOf(query) {
    return query.#subscription
  }
}

/**
 * The present users of a stream, as rows.
 *
 * @template [T=Row]
 * @extends {LiveQuery<T>}
 */
export class Presence extends LiveQuery {
  #connection
  #subscription

  /** @param {UseOptions & {queries: LiveQueries}} options */
  constructor(options) {
    super(options)
    this.#connection = options.connection
    this.#subscription = options.subscription
  }

  /** Sets the user's data, which all others see, and marks the user as present. @param {object} data up to 1 KiB as JSON */
  set(data) {
    this.#connection.present(this.#subscription, data)
  }
}

/**
 * A value of a stream.
 *
 * @template [T=any]
 * @extends {Use<T | undefined>}
 */
export class LiveValue extends Use {
  /** @param {UseOptions} options */
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

/** The live queries in use: one subscription for each stream with parameters and format. */
export class LiveQueries {
  /** @type {Map<string, {subscription: Subscription, uses: number}>} */
  #held = new Map()

  /**
   * @param {Connection} connection
   * @param {(element: Element) => Subscription | undefined} [subscriptionOf] returns a container's subscription
   */
  constructor(connection, subscriptionOf = () => undefined) {
    this.connection = connection
    this.subscriptionOf = subscriptionOf
  }

  /** @param {import("../connection/calls.js").Target} target @param {CallOptions} [options] */
  call(target, {timeout, optimistic = []} = {}) {
    /** @type {[Subscription, Expectation][]} */
    const expectations = []
    const pairs = Array.isArray(optimistic) ? optimistic : [[null, optimistic]]
    for (const [shown, expect] of pairs) {
      const subscription = shown instanceof LiveQuery ? LiveQuery.subscriptionOf(shown) : shown && this.subscriptionOf(/** @type {Element} */ (shown))
      if (!subscription || typeof expect !== "function") return this.connection.calls.refuse(badOptimistic())
      expectations.push([subscription, expect])
    }
    return this.connection.call(target, {timeout, expectations})
  }

  /** @template T @param {string} stream @param {Params} params @returns {LiveQuery<T>} */
  open(stream, params) {
    return new LiveQuery({...this.#use(stream, params, "data"), queries: this})
  }

  /** @template T @param {string} stream @param {Params} params @param {object | null} data null: only watch @param {boolean} [everyone] @returns {Presence<T>} */
  openPresence(stream, params, data, everyone = false) {
    const name = everyone ? `${stream}:presence:all` : `${stream}:presence`
    /** @type {Presence<T>} */
    const presence = new Presence({...this.#use(name, params, "data"), queries: this})
    if (data) presence.set(data)
    return presence
  }

  /** @template T @param {string} stream @param {Params} params @param {string} name @returns {LiveValue<T>} */
  openValue(stream, params, name) {
    return new LiveValue(this.#use(stream, params, valueFormat(name)))
  }

  /** @param {string} stream @param {Params} params @param {import("../protocol/messages.js").Format} format @returns {UseOptions} */
  #use(stream, params, format) {
    const id = JSON.stringify([stream, sorted(params), format])
    let held = this.#held.get(id)
    if (!held) {
      held = {subscription: new Subscription({stream, params, format, cursor: null}), uses: 0}
      this.#held.set(id, held)
      this.connection.subscribe(held.subscription)
    }
    held.uses += 1
    const shared = held
    const close = () => {
      shared.uses -= 1
      if (shared.uses) return
      this.#held.delete(id)
      this.connection.unsubscribe(shared.subscription)
    }
    return {connection: this.connection, subscription: shared.subscription, stream, params, close}
  }
}

function badOptimistic() {
  const reason = "The option 'optimistic' is a function of rows, in a live query's call(), or pairs of a live query or container and a function."
  return new RealtimeError(null, reason, {name: "bad_arguments"})
}
