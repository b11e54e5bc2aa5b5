/**
 * Drives the session: passes it events from transport, monitor and page, and executes its effects.
 */

import {Calls} from "./calls.js"
import {EventListeners} from "../data/events.js"
import {RealtimeError, parseJSON, sorted} from "../protocol/messages.js"
import {Session} from "../protocol/session.js"

/** @typedef {import("../protocol/session.js").Effect} Effect */
/** @typedef {import("../data/result_set.js").Subscription} Subscription */
/** @typedef {import("../data/result_set.js").Change} Change */
/** @typedef {import("../protocol/subscriptions.js").Wire} Wire */
/** @typedef {import("../transports/websocket.js").Transport} Transport */
/** @typedef {() => string | Promise<string>} Token */
/** @typedef {import("../data/optimistic.js").Expectation} Expectation */
/** @typedef {{subscription: Subscription, change: Change}} Changed */

/** A token is replaced when a quarter of its lifetime is left, or this many seconds. */
const REFRESH_SECONDS = 30

export class Connection {
  /** Called whenever a state may have changed. @type {Set<() => void>} */
  watchers = new Set()
  /** Listeners to the user's events. */
  events = new EventListeners()
  /** Called when the server rejects an event or a presence. @type {Set<(error: RealtimeError) => void>} */
  refusals = new Set()

  #session = new Session()
  /** @type {Map<Wire, Subscription>} */
  #subscriptions = new Map()
  /** @type {Map<Wire, () => void>} */
  #delays = new Map()
  /** @type {Transport | null} */
  #transport = null
  #url = ""
  /** Returns a token, if users have one instead of a cookie. @type {Token | null} */
  #token = null
  /** Cancels the timer for the next token. */
  #cancelRefresh = () => {}
  /** @type {Effect[]} */
  #effects = []
  #working = false

  /**
   * @param {{
   *   monitor: import("./reconnect.js").Monitor,
   *   newTransport: (url: string) => Transport,
   *   report: (error: unknown) => void,
   *   warn?: (text: string) => void,
   * }} options report: called with errors of the page's own code; warn: with refusals of the server
   */
  constructor({monitor, newTransport, report, warn = () => {}}) {
    this.warn = warn
    this.monitor = monitor
    this.newTransport = newTransport
    this.report = report
    this.calls = new Calls({
      send: (text) => this.#transport?.send(text),
      after: (seconds, callback) => monitor.after(seconds, callback),
      now: () => monitor.clock.now(),
      ended: (id) => this.#removeExpectation(id),
      changed: () => this.#watch(),
    })
    monitor.start({
      due: () => this.#do(this.#session.due()),
      silent: () => this.#do(this.#session.lost(1006, "Nothing was heard from the server.")),
      suspend: () => this.#do(this.#session.suspend()),
      resume: () => this.#do(this.#session.resume()),
    })
  }

  get state() {
    return this.#session.state
  }

  /** Why the state is "refused": the connection was refused, or all subscriptions. */
  get fault() {
    if (this.state !== "refused" || this.#session.fault) return this.#session.fault
    const [error] = [...this.#subscriptions.values()].map((subscription) => subscription.error)
    return error && {code: error.code, reason: error.message}
  }

  /** @param {Subscription} subscription */
  stateOf({wire}) {
    return this.#session.stateOf(wire)
  }

  /** @param {string} url @param {Token | null} [token] */
  connect(url, token = null) {
    this.#token = token ?? this.#token
    const moved = this.#transport !== null && url !== this.#url
    this.#url = url
    if (moved) this.#do(this.#session.lost(1000, "The page has connected to another address."))
    this.#do(this.#session.connect())
  }

  /** @param {Subscription} subscription */
  subscribe(subscription) {
    this.#subscriptions.set(subscription.wire, subscription)
    this.#do(this.#session.subscribe(subscription.wire))
  }

  /** @param {Subscription} subscription */
  unsubscribe({wire}) {
    this.#delays.get(wire)?.()
    this.#delays.delete(wire)
    this.#subscriptions.delete(wire)
    this.#do(this.#session.unsubscribe(wire))
  }

  /**
   * Sends an event to the other subscribers.
   *
   * @param {Subscription} subscription
   * @param {string} name
   * @param {unknown} data
   * @returns {boolean} whether it was sent
   */
  sendEvent({wire}, name, data) {
    const effects = this.#session.sendEvent(wire, name, data)
    this.#do(effects)
    return effects.length > 0
  }

  /** Marks the user as present. @param {Subscription} subscription @param {object} data shown to the other users */
  present({wire}, data) {
    this.#do(this.#session.present(wire, data))
  }

  /** Returns the subscriptions to a stream with these parameters, whichever rows they show. @param {string} stream @param {string} params in order, as JSON */
  of(stream, params) {
    const isOf = (/** @type {import("../protocol/messages.js").Params} */ given) => JSON.stringify(sorted(given)) === params
    return [...this.#subscriptions.values()].filter(({wire}) => {
      const {page, window, ...others} = wire.params ?? {}
      return wire.stream === stream && (isOf(wire.params ?? {}) || isOf(others))
    })
  }

  /**
   * Calls an action, and shows its expected effect at once.
   *
   * @param {import("./calls.js").Target} target
   * @param {{timeout?: number, expectations?: [Subscription, Expectation][]}} [options]
   */
  call(target, {timeout, expectations = []} = {}) {
    return this.calls.call(target, {timeout, before: (id) => this.#expect(id, expectations)})
  }

  /** @param {string} id @param {[Subscription, Expectation][]} expectations */
  #expect(id, expectations) {
    /** @type {Changed[]} */
    const changed = []
    try {
      for (const [subscription, expect] of expectations) {
        changed.push({subscription, change: subscription.expect(id, expect)})
      }
    } catch (error) {
      for (const {subscription} of changed) subscription.removeExpectation(id)
      throw error
    }
    this.#showAll(changed)
  }

  /** Removes the expected effect of a call from all subscriptions. @param {string} id */
  #removeExpectation(id) {
    /** @type {Changed[]} */
    const changed = []
    for (const subscription of this.#subscriptions.values()) {
      const change = subscription.removeExpectation(id)
      if (change) changed.push({subscription, change})
    }
    this.#showAll(changed)
  }

  /** @param {Changed[]} changed */
  #showAll(changed) {
    for (const {change} of changed) change.own = true
    for (const wire of this.#show(changed)) this.#do(this.#session.resync(wire))
  }

  #watch() {
    for (const watcher of this.watchers) this.#safely(watcher)
  }

