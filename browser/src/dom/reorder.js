/**
 * Reorders nodes with the fewest moves, without moving the node that has the focus or the selection.
 */

import {call, documentOf, focused, get, noteSelection} from "./members.js"

/**
 * @param {Node} parent
 * @param {ChildNode[]} nodes in the desired order; those that are not in the parent yet are inserted
 * @param {ChildNode | null} [lead] the child that precedes them; null: they come first
 * @param {Iterable<ChildNode>} [standing] the parent's current children
 */
export function arrange(parent, nodes, lead = null, standing = get(parent, "childNodes")) {
  const places = new Map(Array.from(standing, (node, index) => [node, index]))
  const placeOf = (/** @type {ChildNode} */ node) => /** @type {number} */ (places.get(node))
  const present = nodes.filter((node) => places.has(node))
  const stay = isRise(present, placeOf) ? new Set(present) : longestRise(present, placeOf, childInUse(parent))
  if (stay.size === nodes.length) return
  const restore = holdState(parent, nodes.filter((node) => !stay.has(node)))
  let previous = lead
  for (const node of nodes) {
    if (!stay.has(node)) put(parent, node, previous ? get(previous, "nextSibling") : get(parent, "firstChild"))
    previous = node
  }
  restore()
}

/** @param {Node} parent @param {ChildNode} node which may be elsewhere in the page @param {Node | null} before */
export function place(parent, node, before) {
  const restore = holdState(parent, [node])
  put(parent, node, before)
  restore()
}

/**
 * @param {ChildNode[]} nodes
 * @param {(node: ChildNode) => number} placeOf
 */
function isRise(nodes, placeOf) {
  return nodes.every((node, index) => index === 0 || placeOf(nodes[index - 1]) < placeOf(node))
}

/** Returns the child that has the focus or the selection. Reading it forces a layout. @param {Node} parent @returns {ChildNode | null} */
function childInUse(parent) {
  const document = documentOf(parent)
  const selection = call(document, "getSelection")
  const inUse = [focused(parent), selection?.isCollapsed ? null : selection?.anchorNode]
  for (let node of inUse) {
    while (node && get(node, "parentNode") !== parent) node = get(node, "parentNode")
    if (node) return /** @type {ChildNode} */ (node)
  }
  return null
}

/** Not every browser has moveBefore. @typedef {Node & {moveBefore: (node: Node, before: Node | null) => void}} Parent */

/** Returns whether inserting the node moves it within the page. @param {Node} parent @param {Node} node */
function moves(parent, node) {
  return get(node, "isConnected") && get(parent, "isConnected") && call(node, "getRootNode") === call(parent, "getRootNode")
}

/** @param {Node} parent */
const movesWhole = (parent) => typeof get(/** @type {Parent} */ (parent), "moveBefore") === "function"

/** @param {Node} parent @param {ChildNode} node @param {Node | null} before */
function put(parent, node, before) {
  if (movesWhole(parent) && moves(parent, node)) call(/** @type {Parent} */ (parent), "moveBefore", node, before) // keeps the node's state
  else call(parent, "insertBefore", node, before)
}

/**
 * Reads the state that the browser loses when nodes move. It is read before the first move, because reading forces a layout.
 *
 * @param {Node} parent
 * @param {ChildNode[]} nodes that will move
 * @returns {() => void} restores it
 */
function holdState(parent, nodes) {
  const isWhole = movesWhole(parent)
  if (isWhole && !losesScrolling()) return () => {}
  const moving = nodes.filter((node) => moves(parent, node))
  const scrolled = moving.flatMap(scrollPositions)
  const refocus = isWhole ? () => {} : holdFocus(moving)
  return () => {
    refocus()
    for (const {element, top, left} of scrolled) Object.assign(element, {scrollTop: top, scrollLeft: left})
  }
}

/** Returns whether moveBefore resets scroll positions, as in Firefox. */
function losesScrolling() {
  return globalThis.CSS?.supports?.("-moz-appearance", "none") ?? false
}

/** @param {ChildNode[]} nodes @returns {() => void} restores the focus without events, because for the page it was never lost */
function holdFocus(nodes) {
  const active = /** @type {HTMLElement | null} */ (nodes.length ? focused(nodes[0]) : null)
  const window = active && get(documentOf(active), "defaultView")
  if (!active || !window || !nodes.some((node) => call(node, "contains", active))) return () => {}
  const restoreSelection = noteSelection(active)
  const stop = (/** @type {Event} */ event) => event.stopImmediatePropagation()
  const types = ["blur", "focusout", "focus", "focusin"]
  for (const type of types) window.addEventListener(type, stop, true)
  return () => {
    call(active, "focus", {preventScroll: true})
    restoreSelection()
    for (const type of types) window.removeEventListener(type, stop, true)
  }
}

/** @param {ChildNode} node */
function scrollPositions(node) {
  if (!(node instanceof Element)) return []
  return [node, ...call(node, "querySelectorAll", "*")]
    .map((element) => ({element, top: get(element, "scrollTop"), left: get(element, "scrollLeft")}))
    .filter(({top, left}) => top || left)
}

/**
 * Returns the largest set of nodes that are already in the right order and include the pinned one.
 *
 * @param {ChildNode[]} nodes
 * @param {(node: ChildNode) => number} placeOf where a node is now
 * @param {ChildNode | null} pinned
 * @returns {Set<ChildNode>}
 */
function longestRise(nodes, placeOf, pinned) {
  const pin = pinned ? nodes.indexOf(pinned) : -1
  /** @type {number[]} */
  const lowest = [] // by length of a rise: the lowest possible index of its last node
  /** @type {number[]} */
  const before = [] // by index: the preceding index in its rise

  nodes.forEach((node, index) => {
    const place = placeOf(node)
    if (pin >= 0 && index !== pin && (index < pin) !== (place < placeOf(nodes[pin]))) return
    let low = 0
    let high = lowest.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (placeOf(nodes[lowest[middle]]) < place) low = middle + 1
      else high = middle
    }
    before[index] = low > 0 ? lowest[low - 1] : -1
    lowest[low] = index
  })

  /** @type {Set<ChildNode>} */
  const rise = new Set()
  for (let index = lowest[lowest.length - 1]; index >= 0; index = before[index]) rise.add(nodes[index])
  return rise
}
