/**
 * Morphs an element into another one. Changes only what the server has changed.
 */

import {follow, isField, isUsersAttribute, noteEdit, take, takeWithheld, use, withholdsChildren} from "./form_fields.js"
import {isKept, kind, pairNamed, pairRest} from "./matching.js"
import {call, documentOf, get} from "./members.js"
import {pageChanges} from "./page_changes.js"
import {arrange, place} from "./reorder.js"

/**
 * @param {Element} from in the page
 * @param {Element} to not in the page; its parts may be moved into the page
 * @returns {Element} `from`, or `to` in its place if they are of different kinds
 */
export function morph(from, to) {
  return isKept(from) ? from : pageChanges.during(() => new Morph(from, to).root(from, to))
}

/** Shows the server's value in a field when the user leaves it. @param {Document} document */
export function watchFields(document) {
  call(document, "addEventListener", "input", noteEdit)
  call(document, "addEventListener", "focusout", ({target}) => {
    for (let element = target instanceof Element ? target : null; element; element = get(element, "parentElement")) catchUp(element)
  })
}

/** Lets fields show the server's values again after an action has accepted their content. @param {Parameters<typeof take>[0]} fields */
export function settle(fields) {
  take(fields)
  for (const {field} of fields) catchUp(field)
}

/** @param {Element} element */
function catchUp(element) {
  const to = takeWithheld(element)
  if (to) morph(element, to)
}

/** The place in a new element for an existing element of the page. @typedef {{parent: Node, children: Node[], mark: Comment, node: Node}} Gap */

/** The morphing of one tree. */
class Morph {
  /** Nodes to remove after all nodes that stay have been moved out of them. @type {Set<Node>} */
  #leaving = new Set()

  /** @param {Node} from @param {Node} to */
  constructor(from, to) {
    this.pairs = pairNamed(from, to)
    this.needed = new Set(this.pairs.values())
  }

  /** @param {Element} from @param {Element} to */
  root(from, to) {
    const isSame = kind(from) === kind(to)
    if (isSame) this.#update(from, to)
    else this.#replace(from, to)
    this.#clear()
    return isSame ? from : to
  }

  /** @param {Node} from @param {Node} to */
  trees(from, to) {
    this.#children(from, to)
    this.#clear()
  }

  #clear() {
    for (const node of this.#leaving) {
      const parent = get(node, "parentNode")
      if (parent) call(/** @type {Node} */ (parent), "removeChild", node)
    }
  }

  /** @param {Element} from @param {Element} to */
  #replace(from, to) {
    const gaps = this.#open(to)
    call(from, "after", to)
    this.#fill(gaps)
    this.#leaving.add(from)
  }

  /** @param {Element} from @param {Element} to */
  #update(from, to) {
    if (isKept(from)) return
    const before = isField(from) && isField(to) ? use(from, to) : null
    morphAttributes(from, to)
    if (withholdsChildren(from, to)) return
    if (from instanceof HTMLTemplateElement) return this.#updateTemplate(from, /** @type {HTMLTemplateElement} */ (to))
    if (!(from instanceof HTMLTextAreaElement)) this.#children(from, to)
    if (before && isField(from)) follow(from, before)
    const [shadow, wanted] = [get(from, "shadowRoot"), get(to, "shadowRoot")]
    if (shadow && wanted) new Morph(shadow, wanted).trees(shadow, wanted)
  }

  /** Replaces the content of a template: it is not visible, so nothing in it has to be kept. @param {HTMLTemplateElement} from @param {HTMLTemplateElement} to */
  #updateTemplate({content}, to) {
    if (!content.isEqualNode(to.content)) content.replaceChildren(...to.content.childNodes)
  }

  /** @param {Node} from @param {Node} to */
  #children(from, to) {
    const previous = pageChanges.childrenOf(from)
    const wanted = [...get(to, "childNodes")]
    pairRest(this.pairs, previous.filter((node) => !this.needed.has(node)), wanted)
    const shown = new Set(get(from, "childNodes"))
    const taken = new Set(previous.filter((node) => !shown.has(/** @type {ChildNode} */ (node)))) // by the page's own code
    const children = wanted.map((node) => this.pairs.get(node) ?? node)
    const here = wanted.filter((node, index) => !(taken.has(children[index]) && pageChanges.isAsBefore(children[index], node)))
    const hereNow = here.map((node) => this.pairs.get(node) ?? node)

    const [stay, all] = [new Set(hereNow), new Set(children)]
    for (const node of previous) {
      if (!all.has(node) && !this.needed.has(node) && !isKept(node)) this.#leaving.add(node)
    }
    const followers = this.#followers(from, new Set(previous), stay)
    for (const node of hereNow) {
      if (taken.has(node)) this.#endSubstitutes(previous, node, stay, followers)
    }
    const gaps = here.flatMap((node) => (this.pairs.has(node) ? [] : this.#open(node)))
    const order = [null, ...hereNow].flatMap((node) => [...(node ? [node] : []), ...(followers.get(node) ?? [])])
    arrange(from, /** @type {ChildNode[]} */ (order))
    pageChanges.noteChildren(from, children)
    this.#fill(gaps)
    here.forEach((node, index) => {
      if (hereNow[index] !== node) this.#change(hereNow[index], node)
    })
  }

  /** @param {Node} from @param {Node} to of one kind */
  #change(from, to) {
    if (from instanceof Element) this.#update(from, /** @type {Element} */ (to))
    else if (pageChanges.textOf(from) !== get(to, "nodeValue")) pageChanges.write(from, get(to, "nodeValue"))
  }

  /**
   * Returns the nodes that the page's own code has added or keeps, by the server's child that they follow; null: they come first.
   *
   * @param {Node} from
   * @param {Set<Node>} previous
   * @param {Set<Node>} stay
   */
  #followers(from, previous, stay) {
    /** @type {Map<Node | null, Node[]>} */
    const followers = new Map([[null, []]])
    /** @type {Node | null} */
    let last = null
    for (const node of get(from, "childNodes")) {
      if (stay.has(node)) followers.set((last = node), [])
      else if (!previous.has(node) || (isKept(node) && !this.needed.has(node))) followers.get(last)?.push(node)
    }
    return followers
  }

  /**
   * Removes what the page's own code has put in place of a child, because the server has changed that child.
   *
   * @param {Node[]} previous
   * @param {Node} node
   * @param {Set<Node>} stay
   * @param {Map<Node | null, Node[]>} followers
   */
  #endSubstitutes(previous, node, stay, followers) {
    const before = previous.slice(0, previous.indexOf(node)).reverse().find((each) => stay.has(each) && followers.has(each)) ?? null
    for (const each of followers.get(before) ?? []) if (!isKept(each)) this.#leaving.add(each)
    followers.set(before, (followers.get(before) ?? []).filter(isKept))
  }

  /**
   * Leaves gaps in a new element for existing elements. They are filled when it is in the page, because an element keeps its
   * focus and state only if it moves within the page.
   *
   * @param {Node} node
   * @returns {Gap[]}
   */
  #open(node) {
    /** @type {Gap[]} */
    const gaps = []
    for (const child of node instanceof Element ? [...get(node, "childNodes")] : []) {
      if (!this.pairs.has(child)) {
        gaps.push(...this.#open(child))
        continue
      }
      const mark = call(documentOf(node), "createComment", "")
      call(node, "replaceChild", mark, child)
      gaps.push({parent: node, children: [], mark, node: child})
    }
    const children = [...get(node, "childNodes")]
    for (const gap of gaps) if (gap.parent === node) gap.children = children
    return gaps
  }

  /** @param {Gap[]} gaps */
  #fill(gaps) {
    for (const {parent, children, mark, node} of gaps) {
      const own = /** @type {ChildNode} */ (this.pairs.get(node))
      place(parent, own, mark)
      mark.remove()
      children.splice(children.indexOf(mark), 1, own)
      pageChanges.noteChildren(parent, children)
      this.#change(own, node)
    }
  }
}

