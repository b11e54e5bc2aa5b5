// Made from browser/src by `npm run build`; change it there.
/**
 * Live queries as data: what `live()` and `value()` return.
 */
import { RealtimeError } from "./messages.js";
import { Store } from "./store.js";
import { Subscription } from "./subscription.js";
export type Params = import("./messages.js").Params;
export type Connection = import("./connection.js").Connection;
export type Expectation = import("./overlays.js").Expectation;
export type UseOptions = {
    connection: Connection;
    subscription: Subscription;
    stream: string;
    params: Params;
    close: () => void;
};
export type Optimistic = Expectation | [LiveQuery | Element, Expectation][];
export type CallOptions = {
    timeout?: number;
    optimistic?: Optimistic;
};
/** @typedef {import("./messages.js").Params} Params */
/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./overlays.js").Expectation} Expectation */
/** @typedef {{connection: Connection, subscription: Subscription, stream: string, params: Params, close: () => void}} UseOptions */
/**
 * What a call is expected to do: of the live query that calls, or of several: live queries, or containers in the page.
 *
 * @typedef {Expectation | [LiveQuery | Element, Expectation][]} Optimistic
 * @typedef {{timeout?: number, optimistic?: Optimistic}} CallOptions timeout: in seconds
 */
/** One user of a subscription. Users of the same live query share it. */
declare class Use {
    #private;
    stream: string;
    params: import("./messages.js").Params;
    /** @param {UseOptions & {read: (subscription: Subscription) => any}} options read: what the user sees of the subscription */
    constructor({ connection, subscription, stream, params, read, close }: UseOptions & {
        read: (subscription: Subscription) => any;
    });
    /** "connecting", "catching-up", "live", "offline" or "refused". */
    get state(): import("./session.js").State | null;
    /** Why the state is "refused". */
    get error(): RealtimeError | null;
    /**
     * Calls back at once if there is something, and after each change.
     *
     * @param {(seen: any) => void} callback
     * @returns {() => void} ends it
     */
    subscribe: (callback: (seen: any) => void) => () => void;
    /** What is there, as React's useSyncExternalStore(query.subscribe, query.getSnapshot) wants it. @returns {any} */
    getSnapshot: () => any;
    /**
     * What `see` gives, as a store that hears of each change of the rows and of the state.
     *
     * @template Snapshot
     * @param {() => Snapshot} see
     * @returns {Store<Snapshot>}
     */
    storeOf<Snapshot>(see: () => Snapshot): Store<Snapshot>;
    /** @param {() => void} end called when this use ends */
    endWith(end: () => void): void;
    /** Ends this use; the last one to end leaves the live query. */
    close(): void;
}
/** The rows of a stream. */
export declare class LiveQuery extends Use {
    #private;
    /** @param {UseOptions & {queries: LiveQueries}} options */
    constructor(options: UseOptions & {
        queries: LiveQueries;
    });
    /** Rows and state together, for React's useSyncExternalStore and the like: `{rows, state, error}`. */
    store: Store<{
        rows: readonly any[];
        state: import("./session.js").State | null;
        error: RealtimeError | null;
    }>;
    /** The rows in order: an array that never changes; a change brings another. @returns {readonly any[]} */
    get rows(): readonly any[];
    /** The primary keys of the rows, as strings. */
    get keys(): readonly string[];
    /**
     * Listens to an event of those who see the same.
     *
     * @param {string} name
     * @param {import("./events.js").EventListener} callback
     * @returns {() => void} ends it
     */
    on(name: string, callback: import("./events.js").EventListener): () => void;
    /**
     * Sends an event to the others who see the same. It may be lost.
     *
     * @param {string} name
     * @param {object} [data]
     * @returns {boolean} whether it went out: false where the live query is not live
     */
    send(name: string, data?: object): boolean;
    /**
     * Calls an action of the stream.
     *
     * @param {string} action
     * @param {Record<string, unknown>} [args]
     * @param {CallOptions} [options]
     */
    call(action: string, args?: Record<string, unknown>, { timeout, optimistic }?: CallOptions): import("./calls.js").CallPromise;
    /** @param {LiveQuery} query */
    static subscriptionOf(query: LiveQuery): Subscription;
}
/** The people who are somewhere: rows of a stream of presence. */
export declare class Presence extends LiveQuery {
    #private;
    /** @param {UseOptions & {queries: LiveQueries}} options */
    constructor(options: UseOptions & {
        queries: LiveQueries;
    });
    /** Says something of the user, which all others see; and that the user is here. @param {object} data up to 1 KiB as JSON */
    set(data: object): void;
}
/** A value of a stream. */
export declare class LiveValue extends Use {
    /** @param {UseOptions} options */
    constructor(options: UseOptions);
    /** Value and state together: `{value, state, error}`. */
    store: Store<{
        value: any;
        state: import("./session.js").State | null;
        error: RealtimeError | null;
    }>;
    /** The value; undefined before it has come, and where it is refused. @returns {any} */
    get value(): any;
}
/** The live queries in use, one subscription for each name with its parameters and format. */
export declare class LiveQueries {
    #private;
    connection: import("./connection.js").Connection;
    subscriptionOf: (element: Element) => Subscription | undefined;
    /**
     * @param {Connection} connection
     * @param {(element: Element) => Subscription | undefined} [subscriptionOf] that of a container in the page
     */
    constructor(connection: Connection, subscriptionOf?: (element: Element) => Subscription | undefined);
    /** @param {import("./calls.js").Target} target @param {CallOptions} [options] */
    call(target: import("./calls.js").Target, { timeout, optimistic }?: CallOptions): import("./calls.js").CallPromise;
    /** @param {string} stream @param {Params} params */
    open(stream: string, params: Params): LiveQuery;
    /** @param {string} stream @param {Params} params @param {object | null} data null: to look on */
    openPresence(stream: string, params: Params, data: object | null): Presence;
    /** @param {string} stream @param {Params} params @param {string} name */
    openValue(stream: string, params: Params, name: string): LiveValue;
}
export {};
