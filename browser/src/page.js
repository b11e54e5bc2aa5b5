/**
 * The containers of a page: binds each [data-live] to its live query, and shows the state on the document.
 */

import {arrange} from "./arrange.js"
import {forgetRestored} from "./fields.js"
import {RealtimeError} from "./messages.js"
import {morph, watchFields} from "./morph.js"
import {Subscription} from "./subscription.js"

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./subscription.js").Change} Change */

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

  start() {
    watchFields(this.document)
    forgetRestored(this.document) // Firefox has restored fields by now, Chromium does so at last
    this.document.defaultView?.addEventListener("pageshow", ({persisted}) => persisted || forgetRestored(this.document))
    this.connection.watchers.add(() => this.#showState())
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
    if (state === this.#state) return
    this.#state = state
    show(this.document.documentElement, "data-realtime", state)
    const detail = fault ? {state, reason: fault.reason, code: fault.code} : {state}
    this.document.dispatchEvent(new CustomEvent("realtime:state", {detail}))
  }
}

/**
 * One [data-live] element. Its rows are the children with a data-live-key; they stand together, where the first one stood.
 *
 * A row that goes from one container of a stream to another in the same frame takes its element along, with all that
 * the user is doing in it. The first of the two to be painted is either: it takes the element, or leaves it to be taken.
 */
class Container {
  /** The child before the first row. @type {ChildNode | null} */
  #lead = null

  /**
   * @param {Element} element
   * @param {(name: string) => Container[]} containersOf those of a stream
   */
  constructor(element, containersOf) {
    this.element = element
    this.containersOf = containersOf
    this.name = element.getAttribute("data-live") ?? ""
    this.token = element.getAttribute("data-live-token") ?? undefined
    this.subscription = new Subscription(
      {
        token: this.token,
        stream: this.name,
        params: readJSON(element, "data-live-params") ?? (this.token ? undefined : {}),
        format: "html",
        cursor: element.getAttribute("data-live-cursor"),
        view: element.getAttribute("data-live-view") ?? "",
      },
      {keys: this.#rows().keys(), paint: (keys, change) => this.#paint(keys, change)},
    )
    this.subscription.listeners.add((_rows, change) => this.#tell(change))
  }

  /** Whether the element still asks for what it is bound to. */
  get isCurrent() {
    const {element, name, token} = this
    return element.getAttribute("data-live") === name && (element.getAttribute("data-live-token") ?? undefined) === token
  }

  /** Leaves the element such that it can be bound again. */
  release() {
    const {cursor, view} = this.subscription.wire
    show(this.element, "data-live-cursor", cursor)
    show(this.element, "data-live-view", view || null)
    show(this.element, "data-live-state", null)
  }

  /** @type {import("./subscription.js").Painter} */
  #paint(keys, {puts}) {
    const rows = this.#rows()
    if (!keys.every((key) => rows.has(key) || puts.has(key))) return false // a script has removed one

    const first = rows.values().next().value
    if (first) this.#lead = first.previousSibling
    const wanted = new Set(keys)
    const gone = [...this.element.children].filter((child) => {
      const key = child.getAttribute("data-live-key")
      return key !== null && !(wanted.has(key) && rows.get(key) === child)
    })
    const awaited = gone.length ? this.#collect((other) => other.#awaited()) : new Map()
    for (const child of gone) {
      if (!awaited.has(child.getAttribute("data-live-key"))) child.remove()
    }
    const leaving = [...puts.keys()].every((key) => rows.has(key)) ? new Map() : this.#collect((other) => other.#leaving())
    for (const [key, html] of puts) {
      const row = parse(String(html), key, this.element.ownerDocument)
      const shown = rows.get(key) ?? leaving.get(key)
      rows.set(key, shown ? morph(shown, row) : row)
    }
    const lead = this.#lead?.parentNode === this.element ? this.#lead : null
    arrange(this.element, keys.map((key) => /** @type {Element} */ (rows.get(key))), lead)
    return true
  }

  /** From the stream's other containers. @template T @param {(other: Container) => [string, T][]} part @returns {Map<string, T>} */
  #collect(part) {
    return new Map(this.containersOf(this.name).flatMap((other) => (other === this ? [] : part(other))))
  }

  /** The keys whose rows are still to be painted. @returns {[string, true][]} */
  #awaited() {
    const rows = this.#rows()
    return this.subscription.keys.filter((key) => !rows.has(key)).map((key) => [key, true])
  }

  /** The rows that are still to be removed. */
  #leaving() {
    const wanted = new Set(this.subscription.keys)
    return [...this.#rows()].filter(([key]) => !wanted.has(key))
  }

  /** @returns {Map<string, Element>} */
  #rows() {
    /** @type {Map<string, Element>} */
    const rows = new Map()
    for (const child of this.element.children) {
      const key = child.getAttribute("data-live-key")
      if (key !== null && !rows.has(key)) rows.set(key, child)
    }
    return rows
  }

  /** @param {Change} change */
  #tell({puts, drops, reset}) {
    const {error} = this.subscription
    const event = error
      ? new CustomEvent("realtime:error", {bubbles: true, detail: error})
      : new CustomEvent("realtime:change", {bubbles: true, detail: {puts: [...puts.keys()], drops, reset}})
    this.element.dispatchEvent(event)
  }
}

/**
 * The JSON of an attribute, if the element has it.
 *
 * @param {Element} element
 * @param {string} name
 * @returns {Record<string, unknown> | undefined}
 */
export function readJSON(element, name) {
  const text = element.getAttribute(name)
  if (text === null) return undefined
  try {
    const value = JSON.parse(text)
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value
  } catch {
    // the sentence below says it
  }
  throw new RealtimeError(null, `The attribute ${name} must be a JSON object, not '${text}'.`, {name: "bad_arguments"})
}

/** @param {string} html @param {string} key @param {Document} document */
function parse(html, key, document) {
  const template = document.createElement("template") // takes <tr>, <li> and <option> too, and runs no script
  template.innerHTML = html
  const row = template.content.firstElementChild
  if (!row) throw new Error(`The row '${key}' has no element: a row's template must have one root element.`)
  row.setAttribute("data-live-key", key)
  return row
}

/** @param {Element} element @param {string} name @param {string | null} value */
function show(element, name, value) {
  if (value === null) element.removeAttribute(name)
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}
