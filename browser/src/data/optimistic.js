/**
 * The expected effects of pending calls, as overlays over the server's rows. The server's rows are never modified. When they
 * change, the overlays are applied again, so that no other change of a row is lost.
 */

/**
 * Takes rows and returns the expected rows. It must not modify the array or a row.
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

  /** Notes that the effects of these calls arrive with the next commit. @param {Iterable<string>} ids */
  arrive(ids) {
    for (const id of ids) {
      const overlay = this.#overlays.get(id)
      if (overlay) overlay.arrived = true
    }
  }

  /** Removes the overlays whose effects have arrived. @returns {boolean} whether there were any */
  settle() {
    const arrived = [...this.#overlays].filter(([, overlay]) => overlay.arrived)
    for (const [id] of arrived) this.#overlays.delete(id)
    return arrived.length > 0
  }

  /**
   * Applies all overlays to the rows, in the order of the calls.
   *
   * @template T
   * @param {readonly T[]} rows
   * @param {{strict?: string, apply?: (rows: readonly T[], expect: Expectation, id: string) => readonly T[]}} [options]
   *   strict: the call whose exception is thrown; other overlays, which may not fit newer rows, are skipped if they throw.
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
