// Made from browser/src by `npm run build`; change it there.
/**
 * The rows of one live query: applies whole deltas, and provides immutable snapshots.
 */
import { EventListeners } from "./events.js";
import { RealtimeError } from "../protocol/messages.js";
import { LiveTexts } from "./live_text.js";
import { Overlays } from "./optimistic.js";
import { newSubscription } from "../protocol/subscriptions.js";
export type Row = import("../protocol/messages.js").Row;
export type Delta = import("../protocol/messages.js").Delta;
export type Change = {
    puts: Map<string, Row>;
    drops: string[];
    reset: boolean;
    own?: boolean;
    isText?: boolean;
};
export type Listener = (rows: readonly Row[], change: Change) => void;
export type Painter = (keys: readonly string[], change: Change) => boolean;
export type Entry = readonly [string, Row];
export type PageRows = {
    keys?: Iterable<string>;
    paint?: Painter;
    read?: () => Map<string, Row>;
    expect?: (rows: readonly Entry[], expect: import("./optimistic.js").Expectation, id: string) => readonly Entry[];
};
export type Place = {
    key: string;
    row: Row | undefined;
    sent: Row | undefined;
    before: Place;
    after: Place;
};
export declare class ResultSet {
    #private;
    subscription: import("../protocol/subscriptions.js").Subscription;
    paint: Painter | undefined;
    page: PageRows | undefined;
    /** The keys of the server's rows in order. @type {readonly string[]} */
    keys: readonly string[];
    /** The rows in order, with the overlays applied. Rows from a page's HTML are only in the page. @type {readonly Row[]} */
    rows: readonly Row[];
    /** The keys of the rows that the page shows. @type {readonly string[]} */
    shownKeys: readonly string[];
    overlays: Overlays;
    /** Text that is not saved yet. */
    texts: LiveTexts;
    /** Whether the rows are loaded. */
    filled: boolean;
    /** Why there are no rows. @type {RealtimeError | null} */
    error: RealtimeError | null;
    /** @type {Set<Listener>} */
    listeners: Set<Listener>;
    events: EventListeners;
    /**
     * @param {Parameters<typeof newSubscription>[0]} target
     * @param {PageRows} [page] rows already in the page, and their painter
     */
    constructor(target: Parameters<typeof newSubscription>[0], page?: PageRows);
    /**
     * Applies the deltas of one frame. Nothing is visible before commit().
     *
     * @param {Delta[]} deltas
     * @param {{fresh: boolean}} options fresh: the deltas replace all rows
     * @returns {boolean} false if a delta names an unknown row, so that the rows must be reloaded
     */
    apply(deltas: Delta[], { fresh }: {
        fresh: boolean;
    }): boolean;
    /**
     * Makes the applied deltas the new snapshot.
     *
     * @returns {Change | null} null if nothing has changed
     */
    commit(): Change | null;
    /**
     * Shows a row whose text has changed.
     *
     * @param {string} key
     * @returns {Change | null} null if there is nothing to show
     */
    showText(key: string): Change | null;
    /**
     * Shows the expected effect of a call until the real one arrives or the call fails. Throws what `expect` throws, without any change.
     *
     * @param {string} id of the call
     * @param {import("./optimistic.js").Expectation} expect
     * @returns {Change}
     */
    expect(id: string, expect: import("./optimistic.js").Expectation): Change;
    /** Removes the expected effect of a call. @param {string} id @returns {Change | null} null: it was not shown */
    removeExpectation(id: string): Change | null;
    /** Ends the subscription, and removes its rows from the page. @param {RealtimeError} error @returns {Change} */
    refuse(error: RealtimeError): Change;
}
