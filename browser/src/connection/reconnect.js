/**
 * Decides when to reconnect and when a connection is dead: heartbeats, back-off, online and visibility events, all timers.
 */

import {call, get} from "../dom/members.js"
import {newClock} from "./clock.js"
import {watchDepartures} from "./departure.js"

/** Seconds to wait for a connection to open, and then for the server's welcome. */
const OPEN_SECONDS = 10
/** The maximum of the first delay; it doubles each time. */
const FIRST_DELAY_SECONDS = 0.5
const LONGEST_DELAY_SECONDS = 15
/** A connection that lasted this long counts as good, and the delays start again. */
const GOOD_SECONDS = 10
/** A timer checks at least this often whether the device has slept: on some, timers stop meanwhile. */
const LOOK_SECONDS = 10
/** Browsers take a longer timer for one of 0. */
const LONGEST_MILLISECONDS = 2 ** 31 - 1
/** If a timer or a heartbeat is this late, the device has slept, or the page was throttled. */
const LATE_SECONDS = 5

/**
 * The browser's clock and timers; tests have their own.
 *
 * @typedef {{
 *   now: () => number,
 *   setTimeout: (callback: () => void, milliseconds: number) => any,
 *   clearTimeout: (timer: any) => void,
 *   random: () => number,
 * }} Clock
 *
 * `due`: try to connect. `silent`: the server was silent for too long, or the network has changed. `suspend`, `resume`: the
 * page is left or frozen, and returns.
 *
 * @typedef {{due: () => void, silent: () => void, suspend: () => void, resume: () => void}} Handlers
 */

/** @type {Clock} */
const BROWSER_CLOCK = {
  now: newClock(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, Math.min(milliseconds, LONGEST_MILLISECONDS)),
  clearTimeout: (timer) => clearTimeout(timer),
  random: () => Math.random(),
}

export class Monitor {
  /** @type {Handlers | null} */
  #handlers = null
  /** @type {"stopped" | "waiting" | "watching"} */
  #mode = "stopped"
  /** @type {any} */
  #timer = null
  #lastMessage = 0 // when the last message was received, or waiting for one began
  #patience = 0 // seconds of silence that are tolerated
  #expected = 0 // when the timer should fire
  #notBefore = 0 // the earliest reconnect that the server allows
  #attempts = 0
  /** When the server's welcome was received, if it was. @type {number | null} */
  #welcomed = null
  #wasOffline = false
  #hidden = false

  /** @param {{clock?: Clock, window?: EventTarget, document?: Document}} [environment] */
  constructor({clock = BROWSER_CLOCK, window = globalThis.window, document = globalThis.document} = {}) {
    this.clock = clock
    this.window = window
    this.document = document
  }

  /** @param {Handlers} handlers */
  start(handlers) {
    this.#handlers = handlers
    this.window?.addEventListener("offline", () => this.#offline())
    this.window?.addEventListener("online", () => this.#online())
    const leave = () => {
      this.#hidden = true
      handlers.suspend()
    }
    const back = () => {
      if (this.#hidden) handlers.resume()
      this.#hidden = false
    }
    this.window?.addEventListener("pagehide", leave) // perhaps into the back-forward cache
    this.window?.addEventListener("pageshow", back)
    const {window, document, after} = this
    if (window && document) watchDepartures({window, document, leave, back, after})
    if (!document) return
    call(document, "addEventListener", "freeze", leave) // nothing runs until `resume`, and a socket would fill up
    call(document, "addEventListener", "resume", back)
    call(document, "addEventListener", "visibilitychange", () => get(document, "visibilityState") === "visible" && this.#wake())
  }

  /** Starts waiting for a connection to open, or for its welcome. */
  expect() {
    this.#watch(OPEN_SECONDS)
  }

  /** Starts watching the heartbeats after the server's welcome. @param {number} heartbeat seconds */
  welcome(heartbeat) {
    this.#welcomed = this.clock.now()
    this.#watch(2 * heartbeat)
  }

  received() {
    this.#lastMessage = this.clock.now()
  }

  /**
   * Schedules the next attempt after a delay.
   *
   * @param {number} retry seconds that the server asks for
   * @param {{planned?: boolean}} [options] planned: the server has asked its clients to reconnect, which is not a failure
   */
  wait(retry, {planned = false} = {}) {
    const now = this.clock.now()
    const wasGood = this.#welcomed !== null && (planned || now - this.#welcomed >= GOOD_SECONDS)
    if (wasGood) this.#attempts = 0
    this.#welcomed = null
    this.#notBefore = now + retry
    this.#mode = "waiting"
    this.#arm(retry + this.delay(this.#attempts))
    if (!wasGood || !planned) this.#attempts += 1
  }

  stop() {
    this.#mode = "stopped"
    this.clock.clearTimeout(this.#timer)
  }

  /** Returns the delay after a number of failures: random, so that clients do not reconnect together. @param {number} failures */
  delay(failures) {
    return this.clock.random() * Math.min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** failures)
  }

  /** @param {number} seconds @param {() => void} callback @returns {() => void} cancels */
  after = (seconds, callback) => {
    const timer = this.clock.setTimeout(callback, seconds * 1000)
    return () => this.clock.clearTimeout(timer)
  }

  /** @param {number} patience */
  #watch(patience) {
    this.#mode = "watching"
    this.#patience = patience
    this.received()
    this.#arm(patience)
  }

  /** @param {number} seconds */
  #arm(seconds) {
    if (this.#mode === "watching") seconds = Math.min(seconds, LOOK_SECONDS)
    this.#expected = this.clock.now() + seconds
    this.clock.clearTimeout(this.#timer)
    this.#timer = this.clock.setTimeout(() => this.#fire(), seconds * 1000)
  }

  #fire() {
    if (this.#mode === "waiting") this.#handlers?.due()
    else if (this.#mode === "watching") this.#checkSilence({late: this.clock.now() - this.#expected > LATE_SECONDS})
  }

  /**
   * Uses one timer for many messages: it checks how long the silence has lasted, and waits for the rest.
   *
   * @param {{late: boolean}} options late: the timer was delayed, so one missing heartbeat is enough
   */
  #checkSilence({late}) {
    const silence = this.clock.now() - this.#lastMessage
    const patience = late ? Math.min(this.#patience, this.#patience / 2 + LATE_SECONDS) : this.#patience
    const rest = patience - silence
    if (rest <= 0) this.#handlers?.silent()
    else this.#arm(rest)
  }

  /** Reconnects without waiting: the page is visible again, or the network is back. */
  #wake() {
    if (this.#mode === "watching") this.#checkSilence({late: true})
    if (this.#mode !== "waiting") return
    const rest = this.#notBefore - this.clock.now()
    if (rest > 0) this.#arm(rest)
    else this.#handlers?.due()
  }

  #offline() {
    this.#wasOffline = true
    if (this.#mode === "watching") this.#handlers?.silent() // the connection is dead, but the socket reports it late
  }

  #online() {
    // A connection rarely survives a change of network, and its silence is noticed late.
    if (this.#wasOffline && this.#mode === "watching") this.#handlers?.silent()
    this.#wasOffline = false
    this.#wake()
  }
}
