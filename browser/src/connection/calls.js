/**
 * Calls of actions: each waits for the connection, then for its reply, then for its effects in the page's rows.
 *
 * The server recognizes a call by its id: if the connection is lost before the reply, the call is sent again, and still
 * runs only once.
 */

import {RealtimeError, badArguments, newId} from "../protocol/messages.js"
import {sentence} from "../protocol/sentences.js"

/** The most calls that may wait for the connection. */
const MAX_WAITING = 100
const TIMEOUT_SECONDS = 30
/** Older calls are not repeated: the server remembers a call for at least an hour. */
const REPEAT_SECONDS = 1800

/**
 * `waiting` for the connection; `sent`; `answered`: it has run, and its effects will arrive; `settled`: they are in
 * all subscriptions of the page; `failed`: it had no effect, or its outcome is unknown.
 *
 * @typedef {"waiting" | "sent" | "answered" | "settled" | "failed"} CallState
 */

/**
 * What a call returns: a promise of the action's result. `settled` resolves when the effects are in the page, and is
 * rejected if the promise itself is.
 *
 * @template [Result=any]
 * @typedef {Promise<Result> & {readonly id: string, readonly state: CallState, readonly settled: Promise<void>}} CallPromise
 */

/**
 * `arrived`: a frame has named the call.
 *
 * @typedef {{
 *   text: string, made: number, state: CallState, everSent: boolean, arrived: boolean,
 *   resolve: (result: any) => void, settle: () => void, reject: (error: unknown) => void, cancelTimer: () => void,
 * }} Call
 *
 * A stream by its name and parameters, or by the token of an element rendered by the server.
 *
 * @typedef {({stream: string, params: import("../protocol/messages.js").Params} | {token: string}) & {action: string, args: Record<string, unknown>}} Target
 *
 * `before`: called with the id before the call is sent; if it throws, the call is not sent.
 *
 * @typedef {{timeout?: number, before?: (id: string) => void}} CallOptions
 */

export class Calls {
  /** @type {Map<string, Call>} */
  #calls = new Map()
  #open = false
  /** Why calls are refused. @type {{code: number, reason: string} | null} */
  #refusal = null

  /**
   * @param {{
   *   send: (text: string) => void,
   *   after: (seconds: number, callback: () => void) => () => void,
   *   now: () => number,
   *   ended?: (id: string) => void,
   *   changed?: () => void,
   * }} options now: in seconds; ended: the call has failed or is settled; changed: the number of waiting calls may have changed
   */
  constructor({send, after, now, ended = () => {}, changed = () => {}}) {
    this.send = send
    this.after = after
    this.now = now
    this.ended = ended
    this.changed = changed
  }

