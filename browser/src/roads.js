/**
 * The roads that a page has to its server: what {% realtime_script %} says of them, or connect().
 */

import {csrfToken} from "./csrf.js"
import {LongPollTransport} from "./transports/longpoll.js"
import {SharedTransport, canShare} from "./transports/shared.js"
import {SseTransport} from "./transports/sse.js"
import {WebSocketTransport} from "./transports/websocket.js"

/** @typedef {import("./transports/fallback.js").Road & {address: string}} Road */

/**
 * The best road first.
 *
 * @param {{url?: string, http?: string}} chosen the address of the WebSocket, and the folder of the others
 * @returns {Road[]}
 */
export function roadsTo(chosen) {
  const script = document.querySelector("script[data-realtime-url]")
  const isChosen = chosen.url !== undefined || chosen.http !== undefined
  const url = isChosen ? chosen.url : script?.getAttribute("data-realtime-url")
  const http = isChosen ? chosen.http : script?.getAttribute("data-realtime-http")

  /** @type {Road[]} */
  const roads = []
  if (url) {
    const address = absolute(url, /^http/, "ws")
    const session = script?.getAttribute("data-realtime-share")
    if (session && !isChosen && canShare()) {
      roads.push({name: "shared", address, open: () => new SharedTransport({url: address, session, script: import.meta.url})})
    }
    roads.push({name: "websocket", address, open: () => new WebSocketTransport(address)})
  }
  if (http) {
    const address = absolute(http, /^ws/, "http")
    const isOwn = new URL(address).origin === location.origin // no other site is to know the token
    const options = {url: address, csrf: () => (isOwn && script ? csrfToken(document) : "")}
    roads.push({name: "sse", address, open: () => new SseTransport(options)})
    roads.push({name: "longpoll", address, open: () => new LongPollTransport(options)})
  }
  if (!roads.length) {
    throw new Error("The address of the server is not known: put {% realtime_script %} into the page, or call connect({url}).")
  }
  return roads
}

/** @param {string} path @param {RegExp} scheme @param {string} wanted */
function absolute(path, scheme, wanted) {
  const url = new URL(path, location.href)
  url.protocol = url.protocol.replace(scheme, wanted)
  url.hash = ""
  return url.href
}

/** Of this window; null where the browser grants none. @returns {Storage | null} */
export function storage() {
  try {
    return window.sessionStorage
  } catch {
    return null
  }
}
