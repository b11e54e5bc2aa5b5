// Made from browser/src by `npm run build`; change it there.
/**
 * The client's side of the protocol as a state machine: events in, effects out, with no DOM, socket or timer.
 */
export type Wire = import("./wires.js").Wire;
export type Phase = "idle" | "opening" | "greeting" | "ready" | "waiting" | "suspended" | "stopped";
export type Event = "connect" | "opened" | "welcome" | "renew" | "lost" | "stop" | "due" | "suspend" | "resume";
export type State = "connecting" | "live" | "catching-up" | "offline" | "refused";
export type Fault = {
    code: number;
    reason: string;
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
    beat: number;
} | {
    do: "repeat";
} | {
    do: "expires";
    seconds: number;
} | {
    do: "apply";
    cursor: string;
    updates: import("./wires.js").Update[];
    calls: string[];
} | {
    do: "refused";
    wire: Wire;
    fault: Fault;
} | {
    do: "later";
    wire: Wire;
} | {
    do: "tell";
    event: import("./messages.js").Happening;
    wires: Wire[] | null;
} | {
    do: "unsent";
    wire: Wire | undefined;
    name: string;
    fault: Fault;
} | {
    do: "reply";
    reply: import("./messages.js").Reply;
};
/** @typedef {import("./wires.js").Wire} Wire */
/**
 * @typedef {"idle" | "opening" | "greeting" | "ready" | "waiting" | "suspended" | "stopped"} Phase
 * @typedef {"connect" | "opened" | "welcome" | "renew" | "lost" | "stop" | "due" | "suspend" | "resume"} Event
 * @typedef {"connecting" | "live" | "catching-up" | "offline" | "refused"} State
 *
 * @typedef {{code: number, reason: string}} Fault
 *
 * What the session wants done. `wait`: for the next attempt, at least `retry` seconds; `planned` where the server sent the page on. `later`: to be asked `again` after
 * a delay. `repeat`: to have the calls sent that wait for the connection.
 *
 * @typedef {{do: "open"}
 *   | {do: "close"}
 *   | {do: "send", message: import("./messages.js").ClientMessage}
 *   | {do: "wait", retry: number, planned?: boolean}
 *   | {do: "greeted", beat: number}
 *   | {do: "repeat"}
 *   | {do: "expires", seconds: number}
 *   | {do: "apply", cursor: string, updates: import("./wires.js").Update[], calls: string[]}
 *   | {do: "refused", wire: Wire, fault: Fault}
 *   | {do: "later", wire: Wire}
 *   | {do: "tell", event: import("./messages.js").Happening, wires: Wire[] | null}
 *   | {do: "unsent", wire: Wire | undefined, name: string, fault: Fault}
 *   | {do: "reply", reply: import("./messages.js").Reply}} Effect
 */
/** What each phase knows; an event that it does not know is an error. @type {Record<Phase, Partial<Record<Event, Phase>>>} */
export declare const TRANSITIONS: Record<Phase, Partial<Record<Event, Phase>>>;
export declare class Session {
    #private;
    /** @type {Phase} */
    phase: Phase;
    /** Why the server said stop. @type {Fault | null} */
    fault: Fault | null;
    /** What the page shows; `null` before connect(). @returns {State | null} */
    get state(): State | null;
    /** Whether nothing is awaited but news. */
    get settled(): boolean;
    /** Connected, and nothing that the page is subscribed to is behind. */
    get isCurrent(): boolean;
    /** @param {Wire} wire @returns {State | null} */
    stateOf(wire: Wire): State | null;
    /** @returns {Effect[]} */
    connect(): Effect[];
    /**
     * The transport can carry messages.
     *
     * @param {string} [token] names the user, where no cookie does
     * @returns {Effect[]}
     */
    opened(token?: string): Effect[];
    /**
     * The transport goes on by another request: to the server it is another client, to the page nothing changes.
     *
     * @param {import("./messages.js").Send[]} [events] that go with it
     * @returns {Effect[]}
     */
    renew(events?: import("./messages.js").Send[]): Effect[];
    /** As `renew`, where nothing was heard of what was sent: the calls are sent again too. @returns {Effect[]} */
    moved(): Effect[];
    /** A newer token for the connection at hand. @param {string} token @returns {Effect[]} */
    authenticate(token: string): Effect[];
    /**
     * The connection is gone, or is given up. The code decides what comes next.
     *
     * @param {number} code
     * @param {string} reason
     * @param {number} [retry] seconds after which the server allows a return
     * @returns {Effect[]}
     */
    lost(code: number, reason: string, retry?: number): Effect[];
    /** The wait is over. @returns {Effect[]} */
    due(): Effect[];
    /** The page leaves the screen, perhaps to come back. @returns {Effect[]} */
    suspend(): Effect[];
    /** The page is back. @returns {Effect[]} */
    resume(): Effect[];
    /** @param {Wire} wire @returns {Effect[]} */
    subscribe(wire: Wire): Effect[];
    /** @param {Wire} wire @returns {Effect[]} */
    unsubscribe(wire: Wire): Effect[];
    /** An event for the others who see what the wire sees. @param {Wire} wire @param {string} name @param {unknown} data */
    tell(wire: Wire, name: string, data: unknown): Effect[];
    /** The user is present, and says this of themselves. @param {Wire} wire @param {object} data */
    present(wire: Wire, data: object): Effect[];
    /** The delay of a wire is over; a reconnect may have asked for it already. @param {Wire} wire @returns {Effect[]} */
    again(wire: Wire): Effect[];
    /**
     * What the page holds cannot be trusted: all rows are asked for, at once the first time and then after growing delays.
     *
     * @param {Wire} wire
     * @returns {Effect[]}
     */
    resync(wire: Wire): Effect[];
    /**
     * @param {import("./messages.js").ServerMessage} message
     * @param {number} size length of its text
     * @returns {Effect[]}
     */
    receive(message: import("./messages.js").ServerMessage, size: number): Effect[];
    /**
     * The page has handled a frame: from now on its cursor counts, except for the wires whose deltas did not fit their rows.
     *
     * @param {Extract<Effect, {do: "apply"}>} frame
     * @param {Set<Wire>} unfit
     * @returns {Effect[]}
     */
    applied({ cursor, updates }: Extract<Effect, {
        do: "apply";
    }>, unfit: Set<Wire>): Effect[];
}
