/**
 * Calls of actions: each waits for the connection, then for its reply.
 */

import {RealtimeError} from "./messages.js"

/** Calls that wait for the connection. */
const MAX_WAITING = 100
const TIMEOUT_SECONDS = 30

/**
 * `text` is the message; `sent`: on the connection that is open now.
 *
 * @typedef {{
 *   text: string, sent: boolean,
 *   resolve: (result: any) => void, reject: (error: RealtimeError) => void, cancelTimer: () => void,
 * }} Call
 *
 * @typedef {{stream: string, params: import("./messages.js").Params, action: string, args: Record<string, unknown>}} Target
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
   * }} options
   */
  constructor({send, after}) {
    this.send = send
    this.after = after
  }

  /**
   * @param {Target} target
   * @param {{timeout?: number}} [options] seconds
   * @returns {Promise<any>}
   */
  call(target, {timeout = TIMEOUT_SECONDS} = {}) {
    return new Promise((resolve, reject) => {
      if (this.#refusal) return reject(new RealtimeError(this.#refusal.code, this.#refusal.reason))
      const id = newId()
      const text = encode({type: "call", id, ...target})
      if (!this.#open && this.#calls.size >= MAX_WAITING) {
        const reason = `${MAX_WAITING} calls wait for the connection already: call again when it is back.`
        return reject(new RealtimeError(null, reason, {name: "queue_full"}))
      }
      const cancelTimer = Number.isFinite(timeout) ? this.after(timeout, () => this.#expire(id, timeout)) : () => {}
      this.#calls.set(id, {text, sent: this.#open, resolve, reject, cancelTimer})
      if (this.#open) this.send(text)
    })
  }

  /** The connection is there: what has waited goes out. */
  opened() {
    this.#open = true
    this.#refusal = null
    for (const call of this.#calls.values()) {
      call.sent = true
      this.send(call.text)
    }
  }

  /** The connection is gone: what was sent has an unknown outcome, what was not waits on. */
  interrupted() {
    this.#open = false
    const reason = "The connection was lost before the reply: it is not known whether the action ran."
    for (const [id, call] of this.#calls) {
      if (call.sent) this.#take(id)?.reject(new RealtimeError(null, reason, {name: "outcome_unknown"}))
    }
  }

  /** The server wants no connection. @param {{code: number, reason: string}} refusal */
  refused(refusal) {
    this.#refusal = refusal
    for (const id of this.#calls.keys()) this.#take(id)?.reject(new RealtimeError(refusal.code, refusal.reason))
  }

  /** A connection is tried again after a refusal. */
  retried() {
    this.#refusal = null
  }

  /** @param {import("./messages.js").Reply} reply */
  reply({id, result, error}) {
    const call = this.#take(id)
    if (!call) return // it has timed out
    if (error) call.reject(new RealtimeError(error.code, error.reason, {details: error.details}))
    else call.resolve(result)
  }

  /** @param {string} id @param {number} timeout */
  #expire(id, timeout) {
    const call = this.#take(id)
    const outcome = call?.sent ? "it is not known whether the action ran" : "there was no connection, and it was not sent"
    call?.reject(new RealtimeError(null, `No reply within ${timeout} seconds: ${outcome}.`, {name: "no_reply"}))
  }

  /** @param {string} id */
  #take(id) {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    call?.cancelTimer()
    return call
  }
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
