/**
 * What the session asks the server for: one wire per subscription, with its cursor. Pure, like the session that owns it.
 */

import {remedy} from "./messages.js"

/** @typedef {import("./messages.js").ClientMessage} ClientMessage */
/** @typedef {import("./messages.js").RealtimeError} RealtimeError */
/** @typedef {import("./messages.js").Send} Send */

/**
 * A subscription on its way. `wanted`: not asked for on this connection; `asked`, `accepted` (its first frame is awaited),
 * `live`; `behind`: the server holds frames back; `delayed`: refused for now, or its deltas did not fit; `refused`: for good.
 *
 * @typedef {"wanted" | "asked" | "accepted" | "live" | "behind" | "delayed" | "refused"} Status
 *
 * `cursor` is the position of the rows that the page holds, `null` where they do not count; `view` is their tag, "" where
 * it is not known, and `nextView` that of the frames to come. `failures` is how often in a row the wire was delayed,
 * `present` what the page says of its user's presence: `null` where it only looks on.
 *
 * @typedef {{
 *   token?: string, stream: string, params?: import("./messages.js").Params, format: import("./messages.js").Format,
 *   cursor: string | null, view: string, nextView: string, id: number, query: number | null, log: number | null,
 *   status: Status, failures: number, present: object | null,
 * }} Wire
 *
 * What a frame holds for a wire. `fresh`: its rows start from nothing, whatever the page holds.
 *
 * @typedef {{wire: Wire, deltas: import("./messages.js").Delta[], fresh: boolean}} Update
 */

/**
 * @param {Pick<Wire, "token" | "stream" | "params" | "format" | "cursor"> & {view?: string}} target
 * @returns {Wire}
 */
export function newWire({view = "", ...target}) {
  return {...target, view, nextView: "", id: 0, query: null, log: null, status: "wanted", failures: 0, present: null}
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

  /** @param {Wire} wire @returns {ClientMessage[]} what tells an open connection */
  remove(wire) {
    this.#wires.delete(wire)
    return this.#leave(wire)
  }

  /** All that are not refused are live. */
  get live() {
    return [...this.#wires].every((wire) => wire.status === "live" || wire.status === "refused")
  }

  /** There is something, and all of it is refused. */
  get refused() {
    return this.#wires.size > 0 && [...this.#wires].every((wire) => wire.status === "refused")
  }

  /** No answer is awaited. */
  get settled() {
    return [...this.#wires].every(({status}) => status === "live" || status === "delayed" || status === "refused")
  }

  /** The messages that ask for the wire. @param {Wire} wire @returns {ClientMessage[]} */
  ask(wire) {
    // A new id each time: what was sent for the one before may still be on the way.
    Object.assign(wire, {id: this.#nextId++, status: "asked"})
    const {id, token, stream, params = {}, format, cursor, view} = wire
    const target = token ? {token} : {stream, params, format}
    const held = cursor === null ? {} : view ? {cursor, view} : {cursor}
    /** @type {ClientMessage} */
    const asked = {type: "subscribe", id, ...target, ...held}
    return wire.present ? [asked, {type: "present", id, data: wire.present}] : [asked]
  }

  askAll() {
    return [...this.#wires].filter(({status}) => status !== "refused").flatMap((wire) => this.ask(wire))
  }

  /** An event is lost where the wire is not live. @param {Wire} wire @param {string} name @param {unknown} data @returns {ClientMessage[]} */
  tell({id, status}, name, data) {
    return status !== "asked" && isHeld(status) ? [{type: "send", id, name, data}] : []
  }

  /** @param {Wire} wire @param {object} data @returns {ClientMessage[]} */
  present(wire, data) {
    wire.present = data
    return isHeld(wire.status) ? [{type: "present", id: wire.id, data}] : []
  }

  /** Those that an event is for. @param {number} query */
  of(query) {
    return [...this.#wires].filter((wire) => wire.query === query)
  }

  /** Asks another server to go on; where the rows are live they stay so. @param {Send[]} events on their way to the last one */
  renewAll(events) {
    return [...this.#wires]
      .filter(({status}) => status !== "refused" && status !== "delayed")
      .flatMap((wire) => {
        const isLive = wire.status === "live"
        const own = events.filter(({id}) => id === wire.id)
        const messages = [...this.ask(wire), ...own.map((event) => ({...event, id: wire.id}))]
        Object.assign(wire, {query: null, log: null, status: isLive ? "live" : "asked"})
        return messages
      })
  }

  /** The connection is gone; the wires are still wanted. */
  interrupt() {
    for (const wire of this.#wires) {
      if (wire.status !== "refused") Object.assign(wire, {query: null, log: null, status: "wanted"})
    }
  }

  /** The user may be another one: tokens and rows count no more. */
  forget() {
    for (const wire of this.#wires) {
      wire.cursor = null
      if (wire.params) delete wire.token
    }
  }

  /** @param {import("./messages.js").Subscribed} message */
  accept({id, query, log, view = ""}) {
    const wire = this.find(id)
    if (!wire) return
    const moved = wire.query !== null
    // Where a tag is not known, the server alone knows whether the rows count: it resets them if they do not.
    const differs = wire.view !== "" && view !== "" && wire.view !== view
    if (moved || differs) wire.cursor = null // all rows are yet to come
    const isRenewed = wire.status === "live" && wire.cursor !== null
    Object.assign(wire, {query, log, nextView: view, status: isRenewed ? "live" : "accepted"})
  }

  /**
   * The wire is refused: asked for anew, delayed, or ended, which its status then says.
   *
   * @param {import("./messages.js").Refused} message
   * @returns {Wire | undefined}
   */
  refuse({id, code}) {
    const wire = this.find(id)
    if (!wire) return undefined
    Object.assign(wire, {query: null, log: null})
    const cure = remedy(code)
    if (cure === "ask anew" && wire.token && wire.params) {
      delete wire.token
      wire.status = "wanted"
    } else if (cure === "come back") {
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

  /** The page holds the wire's rows as they are at the cursor. @param {Wire} wire @param {string} cursor */
  reach(wire, cursor) {
    Object.assign(wire, {cursor, view: wire.nextView, status: "live", failures: 0})
  }

  /** Nothing of the page's rows counts: they are to be asked for. @param {Wire} wire @returns {ClientMessage[]} */
  reset(wire) {
    const messages = this.#leave(wire)
    Object.assign(wire, {cursor: null, status: "delayed", failures: wire.failures + 1})
    return messages
  }

  fallBehind() {
    for (const wire of this.#wires) {
      if (wire.status === "live") wire.status = "behind"
    }
  }

  /** @param {Record<string, string>} cursors by log */
  beat(cursors) {
    for (const wire of this.#wires) {
      // Before its first frame a wire still misses rows, so that no beat may move it.
      if (wire.status !== "live" && wire.status !== "behind") continue
      const cursor = cursors[String(wire.log)]
      if (cursor !== undefined) Object.assign(wire, {cursor, status: "live"})
    }
  }

  /** @param {Wire} wire @returns {ClientMessage[]} */
  #leave(wire) {
    const {id, status} = wire
    Object.assign(wire, {query: null, log: null, status: "wanted"})
    return isHeld(status) ? [{type: "unsubscribe", id}] : []
  }

  /** @param {number} id */
  find(id) {
    return [...this.#wires].find((wire) => wire.id === id && wire.status !== "wanted" && wire.status !== "delayed")
  }
}

/** Whether the server has the subscription. @param {Status} status */
function isHeld(status) {
  return status === "asked" || status === "accepted" || status === "live" || status === "behind"
}
