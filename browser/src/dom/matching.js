/**
 * Which element of the page is which one of the server's: whatever has an id, a key or a field's name, or holds something
 * that does, is the same wherever it stands in the row; the rest is known by its kind, what it says, and its order.
 */

import {isField} from "./form_fields.js"
import {attribute, call, get} from "./members.js"
import {pageChanges} from "./page_changes.js"

/** The page's nodes by the server's. @typedef {Map<Node, Node>} Pairs */

/** Elements that the page's own code keeps. @param {Node} node */
export function isKept(node) {
  return node instanceof Element && (call(node, "hasAttribute", "data-live-keep") || call(node, "hasAttribute", "data-live"))
}

/** Elements of one kind can be changed into one another. @param {Node} node */
export function kind(node) {
  const name = get(node, "nodeName")
  if (!(node instanceof HTMLInputElement)) return name
  const type = pageChanges.attributeOf(node, "type") // page code shows a password, for example
  return `${name} ${type === undefined ? node.type : type ?? "text"}`
}

/** An attribute as the server has said it. @param {Element} element @param {string} name */
function said(element, name) {
  const own = pageChanges.attributeOf(element, name)
  return own === undefined ? attribute(element, name) : own
}

/**
 * Pairs what is known by name, and what holds it, in all of two trees.
 *
 * @param {Node} from in the page
 * @param {Node} to the server's
 * @returns {Pairs}
 */
export function pairNamed(from, to) {
  /** @type {Pairs} */
  const pairs = new Map()
  /** @type {Map<string, Element[]>} */
  const named = new Map()
  for (const element of withTaken(from)) {
    const name = nameOf(element)
    if (name) add(named, `${kind(element)} ${name}`, element)
  }
  const wanted = named.size ? elementsIn(to) : []
  const taken = new Set()
  const found = wanted.filter((element) => {
    const name = nameOf(element)
    const match = name && pick(named.get(`${kind(element)} ${name}`), element)
    if (match) pairs.set(element, match)
    if (match) taken.add(match)
    return match
  })
  for (const element of found) pairHolders(pairs, taken, {element, from, to})
  return pairs
}

/** @param {Pairs} pairs @param {Set<Node>} taken @param {{element: Element, from: Node, to: Node}} place */
function pairHolders(pairs, taken, {element, from, to}) {
  let match = /** @type {Node | null} */ (pairs.get(element) ?? null)
  for (let holder = get(element, "parentNode"); holder && holder !== to && !pairs.has(holder); holder = get(holder, "parentNode")) {
    if (nameOf(holder)) continue
    let other = match && get(match, "parentNode")
    while (other && other !== from && (taken.has(other) || nameOf(other) || kind(other) !== kind(holder))) other = get(other, "parentNode")
    if (!other || other === from) continue
    pairs.set(holder, other)
    taken.add(other)
    match = other
  }
}

/**
 * Pairs children that have no name: first those that say the same, then those of one kind, in their order.
 *
 * @param {Pairs} pairs
 * @param {Node[]} from
 * @param {Node[]} to
 */
export function pairRest(pairs, from, to) {
  const taken = new Set(to.map((node) => pairs.get(node)))
  const free = new Set(from.filter((node) => !taken.has(node) && !nameOf(node)))
  const open = new Set(to.filter((node) => !pairs.has(node) && !nameOf(node)))
  for (const alike of [content, kind]) {
    /** @type {Map<string, Node[]>} */
    const like = new Map()
    for (const node of free) add(like, alike(node), node)
    for (const node of open) {
      const match = pick(like.get(alike(node)), node)
      if (!match) continue
      pairs.set(node, match)
      open.delete(node)
      free.delete(match)
    }
  }
}

/** What makes an element the same wherever it stands; "": nothing does. @param {Node} node */
function nameOf(node) {
  if (!(node instanceof Element)) return ""
  const id = said(node, "id")
  if (id) return `#${id}`
  const key = attribute(node, "data-live-key")
  if (key !== null) return `key ${key}`
  if (!isField(node) || !node.name) return ""
  const choice = node instanceof HTMLInputElement && /^(radio|checkbox)$/.test(node.type) ? node.getAttribute("value") : ""
  return `name ${node.name} ${choice}`
}

/** @param {Node} node */
function content(node) {
  const look = node instanceof Element ? said(node, "class") : ""
  return `${kind(node)} ${look} ${get(node, "textContent")}`
}

/** The first of several, one that is kept for one that is. @template {Node} T @param {T[] | undefined} nodes @param {Node} wanted */
function pick(nodes, wanted) {
  if (!nodes?.length) return undefined
  const place = nodes.findIndex((node) => isKept(node) === isKept(wanted))
  return nodes.splice(Math.max(0, place), 1)[0]
}

/** All elements but those in what the page's own code keeps. @param {Node} root @returns {Element[]} */
function elementsIn(root) {
  const document = /** @type {Document} */ (get(root, "ownerDocument"))
  const walker = call(document, "createTreeWalker", root, 1)
  const found = []
  for (let node = walker.nextNode(); node; ) {
    found.push(/** @type {Element} */ (node))
    node = isKept(node) ? past(walker) : walker.nextNode()
  }
  return found
}

/** All elements of the page's, and those of the server's that the page's own code has taken out. @param {Node} root @returns {Element[]} */
function withTaken(root) {
  const elements = elementsIn(root)
  for (const parent of [root, ...elements]) {
    for (const child of pageChanges.takenFrom(parent)) {
      if (child instanceof Element && !call(root, "contains", child)) elements.push(child, ...withTaken(child))
    }
  }
  return elements
}

/** The next element that is not below the current one. @param {TreeWalker} walker */
function past(walker) {
  do {
    const next = walker.nextSibling()
    if (next) return next
  } while (walker.parentNode())
  return null
}

/** @template T @param {Map<string, T[]>} map @param {string} key @param {T} value */
function add(map, key, value) {
  const held = map.get(key)
  if (held) held.push(value)
  else map.set(key, [value])
}
