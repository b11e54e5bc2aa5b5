/**
 * The client's side of the protocol as a state machine. It takes events and returns effects, without DOM, socket or timer.
 */

import {Acknowledgements, DEFAULT_WINDOW} from "./flow_control.js"
import {VERSION, codes, isPatched, reactionTo} from "./messages.js"
import {Subscriptions} from "./subscriptions.js"

/** @typedef {import("./subscriptions.js").Subscription} Subscription */

/**
 * @typedef {"idle" | "opening" | "greeting" | "ready" | "waiting" | "suspended" | "stopped"} Phase
 * @typedef {"connect" | "opened" | "welcome" | "renew" | "lost" | "stop" | "due" | "suspend" | "resume"} Event
 * @typedef {"connecting" | "live" | "catching-up" | "offline" | "refused"} State
 *
 * @typedef {{code: number, reason: string, details?: import("./messages.js").Details}} Fault
 *
 * An effect that the session requests. `wait`: wait at least `retry` seconds for the next attempt; `planned`: the server has
 * asked its clients to reconnect. `later`: call `again` after a delay. `repeat`: send the calls that wait for the connection.
 *
 * @typedef {{do: "open"}
 *   | {do: "close"}
 *   | {do: "send", message: import("./messages.js").ClientMessage}
 *   | {do: "wait", retry: number, planned?: boolean}
 *   | {do: "greeted", heartbeat: number}
 *   | {do: "repeat"}
 *   | {do: "expires", seconds: number}
 *   | {do: "apply", cursor: string | null, updates: import("./subscriptions.js").Update[], calls: string[]}
 *   | {do: "refused", subscription: Subscription, fault: Fault}
 *   | {do: "later", subscription: Subscription}
 *   | {do: "event", event: import("./messages.js").EventMessage, subscriptions: Subscription[] | null}
 *   | {do: "text", subscriptions: Subscription[], key: string, field: string, offset: number, text: string}
 *   | {do: "text_ended", subscriptions: Subscription[], key: string, field: string, length: number}
 *   | {do: "event_rejected", subscription: Subscription | undefined, name: string, fault: Fault}
 *   | {do: "reply", reply: import("./messages.js").Reply}} Effect
 */

/** The events that each phase accepts; any other event is an error. @type {Record<Phase, Partial<Record<Event, Phase>>>} */
export const TRANSITIONS = {
  idle: {connect: "opening", suspend: "idle", resume: "idle"},
  opening: {connect: "opening", opened: "greeting", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "opening"},
  greeting: {connect: "greeting", renew: "greeting", welcome: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "greeting"},
  ready: {connect: "ready", renew: "ready", welcome: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "ready"},
  waiting: {connect: "opening", due: "opening", suspend: "suspended", resume: "opening"},
  suspended: {connect: "suspended", suspend: "suspended", resume: "opening"},
  stopped: {connect: "opening", suspend: "stopped", resume: "stopped"},
}

export class Session {
  /** @type {Phase} */
  phase = "idle"
  /** Why the server refused the connection for good. @type {Fault | null} */
  fault = null

  /** The live texts by their numbers, each with its length so far. @type {Map<number, {query: number, key: string, field: string, end: number}>} */
  #texts = new Map()
  #subscriptions = new Subscriptions() // what the page wants, whether connected or not
  /** The state to show until the next welcome. @type {State} */
  #absence = "connecting"
  #renewed = false // new credentials were requested since the last frame
  #acknowledgements = new Acknowledgements()
  /** Identifies the user, if no cookie does. @type {string | undefined} */
  #token

