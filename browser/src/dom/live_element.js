/**
 * One [data-live] element, bound to its live query. It shows rows or a value.
 */

import {RealtimeError, badArguments, parseJSON, sorted, valueFormat} from "../protocol/messages.js"
import {followFromStart, growsUpwards} from "./follow.js"
import {noteGone} from "./gone.js"
import {parentOfRows} from "./in_place.js"
import {attribute, call, documentOf, emit, show} from "./members.js"
import {PART_ROWS, inTasks} from "./parts.js"
import {MoreLink} from "./more_link.js"
import {withoutAnchoring} from "./scroll_anchor.js"
import {animate, animates} from "./transitions.js"
import {Rows} from "./row_list.js"
import {UnreadRows} from "./unread_rows.js"
import {ParameterChange} from "../data/parameter_change.js"
import {ResultSet} from "../data/result_set.js"
import {WINDOW, Windows} from "../data/windows.js"
import {ValueText} from "../valuetext.js"

/** @typedef {import("../protocol/messages.js").Format} Format */
/** @typedef {import("../data/result_set.js").Change} Change */

/**
 * Shows a live query in an element. `keys`: the keys of the rows in the page's HTML; `paint`: shows a change, in parts;
 * `detail`: describes a change to event listeners.
 *
 * @typedef {{
 *   keys: () => Iterable<string>, paint: (keys: readonly string[], change: Change) => Iterator<void>, detail: (change: Change) => object,
 *   read?: import("../data/result_set.js").PageRows["read"], expect?: import("../data/result_set.js").PageRows["expect"],
 * }} Content
 */

/** @typedef {{keys: readonly string[], change: Change}} Pending */
/** @typedef {import("../protocol/messages.js").Params} Params */

/** The parameters of the user's marker, if the list marks unread rows. */
const MARKER = "data-live-marker"
/** Marks a container whose parameters are no longer those of its token. */
const CHANGED = "data-live-changed"

export class Container {
  /** The change that is not fully shown yet. @type {Pending | null} */
  #pending = null
  /** The change that is being shown. @type {Pending | null} */
  #painting = null
  /** The change for listeners, if the last one was shown together with earlier ones. @type {Change | null} */
  #undispatched = null
  #change
  /** Called when the server has shown or refused the newest parameters. @type {(error: RealtimeError | null) => void} */
  #answered = () => {}
  /** The last known text of data-live-params. */
  #noted
  /** The cursor in the page's HTML when the element was bound. */
  #rendered
  /** Of a list that shows more when asked. @type {Windows | null} */
  #windows = null
  /** @type {MoreLink | null} */
  #link = null
  /** @type {UnreadRows | null} */
  #unread = null

