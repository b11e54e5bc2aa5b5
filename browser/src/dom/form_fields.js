/**
 * What a user is doing in the fields of a page, which no pushed change undoes.
 *
 * A field follows the server as long as the user has not changed it. What the user has changed stays, until the server
 * says the same, or an action has taken it. A field that has the focus stays as it is until the focus leaves it.
 */

import {attribute, call, focused, get} from "./members.js"

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field */

/** The content that an action has taken: the server knows it. @type {WeakMap<Element, string>} */
const taken = new WeakMap()
/** What the server sent last and the page does not show. @type {WeakMap<Element, Element>} */
const withheld = new WeakMap()
/** Editable elements that were typed in since they got the focus. @type {WeakSet<Element>} */
const edited = new WeakSet()

const EDITABLE = '[contenteditable]:not([contenteditable="false"])'

/** Inputs whose value is the attribute and no more, or belongs to the user alone. */
const PLAIN_INPUTS = new Set(["hidden", "submit", "button", "reset", "image", "file"])

/** @param {Element} element @returns {element is Field} */
export function isField(element) {
  if (element instanceof HTMLInputElement) return !PLAIN_INPUTS.has(element.type)
  return element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement
}

/** Attributes that hold what the user has done, and not what the server says. @param {Element} element @param {string} name */
export function isUsersAttribute(element, name) {
  if (name === "open") return element instanceof HTMLDetailsElement || element instanceof HTMLDialogElement
  if (name === "x-cloak") return true // Alpine has taken it away for good, perhaps before this module began
  if (name === "aria-busy") return attribute(element, "data-live-call") !== null
  if (element instanceof HTMLInputElement && isField(element)) return name === (isToggle(element) ? "checked" : "value")
  return false
}

/**
 * Whether the children of an element are to be left alone for now, because the user is in them.
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
 * What a field will follow from, to be taken before anything of it changes.
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
    to: to instanceof HTMLSelectElement ? /** @type {Field} */ (to.cloneNode(true)) : to, // its options may be taken over
  }
}

/**
 * Lets a field follow the server, as far as the user allows it.
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
  if (chosen) chosen.checked = true // a new default has taken the choice from it
}

/** Whether the user has changed what the server says. @param {Field} field */
export function isEdited(field) {
  return !isInitial(field, contentOf(field))
}

/** The fields that belong to an element which calls an action, and what they hold. @param {Element} element */
export function contents(element) {
  const elements = element instanceof HTMLFormElement ? get(element, "elements") : isRadio(element) ? group(element) : [element]
  return [...elements].filter(isField).map((field) => ({field, content: contentOf(field)}))
}

/** An action has taken what the fields held. @param {ReturnType<typeof contents>} fields */
export function take(fields) {
  for (const {field, content} of fields) taken.set(field, content)
}

const ROWS = "[data-live] [data-live-key], [data-live-key]:has(~ template[data-live])"

/**
 * Takes back what the browser has put into the fields of rows from an earlier visit: the server's HTML is newer.
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

/** What an action has refused goes back to what the server says. @param {Field} field */
export function restore(field) {
  for (const each of isRadio(field) ? group(field) : [field]) setContent(each, initialOf(each))
}

/** What the server has sent for an element and the page has not shown, if that can be shown now. @param {Element} element */
export function takeWithheld(element) {
  if (holdsFocus(element)) return null
  const to = withheld.get(element)
  if (!edited.delete(element)) return to ?? null
  withheld.delete(element) // the user's text stays until the server says more
  return null
}

/** The user has changed something. @param {Event} event */
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

/** What a field holds now. @param {Field} field @returns {string} */
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
  if (field instanceof HTMLSelectElement || to instanceof HTMLSelectElement) return // its options say it
  const name = isToggle(field) ? "checked" : "value"
  if (field instanceof HTMLTextAreaElement) {
    if (field.defaultValue !== to.defaultValue) field.defaultValue = to.defaultValue
  } else if (field.getAttribute(name) !== to.getAttribute(name)) {
    const value = to.getAttribute(name)
    if (value === null) field.removeAttribute(name)
    else field.setAttribute(name, value)
  }
}

/** Whether a field's content is the one that the server gave it. @param {Field} field @param {string} content */
function isInitial(field, content) {
  if (isRadio(field)) return group(field).every((radio) => radio.checked === radio.defaultChecked)
  return content === initialOf(field)
}

/** The content that the field's markup stands for, as the browser reads it. @param {Field} field @returns {string} */
function initialOf(field) {
  if (isToggle(field)) return String(field.defaultChecked)
  if (!(field instanceof HTMLSelectElement) && field.value === field.defaultValue) return field.value
  const copy = call(field.ownerDocument, "createElement", field.localName)
  for (const {name, value} of field.attributes) copy.setAttribute(name, value)
  copy.append(...[...field.childNodes].map((child) => child.cloneNode(true)))
  return contentOf(/** @type {Field} */ (copy))
}

/** The radio buttons of which one can be chosen. @param {HTMLInputElement} radio @returns {HTMLInputElement[]} */
function group(radio) {
  const root = /** @type {Document | ShadowRoot | Element} */ (radio.form ?? radio.getRootNode())
  const radios = /** @type {NodeListOf<HTMLInputElement>} */ (call(root, "querySelectorAll", 'input[type="radio"]'))
  const grouped = [...radios].filter((each) => each.name === radio.name && each.form === radio.form)
  return radio.name ? grouped : [radio]
}