  /** The number of calls that wait for the connection. */
  get waiting() {
    return [...this.#calls.values()].filter(({state}) => state === "waiting").length
  }

  /**
   * @param {Target} target
   * @param {CallOptions} [options] timeout: in seconds, until the reply
   * @returns {CallPromise}
   */
  call(target, {timeout = TIMEOUT_SECONDS, before = () => {}} = {}) {
    const id = newId()
    const {call, promise} = newCall(id, this.now())
    try {
      if (this.#refusal) throw new RealtimeError(this.#refusal.code, this.#refusal.reason)
      if (!this.#open && this.waiting >= MAX_WAITING) {
        const reason = sentence("{number} calls are already waiting for the connection. Try again when it is back.", {number: MAX_WAITING})
        throw new RealtimeError(null, reason, {name: "queue_full"})
      }
      call.text = encode({type: "call", id, ...target})
      before(id)
    } catch (error) {
      call.reject(error)
      return promise
    }
    if (Number.isFinite(timeout)) call.cancelTimer = this.after(timeout, () => this.#expire(id, timeout))
    this.#calls.set(id, call)
    if (this.#open) this.#send(call)
    this.changed()
    return promise
  }

  /** Returns a rejected call. @param {unknown} error @returns {CallPromise} */
  refuse(error) {
    const {call, promise} = newCall(newId(), this.now())
    call.reject(error)
    return promise
  }

  /** Handles a new connection: sends waiting calls, and repeats those not answered or settled. */
  opened() {
    this.#open = true
    this.#refusal = null
    const now = this.now()
    for (const [id, call] of this.#calls) {
      const repeatable = !call.everSent || now - call.made < REPEAT_SECONDS
      if (call.state === "answered" && (!repeatable || call.arrived)) call.arrived = true
      else if (repeatable) this.#send(call)
      else this.#fail(id, tooOld())
    }
  }

  /** Handles the loss of the connection. */
  interrupted() {
    this.#open = false
    for (const call of this.#calls.values()) {
      if (call.state === "sent") call.state = "waiting"
    }
  }

  /** Handles the server's refusal of the connection. @param {{code: number, reason: string}} refusal */
  refused(refusal) {
    this.#refusal = refusal
    for (const id of [...this.#calls.keys()]) this.#fail(id, new RealtimeError(refusal.code, refusal.reason))
  }

  /** Accepts calls again when connecting is retried after a refusal. */
  retried() {
    this.#refusal = null
  }

  /** @param {import("../protocol/messages.js").Reply} reply */
  reply({id, result, error}) {
    const call = this.#calls.get(id)
    if (!call) return // it has timed out
    call.cancelTimer()
    if (call.state === "answered") {
      // It was repeated to learn about its effects. After a refusal, no frame will name it.
      if (error) call.arrived = true
    } else if (error) {
      this.#fail(id, new RealtimeError(error.code, error.reason, {details: error.details, version: error.version}))
    } else {
      call.state = "answered"
      call.resolve(result)
    }
  }

  /** Notes that a frame has the effects of these calls. @param {Iterable<string>} ids */
  arrive(ids) {
    for (const id of ids) {
      const call = this.#calls.get(id)
      if (call) call.arrived = true
    }
  }

  /** Settles the calls whose effects have arrived. All subscriptions are live. */
  settle() {
    for (const [id, call] of this.#calls) {
      if (!call.arrived || call.state !== "answered") continue
      this.#calls.delete(id)
      this.ended(id)
      call.settle()
    }
  }

  /** @param {Call} call */
  #send(call) {
    if (call.state !== "answered") call.state = "sent"
    call.everSent = true
    this.send(call.text)
  }

  /** @param {string} id @param {number} timeout */
  #expire(id, timeout) {
    const reason = this.#calls.get(id)?.everSent
      ? "No reply within {seconds} seconds. The action may or may not have run."
      : "No reply within {seconds} seconds. There was no connection, so the call was not sent."
    this.#fail(id, new RealtimeError(null, sentence(reason, {seconds: timeout}), {name: "no_reply"}))
    this.changed()
  }

  /** @param {string} id @param {RealtimeError} error */
  #fail(id, error) {
    const call = this.#calls.get(id)
    if (!call) return
    this.#calls.delete(id)
    call.cancelTimer()
    this.ended(id)
    call.reject(error)
  }
}

/** @param {string} id @param {number} made @returns {{call: Call, promise: CallPromise}} */
function newCall(id, made) {
  /** @type {any} */
  const call = {text: "", made, state: "waiting", everSent: false, arrived: false, cancelTimer: () => {}}
  /** @type {(error: unknown) => void} */
  let rejectSettled
  const settled = /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      call.settle = () => {
        call.state = "settled"
        resolve(undefined)
      }
      rejectSettled = reject
    })
  )
  settled.catch(() => {}) // the call's own promise is rejected too
  const promise = new Promise((resolve, reject) => {
    call.resolve = resolve
    call.reject = (/** @type {unknown} */ error) => {
      call.state = "failed"
      reject(error)
      rejectSettled(error)
    }
  })
  Object.defineProperties(promise, {id: {value: id}, state: {get: () => call.state}, settled: {value: settled}})
  return {call, promise: /** @type {CallPromise} */ (promise)}
}

function tooOld() {
  const reason = sentence("The call is too old to be retried. The action may or may not have run.")
  return new RealtimeError(null, reason, {name: "outcome_unknown"})
}

/** @param {object} message */
function encode(message) {
  try {
    return JSON.stringify(message)
  } catch (error) {
    throw badArguments(`The arguments of a call must be JSON: ${error}.`)
  }
}
