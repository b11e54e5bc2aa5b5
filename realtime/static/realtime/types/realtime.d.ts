// Made from browser/src by `npm run build`; change it there.
/**
 * The public object: connect(), live(), list(), value(), call(), presence(), send(), on(), state.
 */
import * as messages from "./protocol/messages.js";
import { Store } from "./data/store.js";
/** Marks the public object, so that a module loaded from two URLs uses the same one. */
declare const MARK: unique symbol;
declare const realtime: {
    [MARK]: boolean;
    connect: ({ url, http, token }?: {
        url?: string;
        http?: string;
        token?: import("./connection/connection.js").Token;
    }) => void;
    live: <T = import("./data/live_query.js").Row>(name: string, params?: import("./protocol/messages.js").Params) => import("./data/live_query.js").LiveQuery<T>;
    list: <T = import("./data/live_query.js").Row>(name: string, params?: import("./protocol/messages.js").Params) => import("./data/live_query.js").LiveList<T>;
    value: <T = any>(stream: string, params: import("./protocol/messages.js").Params, name: string) => import("./data/live_query.js").LiveValue<T>;
    unread: (name: string, params?: import("./protocol/messages.js").Params) => import("./data/unread.js").Unread;
    call: <Result = any>(stream: string, params: import("./protocol/messages.js").Params, action: string, args?: Record<string, unknown>, options?: import("./data/live_query.js").CallOptions) => import("./connection/calls.js").CallPromise<Result>;
    presence: <T = import("./data/live_query.js").Row>(stream: string, params?: import("./protocol/messages.js").Params, { data, watch, everyone }?: {
        data?: object;
        watch?: boolean;
        everyone?: boolean;
    }) => import("./data/live_query.js").Presence<T>;
    send: (stream: string, params: import("./protocol/messages.js").Params, name: string, data?: object) => boolean;
    on: (name: string, callback: import("./data/events.js").EventListener) => () => void;
    pause: () => void;
    resume: () => void;
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
    /** "connecting", "catching-up", "live", "offline" or "refused"; null until the page needs a connection. */
    readonly state: import("./protocol/session.js").State | null;
    /** The number of calls that wait for the connection. */
    readonly waiting: number;
    /** The number of rows that wait for resume(). */
    readonly held: number;
    /** These three values as a store: `{state, waiting, held}`. */
    status: Store<{
        state: import("./protocol/session.js").State | null;
        waiting: number;
        held: number;
    }>;
};
export declare const connect: ({ url, http, token }?: {
    url?: string;
    http?: string;
    token?: import("./connection/connection.js").Token;
}) => void, live: <T = import("./data/live_query.js").Row>(name: string, params?: import("./protocol/messages.js").Params) => import("./data/live_query.js").LiveQuery<T>, list: <T = import("./data/live_query.js").Row>(name: string, params?: import("./protocol/messages.js").Params) => import("./data/live_query.js").LiveList<T>, value: <T = any>(stream: string, params: import("./protocol/messages.js").Params, name: string) => import("./data/live_query.js").LiveValue<T>, unread: (name: string, params?: import("./protocol/messages.js").Params) => import("./data/unread.js").Unread, call: <Result = any>(stream: string, params: import("./protocol/messages.js").Params, action: string, args?: Record<string, unknown>, options?: import("./data/live_query.js").CallOptions) => import("./connection/calls.js").CallPromise<Result>, presence: <T = import("./data/live_query.js").Row>(stream: string, params?: import("./protocol/messages.js").Params, { data, watch, everyone }?: {
    data?: object;
    watch?: boolean;
    everyone?: boolean;
}) => import("./data/live_query.js").Presence<T>, send: (stream: string, params: import("./protocol/messages.js").Params, name: string, data?: object) => boolean, on: (name: string, callback: import("./data/events.js").EventListener) => () => void, pause: () => void, resume: () => void, status: Store<{
    state: import("./protocol/session.js").State | null;
    waiting: number;
    held: number;
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
