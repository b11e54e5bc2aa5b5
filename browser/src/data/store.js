/**
 * A store: an immutable snapshot, and a notification whenever a new one replaces it.
 *
 * React's useSyncExternalStore(store.subscribe, store.getSnapshot) uses it directly, and so do other libraries.
 */

/** @template Snapshot */
export class Store {
  #see
  #watch
  /** The last snapshot. @type {Readonly<Snapshot> | undefined} */
  #snapshot

  /**
   * @param {() => Snapshot} see returns a new object each time
   * @param {(callback: () => void) => () => void} watch calls the callback whenever something may have changed; returns a function that stops it
   */
  constructor(see, watch) {
    this.#see = see
    this.#watch = watch
  }

  /** The snapshot: the same object until one of its values changes. @returns {Readonly<Snapshot>} */
  getSnapshot = () => {
    const seen = this.#see()
    if (this.#snapshot === undefined || !equal(this.#snapshot, seen)) this.#snapshot = Object.freeze(seen)
    return this.#snapshot
  }

  /**
   * Calls back with each new snapshot.
   *
   * @param {(snapshot: Readonly<Snapshot>) => void} callback
   * @returns {() => void} unsubscribes
   */
  subscribe = (callback) => {
    let last = this.getSnapshot()
    return this.#watch(() => {
      const snapshot = this.getSnapshot()
      if (snapshot === last) return
      last = snapshot
      callback(snapshot)
    })
  }
}

/** @param {any} one @param {any} other */
function equal(one, other) {
  return Object.keys(other).every((name) => Object.is(one[name], other[name]))
}
