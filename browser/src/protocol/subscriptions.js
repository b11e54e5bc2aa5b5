/**
 * The session's subscriptions: one wire for each, with its cursor. Pure, like the session that owns it.
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
 * `nextFingerprint`: that of the next frames. `failures`: how often in a row the wire was delayed. `present`: the user's
 * presence data, `null` if the user only watches. `vouched`: the server has accepted the token, so stream and parameters are
 * genuine, and can be requested by name after the token expires. `changed`: the parameters are not those of the token.
 * `isNext`: its rows will replace those of another wire, which are shown until then.
 *
 * @typedef {{
 *   token?: string, stream: string, params?: import("./messages.js").Params, format: import("./messages.js").Format,
 *   cursor: string | null, fingerprint: string, nextFingerprint: string, id: number, query: number | null, log: number | null,
 *   status: Status, failures: number, present: object | null, vouched: boolean, changed?: boolean, isNext?: boolean,
 * }} Wire
 *
 * A wire's part of a frame. `fresh`: its rows replace all rows of the page.
 *
 * @typedef {{wire: Wire, deltas: import("./messages.js").Delta[], fresh: boolean}} Update
 */

/**
 * @param {Pick<Wire, "token" | "stream" | "params" | "format" | "cursor" | "changed" | "isNext"> & {fingerprint?: string}} target
 * @returns {Wire}
 */
export function newWire({fingerprint = "", ...target}) {
  return {...target, fingerprint, nextFingerprint: "", id: 0, query: null, log: null, status: "wanted", failures: 0, present: null, vouched: false}
}

export class Wires {
  /** @type {Set<Wire>} */
  #wires = new Set()
  #nextId = 1

  /** @param {Wire} wire */
  add(wire) {
    this.#wires.add(wire)
  }

  /** @param {Wire} wire */
  has(wire) {
    return this.#wires.has(wire)
  }

  /** @param {Wire} wire @returns {ClientMessage[]} the messages for an open connection */
  remove(wire) {
    this.#wires.delete(wire)
    return this.#unsubscribe(wire)
  }

  /** Whether all wires that are shown and not refused are live. */
  get live() {
    return this.#shown.every((wire) => wire.status === "live" || wire.status === "refused")
  }

  /** Whether there are wires, and all of them are refused. */
  get refused() {
    return this.#shown.length > 0 && this.#shown.every((wire) => wire.status === "refused")
  }

  get #shown() {
    return [...this.#wires].filter(({isNext}) => !isNext)
  }

