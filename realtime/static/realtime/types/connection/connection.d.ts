// Made from browser/src by `npm run build`; change it there.
/**
 * Drives the session: passes it events from transport, monitor and page, and executes its effects.
 */
import { Calls } from "./calls.js";
import { EventListeners } from "../data/events.js";
import { RealtimeError } from "../protocol/messages.js";
export type Effect = import("../protocol/session.js").Effect;
export type ResultSet = import("../data/result_set.js").ResultSet;
export type Change = import("../data/result_set.js").Change;
export type Subscription = import("../protocol/subscriptions.js").Subscription;
export type Transport = import("../transports/websocket.js").Transport;
export type Token = () => string | Promise<string>;
export type Expectation = import("../data/optimistic.js").Expectation;
export type Changed = {
    resultSet: ResultSet;
    change: Change;
};
export declare class Connection {
    #private;
    warn: (text: string) => void;
    monitor: import("./reconnect.js").Monitor;
    newTransport: (url: string) => Transport;
    report: (error: unknown) => void;
    calls: Calls;
    /** Called whenever a state may have changed. @type {Set<() => void>} */
    watchers: Set<() => void>;
    /** Listeners to the user's events. */
    events: EventListeners;
    /** Called when the server rejects an event or a presence. @type {Set<(error: RealtimeError) => void>} */
    refusals: Set<(error: RealtimeError) => void>;
    /**
     * @param {{
     *   monitor: import("./reconnect.js").Monitor,
     *   newTransport: (url: string) => Transport,
     *   report: (error: unknown) => void,
     *   warn?: (text: string) => void,
     * }} options report: called with errors of the page's own code; warn: with refusals of the server
     */
    constructor({ monitor, newTransport, report, warn }: {
        monitor: import("./reconnect.js").Monitor;
        newTransport: (url: string) => Transport;
        report: (error: unknown) => void;
        warn?: (text: string) => void;
    });
    get state(): import("../protocol/session.js").State | null;
    /** Why the state is "refused": the connection was refused, or all subscriptions. */
    get fault(): import("../protocol/session.js").Fault | {
        code: number | null;
        reason: string;
    } | null;
    /** @param {ResultSet} resultSet */
    stateOf({ subscription }: ResultSet): import("../protocol/session.js").State | null;
    /** @param {string} url @param {Token | null} [token] */
    connect(url: string, token?: Token | null): void;
    /** @param {ResultSet} resultSet */
    subscribe(resultSet: ResultSet): void;
    /** @param {ResultSet} resultSet */
    unsubscribe({ subscription }: ResultSet): void;
    /**
     * Sends an event to the other subscribers.
     *
     * @param {ResultSet} resultSet
     * @param {string} name
     * @param {unknown} data
     * @returns {boolean} whether it was sent
     */
    sendEvent({ subscription }: ResultSet, name: string, data: unknown): boolean;
    /** Marks the user as present. @param {ResultSet} resultSet @param {object} data shown to the other users */
    present({ subscription }: ResultSet, data: object): void;
    /** Returns the subscriptions to a stream with these parameters, whichever rows they show. @param {string} stream @param {string} params in order, as JSON */
    of(stream: string, params: string): import("../data/result_set.js").ResultSet[];
    /**
     * Calls an action, and shows its expected effect at once.
     *
     * @param {import("./calls.js").Target} target
     * @param {{timeout?: number, expectations?: [ResultSet, Expectation][]}} [options]
     */
    call(target: import("./calls.js").Target, { timeout, expectations }?: {
        timeout?: number;
        expectations?: [ResultSet, Expectation][];
    }): import("./calls.js").CallPromise<any>;
    /**
     * Calls a listener, and reports its exception, so that the others are called too.
     *
     * @template T
     * @param {() => T} callback
     * @returns {T | undefined}
     */
    safely<T>(callback: () => T): T | undefined;
}