  /** Executes effects in order, even if one adds more, as listeners may do. @param {Effect[]} effects */
  #do(effects) {
    this.#effects.push(...effects)
    if (this.#working) return
    this.#working = true
    for (let effect = this.#effects.shift(); effect; effect = this.#effects.shift()) {
      const next = effect
      this.#safely(() => this.#doOne(next))
    }
    this.#working = false
    if (this.#session.isCurrent) this.calls.settle()
    this.#watch()
  }

  /** @param {Effect} effect */
  #doOne(effect) {
    switch (effect.do) {
      case "open":
        return this.#open()
      case "close":
        return this.#close()
      case "send":
        return this.#transport?.send(JSON.stringify(effect.message))
      case "wait":
        return this.monitor.wait(effect.retry, {planned: effect.planned})
      case "greeted":
        return this.monitor.welcome(effect.heartbeat)
      case "repeat":
        return this.calls.opened()
      case "expires":
        return this.#refreshBefore(effect.seconds)
      case "apply":
        return this.#apply(effect)
      case "refused":
        return this.#refuse(effect.wire, effect.fault)
      case "later":
        return this.#delay(effect.wire)
      case "reply":
        return this.calls.reply(effect.reply)
      case "event":
        return this.#dispatchEvent(effect.event, effect.wires)
      case "text":
        return this.#growText(effect.wires, effect.key, ({texts}) => texts.add(effect.key, effect.field, effect.offset, effect.text))
      case "text_ended":
        return this.#growText(effect.wires, effect.key, ({texts}) => texts.end(effect.key, effect.field, effect.length))
      case "event_rejected":
        return this.#eventRejected(effect)
    }
  }

  #open() {
    this.calls.retried()
    this.monitor.expect()
    const transport = (this.#transport = this.newTransport(this.#url))
    const greet = (/** @type {string | undefined} */ token) => {
      this.monitor.expect()
      this.#do(this.#session.opened(token))
    }
    transport.on({
      opened: () => {
        if (this.#token) this.#withToken(transport, greet)
        else greet(undefined)
      },
      message: (text) => this.#receive(text),
      renew: (events) => this.#renew(events),
      moved: () => this.#do(this.#session.moved()),
      closed: (code, reason) => this.#do(this.#session.lost(code, reason)),
    })
    transport.open()
  }

  /** @param {import("../protocol/messages.js").Send[]} [events] */
  #renew(events) {
    if (this.#session.phase !== "ready") this.monitor.expect()
    this.#do(this.#session.renew(events))
    return this.#session.settled
  }

  #close() {
    this.monitor.stop()
    this.#cancelRefresh()
    this.#transport?.close()
    this.#transport = null
    for (const {texts} of this.#subscriptions.values()) texts.clear() // their ends may be missed
    this.calls.interrupted()
    if (!this.#session.fault) return
    this.#warn(undefined, this.#session.fault)
    this.calls.refused(this.#session.fault)
  }

  /** Schedules the next token. @param {number} seconds until the current token expires */
  #refreshBefore(seconds) {
    const transport = this.#transport
    this.#cancelRefresh()
    this.#cancelRefresh = this.monitor.after(seconds - Math.min(REFRESH_SECONDS, seconds / 4), () => {
      if (transport) this.#withToken(transport, (token) => this.#do(this.#session.authenticate(token)))
    })
  }

