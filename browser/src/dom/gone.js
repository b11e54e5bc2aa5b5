/**
 * A container of one row, [data-live-single]: shows a template after its row was deleted, or the user may no longer see it.
 */

import {attribute, call, emit, get, show} from "./members.js"

/** The attribute of a container that has no row. */
const GONE = "data-live-gone"

/** The nodes made of templates, by container. @type {WeakMap<Element, ChildNode[]>} */
const shown = new WeakMap()

/** @param {Element} element a container that was painted @param {readonly string[]} keys of its rows @param {readonly string[]} drops */
export function noteGone(element, keys, drops) {
  if (attribute(element, "data-live-single") === null) return
  const isGone = !keys.length
  if (isGone === (attribute(element, GONE) !== null)) return
  show(element, GONE, isGone ? "" : null)
  for (const node of shown.get(element) ?? []) call(node, "remove")
  shown.delete(element)
  if (!isGone) return
  const template = templateAfter(element)
  if (template) {
    const nodes = [...get(call(template.content, "cloneNode", true), "childNodes")]
    call(template, "after", ...nodes)
    shown.set(element, nodes)
  }
  emit(element, "realtime:gone", {key: drops[0]})
}

/** @param {Element} element @returns {HTMLTemplateElement | null} */
function templateAfter(element) {
  const next = get(element, "nextElementSibling")
  return next instanceof HTMLTemplateElement && attribute(next, "data-live-when-gone") !== null ? next : null
}
