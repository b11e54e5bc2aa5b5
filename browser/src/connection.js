/**
 * Drives the session: what comes from transport, monitor and page goes in, what it wants is done.
 */

import {Calls} from "./calls.js"
import {EventListeners} from "./events.js"
import {RealtimeError, sorted} from "./messages.js"
import {Session} from "./session.js"

/** @typedef {import("./session.js").Effect} Effect */
/** @typedef {import("./subscription.js").Subscription} Subscription */
/** @typedef {import("./subscription.js").Change} Change */
/** @typedef {import("./wires.js").Wire} Wire */
/** @typedef {import("./transports/websocket.js").Transport} Transport */
/** @typedef {() => string | Promise<string>} Token */
/** @typedef {import("./overlays.js").Expectation} Expectation */
/** @typedef {{subscription: Subscription, change: Change}} Changed */

/** A token is replaced when a quarter of its time is left, or so many seconds. */
const REFRESH_SECONDS = 30

export class Connection {
  /** Called after anything may have changed a state. @type {Set<() => void>} */
  watchers = new Set()
  /** Those who listen to events for the user. */
  events = new EventListeners()
  /** Told of an event or a presence that the server refused. @type {Set<(error: RealtimeError) => void>} */
  refusals = new Set()

  #session = new Session()
  /** @type {Map<Wire, Subscription>} */
  #subscriptions = new Map()
  /** @type {Map<Wire, () => void>} */
  #delays = new Map()
  /** @type {Transport | null} */
  #transport = null
  #url = ""
  /** Gives a token, where users have one in place of a cookie. @type {Token | null} */
  #token = null
  /** Ends the wait for the time to send another token. */
  #cancelRefresh = () => {}
  /** @type {Effect[]} */
  #effects = []
  #working = false

