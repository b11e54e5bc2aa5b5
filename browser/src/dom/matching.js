/**
 * Matches the page's elements with the server's. Elements with an id, a key or a field name match wherever they are in the
 * row, and so do their ancestors. Other nodes match by kind, content and order.
 */

import {isField} from "./form_fields.js"
import {attribute, call, documentOf, get, isForeign, isSigned} from "./members.js"
import {pageChanges} from "./page_changes.js"

/** Maps the server's nodes to the page's. @typedef {Map<Node, Node>} Pairs */

/** Returns whether a node must not be changed: data-live-keep, or a nested container. Not so in foreign markup, which its author could otherwise keep on the page. @param {Node} node */
export function isKept(node) {
  return node instanceof Element && (call(node, "hasAttribute", "data-live-keep") || isSigned(node)) && !isForeign(node)
}

/** Returns the kind of a node. Only nodes of the same kind can be morphed into each other. @param {Node} node */
export function kind(node) {
  const name = get(node, "nodeName")
  if (!(node instanceof HTMLInputElement)) return name
  const type = pageChanges.attributeOf(node, "type") // page code may show a password, for example
  return `${name} ${type === undefined ? node.type : type ?? "text"}`
}

/** Returns an attribute's last value from the server. @param {Element} element @param {string} name */
function serverAttribute(element, name) {
  const own = pageChanges.attributeOf(element, name)
  return own === undefined ? attribute(element, name) : own
}

/**
 * Pairs the named elements of two trees, and their ancestors.
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
  for (const element of withRemoved(from)) {
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
 * Pairs children that have no name: first those with the same content, then those of the same kind, in order.
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

/** Returns the name that identifies a node wherever it is; "" if it has none. @param {Node} node */
function nameOf(node) {
  if (!(node instanceof Element)) return ""
  const id = serverAttribute(node, "id")
  if (id) return `#${id}`
  const key = attribute(node, "data-live-key")
  if (key !== null) return `key ${key}`
  if (!isField(node) || !node.name) return ""
  const choice = node instanceof HTMLInputElement && /^(radio|checkbox)$/.test(node.type) ? node.getAttribute("value") : ""
  return `name ${node.name} ${choice}`
}

/** @param {Node} node */
function content(node) {
  const look = node instanceof Element ? serverAttribute(node, "class") : ""
  return `${kind(node)} ${look} ${get(node, "textContent")}`
}

/** Removes and returns the first of several nodes. A kept one is preferred for a kept one. @template {Node} T @param {T[] | undefined} nodes @param {Node} wanted */
function pick(nodes, wanted) {
  if (!nodes?.length) return undefined
  const place = nodes.findIndex((node) => isKept(node) === isKept(wanted))
  return nodes.splice(Math.max(0, place), 1)[0]
}

/** Returns all elements, except those inside kept ones. @param {Node} root @returns {Element[]} */
function elementsIn(root) {
  const document = documentOf(root)
  const walker = call(document, "createTreeWalker", root, 1)
  const found = []
  for (let node = walker.nextNode(); node; ) {
    found.push(/** @type {Element} */ (node))
    node = isKept(node) ? past(walker) : walker.nextNode()
  }
  return found
}

/** Returns all elements in the page, and those that the page's own code has removed. @param {Node} root @returns {Element[]} */
function withRemoved(root) {
  const elements = elementsIn(root)
  for (const parent of [root, ...elements]) {
    for (const child of pageChanges.removedFrom(parent)) {
      if (child instanceof Element && !call(root, "contains", child)) elements.push(child, ...withRemoved(child))
    }
  }
  return elements
}

/** Returns the next element that is not a descendant of the current one. @param {TreeWalker} walker */
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
