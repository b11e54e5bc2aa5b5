// Made from browser/src by `npm run build`; change it there.
/**
 * The public object: connect(), live(), value(), call(), presence(), send(), on(), state.
 */
import * as messages from "./messages.js";
import { Store } from "./store.js";
/** Marks the public object, so that the module, loaded under two addresses, still is one. */
declare const MARK: unique symbol;
declare const realtime: {
    [MARK]: boolean;
    connect: ({ url, http, token }?: {
        url?: string;
        http?: string;
        token?: import("./connection.js").Token;
    }) => void;
    live: (name: string, params?: import("./messages.js").Params) => import("./live.js").LiveQuery;
    value: (stream: string, params: import("./messages.js").Params, name: string) => import("./live.js").LiveValue;
    call: (stream: string, params: import("./messages.js").Params, action: string, args?: Record<string, unknown>, options?: import("./live.js").CallOptions) => import("./calls.js").CallPromise;
    presence: (stream: string, params?: import("./messages.js").Params, { data, watch }?: {
        data?: object;
        watch?: boolean;
    }) => import("./live.js").Presence;
    send: (stream: string, params: import("./messages.js").Params, name: string, data?: object) => boolean;
    on: (name: string, callback: import("./events.js").EventListener) => () => void;
    RealtimeError: typeof messages.RealtimeError;
    codes: Readonly<{
        going_away: 4000;
        internal_error: 4001;
        overloaded: 4002;
        timeout: 4003;
        token_expired: 4100;
        session_ended: 4101;
        csrf_failed: 4102;
        bad_message: 4200;
        too_large: 4201;
        unsupported_version: 4202;
        unexpected_message: 4203;
        origin_refused: 4210;
        token_invalid: 4211;
        unknown_stream: 4212;
        bad_parameters: 4213;
        forbidden: 4214;
        unknown_action: 4215;
        invalid: 4216;
        not_found: 4217;
        action_refused: 4218;
        stale: 4219;
        unknown_event: 4220;
    }>;
    /** "connecting", "catching-up", "live", "offline" or "refused"; null before anything was asked for. */
    readonly state: import("./session.js").State | null;
    /** How many calls wait for the connection. */
    readonly waiting: number;
    /** Both together, as a store: `{state, waiting}`. */
    status: Store<{
        state: import("./session.js").State | null;
        waiting: number;
    }>;
};
export declare const connect: ({ url, http, token }?: {
    url?: string;
    http?: string;
    token?: import("./connection.js").Token;
}) => void, live: (name: string, params?: import("./messages.js").Params) => import("./live.js").LiveQuery, value: (stream: string, params: import("./messages.js").Params, name: string) => import("./live.js").LiveValue, call: (stream: string, params: import("./messages.js").Params, action: string, args?: Record<string, unknown>, options?: import("./live.js").CallOptions) => import("./calls.js").CallPromise, presence: (stream: string, params?: import("./messages.js").Params, { data, watch }?: {
    data?: object;
    watch?: boolean;
}) => import("./live.js").Presence, send: (stream: string, params: import("./messages.js").Params, name: string, data?: object) => boolean, on: (name: string, callback: import("./events.js").EventListener) => () => void, status: Store<{
    state: import("./session.js").State | null;
    waiting: number;
}>, RealtimeError: typeof messages.RealtimeError, codes: Readonly<{
    going_away: 4000;
    internal_error: 4001;
    overloaded: 4002;
    timeout: 4003;
    token_expired: 4100;
    session_ended: 4101;
    csrf_failed: 4102;
    bad_message: 4200;
    too_large: 4201;
    unsupported_version: 4202;
    unexpected_message: 4203;
    origin_refused: 4210;
    token_invalid: 4211;
    unknown_stream: 4212;
    bad_parameters: 4213;
    forbidden: 4214;
    unknown_action: 4215;
    invalid: 4216;
    not_found: 4217;
    action_refused: 4218;
    stale: 4219;
    unknown_event: 4220;
}>;
export default realtime;