  /**
   * @param {Element} element
   * @param {{
   *   containersOf: (name: string) => Container[], connection: import("../connection/connection.js").Connection,
   *   report: (error: unknown) => void, announcer?: import("./announcer.js").Announcer,
   *   openUnread?: (stream: string, params: Params) => import("../data/unread.js").Unread,
   * }} options containersOf: returns the containers of a stream
   */
  constructor(element, {containersOf, connection, report, announcer, openUnread}) {
    this.element = element
    this.connection = connection
    this.name = attribute(element, "data-live") ?? ""
    this.token = attribute(element, "data-live-token") ?? undefined
    if (!this.token) throw unsigned(this.name)
    this.format = readFormat(element)
    /** @type {Content} */
    this.content = isHTML(this.format) ? this.#newRows(containersOf, report) : new ValueText(element, this.format)
    followFromStart(element)
    this.#noted = attribute(element, "data-live-params")
    const cursor = attribute(element, "data-live-cursor")
    this.#rendered = cursor
    const changed = attribute(element, CHANGED) !== null
    this.resultSet = this.#newResultSet({params: readJSON(element, "data-live-params"), cursor, changed}, this.content.keys())
    this.resultSet.subscription.fingerprint = attribute(element, "data-live-fingerprint") ?? ""
    if (attribute(element, "data-live-presence") !== null) this.resultSet.subscription.present = {}
    this.#change = new ParameterChange({
      subscribe: (params) => this.#subscribe(params),
      take: ({resultSet}) => this.#switch(resultSet),
      refuse: (error) => this.#refuse(error),
      after: connection.monitor.after,
    })
    this.announcer = announcer
    this.openUnread = openUnread
    if (this.#step) this.#showMore()
    this.#markUnread()
  }

  /** The number of rows that each step adds, negative if they are added in front; 0 if the list does not load more on demand. */
  get #step() {
    return Math.trunc(Number(attribute(this.element, "data-live-more"))) || 0
  }

  #showMore() {
    const {element, resultSet, connection} = this
    if (growsUpwards(element)) withoutAnchoring(parentOfRows(this.element))
    this.#windows = new Windows({
      size: this.#step,
      first: {resultSet, close: () => connection.unsubscribe(resultSet)},
      subscribe: (params) => this.#subscribe(params),
      peek: (params) => this.#peek(params),
      changed: () => this.#takeMore(),
      refused: (error) => {
        this.#link?.refuse()
        emit(element, "realtime:error", error)
      },
    })
    if (this.#link) this.#link.renew(this.#windows)
    else this.#link = new MoreLink(element, this.#windows)
  }

  /** Marks the rows that the user has not seen. */
  #markUnread() {
    const known = readJSON(this.element, MARKER)
    const {content, openUnread} = this
    if (!known || !openUnread || !(content instanceof Rows)) return
    const params = {...this.resultSet.subscription.params}
    for (const name of ["page", WINDOW]) if (!(name in known)) delete params[name]
    this.#unread?.close()
    this.#unread = new UnreadRows(parentOfRows(this.element), {rows: () => content.rows(), unread: openUnread(this.name, params)})
  }

  /** Handles further rows. The address names them, so that a reload shows as many. */
  #takeMore() {
    const [resultSet] = this.#resultSets
    this.resultSet = this.#step < 0 ? /** @type {ResultSet} */ (this.#resultSets.at(-1)) : resultSet
    this.#link?.showAddress()
  }

  /** Its subscriptions, in the order of their rows. @returns {ResultSet[]} */
  get #resultSets() {
    return this.#windows?.resultSets ?? [this.resultSet]
  }

  /** The keys of the rows that it shows. Two windows may be of two moments, and both may have a row. @returns {readonly string[]} */
  get #shownKeys() {
    const {shownKeys} = this.resultSet
    return this.#windows ? [...new Set(this.#resultSets.flatMap((each) => each.shownKeys))] : shownKeys
  }

  /** @param {{params?: Params, cursor: string | null, changed: boolean}} target @param {Iterable<string>} [keys] of the rows in the page */
  #newResultSet({params, cursor, changed}, keys) {
    const {name: stream, token, format} = this
    const resultSet = new ResultSet(
      {stream, token, params, format, cursor, changed},
      {
        keys,
        paint: (shown, change) => this.#paintOf(resultSet, shown, change),
        read: this.content.read && (() => this.#read(resultSet)),
        expect: this.content.expect?.bind(this.content),
      },
    )
    resultSet.events.all.add((data, about) => {
      if (resultSet === this.resultSet) emit(this.element, "realtime:event", {...about, data})
    })
    resultSet.listeners.add((_rows, change) => {
      if (!this.#resultSets.includes(resultSet) || this.#pending) return // they are called when it is shown
      if (this.#undispatched || !this.#windows) this.#dispatch(this.#undispatched ?? change)
      this.#undispatched = null
    })
    return resultSet
  }

  /** The state of its live query. */
  get state() {
    const state = this.connection.stateOf(this.resultSet)
    return this.#change.target && state === "live" ? "catching-up" : state
  }

  /** The parameters of the rows that it shows, or will show. @returns {Params} */
  get params() {
    return this.#change.target ?? this.resultSet.subscription.params ?? {}
  }

  /** Whether it still shows rows of other parameters than `params`. */
  get isChanging() {
    return this.#change.target !== null
  }

  /**
   * Changes the parameters. What is shown stays until the new rows are loaded, and if the server refuses them.
   *
   * @param {Params} params all of them
   * @param {(error: RealtimeError | null) => void} [answered] called when the new rows are shown or refused, unless the parameters have changed again
   */
  change(params, answered = () => {}) {
    this.#answered = answered
    const {target} = this.#change
    if (target && isEqual(params, target)) return
    const shown = this.resultSet.subscription.params ?? {}
    if (!isEqual(params, shown)) {
      const isOther = this.#windows && params[WINDOW] === shown[WINDOW] // it begins again with its first rows
      return this.#change.set(isOther ? {...params, [WINDOW]: this.#windows?.first ?? null} : params)
    }
    this.#change.cancel()
    answered(null)
  }

  /** Applies data-live-params, which the page's own code may have changed. */
  followAttribute() {
    const text = attribute(this.element, "data-live-params")
    if (text === this.#noted) return
    this.#noted = text
    this.change(readJSON(this.element, "data-live-params") ?? {})
  }

  /** The number of rows that wait to be shown. */
  get held() {
    return this.#pending && isPaused(this.element) ? this.#pending.change.puts.size + this.#pending.change.drops.length : 0
  }

  /** Shows the changes that have waited, unless the element is still paused. */
  resume() {
    if (!isPaused(this.element)) this.#show()
    if (!isPaused(this.element) && this.content instanceof Rows) this.content.removeLeft() // a list that waited for them may be paused now
    this.#count()
  }

  /** Whether the element's attributes are still those that it was bound with. */
  get isCurrent() {
    const {element, name, token} = this
    return attribute(element, "data-live") === name && (attribute(element, "data-live-token") ?? undefined) === token
  }

  /** Unbinds the element, with the attributes for binding it again. */
  release() {
    const {cursor, fingerprint, params} = this.resultSet.subscription
    const all = this.#resultSets.length > 1 ? this.#windows?.all : undefined // what several windows show is loaded again, as one
    this.#change.close()
    try {
      this.#flush()
    } finally {
      this.#link?.close()
      this.#unread?.close()
      this.#count()
      show(this.element, "data-live-state", null)
      this.#windows?.close()
    }
    if (attribute(this.element, "data-live-cursor") !== this.#rendered) return // it is of rows that the page has taken from elsewhere
    if (all) show(this.element, "data-live-params", JSON.stringify({...params, [WINDOW]: all}))
    if (all) show(this.element, CHANGED, "")
    show(this.element, "data-live-cursor", all ? null : cursor)
    show(this.element, "data-live-fingerprint", (!all && fingerprint) || null)
  }

  /** @param {Params} params */
  #subscribe(params) {
    const {vouched, present} = this.resultSet.subscription
    const resultSet = this.#newResultSet({params, cursor: null, changed: true})
    Object.assign(resultSet.subscription, {vouched, present, isNext: true})
    resultSet.listeners.add(() => resultSet.error && this.#windows?.arrived(resultSet))
    this.connection.subscribe(resultSet)
    return {resultSet, close: () => this.connection.unsubscribe(resultSet)}
  }

  /** Subscribes to rows that are not shown. @param {Params} params */
  #peek(params) {
    const {name: stream, token, format, connection} = this
    const resultSet = new ResultSet({stream, token, params, format, cursor: null, changed: true})
    Object.assign(resultSet.subscription, {vouched: this.resultSet.subscription.vouched, isNext: true})
    resultSet.listeners.add(() => this.#link?.update())
    connection.subscribe(resultSet)
    return {resultSet, close: () => connection.unsubscribe(resultSet)}
  }

  /** @param {ResultSet} resultSet whose rows are loaded */
  #switch(resultSet) {
    const before = this.resultSet
    this.#windows?.close()
    this.resultSet = resultSet
    this.connection.unsubscribe(before)
    if (this.#windows) this.#showMore()
    show(this.element, CHANGED, "")
    this.#rendered = null
    for (const name of ["data-live-cursor", "data-live-fingerprint"]) show(this.element, name, null) // they belong to other rows
    this.#showParams()
    this.#markUnread()
    this.#answered(null)
  }

  /** @param {RealtimeError} error */
  #refuse(error) {
    this.#showParams()
    this.#answered(error)
    emit(this.element, "realtime:error", error)
  }

  #showParams() {
    this.#noted = JSON.stringify(this.resultSet.subscription.params ?? {})
    show(this.element, "data-live-params", this.#noted)
  }

  /** @param {ResultSet} resultSet @param {readonly string[]} keys @param {Change} change */
  #paintOf(resultSet, keys, change) {
    if (!this.#resultSets.includes(resultSet) && resultSet.filled) this.#arrived(resultSet)
    return !this.#resultSets.includes(resultSet) || this.#take(this.#windows ? this.#shownKeys : keys, change)
  }

  /** @param {ResultSet} resultSet that is next */
  #arrived(resultSet) {
    this.#change.arrived(resultSet)
    this.#windows?.arrived(resultSet)
  }

  /** @param {(name: string) => Container[]} containersOf @param {(error: unknown) => void} report */
  #newRows(containersOf, report) {
    const others = () => {
      const contents = containersOf(this.name).filter(({element}) => !isPaused(element)).map(({content}) => content)
      return contents.filter((content) => content instanceof Rows && content !== this.content)
    }
    const isRefused = () => Boolean(this.resultSet.error)
    return new Rows(this.element, {wanted: () => this.#shownKeys, isRefused, others: /** @type {() => Rows[]} */ (others), report})
  }

  /**
   * Shows a change at once, unless the element is paused, a view transition starts first, or the change is too large for one task.
   *
   * @param {readonly string[]} keys
   * @param {Change} change
   */
  #take(keys, change) {
    const isLarge = change.puts.size + change.drops.length > PART_ROWS
    this.#pending = joined(this.#pending, keys, change)
    if (this.resultSet.error) this.#undispatched = this.#paintAll() // rows that the user may no longer see must not stay
    else if (!isPaused(this.element) && (isLarge || change.isText || !animates(this.element))) this.#show({isNow: true})
    else if (!isPaused(this.element)) animate(parentOfRows(this.element), () => isPaused(this.element) || this.connection.safely(() => this.#flush()))
    this.#count()
    this.#link?.update()
    return true
  }

  /** Shows the pending change, in as many tasks as needed. A change that arrives meanwhile is shown together with the rest. */
  #show({isNow = false} = {}) {
    const pending = (this.#pending &&= {...this.#pending}) // another object, so that tasks of an earlier call end
    if (!pending) return
    inTasks(this.#paint(pending), documentOf(this.element), (isDone) => {
      if (this.#pending !== pending) return false
      if (isDone) {
        this.#pending = null
        const earlier = this.#windows && this.#undispatched // of another window in the same frame
        const {change} = earlier ? joined({keys: [], change: earlier}, pending.keys, pending.change) : pending
        this.#undispatched = isNow ? change : null
        if (!isNow) this.#dispatch(change)
      }
      isNow = false
      return !isPaused(this.element)
    })
  }

  #flush() {
    const change = this.#paintAll()
    if (change) this.#dispatch(change)
  }

  #paintAll() {
    const pending = this.#pending && {...this.#pending} // another object, as in #show
    this.#pending = null
    if (pending) for (const work = this.#paint(pending); !work.next().done; );
    return pending && pending.change
  }

  /** @param {ResultSet} resultSet */
  #read(resultSet) {
    this.#flush()
    const rows = /** @type {Map<string, string>} */ (this.content.read?.())
    return this.#windows ? new Map(resultSet.keys.flatMap((key) => (rows.has(key) ? [[key, /** @type {string} */ (rows.get(key))]] : []))) : rows
  }

  /** @param {Pending} pending @returns {Generator<void, void>} */
  *#paint(pending) {
    const {keys, change} = (this.#painting = pending)
    const before = this.announcer && !change.own && !change.isText ? new Set(this.content.keys()) : null
    const asking = before && call(this.element, "closest", "[data-live-announce]")
    /** @type {string[] | void} */
    let altered
    try {
      const work = this.content.paint(keys, change)
      let part
      while (!(part = work.next()).done) {
        yield
        if (this.#painting !== pending) return
      }
      altered = part.value
    } catch (error) {
      this.#pending = null
      throw error
    }
    noteGone(this.element, keys, change.drops)
    if (before && asking && !change.reset) {
      altered ??= [...change.puts.keys()]
      const added = altered.filter((key) => !before.has(key)).length
      this.announcer?.add(attribute(asking, "data-live-announce") ?? "", [added, altered.length - added, change.drops.length])
    }
  }

  #count() {
    show(this.element, "data-live-held", this.held ? String(this.held) : null)
  }

  /** @param {Change} change */
  #dispatch(change) {
    const {error} = this.resultSet
    if (error) emit(this.element, "realtime:error", error)
    else emit(this.element, "realtime:change", this.content.detail(change))
  }
}

