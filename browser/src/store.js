/**
 * A store: what is seen, as an object that never changes, and a call whenever another one takes its place.
 *
 * React's useSyncExternalStore(store.subscribe, store.getSnapshot) takes it as it is, and so do the stores of others.
 */

/** @template Snapshot */
export class Store {
  #see
  #watch
  /** What was seen last. @type {Readonly<Snapshot> | undefined} */
  #snapshot

  /**
   * @param {() => Snapshot} see an object, made anew each time
   * @param {(callback: () => void) => () => void} watch calls back whenever something may have changed; returns what ends it
   */
  constructor(see, watch) {
    this.#see = see
    this.#watch = watch
  }

  /** What is seen: the same object as long as all in it is the same. @returns {Readonly<Snapshot>} */
  getSnapshot = () => {
    const seen = this.#see()
    if (this.#snapshot === undefined || !equal(this.#snapshot, seen)) this.#snapshot = Object.freeze(seen)
    return this.#snapshot
  }

  /**
   * Calls back when what is seen has changed.
   *
   * @param {(snapshot: Readonly<Snapshot>) => void} callback
   * @returns {() => void} ends it
   */
  subscribe = (callback) => {
    let told = this.getSnapshot()
    return this.#watch(() => {
      const snapshot = this.getSnapshot()
      if (snapshot === told) return
      told = snapshot
      callback(snapshot)
    })
  }
}

/** @param {any} one @param {any} other */
function equal(one, other) {
  return Object.keys(other).every((name) => Object.is(one[name], other[name]))
}
