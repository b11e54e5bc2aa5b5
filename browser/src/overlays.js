/**
 * What calls under way are expected to do, laid over what the server says. The server's rows are never touched: when
 * they change, the overlays are laid over them anew, so that whatever else happens to a row meanwhile is kept.
 */

/**
 * Takes rows and returns what they are expected to become; neither the array nor a row may be changed.
 *
 * @typedef {(rows: any) => any} Expectation
 */

export class Overlays {
  /** By the ids of the calls, in their order. `arrived`: the call's effects are in the next commit. @type {Map<string, {expect: Expectation, arrived: boolean}>} */
  #overlays = new Map()

  get size() {
    return this.#overlays.size
  }

  /** @param {string} id @param {Expectation} expect */
  add(id, expect) {
    this.#overlays.set(id, {expect, arrived: false})
  }

  /** @param {string} id @returns {boolean} whether there was one */
  drop(id) {
    return this.#overlays.delete(id)
  }

  clear() {
    this.#overlays.clear()
  }

  /** The effects of these calls come with the next commit. @param {Iterable<string>} ids */
  arrive(ids) {
    for (const id of ids) {
      const overlay = this.#overlays.get(id)
      if (overlay) overlay.arrived = true
    }
  }

  /** The server's rows speak for themselves now. @returns {boolean} whether that ends an overlay */
  settle() {
    const arrived = [...this.#overlays].filter(([, overlay]) => overlay.arrived)
    for (const [id] of arrived) this.#overlays.delete(id)
    return arrived.length > 0
  }

  /**
   * The rows under all overlays, in the order of the calls.
   *
   * @template T
   * @param {readonly T[]} rows
   * @param {{strict?: string, apply?: (rows: readonly T[], expect: Expectation, id: string) => readonly T[]}} [options]
   *   strict: the call whose failure is thrown; of an older one, which may not know what has come since, it is left out.
   * @returns {readonly T[]}
   */
  show(rows, {strict, apply = applyToRows} = {}) {
    let shown = rows
    for (const [id, {expect}] of this.#overlays) {
      try {
        shown = apply(shown, expect, id)
      } catch (error) {
        if (id === strict) throw error
      }
    }
    return shown
  }
}

/** @template T @param {readonly T[]} rows @param {Expectation} expect @returns {readonly T[]} */
function applyToRows(rows, expect) {
  const shown = expect(rows)
  if (!Array.isArray(shown)) throw new TypeError("The function 'optimistic' must return an array of rows.")
  return shown
}
