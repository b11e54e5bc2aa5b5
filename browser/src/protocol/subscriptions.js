/**
 * The session's subscriptions: each with its cursor. Pure, like the session that owns it.
 */

import {reactionTo} from "./messages.js"

/** @typedef {import("./messages.js").ClientMessage} ClientMessage */
/** @typedef {import("./messages.js").RealtimeError} RealtimeError */
/** @typedef {import("./messages.js").Send} Send */

/**
 * The state of a subscription. `wanted`: not requested on this connection; `asked`, `accepted` (before its first frame),
 * `live`; `behind`: the server holds frames back; `delayed`: refused for now, or deltas could not be applied; `refused`: for good.
 *
 * @typedef {"wanted" | "asked" | "accepted" | "live" | "behind" | "delayed" | "refused"} Status
 *
 * `cursor`: the position of the page's rows, `null` if they are invalid. `fingerprint`: that of the rows, "" if unknown;
 * `nextFingerprint`: that of the next frames. `failures`: how often in a row the subscription was delayed. `present`: the user's
 * presence data, `null` if the user only watches. `vouched`: the server has accepted the token, so stream and parameters are
 * genuine, and can be requested by name after the token expires. `changed`: the parameters are not those of the token.
 * `isNext`: its rows will replace those of another subscription, which are shown until then. `parts`: the rows that came before
 * the first frame, `null` if it has all rows.
 *
 * @typedef {{
 *   token?: string, stream: string, params?: import("./messages.js").Params, format: import("./messages.js").Format,
 *   cursor: string | null, fingerprint: string, nextFingerprint: string, id: number, query: number | null, log: number | null,
 *   status: Status, failures: number, present: object | null, vouched: boolean, changed?: boolean, isNext?: boolean,
 *   parts: import("./messages.js").Put[] | null,
 * }} Subscription
 *
 * A subscription's part of a frame. `fresh`: its rows replace all rows of the page.
 *
 * @typedef {{subscription: Subscription, deltas: import("./messages.js").Delta[], fresh: boolean}} Update
 */

/**
 * @param {Pick<Subscription, "token" | "stream" | "params" | "format" | "cursor" | "changed" | "isNext"> & {fingerprint?: string}} target
 * @returns {Subscription}
 */
export function newSubscription({fingerprint = "", ...target}) {
  return {...target, fingerprint, nextFingerprint: "", id: 0, query: null, log: null, status: "wanted", failures: 0, present: null, vouched: false, parts: null}
}

export class Subscriptions {
  /** @type {Set<Subscription>} */
  #subscriptions = new Set()
  #nextId = 1

  /** @param {Subscription} subscription */
  add(subscription) {
    this.#subscriptions.add(subscription)
  }

  /** @param {Subscription} subscription */
  has(subscription) {
    return this.#subscriptions.has(subscription)
  }

  /** @param {Subscription} subscription @returns {ClientMessage[]} the messages for an open connection */
  remove(subscription) {
    this.#subscriptions.delete(subscription)
    return this.#unsubscribe(subscription)
  }

  /** Whether all subscriptions that are shown and not refused are live. */
  get live() {
    return this.#shown.every((subscription) => subscription.status === "live" || subscription.status === "refused")
  }

  /** Whether there are subscriptions, and all of them are refused. */
  get refused() {
    return this.#shown.length > 0 && this.#shown.every((subscription) => subscription.status === "refused")
  }

  get #shown() {
    return [...this.#subscriptions].filter(({isNext}) => !isNext)
  }

