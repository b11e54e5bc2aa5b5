// Made from browser/src by `npm run build`; change it there.
/**
 * Live queries as data: what `live()` and `value()` return.
 */
import { RealtimeError } from "../protocol/messages.js";
import { Store } from "./store.js";
import { ResultSet } from "./result_set.js";
import { Unread } from "./unread.js";
export type Params = import("../protocol/messages.js").Params;
export type Connection = import("../connection/connection.js").Connection;
export type Expectation = import("./optimistic.js").Expectation;
export type Subscribed = import("./parameter_change.js").Subscribed;
export type HandleOptions = {
    connection: Connection;
    stream: string;
    params: Params;
    subscribe: (params: Params, isNext: boolean) => Subscribed;
};
export type Row = Record<string, any>;
export type Optimistic = Expectation | [LiveQuery<any> | Element, Expectation][];
export type CallOptions = {
    timeout?: number;
    optimistic?: Optimistic;
};
/** @typedef {import("../protocol/messages.js").Params} Params */
/** @typedef {import("../connection/connection.js").Connection} Connection */
/** @typedef {import("./optimistic.js").Expectation} Expectation */
/** @typedef {import("./parameter_change.js").Subscribed} Subscribed */
/** @typedef {{connection: Connection, stream: string, params: Params, subscribe: (params: Params, isNext: boolean) => Subscribed}} HandleOptions subscribe: subscribes with these parameters */
/**
 * The default type of a row. `live<Task>("tasks")` sets another one.
 *
 * @typedef {Record<string, any>} Row
 */
/**
 * The expected effect of a call: on the live query whose `call()` it is, or on several live queries or containers.
 *
 * @typedef {Expectation | [LiveQuery<any> | Element, Expectation][]} Optimistic
 * @typedef {{timeout?: number, optimistic?: Optimistic}} CallOptions timeout: in seconds
 */
/**
 * A handle to a subscription. Handles to the same live query share the subscription.
 *
 * @template Seen
 */
declare class Handle<Seen> {
    #private;
    stream: string;
    /** The parameters of the rows that are shown. */
    params: import("../protocol/messages.js").Params;
    /** @param {HandleOptions & {read: (resultSet: ResultSet) => Seen}} options read: returns the snapshot of a subscription */
    constructor({ connection, stream, params, subscribe, read }: HandleOptions & {
        read: (resultSet: ResultSet) => Seen;
    });
    /** "connecting", "catching-up", "live", "offline" or "refused". */
    get state(): import("../protocol/session.js").State | null;
    /** Why the state is "refused", or why the last `set()` was. */
    get error(): RealtimeError | null;
    /**
     * Changes the given parameters. The current rows stay until the new ones are loaded. If the server refuses the parameters,
     * the rows stay and `error` has the reason. Of several changes in a row, the last one wins.
     *
     * @param {Params} params
     */
    set(params: Params): void;
    /**
     * Calls back after each change, and at once if data is loaded.
     *
     * @param {(seen: Seen) => void} callback
     * @returns {() => void} unsubscribes
     */
    subscribe: (callback: (seen: Seen) => void) => () => void;
    /** The current snapshot, for React's useSyncExternalStore(query.subscribe, query.getSnapshot). @returns {Seen} */
    getSnapshot: () => Seen;
    /**
     * Returns a store of the snapshots that `see` returns, updated at each change of the rows and the state.
     *
     * @template Snapshot
     * @param {() => Snapshot} see
     * @returns {Store<Snapshot>}
     */
    storeOf<Snapshot>(see: () => Snapshot): Store<Snapshot>;
    /** Attaches a listener to the current subscription and its successors. @param {(resultSet: ResultSet) => () => void} attach returns a function that detaches it @returns {() => void} detaches it for good */
    attach(attach: (resultSet: ResultSet) => () => void): () => void;
    /** Closes this handle. The last `close()` ends the subscription. */
    close(): void;
    /** @param {Handle<any>} handle */
    static resultSetOf(handle: Handle<any>): ResultSet;
    /** @param {Handle<any>} handle */
    static connectionOf(handle: Handle<any>): import("../connection/connection.js").Connection;
    /** Calls the listeners of a handle. @param {Handle<any>} handle */
    static notify(handle: Handle<any>): void;
    /** The newest parameters of a handle, shown or requested. @param {Handle<any>} handle */
    static targetOf(handle: Handle<any>): import("../protocol/messages.js").Params;
}
/**
 * The rows of a stream.
 *
 * @template [T=Row]
 * @extends {Handle<readonly T[]>}
 */
