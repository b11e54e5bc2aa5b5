/**
 * Cuts a change of many rows into parts, each of which leaves a list that reads well: what is done already stands in front,
 * in its new order, and behind it what is still as it was.
 */

import {get} from "./members.js"

/** How many rows a part adds, changes or moves, and how many it drops. */
export const PART_ROWS = 50
/** So long a task paints parts, before the browser shows what there is; and as long as that took the last time. */
const TASK_MILLISECONDS = 12
const FRAME_MILLISECONDS = 17
/** A page that is not shown is asked for no frame. */
const HIDDEN_MILLISECONDS = 100

/**
 * @param {readonly string[]} shown the keys as they stand
 * @param {readonly string[]} wanted
 * @param {Map<string, unknown>} puts rows to add or to change
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
 * Does the steps of a work, as many at a time as leave the page responsive; the first ones at once.
 *
 * @param {Iterator<unknown>} work
 * @param {Document} document
 * @param {(isDone: boolean) => boolean} then called whenever the task ends; whether to go on with the next one
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
    const layout = performance.now() - ended - FRAME_MILLISECONDS // of a long list it takes longer than a part: fewer parts then
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
