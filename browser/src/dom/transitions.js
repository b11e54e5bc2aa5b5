/**
 * Animation of rows that come, move and go, by the browser's view transitions: one for all that is painted at a time.
 */

import {call, get, show} from "./members.js"

/** Only rows take part, and nothing of the page waits for them: it can be used meanwhile. */
const RULES = `
  [data-live-moving] > [data-live-key] { view-transition-name: match-element }
  :root:has([data-live-moving]) { view-transition-name: none }
  :root:has([data-live-moving])::view-transition { pointer-events: none }
`

/** What the next transition paints. @type {Map<Element, () => void> | null} */
let waiting = null
/** @type {WeakSet<Document>} */
const styled = new WeakSet()

/** Whether the container's rows are to be animated, and can be. @param {Element} element */
export function animates(element) {
  const document = /** @type {Document} */ (get(element, "ownerDocument"))
  return (
    call(element, "closest", "[data-live-animate]") !== null &&
    typeof get(document, "startViewTransition") === "function" &&
    get(document, "visibilityState") === "visible" &&
    !get(document, "defaultView")?.matchMedia("(prefers-reduced-motion: reduce)").matches
  )
}

/** Calls `paint` as soon as the browser has taken a picture of what is there. @param {Element} element @param {() => void} paint */
export function animate(element, paint) {
  const document = /** @type {Document} */ (get(element, "ownerDocument"))
  if (waiting) return void waiting.set(element, paint)
  if (!styled.has(document)) addRules(document)
  const painted = (waiting = new Map([[element, paint]]))
  show(element, "data-live-moving", "")
  const transition = call(document, "startViewTransition", () => {
    waiting = null
    for (const each of painted.values()) each()
  })
  transition.ready.catch(() => {}) // another one has taken its place, or the page is hidden: the rows are there all the same
  transition.finished.finally(() => show(element, "data-live-moving", null)).catch(() => {})
}

/** @param {Document} document */
function addRules(document) {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(RULES)
  document.adoptedStyleSheets.push(sheet)
  styled.add(document)
}