  /** Requests a token, and uses it if the transport is still the current one. @param {Transport} transport @param {(token: string) => void} use */
  #withToken(transport, use) {
    Promise.resolve()
      .then(() => this.#token?.())
      .then((token) => {
        if (transport === this.#transport) use(String(token))
      })
      .catch((error) => {
        this.report(error)
        // Nothing can be sent without a token. The next attempt requests another one.
        if (transport === this.#transport) this.#do(this.#session.lost(1006, "There is no token."))
      })
  }

  /** @param {string} text */
  #receive(text) {
    this.monitor.received()
    const effects = this.#safely(() => this.#session.receive(parseJSON(text), text.length))
    this.#do(effects ?? this.#session.lost(1002, "The server sent what is no message of the protocol."))
  }

  /**
   * Applies a whole frame. First all rows are updated, then the page, then listeners are called, then the cursor is stored.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   */
  #apply(frame) {
    /** @type {Set<Wire>} */
    const failed = new Set()
    /** @type {Changed[]} */
    const changed = []
    if (frame.calls.length) this.#arrive(frame)
    for (const {wire, deltas, fresh} of frame.updates) {
      const subscription = this.#subscriptions.get(wire)
      if (!subscription) continue
      const fits = this.#safely(() => subscription.apply(deltas, {fresh}))
      const change = fits ? subscription.commit() : null
      if (!fits) failed.add(wire)
      if (change) changed.push({subscription, change: {...change, own: frame.calls.length > 0}})
    }
    for (const wire of this.#show(changed)) failed.add(wire)
    this.#do(this.#session.applied(frame, failed))
  }

  /**
   * Replaces the expected effects of calls with the frame's real ones. If a subscription has no rows in this frame, they are
   * removed with the next frame if one is expected, else at once.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   */
  #arrive({calls, updates}) {
    this.calls.arrive(calls)
    for (const [wire, {overlays}] of this.#subscriptions) {
      if (updates.some((update) => update.wire === wire) || wire.status !== "live") overlays.arrive(calls)
    }
  }

  /**
   * Shows changes in the whole page, then calls the listeners.
   *
   * @param {Changed[]} changed
   * @returns {Set<Wire>} wires whose rows could not be shown
   */
  #show(changed) {
    /** @type {Set<Wire>} */
    const failed = new Set()
    for (const {subscription, change} of changed) {
      const {paint, shownKeys, wire} = subscription
      if (paint && !this.#safely(() => paint(shownKeys, change))) failed.add(wire)
    }
    for (const {subscription, change} of changed) {
      if (!failed.has(subscription.wire)) this.#notify(subscription, change)
    }
    return failed
  }

  /** @param {Wire} wire @param {import("../protocol/session.js").Fault} fault */
  #refuse(wire, {code, reason, details}) {
    const subscription = this.#subscriptions.get(wire)
    if (!subscription) return
    if (wire.status === "refused") this.#warn(wire.stream, {code, reason})
    const change = subscription.refuse(new RealtimeError(code, reason, {details}))
    this.#safely(() => subscription.paint?.(subscription.shownKeys, change))
    this.#notify(subscription, change)
  }

  /** Warns the developer in one line, because the page itself may not show it. @param {string | undefined} stream @param {{code: number, reason: string}} fault */
  #warn(stream, {code, reason}) {
    const what = stream ? `The live query of the stream '${stream}'` : "The connection"
    this.warn(`realtime: ${what} is refused: ${reason} (${code})`)
  }

  /** @param {Subscription} subscription @param {Change} change */
  #notify(subscription, change) {
    for (const listener of [...subscription.listeners]) this.#safely(() => listener(subscription.rows, change))
  }

  /** @param {import("../protocol/messages.js").EventMessage} event @param {Wire[] | null} wires null: the event is for the user */
  #dispatchEvent({name, data, sender}, wires) {
    const listeners = wires
      ? wires.flatMap((wire) => this.#subscriptions.get(wire)?.events.of(name) ?? [])
      : this.events.of(name)
    for (const listener of listeners) this.#safely(() => listener(data, {name, sender}))
  }

  /** @param {Wire[]} wires @param {string} key of the row @param {(subscription: Subscription) => void} change */
  #growText(wires, key, change) {
    /** @type {Changed[]} */
    const changed = []
    for (const subscription of wires.flatMap((wire) => this.#subscriptions.get(wire) ?? [])) {
      change(subscription)
      const shown = subscription.showText(key)
      if (shown) changed.push({subscription, change: shown})
    }
    for (const wire of this.#show(changed)) this.#do(this.#session.resync(wire))
  }

  /** @param {Extract<Effect, {do: "event_rejected"}>} refusal */
  #eventRejected({fault}) {
    const error = new RealtimeError(fault.code, fault.reason)
    for (const listener of [...this.refusals]) this.#safely(() => listener(error))
  }

  /** @param {Wire} wire */
  #delay(wire) {
    this.#delays.get(wire)?.()
    this.#delays.set(wire, this.monitor.after(this.monitor.delay(wire.failures), () => this.#do(this.#session.again(wire))))
  }

  /**
   * Calls a listener, and reports its exception, so that the others are called too.
   *
   * @template T
   * @param {() => T} callback
   * @returns {T | undefined}
   */
  #safely(callback) {
    try {
      return callback()
    } catch (error) {
      this.report(error)
      return undefined
    }
  }
}
