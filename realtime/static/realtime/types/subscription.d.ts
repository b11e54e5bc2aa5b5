// Made from browser/src by `npm run build`; change it there.
/**
 * The rows of one live query: takes deltas whole, gives immutable snapshots.
 */
import { EventListeners } from "./events.js";
import { RealtimeError } from "./messages.js";
import { Overlays } from "./overlays.js";
import { newWire } from "./wires.js";
export type Row = import("./messages.js").Row;
export type Delta = import("./messages.js").Delta;
export type Change = {
    puts: Map<string, Row>;
    drops: string[];
    reset: boolean;
};
export type Listener = (rows: readonly Row[], change: Change) => void;
export type Painter = (keys: readonly string[], change: Change) => boolean;
export type Entry = readonly [string, Row];
export type PageRows = {
    keys?: Iterable<string>;
    paint?: Painter;
    read?: () => Map<string, Row>;
    expect?: (rows: readonly Entry[], expect: import("./overlays.js").Expectation, id: string) => readonly Entry[];
};
export type Place = {
    key: string;
    row: Row | undefined;
    before: Place;
    after: Place;
};
export declare class Subscription {
    #private;
    wire: import("./wires.js").Wire;
    paint: Painter | undefined;
    page: PageRows | undefined;
    /** The keys of the server's rows in order. @type {readonly string[]} */
    keys: readonly string[];
    /** The rows in order, under the overlays; those of a page's own HTML are in the page only. @type {readonly Row[]} */
    rows: readonly Row[];
    /** The keys of the rows that the page shows. @type {readonly string[]} */
    shownKeys: readonly string[];
    overlays: Overlays;
    /** Whether the rows have come. */
    filled: boolean;
    /** Why there are none. @type {RealtimeError | null} */
    error: RealtimeError | null;
    /** @type {Set<Listener>} */
    listeners: Set<Listener>;
    events: EventListeners;
    /**
     * @param {Parameters<typeof newWire>[0]} target
     * @param {PageRows} [page] rows that the page holds already, and what shows them
     */
    constructor(target: Parameters<typeof newWire>[0], page?: PageRows);
    /**
     * Takes the deltas of one frame. Nothing shows before commit().
     *
     * @param {Delta[]} deltas
     * @param {{fresh: boolean}} options fresh: the rows start from nothing
     * @returns {boolean} false if a delta names a row that is not there, so that the rows must be asked for anew
     */
    apply(deltas: Delta[], { fresh }: {
        fresh: boolean;
    }): boolean;
    /**
     * Makes what was applied the snapshot.
     *
     * @returns {Change | null} null if nothing has changed
     */
    commit(): Change | null;
    /**
     * Shows what a call is expected to do, until its effects come or it fails.
     *
     * @param {string} id of the call
     * @param {import("./overlays.js").Expectation} expect
     * @returns {Change} Throws what `expect` throws, and nothing has happened then.
     */
    expect(id: string, expect: import("./overlays.js").Expectation): Change;
    /** Shows no longer what a call was expected to do. @param {string} id @returns {Change | null} null: it was not shown */
    lift(id: string): Change | null;
    /** The subscription has ended: its rows leave the page. @param {RealtimeError} error @returns {Change} */
    refuse(error: RealtimeError): Change;
}
