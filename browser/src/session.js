/**
 * The client's side of the protocol as a state machine: events in, effects out, with no DOM, socket or timer.
 */

import {VERSION, codes, remedy} from "./messages.js"
import {Wires} from "./wires.js"

/** @typedef {import("./wires.js").Wire} Wire */

/**
 * @typedef {"idle" | "opening" | "greeting" | "ready" | "waiting" | "suspended" | "stopped"} Phase
 * @typedef {"connect" | "opened" | "welcome" | "renew" | "lost" | "stop" | "due" | "suspend" | "resume"} Event
 * @typedef {"connecting" | "live" | "catching-up" | "offline" | "refused"} State
 *
 * @typedef {{code: number, reason: string}} Fault
 *
 * What the session wants done. `wait`: for the next attempt, at least `retry` seconds; `planned` where the server sent the page on. `later`: to be asked `again` after
 * a delay. `repeat`: to have the calls sent that wait for the connection.
 *
 * @typedef {{do: "open"}
 *   | {do: "close"}
 *   | {do: "send", message: import("./messages.js").ClientMessage}
 *   | {do: "wait", retry: number, planned?: boolean}
 *   | {do: "greeted", beat: number}
 *   | {do: "repeat"}
 *   | {do: "expires", seconds: number}
 *   | {do: "apply", cursor: string, updates: import("./wires.js").Update[], calls: string[]}
 *   | {do: "refused", wire: Wire, fault: Fault}
 *   | {do: "later", wire: Wire}
 *   | {do: "tell", event: import("./messages.js").Happening, wires: Wire[] | null}
 *   | {do: "unsent", wire: Wire | undefined, name: string, fault: Fault}
 *   | {do: "reply", reply: import("./messages.js").Reply}} Effect
 */

/** What each phase knows; an event that it does not know is an error. @type {Record<Phase, Partial<Record<Event, Phase>>>} */
export const TRANSITIONS = {
  idle: {connect: "opening", suspend: "idle", resume: "idle"},
  opening: {connect: "opening", opened: "greeting", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "opening"},
  greeting: {connect: "greeting", renew: "greeting", welcome: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "greeting"},
  ready: {connect: "ready", renew: "ready", welcome: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "ready"},
  waiting: {connect: "opening", due: "opening", suspend: "suspended", resume: "opening"},
  suspended: {connect: "suspended", suspend: "suspended", resume: "opening"},
  stopped: {connect: "opening", suspend: "stopped", resume: "stopped"},
}

/** How much may be on the way where the server does not say. */
const DEFAULT_WINDOW = {frames: 32, bytes: 1048576}

export class Session {
  /** @type {Phase} */
  phase = "idle"
  /** Why the server said stop. @type {Fault | null} */
  fault = null

  #wires = new Wires() // intent: what the page wants, whether connected or not
  /** What the page shows until the next welcome. @type {State} */
  #absence = "connecting"
  #askedAnew = false // fresh credentials were asked for since the last frame
  #window = DEFAULT_WINDOW
  #handled = 0 // messages since welcome
  #unacked = {frames: 0, bytes: 0}
  /** Names the user, where no cookie does. @type {string | undefined} */
  #token

