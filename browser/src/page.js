/**
 * The containers of a page: binds each [data-live] to its live query, and shows the state on the document.
 */

import {Container, show} from "./container.js"
import {forgetRestored} from "./fields.js"
import {watchFields} from "./morph.js"

/** @typedef {import("./connection.js").Connection} Connection */

export class Page {
  /** @type {Map<Element, Container>} */
  #containers = new Map()
  /** @type {string | null} */
  #state = null

  /** @param {{document: Document, connection: Connection, connect: () => void, report: (error: unknown) => void}} options */
  constructor({document, connection, connect, report}) {
    this.document = document
    this.connection = connection
    this.connect = connect
    this.report = report
  }

  /** @param {Element} element */
  subscriptionOf(element) {
    return this.#containers.get(element)?.subscription
  }

  start() {
    watchFields(this.document)
    forgetRestored(this.document) // Firefox has restored fields by now, Chromium does so at last
    this.document.defaultView?.addEventListener("pageshow", ({persisted}) => persisted || forgetRestored(this.document))
    this.connection.watchers.add(() => this.#showState())
    this.connection.events.all.add((data, about) => this.#dispatch("realtime:event", {...about, data}))
    this.connection.refusals.add((error) => this.#dispatch("realtime:unsent", error))
    this.#bindAll(this.document.documentElement)
    new MutationObserver((records) => this.#follow(records)).observe(this.document.documentElement, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["data-live", "data-live-token"],
    })
  }

  /** @param {MutationRecord[]} records */
  #follow(records) {
    for (const [element] of this.#containers) {
      if (!element.isConnected) this.#unbind(element)
    }
    for (const {type, target, addedNodes} of records) {
      const changed = type === "attributes" ? [target] : addedNodes
      for (const node of changed) {
        if (!(node instanceof Element)) continue
        if (type === "attributes" && !this.#containers.get(node)?.isCurrent) this.#unbind(node)
        if (node.isConnected) this.#bindAll(node)
      }
    }
  }

  /** @param {Element} root */
  #bindAll(root) {
    const found = [...root.querySelectorAll("[data-live]")]
    if (root.matches("[data-live]")) found.unshift(root)
    for (const element of found) {
      if (!this.#containers.has(element)) this.#bind(element)
    }
  }

  /** @param {Element} element */
  #bind(element) {
    try {
      const container = new Container(element, (name) => [...this.#containers.values()].filter((each) => each.name === name))
      this.#containers.set(element, container)
      this.connection.subscribe(container.subscription)
      this.connect()
    } catch (error) {
      this.report(error)
    }
  }

  /** @param {Element} element */
  #unbind(element) {
    const container = this.#containers.get(element)
    if (!container) return
    this.#containers.delete(element)
    container.release()
    this.connection.unsubscribe(container.subscription)
  }

  #showState() {
    const {state, fault} = this.connection
    for (const [element, {subscription}] of this.#containers) {
      show(element, "data-live-state", this.connection.stateOf(subscription))
    }
    const {waiting} = this.connection.calls
    show(this.document.documentElement, "data-realtime-waiting", waiting ? String(waiting) : null)
    if (state === this.#state) return
    this.#state = state
    show(this.document.documentElement, "data-realtime", state)
    const detail = fault ? {state, reason: fault.reason, code: fault.code} : {state}
    this.#dispatch("realtime:state", detail)
  }

  /** @param {string} name @param {object} detail */
  #dispatch(name, detail) {
    this.document.dispatchEvent(new CustomEvent(name, {detail}))
  }
}
