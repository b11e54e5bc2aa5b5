/**
 * Keeps the user's input in fields while rows change.
 *
 * A field shows the server's value until the user edits it. An edit stays until the server sends the same value, or until an
 * action has accepted it. A focused field is not changed before it loses the focus.
 */

import {attribute, call, focused, get, isForeign, noteSelection, show} from "./members.js"

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field */

/** The content that an action has accepted, so the server has it. @type {WeakMap<Element, string>} */
const taken = new WeakMap()
/** The server's latest elements that the page does not show yet. @type {WeakMap<Element, Element>} */
const withheld = new WeakMap()
/** Editable elements that the user has edited since they got the focus. @type {WeakSet<Element>} */
const edited = new WeakSet()

/** The names of fields that are only needed when the browser submits the form itself. */
export const BROWSERS_NAMES = /^(_live_|csrfmiddlewaretoken$)/

const EDITABLE = '[contenteditable]:not([contenteditable="false"])'

/** Inputs whose value is just the attribute, or is the user's alone. */
const PLAIN_INPUTS = new Set(["hidden", "submit", "button", "reset", "image", "file"])

/** @param {Element} element @returns {element is Field} */
export function isField(element) {
  if (element instanceof HTMLInputElement) return !PLAIN_INPUTS.has(element.type)
  return element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement
}

/** Returns whether an attribute holds the user's state, not the server's. @param {Element} element @param {string} name */
export function isUsersAttribute(element, name) {
  if (name === "open") return element instanceof HTMLDetailsElement || element instanceof HTMLDialogElement
  if (name === "x-cloak") return true // Alpine has removed it for good, perhaps before this module started
  if (name === "aria-busy") return attribute(element, "data-live-call") !== null
  if (element instanceof HTMLInputElement && isField(element)) return name === (isToggle(element) ? "checked" : "value")
  return false
}

/**
 * Returns whether the children of an element must not be changed for now, because the user is editing them.
 *
 * @param {Element} from
 * @param {Element} to
 */
export function withholdsChildren(from, to) {
  const used = from instanceof HTMLSelectElement ? hasFocus(from) : call(from, "matches", EDITABLE) && holdsFocus(from)
  if (!used) return false
  withheld.set(from, to)
  return true
}

/**
 * Returns the state of a field before it is changed, for `follow`.
 *
 * @param {Field} field
 * @param {Field} to
 * @returns {{content: string, clean: boolean, next: string, to: Field}}
 */
export function use(field, to) {
  const content = contentOf(field)
  return {
    content,
    clean: content === taken.get(field) || isInitial(field, content),
    next: contentOf(to),
    to: to instanceof HTMLSelectElement ? /** @type {Field} */ (to.cloneNode(true)) : to, // its options may be moved into the page
  }
}

/**
 * Shows the server's value in a field, unless the user has edited it or is typing in it.
 *
 * @param {Field} field
 * @param {ReturnType<typeof use>} before
 */
export function follow(field, {content, clean, next, to}) {
  const typing = hasFocus(field) && !isToggle(field)
  const differs = next !== content
  withheld.delete(field)
  if (differs && (typing || !clean)) withheld.set(field, to)
  if (differs && typing && clean) return // a new default would show at once, and move the caret

  const chosen = isRadio(field) && !clean ? group(field).find(({checked}) => checked) : null
  setInitial(field, to)
  const shown = clean && !typing ? next : content
  if (contentOf(field) !== shown) setContent(field, shown)
  if (chosen) chosen.checked = true // a new default has unchecked it
}

/** Returns whether the user has edited the server's value. @param {Field} field */
export function isEdited(field) {
  return !isInitial(field, contentOf(field))
}

/** Returns the fields of an element that calls an action, with their content. @param {Element} element */
export function contents(element) {
  const elements = element instanceof HTMLFormElement ? get(element, "elements") : isRadio(element) ? group(element) : [element]
  return [...elements].filter(isField).map((field) => ({field, content: contentOf(field)}))
}

/**
 * Returns what a form sends, without fields in foreign markup: an attribute `form` makes them belong to any form of the page.
 *
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter
 */
export function ownData(form, submitter) {
  const data = new FormData(form)
  const fields = /** @type {Field[]} */ ([...get(form, "elements")]).filter(({name}) => name)
  for (const name of new Set(fields.filter(isForeign).map(({name}) => name))) {
    data.delete(name)
    for (const field of fields) if (field.name === name && !isForeign(field)) for (const value of sentValues(field)) data.append(name, value)
  }
  const {name, value} = /** @type {{name?: string, value?: string}} */ (submitter ?? {})
  if (name) data.append(name, value ?? "")
  return data
}

/** Returns the values that an element of a form sends. @param {Element} field @returns {(string | File)[]} */
export function sentValues(field) {
  if (call(field, "matches", ":disabled")) return []
  if (field instanceof HTMLSelectElement) return [...field.selectedOptions].filter((option) => !call(option, "matches", ":disabled")).map(({value}) => value)
  if (field instanceof HTMLInputElement && field.files) return [...field.files]
  if (isToggle(field)) return field.checked ? [field.value] : []
  return isField(field) || (field instanceof HTMLInputElement && field.type === "hidden") ? [field.value] : []
}

