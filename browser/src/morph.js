/**
 * Changes an element into another one, and touches only what differs.
 */

import {arrange} from "./arrange.js"
import {follow, isField, isUsersAttribute, noteEdit, take, takeWithheld, use, withholdsChildren} from "./fields.js"

/**
 * @param {Element} from in the page
 * @param {Element} to not in the page; its parts may be taken over
 * @returns {Element} `from`, or `to` in its place where they are of different kinds
 */
export function morph(from, to) {
  if (isKept(from)) return from
  if (kind(from) !== kind(to)) {
    from.replaceWith(to)
    return to
  }
  const before = isField(from) && isField(to) ? use(from, to) : null
  morphAttributes(from, to)
  if (withholdsChildren(from, to)) return from
  if (!(from instanceof HTMLTextAreaElement)) morphChildren(from, to)
  if (before && isField(from)) follow(from, before)
  return from
}

/** Shows what was withheld from a field as soon as the user leaves it. @param {Document} document */
export function watchFields(document) {
  document.addEventListener("input", noteEdit)
  document.addEventListener("focusout", ({target}) => {
    for (let element = target instanceof Element ? target : null; element; element = element.parentElement) catchUp(element)
  })
}

/** An action has taken what these fields held: they follow the server again. @param {Parameters<typeof take>[0]} fields */
export function settle(fields) {
  take(fields)
  for (const {field} of fields) catchUp(field)
}

/** @param {Element} element */
function catchUp(element) {
  const to = takeWithheld(element)
  if (to) morph(element, to)
}

/** @param {Element} element */
function isKept(element) {
  return element.hasAttribute("data-live-keep") || element.hasAttribute("data-live")
}

/** Elements of one kind can be changed into one another. @param {Element} element */
function kind(element) {
  return element instanceof HTMLInputElement ? `${element.nodeName} ${element.type}` : element.nodeName
}

/** @param {Element} from @param {Element} to */
function morphAttributes(from, to) {
  for (const {name, value} of [...to.attributes]) {
    if (!isUsersAttribute(from, name) && from.getAttribute(name) !== value) from.setAttribute(name, value)
  }
  for (const {name} of [...from.attributes]) {
    if (!isUsersAttribute(from, name) && !to.hasAttribute(name)) from.removeAttribute(name)
  }
}

/** @param {Element} from @param {Element} to */
function morphChildren(from, to) {
  /** @type {Map<string, ChildNode[]>} */
  const old = new Map()
  for (const node of from.childNodes) {
    const name = identity(node, isMarked(node))
    const alike = old.get(name)
    if (alike) alike.push(node)
    else old.set(name, [node])
  }
  const wanted = [...to.childNodes].map((node) => {
    const marked = isMarked(node)
    const match = old.get(identity(node, marked))?.shift() ?? old.get(identity(node, !marked))?.shift()
    if (!match) return node
    if (match instanceof Element) return morph(match, /** @type {Element} */ (node))
    if (match.nodeValue !== node.nodeValue) match.nodeValue = node.nodeValue
    return match
  })
  for (const node of [...old.values()].flat()) {
    if (!isMarked(node)) node.remove()
  }
  arrange(from, wanted)
}

/** Elements that the page's own code keeps: none of the server's takes their place, if there is another. @param {Node} node */
function isMarked(node) {
  return node instanceof Element && node.hasAttribute("data-live-keep")
}

/** What makes two children the same: id, key, or a field's name; else kind, in order. @param {Node} node @param {boolean} marked */
function identity(node, marked) {
  if (!(node instanceof Element)) return node.nodeName
  const like = marked ? `${kind(node)} kept` : kind(node)
  if (node.id) return `${like} #${node.id}`
  const key = node.getAttribute("data-live-key")
  if (key !== null) return `${like} key ${key}`
  if (!isField(node)) return like
  const choice = node instanceof HTMLInputElement && /^(radio|checkbox)$/.test(node.type) ? node.getAttribute("value") : ""
  return `${like} name ${node.name} ${choice}`
}
