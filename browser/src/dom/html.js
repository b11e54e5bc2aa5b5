/**
 * Rows as HTML: parsed as the page's parser would have parsed them in their container, and no script in them runs.
 */

import {call, get} from "./members.js"

/** The name of the policy by which a page with `require-trusted-types-for 'script'` lets this module work. */
const POLICY = "realtime"
const HELD = Symbol.for("realtime.policy")

/** Documents that are never shown, by the page's. @type {WeakMap<Document, Document>} */
const inert = new WeakMap()

/**
 * The row's element, in a document of its own.
 *
 * @param {string} html
 * @param {string} key
 * @param {Element} container
 */
export function parseRow(html, key, container) {
  const row = parseElement(html, container)
  if (!row) throw new Error(`The row '${key}' has no element: a row's template must have one root element.`)
  call(row, "setAttribute", "data-live-key", key)
  return row
}

/** The first element of some HTML, as the page's parser would have parsed it in this container. @param {string} html @param {Element} container */
export function parseElement(html, container) {
  const context = inertCopy(container)
  const text = /** @type {string} */ (trusted("createHTML", html))
  if (context.setHTMLUnsafe) context.setHTMLUnsafe(text) // attaches declarative shadow roots
  else context.innerHTML = text
  return get(context, "firstElementChild")
}

/** An element of the same kind: what is parsed in it has its context and its namespace. @param {Element} element */
function inertCopy(element) {
  const document = /** @type {Document} */ (get(element, "ownerDocument"))
  let quiet = inert.get(document)
  if (!quiet) inert.set(document, (quiet = get(document, "implementation").createHTMLDocument("")))
  return quiet.createElementNS(get(element, "namespaceURI"), get(element, "localName"))
}

/**
 * What the module gives to the browser as markup or as the address of a script: both come from this site's own server.
 *
 * @param {"createHTML" | "createScriptURL"} kind
 * @param {string} text
 */
export function trusted(kind, text) {
  /** @type {any} */
  const scope = globalThis
  if (!scope.trustedTypes) return text
  if (scope[HELD] === undefined) scope[HELD] = newPolicy(scope.trustedTypes)
  return scope[HELD] ? scope[HELD][kind](text) : text
}

/** @param {any} trustedTypes */
function newPolicy(trustedTypes) {
  const pass = (/** @type {string} */ text) => text
  try {
    return trustedTypes.createPolicy(POLICY, {createHTML: pass, createScriptURL: pass})
  } catch {
    console.warn(`The Content-Security-Policy of this page allows no policy '${POLICY}': add it to trusted-types, or rows cannot be shown.`)
    return null
  }
}