/** Resets a form, except the fields that the user has changed since they were sent. @param {HTMLFormElement} form @param {ReturnType<typeof contents>} sent */
export function resetSent(form, sent) {
  const changed = sent.filter(({field, content}) => contentOf(field) !== content).map(({field}) => ({field, content: contentOf(field), restoreSelection: hasFocus(field) ? noteSelection(field) : () => {}}))
  call(form, "reset")
  for (const {field, content, restoreSelection} of changed) {
    setContent(field, content)
    restoreSelection()
  }
}

/** Notes that an action has accepted the content of these fields. @param {ReturnType<typeof contents>} fields */
export function take(fields) {
  for (const {field, content} of fields) taken.set(field, content)
}

const ROWS = "[data-live] [data-live-key], [data-live-key]:has(~ template[data-live])"

/**
 * Undoes the browser's restoring of fields in rows from an earlier visit: the server's HTML is newer.
 *
 * @param {Document} document
 */
export function forgetRestored(document) {
  const [visit] = get(document, "defaultView")?.performance.getEntriesByType?.("navigation") ?? []
  if (!visit || /** @type {PerformanceNavigationTiming} */ (visit).type === "navigate") return
  for (const element of call(document, "querySelectorAll", `:is(${ROWS}) :is(input, select, textarea)`)) {
    if (isField(element) && !hasFocus(element)) restore(element)
  }
}

/** Resets a field to the server's value. @param {Field} field */
export function restore(field) {
  for (const each of isRadio(field) ? group(field) : [field]) setContent(each, initialOf(each))
}

/** Removes and returns the withheld element of the server, if it can be shown now. @param {Element} element */
export function takeWithheld(element) {
  if (holdsFocus(element)) return null
  const to = withheld.get(element)
  if (!edited.delete(element)) return to ?? null
  withheld.delete(element) // the user's text stays until the server sends another
  return null
}

/** Notes an edit by the user. @param {Event} event */
export function noteEdit({target}) {
  if (!(target instanceof Element)) return
  taken.delete(target)
  const host = call(target, "closest", EDITABLE)
  if (host) edited.add(host)
}

/** @param {Element} element @returns {element is HTMLInputElement} */
function isToggle(element) {
  return element instanceof HTMLInputElement && (element.type === "checkbox" || element.type === "radio")
}

/** @param {Element} element @returns {element is HTMLInputElement} */
function isRadio(element) {
  return element instanceof HTMLInputElement && element.type === "radio"
}

/** @param {Element} element */
function hasFocus(element) {
  const root = /** @type {Document | ShadowRoot} */ (call(element, "getRootNode"))
  return (root instanceof Document || root instanceof ShadowRoot) && get(root, "activeElement") === element
}

/** @param {Element} element */
function holdsFocus(element) {
  return call(element, "contains", focused(element))
}

/** Returns the current content of a field. @param {Field} field @returns {string} */
export function contentOf(field) {
  if (isToggle(field)) return String(field.checked)
  if (field instanceof HTMLSelectElement) return JSON.stringify([...field.selectedOptions].map(({value}) => value))
  return field.value
}

/** @param {Field} field @param {string} content */
function setContent(field, content) {
  if (isToggle(field)) {
    field.checked = content === "true"
  } else if (field instanceof HTMLSelectElement) {
    const values = new Set(JSON.parse(content))
    for (const option of field.options) option.selected = values.has(option.value)
  } else {
    field.value = content
  }
}

/** @param {Field} field @param {Field} to */
function setInitial(field, to) {
  if (field instanceof HTMLSelectElement || to instanceof HTMLSelectElement) return // its options have it
  const name = isToggle(field) ? "checked" : "value"
  if (field instanceof HTMLTextAreaElement) {
    if (field.defaultValue !== to.defaultValue) field.defaultValue = to.defaultValue
  } else if (field.getAttribute(name) !== to.getAttribute(name)) {
    const value = to.getAttribute(name)
    if (value === null) field.removeAttribute(name)
    else field.setAttribute(name, value)
  }
}

/** Returns whether a field has the server's content. @param {Field} field @param {string} content */
function isInitial(field, content) {
  if (isRadio(field)) {
    const radios = group(field)
    const chosen = radios.filter((radio) => radio.defaultChecked).at(-1) // of several with `checked`, the browser checks the last
    return radios.every((radio) => radio.checked === (radio === chosen))
  }
  return content === initialOf(field)
}

/** Returns the content that the browser derives from the field's markup. @param {Field} field @returns {string} */
function initialOf(field) {
  if (isToggle(field)) return String(field.defaultChecked)
  if (!(field instanceof HTMLSelectElement) && field.value === field.defaultValue) return field.value
  const copy = call(field.ownerDocument, "createElement", field.localName)
  for (const {name, value} of field.attributes) show(copy, name, value)
  call(copy, "append", ...[...field.childNodes].map((child) => call(child, "cloneNode", true)))
  return contentOf(/** @type {Field} */ (copy))
}

/** Returns the radio buttons of the same group. @param {HTMLInputElement} radio @returns {HTMLInputElement[]} */
function group(radio) {
  const root = /** @type {Document | ShadowRoot | Element} */ (radio.form ?? radio.getRootNode())
  const radios = /** @type {NodeListOf<HTMLInputElement>} */ (call(root, "querySelectorAll", 'input[type="radio"]'))
  const grouped = [...radios].filter((each) => each.name === radio.name && each.form === radio.form)
  return radio.name ? grouped : [radio]
}
