/**
 * Tracks what the page's own code has changed in rows. Such a change stays until the server changes the same attribute, text
 * or child. So the server's new value is compared with its previous one, not with the page.
 */

import {call, get, isSigned, set} from "./members.js"

const OBSERVED = {
  subtree: true, childList: true,
  attributes: true, attributeOldValue: true,
  characterData: true, characterDataOldValue: true,
}

/** @typedef {{attributes: Map<Node, Set<string>>, texts: Set<Node>, children: Map<Node, Node[]>}} Own */

class PageChanges {
  /** The server's last values of attributes that the page's code has changed. @type {WeakMap<Node, Map<string, string | null>>} */
  #attributes = new WeakMap()
  /** The server's last texts of nodes that the page's code has changed. @type {WeakMap<Node, string | null>} */
  #texts = new WeakMap()
  /** The server's children, in order, of nodes whose children the page's code has changed. @type {WeakMap<Node, Node[]>} */
  #children = new WeakMap()
  /** The server's last version of children that the page's code has removed, wherever they are now. @type {WeakMap<Node, Node>} */
  #removed = new WeakMap()
  /** Rows in which the page's code has changed something. @type {WeakSet<Node>} */
  #touched = new WeakSet()
  /** @type {MutationObserver | null} */
  #observer = null
  /** The changes made by the current `during`. @type {Own | null} */
  #own = null

  /** Starts tracking changes in this tree. @param {Node} root */
  observe(root) {
    this.#observer ??= new MutationObserver((records) => this.#note(records))
    this.#observer.observe(root, OBSERVED)
  }

