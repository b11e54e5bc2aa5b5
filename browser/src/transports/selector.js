/**
 * Selects a transport: the first one on which the server sends welcome, and later a better one when it works again.
 */

import {ABNORMAL, SILENCE} from "../protocol/messages.js"

/** @typedef {import("./websocket.js").TransportHandlers} TransportHandlers */
/** @typedef {import("./websocket.js").Transport} Transport */

/** @typedef {{name: string, open: () => Transport & {retire?: () => void}}} TransportOption */

/** Seconds to wait for a transport's welcome before trying the next transport. */
const PATIENCE_SECONDS = 4
/** A connection that ends within this many seconds of its welcome counts as short. */
const GOOD_SECONDS = 10
/** How often in a row a working transport may fail before others are tried: the server may just be restarting. */
const MAX_FAILURES = 3
/** Seconds before the best transport is tried again; doubled each time. */
const FIRST_PROBE_SECONDS = 15
const LONGEST_PROBE_SECONDS = 300
/** How long new pages of the window start with the transport that worked last. */
const MEMORY_SECONDS = 600
const KEY = "realtime:transport"


/** Remembers which transports work, across attempts. */
export class TransportSelector {
  /** The transport of this page's last welcome. @type {string | null} */
  #current = null
  #failures = 0 // attempts in a row without a welcome
  #short = 0 // attempts in a row that ended soon after the welcome
  /** When the current attempt received its welcome. @type {number | null} */
  #welcomed = null

  /**
   * @param {{
   *   list: () => TransportOption[],
   *   after: (seconds: number, callback: () => void) => () => void,
   *   now: () => number,
   *   memory?: Storage | null,
   * }} options list: the best transport first
   */
  constructor({list, after, now, memory = null}) {
    this.list = list
    this.after = after
    this.now = now
    this.memory = memory
  }