  /** What the page shows; `null` before connect(). @returns {State | null} */
  get state() {
    switch (this.phase) {
      case "idle":
        return null
      case "ready":
        if (this.#wires.refused) return "refused"
        return this.#wires.live ? "live" : "catching-up"
      case "stopped":
        return "refused"
      default:
        return this.#absence
    }
  }

  /** Whether nothing is awaited but news. */
  get settled() {
    return this.#wires.settled
  }

  /** Connected, and nothing that the page is subscribed to is behind. */
  get isCurrent() {
    return this.phase === "ready" && this.#wires.live
  }

  /** @param {Wire} wire @returns {State | null} */
  stateOf(wire) {
    if (wire.status === "refused") return "refused"
    if (this.phase !== "ready") return this.state
    return wire.status === "live" ? "live" : "catching-up"
  }

  /** @returns {Effect[]} */
  connect() {
    const before = this.phase
    this.#move("connect")
    if (before === "stopped") {
      this.fault = null
      this.#askedAnew = false
      this.#absence = "connecting"
    }
    return this.phase === before ? [] : [{do: "open"}]
  }

  /**
   * The transport can carry messages.
   *
   * @param {string} [token] names the user, where no cookie does
   * @returns {Effect[]}
   */
  opened(token) {
    this.#move("opened")
    this.#token = token
    // calls before subscriptions: the frame that brings their effects is to name them
    return [...this.#hello([]), {do: "repeat"}, ...send(this.#wires.askAll())]
  }

  /**
   * The transport goes on by another request: to the server it is another client, to the page nothing changes.
   *
   * @param {import("./messages.js").Send[]} [events] that go with it
   * @returns {Effect[]}
   */
  renew(events = []) {
    this.#move("renew")
    return this.#hello(this.#wires.renewAll(events))
  }

  /** As `renew`, where nothing was heard of what was sent: the calls are sent again too. @returns {Effect[]} */
  moved() {
    this.#move("renew")
    return [...this.#hello([]), {do: "repeat"}, ...send(this.#wires.renewAll([]))]
  }

  /** A newer token for the connection at hand. @param {string} token @returns {Effect[]} */
  authenticate(token) {
    this.#token = token
    return this.phase === "ready" ? send([{type: "authenticate", token}]) : []
  }

  /**
   * The connection is gone, or is given up. The code decides what comes next.
   *
   * @param {number} code
   * @param {string} reason
   * @param {number} [retry] seconds after which the server allows a return
   * @returns {Effect[]}
   */
  lost(code, reason, retry = 0) {
    const cure = remedy(code)
    if (cure === "stop" || (cure === "ask anew" && this.#askedAnew)) {
      this.#move("stop")
      this.#interrupt()
      this.fault = {code, reason}
      return [{do: "close"}]
    }
    const planned = code === codes.going_away
    // A page that is sent on is soon back: until that fails, it has only a little to catch up with.
    this.#interrupt(!planned ? "offline" : this.phase === "ready" ? "catching-up" : this.#absence)
    this.#move("lost")
    if (cure === "ask anew") {
      this.#askedAnew = true
      this.#wires.forget()
    }
    return [{do: "close"}, {do: "wait", retry, ...(planned && {planned})}]
  }

  /** The wait is over. @returns {Effect[]} */
  due() {
    this.#move("due")
    return [{do: "open"}]
  }

  /** The page leaves the screen, perhaps to come back. @returns {Effect[]} */
  suspend() {
    const before = this.phase
    this.#move("suspend")
    if (this.phase === before) return []
    this.#interrupt()
    return [{do: "close"}]
  }

  /** The page is back. @returns {Effect[]} */
  resume() {
    const before = this.phase
    this.#move("resume")
    return this.phase === before ? [] : [{do: "open"}]
  }

  /** @param {Wire} wire @returns {Effect[]} */
  subscribe(wire) {
    this.#wires.add(wire)
    return this.#ask(wire)
  }

  /** @param {Wire} wire @returns {Effect[]} */
  unsubscribe(wire) {
    return this.#tell(this.#wires.remove(wire))
  }

  /** An event for the others who see what the wire sees. @param {Wire} wire @param {string} name @param {unknown} data */
  tell(wire, name, data) {
    return this.#tell(this.#wires.tell(wire, name, data))
  }

  /** The user is present, and says this of themselves. @param {Wire} wire @param {object} data */
  present(wire, data) {
    return this.#tell(this.#wires.present(wire, data))
  }

  /** The delay of a wire is over; a reconnect may have asked for it already. @param {Wire} wire @returns {Effect[]} */
  again(wire) {
    return wire.status === "delayed" && this.#wires.has(wire) ? this.#ask(wire) : []
  }

  /**
   * What the page holds cannot be trusted: all rows are asked for, at once the first time and then after growing delays.
   *
   * @param {Wire} wire
   * @returns {Effect[]}
   */
  resync(wire) {
    const told = this.#tell(this.#wires.reset(wire))
    return wire.failures === 1 ? [...told, ...this.#ask(wire)] : [...told, {do: "later", wire}]
  }

  /**
   * @param {import("./messages.js").ServerMessage} message
   * @param {number} size length of its text
   * @returns {Effect[]}
   */
  receive(message, size) {
    if (this.phase === "greeting" && message.type !== "welcome" && message.type !== "bye") {
      throw new Error(`The server sent '${message.type}' before 'welcome'.`)
    }
    if (message.type === "welcome") {
      const isFirst = this.phase === "greeting"
      this.#move("welcome")
      this.#window = message.window ?? DEFAULT_WINDOW
      return isFirst ? [{do: "greeted", beat: message.beat}, ...expires(message)] : expires(message)
    }
    this.#unacked.bytes += size
    if (message.type === "frame") {
      // It counts when the page has handled it.
      const {cursor, calls = []} = message
      return [{do: "apply", cursor, updates: this.#wires.updates(message), calls}]
    }
    this.#handled += 1
    return [...this.#answer(message), ...this.#ackIfDue()]
  }

  /** @param {import("./messages.js").ServerMessage} message @returns {Effect[]} */
  #answer(message) {
    switch (message.type) {
      case "authenticated":
        return expires(message)
      case "subscribed":
        this.#wires.accept(message)
        return []
      case "behind":
        this.#wires.fallBehind()
        return []
      case "beat":
        this.#wires.beat(message.cursors ?? {})
        return [this.#ack()]
      case "refused":
        return this.#refused(message)
      case "reply":
        return [{do: "reply", reply: message}]
      case "event": {
        const wires = message.query === undefined ? null : this.#wires.of(message.query)
        return [{do: "tell", event: message, wires}]
      }
      case "unsent": {
        const {id, name, code, reason} = message
        return [{do: "unsent", wire: this.#wires.find(id), name, fault: {code, reason}}]
      }
      case "bye":
        return this.lost(message.code, message.reason, message.retry)
      default:
        return [] // a message that a later server may add
    }
  }

  /**
   * The page has handled a frame: from now on its cursor counts, except for the wires whose deltas did not fit their rows.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   * @param {Set<Wire>} unfit
   * @returns {Effect[]}
   */
  applied({cursor, updates}, unfit) {
    this.#askedAnew = false
    this.#handled += 1
    this.#unacked.frames += 1

    /** @type {Effect[]} */
    const effects = []
    for (const {wire} of updates) {
      if (!this.#wires.has(wire)) continue // a listener has closed it
      if (unfit.has(wire)) effects.push(...this.resync(wire))
      else this.#wires.reach(wire, cursor)
    }
    return [...this.#ackIfDue(), ...effects]
  }

  /** @param {import("./messages.js").ClientMessage[]} asked @returns {Effect[]} */
  #hello(asked) {
    this.#handled = 0
    this.#unacked = {frames: 0, bytes: 0}
    const named = this.#token === undefined ? {} : {token: this.#token}
    return send([{type: "hello", version: VERSION, ...named}, ...asked])
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
    this.#wires.interrupt()
  }

  /** @param {Wire} wire @returns {Effect[]} */
  #ask(wire) {
    return this.#connected ? send(this.#wires.ask(wire)) : []
  }

  /** @param {import("./messages.js").ClientMessage[]} messages @returns {Effect[]} */
  #tell(messages) {
    return this.#connected ? send(messages) : []
  }

  get #connected() {
    return this.phase === "greeting" || this.phase === "ready"
  }

  /** @param {import("./messages.js").Refused} message @returns {Effect[]} */
  #refused(message) {
    const wire = this.#wires.refuse(message)
    if (wire?.status === "wanted") return this.#ask(wire)
    if (wire?.status === "delayed") return [{do: "later", wire}]
    return wire ? [{do: "refused", wire, fault: {code: message.code, reason: message.reason}}] : []
  }

  /** @returns {Effect[]} */
  #ackIfDue() {
    const {frames, bytes} = this.#unacked
    const due = frames >= this.#window.frames / 4 || bytes >= this.#window.bytes / 4
    return due && this.phase === "ready" ? [this.#ack()] : []
  }

  /** @returns {Effect} */
  #ack() {
    this.#unacked = {frames: 0, bytes: 0}
    return {do: "send", message: {type: "ack", messages: this.#handled}}
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