/** @param {Params} one @param {Params} other */
const isEqual = (one, other) => JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))

/** Returns whether changes in this element wait. @param {Element} element */
const isPaused = (element) => call(element, "closest", "[data-live-paused]") !== null

/**
 * Joins two changes.
 *
 * @param {Pending | null} held
 * @param {readonly string[]} keys of the rows after both
 * @param {Change} change
 * @returns {Pending}
 */
function joined(held, keys, change) {
  const shown = new Set(keys)
  const puts = new Map([...(held?.change.puts ?? []), ...change.puts].filter(([key]) => shown.has(key)))
  const drops = [...new Set([...(held?.change.drops ?? []), ...change.drops])].filter((key) => !shown.has(key))
  const reset = Boolean(held?.change.reset) || change.reset
  return {keys, change: {puts, drops, reset, own: (held?.change.own ?? true) && change.own, isText: (held?.change.isText ?? true) && change.isText}}
}

/** An element without a token is not bound: user-written markup could name any stream. @param {string} name */
function unsigned(name) {
  const reason = `The element with data-live="${name}" has no data-live-token: show it with {% live %}, or open it from a script with realtime.live().`
  return badArguments(reason)
}

/** Returns whether what a format shows is HTML: rows, rows of the page's own template, or links to pages. @param {string} format */
const isHTML = (format) => format === "html" || format === "pages" || format.startsWith("html:")

/** @param {Element} element @returns {Format} */
function readFormat(element) {
  const format = attribute(element, "data-live-format") ?? "html"
  if (isHTML(format)) return /** @type {Format} */ (format)
  if (format.startsWith("value:")) return valueFormat(format.slice("value:".length))
  const reason = `The attribute data-live-format must be 'html', or 'value:' with the name of a live value, not '${format}'.`
  throw badArguments(reason)
}

/**
 * Returns the JSON of an attribute, if the element has it.
 *
 * @param {Element} element
 * @param {string} name
 * @returns {Record<string, unknown> | undefined}
 */
export function readJSON(element, name) {
  const text = attribute(element, name)
  if (text === null) return undefined
  try {
    const value = parseJSON(text)
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value
  } catch {
    // reported below
  }
  throw badArguments(`The attribute ${name} must be a JSON object, not '${text}'.`)
}
