/**
 * Animates added, moved and removed rows with the browser's view transitions: one for all containers painted at a time.
 */

import {call, documentOf, get, show} from "./members.js"

/** Only rows are animated, and the page stays usable meanwhile. */
const RULES = `
  [data-live-moving] > [data-live-key] { view-transition-name: match-element }
  :root:has([data-live-moving]) { view-transition-name: none }
  :root:has([data-live-moving])::view-transition { pointer-events: none }
`

/** Functions that a transition calls, each with its element. An element with several lists in place has several. @typedef {Map<() => void, Element>} Painters */
/** Those of the next transition. @type {Painters | null} */
let waiting = null
/** The functions of an element's latest transition: it ends an earlier one, whose end must not count. @type {WeakMap<Element, Painters>} */
const latest = new WeakMap()
/** @type {WeakSet<Document>} */
const styled = new WeakSet()

/** Returns whether the container's rows should be animated, and can be. @param {Element} element */
export function animates(element) {
  const document = documentOf(element)
  return (
    call(element, "closest", "[data-live-animate]") !== null &&
    typeof get(document, "startViewTransition") === "function" &&
    get(document, "visibilityState") === "visible" &&
    !get(document, "defaultView")?.matchMedia("(prefers-reduced-motion: reduce)").matches
  )
}

/** Calls `paint` when the browser has captured the old state. @param {Element} element @param {() => void} paint */
export function animate(element, paint) {
  const document = documentOf(element)
  show(element, "data-live-moving", "")
  if (waiting) {
    waiting.set(paint, element)
    latest.set(element, waiting)
    return
  }
  if (!styled.has(document)) addRules(document)
  const painted = (waiting = new Map([[paint, element]]))
  latest.set(element, painted)
  const transition = call(document, "startViewTransition", () => {
    waiting = null
    for (const each of painted.keys()) each()
  })
  transition.ready.catch(() => {}) // replaced by another one, or the page is hidden: the rows are shown anyway
  transition.finished.catch(() => {}).then(() => {
    for (const each of painted.values()) if (latest.get(each) === painted) show(each, "data-live-moving", null)
  })
}

/** @param {Document} document */
function addRules(document) {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(RULES)
  get(document, "adoptedStyleSheets").push(sheet)
  styled.add(document)
}
