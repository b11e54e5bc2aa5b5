/**
 * A change of a live query's parameters. The old rows stay until the new ones are loaded. Of several changes, the last one wins.
 */

/** @typedef {import("../protocol/messages.js").Params} Params */
/** @typedef {import("./result_set.js").ResultSet} ResultSet */
/** A subscription, and the function that ends it. @typedef {{resultSet: ResultSet, close: () => void}} Subscribed */

/** The pause between two requests, so that a script that follows the pointer stays below the server's limits. */
const PAUSE_SECONDS = 0.1
/** How long a newer change waits for the rows of the previous one, so that a list is updated while the user types. */
const WAIT_SECONDS = 1

export class ParameterChange {
  /** The newest parameters, until they are shown or refused. @type {Params | null} */
  target = null

  /** The pending request. @type {{params: Params, subscribed: Subscribed, end: () => void} | null} */
  #next = null
  #isPausing = false
  #isWaiting = false
  #cancelPause = () => {}
  #cancelWait = () => {}

  /**
   * @param {{
   *   subscribe: (params: Params) => Subscribed,
   *   take: (subscribed: Subscribed, params: Params) => void,
   *   refuse: (error: import("../protocol/messages.js").RealtimeError) => void,
   *   after: (seconds: number, callback: () => void) => () => void,
   * }} options subscribe: subscribes with these parameters and `isNext`; take: called when the rows are loaded; refuse: called if the server refuses the newest parameters
   */
  constructor({subscribe, take, refuse, after}) {
    this.subscribe = subscribe
    this.take = take
    this.refuse = refuse
    this.after = after
  }

  /** @param {Params} params all of them */
  set(params) {
    this.target = params
    this.#request()
  }

  /** Cancels the change; the current rows stay. */
  cancel() {
    this.target = null
    this.#cancelRequest()
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
    if (next?.subscribed.resultSet !== resultSet || !(resultSet.filled || resultSet.error)) return
    this.#endRequest()
    const isLast = this.target === next.params
    if (isLast) this.target = null
    resultSet.subscription.isNext = false
    if (!resultSet.error) this.take(next.subscribed, next.params)
    else next.subscribed.close()
    if (resultSet.error && isLast) this.refuse(resultSet.error)
    this.#request()
  }

  #request() {
    const params = this.target
    if (!params || params === this.#next?.params || this.#isPausing || (this.#next && this.#isWaiting)) return
    this.#cancelRequest()
    this.#isPausing = this.#isWaiting = true
    this.#cancelPause = this.after(PAUSE_SECONDS, () => {
      this.#isPausing = false
      this.#request()
    })
    this.#cancelWait = this.after(WAIT_SECONDS, () => {
      this.#isWaiting = false
      this.#request()
    })
    const subscribed = this.subscribe(params)
    const {listeners} = subscribed.resultSet
    const listener = () => this.arrived(subscribed.resultSet)
    listeners.add(listener)
    this.#next = {params, subscribed, end: () => void listeners.delete(listener)}
    this.arrived(subscribed.resultSet) // another handle may have loaded its rows already
  }

  #cancelRequest() {
    const subscribed = this.#next?.subscribed
    this.#endRequest()
    subscribed?.close()
  }

  #endRequest() {
    this.#cancelWait()
    this.#next?.end()
    this.#next = null
  }
}
