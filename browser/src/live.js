/**
 * Live queries as data: what `live()` returns.
 */

import {Subscription} from "./subscription.js"

/** @typedef {import("./messages.js").Params} Params */
/** @typedef {import("./connection.js").Connection} Connection */

/** One user of a live query. Users of the same one share its subscription. */
export class LiveQuery {
  /** What ends each of this user's listeners. @type {Set<() => void>} */
  #ends = new Set()
  #close
  #connection
  #subscription

  /**
   * @param {{connection: Connection, subscription: Subscription, stream: string, params: Params, close: () => void}} options
   */
  constructor({connection, subscription, stream, params, close}) {
    this.#connection = connection
    this.#subscription = subscription
    this.#close = close
    this.stream = stream
    this.params = params
  }

  /** The rows in order: an array that never changes; a change brings another. @returns {readonly any[]} */
  get rows() {
    return this.#subscription.rows
  }

  /** The primary keys of the rows, as strings. */
  get keys() {
    return this.#subscription.keys
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
   * Calls back at once if the rows are there, and after each change.
   *
   * @param {(rows: readonly any[]) => void} callback
   * @returns {() => void} ends it
   */
  subscribe = (callback) => {
    const listener = () => callback(this.rows)
    this.#subscription.listeners.add(listener)
    if (this.#subscription.filled) callback(this.rows)
    const end = () => void this.#subscription.listeners.delete(listener)
    this.#ends.add(end)
    return () => {
      end()
      this.#ends.delete(end)
    }
  }

  /** The rows, as React's useSyncExternalStore(query.subscribe, query.getSnapshot) wants them. */
  getSnapshot = () => this.rows

  /**
   * Calls an action of the stream.
   *
   * @param {string} action
   * @param {Record<string, unknown>} [args]
   * @param {{timeout?: number}} [options] seconds
   * @returns {Promise<any>}
   */
  call(action, args = {}, options = {}) {
    return this.#connection.calls.call({stream: this.stream, params: this.params, action, args}, options)
  }

  /** Ends this use; the last one to end leaves the live query. */
  close() {
    for (const end of this.#ends) end()
    this.#ends.clear()
    this.#close()
    this.#close = () => {}
  }
}

/** The live queries in use, one subscription for each name with its parameters. */
export class LiveQueries {
  /** @type {Map<string, {subscription: Subscription, uses: number}>} */
  #held = new Map()

  /** @param {Connection} connection */
  constructor(connection) {
    this.connection = connection
  }

  /** @param {string} stream @param {Params} params */
  open(stream, params) {
    const id = JSON.stringify([stream, sorted(params)])
    let held = this.#held.get(id)
    if (!held) {
      held = {subscription: new Subscription({stream, params, format: "data", cursor: null}), uses: 0}
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
    return new LiveQuery({connection: this.connection, subscription: held.subscription, stream, params, close})
  }
}

/** The same value with the names of objects in order. @param {unknown} value @returns {unknown} */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== "object") return value
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, sorted(each)]))
}
