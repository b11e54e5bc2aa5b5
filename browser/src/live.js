/**
 * Live queries as data: what `live()` and `value()` return.
 */

import {RealtimeError, sorted, valueFormat} from "./messages.js"
import {Store} from "./store.js"
import {Subscription} from "./subscription.js"

/** @typedef {import("./messages.js").Params} Params */
/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./overlays.js").Expectation} Expectation */
/** @typedef {{connection: Connection, subscription: Subscription, stream: string, params: Params, close: () => void}} UseOptions */
/**
 * What a call is expected to do: of the live query that calls, or of several: live queries, or containers in the page.
 *
 * @typedef {Expectation | [LiveQuery | Element, Expectation][]} Optimistic
 * @typedef {{timeout?: number, optimistic?: Optimistic}} CallOptions timeout: in seconds
 */

/** One user of a subscription. Users of the same live query share it. */
class Use {
  /** What ends each of this user's listeners. @type {Set<() => void>} */
  #ends = new Set()
  #close
  #connection
  #read
  #subscription

  /** @param {UseOptions & {read: (subscription: Subscription) => any}} options read: what the user sees of the subscription */
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
   * Calls back at once if there is something, and after each change.
   *
   * @param {(seen: any) => void} callback
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

  /** What is there, as React's useSyncExternalStore(query.subscribe, query.getSnapshot) wants it. @returns {any} */
  getSnapshot = () => this.#read(this.#subscription)

  /**
   * What `see` gives, as a store that hears of each change of the rows and of the state.
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

  /** Ends this use; the last one to end leaves the live query. */
  close() {
    for (const end of this.#ends) end()
    this.#ends.clear()
    this.#close()
    this.#close = () => {}
  }
}

/** The rows of a stream. */
export class LiveQuery extends Use {
  #connection
  #queries
  #subscription

  /** @param {UseOptions & {queries: LiveQueries}} options */
  constructor(options) {
    super({...options, read: ({rows}) => rows})
    this.#connection = options.connection
    this.#queries = options.queries
    this.#subscription = options.subscription
  }

  /** Rows and state together, for React's useSyncExternalStore and the like: `{rows, state, error}`. */
  store = this.storeOf(() => ({rows: this.rows, state: this.state, error: this.error}))

  /** The rows in order: an array that never changes; a change brings another. @returns {readonly any[]} */
  get rows() {
    return this.#subscription.rows
  }

  /** The primary keys of the rows, as strings. */
  get keys() {
    return this.#subscription.keys
  }

  /**
   * Listens to an event of those who see the same.
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
   * Sends an event to the others who see the same. It may be lost.
   *
   * @param {string} name
   * @param {object} [data]
   * @returns {boolean} whether it went out: false where the live query is not live
   */
  send(name, data) {
    return this.#connection.tell(this.#subscription, name, data)
  }

  /**
   * Calls an action of the stream.
   *
   * @param {string} action
   * @param {Record<string, unknown>} [args]
   * @param {CallOptions} [options]
   */
  call(action, args = {}, {timeout, optimistic} = {}) {
    const target = {stream: this.stream, params: this.params, action, args}
    const several = typeof optimistic === "function" ? /** @type {[LiveQuery, Expectation][]} */ ([[this, optimistic]]) : optimistic
    return this.#queries.call(target, {timeout, optimistic: several})
  }

  /** @param {LiveQuery} query */
  static subscriptionOf(query) {
    return query.#subscription
  }
}

/** The people who are somewhere: rows of a stream of presence. */
export class Presence extends LiveQuery {
  #connection
  #subscription

  /** @param {UseOptions & {queries: LiveQueries}} options */
  constructor(options) {
    super(options)
    this.#connection = options.connection
    this.#subscription = options.subscription
  }

  /** Says something of the user, which all others see; and that the user is here. @param {object} data up to 1 KiB as JSON */
  set(data) {
    this.#connection.present(this.#subscription, data)
  }
}

/** A value of a stream. */
export class LiveValue extends Use {
  /** @param {UseOptions} options */
  constructor(options) {
    super({...options, read: ({rows: [value]}) => value})
  }

  /** Value and state together: `{value, state, error}`. */
  store = this.storeOf(() => ({value: this.value, state: this.state, error: this.error}))

  /** The value; undefined before it has come, and where it is refused. @returns {any} */
  get value() {
    return this.getSnapshot()
  }
}

/** The live queries in use, one subscription for each name with its parameters and format. */
export class LiveQueries {
  /** @type {Map<string, {subscription: Subscription, uses: number}>} */
  #held = new Map()

  /**
   * @param {Connection} connection
   * @param {(element: Element) => Subscription | undefined} [subscriptionOf] that of a container in the page
   */
  constructor(connection, subscriptionOf = () => undefined) {
    this.connection = connection
    this.subscriptionOf = subscriptionOf
  }

  /** @param {import("./calls.js").Target} target @param {CallOptions} [options] */
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

  /** @param {string} stream @param {Params} params */
  open(stream, params) {
    return new LiveQuery({...this.#use(stream, params, "data"), queries: this})
  }

  /** @param {string} stream @param {Params} params @param {object | null} data null: to look on */
  openPresence(stream, params, data) {
    const presence = new Presence({...this.#use(`${stream}:presence`, params, "data"), queries: this})
    if (data) presence.set(data)
    return presence
  }

  /** @param {string} stream @param {Params} params @param {string} name */
  openValue(stream, params, name) {
    return new LiveValue(this.#use(stream, params, valueFormat(name)))
  }

  /** @param {string} stream @param {Params} params @param {import("./messages.js").Format} format @returns {UseOptions} */
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
