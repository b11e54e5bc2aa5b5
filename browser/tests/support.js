/** What several tests need: a clock that is moved by hand, a server that is played by hand, a page. */

import {readFileSync} from "node:fs"
import {createRequire} from "node:module"
import {Connection} from "../src/connection/connection.js"
import {Monitor} from "../src/connection/reconnect.js"
import {Page} from "../src/dom/page.js"

const require = createRequire(import.meta.url)

/** @param {string} name */
export function cases(name) {
  return JSON.parse(readFileSync(new URL(`../../tests/protocol/cases/${name}.json`, import.meta.url), "utf8"))
}

export class Clock {
  time = 0
  chance = 1
  #timers = new Map()
  #next = 1

  now = () => this.time
  random = () => this.chance
  setTimeout = (callback, milliseconds) => {
    this.#timers.set(this.#next, {at: this.time + milliseconds / 1000, callback})
    return this.#next++
  }
  clearTimeout = (timer) => void this.#timers.delete(timer)

  get pending() {
    return this.#timers.size
  }

  /** Time passes, and timers stand still. */
  sleep(seconds) {
    this.time += seconds
    for (const timer of this.#timers.values()) timer.at += seconds
  }

  /** Lets so many seconds pass. */
  pass(seconds) {
    const end = this.time + seconds
    for (;;) {
      const [id, timer] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? []
      if (!timer || timer.at > end) break
      this.#timers.delete(id)
      this.time = Math.max(this.time, timer.at)
      timer.callback()
    }
    this.time = end
  }
}

/** The server's end of the transport's seam. */
export class Server {
  attempts = []

  newTransport = (url) => {
    const attempt = {url, sent: [], closed: false, handlers: null}
    this.attempts.push(attempt)
    return {
      on: (handlers) => (attempt.handlers = handlers),
      open: () => {},
      send: (text) => attempt.sent.push(JSON.parse(text)),
      close: () => (attempt.closed = true),
    }
  }

  get attempt() {
    return this.attempts.at(-1)
  }

  /** What has come since the last look. */
  received() {
    return this.attempt.sent.splice(0)
  }

  accept() {
    this.attempt.handlers.opened()
    this.say({type: "welcome", version: 2, heartbeat: 25, window: {frames: 32, bytes: 1048576}})
  }

  say(message) {
    this.attempt.handlers.message(JSON.stringify(message))
  }

  cut(code = 1006, reason = "") {
    this.attempt.handlers.closed(code, reason)
  }

  /** Accepts the subscriptions that were asked for, each as a live query with its id. */
  subscribe(fingerprint) {
    const asked = this.received().filter(({type}) => type === "subscribe")
    for (const {id} of asked) this.say({type: "subscribed", id, query: id, log: 0, fingerprint})
    return asked
  }

  frame(cursor, ...deltas) {
    this.say({type: "frame", log: 0, cursor, deltas})
  }
}

/** Makes a page, and its classes global as they are in a browser. */
export function openPage(html = "", {url = "https://example.org/board/"} = {}) {
  const {JSDOM} = require("jsdom") // here, since it takes a second to load, and half of the files open no page
  const {window} = new JSDOM(`<!doctype html><body>${html}</body>`, {url, pretendToBeVisual: true})
  const names = [
    "window", "document", "location", "Node", "Element", "Document", "ShadowRoot", "MutationObserver", "CustomEvent", "Event", "FormData",
    "HTMLTemplateElement", "HTMLInputElement", "HTMLTextAreaElement", "HTMLSelectElement", "HTMLFormElement", "HTMLDetailsElement", "HTMLDialogElement",
  ]
  for (const name of names) globalThis[name] = window[name]
  return window.document
}

/** Makes a page whose containers are bound; it connects if it has any. */
export function bindPage(html) {
  const document = openPage(html)
  const [server, clock, reported] = [new Server(), new Clock(), []]
  const monitor = new Monitor({clock, window: new EventTarget(), document: new EventTarget()})
  const report = (error) => reported.push(error.message)
  const connection = new Connection({monitor, newTransport: server.newTransport, report})
  const connect = () => connection.state ?? connection.connect("ws://host/")
  const page = new Page({document, connection, connect, report})
  page.start()
  return {document, server, clock, reported, connection, page}
}

/** Lets promises and mutation observers have their turn. */
export const settled = () => new Promise((resolve) => setTimeout(resolve, 0))
