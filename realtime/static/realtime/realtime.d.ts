// Made from browser/src by `npm run build`; change it there.
import realtime from "./types/realtime.js"

export * from "./types/realtime.js"
export {RealtimeError} from "./types/protocol/messages.js"
export type {CallPromise, CallState} from "./types/connection/calls.js"
export type {About, EventListener} from "./types/data/events.js"
export type {CallOptions, LiveList, LiveQuery, LiveValue, Optimistic, Presence, Row} from "./types/data/live_query.js"
export type {Store} from "./types/data/store.js"
export type {Unread} from "./types/data/unread.js"
export type {Params} from "./types/protocol/messages.js"
export type {State} from "./types/protocol/session.js"
export default realtime

declare global {
  interface Window {
    /** The public object of realtime, which {% realtime_script %} makes. */
    realtime: typeof realtime
  }
}
