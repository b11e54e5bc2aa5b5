/**
 * The unread rows of a stream with `unread_by`: those of its newest rows beyond the user's marker. All users share the rows.
 */

import {Store} from "./store.js"

/** @typedef {{position: string, owner: string | null}} Newest a row's position, and the user for whom it is never unread */
/** @typedef {{position: string | null, user: string}} Marker the position that the user has seen, and the user's key */

/** The server counts so many. */
export const MOST = 100
/** Between two moves of the marker: readers who scroll must not write at each row. */
const PAUSE_SECONDS = 2
/** The pause doubles after each failure, up to this. */
const LONGEST_PAUSE_SECONDS = 300

export class Unread {
  #newest
  #isLoaded
  #marker
  #move
  #connection
  /** The position that this page has seen, perhaps not sent yet. @type {bigint | null} */
  #claimed = null
  /** The next move of the marker. @type {Promise<void> | null} */
  #next = null
  #movedAt = -Infinity
  #pause = PAUSE_SECONDS
  /** @type {Set<() => void>} */
  #listeners = new Set()

  /**
   * @param {{
   *   newest: import("./live_query.js").LiveQuery<Newest>, isLoaded: () => boolean, marker: import("./live_query.js").LiveValue<Marker>, move: (position: string) => Promise<unknown>,
   *   connection: import("../connection/connection.js").Connection,
   * }} options isLoaded: returns whether the newest rows are; move: tells the server what the user has seen
   */
  constructor({newest, isLoaded, marker, move, connection}) {
    this.#newest = newest
    this.#isLoaded = isLoaded
    this.#marker = marker
    this.#move = move
    this.#connection = connection
    const notify = () => this.#notify()
    newest.store.subscribe(notify)
    newest.subscribe(notify)
    marker.store.subscribe(notify)
  }

  /** "connecting", "catching-up", "live", "offline" or "refused". */
  get state() {
    return this.#newest.state === "live" ? this.#marker.state : this.#newest.state
  }

  /** Why the state is "refused". */
  get error() {
    return this.#newest.error ?? this.#marker.error
  }

  /** The number of unread rows, up to 100, which means 100 or more; undefined until it is known, and if it is refused. */
  get count() {
    return this.keys?.length
  }

  /** The keys of the unread rows, the newest first; undefined until they are known. @returns {string[] | undefined} */
  get keys() {
    const marker = this.#marker.value
    if (!marker || !this.#isLoaded()) return undefined
    return this.#newest.keys.filter((_, index) => {
      const row = this.#newest.rows[index]
      return row.owner !== marker.user && isBeyond(BigInt(row.position), this.#seen)
    })
  }

  /** Count and state together, for React's useSyncExternalStore and the like: `{count, state, error}`. */
  store = new Store(
    () => ({count: this.count, state: this.state, error: this.error}),
    (callback) => this.watch(callback),
  )

  /**
   * Calls back with each new count, and at once if it is known.
   *
   * @param {(count: number | undefined) => void} callback
   * @returns {() => void} unsubscribes
   */
  subscribe = (callback) => {
    if (this.count !== undefined) callback(this.count)
    return this.store.subscribe(({count}) => callback(count))
  }

  /**
   * Moves the user's marker: to the newest row, or to the row with this key. It only moves forwards.
   *
   * @param {string} [key]
   * @returns {Promise<void>} rejects with a RealtimeError
   */
  markRead(key = this.#newest.keys[0]) {
    const position = this.#positionOf(key)
    if (position === null || !isBeyond(position, this.#seen)) return this.#next ?? Promise.resolve()
    this.#claimed = position
    this.#notify()
    return (this.#next ??= this.#send())
  }

  /** Returns whether another page of the user has seen this row, and this page has not. @param {string} key */
  isSeenElsewhere(key) {
    const position = this.#positionOf(key)
    return position !== null && !isBeyond(position, this.#stored) && isBeyond(position, this.#claimed)
  }

  /** Calls back after each change. @param {() => void} callback @returns {() => void} stops it */
  watch(callback) {
    const listener = () => callback() // the same callback may be added twice
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Closes it, and its subscriptions if nothing else uses them. */
  close() {
    this.#listeners.clear()
    this.#newest.close()
    this.#marker.close()
  }

  /** The marker as the server has it. */
  get #stored() {
    const position = this.#marker.value?.position
    return typeof position === "string" ? BigInt(position) : null
  }

  get #seen() {
    return this.#claimed !== null && isBeyond(this.#claimed, this.#stored) ? this.#claimed : this.#stored
  }

  /** @param {string | undefined} key */
  #positionOf(key) {
    const row = key === undefined ? undefined : this.#newest.rows[this.#newest.keys.indexOf(key)]
    return row ? BigInt(row.position) : null
  }

  async #send() {
    const {monitor} = this.#connection
    const seconds = Math.max(0, this.#movedAt + this.#pause - monitor.clock.now())
    await new Promise((resolve) => monitor.after(seconds, () => resolve(undefined)))
    const position = this.#claimed
    this.#next = null
    this.#movedAt = monitor.clock.now()
    try {
      await this.#move(String(position))
      this.#pause = PAUSE_SECONDS
    } catch (error) {
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE_SECONDS)
      if (this.#claimed === position) this.#claimed = null // it is unread again
      this.#notify()
      throw error
    }
  }

  #notify() {
    for (const listener of [...this.#listeners]) this.#connection.safely(listener)
  }
}

/** @param {bigint} position @param {bigint | null} seen */
const isBeyond = (position, seen) => seen === null || position > seen
