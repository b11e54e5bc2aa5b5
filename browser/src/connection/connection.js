/**
 * Drives the session: passes it events from transport, monitor and page, and executes its effects.
 */

import {Calls} from "./calls.js"
import {EventListeners} from "../data/events.js"
import {ABNORMAL, RealtimeError, SILENCE, parseJSON, sorted} from "../protocol/messages.js"
import {Session} from "../protocol/session.js"

/** @typedef {import("../protocol/session.js").Effect} Effect */
/** @typedef {import("../data/result_set.js").ResultSet} ResultSet */
/** @typedef {import("../data/result_set.js").Change} Change */
/** @typedef {import("../protocol/subscriptions.js").Subscription} Subscription */
/** @typedef {import("../transports/websocket.js").Transport} Transport */
/** @typedef {() => string | Promise<string>} Token */
/** @typedef {import("../data/optimistic.js").Expectation} Expectation */
/** @typedef {{resultSet: ResultSet, change: Change}} Changed */

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
  /** @type {Map<Subscription, ResultSet>} */
  #resultSets = new Map()
  /** @type {Map<Subscription, () => void>} */
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
      after: monitor.after,
      now: () => monitor.clock.now(),
      ended: (id) => this.#removeExpectation(id),
      changed: () => this.#watch(),
    })
    monitor.start({
      due: () => this.#do(this.#session.due()),
      silent: () => this.#do(this.#session.lost(ABNORMAL, SILENCE)),
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
    const [error] = [...this.#resultSets.values()].map((resultSet) => resultSet.error)
    return error && {code: error.code, reason: error.message}
  }

  /** @param {ResultSet} resultSet */
  stateOf({subscription}) {
    return this.#session.stateOf(subscription)
  }

  /** @param {string} url @param {Token | null} [token] */
  connect(url, token = null) {
    this.#token = token ?? this.#token
    const moved = this.#transport !== null && url !== this.#url
    this.#url = url
    if (moved) this.#do(this.#session.lost(1000, "The page has connected to another address."))
    this.#do(this.#session.connect())
  }

  /** @param {ResultSet} resultSet */
  subscribe(resultSet) {
    this.#resultSets.set(resultSet.subscription, resultSet)
    this.#do(this.#session.subscribe(resultSet.subscription))
  }

  /** @param {ResultSet} resultSet */
  unsubscribe({subscription}) {
    this.#delays.get(subscription)?.()
    this.#delays.delete(subscription)
    this.#resultSets.delete(subscription)
    this.#do(this.#session.unsubscribe(subscription))
  }

  /**
   * Sends an event to the other subscribers.
   *
   * @param {ResultSet} resultSet
   * @param {string} name
   * @param {unknown} data
   * @returns {boolean} whether it was sent
   */
  sendEvent({subscription}, name, data) {
    const effects = this.#session.sendEvent(subscription, name, data)
    this.#do(effects)
    return effects.length > 0
  }

  /** Marks the user as present. @param {ResultSet} resultSet @param {object} data shown to the other users */
  present({subscription}, data) {
    this.#do(this.#session.present(subscription, data))
  }

  /** Returns the subscriptions to a stream with these parameters, whichever rows they show. @param {string} stream @param {string} params in order, as JSON */
  of(stream, params) {
    const isOf = (/** @type {import("../protocol/messages.js").Params} */ given) => JSON.stringify(sorted(given)) === params
    return [...this.#resultSets.values()].filter(({subscription}) => {
      const {page, window, ...others} = subscription.params ?? {}
      return subscription.stream === stream && (isOf(subscription.params ?? {}) || isOf(others))
    })
  }

  /**
   * Calls an action, and shows its expected effect at once.
   *
   * @param {import("./calls.js").Target} target
   * @param {{timeout?: number, expectations?: [ResultSet, Expectation][]}} [options]
   */
  call(target, {timeout, expectations = []} = {}) {
    return this.calls.call(target, {timeout, before: (id) => this.#expect(id, expectations)})
  }

  /** @param {string} id @param {[ResultSet, Expectation][]} expectations */
  #expect(id, expectations) {
    /** @type {Changed[]} */
    const changed = []
    try {
      for (const [resultSet, expect] of expectations) {
        changed.push({resultSet, change: resultSet.expect(id, expect)})
      }
    } catch (error) {
      for (const {resultSet} of changed) resultSet.removeExpectation(id)
      throw error
    }
    this.#showAll(changed)
  }

  /** Removes the expected effect of a call from all subscriptions. @param {string} id */
  #removeExpectation(id) {
    /** @type {Changed[]} */
    const changed = []
    for (const resultSet of this.#resultSets.values()) {
      const change = resultSet.removeExpectation(id)
      if (change) changed.push({resultSet, change})
    }
    this.#showAll(changed)
  }

  /** @param {Changed[]} changed */
  #showAll(changed) {
    for (const {change} of changed) change.own = true
    for (const subscription of this.#show(changed)) this.#do(this.#session.resync(subscription))
  }

  #watch() {
    for (const watcher of this.watchers) this.safely(watcher)
  }

  /** Executes effects in order, even if one adds more, as listeners may do. @param {Effect[]} effects */
  #do(effects) {
    this.#effects.push(...effects)
    if (this.#working) return
    this.#working = true
    for (let effect = this.#effects.shift(); effect; effect = this.#effects.shift()) {
      const next = effect
      this.safely(() => this.#doOne(next))
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
        return this.#refuse(effect.subscription, effect.fault)
      case "later":
        return this.#delay(effect.subscription)
      case "reply":
        return this.calls.reply(effect.reply)
      case "event":
        return this.#dispatchEvent(effect.event, effect.subscriptions)
      case "text":
        return this.#growText(effect.subscriptions, effect.key, ({texts}) => texts.add(effect.key, effect.field, effect.offset, effect.text))
      case "text_ended":
        return this.#growText(effect.subscriptions, effect.key, ({texts}) => texts.end(effect.key, effect.field, effect.length))
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
    for (const {texts} of this.#resultSets.values()) texts.clear() // their ends may be missed
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
        if (transport === this.#transport) this.#do(this.#session.lost(ABNORMAL, "There is no token."))
      })
  }

  /** @param {string} text */
  #receive(text) {
    this.monitor.received()
    const effects = this.safely(() => this.#session.receive(parseJSON(text), text.length))
    this.#do(effects ?? this.#session.lost(1002, "The server sent what is no message of the protocol."))
  }

  /**
   * Applies a whole frame. First all rows are updated, then the page, then listeners are called, then the cursor is stored.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   */
  #apply(frame) {
    /** @type {Set<Subscription>} */
    const failed = new Set()
    /** @type {Changed[]} */
    const changed = []
    if (frame.calls.length) this.#arrive(frame)
    for (const {subscription, deltas, fresh} of frame.updates) {
      const resultSet = this.#resultSets.get(subscription)
      if (!resultSet) continue
      const fits = this.safely(() => resultSet.apply(deltas, {fresh}))
      const change = fits ? resultSet.commit() : null
      if (!fits) failed.add(subscription)
      if (change) changed.push({resultSet, change: {...change, own: frame.calls.length > 0}})
    }
    for (const subscription of this.#show(changed)) failed.add(subscription)
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
    for (const [subscription, {overlays}] of this.#resultSets) {
      if (updates.some((update) => update.subscription === subscription) || subscription.status !== "live") overlays.arrive(calls)
    }
  }

  /**
   * Shows changes in the whole page, then calls the listeners.
   *
   * @param {Changed[]} changed
   * @returns {Set<Subscription>} subscriptions whose rows could not be shown
   */
  #show(changed) {
    /** @type {Set<Subscription>} */
    const failed = new Set()
    for (const {resultSet, change} of changed) {
      const {paint, shownKeys, subscription} = resultSet
      if (paint && !this.safely(() => paint(shownKeys, change))) failed.add(subscription)
    }
    for (const {resultSet, change} of changed) {
      if (!failed.has(resultSet.subscription)) this.#notify(resultSet, change)
    }
    return failed
  }

  /** @param {Subscription} subscription @param {import("../protocol/session.js").Fault} fault */
  #refuse(subscription, {code, reason, details}) {
    const resultSet = this.#resultSets.get(subscription)
    if (!resultSet) return
    if (subscription.status === "refused") this.#warn(subscription.stream, {code, reason})
    const change = resultSet.refuse(new RealtimeError(code, reason, {details}))
    this.safely(() => resultSet.paint?.(resultSet.shownKeys, change))
    this.#notify(resultSet, change)
  }

  /** Warns the developer in one line, because the page itself may not show it. @param {string | undefined} stream @param {{code: number, reason: string}} fault */
  #warn(stream, {code, reason}) {
    const what = stream ? `The live query of the stream '${stream}'` : "The connection"
    this.warn(`realtime: ${what} is refused: ${reason} (${code})`)
  }

  /** @param {ResultSet} resultSet @param {Change} change */
  #notify(resultSet, change) {
    for (const listener of [...resultSet.listeners]) this.safely(() => listener(resultSet.rows, change))
  }

  /** @param {import("../protocol/messages.js").EventMessage} event @param {Subscription[] | null} subscriptions null: the event is for the user */
  #dispatchEvent({name, data, sender}, subscriptions) {
    const listeners = subscriptions
      ? subscriptions.flatMap((subscription) => this.#resultSets.get(subscription)?.events.of(name) ?? [])
      : this.events.of(name)
    for (const listener of listeners) this.safely(() => listener(data, {name, sender}))
  }

  /** @param {Subscription[]} subscriptions @param {string} key of the row @param {(resultSet: ResultSet) => void} change */
  #growText(subscriptions, key, change) {
    /** @type {Changed[]} */
    const changed = []
    for (const resultSet of subscriptions.flatMap((subscription) => this.#resultSets.get(subscription) ?? [])) {
      change(resultSet)
      const shown = resultSet.showText(key)
      if (shown) changed.push({resultSet, change: shown})
    }
    for (const subscription of this.#show(changed)) this.#do(this.#session.resync(subscription))
  }

  /** @param {Extract<Effect, {do: "event_rejected"}>} refusal */
  #eventRejected({fault}) {
    const error = new RealtimeError(fault.code, fault.reason)
    for (const listener of [...this.refusals]) this.safely(() => listener(error))
  }

  /** @param {Subscription} subscription */
  #delay(subscription) {
    this.#delays.get(subscription)?.()
    this.#delays.set(subscription, this.monitor.after(this.monitor.delay(subscription.failures), () => this.#do(this.#session.again(subscription))))
  }

  /**
   * Calls a listener, and reports its exception, so that the others are called too.
   *
   * @template T
   * @param {() => T} callback
   * @returns {T | undefined}
   */
  safely(callback) {
    try {
      return callback()
    } catch (error) {
      this.report(error)
      return undefined
    }
  }
}
