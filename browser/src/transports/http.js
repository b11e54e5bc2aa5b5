/**
 * The base class of the HTTP transports: they send the client's messages in requests, one after the other.
 *
 * A request has hello and all subscriptions. After its response, the next request has the new cursors, so the server keeps
 * no state in between. Calls are separate requests, whose responses are the replies.
 */

import {ABNORMAL, parseJSON} from "../protocol/messages.js"

/** @typedef {import("./websocket.js").TransportHandlers} TransportHandlers */
/** @typedef {import("./websocket.js").Transport} Transport */
/** @typedef {import("../protocol/messages.js").Send} Send */

/** Calls in one request; the server's queue is longer. */
const MAX_CALLS = 50

/**
 * `url`: the base URL; `csrf`: the site's CSRF token, "" if it needs none.
 *
 * @typedef {{url: string, csrf: () => string}} HttpOptions
 */

/** @implements {Transport} */
export class HttpTransport {
  /** Whether all subscriptions are answered, so that the next request may wait for changes. */
  idle = false

  /** @type {TransportHandlers | null} */
  #handlers = null
  /** Messages of the request that the next microtask sends. @type {string[] | null} */
  #batch = null
  /** The running request. @type {AbortController | null} */
  #request = null
  #renewing = false
  /** The last hello, which identifies the user if no cookie does. */
  #hello = ""
  /** Events to send with the next request. @type {Send[]} */
  #events = []
  /** @type {string[]} */
  #calls = []
  #calling = false
  /** Calls that have run. Their effects arrive with the next request. @type {string[]} */
  #ran = []
  /** The calls that a frame of this request will name, after the answers to its subscriptions and a frame of each of their logs. */
  #naming = {calls: /** @type {string[]} */ ([]), answers: 0, logs: new Set()}
  #retired = false

  /** @param {HttpOptions} options */
  constructor({url, csrf}) {
    this.url = url
    this.csrf = csrf
  }

  /** The URL of the message stream. @returns {string} */
  get address() {
    throw new Error("A transport names its address.")
  }

  /**
   * Passes on the messages of a response until its regular end. Throws if the response ends early.
   *
   * @param {Response} _response
   * @param {(text: string) => void} _take
   * @returns {Promise<void>}
   */
  async read(_response, _take) {
    throw new Error("A transport reads its responses.")
  }

  /** @param {TransportHandlers} handlers */
  on(handlers) {
    this.#handlers = handlers
  }