  /** The state to show; `null` before connect(). @returns {State | null} */
  get state() {
    switch (this.phase) {
      case "idle":
        return null
      case "ready":
        if (this.#subscriptions.refused) return "refused"
        return this.#subscriptions.live ? "live" : "catching-up"
      case "stopped":
        return "refused"
      default:
        return this.#absence
    }
  }

  /** Whether all subscriptions are answered. */
  get settled() {
    return this.#subscriptions.settled
  }

  /** Whether the page is connected and all its subscriptions are live. */
  get isCurrent() {
    return this.phase === "ready" && this.#subscriptions.live
  }

  /** @param {Subscription} subscription @returns {State | null} */
  stateOf(subscription) {
    if (subscription.status === "refused") return "refused"
    if (this.phase !== "ready") return this.state
    return subscription.status === "live" ? "live" : "catching-up"
  }

  /** @returns {Effect[]} */
  connect() {
    const before = this.phase
    this.#move("connect")
    if (before === "stopped") {
      this.fault = null
      this.#renewed = false
      this.#absence = "connecting"
    }
    return this.phase === before ? [] : [{do: "open"}]
  }

  /**
   * Handles an open transport.
   *
   * @param {string} [token] identifies the user, if no cookie does
   * @returns {Effect[]}
   */
  opened(token) {
    this.#move("opened")
    this.#token = token
    // calls before subscriptions, so that the frame with their effects names them
    return [...this.#hello([]), {do: "repeat"}, ...send(this.#subscriptions.subscribeAll())]
  }

  /**
   * Continues with another request: the server sees a new client, the page sees no change.
   *
   * @param {import("./messages.js").Send[]} [events] to send with it
   * @returns {Effect[]}
   */
  renew(events = []) {
    this.#move("renew")
    return this.#hello(this.#subscriptions.renewAll(events))
  }

  /** Like `renew`, if the previous transport has received no answer: the calls are sent again too. @returns {Effect[]} */
  moved() {
    this.#move("renew")
    return [...this.#hello([]), {do: "repeat"}, ...send(this.#subscriptions.renewAll([]))]
  }

  /** Sends a newer token for the current connection. @param {string} token @returns {Effect[]} */
  authenticate(token) {
    this.#token = token
    return this.phase === "ready" ? send([{type: "authenticate", token}]) : []
  }

  /**
   * Handles the end of the connection. The code decides what to do next.
   *
   * @param {number} code
   * @param {string} reason
   * @param {number} [retry] seconds after which the server allows a reconnect
   * @returns {Effect[]}
   */
  lost(code, reason, retry = 0) {
    const reaction = reactionTo(code)
    if (reaction === "stop" || (reaction === "renew" && this.#renewed)) {
      this.#move("stop")
      this.#interrupt()
      this.fault = {code, reason}
      return [{do: "close"}]
    }
    const planned = code === codes.going_away
    // A planned reconnect is quick: the page is only catching up, until it fails.
    this.#interrupt(!planned ? "offline" : this.phase === "ready" ? "catching-up" : this.#absence)
    this.#move("lost")
    if (reaction === "renew") {
      this.#renewed = true
      this.#subscriptions.discardCredentials()
    }
    return [{do: "close"}, {do: "wait", retry, ...(planned && {planned})}]
  }

  /** Connects after the delay. @returns {Effect[]} */
  due() {
    this.#move("due")
    return [{do: "open"}]
  }

  /** Disconnects because the page is left or frozen. It may return. @returns {Effect[]} */
  suspend() {
    const before = this.phase
    this.#move("suspend")
    if (this.phase === before) return []
    this.#interrupt()
    return [{do: "close"}]
  }

  /** Reconnects after the page has returned. @returns {Effect[]} */
  resume() {
    const before = this.phase
    this.#move("resume")
    return this.phase === before ? [] : [{do: "open"}]
  }

  /** @param {Subscription} subscription @returns {Effect[]} */
  subscribe(subscription) {
    this.#subscriptions.add(subscription)
    return this.#subscribe(subscription)
  }

  /** @param {Subscription} subscription @returns {Effect[]} */
  unsubscribe(subscription) {
    return this.#sendIfConnected(this.#subscriptions.remove(subscription))
  }

  /** Sends an event to the other subscribers. @param {Subscription} subscription @param {string} name @param {unknown} data */
  sendEvent(subscription, name, data) {
    return this.#sendIfConnected(this.#subscriptions.sendEvent(subscription, name, data))
  }

  /** Marks the user as present, with this data. @param {Subscription} subscription @param {object} data */
  present(subscription, data) {
    return this.#sendIfConnected(this.#subscriptions.present(subscription, data))
  }

  /** Subscribes again after a delay, unless a reconnect has done so already. @param {Subscription} subscription @returns {Effect[]} */
  again(subscription) {
    return subscription.status === "delayed" && this.#subscriptions.has(subscription) ? this.#subscribe(subscription) : []
  }

  /**
   * Reloads all rows, because the page's rows are wrong: at once the first time, then after growing delays.
   *
   * @param {Subscription} subscription
   * @returns {Effect[]}
   */
  resync(subscription) {
    const leaving = this.#sendIfConnected(this.#subscriptions.reset(subscription))
    return subscription.failures === 1 ? [...leaving, ...this.#subscribe(subscription)] : [...leaving, {do: "later", subscription}]
  }

  /**
   * @param {import("./messages.js").ServerMessage} message
   * @param {number} size length of its text
   * @returns {Effect[]}
   */
  receive(message, size) {
    if (isPatched(message)) return this.#patched(message, size)
    if (Array.isArray(message)) message = this.#textMore(message)
    if (this.phase === "greeting" && message.type !== "welcome" && message.type !== "bye") {
      throw new Error(`The server sent '${message.type}' before 'welcome'.`)
    }
    if (message.type === "welcome") {
      const isFirst = this.phase === "greeting"
      this.#move("welcome")
      this.#acknowledgements.window = message.window ?? DEFAULT_WINDOW
      return isFirst ? [{do: "greeted", heartbeat: message.heartbeat}, ...expires(message)] : expires(message)
    }
    this.#acknowledgements.received(size)
    if (message.type === "frame") {
      // a frame is acknowledged after the page has applied it
      const {cursor, calls = []} = message
      return [{do: "apply", cursor, updates: this.#subscriptions.updates(message), calls}]
    }
    this.#acknowledgements.handled(message.type === "part")
    return [...this.#answer(message), ...this.#ackIfDue()]
  }

  /** Handles a frame that leaves the cursor as it is. @param {import("./messages.js").Patched} message @param {number} size @returns {Effect[]} */
  #patched([query, patches], size) {
    this.#acknowledgements.received(size)
    const updates = this.#subscriptions.of(query).map((subscription) => ({subscription, deltas: [{query, patches}], fresh: false}))
    return [{do: "apply", cursor: null, updates, calls: []}]
  }

  /** Returns the long form of a short message. @param {import("./messages.js").TextMore} message @returns {import("./messages.js").Text} */
  #textMore([number, text]) {
    const {query = -1, key = "", field = "", end = 0} = this.#texts.get(number) ?? {}
    return {type: "text", number, query, key, field, offset: end, text}
  }

  /** @param {import("./messages.js").ServerObject} message @returns {Effect[]} */
  #answer(message) {
    switch (message.type) {
      case "authenticated":
        return expires(message)
      case "subscribed":
        this.#subscriptions.accept(message)
        return []
      case "part":
        this.#subscriptions.addPart(message)
        return []
      case "behind":
        this.#subscriptions.fallBehind()
        return []
      case "heartbeat":
        this.#subscriptions.heartbeat(message.cursors ?? {})
        return send([this.#acknowledgements.next()])
      case "refused":
        return this.#refused(message)
      case "reply":
        return [{do: "reply", reply: message}]
      case "event": {
        const subscriptions = message.query === undefined ? null : this.#subscriptions.of(message.query)
        return [{do: "event", event: message, subscriptions}]
      }
      case "text": {
        const {number, query, key, field, offset, text} = message
        this.#texts.set(number, {query, key, field, end: offset + text.length})
        return [{do: "text", subscriptions: this.#subscriptions.of(query), key, field, offset, text}]
      }
      case "text_ended": {
        const {query, key, field, length} = message
        for (const [number, text] of this.#texts) {
          if (text.query === query && text.key === key && text.field === field) this.#texts.delete(number)
        }
        return [{do: "text_ended", subscriptions: this.#subscriptions.of(query), key, field, length}]
      }
      case "event_rejected": {
        const {id, name, code, reason} = message
        return [{do: "event_rejected", subscription: this.#subscriptions.find(id), name, fault: {code, reason}}]
      }
      case "bye":
        return this.lost(message.code, message.reason, message.retry)
      default:
        return [] // a message of a newer server
    }
  }

  /**
   * Handles an applied frame: its cursor is valid now, except for subscriptions whose deltas could not be applied.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   * @param {Set<Subscription>} failed
   * @returns {Effect[]}
   */
  applied({cursor, updates}, failed) {
    this.#renewed = false
    this.#acknowledgements.handled(true)

    /** @type {Effect[]} */
    const effects = []
    for (const {subscription} of updates) {
      if (!this.#subscriptions.has(subscription)) continue // closed by a listener
      if (failed.has(subscription)) effects.push(...this.resync(subscription))
      else this.#subscriptions.advance(subscription, cursor)
    }
    return [...this.#ackIfDue(), ...effects]
  }

  /** @param {import("./messages.js").ClientMessage[]} messages @returns {Effect[]} */
  #hello(messages) {
    this.#acknowledgements.reset()
    this.#texts.clear()
    const named = this.#token === undefined ? {} : {token: this.#token}
    return send([{type: "hello", version: VERSION, ...named}, ...messages])
  }

  /** @param {Event} event */
  #move(event) {
    const next = TRANSITIONS[this.phase][event]
    if (!next) throw new Error(`A session that is '${this.phase}' does not know the event '${event}'.`)
    this.phase = next
  }

  /** @param {State} shown */
  #interrupt(shown = "offline") {
    this.#absence = shown
    this.#subscriptions.interrupt()
  }

  /** @param {Subscription} subscription @returns {Effect[]} */
  #subscribe(subscription) {
    return this.#connected ? send(this.#subscriptions.subscribe(subscription)) : []
  }

  /** @param {import("./messages.js").ClientMessage[]} messages @returns {Effect[]} */
  #sendIfConnected(messages) {
    return this.#connected ? send(messages) : []
  }

  get #connected() {
    return this.phase === "greeting" || this.phase === "ready"
  }

  /** @param {import("./messages.js").Refused} message @returns {Effect[]} */
  #refused(message) {
    const subscription = this.#subscriptions.refuse(message)
    if (subscription?.status === "wanted") return this.#subscribe(subscription)
    if (subscription?.status === "delayed") return [{do: "later", subscription}]
    const {code, reason, details} = message
    return subscription ? [{do: "refused", subscription, fault: details ? {code, reason, details} : {code, reason}}] : []
  }

  /** @returns {Effect[]} */
  #ackIfDue() {
    return this.#acknowledgements.isDue && this.phase === "ready" ? send([this.#acknowledgements.next()]) : []
  }
}

/** @param {{expires?: number}} message @returns {Effect[]} */
function expires({expires}) {
  return expires === undefined ? [] : [{do: "expires", seconds: expires}]
}

/** @param {import("./messages.js").ClientMessage[]} messages @returns {Effect[]} */
function send(messages) {
  return messages.map((message) => ({do: "send", message}))
}
