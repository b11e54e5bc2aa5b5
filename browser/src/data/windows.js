/**
 * Windows: the subscriptions of a list that shows more when asked, each for a range of its rows.
 */

/** @typedef {import("../protocol/messages.js").Params} Params */
/** @typedef {import("../protocol/messages.js").RealtimeError} RealtimeError */
/** @typedef {import("./result_set.js").ResultSet} ResultSet */
/** @typedef {{resultSet: ResultSet, close: () => void}} Held */
/** How far a range reaches, counted from where the list begins. @typedef {{from: number, to: number}} Extent */
/** @typedef {Extent & Held} Range */
/** @typedef {Range & {replaced: number}} Next replaced: how many of the last ranges it takes the place of */

/** The parameter that names a range. */
export const WINDOW = "window"

export class Windows {
  /** From where the list begins. @type {Range[]} */
  #ranges
  /** What is being loaded. @type {Next | null} */
  #next = null
  /** The row behind the last range, which says whether there are more. @type {Held & {to: number} | null} */
  #peek = null

  /**
   * @param {{
   *   size: number, first: Held, hold: (params: Params) => Held, peek: (params: Params) => Held, taken: () => void,
   *   refuse: (error: RealtimeError) => void,
   * }} options size: how many rows each step adds, negative if the list begins at its end; first: what is shown already; hold:
   *   subscribes, to a subscription that is next; peek: subscribes to rows that are not shown; taken: the ranges have changed;
   *   refuse: the server refuses more
   */
  constructor({size, first, hold, peek, taken, refuse}) {
    this.size = size
    this.hold = hold
    this.peek = peek
    this.taken = taken
    this.refuse = refuse
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

  /** How many steps are shown. */
  get steps() {
    return this.#last.to / Math.abs(this.size)
  }

  /** The parameter of the first step. */
  get first() {
    return this.#param({from: 0, to: Math.abs(this.size)})
  }

  /** The parameter of all that is shown. */
  get all() {
    return this.#param({from: 0, to: this.#last.to})
  }

  /** The subscriptions in the order of their rows. @returns {ResultSet[]} */
  get resultSets() {
    const found = this.#ranges.map(({resultSet}) => resultSet)
    return this.size < 0 ? found.reverse() : found
  }

  /** Loads the next step, unless one is being loaded, or there is none. */
  more() {
    if (this.isLoading || this.hasMore === false) return
    this.#drop()
    const {to} = this.#last
    this.#load({from: to, to: to + Math.abs(this.size)}, 0)
  }

  /** Takes what was requested, if this is it. @param {ResultSet} resultSet whose rows are loaded or refused */
  arrived(resultSet) {
    const next = this.#next
    if (next?.resultSet !== resultSet || !(resultSet.filled || resultSet.error)) return
    this.#next = null
    resultSet.subscription.isNext = false
    if (resultSet.error) {
      next.close()
      if (!next.replaced) this.refuse(resultSet.error)
      return
    }
    const replaced = next.replaced ? this.#ranges.splice(-next.replaced) : []
    this.#ranges.push(next)
    for (const each of replaced) each.close()
    this.taken()
    this.#join()
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
    this.#drop()
    this.#peek?.close()
    this.#peek = null
    for (const each of this.#ranges.splice(1)) each.close()
  }

  /** Two ranges of one length become one, so that few are left, however many steps are shown. */
  #join() {
    const [one, other] = this.#ranges.slice(-2)
    if (other && one.to - one.from === other.to - other.from) this.#load({from: one.from, to: other.to}, 2)
  }

  /** @param {Extent} extent @param {number} replaced */
  #load(extent, replaced) {
    const {params} = this.#last.resultSet.subscription
    this.#next = {...extent, replaced, ...this.hold({...params, [WINDOW]: this.#param(extent)})}
  }

  #drop() {
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
