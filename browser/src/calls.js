/**
 * Calls of actions: each waits for the connection, then for its reply, then for its effects in the page's rows.
 *
 * A call has an id by which the server knows it: what was not answered when a connection was lost is sent again, and
 * runs once.
 */

import {RealtimeError} from "./messages.js"

/** Calls that wait for the connection. */
const MAX_WAITING = 100
const TIMEOUT_SECONDS = 30
/** The server knows a call again for an hour at least; what is older is not repeated. */
const REPEAT_SECONDS = 1800

/**
 * `waiting` for the connection; `sent`; `answered`: it has run, and its effects are on their way; `settled`: they are in
 * all that the page is subscribed to; `failed`: it has had no effect, or nothing is known of it.
 *
 * @typedef {"waiting" | "sent" | "answered" | "settled" | "failed"} CallState
 *
 * What a call returns: a promise of the action's result. `settled` is resolved when the effects are in the page, and
 * rejected as the promise itself is.
 *
 * @typedef {Promise<any> & {readonly id: string, readonly state: CallState, readonly settled: Promise<void>}} CallPromise
 *
 * `arrived`: a frame has named it.
 *
 * @typedef {{
 *   text: string, made: number, state: CallState, everSent: boolean, arrived: boolean,
 *   resolve: (result: any) => void, settle: () => void, reject: (error: unknown) => void, cancelTimer: () => void,
 * }} Call
 *
 * @typedef {{stream: string, params: import("./messages.js").Params, action: string, args: Record<string, unknown>}} Target
 *
 * `before`: called with the id before the call is sent, which it prevents by throwing.
 *
 * @typedef {{timeout?: number, before?: (id: string) => void}} CallOptions
 */

export class Calls {
  /** @type {Map<string, Call>} */
  #calls = new Map()
  #open = false
  /** Why no call is taken any more. @type {{code: number, reason: string} | null} */
  #refusal = null

  /**
   * @param {{
   *   send: (text: string) => void,
   *   after: (seconds: number, callback: () => void) => () => void,
   *   now: () => number,
   *   ended?: (id: string) => void,
   *   changed?: () => void,
   * }} options now: in seconds; ended: the call has failed, or is settled; changed: a call waits, or waits no longer
   */
  constructor({send, after, now, ended = () => {}, changed = () => {}}) {
    this.send = send
    this.after = after
    this.now = now
    this.ended = ended
    this.changed = changed
  }

  /** How many wait for the connection. */
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
        const reason = `${MAX_WAITING} calls wait for the connection already: call again when it is back.`
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

  /** A call that cannot be made. @param {unknown} error @returns {CallPromise} */
  refuse(error) {
    const {call, promise} = newCall(newId(), this.now())
    call.reject(error)
    return promise
  }

  /** The connection is there: what has waited goes out, and what has not been answered or settled is repeated. */
  opened() {
    this.#open = true
    this.#refusal = null
    const now = this.now()
    for (const [id, call] of this.#calls) {
      const repeatable = !call.everSent || now - call.made < REPEAT_SECONDS
      if (call.state === "answered" && (!repeatable || call.arrived)) call.arrived = true
      else if (repeatable) this.#send(call)
      else this.#fail(id, unknownOutcome("It was sent too long ago to be repeated"))
    }
  }

  /** The connection is gone. */
  interrupted() {
    this.#open = false
    for (const call of this.#calls.values()) {
      if (call.state === "sent") call.state = "waiting"
    }
  }

  /** The server wants no connection. @param {{code: number, reason: string}} refusal */
  refused(refusal) {
    this.#refusal = refusal
    for (const id of [...this.#calls.keys()]) this.#fail(id, new RealtimeError(refusal.code, refusal.reason))
  }

  /** A connection is tried again after a refusal. */
  retried() {
    this.#refusal = null
  }

  /** @param {import("./messages.js").Reply} reply */
  reply({id, result, error}) {
    const call = this.#calls.get(id)
    if (!call) return // it has timed out
    call.cancelTimer()
    if (call.state === "answered") {
      // It was repeated for its effects. A refusal says that nothing more will be heard of them.
      if (error) call.arrived = true
    } else if (error) {
      this.#fail(id, new RealtimeError(error.code, error.reason, {details: error.details, version: error.version}))
    } else {
      call.state = "answered"
      call.resolve(result)
    }
  }

  /** A frame brings the effects of these calls. @param {Iterable<string>} ids */
  arrive(ids) {
    for (const id of ids) {
      const call = this.#calls.get(id)
      if (call) call.arrived = true
    }
  }

  /** All subscriptions are live: what has arrived is in all of them. */
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
    const outcome = this.#calls.get(id)?.everSent
      ? "it is not known whether the action ran"
      : "there was no connection, and it was not sent"
    this.#fail(id, new RealtimeError(null, `No reply within ${timeout} seconds: ${outcome}.`, {name: "no_reply"}))
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
  settled.catch(() => {}) // the call's own promise says it too
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

/** @param {string} what */
function unknownOutcome(what) {
  return new RealtimeError(null, `${what}: it is not known whether the action ran.`, {name: "outcome_unknown"})
}

/** @param {object} message */
function encode(message) {
  try {
    return JSON.stringify(message)
  } catch (error) {
    throw new RealtimeError(null, `The arguments of a call must be JSON: ${error}.`, {name: "bad_arguments"})
  }
}

function newId() {
  if (globalThis.isSecureContext) return crypto.randomUUID() // other pages do not have it
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("")
}
