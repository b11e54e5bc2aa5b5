// Made from browser/src by `npm run build`; change it there.
/**
 * Calls of actions: each waits for the connection, then for its reply, then for its effects in the page's rows.
 *
 * The server recognizes a call by its id: if the connection is lost before the reply, the call is sent again, and still
 * runs only once.
 */
export type CallState = "waiting" | "sent" | "answered" | "settled" | "failed";
export type CallPromise<Result = any> = Promise<Result> & {
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
export type Target = ({
    stream: string;
    params: import("../protocol/messages.js").Params;
} | {
    token: string;
}) & {
    action: string;
    args: Record<string, unknown>;
};
export type CallOptions = {
    timeout?: number;
    before?: (id: string) => void;
};
/**
 * `waiting` for the connection; `sent`; `answered`: it has run, and its effects will arrive; `settled`: they are in
 * all subscriptions of the page; `failed`: it had no effect, or its outcome is unknown.
 *
 * @typedef {"waiting" | "sent" | "answered" | "settled" | "failed"} CallState
 */
/**
 * What a call returns: a promise of the action's result. `settled` resolves when the effects are in the page, and is
 * rejected if the promise itself is.
 *
 * @template [Result=any]
 * @typedef {Promise<Result> & {readonly id: string, readonly state: CallState, readonly settled: Promise<void>}} CallPromise
 */
/**
 * `arrived`: a frame has named the call.
 *
 * @typedef {{
 *   text: string, made: number, state: CallState, everSent: boolean, arrived: boolean,
 *   resolve: (result: any) => void, settle: () => void, reject: (error: unknown) => void, cancelTimer: () => void,
 * }} Call
 *
 * A stream by its name and parameters, or by the token of an element rendered by the server.
 *
 * @typedef {({stream: string, params: import("../protocol/messages.js").Params} | {token: string}) & {action: string, args: Record<string, unknown>}} Target
 *
 * `before`: called with the id before the call is sent; if it throws, the call is not sent.
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
     * }} options now: in seconds; ended: the call has failed or is settled; changed: the number of waiting calls may have changed
     */
    constructor({ send, after, now, ended, changed }: {
        send: (text: string) => void;
        after: (seconds: number, callback: () => void) => () => void;
        now: () => number;
        ended?: (id: string) => void;
        changed?: () => void;
    });
    /** The number of calls that wait for the connection. */
    get waiting(): number;
    /**
     * @param {Target} target
     * @param {CallOptions} [options] timeout: in seconds, until the reply
     * @returns {CallPromise}
     */
    call(target: Target, { timeout, before }?: CallOptions): CallPromise;
    /** Returns a rejected call. @param {unknown} error @returns {CallPromise} */
    refuse(error: unknown): CallPromise;
    /** Handles a new connection: sends waiting calls, and repeats those not answered or settled. */
    opened(): void;
    /** Handles the loss of the connection. */
    interrupted(): void;
    /** Handles the server's refusal of the connection. @param {{code: number, reason: string}} refusal */
    refused(refusal: {
        code: number;
        reason: string;
    }): void;
    /** Accepts calls again when connecting is retried after a refusal. */
    retried(): void;
    /** @param {import("../protocol/messages.js").Reply} reply */
    reply({ id, result, error }: import("../protocol/messages.js").Reply): void;
    /** Notes that a frame has the effects of these calls. @param {Iterable<string>} ids */
    arrive(ids: Iterable<string>): void;
    /** Settles the calls whose effects have arrived. All subscriptions are live. */
    settle(): void;
}
