// Made from browser/src by `npm run build`; change it there.
/**
 * The WebSocket transport.
 *
 * Every transport has this face: `open`, `send`, `close`, and `on` for what comes. One object is one attempt; after
 * `closed`, or its own `close`, nothing comes any more. A transport that goes on by a new request asks for `renew`: hello
 * and all subscriptions are sent again, from their cursors, and the events that it could not send by the request at hand.
 * It returns whether nothing is awaited but news. `moved` asks for the same and for the calls: they went out by a road on
 * which nothing was heard.
 *
 * @typedef {{
 *   opened: () => void,
 *   message: (text: string) => void,
 *   renew: (events?: import("../messages.js").Send[]) => boolean,
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
    renew: (events?: import("../messages.js").Send[]) => boolean;
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
