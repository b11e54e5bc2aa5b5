/**
 * The transports' URLs, from {% realtime_script %} or connect().
 */

import {csrfToken} from "../dom/csrf.js"
import {attribute, call} from "../dom/members.js"
import {LongPollTransport} from "./longpoll.js"
import {SharedTransport, canShare} from "./shared.js"
import {SseTransport} from "./sse.js"
import {WebSocketTransport} from "./websocket.js"

/** @typedef {import("./selector.js").TransportOption & {address: string}} TransportOption */

/**
 * Returns the available transports, the best first.
 *
 * @param {{url?: string, http?: string}} chosen the WebSocket's URL, and the base URL of the others
 * @returns {TransportOption[]}
 */
export function availableTransports(chosen) {
  const script = call(document, "querySelector", "script[data-realtime-url]")
  const isChosen = chosen.url !== undefined || chosen.http !== undefined
  const url = isChosen ? chosen.url : script && attribute(script, "data-realtime-url")
  const http = isChosen ? chosen.http : script && attribute(script, "data-realtime-http")

  /** @type {TransportOption[]} */
  const found = []
  if (url) {
    const address = absolute(url, /^http/, "ws")
    const session = script && attribute(script, "data-realtime-share")
    if (session && !isChosen && canShare()) {
      found.push({name: "shared", address, open: () => new SharedTransport({url: address, session, script: import.meta.url})})
    }
    found.push({name: "websocket", address, open: () => new WebSocketTransport(address)})
  }
  if (http) {
    const address = absolute(http, /^ws/, "http")
    const isOwn = new URL(address).origin === location.origin // other sites must not learn the token
    const options = {url: address, csrf: () => (isOwn && script ? csrfToken(document) : "")}
    found.push({name: "sse", address, open: () => new SseTransport(options)})
    found.push({name: "longpoll", address, open: () => new LongPollTransport(options)})
  }
  if (!found.length) {
    throw new Error("The address of the server is not known: put {% realtime_script %} into the page, or call connect({url}).")
  }
  return found
}

/** @param {string} path @param {RegExp} scheme @param {string} wanted */
function absolute(path, scheme, wanted) {
  const url = new URL(path, location.href)
  url.protocol = url.protocol.replace(scheme, wanted)
  url.hash = ""
  return url.href
}

/** Returns a function that requests a token, if {% realtime_script %} says where; each connection of the page calls it. */
export function tokenOfPage() {
  const script = call(document, "querySelector", "script[data-realtime-token-url]")
  const url = script && attribute(script, "data-realtime-token-url")
  if (!url) return null
  return async () => {
    const answer = await fetch(url, {cache: "no-store"})
    if (answer.ok) return answer.text()
    throw new Error(`The token URL ${url} answered with status ${answer.status}.`)
  }
}

/** The window's storage; null if the browser denies it. @returns {Storage | null} */
export function storage() {
  try {
    return window.sessionStorage
  } catch {
    return null
  }
}
