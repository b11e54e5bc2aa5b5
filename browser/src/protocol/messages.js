/**
 * The protocol's messages, one typedef each, and its codes (docs/reference/protocol.md).
 */

export const VERSION = 2

/**
 * @typedef {string | number | boolean | object | null} Row
 * @typedef {{key: string, row?: Row, after?: string | null}} Put
 * @typedef {string | [field: string, start: number, end: number]} Insert
 * @typedef {(number | Insert)[]} Edits
 * @typedef {Edits | {set?: Record<string, any>, edit?: Record<string, Edits>}} Patch
 * @typedef {{query: number, reset?: boolean, puts?: Put[], drops?: string[], order?: string[], patches?: Record<string, Patch>, parts?: boolean}} Delta
 * @typedef {{frames: number, bytes: number}} Window
 *
 * @typedef {{type: "hello", version: number, token?: string}} Hello
 * @typedef {{type: "authenticate", token: string}} Authenticate
 * @typedef {{type: "subscribe", id: number, token?: string, stream?: string, params?: Params, format?: Format, cursor?: string, fingerprint?: string}} Subscribe
 * @typedef {{type: "unsubscribe", id: number}} Unsubscribe
 * @typedef {{type: "call", id: string, token?: string, stream?: string, params?: Params, action: string, args: Record<string, unknown>}} Call
 * @typedef {{type: "send", id: number, name: string, data?: unknown}} Send
 * @typedef {{type: "present", id: number, data: object}} Present
 * @typedef {{type: "ack", messages: number}} Ack
 * @typedef {Hello | Authenticate | Subscribe | Unsubscribe | Call | Send | Present | Ack} ClientMessage
 *
 * @typedef {{type: "welcome", version: number, heartbeat: number, window?: Window, expires?: number}} Welcome
 * @typedef {{type: "authenticated", expires?: number}} Authenticated
 * @typedef {{type: "subscribed", id: number, query: number, log: number, fingerprint?: string}} Subscribed
 * @typedef {{type: "part", id: number, puts: Put[], first?: boolean}} Part
 * @typedef {{type: "frame", log: number, cursor: string, deltas: Delta[], calls?: string[]}} Frame
 * @typedef {[query: number, patches: Record<string, Patch>]} Patched
 * @typedef {{type: "behind"}} Behind
 * @typedef {{type: "heartbeat", cursors?: Record<string, string>}} Heartbeat
 * @typedef {{type: "refused", id: number, code: number, reason: string, retry?: number, details?: Details}} Refused
 * @typedef {{code: number, reason: string, details?: Details, retry?: number, version?: string}} Failure
 * @typedef {{type: "reply", id: string, result?: unknown, error?: Failure}} Reply
 * @typedef {{type: "event", name: string, data?: any, query?: number, sender?: string | null}} EventMessage
 * @typedef {{type: "event_rejected", id: number, name: string, code: number, reason: string}} EventRejected
 * @typedef {{type: "text", number: number, query: number, key: string, field: string, offset: number, text: string}} Text
 * @typedef {[number: number, text: string]} TextMore
 * @typedef {{type: "text_ended", query: number, key: string, field: string, length: number}} TextEnded
 * @typedef {{type: "bye", code: number, reason: string, retry?: number}} Bye
 * @typedef {Welcome | Authenticated | Subscribed | Part | Frame | Behind | Heartbeat | Refused | Reply | EventMessage | EventRejected | Text | TextEnded | Bye} ServerObject
 * @typedef {ServerObject | TextMore | Patched} ServerMessage
 *
 * @typedef {Record<string, unknown>} Params
 * @typedef {Record<string, string[]>} Details
 * @typedef {"html" | `html:${string}` | "data" | "pages" | `value:${string}`} Format
 */

/** Every code of the protocol, by name. */
export const codes = Object.freeze({
  going_away: 4000,
  internal_error: 4001,
  overloaded: 4002,
  timeout: 4003,
  token_expired: 4100,
  session_ended: 4101,
  csrf_failed: 4102,
  bad_message: 4200,
  too_large: 4201,
  unsupported_version: 4202,
  unexpected_message: 4203,
  origin_refused: 4210,
  token_invalid: 4211,
  unknown_stream: 4212,
  bad_parameters: 4213,
  forbidden: 4214,
  unknown_action: 4215,
  invalid: 4216,
  not_found: 4217,
  action_refused: 4218,
  stale: 4219,
  unknown_event: 4220,
})

/** WebSocket's code for a connection that has ended without a reason. */
export const ABNORMAL = 1006
/** The reason of such an end. */
export const SILENCE = "The server has not sent anything for too long."

/** @type {Map<number, string>} */
const names = new Map(Object.entries(codes).map(([name, code]) => [code, name]))

/**
 * Returns how a client reacts to a code. The range decides, so unknown codes work too.
 *
 * @param {number} code
 * @returns {"reconnect" | "renew" | "stop"}
 */
export function reactionTo(code) {
  if (code >= 4200 && code < 4300) return "stop"
  if (code >= 4100 && code < 4200) return "renew"
  return "reconnect"
}

/**
 * Parses the server's JSON. An integer that JavaScript cannot represent exactly becomes a string, like keys: rounding would
 * make it the key of another row.
 *
 * @param {string} text
 * @returns {any}
 */
export function parseJSON(text) {
  return JSON.parse(/\d{16}/.test(text) ? text.replace(TOKENS, keepExact) : text)
}

/** Whether a message is a frame in short. @param {any} message @returns {message is Patched} */
export function isPatched(message) {
  return Array.isArray(message) && typeof message[1] === "object"
}

/** Matches strings, which are kept, and numbers. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** @param {string} token */
function keepExact(token) {
  return /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token
}

/** Returns the format of a live value. Throws if the name is invalid, because the server would close the connection. @param {string} name @returns {Format} */
export function valueFormat(name) {
  if (/^[\p{L}\p{N}_]{1,100}$/u.test(name)) return `value:${name}`
  const reason = `The name of a live value is made of letters, digits and underscores: '${name}' cannot be one.`
  throw badArguments(reason)
}

/** Returns a copy as JSON has it, with the names in objects sorted. @param {unknown} value @returns {unknown} */
export function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== "object") return value
  if ("toJSON" in value && typeof value.toJSON === "function") return value.toJSON() // a Date
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, sorted(each)]))
}

/**
 * A refusal, with the server's sentence as its message.
 *
 * `code` is a code of the protocol, or `null` if the error is the client's own: `name` is then one of `queue_full`,
 * `outcome_unknown`, `no_reply`, `closed`, `bad_arguments`. `details` has error messages by argument.
 */
export class RealtimeError extends Error {
  /**
   * @param {number | null} code
   * @param {string} reason
   * @param {{name?: string, details?: Details, version?: string}} [options]
   */
  constructor(code, reason, {name, details = {}, version} = {}) {
    super(reason)
    /** @type {number | null} */
    this.code = code
    this.name = name ?? (code === null ? "closed" : names.get(code) ?? `code_${code}`)
    /** @type {Details} */
    this.details = details
    /** For a stale form: the version to send to overwrite the current row. @type {string | undefined} */
    this.version = version
  }
}

/** @param {string} reason */
export const badArguments = (reason) => new RealtimeError(null, reason, {name: "bad_arguments"})

/** Returns a unique id. */
export function newId() {
  if (globalThis.isSecureContext) return crypto.randomUUID() // only available in secure contexts
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("")
}
