/**
 * A change of a live query's parameters. The old rows stay until the new ones are loaded. Of several changes, the last one wins.
 */

/** @typedef {import("../protocol/messages.js").Params} Params */
/** @typedef {import("./result_set.js").ResultSet} ResultSet */
/** @typedef {{resultSet: ResultSet, close: () => void}} Held */

/** The pause between two requests, so that a script that follows the pointer stays below the server's limits. */
const PAUSE_SECONDS = 0.1
/** How long a newer change waits for the rows of the previous one, so that a list is updated while the user types. */
const PATIENCE_SECONDS = 1

export class ParameterChange {
  /** The newest parameters, until they are shown or refused. @type {Params | null} */
  target = null

  /** The pending request. @type {{params: Params, held: Held, end: () => void} | null} */
  #next = null
  #isPausing = false
  #isPatient = false
  #cancelPause = () => {}
  #cancelPatience = () => {}

  /**
   * @param {{
   *   hold: (params: Params) => Held,
   *   take: (held: Held, params: Params) => void,
   *   refuse: (error: import("../protocol/messages.js").RealtimeError) => void,
   *   after: (seconds: number, callback: () => void) => () => void,
   * }} options hold: subscribes with these parameters, by a subscription that `isNext`; take: called when the rows are loaded; refuse: called if the server refuses the newest parameters
   */
  constructor({hold, take, refuse, after}) {
    this.hold = hold
    this.take = take
    this.refuse = refuse
    this.after = after
  }

  /** @param {Params} params all of them */
  set(params) {
    this.target = params
    this.#go()
  }

  /** Cancels the change; the current rows stay. */
  cancel() {
    this.target = null
    this.#drop()
  }

  /** Cancels the change, and ignores further ones. */
  close() {
    this.cancel()
    this.#cancelPause()
    this.#isPausing = true
  }

  /** Completes the pending request if it is this subscription, and its rows are loaded or refused. @param {ResultSet} resultSet */
  arrived(resultSet) {
    const next = this.#next
    if (next?.held.resultSet !== resultSet || !(resultSet.filled || resultSet.error)) return
    this.#forget()
    const isLast = this.target === next.params
    if (isLast) this.target = null
    resultSet.subscription.isNext = false
    if (!resultSet.error) this.take(next.held, next.params)
    else next.held.close()
    if (resultSet.error && isLast) this.refuse(resultSet.error)
    this.#go()
  }

  #go() {
    const params = this.target
    if (!params || params === this.#next?.params || this.#isPausing || (this.#next && this.#isPatient)) return
    this.#drop()
    this.#isPausing = this.#isPatient = true
    this.#cancelPause = this.after(PAUSE_SECONDS, () => {
      this.#isPausing = false
      this.#go()
    })
    this.#cancelPatience = this.after(PATIENCE_SECONDS, () => {
      this.#isPatient = false
      this.#go()
    })
    const held = this.hold(params)
    const {listeners} = held.resultSet
    const listener = () => this.arrived(held.resultSet)
    listeners.add(listener)
    this.#next = {params, held, end: () => void listeners.delete(listener)}
    this.arrived(held.resultSet) // another handle may have loaded its rows already
  }

  #drop() {
    const held = this.#next?.held
    this.#forget()
    held?.close()
  }

  #forget() {
    this.#cancelPatience()
    this.#next?.end()
    this.#next = null
  }
}
