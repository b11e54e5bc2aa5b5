/**
 * The client's side of the protocol as a state machine: events in, effects out, with no DOM, socket or timer.
 */

import {VERSION, remedy} from "./messages.js"
import {Wires} from "./wires.js"

/** @typedef {import("./wires.js").Wire} Wire */

/**
 * @typedef {"idle" | "opening" | "greeting" | "ready" | "waiting" | "suspended" | "stopped"} Phase
 * @typedef {"connect" | "opened" | "welcome" | "lost" | "stop" | "due" | "suspend" | "resume"} Event
 * @typedef {"connecting" | "live" | "catching-up" | "offline" | "refused"} State
 *
 * @typedef {{code: number, reason: string}} Fault
 *
 * What the session wants done. `wait`: for the next attempt, at least `retry` seconds. `later`: to be asked `again` after
 * a delay. `repeat`: to have the calls sent that wait for the connection.
 *
 * @typedef {{do: "open"}
 *   | {do: "close"}
 *   | {do: "send", message: import("./messages.js").ClientMessage}
 *   | {do: "wait", retry: number}
 *   | {do: "greeted", beat: number}
 *   | {do: "repeat"}
 *   | {do: "apply", cursor: string, updates: import("./wires.js").Update[], calls: string[], size: number}
 *   | {do: "refused", wire: Wire, fault: Fault}
 *   | {do: "later", wire: Wire}
 *   | {do: "reply", reply: import("./messages.js").Reply}} Effect
 */

/** What each phase knows; an event that it does not know is an error. @type {Record<Phase, Partial<Record<Event, Phase>>>} */
export const TRANSITIONS = {
  idle: {connect: "opening", suspend: "idle", resume: "idle"},
  opening: {connect: "opening", opened: "greeting", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "opening"},
  greeting: {connect: "greeting", welcome: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "greeting"},
  ready: {connect: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "ready"},
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
  #interrupted = false // a connection was lost since connect()
  #askedAnew = false // fresh credentials were asked for since the last frame
  #window = DEFAULT_WINDOW
  #frames = 0 // handled since hello
  #unacked = {frames: 0, bytes: 0}

  /** What the page shows; `null` before connect(). @returns {State | null} */
  get state() {
    switch (this.phase) {
      case "idle":
        return null
      case "opening":
      case "greeting":
        return this.#interrupted ? "offline" : "connecting"
      case "ready":
        if (this.#wires.refused) return "refused"
        return this.#wires.live ? "live" : "catching-up"
      case "stopped":
        return "refused"
      default:
        return "offline"
    }
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
      this.#interrupted = this.#askedAnew = false
    }
    return this.phase === before ? [] : [{do: "open"}]
  }

  /** The transport can carry messages. @returns {Effect[]} */
  opened() {
    this.#move("opened")
    this.#frames = 0
    this.#unacked = {frames: 0, bytes: 0}
    // calls before subscriptions: the frame that brings their effects is to name them
    return [...send([{type: "hello", version: VERSION}]), {do: "repeat"}, ...send(this.#wires.askAll())]
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
    this.#move("lost")
    this.#interrupt()
    if (cure === "ask anew") {
      this.#askedAnew = true
      this.#wires.forget()
    }
    return [{do: "close"}, {do: "wait", retry}]
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
    switch (message.type) {
      case "welcome":
        this.#move("welcome")
        this.#window = message.window ?? DEFAULT_WINDOW
        return [{do: "greeted", beat: message.beat}]
      case "subscribed":
        this.#wires.accept(message)
        return []
      case "frame":
        return [{do: "apply", cursor: message.cursor, updates: this.#wires.updates(message), calls: message.calls ?? [], size}]
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
  applied({cursor, updates, size}, unfit) {
    this.#askedAnew = false
    this.#frames += 1
    this.#unacked.frames += 1
    this.#unacked.bytes += size

    /** @type {Effect[]} */
    const effects = []
    for (const {wire} of updates) {
      if (!this.#wires.has(wire)) continue // a listener has closed it
      if (unfit.has(wire)) effects.push(...this.resync(wire))
      else this.#wires.reach(wire, cursor)
    }
    const {frames, bytes} = this.#unacked
    const due = frames >= this.#window.frames / 4 || bytes >= this.#window.bytes / 4
    return due && this.phase === "ready" ? [this.#ack(), ...effects] : effects
  }

  /** @param {Event} event */
  #move(event) {
    const next = TRANSITIONS[this.phase][event]
    if (!next) throw new Error(`A session that is '${this.phase}' does not know the event '${event}'.`)
    this.phase = next
  }

  #interrupt() {
    this.#interrupted = true
    this.#wires.interrupt()
  }

  /** @param {Wire} wire @returns {Effect[]} */
  #ask(wire) {
    return this.#connected ? send([this.#wires.ask(wire)]) : []
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

  /** @returns {Effect} */
  #ack() {
    this.#unacked = {frames: 0, bytes: 0}
    return {do: "send", message: {type: "ack", frames: this.#frames}}
  }
}

/** @param {import("./messages.js").ClientMessage[]} messages @returns {Effect[]} */
function send(messages) {
  return messages.map((message) => ({do: "send", message}))
}