  /**
   * @param {{
   *   monitor: import("./monitor.js").Monitor,
   *   newTransport: (url: string) => Transport,
   *   report: (error: unknown) => void,
   * }} options report: takes what the page's own code throws
   */
  constructor({monitor, newTransport, report}) {
    this.monitor = monitor
    this.newTransport = newTransport
    this.report = report
    this.calls = new Calls({
      send: (text) => this.#transport?.send(text),
      after: (seconds, callback) => monitor.after(seconds, callback),
      now: () => monitor.clock.now(),
      ended: (id) => this.#lift(id),
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

  /** Why the state is "refused": the connection is, or all that was asked for. */
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
   * Sends an event to the others who see the same.
   *
   * @param {Subscription} subscription
   * @param {string} name
   * @param {unknown} data
   * @returns {boolean} whether it went out
   */
  tell({wire}, name, data) {
    const effects = this.#session.tell(wire, name, data)
    this.#do(effects)
    return effects.length > 0
  }

  /** @param {Subscription} subscription @param {object} data what the user says of themselves */
  present({wire}, data) {
    this.#do(this.#session.present(wire, data))
  }

  /** The subscriptions to a stream with these parameters. @param {string} stream @param {string} params in order, as JSON */
  of(stream, params) {
    return [...this.#subscriptions.values()].filter(
      ({wire}) => wire.stream === stream && JSON.stringify(sorted(wire.params ?? {})) === params,
    )
  }

  /**
   * Calls an action, and shows at once what it is expected to do.
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
      for (const {subscription} of changed) subscription.lift(id)
      throw error
    }
    this.#showAll(changed)
  }

  /** What the call was expected to do is not, or no longer, to be shown. @param {string} id */
  #lift(id) {
    /** @type {Changed[]} */
    const changed = []
    for (const subscription of this.#subscriptions.values()) {
      const change = subscription.lift(id)
      if (change) changed.push({subscription, change})
    }
    this.#showAll(changed)
  }

  /** @param {Changed[]} changed */
  #showAll(changed) {
    for (const wire of this.#show(changed)) this.#do(this.#session.resync(wire))
  }

  #watch() {
    for (const watcher of this.watchers) this.#safely(watcher)
  }

  /** One by one, also where doing one brings more: a listener may call back. @param {Effect[]} effects */
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
        return this.monitor.welcome(effect.beat)
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
      case "tell":
        return this.#happen(effect.event, effect.wires)
      case "unsent":
        return this.#unsent(effect)
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

  /** @param {import("./messages.js").Send[]} [events] */
  #renew(events) {
    if (this.#session.phase !== "ready") this.monitor.expect()
    this.#do(this.#session.renew(events))
    return this.#session.settled
  }

  #close() {
    this.monitor.rest()
    this.#cancelRefresh()
    this.#transport?.close()
    this.#transport = null
    this.calls.interrupted()
    if (this.#session.fault) this.calls.refused(this.#session.fault)
  }

  /** @param {number} seconds after which the token ends */
  #refreshBefore(seconds) {
    const transport = this.#transport
    this.#cancelRefresh()
    this.#cancelRefresh = this.monitor.after(seconds - Math.min(REFRESH_SECONDS, seconds / 4), () => {
      if (transport) this.#withToken(transport, (token) => this.#do(this.#session.authenticate(token)))
    })
  }

  /** @param {Transport} transport that the token is for @param {(token: string) => void} use */
  #withToken(transport, use) {
    Promise.resolve()
      .then(() => this.#token?.())
      .then((token) => {
        if (transport === this.#transport) use(String(token))
      })
      .catch((error) => {
        this.report(error)
        // Without one there is nothing to do here; the next attempt asks for another.
        if (transport === this.#transport) this.#do(this.#session.lost(1006, "There is no token."))
      })
  }

  /** @param {string} text */
  #receive(text) {
    this.monitor.heard()
    const effects = this.#safely(() => this.#session.receive(JSON.parse(text), text.length))
    this.#do(effects ?? this.#session.lost(1002, "The server sent what is no message of the protocol."))
  }

  /**
   * Applies a frame whole: all rows, then all that shows them, then those who listen, then the cursor.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   */
  #apply(frame) {
    /** @type {Set<Wire>} */
    const unfit = new Set()
    /** @type {Changed[]} */
    const changed = []
    if (frame.calls.length) this.#arrive(frame)
    for (const {wire, deltas, fresh} of frame.updates) {
      const subscription = this.#subscriptions.get(wire)
      if (!subscription) continue
      const fits = this.#safely(() => subscription.apply(deltas, {fresh}))
      const change = fits ? subscription.commit() : null
      if (!fits) unfit.add(wire)
      if (change) changed.push({subscription, change})
    }
    for (const wire of this.#show(changed)) unfit.add(wire)
    this.#do(this.#session.applied(frame, unfit))
  }

  /**
   * The frame brings the effects of calls: what they were expected to do gives way to it. Where rows do not belong to the
   * frame, it gives way with their next one if that is still to come, and at once if it is not.
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
   * Shows what has changed: first all of it, then those who listen hear of it.
   *
   * @param {Changed[]} changed
   * @returns {Set<Wire>} those whose rows could not be shown
   */
  #show(changed) {
    /** @type {Set<Wire>} */
    const unfit = new Set()
    for (const {subscription, change} of changed) {
      const {paint, shownKeys, wire} = subscription
      if (paint && !this.#safely(() => paint(shownKeys, change))) unfit.add(wire)
    }
    for (const {subscription, change} of changed) {
      if (!unfit.has(subscription.wire)) this.#tell(subscription, change)
    }
    return unfit
  }

  /** @param {Wire} wire @param {{code: number, reason: string}} fault */
  #refuse(wire, {code, reason}) {
    const subscription = this.#subscriptions.get(wire)
    if (!subscription) return
    const change = subscription.refuse(new RealtimeError(code, reason))
    this.#safely(() => subscription.paint?.(subscription.shownKeys, change))
    this.#tell(subscription, change)
  }

  /** @param {Subscription} subscription @param {Change} change */
  #tell(subscription, change) {
    for (const listener of [...subscription.listeners]) this.#safely(() => listener(subscription.rows, change))
  }

  /** @param {import("./messages.js").Happening} event @param {Wire[] | null} wires null: it is for the user */
  #happen({name, data, sender}, wires) {
    const listeners = wires
      ? wires.flatMap((wire) => this.#subscriptions.get(wire)?.events.of(name) ?? [])
      : this.events.of(name)
    for (const listener of listeners) this.#safely(() => listener(data, {name, sender}))
  }

  /** @param {Extract<Effect, {do: "unsent"}>} refusal */
  #unsent({fault}) {
    const error = new RealtimeError(fault.code, fault.reason)
    for (const told of [...this.refusals]) this.#safely(() => told(error))
  }

  /** @param {Wire} wire */
  #delay(wire) {
    this.#delays.get(wire)?.()
    this.#delays.set(wire, this.monitor.after(this.monitor.delay(wire.failures), () => this.#do(this.#session.again(wire))))
  }

  /**
   * What one listener throws must not keep a frame from the others.
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