  /** Returns a transport for the next attempt, which selects one of the available transports. @returns {Transport} */
  newTransport() {
    const list = this.list()
    const place = Math.max(0, list.findIndex(({name}) => name === (this.#current ?? this.#remembered())))
    const start = this.#short >= MAX_FAILURES ? place + 1 : place
    const order = list.map((_, index) => list[(start + index) % list.length])
    const keepsTo = this.#current !== null && this.#failures < MAX_FAILURES && this.#short < MAX_FAILURES
    return new FallbackTransport({selector: this, order: keepsTo ? order.slice(0, 1) : order, best: list[0]})
  }

  /** @param {TransportOption} option */
  welcomed({name}) {
    if (this.#current !== name) this.#short = 0
    this.#current = name
    this.#failures = 0
    this.#welcomed = this.now()
    this.#remember(name)
  }

  /** Records the end of an attempt. @param {{isCut: boolean}} options isCut: the transport has ended it, not the page, such as when it is left */
  ended({isCut}) {
    if (this.#welcomed === null) this.#failures += 1
    else if (this.now() - this.#welcomed >= GOOD_SECONDS) this.#short = 0
    else if (isCut) this.#short += 1
    this.#welcomed = null
  }

  #remembered() {
    try {
      const {name, until} = JSON.parse(this.memory?.getItem(KEY) ?? "{}")
      return until > this.now() ? name : null
    } catch {
      return null
    }
  }

  /** @param {string} name */
  #remember(name) {
    try {
      if (name === this.list()[0].name) this.memory?.removeItem(KEY)
      else this.memory?.setItem(KEY, JSON.stringify({name, until: this.now() + MEMORY_SECONDS}))
    } catch {
      // without storage, each page selects again
    }
  }
}

/** @implements {Transport} */
class FallbackTransport {
  /** @type {TransportHandlers | null} */
  #handlers = null
  /** @type {ReturnType<TransportOption["open"]> | null} */
  #inner = null
  /** The transport that a better one has replaced; it still receives the replies to its calls. @type {Transport | null} */
  #retired = null
  #opened = false
  #isOpen = false // of the current transport
  #hello = "" // the last one, which identifies the user if no cookie does
  #greeted = false // by a probe: the server has received hello
  #cancelTimer = () => {}
  /** Starts waiting for the welcome of the current transport. */
  #wait = () => {}
  /** @type {Transport | null} */
  #probe = null
  #probeSeconds = FIRST_PROBE_SECONDS

  /** @param {{selector: TransportSelector, order: TransportOption[], best: TransportOption}} options */
  constructor({selector, order, best}) {
    this.selector = selector
    this.order = order
    this.best = best
  }

  /** @param {TransportHandlers} handlers */
  on(handlers) {
    this.#handlers = handlers
  }

  open() {
    this.#take(0)
  }

  /** @param {string} text */
  send(text) {
    const isHello = JSON.parse(text).type === "hello"
    if (isHello && this.#isOpen && !this.#hello) this.#wait()
    if (isHello) this.#hello = text
    if (this.#greeted && isHello) this.#greeted = false
    else if (this.#isOpen) this.#inner?.send(text) // else all is sent when it opens
  }

  close() {
    this.#end({isCut: false})
  }

  /** @param {{isCut: boolean}} options */
  #end(options) {
    if (!this.#handlers) return
    this.#handlers = null
    this.#cancelTimer()
    this.#probe?.close()
    this.#inner?.close()
    this.selector.ended(options)
  }

  /** @param {number} index */
  #take(index) {
    const option = this.order[index]
    const inner = (this.#inner = option.open())
    this.#isOpen = false
    let received = false
    const failed = (/** @type {number} */ code, /** @type {string} */ reason) => {
      if (inner !== this.#inner && inner !== this.#retired) return
      if (received || index + 1 >= this.order.length) return this.#closed(code, reason)
      this.#cancelTimer()
      inner.close()
      this.#take(index + 1)
    }
    inner.on({
      opened: () => this.#begin(),
      message: (text) => {
        if (!received) {
          received = true
          this.#wait = () => {}
          this.#cancelTimer()
          this.#arrived(option, text)
        }
        this.#handlers?.message(text)
      },
      renew: (events) => this.#handlers?.renew(events) ?? false,
      moved() {},
      closed: failed,
    })
    this.#wait = () => {
      this.#cancelTimer()
      if (index + 1 < this.order.length) this.#cancelTimer = this.selector.after(PATIENCE_SECONDS, () => failed(ABNORMAL, SILENCE))
    }
    this.#wait()
    inner.open()
  }

  #begin() {
    this.#isOpen = true
    if (this.#hello) return this.#handlers?.moved() // the previous transport opened, but carried no messages
    this.#cancelTimer() // hello may wait for a token
    if (!this.#opened) this.#handlers?.opened() // else hello follows when its token has been fetched
    this.#opened = true
  }

  /** @param {TransportOption} option @param {string} text its first message */
  #arrived(option, text) {
    if (JSON.parse(text).type !== "welcome") return
    this.selector.welcomed(option)
    if (option.name !== this.best.name) this.#probeLater()
  }

  #probeLater() {
    this.#probe = null
    this.#cancelTimer = this.selector.after(this.#probeSeconds, () => this.#try())
    this.#probeSeconds = Math.min(2 * this.#probeSeconds, LONGEST_PROBE_SECONDS)
  }

  /** Tries the best transport, and uses the current one meanwhile. */
  #try() {
    const probe = (this.#probe = this.best.open())
    const failed = () => {
      if (probe !== this.#probe) return
      this.#cancelTimer()
      probe.close()
      this.#probeLater()
    }
    probe.on({
      opened: () => probe.send(this.#hello),
      message: (text) => (JSON.parse(text).type === "welcome" ? this.#switch(probe, text) : failed()),
      renew: () => false,
      moved() {},
      closed: failed,
    })
    this.#cancelTimer = this.selector.after(PATIENCE_SECONDS, failed)
    probe.open()
  }

  /** Moves the subscriptions to the better transport, from their cursors. @param {Transport} probe @param {string} welcome */
  #switch(probe, welcome) {
    this.#cancelTimer()
    const old = this.#inner
    this.#retired = old
    this.#probe = null
    this.#inner = probe
    this.#greeted = true
    probe.on({
      opened() {},
      message: (text) => this.#handlers?.message(text),
      renew: () => false,
      moved() {},
      closed: (code, reason) => this.#closed(code, reason),
    })
    if (old?.retire) old.retire()
    else old?.close()
    this.selector.welcomed(this.best)
    this.#handlers?.renew()
    this.#handlers?.message(welcome) // the window may differ
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const handlers = this.#handlers
    this.#end({isCut: true})
    handlers?.closed(code, reason)
  }
}
