// Made from browser/src by `npm run build`; change it there.
/**
 * What the session asks the server for: one wire per subscription, with its cursor. Pure, like the session that owns it.
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
    view: string;
    nextView: string;
    id: number;
    query: number | null;
    log: number | null;
    status: Status;
    failures: number;
    present: object | null;
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
export declare function newWire({ view, ...target }: Pick<Wire, "token" | "stream" | "params" | "format" | "cursor"> & {
    view?: string;
}): Wire;
export declare class Wires {
    #private;
    /** @param {Wire} wire */
    add(wire: Wire): void;
    /** @param {Wire} wire */
    has(wire: Wire): boolean;
    /** @param {Wire} wire @returns {ClientMessage[]} what tells an open connection */
    remove(wire: Wire): ClientMessage[];
    /** All that are not refused are live. */
    get live(): boolean;
    /** There is something, and all of it is refused. */
    get refused(): boolean;
    /** No answer is awaited. */
    get settled(): boolean;
    /** The messages that ask for the wire. @param {Wire} wire @returns {ClientMessage[]} */
    ask(wire: Wire): ClientMessage[];
    askAll(): import("./messages.js").ClientMessage[];
    /** An event is lost where the wire is not live. @param {Wire} wire @param {string} name @param {unknown} data @returns {ClientMessage[]} */
    tell({ id, status }: Wire, name: string, data: unknown): ClientMessage[];
    /** @param {Wire} wire @param {object} data @returns {ClientMessage[]} */
    present(wire: Wire, data: object): ClientMessage[];
    /** Those that an event is for. @param {number} query */
    of(query: number): Wire[];
    /** Asks another server to go on; where the rows are live they stay so. @param {Send[]} events on their way to the last one */
    renewAll(events: Send[]): import("./messages.js").ClientMessage[];
    /** The connection is gone; the wires are still wanted. */
    interrupt(): void;
    /** The user may be another one: tokens and rows count no more. */
    forget(): void;
    /** @param {import("./messages.js").Subscribed} message */
    accept({ id, query, log, view }: import("./messages.js").Subscribed): void;
    /**
     * The wire is refused: asked for anew, delayed, or ended, which its status then says.
     *
     * @param {import("./messages.js").Refused} message
     * @returns {Wire | undefined}
     */
    refuse({ id, code }: import("./messages.js").Refused): Wire | undefined;
    /** @param {import("./messages.js").Frame} frame @returns {Update[]} */
    updates({ log, deltas }: import("./messages.js").Frame): Update[];
    /** The page holds the wire's rows as they are at the cursor. @param {Wire} wire @param {string} cursor */
    reach(wire: Wire, cursor: string): void;
    /** Nothing of the page's rows counts: they are to be asked for. @param {Wire} wire @returns {ClientMessage[]} */
    reset(wire: Wire): ClientMessage[];
    fallBehind(): void;
    /** @param {Record<string, string>} cursors by log */
    beat(cursors: Record<string, string>): void;
    /** @param {number} id */
    find(id: number): Wire | undefined;
}
