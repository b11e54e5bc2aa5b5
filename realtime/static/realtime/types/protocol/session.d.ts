// Made from browser/src by `npm run build`; change it there.
/**
 * The client's side of the protocol as a state machine. It takes events and returns effects, without DOM, socket or timer.
 */
export type Subscription = import("./subscriptions.js").Subscription;
export type Phase = "idle" | "opening" | "greeting" | "ready" | "waiting" | "suspended" | "stopped";
export type Event = "connect" | "opened" | "welcome" | "renew" | "lost" | "stop" | "due" | "suspend" | "resume";
export type State = "connecting" | "live" | "catching-up" | "offline" | "refused";
export type Fault = {
    code: number;
    reason: string;
    details?: import("./messages.js").Details;
};
export type Effect = {
    do: "open";
} | {
    do: "close";
} | {
    do: "send";
    message: import("./messages.js").ClientMessage;
} | {
    do: "wait";
    retry: number;
    planned?: boolean;
} | {
    do: "greeted";
    heartbeat: number;
} | {
    do: "repeat";
} | {
    do: "expires";
    seconds: number;
} | {
    do: "apply";
    cursor: string | null;
    updates: import("./subscriptions.js").Update[];
    calls: string[];
} | {
    do: "refused";
    subscription: Subscription;
    fault: Fault;
} | {
    do: "later";
    subscription: Subscription;
} | {
    do: "event";
    event: import("./messages.js").EventMessage;
    subscriptions: Subscription[] | null;
} | {
    do: "text";
    subscriptions: Subscription[];
    key: string;
    field: string;
    offset: number;
    text: string;
} | {
    do: "text_ended";
    subscriptions: Subscription[];
    key: string;
    field: string;
    length: number;
} | {
    do: "event_rejected";
    subscription: Subscription | undefined;
    name: string;
    fault: Fault;
} | {
    do: "reply";
    reply: import("./messages.js").Reply;
};
/** @typedef {import("./subscriptions.js").Subscription} Subscription */
/**
 * @typedef {"idle" | "opening" | "greeting" | "ready" | "waiting" | "suspended" | "stopped"} Phase
 * @typedef {"connect" | "opened" | "welcome" | "renew" | "lost" | "stop" | "due" | "suspend" | "resume"} Event
 * @typedef {"connecting" | "live" | "catching-up" | "offline" | "refused"} State
 *
 * @typedef {{code: number, reason: string, details?: import("./messages.js").Details}} Fault
 *
 * An effect that the session requests. `wait`: wait at least `retry` seconds for the next attempt; `planned`: the server has
 * asked its clients to reconnect. `later`: call `again` after a delay. `repeat`: send the calls that wait for the connection.
 *
 * @typedef {{do: "open"}
 *   | {do: "close"}
 *   | {do: "send", message: import("./messages.js").ClientMessage}
 *   | {do: "wait", retry: number, planned?: boolean}
 *   | {do: "greeted", heartbeat: number}
 *   | {do: "repeat"}
 *   | {do: "expires", seconds: number}
 *   | {do: "apply", cursor: string | null, updates: import("./subscriptions.js").Update[], calls: string[]}
 *   | {do: "refused", subscription: Subscription, fault: Fault}
 *   | {do: "later", subscription: Subscription}
 *   | {do: "event", event: import("./messages.js").EventMessage, subscriptions: Subscription[] | null}
 *   | {do: "text", subscriptions: Subscription[], key: string, field: string, offset: number, text: string}
 *   | {do: "text_ended", subscriptions: Subscription[], key: string, field: string, length: number}
 *   | {do: "event_rejected", subscription: Subscription | undefined, name: string, fault: Fault}
 *   | {do: "reply", reply: import("./messages.js").Reply}} Effect
 */
/** The events that each phase accepts; any other event is an error. @type {Record<Phase, Partial<Record<Event, Phase>>>} */
export declare const TRANSITIONS: Record<Phase, Partial<Record<Event, Phase>>>;
export declare class Session {
    #private;
    /** @type {Phase} */
    phase: Phase;
    /** Why the server refused the connection for good. @type {Fault | null} */
    fault: Fault | null;
    /** The state to show; `null` before connect(). @returns {State | null} */
    get state(): State | null;
    /** Whether all subscriptions are answered. */
    get settled(): boolean;
    /** Whether the page is connected and all its subscriptions are live. */
    get isCurrent(): boolean;
    /** @param {Subscription} subscription @returns {State | null} */
    stateOf(subscription: Subscription): State | null;
    /** @returns {Effect[]} */
    connect(): Effect[];
    /**
     * Handles an open transport.
     *
     * @param {string} [token] identifies the user, if no cookie does
     * @returns {Effect[]}
     */
    opened(token?: string): Effect[];
    /**
     * Continues with another request: the server sees a new client, the page sees no change.
     *
     * @param {import("./messages.js").Send[]} [events] to send with it
     * @returns {Effect[]}
     */
    renew(events?: import("./messages.js").Send[]): Effect[];
    /** Like `renew`, if the previous transport has received no answer: the calls are sent again too. @returns {Effect[]} */
    moved(): Effect[];
    /** Sends a newer token for the current connection. @param {string} token @returns {Effect[]} */
    authenticate(token: string): Effect[];
    /**
     * Handles the end of the connection. The code decides what to do next.
     *
     * @param {number} code
     * @param {string} reason
     * @param {number} [retry] seconds after which the server allows a reconnect
     * @returns {Effect[]}
     */
    lost(code: number, reason: string, retry?: number): Effect[];
    /** Connects after the delay. @returns {Effect[]} */
    due(): Effect[];
    /** Disconnects because the page is left or frozen. It may return. @returns {Effect[]} */
    suspend(): Effect[];
    /** Reconnects after the page has returned. @returns {Effect[]} */
    resume(): Effect[];
    /** @param {Subscription} subscription @returns {Effect[]} */
    subscribe(subscription: Subscription): Effect[];
    /** @param {Subscription} subscription @returns {Effect[]} */
    unsubscribe(subscription: Subscription): Effect[];
    /** Sends an event to the other subscribers. @param {Subscription} subscription @param {string} name @param {unknown} data */
    sendEvent(subscription: Subscription, name: string, data: unknown): Effect[];
    /** Marks the user as present, with this data. @param {Subscription} subscription @param {object} data */
    present(subscription: Subscription, data: object): Effect[];
    /** Subscribes again after a delay, unless a reconnect has done so already. @param {Subscription} subscription @returns {Effect[]} */
    again(subscription: Subscription): Effect[];
    /**
     * Reloads all rows, because the page's rows are wrong: at once the first time, then after growing delays.
     *
     * @param {Subscription} subscription
     * @returns {Effect[]}
     */
    resync(subscription: Subscription): Effect[];
    /**
     * @param {import("./messages.js").ServerMessage} message
     * @param {number} size length of its text
     * @returns {Effect[]}
     */
    receive(message: import("./messages.js").ServerMessage, size: number): Effect[];
    /**
     * Handles an applied frame: its cursor is valid now, except for subscriptions whose deltas could not be applied.
     *
     * @param {Extract<Effect, {do: "apply"}>} frame
     * @param {Set<Subscription>} failed
     * @returns {Effect[]}
     */
    applied({ cursor, updates }: Extract<Effect, {
        do: "apply";
    }>, failed: Set<Subscription>): Effect[];
}
