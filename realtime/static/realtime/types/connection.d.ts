// Made from browser/src by `npm run build`; change it there.
/**
 * Drives the session: what comes from transport, monitor and page goes in, what it wants is done.
 */
import { Calls } from "./calls.js";
import { EventListeners } from "./events.js";
import { RealtimeError } from "./messages.js";
export type Effect = import("./session.js").Effect;
export type Subscription = import("./subscription.js").Subscription;
export type Change = import("./subscription.js").Change;
export type Wire = import("./wires.js").Wire;
export type Transport = import("./transports/websocket.js").Transport;
export type Token = () => string | Promise<string>;
export type Expectation = import("./overlays.js").Expectation;
export type Changed = {
    subscription: Subscription;
    change: Change;
};
export declare class Connection {
    #private;
    monitor: import("./monitor.js").Monitor;
    newTransport: (url: string) => Transport;
    report: (error: unknown) => void;
    calls: Calls;
    /** Called after anything may have changed a state. @type {Set<() => void>} */
    watchers: Set<() => void>;
    /** Those who listen to events for the user. */
    events: EventListeners;
    /** Told of an event or a presence that the server refused. @type {Set<(error: RealtimeError) => void>} */
    refusals: Set<(error: RealtimeError) => void>;
    /**
     * @param {{
     *   monitor: import("./monitor.js").Monitor,
     *   newTransport: (url: string) => Transport,
     *   report: (error: unknown) => void,
     * }} options report: takes what the page's own code throws
     */
    constructor({ monitor, newTransport, report }: {
        monitor: import("./monitor.js").Monitor;
        newTransport: (url: string) => Transport;
        report: (error: unknown) => void;
    });
    get state(): import("./session.js").State | null;
    /** Why the state is "refused": the connection is, or all that was asked for. */
    get fault(): {
        code: number | null;
        reason: string;
    } | null;
    /** @param {Subscription} subscription */
    stateOf({ wire }: Subscription): import("./session.js").State | null;
    /** @param {string} url @param {Token | null} [token] */
    connect(url: string, token?: Token | null): void;
    /** @param {Subscription} subscription */
    subscribe(subscription: Subscription): void;
    /** @param {Subscription} subscription */
    unsubscribe({ wire }: Subscription): void;
    /**
     * Sends an event to the others who see the same.
     *
     * @param {Subscription} subscription
     * @param {string} name
     * @param {unknown} data
     * @returns {boolean} whether it went out
     */
    tell({ wire }: Subscription, name: string, data: unknown): boolean;
    /** @param {Subscription} subscription @param {object} data what the user says of themselves */
    present({ wire }: Subscription, data: object): void;
    /** The subscriptions to a stream with these parameters. @param {string} stream @param {string} params in order, as JSON */
    of(stream: string, params: string): import("./subscription.js").Subscription[];
    /**
     * Calls an action, and shows at once what it is expected to do.
     *
     * @param {import("./calls.js").Target} target
     * @param {{timeout?: number, expectations?: [Subscription, Expectation][]}} [options]
     */
    call(target: import("./calls.js").Target, { timeout, expectations }?: {
        timeout?: number;
        expectations?: [Subscription, Expectation][];
    }): import("./calls.js").CallPromise;
}
