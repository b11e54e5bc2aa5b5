// Made from browser/src by `npm run build`; change it there.
/**
 * Decides when to reconnect and when a connection is dead: heartbeats, back-off, online and visibility events, all timers.
 */
export type Clock = {
    now: () => number;
    setTimeout: (callback: () => void, milliseconds: number) => any;
    clearTimeout: (timer: any) => void;
    random: () => number;
};
export type Handlers = {
    due: () => void;
    silent: () => void;
    suspend: () => void;
    resume: () => void;
};
export declare class Monitor {
    #private;
    clock: Clock;
    window: EventTarget;
    document: Document;
    /** @param {{clock?: Clock, window?: EventTarget, document?: Document}} [environment] */
    constructor({ clock, window, document }?: {
        clock?: Clock;
        window?: EventTarget;
        document?: Document;
    });
    /** @param {Handlers} handlers */
    start(handlers: Handlers): void;
    /** Starts waiting for a connection to open, or for its welcome. */
    expect(): void;
    /** Starts watching the heartbeats after the server's welcome. @param {number} heartbeat seconds */
    welcome(heartbeat: number): void;
    received(): void;
    /**
     * Schedules the next attempt after a delay.
     *
     * @param {number} retry seconds that the server asks for
     * @param {{planned?: boolean}} [options] planned: the server has asked its clients to reconnect, which is not a failure
     */
    wait(retry: number, { planned }?: {
        planned?: boolean;
    }): void;
    stop(): void;
    /** Returns the delay after a number of failures: random, so that clients do not reconnect together. @param {number} failures */
    delay(failures: number): number;
    /** @param {number} seconds @param {() => void} callback @returns {() => void} cancels */
    after: (seconds: number, callback: () => void) => () => void;
}
