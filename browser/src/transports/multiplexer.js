/**
 * The multiplexer: several pages share one connection to the server as if each had its own.
 *
 * For the server it is one client, which sends hello, subscribes, and acknowledges. For each page it is a server: it maps the
 * ids of subscriptions, and passes each message to its pages. It keeps no rows and no cursors: a disconnected page resumes from
 * its own, as after any lost connection. It does not depend on workers or ports, so tests need none.
 */

import {Acknowledgements, DEFAULT_WINDOW} from "../protocol/flow_control.js"
import {ABNORMAL, SILENCE, VERSION, codes, isPatched, parseJSON} from "../protocol/messages.js"

/** @typedef {import("./websocket.js").Transport} Transport */
/** @typedef {{send: (text: string) => void, closed: (code: number, reason: string) => void}} Port */
/** @typedef {{page: Page, id: number, query: number | null, log: number | null}} Entry */

const NEEDS_OWN = "This page needs a connection of its own."
/** The server allows 100 subscriptions per connection. Beyond this number, new pages open their own. */
const MAX_SUBSCRIPTIONS = 50
/** How many windows of bytes a page may leave unacknowledged. */
const MAX_WINDOWS = 4
/** How many heartbeats a page may leave unanswered before it counts as frozen or crashed. */
const MAX_HEARTBEATS = 3

/** One page, as the multiplexer sees it. */
class Page {
  greeted = false
  bytes = 0 // sent but not acknowledged
  heartbeats = 0 // since the page's last message

  /** @param {Multiplexer} multiplexer @param {Port} port */
  constructor(multiplexer, port) {
    this.multiplexer = multiplexer
    this.port = port
  }

  /** @param {string} text a message of the page */
  receive(text) {
    this.heartbeats = 0
    this.multiplexer.take(this, parseJSON(text))
  }

  /** Removes the page: it is closed, or has disconnected. */
  leave() {
    this.multiplexer.leave(this)
  }
}

export class Multiplexer {
  /** @type {Set<Page>} */
  #pages = new Set()
  /** Subscriptions by their id on the server. @type {Map<number, Entry>} */
  #entries = new Map()
  /** The page that waits for each call's reply, by the call's id. @type {Map<string, Page>} */
  #calls = new Map()
  /** @type {Transport | null} */
  #transport = null
  #opened = false
  /** Messages to send when the connection is open. @type {string[]} */
  #waiting = []
  /** The server's welcome, as text. @type {string | null} */
  #welcome = null
  #heartbeat = 0 // seconds
  #lastMessage = 0
  #acknowledgements = new Acknowledgements()
  #nextId = 1
  /** The live query of each live text, by the text's number. @type {Map<number, number>} */
  #texts = new Map()
  #cancelWatch = () => {}

  /**
   * @param {{
   *   newTransport: () => Transport,
   *   after: (seconds: number, callback: () => void) => () => void,
   *   now: () => number,
   * }} options
   */
  constructor({newTransport, after, now}) {
    this.newTransport = newTransport
    this.after = after
    this.now = now
  }

  /** Adds a page. It is served after its hello. @param {Port} port */
  join(port) {
    const page = new Page(this, port)
    this.#pages.add(page)
    return page
  }

