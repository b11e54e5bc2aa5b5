/**
 * Parses rows as the page's parser would have parsed them in their container, and whole pages. Scripts in them do not run.
 */

import {call, documentOf, get, set} from "./members.js"

/** The Trusted Types policy that a page with `require-trusted-types-for 'script'` must allow. */
const POLICY = "realtime"
const HELD = Symbol.for("realtime.policy")

/** The inert document of each document: it is never shown. @type {WeakMap<Document, Document>} */
const inert = new WeakMap()

/**
 * Returns the row's element, in a document that is never shown.
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

/** Returns the first element of HTML, as the page's parser would have parsed it in this container. @param {string} html @param {Element} container */
export function parseElement(html, container) {
  const context = inertCopy(container)
  const text = /** @type {string} */ (trusted("createHTML", html))
  if (get(context, "setHTMLUnsafe")) call(context, "setHTMLUnsafe", text) // attaches declarative shadow roots
  else set(context, "innerHTML", text)
  return get(context, "firstElementChild")
}

/** Parses the HTML of a page. @param {string} html */
export function parsePage(html) {
  return new DOMParser().parseFromString(/** @type {string} */ (trusted("createHTML", html)), "text/html")
}

/** Returns an element of the same kind, so that HTML is parsed in its context and namespace. @param {Element} element */
function inertCopy(element) {
  const document = documentOf(element)
  let quiet = inert.get(document)
  if (!quiet) inert.set(document, (quiet = get(document, "implementation").createHTMLDocument("")))
  return call(quiet, "createElementNS", get(element, "namespaceURI"), get(element, "localName"))
}

/**
 * Marks HTML or a script's URL as trusted: both come from this site's own server.
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
    console.warn(`The Content-Security-Policy of this page does not allow the policy '${POLICY}': add it to trusted-types, or rows cannot be shown.`)
    return null
  }
}
