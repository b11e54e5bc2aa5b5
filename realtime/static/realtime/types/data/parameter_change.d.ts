// Made from browser/src by `npm run build`; change it there.
/**
 * A change of a live query's parameters: what it shows stays until the new rows are loaded, and of several changes the last one wins.
 */
export type Params = import("../protocol/messages.js").Params;
export type Subscription = import("./result_set.js").Subscription;
export type Held = {
    subscription: Subscription;
    close: () => void;
};
export declare class ParameterChange {
    #private;
    hold: (params: Params) => Held;
    take: (held: Held, params: Params) => void;
    refuse: (error: import("../protocol/messages.js").RealtimeError) => void;
    after: (seconds: number, callback: () => void) => () => void;
    /** The newest parameters, until they are shown or refused. @type {Params | null} */
    target: Params | null;
    /**
     * @param {{
     *   hold: (params: Params) => Held,
     *   take: (held: Held, params: Params) => void,
     *   refuse: (error: import("../protocol/messages.js").RealtimeError) => void,
     *   after: (seconds: number, callback: () => void) => () => void,
     * }} options hold: subscribes with these parameters, to a wire that is next; take: the rows are loaded; refuse: the server refuses the newest parameters
     */
    constructor({ hold, take, refuse, after }: {
        hold: (params: Params) => Held;
        take: (held: Held, params: Params) => void;
        refuse: (error: import("../protocol/messages.js").RealtimeError) => void;
        after: (seconds: number, callback: () => void) => () => void;
    });
    /** @param {Params} params all of them */
    set(params: Params): void;
    /** Keeps what is shown. */
    cancel(): void;
    /** Keeps what is shown, and requests nothing more. */
    close(): void;
    /** Takes what has been requested, if this is it, and its rows are loaded or refused. @param {Subscription} subscription */
    arrived(subscription: Subscription): void;
}
