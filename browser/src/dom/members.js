/**
 * Safe access to DOM members, which named elements can shadow. If a form has an input named "remove", form.remove is that input.
 * In a document, named forms and images shadow members.
 */

/** @param {Node} node @returns {object} */
function membersOf(node) {
  if (typeof HTMLFormElement === "undefined") return node // in Node.js
  return node instanceof HTMLFormElement ? HTMLFormElement.prototype : node instanceof Document ? Document.prototype : node
}

/**
 * @template {Node} N
 * @template {keyof N} K
 * @param {N} node
 * @param {K} name
 * @returns {N[K]}
 */
export function get(node, name) {
  return Reflect.get(membersOf(node), name, node)
}

/**
 * @template {Node} N
 * @template {keyof N} K
 * @param {N} node
 * @param {K} name of a method
 * @param {N[K] extends (...args: any[]) => any ? Parameters<N[K]> : never} args
 * @returns {N[K] extends (...args: any[]) => any ? ReturnType<N[K]> : never}
 */
export function call(node, name, ...args) {
  return /** @type {any} */ (get(node, name)).apply(node, args)
}

/**
 * @template {Node} N
 * @template {keyof N} K
 * @param {N} node
 * @param {K} name
 * @param {N[K]} value
 */
export function set(node, name, value) {
  Reflect.set(membersOf(node), name, value, node)
}

/** @param {Element} element @param {string} name @returns {string | null} */
export const attribute = (element, name) => Element.prototype.getAttribute.call(element, name)

/** Sets an attribute; null: removes it. @param {Element} element @param {string} name @param {string | null} value */
export function show(element, name, value) {
  if (value === null) call(element, "removeAttribute", name)
  else if (attribute(element, name) !== value) call(element, "setAttribute", name, value)
}

/** @param {Node} node @returns {Document} the node's own, or the node itself */
export const documentOf = (node) => /** @type {Document} */ (get(node, "ownerDocument") ?? node)

/** Returns the root if it matches, and the elements in it that do. @param {Element} root @param {string} selector @returns {Element[]} */
export function matchesIn(root, selector) {
  const within = [...call(root, "querySelectorAll", selector)]
  return call(root, "matches", selector) ? [root, ...within] : within
}

/** Dispatches an event on the element, or on the document if the element has left the page. @param {Element} element @param {string} type @param {unknown} detail */
export function emit(element, type, detail) {
  const target = get(element, "isConnected") ? element : documentOf(element)
  call(/** @type {Node} */ (target), "dispatchEvent", new CustomEvent(type, {bubbles: true, detail}))
}

/** Returns whether an element is in markup that the page declares foreign, such as user-written HTML. It is ignored. @param {Element} element */
export const isForeign = (element) => call(element, "closest", "[data-live-ignore]") !== null

/** Returns whether a form, or the button that submits it, is in such markup. @param {HTMLFormElement} form @param {Element | null | undefined} submitter */
export const isForeignSubmit = (form, submitter) => isForeign(form) || (!!submitter && isForeign(submitter))

/** Returns whether a URL is of the page's site. @param {string} url @param {Document} document */
export function isHere(url, document) {
  try {
    return new URL(url, get(document, "baseURI")).origin === get(document, "defaultView")?.location.origin
  } catch {
    return false
  }
}

/** Returns whether an element is a container that a server has rendered, as far as its attributes tell. @param {Element} element */
export const isSigned = (element) => attribute(element, "data-live") !== null && attribute(element, "data-live-token") !== null

/** Dispatches a cancelable event; returns false if the page's own code prevents it. @param {Element} element @param {string} type @param {unknown} detail */
export function ask(element, type, detail) {
  return call(element, "dispatchEvent", new CustomEvent(type, {bubbles: true, cancelable: true, detail}))
}

/** Notes the caret or the selection in a field, and returns a function that restores it. @param {Element} element @returns {() => void} */
export function noteSelection(element) {
  const field = /** @type {HTMLInputElement} */ (element)
  const {selectionStart: start, selectionEnd: end, selectionDirection: direction} = field // null or undefined where there is no text
  return () => typeof start === "number" && field.setSelectionRange(start, end ?? start, direction ?? undefined)
}

/** Returns the focused element; null if it is only the body. @param {Node} node */
export function focused(node) {
  const document = documentOf(node)
  const active = get(document, "activeElement")
  return active === get(document, "body") ? null : active
}
