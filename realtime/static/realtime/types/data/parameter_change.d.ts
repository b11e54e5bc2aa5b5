// Made from browser/src by `npm run build`; change it there.
/**
 * A change of a live query's parameters. The old rows stay until the new ones are loaded. Of several changes, the last one wins.
 */
export type Params = import("../protocol/messages.js").Params;
export type ResultSet = import("./result_set.js").ResultSet;
export type Subscribed = {
    resultSet: ResultSet;
    close: () => void;
};
export declare class ParameterChange {
    #private;
    subscribe: (params: Params) => Subscribed;
    take: (subscribed: Subscribed, params: Params) => void;
    refuse: (error: import("../protocol/messages.js").RealtimeError) => void;
    after: (seconds: number, callback: () => void) => () => void;
    /** The newest parameters, until they are shown or refused. @type {Params | null} */
    target: Params | null;
    /**
     * @param {{
     *   subscribe: (params: Params) => Subscribed,
     *   take: (subscribed: Subscribed, params: Params) => void,
     *   refuse: (error: import("../protocol/messages.js").RealtimeError) => void,
     *   after: (seconds: number, callback: () => void) => () => void,
     * }} options subscribe: subscribes with these parameters and `isNext`; take: called when the rows are loaded; refuse: called if the server refuses the newest parameters
     */
    constructor({ subscribe, take, refuse, after }: {
        subscribe: (params: Params) => Subscribed;
        take: (subscribed: Subscribed, params: Params) => void;
        refuse: (error: import("../protocol/messages.js").RealtimeError) => void;
        after: (seconds: number, callback: () => void) => () => void;
    });
    /** @param {Params} params all of them */
    set(params: Params): void;
    /** Cancels the change; the current rows stay. */
    cancel(): void;
    /** Cancels the change, and ignores further ones. */
    close(): void;
    /** Completes the pending request if it is this subscription, and its rows are loaded or refused. @param {ResultSet} resultSet */
    arrived(resultSet: ResultSet): void;
}