export declare class LiveQuery<T = Row> extends Handle<readonly T[]> {
    #private;
    /** @param {HandleOptions & {queries: LiveQueries}} options */
    constructor(options: HandleOptions & {
        queries: LiveQueries;
    });
    /** Rows and state together, for React's useSyncExternalStore and the like: `{rows, state, error}`. */
    store: Store<{
        rows: readonly T[];
        state: import("../protocol/session.js").State | null;
        error: RealtimeError | null;
    }>;
    /** The rows in order, in an immutable array: each change creates a new one. @returns {readonly T[]} */
    get rows(): readonly T[];
    /** The primary keys of the rows, as strings. */
    get keys(): readonly string[];
    /**
     * Listens for an event of the other subscribers.
     *
     * @param {string} name
     * @param {import("./events.js").EventListener} callback
     * @returns {() => void} removes the listener
     */
    on(name: string, callback: import("./events.js").EventListener): () => void;
    /**
     * Sends an event to the other subscribers. It may be lost.
     *
     * @param {string} name
     * @param {object} [data]
     * @returns {boolean} whether it was sent: false if the live query is not live
     */
    send(name: string, data?: object): boolean;
    /**
     * Calls an action of the stream.
     *
     * @template [Result=any]
     * @param {string} action
     * @param {Record<string, unknown>} [args]
     * @param {Omit<CallOptions, "optimistic"> & {optimistic?: ((rows: readonly T[]) => readonly T[]) | [LiveQuery<any> | Element, Expectation][]}} [options]
     * @returns {import("../connection/calls.js").CallPromise<Result>} rejects with a RealtimeError
     */
    call<Result = any>(action: string, args?: Record<string, unknown>, { timeout, optimistic }?: Omit<CallOptions, "optimistic"> & {
        optimistic?: ((rows: readonly T[]) => readonly T[]) | [LiveQuery<any> | Element, Expectation][];
    }): import("../connection/calls.js").CallPromise<Result>;
}
/**
 * The present users of a stream, as rows.
 *
 * @template [T=Row]
 * @extends {LiveQuery<T>}
 */
export declare class Presence<T = Row> extends LiveQuery<T> {
    #private;
    /** @param {HandleOptions & {queries: LiveQueries, mark: (() => Presence<any>) | null}} options mark: opens a handle that marks the user as present; null: this one does */
    constructor({ mark, ...options }: HandleOptions & {
        queries: LiveQueries;
        mark: (() => Presence<any>) | null;
    });
    /** Marks the user as present, with data that all other users see. @param {object} data up to 1 KiB as JSON */
    set(data: object): void;
    close(): void;
}
/**
 * A value of a stream.
 *
 * @template [T=any]
 * @extends {Handle<T | undefined>}
 */
export declare class LiveValue<T = any> extends Handle<T | undefined> {
    /** @param {HandleOptions} options */
    constructor(options: HandleOptions);
    /** Value and state together: `{value, state, error}`. */
    store: Store<{
        value: T | undefined;
        state: import("../protocol/session.js").State | null;
        error: RealtimeError | null;
    }>;
    /** The value; undefined until it is loaded, and if it is refused. @returns {T | undefined} */
    get value(): T | undefined;
}
/**
 * The rows of a stream with `paginate_by`, of which a virtual list shows a range.
 *
 * @template [T=Row]
 * @extends {LiveQuery<T>}
 */
export declare class LiveList<T = Row> extends LiveQuery<T> {
    #private;
    /** @param {HandleOptions & {queries: LiveQueries, extent: LiveValue<{total: number, size: number}>}} options */
    constructor({ extent, ...options }: HandleOptions & {
        queries: LiveQueries;
        extent: LiveValue<{
            total: number;
            size: number;
        }>;
    });
    /** Rows, their place and state together: `{rows, start, total, state, error}`. */
    store: Store<{
        rows: readonly T[];
        start: number;
        total: number | undefined;
        state: import("../protocol/session.js").State | null;
        error: RealtimeError | null;
    }>;
    /** The number of all rows; undefined until it is loaded. */
    get total(): number | undefined;
    /** The place of the first of `rows` among all rows, from 0. */
    get start(): number;
    get error(): RealtimeError | null;
    /**
     * Loads the rows from one place up to another one, which is excluded, and follows them instead of the rows before. The
     * rows before stay until these are loaded. Of several calls, the last one wins.
     *
     * @param {number} from
     * @param {number} to
     */
    range(from: number, to: number): void;
    /** Changes parameters, of the rows and of their number. @param {Params} params */
    set(params: Params): void;
    close(): void;
}
/** The live queries in use: one subscription for each combination of stream, parameters and format, and one more for presence. */
export declare class LiveQueries {
    #private;
    connection: import("../connection/connection.js").Connection;
    resultSetOf: (element: Element) => ResultSet | undefined;
    /**
     * @param {Connection} connection
     * @param {(element: Element) => ResultSet | undefined} [resultSetOf] returns a container's subscription
     */
    constructor(connection: Connection, resultSetOf?: (element: Element) => ResultSet | undefined);
    /** @param {import("../connection/calls.js").Target} target @param {CallOptions} [options] */
    call(target: import("../connection/calls.js").Target, { timeout, optimistic }?: CallOptions): import("../connection/calls.js").CallPromise<any>;
    /** @template T @param {string} stream @param {Params} params @returns {LiveQuery<T>} */
    open<T>(stream: string, params: Params): LiveQuery<T>;
    /** @template T @param {string} stream @param {Params} params @returns {LiveList<T>} */
    openList<T>(stream: string, params: Params): LiveList<T>;
    /** @template T @param {string} stream @param {Params} params @param {object | null} data null: only watch @param {boolean} [everyone] @returns {Presence<T>} */
    openPresence<T>(stream: string, params: Params, data: object | null, everyone?: boolean): Presence<T>;
    /** @template T @param {string} stream @param {Params} params @param {string} name @returns {LiveValue<T>} */
    openValue<T>(stream: string, params: Params, name: string): LiveValue<T>;
    /** @param {string} stream @param {Params} params */
    openUnread(stream: string, params: Params): Unread;
}
export {};
