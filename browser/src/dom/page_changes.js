/**
 * What the page's own code has changed in rows: it stays until the server says otherwise about that very attribute, text
 * or child. So a change of the server's is told by what the server said last, not by what the page has.
 */

import {call, get} from "./members.js"

const OBSERVED = {
  subtree: true, childList: true,
  attributes: true, attributeOldValue: true,
  characterData: true, characterDataOldValue: true,
}

/** @typedef {{attributes: Map<Node, Set<string>>, texts: Set<Node>, children: Map<Node, Node[]>}} Own */

class PageChanges {
  /** What the server said last of attributes that the page's code has changed. @type {WeakMap<Node, Map<string, string | null>>} */
  #attributes = new WeakMap()
  /** What it said last of texts that the page's code has changed. @type {WeakMap<Node, string | null>} */
  #texts = new WeakMap()
  /** The server's children, in its order, of nodes in which the page's code has put or removed some. @type {WeakMap<Node, Node[]>} */
  #children = new WeakMap()
  /** What the server said of children that the page's code has taken out, wherever they are now. @type {WeakMap<Node, Node>} */
  #taken = new WeakMap()
  /** Rows in which the page's code has changed something. @type {WeakSet<Node>} */
  #touched = new WeakSet()
  /** @type {MutationObserver | null} */
  #observer = null
  /** What the work at hand has changed by itself. @type {Own | null} */
  #own = null

  /** From now on changes in this tree are noted. @param {Node} root */
  observe(root) {
    this.#observer ??= new MutationObserver((records) => this.#note(records))
    this.#observer.observe(root, OBSERVED)
  }

  /**
   * What `work` changes is the server's; what the page's code does meanwhile, a custom element for example, is not.
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

  /** What the server said of an attribute that the page's code has changed since; else undefined. @param {Element} element @param {string} name */
  attributeOf(element, name) {
    return this.#attributes.get(element)?.get(name)
  }

  /** The server has said this of an attribute, and it was written unless `differs`. @param {Element} element @param {string} name @param {string | null} value @param {boolean} [differs] */
  said(element, name, value, differs = false) {
    if (differs) this.#said(element).set(name, value)
    else this.#attributes.get(element)?.delete(name)
    const names = this.#own?.attributes.get(element)
    if (names) names.add(name)
    else this.#own?.attributes.set(element, new Set([name]))
  }

  /** What the server said of a text. @param {Node} node */
  textOf(node) {
    return this.#texts.has(node) ? this.#texts.get(node) : node.nodeValue
  }

  /** @param {Node} node @param {string | null} text */
  write(node, text) {
    this.#texts.delete(node)
    this.#own?.texts.add(node)
    const shown = node.nodeValue ?? ""
    // A selection in text that only grows is kept, if the text is not replaced.
    if (text?.startsWith(shown)) /** @type {CharacterData} */ (node).appendData(text.slice(shown.length))
    else node.nodeValue = text
  }

  /** The server's children, those too that the page's code has taken out. @param {Node} parent @returns {Node[]} */
  childrenOf(parent) {
    return this.#children.get(parent) ?? [...get(parent, "childNodes")]
  }

  /** Those of them that the page's code has taken out. @param {Node} parent */
  takenFrom(parent) {
    return (this.#children.get(parent) ?? []).filter((node) => get(node, "parentNode") !== parent)
  }

  /** Whether the server says of a child that was taken out what it has said before. @param {Node} child @param {Node} wanted */
  isAsBefore(child, wanted) {
    return (this.#taken.get(child) ?? child).isEqualNode(wanted)
  }

  /** The server has said that these are the children. @param {Node} parent @param {Node[]} children */
  saidChildren(parent, children) {
    this.#own?.children.set(parent, children)
  }

  /** Whether a row is as the server has said it. @param {Element} row */
  isUntouched(row) {
    return !this.#touched.has(row)
  }

  /** @param {Node} node */
  #touch(node) {
    for (let each = /** @type {Node | null} */ (node); each; each = get(each, "parentNode")) {
      if (each instanceof Element && call(each, "hasAttribute", "data-live-key")) this.#touched.add(each)
    }
  }

  /** A node as the server has said it, without what the page's own code has made of it. @template {Node} T @param {T} node @returns {T} */
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
  #said(element) {
    let said = this.#attributes.get(element)
    if (!said) this.#attributes.set(element, (said = new Map()))
    return said
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
        const said = this.#said(target)
        if (!said.has(name)) said.set(name, oldValue)
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
      const said = removedNodes.length ? this.#children.get(target) : undefined
      for (const node of removedNodes) {
        if (said?.includes(node) && get(node, "parentNode") !== target) this.#taken.set(node, this.serverCopy(node))
      }
    }
  }
}

/** The rows of a container are known by their keys. @param {Node} node */
function isContainer(node) {
  return node instanceof Element && call(node, "hasAttribute", "data-live")
}

/** The children before the changes, which are undone one by one. @param {Node} parent @param {MutationRecord[]} records */
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
