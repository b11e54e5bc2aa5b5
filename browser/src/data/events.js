/**
 * Event listeners, by the event's name.
 */

/**
 * `sender`: the key of the user who sent it, `null` for an anonymous user, undefined if the server sent it.
 *
 * @typedef {{name: string, sender: string | null | undefined}} About
 * @typedef {(data: any, about: About) => void} EventListener
 */

export class EventListeners {
  /** @type {Map<string, Set<EventListener>>} */
  #byName = new Map()
  /** Listeners for all events. @type {Set<EventListener>} */
  all = new Set()

  /** @param {string} name @param {EventListener} callback @returns {() => void} removes the listener */
  on(name, callback) {
    const listener = /** @type {EventListener} */ ((data, about) => callback(data, about)) // the same callback may be added twice
    const listeners = this.#byName.get(name) ?? new Set()
    this.#byName.set(name, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  /** @param {string} name @returns {EventListener[]} */
  of(name) {
    return [...(this.#byName.get(name) ?? []), ...this.all]
  }
}
