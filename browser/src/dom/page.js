/**
 * The containers of a page: binds each [data-live] to its live query, and shows the state on the document.
 */

import {Announcer} from "./announcer.js"
import {ConnectionNotice} from "./connection_notice.js"
import {Container} from "./live_element.js"
import {adopted} from "./in_place.js"
import {forgetRestored} from "./form_fields.js"
import {call, get, isForeign, matchesIn, show} from "./members.js"
import {watchFields} from "./morph.js"

/** @typedef {import("../connection/connection.js").Connection} Connection */

/** Marks an element in which changes wait, such as the root. */
const PAUSED = "data-live-paused"

export class Page {
  /** @type {Map<Element, Container>} */
  #containers = new Map()
  /** Accepted tokens of containers that have left the page and may return. @type {Set<string | undefined>} */
  #vouched = new Set()
  /** @type {string | null} */
  #state = null

  /**
   * @param {{
   *   document: Document, connection: Connection, connect: () => void, report: (error: unknown) => void,
   *   openUnread?: ConstructorParameters<typeof Container>[1]["openUnread"],
   * }} options
   */
  constructor({document, connection, connect, report, openUnread}) {
    this.document = document
    this.connection = connection
    this.connect = connect
    this.report = report
    this.openUnread = openUnread
    const {after} = connection.monitor
    this.announcer = new Announcer(document, after)
    this.notice = new ConnectionNotice(document, after)
  }

  /** @param {Element} element */
  resultSetOf(element) {
    return this.#containers.get(element)?.resultSet
  }

  /** The containers of a stream, or all. @param {string} [name] */
  containersOf(name) {
    return [...this.#containers.values()].filter((each) => name === undefined || each.name === name)
  }

  start() {
    watchFields(this.document)
    forgetRestored(this.document) // Firefox has restored fields by now; Chromium does so later
    get(this.document, "defaultView")?.addEventListener("pageshow", ({persisted}) => persisted || forgetRestored(this.document))
    this.connection.watchers.add(() => this.#showState())
    this.connection.events.all.add((data, about) => this.#dispatch("realtime:event", {...about, data}))
    this.connection.refusals.add((error) => this.#dispatch("realtime:event-rejected", error))
    warnOfAlpine(this.document)
    this.#bindAll(get(this.document, "documentElement"))
    new MutationObserver((records) => this.#follow(records)).observe(get(this.document, "documentElement"), {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["data-live", "data-live-token", "data-live-params", PAUSED],
    })
  }

  /** @param {MutationRecord[]} records */
  #follow(records) {
    for (const [element] of this.#containers) {
      if (!get(element, "isConnected")) this.#unbind(element)
    }
    if (records.some(({attributeName}) => attributeName === PAUSED)) this.#resume()
    for (const {type, target, addedNodes, attributeName} of records) {
      if (attributeName === PAUSED) continue
      const changed = type === "attributes" ? [target] : addedNodes
      for (const node of changed) {
        if (!(node instanceof Element)) continue
        const container = this.#containers.get(node)
        if (type === "attributes" && !container?.isCurrent) this.#unbind(node)
        else if (attributeName === "data-live-params") this.#guarded(() => container?.followAttribute())
        if (get(node, "isConnected")) this.#bindAll(node)
      }
    }
  }

  /** Holds changes back until `resume`. */
  pause() {
    show(get(this.document, "documentElement"), PAUSED, "")
  }

  resume() {
    show(get(this.document, "documentElement"), PAUSED, null)
    this.#resume()
  }

  /** The number of rows that wait to be shown. */
  get held() {
    return [...this.#containers.values()].reduce((sum, {held}) => sum + held, 0)
  }

  #resume() {
    for (const container of this.#containers.values()) this.#guarded(() => container.resume())
    this.#showState()
  }

  /** @param {Element} root */
  #bindAll(root) {
    for (const element of matchesIn(root, "[data-live]")) {
      if (!this.#containers.has(element) && !isForeign(element)) this.#guarded(() => this.#bind(adopted(element)))
    }
    this.notice.fill(root)
  }

  /** @param {Element} element */
  #bind(element) {
    this.#guarded(() => {
      const {connection, report, announcer, openUnread} = this
      const container = new Container(element, {containersOf: (name) => this.containersOf(name), connection, report, announcer, openUnread})
      container.resultSet.subscription.vouched = this.#vouched.has(container.token)
      this.#containers.set(element, container)
      connection.subscribe(container.resultSet)
      this.connect()
    })
  }

  /** @param {() => void} work */
  #guarded(work) {
    try {
      work()
    } catch (error) {
      this.report(error)
    }
  }

  /** @param {Element} element */
  #unbind(element) {
    const container = this.#containers.get(element)
    if (!container) return
    this.#containers.delete(element)
    if (container.resultSet.subscription.vouched) this.#vouched.add(container.token)
    this.#guarded(() => container.release())
    this.connection.unsubscribe(container.resultSet)
  }

  #showState() {
    const {state, fault} = this.connection
    for (const [element, {state}] of this.#containers) show(element, "data-live-state", state)
    show(get(this.document, "documentElement"), "data-realtime-held", this.held ? String(this.held) : null)
    const {waiting} = this.connection.calls
    show(get(this.document, "documentElement"), "data-realtime-waiting", waiting ? String(waiting) : null)
    if (state === this.#state) return
    this.#state = state
    show(get(this.document, "documentElement"), "data-realtime", state)
    this.notice.show(state, fault?.reason)
    const detail = fault ? {state, reason: fault.reason, code: fault.code} : {state}
    this.#dispatch("realtime:state", detail)
  }

  /** @param {string} name @param {object} detail */
  #dispatch(name, detail) {
    call(this.document, "dispatchEvent", new CustomEvent(name, {detail}))
  }
}

/** Warns about Alpine if it started first: its changes before this module starts count as the server's, so the next change undoes them. @param {Document} document */
function warnOfAlpine(document) {
  const component = /** @type {any} */ (call(document, "querySelector", "[data-live] [x-data]"))
  if (!component?._x_dataStack) return
  console.warn("Alpine changed live rows before realtime started: put {% realtime_script %} before Alpine's script, so that Alpine's changes are kept.")
}
