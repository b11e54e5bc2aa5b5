/**
 * Windows: the subscriptions of a list that loads more rows on demand, each for a range of its rows.
 */

/** @typedef {import("../protocol/messages.js").Params} Params */
/** @typedef {import("../protocol/messages.js").RealtimeError} RealtimeError */
/** @typedef {import("./result_set.js").ResultSet} ResultSet */
/** @typedef {import("./parameter_change.js").Subscribed} Subscribed */
/** A range of rows, counted from where the list begins. @typedef {{from: number, to: number}} Extent */
/** @typedef {Extent & Subscribed} Range */
/** @typedef {Range & {replaced: number}} Next replaced: the number of last ranges that it replaces */

/** The parameter that names a range. */
export const WINDOW = "window"

export class Windows {
  /** The loaded ranges, in order from where the list begins. @type {Range[]} */
  #ranges
  /** The range that is being loaded. @type {Next | null} */
  #next = null
  /** The row behind the last range, which says whether there are more. @type {Subscribed & {to: number} | null} */
  #peek = null

  /**
   * @param {{
   *   size: number, first: Subscribed, subscribe: (params: Params) => Subscribed, peek: (params: Params) => Subscribed,
   *   changed: () => void, refused: (error: RealtimeError) => void,
   * }} options size: the number of rows that each step adds, negative if the list begins at its end; first: the
   *   subscription of the rows that are shown; subscribe: subscribes to a range, with `isNext`; peek: subscribes to rows that are
   *   not shown; changed: called when the ranges have changed; refused: called if the server refuses a step
   */
  constructor({size, first, subscribe, peek, changed, refused}) {
    this.size = size
    this.subscribe = subscribe
    this.peek = peek
    this.changed = changed
    this.refused = refused
    this.#ranges = [{...extentOf(first.resultSet.subscription.params), ...first}]
  }

  get #last() {
    return /** @type {Range} */ (this.#ranges.at(-1))
  }

  /** Whether the last range is full, so that there may be more rows. */
  get isFull() {
    const {from, to, resultSet} = this.#last
    return resultSet.keys.length >= to - from
  }

  /** Whether there are more rows; undefined if the server has not said so yet. */
  get hasMore() {
    if (!this.isFull) return false
    const {to, resultSet} = this.#peek ?? {}
    return to === this.#last.to && resultSet?.filled ? resultSet.keys.length > 0 : undefined
  }

  get isLoading() {
    return this.#next !== null && !this.#next.replaced
  }

  /** The number of steps that are shown. */
  get steps() {
    return this.#last.to / Math.abs(this.size)
  }

  /** The parameter for the first step. */
  get first() {
    return this.#param({from: 0, to: Math.abs(this.size)})
  }

  /** The parameter for all loaded rows. */
  get all() {
    return this.#param({from: 0, to: this.#last.to})
  }

  /** The subscriptions in the order of their rows. @returns {ResultSet[]} */
  get resultSets() {
    const found = this.#ranges.map(({resultSet}) => resultSet)
    return this.size < 0 ? found.reverse() : found
  }

  /** Loads the next step, if there may be one and none is being loaded. */
  more() {
    if (this.isLoading || this.hasMore === false) return
    this.#cancelNext()
    const {to} = this.#last
    this.#load({from: to, to: to + Math.abs(this.size)}, 0)
  }

  /** Completes the pending request if it is this subscription, and its rows are loaded or refused. @param {ResultSet} resultSet */
  arrived(resultSet) {
    const next = this.#next
    if (next?.resultSet !== resultSet || !(resultSet.filled || resultSet.error)) return
    this.#next = null
    resultSet.subscription.isNext = false
    if (resultSet.error) {
      next.close()
      if (!next.replaced) this.refused(resultSet.error)
      return
    }
    const replaced = next.replaced ? this.#ranges.splice(-next.replaced) : []
    this.#ranges.push(next)
    for (const each of replaced) each.close()
    this.changed()
    this.#merge()
  }

  /** Follows whether there is a row behind the last range, or behind the one that is being loaded. */
  look() {
    const to = this.#next && !this.#next.replaced ? this.#next.to : this.isFull ? this.#last.to : null
    if ((this.#peek?.to ?? null) === to) return
    this.#peek?.close()
    this.#peek = to === null ? null : {to, ...this.peek({...this.#last.resultSet.subscription.params, [WINDOW]: this.#param({from: to, to: to + 1})})}
  }

  /** Ends all ranges but the first one. */
  close() {
    this.#cancelNext()
    this.#peek?.close()
    this.#peek = null
    for (const each of this.#ranges.splice(1)) each.close()
  }

  /** Replaces two ranges of one length by one, so that there are few ranges, however many steps are shown. */
  #merge() {
    const [one, other] = this.#ranges.slice(-2)
    if (other && one.to - one.from === other.to - other.from) this.#load({from: one.from, to: other.to}, 2)
  }

  /** @param {Extent} extent @param {number} replaced */
  #load(extent, replaced) {
    const {params} = this.#last.resultSet.subscription
    this.#next = {...extent, replaced, ...this.subscribe({...params, [WINDOW]: this.#param(extent)})}
  }

  #cancelNext() {
    this.#next?.close()
    this.#next = null
  }

  /** @param {Extent} extent */
  #param({from, to}) {
    return this.size < 0 ? `${-to}:${-from || 0}` : `${from}:${to}`
  }
}

/** @param {Params} [params] @returns {Extent} */
function extentOf(params = {}) {
  const [from, to] = String(params[WINDOW] ?? "0:0").split(":").map((each) => Math.abs(Number(each)))
  return {from: Math.min(from, to), to: Math.max(from, to)}
}
