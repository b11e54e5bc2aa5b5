/**
 * One [data-live] element, bound to its live query. What it shows are rows, or a value.
 */

import {RealtimeError, valueFormat} from "./messages.js"
import {Rows} from "./rows.js"
import {Subscription} from "./subscription.js"
import {ValueText} from "./valuetext.js"

/** @typedef {import("./messages.js").Format} Format */
/** @typedef {import("./subscription.js").Change} Change */

/**
 * What shows a live query in an element. `keys` are those of the rows that are there from the start, `detail` is what
 * listeners are told of a change.
 *
 * @typedef {{
 *   keys: () => Iterable<string>, paint: import("./subscription.js").Painter, detail: (change: Change) => object,
 *   read?: import("./subscription.js").PageRows["read"], expect?: import("./subscription.js").PageRows["expect"],
 * }} Content
 */

export class Container {
  /**
   * @param {Element} element
   * @param {(name: string) => Container[]} containersOf those of a stream
   */
  constructor(element, containersOf) {
    this.element = element
    this.name = element.getAttribute("data-live") ?? ""
    this.token = element.getAttribute("data-live-token") ?? undefined
    const format = readFormat(element)
    /** @type {Content} */
    this.content = format === "html" ? this.#newRows(containersOf) : new ValueText(element, format)
    this.subscription = new Subscription(
      {
        token: this.token,
        stream: this.name,
        params: readJSON(element, "data-live-params") ?? (this.token ? undefined : {}),
        format,
        cursor: element.getAttribute("data-live-cursor"),
        view: element.getAttribute("data-live-view") ?? "",
      },
      {
        keys: this.content.keys(),
        paint: (keys, change) => this.content.paint(keys, change),
        read: this.content.read?.bind(this.content),
        expect: this.content.expect?.bind(this.content),
      },
    )
    if (element.hasAttribute("data-live-presence")) this.subscription.wire.present = {}
    this.subscription.events.all.add((data, about) => {
      element.dispatchEvent(new CustomEvent("realtime:event", {bubbles: true, detail: {...about, data}}))
    })
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

  /** @param {(name: string) => Container[]} containersOf */
  #newRows(containersOf) {
    const others = () => {
      const contents = containersOf(this.name).map(({content}) => content)
      return contents.filter((content) => content instanceof Rows && content !== this.content)
    }
    return new Rows(this.element, {wanted: () => this.subscription.shownKeys, others: /** @type {() => Rows[]} */ (others)})
  }

  /** @param {Change} change */
  #tell(change) {
    const {error} = this.subscription
    const event = error
      ? new CustomEvent("realtime:error", {bubbles: true, detail: error})
      : new CustomEvent("realtime:change", {bubbles: true, detail: this.content.detail(change)})
    this.element.dispatchEvent(event)
  }
}

/** @param {Element} element @returns {Format} */
function readFormat(element) {
  const format = element.getAttribute("data-live-format") ?? "html"
  if (format === "html") return format
  if (format.startsWith("value:")) return valueFormat(format.slice("value:".length))
  const reason = `The attribute data-live-format must be 'html', or 'value:' with the name of a live value, not '${format}'.`
  throw new RealtimeError(null, reason, {name: "bad_arguments"})
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

/** Sets an attribute; null: removes it. @param {Element} element @param {string} name @param {string | null} value */
export function show(element, name, value) {
  if (value === null) element.removeAttribute(name)
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}
