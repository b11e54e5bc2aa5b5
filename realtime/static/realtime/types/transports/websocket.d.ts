// Made from browser/src by `npm run build`; change it there.
/**
 * The WebSocket transport.
 *
 * Every transport has this interface: `open`, `send`, `close`, and `on` for handlers. One object is one attempt. It calls no
 * handler after `closed`, or after its own `close`. A transport that continues with a new request calls `renew`: hello and all
 * subscriptions are sent again, from their cursors, with the events that the current request could not send. `renew` returns
 * whether all subscriptions were answered. `moved` does the same and repeats the calls, because the previous transport received
 * no answer.
 *
 * @typedef {{
 *   opened: () => void,
 *   message: (text: string) => void,
 *   renew: (events?: import("../protocol/messages.js").Send[]) => boolean,
 *   moved: () => void,
 *   closed: (code: number, reason: string) => void,
 * }} TransportHandlers
 *
 * @typedef {{
 *   on: (handlers: TransportHandlers) => void,
 *   open: () => void,
 *   send: (text: string) => void,
 *   close: () => void,
 * }} Transport
 */
export type TransportHandlers = {
    opened: () => void;
    message: (text: string) => void;
    renew: (events?: import("../protocol/messages.js").Send[]) => boolean;
    moved: () => void;
    closed: (code: number, reason: string) => void;
};
export type Transport = {
    on: (handlers: TransportHandlers) => void;
    open: () => void;
    send: (text: string) => void;
    close: () => void;
};
/** @implements {Transport} */
export declare class WebSocketTransport implements Transport {
    #private;
    url: string;
    /** @param {string} url */
    constructor(url: string);
    /** @param {TransportHandlers} handlers */
    on(handlers: TransportHandlers): void;
    open(): void;
    /** @param {string} text */
    send(text: string): void;
    close(): void;
}