  /** Whether no answer is pending. */
  get settled() {
    return [...this.#subscriptions].every(({status}) => status === "live" || status === "delayed" || status === "refused")
  }

  /** Returns the messages of a subscription request. @param {Subscription} subscription @returns {ClientMessage[]} */
  subscribe(subscription) {
    // a new id each time, because messages for the previous one may still arrive
    Object.assign(subscription, {id: this.#nextId++, status: "asked", parts: null})
    const {id, token, stream, params = {}, format, cursor, fingerprint, changed} = subscription
    const target = !token ? {stream, params, format} : changed ? {token, params} : {token}
    const held = cursor === null ? {} : fingerprint ? {cursor, fingerprint} : {cursor}
    /** @type {ClientMessage} */
    const asked = {type: "subscribe", id, ...target, ...held}
    return subscription.present ? [asked, {type: "present", id, data: subscription.present}] : [asked]
  }

  subscribeAll() {
    return [...this.#subscriptions].filter(({status}) => status !== "refused").flatMap((subscription) => this.subscribe(subscription))
  }

  /** Returns the message of an event; none if the subscription is not live, so the event is lost. @param {Subscription} subscription @param {string} name @param {unknown} data @returns {ClientMessage[]} */
  sendEvent({id, status}, name, data) {
    return status !== "asked" && isHeld(status) ? [{type: "send", id, name, data}] : []
  }

  /** @param {Subscription} subscription @param {object} data @returns {ClientMessage[]} */
  present(subscription, data) {
    subscription.present = data
    return isHeld(subscription.status) ? [{type: "present", id: subscription.id, data}] : []
  }

  /** Returns the subscriptions that an event is for. @param {number} query */
  of(query) {
    return [...this.#subscriptions].filter((subscription) => subscription.query === query)
  }

  /** Returns the messages that continue on another connection; live rows stay live. @param {Send[]} events not yet sent to the previous one */
  renewAll(events) {
    return [...this.#subscriptions]
      .filter(({status}) => status !== "refused" && status !== "delayed")
      .flatMap((subscription) => {
        const isLive = subscription.status === "live"
        const own = events.filter(({id}) => id === subscription.id)
        const messages = [...this.subscribe(subscription), ...own.map((event) => ({...event, id: subscription.id}))]
        Object.assign(subscription, {query: null, log: null, status: isLive ? "live" : "asked"})
        return messages
      })
  }

  /** Handles the loss of the connection; the subscriptions are still wanted. */
  interrupt() {
    for (const subscription of this.#subscriptions) {
      if (subscription.status !== "refused") Object.assign(subscription, {query: null, log: null, status: "wanted", parts: null})
    }
  }

  /** Discards tokens and rows, because the user may be another one. */
  discardCredentials() {
    for (const subscription of this.#subscriptions) {
      subscription.cursor = null
      if (subscription.params && subscription.vouched) delete subscription.token
    }
  }

  /** @param {import("./messages.js").Subscribed} message */
  accept({id, query, log, fingerprint = ""}) {
    const subscription = this.find(id)
    if (!subscription) return
    if (subscription.token) subscription.vouched = true
    const moved = subscription.query !== null
    // If a fingerprint is unknown, only the server knows whether the rows are valid, and resets them if not.
    const differs = subscription.fingerprint !== "" && fingerprint !== "" && subscription.fingerprint !== fingerprint
    if (moved || differs) subscription.cursor = null // all rows will be sent
    const isRenewed = subscription.status === "live" && subscription.cursor !== null
    Object.assign(subscription, {query, log, nextFingerprint: fingerprint, status: isRenewed ? "live" : "accepted"})
  }

  /**
   * Handles a refusal: the subscription is requested again, delayed or ended, as its status then says.
   *
   * @param {import("./messages.js").Refused} message
   * @returns {Subscription | undefined}
   */
  refuse({id, code}) {
    const subscription = this.find(id)
    if (!subscription) return undefined
    Object.assign(subscription, {query: null, log: null})
    const reaction = reactionTo(code)
    if (reaction === "renew" && subscription.token && subscription.params && subscription.vouched) {
      delete subscription.token
      subscription.status = "wanted"
    } else if (reaction === "reconnect") {
      subscription.status = "delayed"
      subscription.failures += 1
    } else {
      Object.assign(subscription, {status: "refused", cursor: null})
    }
    return subscription
  }

  /** Keeps rows of a subscription until its first frame. @param {import("./messages.js").Part} message */
  addPart({id, puts, first}) {
    const subscription = this.find(id)
    if (!subscription) return
    const parts = (subscription.parts = (first ? null : subscription.parts) ?? [])
    for (const put of puts) parts.push(put)
  }

  /** @param {import("./messages.js").Frame} frame @returns {Update[]} */
  updates({log, deltas}) {
    return [...this.#subscriptions]
      .filter((subscription) => subscription.log === log)
      .map((subscription) => ({subscription, deltas: deltasOf(subscription, deltas), fresh: subscription.cursor === null}))
  }

  /** Notes that the page has the subscription's rows up to this cursor; `null`: up to the same one as before. @param {Subscription} subscription @param {string | null} cursor */
  advance(subscription, cursor) {
    Object.assign(subscription, {cursor: cursor ?? subscription.cursor, fingerprint: subscription.nextFingerprint, status: "live", failures: 0})
  }

  /** Discards the page's rows, and requests them again. @param {Subscription} subscription @returns {ClientMessage[]} */
  reset(subscription) {
    const messages = this.#unsubscribe(subscription)
    Object.assign(subscription, {cursor: null, status: "delayed", failures: subscription.failures + 1})
    return messages
  }

  fallBehind() {
    for (const subscription of this.#subscriptions) {
      if (subscription.status === "live") subscription.status = "behind"
    }
  }

  /** @param {Record<string, string>} cursors by log */
  heartbeat(cursors) {
    for (const subscription of this.#subscriptions) {
      // a subscription has no rows before its first frame, so a heartbeat must not move its cursor
      if (subscription.status !== "live" && subscription.status !== "behind") continue
      const cursor = cursors[String(subscription.log)]
      if (cursor !== undefined) Object.assign(subscription, {cursor, status: "live"})
    }
  }

  /** @param {Subscription} subscription @returns {ClientMessage[]} */
  #unsubscribe(subscription) {
    const {id, status} = subscription
    Object.assign(subscription, {query: null, log: null, status: "wanted"})
    return isHeld(status) ? [{type: "unsubscribe", id}] : []
  }

  /** @param {number} id */
  find(id) {
    return [...this.#subscriptions].find((subscription) => subscription.id === id && subscription.status !== "wanted" && subscription.status !== "delayed")
  }
}

/**
 * Returns a subscription's deltas, with the rows that came in parts before its first frame.
 *
 * @param {Subscription} subscription
 * @param {import("./messages.js").Delta[]} deltas
 */
function deltasOf(subscription, deltas) {
  const {query, parts} = subscription
  const own = deltas.filter((delta) => delta.query === query)
  if (query === null || !parts || !own.some((delta) => delta.parts || delta.reset)) return own
  subscription.parts = null
  return [{query, reset: true, puts: parts}, ...own]
}

/** Returns whether the server has the subscription. @param {Status} status */
function isHeld(status) {
  return status === "asked" || status === "accepted" || status === "live" || status === "behind"
}