  /** @param {Page} page @param {any} message */
  take(page, message) {
    if (!this.#pages.has(page)) return
    if (message.type === "hello") return this.#greet(page, message)
    if (!page.greeted) return
    switch (message.type) {
      case "ack":
        page.bytes = 0
        return
      case "subscribe": {
        const id = this.#nextId++
        this.#entries.set(id, {page, id: message.id, query: null, log: null})
        return this.#send({...message, id})
      }
      case "unsubscribe": {
        const id = this.#idOf(page, message.id)
        if (id === undefined) return
        this.#entries.delete(id)
        return this.#send({...message, id})
      }
      case "send":
      case "present": {
        const id = this.#idOf(page, message.id)
        return id === undefined ? undefined : this.#send({...message, id})
      }
      case "call":
        this.#calls.set(message.id, page)
        return this.#send(message)
    }
  }

  /** @param {Page} page */
  leave(page) {
    if (!this.#pages.delete(page)) return
    this.#forget(page)
    if (![...this.#pages].some(({greeted}) => greeted)) this.#disconnect()
  }

  /** Ends a connection that may be dead. @param {string} reason */
  cut(reason) {
    if (this.#transport) this.#lost(ABNORMAL, reason)
  }

  /** @param {Page} page @param {{version: number, token?: string}} hello */
  #greet(page, {version, token}) {
    this.#forget(page)
    const isFull = this.#entries.size >= MAX_SUBSCRIPTIONS
    // A page that was loaded before a deployment may speak an older version than this script.
    if (version < VERSION || token !== undefined || isFull) return this.#reject(page, NEEDS_OWN)
    if (this.#welcome && this.now() - this.#lastMessage > 2 * this.#heartbeat) this.cut(SILENCE) // the device has slept
    page.greeted = true
    page.bytes = 0
    if (this.#welcome) page.port.send(this.#welcome)
    else if (!this.#transport) this.#connect()
  }

  /** @param {Page} page @param {string} reason */
  #reject(page, reason) {
    this.leave(page)
    page.port.closed(ABNORMAL, reason)
  }

  /** Ends the page's subscriptions on this connection. @param {Page} page */
  #forget(page) {
    for (const [id, entry] of this.#entries) {
      if (entry.page !== page) continue
      this.#entries.delete(id)
      this.#send({type: "unsubscribe", id})
    }
    for (const [id, caller] of this.#calls) if (caller === page) this.#calls.delete(id)
  }

  /** Returns the server's id of a page's subscription. @param {Page} page @param {number} wanted the page's own id */
  #idOf(page, wanted) {
    for (const [id, entry] of this.#entries) if (entry.page === page && entry.id === wanted) return id
    return undefined
  }

  #connect() {
    const transport = (this.#transport = this.newTransport())
    transport.on({
      opened: () => {
        this.#opened = true
        transport.send(JSON.stringify({type: "hello", version: VERSION}))
        for (const text of this.#waiting.splice(0)) transport.send(text)
      },
      message: (text) => this.#receive(text),
      renew: () => false,
      moved: () => this.cut("The line goes on by another transport."),
      closed: (code, reason) => this.#lost(code, reason),
    })
    transport.open()
  }

  /** @param {object} message */
  #send(message) {
    const text = JSON.stringify(message)
    if (this.#opened) this.#transport?.send(text)
    else if (this.#transport) this.#waiting.push(text)
  }

  #disconnect() {
    const transport = this.#transport
    this.#cancelWatch()
    this.#transport = this.#welcome = null
    this.#opened = false
    this.#waiting = []
    this.#entries.clear()
    this.#calls.clear()
    this.#texts.clear()
    transport?.close()
  }

  /** Disconnects all pages. Each reconnects by itself, after its own delay. @param {number} code @param {string} reason */
  #lost(code, reason) {
    this.#disconnect()
    for (const page of this.#greeted()) {
      this.#pages.delete(page)
      page.port.closed(code, reason)
    }
  }

  /** @param {string} text */
  #receive(text) {
    const message = parseJSON(text)
    this.#lastMessage = this.now()
    if (message.type === "welcome") return this.#welcomed(message, text)
    this.#deliver(message, text)
    this.#acknowledgements.received(text.length)
    this.#acknowledgements.handled(message.type === "frame" || message.type === "part" || isPatched(message))
    const isDue = message.type === "heartbeat" || this.#acknowledgements.isDue
    if (isDue && this.#transport) this.#send(this.#acknowledgements.next())
  }

  /** @param {{heartbeat: number, window?: typeof DEFAULT_WINDOW}} message @param {string} text */
  #welcomed({heartbeat, window = DEFAULT_WINDOW}, text) {
    this.#welcome = text
    this.#heartbeat = heartbeat
    this.#acknowledgements.window = window
    this.#acknowledgements.reset()
    this.#watch(2 * heartbeat)
    for (const page of this.#greeted()) page.port.send(text)
  }

  /** @param {number} seconds */
  #watch(seconds) {
    this.#cancelWatch()
    this.#cancelWatch = this.after(seconds, () => {
      const rest = 2 * this.#heartbeat - (this.now() - this.#lastMessage)
      if (rest > 0) this.#watch(rest)
      else this.cut(SILENCE)
    })
  }

  /** @param {any} message @param {string} text */
  #deliver(message, text) {
    if (Array.isArray(message)) return this.#passQuery(isPatched(message) ? message[0] : this.#texts.get(message[0]), text)
    switch (message.type) {
      case "subscribed": {
        const entry = this.#entries.get(message.id)
        if (!entry) return
        entry.query = message.query
        entry.log = message.log
        return this.#sendMessage(entry.page, {...message, id: entry.id})
      }
      case "refused": {
        const entry = this.#entries.get(message.id)
        if (!entry) return
        this.#entries.delete(message.id)
        const shares = [...this.#entries.values()].some(({page}) => page !== entry.page)
        if (message.code === codes.overloaded && shares) return this.#reject(entry.page, NEEDS_OWN)
        return this.#sendMessage(entry.page, {...message, id: entry.id})
      }
      case "part":
      case "event_rejected": {
        const entry = this.#entries.get(message.id)
        return entry && this.#sendMessage(entry.page, {...message, id: entry.id})
      }
      case "frame":
        return this.#frame(message)
      case "event": {
        if (message.query === undefined) break
        return this.#passQuery(message.query, text)
      }
      case "text":
        this.#texts.set(message.number, message.query)
        return this.#passQuery(message.query, text)
      case "text_ended":
        return this.#passQuery(message.query, text)
      case "reply": {
        const page = this.#calls.get(message.id)
        this.#calls.delete(message.id)
        return page && this.#sendText(page, text)
      }
      case "heartbeat":
        for (const page of this.#greeted()) if (++page.heartbeats > MAX_HEARTBEATS) this.#reject(page, "The page does not answer.")
        break
      case "bye": {
        // the connection ends first, so that a page that reconnects at once gets a new one
        const pages = this.#greeted()
        for (const page of pages) this.#pages.delete(page)
        this.#disconnect()
        for (const {port} of pages) port.send(text)
        return
      }
      case "authenticated":
        return
    }
    for (const page of this.#greeted()) this.#sendText(page, text)
  }

  /** Sends each page the deltas of its own live queries, and the cursor of the whole log. @param {any} frame */
  #frame(frame) {
    const concerned = frame.calls?.length ? this.#greeted() : this.#pagesOf((entry) => entry.log === frame.log)
    for (const page of concerned) {
      const queries = new Set([...this.#entries.values()].filter((entry) => entry.page === page).map(({query}) => query))
      this.#sendMessage(page, {...frame, deltas: frame.deltas.filter((/** @type {{query: number}} */ {query}) => queries.has(query))})
    }
  }

  /** @param {number | undefined} query @param {string} text */
  #passQuery(query, text) {
    for (const page of this.#pagesOf((entry) => entry.query === query)) this.#sendText(page, text)
  }

  /** @param {(entry: Entry) => boolean} sees */
  #pagesOf(sees) {
    return new Set([...this.#entries.values()].filter(sees).map(({page}) => page))
  }

  #greeted() {
    return [...this.#pages].filter(({greeted}) => greeted)
  }

  /** @param {Page} page @param {object} message */
  #sendMessage(page, message) {
    this.#sendText(page, JSON.stringify(message))
  }

  /** @param {Page} page @param {string} text */
  #sendText(page, text) {
    page.bytes += text.length
    if (page.bytes > MAX_WINDOWS * this.#acknowledgements.window.bytes) this.#reject(page, "The page does not read what it is sent.")
    else page.port.send(text)
  }
}
