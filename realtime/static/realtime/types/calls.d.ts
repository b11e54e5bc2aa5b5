// Made from browser/src by `npm run build`; change it there.
/**
 * Calls of actions: each waits for the connection, then for its reply, then for its effects in the page's rows.
 *
 * A call has an id by which the server knows it: what was not answered when a connection was lost is sent again, and
 * runs once.
 */
export type CallState = "waiting" | "sent" | "answered" | "settled" | "failed";
export type CallPromise = Promise<any> & {
    readonly id: string;
    readonly state: CallState;
    readonly settled: Promise<void>;
};
export type Call = {
    text: string;
    made: number;
    state: CallState;
    everSent: boolean;
    arrived: boolean;
    resolve: (result: any) => void;
    settle: () => void;
    reject: (error: unknown) => void;
    cancelTimer: () => void;
};
export type Target = {
    stream: string;
    params: import("./messages.js").Params;
    action: string;
    args: Record<string, unknown>;
};
export type CallOptions = {
    timeout?: number;
    before?: (id: string) => void;
};
/**
 * `waiting` for the connection; `sent`; `answered`: it has run, and its effects are on their way; `settled`: they are in
 * all that the page is subscribed to; `failed`: it has had no effect, or nothing is known of it.
 *
 * @typedef {"waiting" | "sent" | "answered" | "settled" | "failed"} CallState
 *
 * What a call returns: a promise of the action's result. `settled` is resolved when the effects are in the page, and
 * rejected as the promise itself is.
 *
 * @typedef {Promise<any> & {readonly id: string, readonly state: CallState, readonly settled: Promise<void>}} CallPromise
 *
 * `arrived`: a frame has named it.
 *
 * @typedef {{
 *   text: string, made: number, state: CallState, everSent: boolean, arrived: boolean,
 *   resolve: (result: any) => void, settle: () => void, reject: (error: unknown) => void, cancelTimer: () => void,
 * }} Call
 *
 * @typedef {{stream: string, params: import("./messages.js").Params, action: string, args: Record<string, unknown>}} Target
 *
 * `before`: called with the id before the call is sent, which it prevents by throwing.
 *
 * @typedef {{timeout?: number, before?: (id: string) => void}} CallOptions
 */
export declare class Calls {
    #private;
    send: (text: string) => void;
    after: (seconds: number, callback: () => void) => () => void;
    now: () => number;
    ended: (id: string) => void;
    changed: () => void;
    /**
     * @param {{
     *   send: (text: string) => void,
     *   after: (seconds: number, callback: () => void) => () => void,
     *   now: () => number,
     *   ended?: (id: string) => void,
     *   changed?: () => void,
     * }} options now: in seconds; ended: the call has failed, or is settled; changed: a call waits, or waits no longer
     */
    constructor({ send, after, now, ended, changed }: {
        send: (text: string) => void;
        after: (seconds: number, callback: () => void) => () => void;
        now: () => number;
        ended?: (id: string) => void;
        changed?: () => void;
    });
    /** How many wait for the connection. */
    get waiting(): number;
    /**
     * @param {Target} target
     * @param {CallOptions} [options] timeout: in seconds, until the reply
     * @returns {CallPromise}
     */
    call(target: Target, { timeout, before }?: CallOptions): CallPromise;
    /** A call that cannot be made. @param {unknown} error @returns {CallPromise} */
    refuse(error: unknown): CallPromise;
    /** The connection is there: what has waited goes out, and what has not been answered or settled is repeated. */
    opened(): void;
    /** The connection is gone. */
    interrupted(): void;
    /** The server wants no connection. @param {{code: number, reason: string}} refusal */
    refused(refusal: {
        code: number;
        reason: string;
    }): void;
    /** A connection is tried again after a refusal. */
    retried(): void;
    /** @param {import("./messages.js").Reply} reply */
    reply({ id, result, error }: import("./messages.js").Reply): void;
    /** A frame brings the effects of these calls. @param {Iterable<string>} ids */
    arrive(ids: Iterable<string>): void;
    /** All subscriptions are live: what has arrived is in all of them. */
    settle(): void;
}
