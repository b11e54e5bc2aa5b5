// Made from browser/src by `npm run build`; change it there.
/**
 * The protocol's messages, one typedef each, and its codes (docs/reference/protocol.md).
 */
export declare const VERSION = 2;
export type Row = string | number | boolean | object | null;
export type Put = {
    key: string;
    row?: Row;
    after?: string | null;
};
export type Insert = string | [field: string, start: number, end: number];
export type Edits = (number | Insert)[];
export type Patch = Edits | {
    set?: Record<string, any>;
    edit?: Record<string, Edits>;
};
export type Delta = {
    query: number;
    reset?: boolean;
    puts?: Put[];
    drops?: string[];
    order?: string[];
    patches?: Record<string, Patch>;
    parts?: boolean;
};
export type Window = {
    frames: number;
    bytes: number;
};
export type Hello = {
    type: "hello";
    version: number;
    token?: string;
};
export type Authenticate = {
    type: "authenticate";
    token: string;
};
export type Subscribe = {
    type: "subscribe";
    id: number;
    token?: string;
    stream?: string;
    params?: Params;
    format?: Format;
    cursor?: string;
    fingerprint?: string;
};
export type Unsubscribe = {
    type: "unsubscribe";
    id: number;
};
export type Call = {
    type: "call";
    id: string;
    token?: string;
    stream?: string;
    params?: Params;
    action: string;
    args: Record<string, unknown>;
};
export type Send = {
    type: "send";
    id: number;
    name: string;
    data?: unknown;
};
export type Present = {
    type: "present";
    id: number;
    data: object;
};
export type Ack = {
    type: "ack";
    messages: number;
};
export type ClientMessage = Hello | Authenticate | Subscribe | Unsubscribe | Call | Send | Present | Ack;
export type Welcome = {
    type: "welcome";
    version: number;
    heartbeat: number;
    window?: Window;
    expires?: number;
};
export type Authenticated = {
    type: "authenticated";
    expires?: number;
};
export type Subscribed = {
    type: "subscribed";
    id: number;
    query: number;
    log: number;
    fingerprint?: string;
};
export type Part = {
    type: "part";
    id: number;
    puts: Put[];
    first?: boolean;
};
export type Frame = {
    type: "frame";
    log: number;
    cursor: string;
    deltas: Delta[];
    calls?: string[];
};
export type Patched = [query: number, patches: Record<string, Patch>];
export type Behind = {
    type: "behind";
};
export type Heartbeat = {
    type: "heartbeat";
    cursors?: Record<string, string>;
};
export type Refused = {
    type: "refused";
    id: number;
    code: number;
    reason: string;
    retry?: number;
    details?: Details;
};
export type Failure = {
    code: number;
    reason: string;
    details?: Details;
    retry?: number;
    version?: string;
};
export type Reply = {
    type: "reply";
    id: string;
    result?: unknown;
    error?: Failure;
};
export type EventMessage = {
    type: "event";
    name: string;
    data?: any;
    query?: number;
    sender?: string | null;
};
export type EventRejected = {
    type: "event_rejected";
    id: number;
    name: string;
    code: number;
    reason: string;
};
export type Text = {
    type: "text";
    number: number;
    query: number;
    key: string;
    field: string;
    offset: number;
    text: string;
};
export type TextMore = [number: number, text: string];
export type TextEnded = {
    type: "text_ended";
    query: number;
    key: string;
    field: string;
    length: number;
};
export type Bye = {
    type: "bye";
    code: number;
    reason: string;
    retry?: number;
};
export type ServerObject = Welcome | Authenticated | Subscribed | Part | Frame | Behind | Heartbeat | Refused | Reply | EventMessage | EventRejected | Text | TextEnded | Bye;
export type ServerMessage = ServerObject | TextMore | Patched;
export type Params = Record<string, unknown>;
export type Details = Record<string, string[]>;
export type Format = "html" | `html:${string}` | "data" | "pages" | `value:${string}`;
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
export declare const codes: Readonly<{
    going_away: 4000;
    internal_error: 4001;
    overloaded: 4002;
    timeout: 4003;
    token_expired: 4100;
    session_ended: 4101;
    csrf_failed: 4102;
    bad_message: 4200;
    too_large: 4201;
    unsupported_version: 4202;
    unexpected_message: 4203;
    origin_refused: 4210;
    token_invalid: 4211;
    unknown_stream: 4212;
    bad_parameters: 4213;
    forbidden: 4214;
    unknown_action: 4215;
    invalid: 4216;
    not_found: 4217;
    action_refused: 4218;
    stale: 4219;
    unknown_event: 4220;
}>;
/** WebSocket's code for a connection that has ended without a reason. */
export declare const ABNORMAL = 1006;
/** The reason of such an end. */
export declare const SILENCE = "The server has not sent anything for too long.";
/**
 * Returns how a client reacts to a code. The range decides, so unknown codes work too.
 *
 * @param {number} code
 * @returns {"reconnect" | "renew" | "stop"}
 */
export declare function reactionTo(code: number): "reconnect" | "renew" | "stop";
/**
 * Parses the server's JSON. An integer that JavaScript cannot represent exactly becomes a string, like keys: rounding would
 * make it the key of another row.
 *
 * @param {string} text
 * @returns {any}
 */
export declare function parseJSON(text: string): any;
/** Whether a message is a frame in short. @param {any} message @returns {message is Patched} */
export declare function isPatched(message: any): message is Patched;
/** Returns the format of a live value. Throws if the name is invalid, because the server would close the connection. @param {string} name @returns {Format} */
export declare function valueFormat(name: string): Format;
/** Returns a copy as JSON has it, with the names in objects sorted. @param {unknown} value @returns {unknown} */
export declare function sorted(value: unknown): unknown;
/**
 * A refusal, with the server's sentence as its message.
 *
 * `code` is a code of the protocol, or `null` if the error is the client's own: `name` is then one of `queue_full`,
 * `outcome_unknown`, `no_reply`, `closed`, `bad_arguments`. `details` has error messages by argument.
 */
export declare class RealtimeError extends Error {
    /** @type {number | null} */
    code: number | null;
    /** @type {Details} */
    details: Details;
    /** For a stale form: the version to send to overwrite the current row. @type {string | undefined} */
    version: string | undefined;
    /**
     * @param {number | null} code
     * @param {string} reason
     * @param {{name?: string, details?: Details, version?: string}} [options]
     */
    constructor(code: number | null, reason: string, { name, details, version }?: {
        name?: string;
        details?: Details;
        version?: string;
    });
}
/** @param {string} reason */
export declare const badArguments: (reason: string) => RealtimeError;
/** Returns a unique id. */
export declare function newId(): string;