  /** Whether no answer is pending. */
  get settled() {
    return [...this.#wires].every(({status}) => status === "live" || status === "delayed" || status === "refused")
  }

  /** Returns the messages that subscribe the wire. @param {Wire} wire @returns {ClientMessage[]} */
  subscribe(wire) {
    // a new id each time, because messages for the previous one may still arrive
    Object.assign(wire, {id: this.#nextId++, status: "asked"})
    const {id, token, stream, params = {}, format, cursor, fingerprint, changed} = wire
    const target = !token ? {stream, params, format} : changed ? {token, params} : {token}
    const held = cursor === null ? {} : fingerprint ? {cursor, fingerprint} : {cursor}
    /** @type {ClientMessage} */
    const asked = {type: "subscribe", id, ...target, ...held}
    return wire.present ? [asked, {type: "present", id, data: wire.present}] : [asked]
  }

  subscribeAll() {
    return [...this.#wires].filter(({status}) => status !== "refused").flatMap((wire) => this.subscribe(wire))
  }

  /** Returns the message of an event; none if the wire is not live, so the event is lost. @param {Wire} wire @param {string} name @param {unknown} data @returns {ClientMessage[]} */
  sendEvent({id, status}, name, data) {
    return status !== "asked" && isHeld(status) ? [{type: "send", id, name, data}] : []
  }

  /** @param {Wire} wire @param {object} data @returns {ClientMessage[]} */
  present(wire, data) {
    wire.present = data
    return isHeld(wire.status) ? [{type: "present", id: wire.id, data}] : []
  }

  /** Returns the wires that an event is for. @param {number} query */
  of(query) {
    return [...this.#wires].filter((wire) => wire.query === query)
  }

  /** Returns the messages that continue on another connection; live rows stay live. @param {Send[]} events not yet sent to the previous one */
  renewAll(events) {
    return [...this.#wires]
      .filter(({status}) => status !== "refused" && status !== "delayed")
      .flatMap((wire) => {
        const isLive = wire.status === "live"
        const own = events.filter(({id}) => id === wire.id)
        const messages = [...this.subscribe(wire), ...own.map((event) => ({...event, id: wire.id}))]
        Object.assign(wire, {query: null, log: null, status: isLive ? "live" : "asked"})
        return messages
      })
  }

  /** Handles the loss of the connection; the wires are still wanted. */
  interrupt() {
    for (const wire of this.#wires) {
      if (wire.status !== "refused") Object.assign(wire, {query: null, log: null, status: "wanted"})
    }
  }

  /** Discards tokens and rows, because the user may be another one. */
  discardCredentials() {
    for (const wire of this.#wires) {
      wire.cursor = null
      if (wire.params && wire.vouched) delete wire.token
    }
  }

  /** @param {import("./messages.js").Subscribed} message */
  accept({id, query, log, fingerprint = ""}) {
    const wire = this.find(id)
    if (!wire) return
    if (wire.token) wire.vouched = true
    const moved = wire.query !== null
    // If a fingerprint is unknown, only the server knows whether the rows are valid, and resets them if not.
    const differs = wire.fingerprint !== "" && fingerprint !== "" && wire.fingerprint !== fingerprint
    if (moved || differs) wire.cursor = null // all rows will be sent
    const isRenewed = wire.status === "live" && wire.cursor !== null
    Object.assign(wire, {query, log, nextFingerprint: fingerprint, status: isRenewed ? "live" : "accepted"})
  }

  /**
   * Handles a refusal: the wire is requested again, delayed or ended, as its status then says.
   *
   * @param {import("./messages.js").Refused} message
   * @returns {Wire | undefined}
   */
  refuse({id, code}) {
    const wire = this.find(id)
    if (!wire) return undefined
    Object.assign(wire, {query: null, log: null})
    const reaction = reactionTo(code)
    if (reaction === "renew" && wire.token && wire.params && wire.vouched) {
      delete wire.token
      wire.status = "wanted"
    } else if (reaction === "reconnect") {
      wire.status = "delayed"
      wire.failures += 1
    } else {
      Object.assign(wire, {status: "refused", cursor: null})
    }
    return wire
  }

  /** @param {import("./messages.js").Frame} frame @returns {Update[]} */
  updates({log, deltas}) {
    return [...this.#wires]
      .filter((wire) => wire.log === log)
      .map((wire) => ({
        wire,
        deltas: deltas.filter(({query}) => query === wire.query),
        fresh: wire.cursor === null,
      }))
  }

  /** Notes that the page has the wire's rows up to this cursor. @param {Wire} wire @param {string} cursor */
  advance(wire, cursor) {
    Object.assign(wire, {cursor, fingerprint: wire.nextFingerprint, status: "live", failures: 0})
  }

  /** Discards the page's rows, and requests them again. @param {Wire} wire @returns {ClientMessage[]} */
  reset(wire) {
    const messages = this.#unsubscribe(wire)
    Object.assign(wire, {cursor: null, status: "delayed", failures: wire.failures + 1})
    return messages
  }

  fallBehind() {
    for (const wire of this.#wires) {
      if (wire.status === "live") wire.status = "behind"
    }
  }

  /** @param {Record<string, string>} cursors by log */
  heartbeat(cursors) {
    for (const wire of this.#wires) {
      // a wire has no rows before its first frame, so a heartbeat must not move its cursor
      if (wire.status !== "live" && wire.status !== "behind") continue
      const cursor = cursors[String(wire.log)]
      if (cursor !== undefined) Object.assign(wire, {cursor, status: "live"})
    }
  }

  /** @param {Wire} wire @returns {ClientMessage[]} */
  #unsubscribe(wire) {
    const {id, status} = wire
    Object.assign(wire, {query: null, log: null, status: "wanted"})
    return isHeld(status) ? [{type: "unsubscribe", id}] : []
  }

  /** @param {number} id */
  find(id) {
    return [...this.#wires].find((wire) => wire.id === id && wire.status !== "wanted" && wire.status !== "delayed")
  }
}

/** Returns whether the server has the subscription. @param {Status} status */
function isHeld(status) {
  return status === "asked" || status === "accepted" || status === "live" || status === "behind"
}
