// Made from browser/src by `npm run build`; change it there.
/**
 * The session's subscriptions: one wire for each, with its cursor. Pure, like the session that owns it.
 */
export type ClientMessage = import("./messages.js").ClientMessage;
export type RealtimeError = import("./messages.js").RealtimeError;
export type Send = import("./messages.js").Send;
export type Status = "wanted" | "asked" | "accepted" | "live" | "behind" | "delayed" | "refused";
export type Wire = {
    token?: string;
    stream: string;
    params?: import("./messages.js").Params;
    format: import("./messages.js").Format;
    cursor: string | null;
    fingerprint: string;
    nextFingerprint: string;
    id: number;
    query: number | null;
    log: number | null;
    status: Status;
    failures: number;
    present: object | null;
    vouched: boolean;
    changed?: boolean;
    isNext?: boolean;
};
export type Update = {
    wire: Wire;
    deltas: import("./messages.js").Delta[];
    fresh: boolean;
};
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
export declare function newWire({ fingerprint, ...target }: Pick<Wire, "token" | "stream" | "params" | "format" | "cursor" | "changed" | "isNext"> & {
    fingerprint?: string;
}): Wire;
export declare class Wires {
    #private;
    /** @param {Wire} wire */
    add(wire: Wire): void;
    /** @param {Wire} wire */
    has(wire: Wire): boolean;
    /** @param {Wire} wire @returns {ClientMessage[]} the messages for an open connection */
    remove(wire: Wire): ClientMessage[];
    /** Whether all wires that are shown and not refused are live. */
    get live(): boolean;
    /** Whether there are wires, and all of them are refused. */
    get refused(): boolean;
    /** Whether no answer is pending. */
    get settled(): boolean;
    /** Returns the messages that subscribe the wire. @param {Wire} wire @returns {ClientMessage[]} */
    subscribe(wire: Wire): ClientMessage[];
    subscribeAll(): import("./messages.js").ClientMessage[];
    /** Returns the message of an event; none if the wire is not live, so the event is lost. @param {Wire} wire @param {string} name @param {unknown} data @returns {ClientMessage[]} */
    sendEvent({ id, status }: Wire, name: string, data: unknown): ClientMessage[];
    /** @param {Wire} wire @param {object} data @returns {ClientMessage[]} */
    present(wire: Wire, data: object): ClientMessage[];
    /** Returns the wires that an event is for. @param {number} query */
    of(query: number): Wire[];
    /** Returns the messages that continue on another connection; live rows stay live. @param {Send[]} events not yet sent to the previous one */
    renewAll(events: Send[]): import("./messages.js").ClientMessage[];
    /** Handles the loss of the connection; the wires are still wanted. */
    interrupt(): void;
    /** Discards tokens and rows, because the user may be another one. */
    discardCredentials(): void;
    /** @param {import("./messages.js").Subscribed} message */
    accept({ id, query, log, fingerprint }: import("./messages.js").Subscribed): void;
    /**
     * Handles a refusal: the wire is requested again, delayed or ended, as its status then says.
     *
     * @param {import("./messages.js").Refused} message
     * @returns {Wire | undefined}
     */
    refuse({ id, code }: import("./messages.js").Refused): Wire | undefined;
    /** @param {import("./messages.js").Frame} frame @returns {Update[]} */
    updates({ log, deltas }: import("./messages.js").Frame): Update[];
    /** Notes that the page has the wire's rows up to this cursor. @param {Wire} wire @param {string} cursor */
    advance(wire: Wire, cursor: string): void;
    /** Discards the page's rows, and requests them again. @param {Wire} wire @returns {ClientMessage[]} */
    reset(wire: Wire): ClientMessage[];
    fallBehind(): void;
    /** @param {Record<string, string>} cursors by log */
    heartbeat(cursors: Record<string, string>): void;
    /** @param {number} id */
    find(id: number): Wire | undefined;
}