  /**
   * Calls `work`, whose changes count as the server's. Changes by the page's code meanwhile, such as custom elements, do not.
   *
   * @template T
   * @param {() => T} work
   * @returns {T}
   */
  during(work) {
    if (this.#own) return work()
    this.#note(this.#observer?.takeRecords() ?? [])
    const own = (this.#own = {attributes: new Map(), texts: new Set(), children: new Map()})
    try {
      return work()
    } finally {
      this.#own = null
      this.#note(this.#observer?.takeRecords() ?? [], own)
      for (const [parent, children] of own.children) this.#keep(parent, children)
    }
  }

  /** Returns the server's last value of an attribute that the page's code has changed since; else undefined. @param {Element} element @param {string} name */
  attributeOf(element, name) {
    return this.#attributes.get(element)?.get(name)
  }

  /** Notes the server's value of an attribute. `differs`: the page shows another one. @param {Element} element @param {string} name @param {string | null} value @param {boolean} [differs] */
  noteAttribute(element, name, value, differs = false) {
    if (differs) this.#attributesOf(element).set(name, value)
    else this.#attributes.get(element)?.delete(name)
    const names = this.#own?.attributes.get(element)
    if (names) names.add(name)
    else this.#own?.attributes.set(element, new Set([name]))
  }

  /** Returns the server's last text of a node. @param {Node} node */
  textOf(node) {
    return this.#texts.has(node) ? this.#texts.get(node) : get(node, "nodeValue")
  }

  /** @param {Node} node @param {string | null} text */
  write(node, text) {
    this.#texts.delete(node)
    this.#own?.texts.add(node)
    const shown = get(node, "nodeValue") ?? ""
    // appending keeps the user's selection in the text
    if (text?.startsWith(shown)) /** @type {CharacterData} */ (node).appendData(text.slice(shown.length))
    else set(node, "nodeValue", text)
  }

  /** Returns the server's children, including those that the page's code has removed. @param {Node} parent @returns {Node[]} */
  childrenOf(parent) {
    return this.#children.get(parent) ?? [...get(parent, "childNodes")]
  }

  /** Returns the server's children that the page's code has removed. @param {Node} parent */
  removedFrom(parent) {
    return (this.#children.get(parent) ?? []).filter((node) => get(node, "parentNode") !== parent)
  }

  /** Returns whether the server has not changed a child that the page's code has removed. @param {Node} child @param {Node} wanted */
  isAsBefore(child, wanted) {
    return call(this.#removed.get(child) ?? child, "isEqualNode", wanted)
  }

  /** Notes the server's children of a node. @param {Node} parent @param {Node[]} children */
  noteChildren(parent, children) {
    this.#own?.children.set(parent, children)
  }

  /** Returns whether the page's code has not changed a row. @param {Element} row */
  isUntouched(row) {
    return !this.#touched.has(row)
  }

  /** @param {Node} node */
  #touch(node) {
    for (let each = /** @type {Node | null} */ (node); each; each = get(each, "parentNode")) {
      if (each instanceof Element && call(each, "hasAttribute", "data-live-key")) this.#touched.add(each)
    }
  }

  /** Returns a copy of a node without the changes of the page's own code. @template {Node} T @param {T} node @returns {T} */
  serverCopy(node) {
    const copy = /** @type {T} */ (call(/** @type {Node} */ (node), "cloneNode", node instanceof HTMLTemplateElement))
    if (this.#texts.has(node)) copy.nodeValue = /** @type {string} */ (this.#texts.get(node))
    for (const [name, value] of this.#attributes.get(node) ?? []) {
      if (value === null) call(/** @type {any} */ (copy), "removeAttribute", name)
      else call(/** @type {any} */ (copy), "setAttribute", name, value)
    }
    for (const child of this.childrenOf(node)) call(/** @type {Node} */ (copy), "appendChild", this.serverCopy(child))
    return copy
  }

  /** @param {Node} element */
  #attributesOf(element) {
    let values = this.#attributes.get(element)
    if (!values) this.#attributes.set(element, (values = new Map()))
    return values
  }

  /** @param {Node} parent @param {Node[]} children */
  #keep(parent, children) {
    const shown = get(parent, "childNodes")
    if (shown.length === children.length && children.every((node, index) => shown[index] === node)) this.#children.delete(parent)
    else this.#children.set(parent, children)
  }

  /** @param {MutationRecord[]} records @param {Own} [own] */
  #note(records, own) {
    /** @type {Map<Node, MutationRecord[]>} */
    const moved = new Map()
    for (const record of records) {
      const {type, target, oldValue} = record
      if (type === "attributes") {
        const name = /** @type {string} */ (record.attributeName)
        if (own?.attributes.get(target)?.has(name)) continue
        const values = this.#attributesOf(target)
        if (!values.has(name)) values.set(name, oldValue)
        this.#touch(target)
      } else if (type === "characterData") {
        if (own?.texts.has(target)) continue
        if (!this.#texts.has(target)) this.#texts.set(target, oldValue)
        this.#touch(target)
      } else if (!own?.children.has(target) && !this.#children.has(target) && !isContainer(target)) {
        const its = moved.get(target)
        if (its) its.push(record)
        else moved.set(target, [record])
      }
    }
    for (const [parent, its] of moved) {
      this.#children.set(parent, childrenBefore(parent, its))
      this.#touch(parent)
    }
    for (const {target, removedNodes} of records) {
      const children = removedNodes.length ? this.#children.get(target) : undefined
      for (const node of removedNodes) {
        if (children?.includes(node) && get(node, "parentNode") !== target) this.#removed.set(node, this.serverCopy(node))
      }
    }
  }
}

/** Returns whether a node is a container; its rows are identified by their keys instead. @param {Node} node */
function isContainer(node) {
  return node instanceof Element && isSigned(node)
}

/** Returns the children before the changes, by undoing these one by one. @param {Node} parent @param {MutationRecord[]} records */
function childrenBefore(parent, records) {
  /** @type {Node[]} */
  const children = [...get(parent, "childNodes")]
  for (const {addedNodes, removedNodes, previousSibling} of records.reverse()) {
    const added = new Set(addedNodes)
    const place = previousSibling ? children.indexOf(previousSibling) + 1 : 0
    children.splice(0, children.length, ...children.filter((node) => !added.has(node)))
    children.splice(place, 0, ...removedNodes)
  }
  return children
}

export const pageChanges = new PageChanges()