  open() {
    queueMicrotask(() => this.#handlers?.opened())
  }

  /** @param {string} text */
  send(text) {
    const message = JSON.parse(text)
    const {type} = message
    if (type === "hello") this.#begin(text)
    else if (type === "call") this.#call(text)
    else if (type === "ack") return // the next request acknowledges
    else if (this.#batch) this.#batch.push(text)
    else {
      if (type === "send") this.#events.push(message)
      this.#renewSoon() // with all subscriptions, including this one
    }
  }

  close() {
    this.#handlers = null
    this.#request?.abort()
  }

  /** Retires after another transport has taken over: only the replies to calls are still received, or that they fail. */
  retire() {
    if (this.#handlers) this.#handlers = {...this.#handlers, renew: () => false}
    this.#retired = true
    this.#request?.abort()
    this.#request = null
  }

  /** @param {string} hello */
  #begin(hello) {
    this.#hello = hello
    this.#batch = [hello]
    queueMicrotask(() => this.#flush())
  }

  #flush() {
    const texts = this.#batch
    this.#batch = null
    this.#request?.abort()
    if (!texts || !this.#handlers) return
    const answers = texts.filter((text) => JSON.parse(text).type === "subscribe").length
    this.#naming = {calls: [...this.#naming.calls, ...this.#ran.splice(0)], answers, logs: new Set()}
    this.#run(texts, (this.#request = new AbortController()))
  }

  /** @param {string[]} texts @param {AbortController} request */
  async #run(texts, request) {
    const isCurrent = () => this.#request === request && !request.signal.aborted
    try {
      const response = await this.#post(this.address, texts, request.signal)
      await this.read(response, (text) => {
        if (isCurrent()) this.#handlers?.message(this.#naming.calls.length ? this.#name(text) : text)
      })
    } catch (error) {
      if (isCurrent()) this.#closed(error)
      return
    }
    if (isCurrent()) this.#renew()
  }

  #renewSoon() {
    if (this.#renewing) return
    this.#renewing = true
    queueMicrotask(() => this.#renewing && this.#renew())
  }

  #renew() {
    this.#renewing = false
    this.#request?.abort() // its messages must not interfere
    const isSettled = this.#handlers?.renew(this.#events.splice(0)) ?? false
    this.idle = isSettled && !this.#ran.length && !this.#naming.calls.length
  }

  /**
   * Names calls in the frame that completes their effects. The server cannot do this, because it sees each request as another
   * client. The request began after the calls had run, so the first frames have their effects.
   *
   * @param {string} text a message
   */
  #name(text) {
    const {answers, calls, logs} = this.#naming
    const message = parseJSON(text)
    if (message.type === "subscribed") logs.add(message.log)
    if (message.type === "subscribed" || message.type === "refused") this.#naming.answers -= 1
    if (message.type === "frame") logs.delete(message.log)
    if (this.#naming.answers > 0 || logs.size) return text
    const isLast = message.type === "frame" || (message.type === "refused" && answers > 0)
    if (!isLast && (message.type !== "welcome" || answers > 0)) return text
    this.#naming.calls = []
    if (message.type === "frame") return JSON.stringify({...message, calls: [...(message.calls ?? []), ...calls]})
    this.#handlers?.message(text)
    return nameOnly(calls)
  }

  /** @param {string} text */
  #call(text) {
    this.#calls.push(text)
    if (this.#calling) return
    this.#calling = true
    queueMicrotask(() => this.#callAll())
  }

  /** Sends one request at a time, so that calls run in order. */
  async #callAll() {
    try {
      while (this.#calls.length && this.#handlers) {
        const response = await this.#post(`${this.url}call/`, [this.#hello, ...this.#calls.splice(0, MAX_CALLS)])
        // the server sees this request as a client without rows
        const messages = (await messagesOf(response)).filter(({type}) => type !== "welcome" && type !== "frame")
        for (const message of messages) this.#handlers?.message(JSON.stringify(message))
        this.#follow(messages.filter(({type, error}) => type === "reply" && !error).map(({id}) => id))
      }
    } catch (error) {
      this.#calls = []
      this.#closed(error) // like a socket: the outcome is unknown
    }
    this.#calling = false
  }

  /** @param {string[]} calls that have run */
  #follow(calls) {
    if (!calls.length || !this.#handlers) return
    if (this.#retired) return this.#handlers.message(nameOnly(calls))
    this.#ran.push(...calls)
    this.#renewSoon()
  }

  /** @param {string} address @param {string[]} texts @param {AbortSignal} [signal] */
  async #post(address, texts, signal) {
    const token = this.csrf()
    const response = await fetch(address, {
      method: "POST",
      body: `[${texts.join(",")}]`,
      headers: {"Content-Type": "application/json", ...(token && {"X-CSRFToken": token})},
      credentials: "include",
      cache: "no-store",
      redirect: "error",
      signal,
    })
    if (response.ok) return response
    for (const message of await messagesOf(response)) this.#handlers?.message(JSON.stringify(message))
    throw new Error(`The server answered ${response.status} ${response.statusText}.`)
  }

  /** @param {unknown} error */
  #closed(error) {
    const handlers = this.#handlers
    this.close()
    handlers?.closed(ABNORMAL, String(error))
  }
}

/** A frame without rows. @param {string[]} calls */
function nameOnly(calls) {
  return JSON.stringify({type: "frame", log: -1, cursor: "", deltas: [], calls})
}

/** @param {Response} response @returns {Promise<any[]>} */
export async function messagesOf(response) {
  if (!response.headers.get("Content-Type")?.startsWith("application/json")) {
    throw new Error(`The server answered ${response.status} without messages.`)
  }
  return parseJSON(await response.text())
}
