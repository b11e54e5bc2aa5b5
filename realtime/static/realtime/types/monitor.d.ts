// Made from browser/src by `npm run build`; change it there.
/**
 * When to try again, when to give up: heartbeat, back-off, online and visibility. All timers are here.
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
    document: Pick<Document, "addEventListener" | "visibilityState">;
    /** @param {{clock?: Clock, window?: EventTarget, document?: Pick<Document, "addEventListener" | "visibilityState">}} [environment] */
    constructor({ clock, window, document }?: {
        clock?: Clock;
        window?: EventTarget;
        document?: Pick<Document, "addEventListener" | "visibilityState">;
    });
    /** @param {Handlers} handlers */
    start(handlers: Handlers): void;
    /** A connection is being opened, or greeted. */
    expect(): void;
    /** The server has said welcome, and that it will beat. @param {number} beat seconds */
    welcome(beat: number): void;
    heard(): void;
    /**
     * No connection: the next attempt is due after a delay.
     *
     * @param {number} retry seconds that the server asks for
     * @param {{planned?: boolean}} [options] planned: the server has sent its clients on, which is no failure
     */
    wait(retry: number, { planned }?: {
        planned?: boolean;
    }): void;
    rest(): void;
    /** Seconds to wait after so many failures in a row: random, so that clients do not come back together. @param {number} failures */
    delay(failures: number): number;
    /** @param {number} seconds @param {() => void} callback @returns {() => void} cancels */
    after(seconds: number, callback: () => void): () => void;
}
