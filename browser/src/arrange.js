/**
 * Puts nodes into an order with the fewest moves, and leaves the one that the user is in where it is.
 */

/**
 * @param {Node} parent
 * @param {ChildNode[]} nodes in the order wanted; those that are not in the parent yet are inserted
 * @param {ChildNode | null} [lead] the child behind which they stand; null: they stand first
 */
export function arrange(parent, nodes, lead = null) {
  const places = new Map([...parent.childNodes].map((node, index) => [node, index]))
  const placeOf = (/** @type {ChildNode} */ node) => /** @type {number} */ (places.get(node))
  const present = nodes.filter((node) => places.has(node))
  const stay = isRise(present, placeOf) ? new Set(present) : longestRise(present, placeOf, childInUse(parent))
  let previous = lead
  for (const node of nodes) {
    if (!stay.has(node)) place(parent, node, previous ? previous.nextSibling : parent.firstChild)
    previous = node
  }
}

/**
 * @param {ChildNode[]} nodes
 * @param {(node: ChildNode) => number} placeOf
 */
function isRise(nodes, placeOf) {
  return nodes.every((node, index) => index === 0 || placeOf(nodes[index - 1]) < placeOf(node))
}

/** The child that has the focus or the selection; asking for it makes the browser lay out the page. @param {Node} parent @returns {ChildNode | null} */
function childInUse(parent) {
  const document = parent.ownerDocument
  const selection = document?.getSelection()
  const inUse = [document?.activeElement, selection?.isCollapsed ? null : selection?.anchorNode]
  for (let node of inUse) {
    while (node && node.parentNode !== parent) node = node.parentNode
    if (node) return /** @type {ChildNode} */ (node)
  }
  return null
}

/**
 * @param {Node & {moveBefore?: (node: Node, before: Node | null) => void}} parent
 * @param {ChildNode} node
 * @param {ChildNode | null} before
 */
function place(parent, node, before) {
  if (!node.isConnected || !parent.isConnected || node.getRootNode() !== parent.getRootNode()) {
    parent.insertBefore(node, before)
  } else if (parent.moveBefore) {
    parent.moveBefore(node, before) // keeps focus, scroll and transitions
  } else {
    const scrolled = scrollPositions(node)
    const active = /** @type {HTMLElement | null} */ (node.ownerDocument?.activeElement ?? null)
    const hadFocus = node.contains(active)
    parent.insertBefore(node, before)
    if (hadFocus) active?.focus({preventScroll: true})
    for (const {element, top, left} of scrolled) Object.assign(element, {scrollTop: top, scrollLeft: left})
  }
}

/** @param {ChildNode} node */
function scrollPositions(node) {
  if (!(node instanceof Element)) return []
  return [node, ...node.querySelectorAll("*")]
    .map((element) => ({element, top: element.scrollTop, left: element.scrollLeft}))
    .filter(({top, left}) => top || left)
}

/**
 * The largest set of nodes that stand in the right order already, with the pinned one among them.
 *
 * @param {ChildNode[]} nodes
 * @param {(node: ChildNode) => number} placeOf where a node is now
 * @param {ChildNode | null} pinned
 * @returns {Set<ChildNode>}
 */
function longestRise(nodes, placeOf, pinned) {
  const pin = pinned ? nodes.indexOf(pinned) : -1
  /** @type {number[]} */
  const lowest = [] // by length of a rise: the index of its last node, the lowest one possible
  /** @type {number[]} */
  const before = [] // by index: the index before it in its rise

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
