/**
 * Splits a change of many rows into parts. After each part the list is consistent: first the finished rows in their new order,
 * then the others as before.
 */

import {get} from "./members.js"

/** The number of rows that a part adds, changes or moves at most, and the number that it removes at most. */
export const PART_ROWS = 50
/** How long a task shows parts before the browser renders them; longer if the last rendering took longer. */
const TASK_MILLISECONDS = 12
const FRAME_MILLISECONDS = 17
/** A hidden page gets no animation frames; this timer replaces them. */
const HIDDEN_MILLISECONDS = 100

/**
 * @param {readonly string[]} shown the keys as they are now
 * @param {readonly string[]} wanted
 * @param {Map<string, unknown>} puts rows to add or change
 * @returns {Generator<{keys: readonly string[], puts: string[]}, void>}
 */
export function* parts(shown, wanted, puts) {
  const [isShown, isWanted] = [new Set(shown), new Set(wanted)]
  const gone = shown.filter((key) => !isWanted.has(key))
  const placed = new Set()
  const dropped = new Set()
  let standing = 0
  do {
    /** @type {string[]} */
    const part = []
    let work = 0
    for (const key of wanted.slice(placed.size)) {
      if (work >= PART_ROWS) break
      while (standing < shown.length && (placed.has(shown[standing]) || !isWanted.has(shown[standing]))) standing += 1
      if (puts.has(key)) part.push(key)
      if (puts.has(key) || (isShown.has(key) && shown[standing] !== key)) work += 1
      placed.add(key)
    }
    for (const key of gone.slice(dropped.size, dropped.size + PART_ROWS)) dropped.add(key)
    const isLast = placed.size === isWanted.size && dropped.size === gone.length
    const rest = isLast ? [] : shown.filter((key) => !placed.has(key) && !dropped.has(key))
    yield {keys: rest.length ? [...placed, ...rest] : wanted, puts: part}
    if (isLast) return
  } while (true)
}

/**
 * Runs the steps of `work`: the first ones at once, then in tasks that keep the page responsive.
 *
 * @param {Iterator<unknown>} work
 * @param {Document} document
 * @param {(isDone: boolean) => boolean} then called at the end of each task; returns whether to continue with the next one
 * @param {number} [budget] milliseconds
 */
export function inTasks(work, document, then, budget = TASK_MILLISECONDS) {
  const end = performance.now() + budget
  let isDone = false
  do isDone = Boolean(work.next().done)
  while (!isDone && performance.now() < end)
  if (!then(isDone) || isDone) return
  const ended = performance.now()
  afterFrame(document, () => {
    const layout = performance.now() - ended - FRAME_MILLISECONDS // the layout of a long list is slow, so more parts are shown before the next one
    inTasks(work, document, then, Math.max(TASK_MILLISECONDS, layout))
  })
}

/** @param {Document} document @param {() => void} callback */
function afterFrame(document, callback) {
  const window = get(document, "defaultView")
  let timer = 0
  const frame = window?.requestAnimationFrame(() => run())
  const run = () => {
    clearTimeout(timer)
    if (frame !== undefined) window?.cancelAnimationFrame(frame)
    callback()
  }
  timer = /** @type {any} */ (setTimeout(run, HIDDEN_MILLISECONDS))
}
