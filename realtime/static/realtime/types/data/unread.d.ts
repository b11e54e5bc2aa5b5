// Made from browser/src by `npm run build`; change it there.
/**
 * The unread rows of a stream with `unread_by`: those of its newest rows beyond the user's marker. All users share the rows.
 */
import { Store } from "./store.js";
export type Newest = {
    position: string;
    owner: string | null;
};
export type Marker = {
    position: string | null;
    user: string;
};
/** @typedef {{position: string, owner: string | null}} Newest a row's position, and the user for whom it is never unread */
/** @typedef {{position: string | null, user: string}} Marker the position that the user has seen, and the user's key */
/** The server counts so many. */
export declare const MOST = 100;
export declare class Unread {
    #private;
    /**
     * @param {{
     *   newest: import("./live_query.js").LiveQuery<Newest>, isLoaded: () => boolean, marker: import("./live_query.js").LiveValue<Marker>, move: (position: string) => Promise<unknown>,
     *   connection: import("../connection/connection.js").Connection,
     * }} options isLoaded: returns whether the newest rows are; move: tells the server what the user has seen
     */
    constructor({ newest, isLoaded, marker, move, connection }: {
        newest: import("./live_query.js").LiveQuery<Newest>;
        isLoaded: () => boolean;
        marker: import("./live_query.js").LiveValue<Marker>;
        move: (position: string) => Promise<unknown>;
        connection: import("../connection/connection.js").Connection;
    });
    /** "connecting", "catching-up", "live", "offline" or "refused". */
    get state(): import("../protocol/session.js").State | null;
    /** Why the state is "refused". */
    get error(): import("../protocol/messages.js").RealtimeError | null;
    /** The number of unread rows, up to 100, which means 100 or more; undefined until it is known, and if it is refused. */
    get count(): number | undefined;
    /** The keys of the unread rows, the newest first; undefined until they are known. @returns {string[] | undefined} */
    get keys(): string[] | undefined;
    /** Count and state together, for React's useSyncExternalStore and the like: `{count, state, error}`. */
    store: Store<{
        count: number | undefined;
        state: import("../protocol/session.js").State | null;
        error: import("../protocol/messages.js").RealtimeError | null;
    }>;
    /**
     * Calls back with each new count, and at once if it is known.
     *
     * @param {(count: number | undefined) => void} callback
     * @returns {() => void} unsubscribes
     */
    subscribe: (callback: (count: number | undefined) => void) => () => void;
    /**
     * Moves the user's marker: to the newest row, or to the row with this key. It only moves forwards.
     *
     * @param {string} [key]
     * @returns {Promise<void>} rejects with a RealtimeError
     */
    markRead(key?: string): Promise<void>;
    /** Returns whether another page of the user has seen this row, and this page has not. @param {string} key */
    isSeenElsewhere(key: string): boolean;
    /** Calls back after each change. @param {() => void} callback @returns {() => void} stops it */
    watch(callback: () => void): () => void;
    /** Closes it, and its subscriptions if nothing else uses them. */
    close(): void;
}