/** @param {Element} from @param {Element} to */
function morphAttributes(from, to) {
  for (const wanted of [...get(to, "attributes")]) {
    const {name, value} = wanted
    if (isUsersAttribute(from, name)) continue
    const own = pageChanges.attributeOf(from, name)
    if (own === undefined ? call(from, "getAttribute", name) === value : own === value) continue
    if (own !== undefined && merge(from, name, own ?? "", to)) continue
    call(from, "setAttributeNode", /** @type {Attr} */ (wanted.cloneNode())) // setAttribute refuses names such as @click
    pageChanges.noteAttribute(from, name, value)
  }
  for (const {name} of [...get(from, "attributes")]) {
    if (isUsersAttribute(from, name) || call(to, "hasAttribute", name)) continue
    const own = pageChanges.attributeOf(from, name)
    if (own === null || (own !== undefined && merge(from, name, own, to))) continue
    call(from, "removeAttribute", name)
    pageChanges.noteAttribute(from, name, null)
  }
}

/**
 * Merges classes or styles that both the server and the page have changed: each keeps its own changes.
 *
 * @param {Element} from
 * @param {string} name
 * @param {string} previous the server's previous value
 * @param {Element} to
 * @returns {boolean} whether the attribute can be merged
 */
function merge(from, name, previous, to) {
  if (name === "class") mergeClasses(get(from, "classList"), previous, get(to, "classList"))
  else if (name === "style" && "style" in from) mergeStyles(from, previous, to)
  else return false
  pageChanges.noteAttribute(from, name, call(to, "getAttribute", name), true)
  return true
}

/** @param {DOMTokenList} classes @param {string} previous @param {DOMTokenList} wanted */
function mergeClasses(classes, previous, wanted) {
  classes.remove(...previous.split(/\s+/).filter((each) => each && !wanted.contains(each)))
  const before = new Set(previous.split(/\s+/))
  classes.add(...[...wanted].filter((each) => !before.has(each)))
}

/** @param {Element} from @param {string} previous @param {Element} to */
function mergeStyles(from, previous, to) {
  const old = /** @type {Element} */ (call(to, "cloneNode", false)) // not in the page, whose Content-Security-Policy may forbid the attribute
  call(old, "setAttribute", "style", previous)
  const [own, before, wanted] = [from, old, to].map((element) => get(/** @type {HTMLElement} */ (element), "style"))
  for (const property of new Set([...before, ...wanted])) {
    const [value, priority] = [wanted.getPropertyValue(property), wanted.getPropertyPriority(property)]
    if (value === before.getPropertyValue(property) && priority === before.getPropertyPriority(property)) continue
    if (value) own.setProperty(property, value, priority)
    else own.removeProperty(property)
  }
}
