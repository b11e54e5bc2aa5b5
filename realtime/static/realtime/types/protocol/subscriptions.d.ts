// Made from browser/src by `npm run build`; change it there.
/**
 * The session's subscriptions: each with its cursor. Pure, like the session that owns it.
 */
export type ClientMessage = import("./messages.js").ClientMessage;
export type RealtimeError = import("./messages.js").RealtimeError;
export type Send = import("./messages.js").Send;
export type Status = "wanted" | "asked" | "accepted" | "live" | "behind" | "delayed" | "refused";
export type Subscription = {
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
    parts: import("./messages.js").Put[] | null;
};
export type Update = {
    subscription: Subscription;
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
export declare function newSubscription({ fingerprint, ...target }: Pick<Subscription, "token" | "stream" | "params" | "format" | "cursor" | "changed" | "isNext"> & {
    fingerprint?: string;
}): Subscription;
export declare class Subscriptions {
    #private;
    /** @param {Subscription} subscription */
    add(subscription: Subscription): void;
    /** @param {Subscription} subscription */
    has(subscription: Subscription): boolean;
    /** @param {Subscription} subscription @returns {ClientMessage[]} the messages for an open connection */
    remove(subscription: Subscription): ClientMessage[];
    /** Whether all subscriptions that are shown and not refused are live. */
    get live(): boolean;
    /** Whether there are subscriptions, and all of them are refused. */
    get refused(): boolean;
    /** Whether no answer is pending. */
    get settled(): boolean;
    /** Returns the messages of a subscription request. @param {Subscription} subscription @returns {ClientMessage[]} */
    subscribe(subscription: Subscription): ClientMessage[];
    subscribeAll(): import("./messages.js").ClientMessage[];
    /** Returns the message of an event; none if the subscription is not live, so the event is lost. @param {Subscription} subscription @param {string} name @param {unknown} data @returns {ClientMessage[]} */
    sendEvent({ id, status }: Subscription, name: string, data: unknown): ClientMessage[];
    /** @param {Subscription} subscription @param {object} data @returns {ClientMessage[]} */
    present(subscription: Subscription, data: object): ClientMessage[];
    /** Returns the subscriptions that an event is for. @param {number} query */
    of(query: number): Subscription[];
    /** Returns the messages that continue on another connection; live rows stay live. @param {Send[]} events not yet sent to the previous one */
    renewAll(events: Send[]): import("./messages.js").ClientMessage[];
    /** Handles the loss of the connection; the subscriptions are still wanted. */
    interrupt(): void;
    /** Discards tokens and rows, because the user may be another one. */
    discardCredentials(): void;
    /** @param {import("./messages.js").Subscribed} message */
    accept({ id, query, log, fingerprint }: import("./messages.js").Subscribed): void;
    /**
     * Handles a refusal: the subscription is requested again, delayed or ended, as its status then says.
     *
     * @param {import("./messages.js").Refused} message
     * @returns {Subscription | undefined}
     */
    refuse({ id, code }: import("./messages.js").Refused): Subscription | undefined;
    /** Keeps rows of a subscription until its first frame. @param {import("./messages.js").Part} message */
    addPart({ id, puts, first }: import("./messages.js").Part): void;
    /** @param {import("./messages.js").Frame} frame @returns {Update[]} */
    updates({ log, deltas }: import("./messages.js").Frame): Update[];
    /** Notes that the page has the subscription's rows up to this cursor; `null`: up to the same one as before. @param {Subscription} subscription @param {string | null} cursor */
    advance(subscription: Subscription, cursor: string | null): void;
    /** Discards the page's rows, and requests them again. @param {Subscription} subscription @returns {ClientMessage[]} */
    reset(subscription: Subscription): ClientMessage[];
    fallBehind(): void;
    /** @param {Record<string, string>} cursors by log */
    heartbeat(cursors: Record<string, string>): void;
    /** @param {number} id */
    find(id: number): Subscription | undefined;
}
