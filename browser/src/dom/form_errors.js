/**
 * Shows errors at the fields of a form: the sentences, ARIA attributes, and the focus.
 */

import {attribute, call, documentOf, get, set, show} from "./members.js"

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Control */

/** A row that could not be shown has the attribute too. */
const PLACES = "[data-live-error]:not([data-live-key], [data-live])"

let nextId = 1
/** The attributes that were added to elements here, and will be removed again. @type {WeakMap<Element, string[]>} */
const given = new WeakMap()

/**
 * Shows sentences at their fields, and focuses the first of these fields.
 *
 * @param {HTMLFormElement} form
 * @param {Record<string, string[]>} sentences by field; "": about the whole form
 * @param {{make: boolean, focus?: boolean}} options make: creates missing places; focus: if false, screen readers announce the sentences
 */
export function showErrors(form, sentences, {make, focus = true}) {
  const marked = [...call(form, "querySelectorAll", "[aria-invalid]"), ...get(form, "elements")].filter((each) => attribute(each, "aria-invalid") !== null)
  for (const control of marked) {
    show(control, "aria-invalid", null)
    describe(control, null)
  }
  for (const place of placesIn(form)) {
    set(place, "textContent", "")
    for (const name of given.get(place) ?? []) show(place, name, null)
    given.delete(place)
  }
  const wrong = new Set()
  for (const [name, texts] of Object.entries(sentences)) {
    if (!texts.length) continue
    const controls = controlsOf(form, name)
    const place = placeOf(form, controls.length ? name : "", {near: make ? placedAt(controls.at(-1)) ?? form : null, isAlert: !focus})
    if (place) set(place, "textContent", [get(place, "textContent"), ...texts].join(" ").trim())
    for (const control of controls) {
      show(control, "aria-invalid", "true")
      if (place) describe(control, attribute(place, "id"))
      wrong.add(control)
    }
  }
  const first = [...get(form, "elements")].find((element) => wrong.has(element))
  if (first && focus) call(/** @type {HTMLElement} */ (first), "focus")
}

/** Returns the elements for sentences: those in the form, and those behind its fields that are outside of it. @param {HTMLFormElement} form */
function placesIn(form) {
  const outside = /** @type {Control[]} */ ([...get(form, "elements")].filter((each) => !call(form, "contains", each)))
  const behind = outside.flatMap((each) => get(/** @type {Element} */ (placedAt(each)), "nextElementSibling") ?? [])
  return [...call(form, "querySelectorAll", PLACES), ...behind.filter((each) => call(each, "matches", PLACES))]
}

/** Returns the element for a field's sentences. @param {HTMLFormElement} form @param {string} name @param {{near: Element | null, isAlert: boolean}} options near: a missing one is created here; null: it is not created */
function placeOf(form, name, {near, isAlert}) {
  let place = placesIn(form).find((each) => attribute(each, "data-live-error") === name)
  if (!place && near) {
    place = call(documentOf(form), "createElement", "p")
    show(place, "data-live-error", name)
    if (near === form) call(form, "append", place)
    else call(near, "after", place)
  }
  if (place && (!name || isAlert)) give(place, "role", "alert")
  if (place) give(place, "id", `live-error-${nextId++}`)
  return place
}

/** Returns the element after which a field's sentences are placed: not in its label, whose text they would be. @param {Control} [control] */
const placedAt = (control) => control && (call(control, "closest", "label") ?? control)

/** @param {Element} place @param {string} name of an attribute @param {string} value */
function give(place, name, value) {
  if (attribute(place, name) !== null) return
  show(place, name, value)
  given.set(place, [...(given.get(place) ?? []), name])
}

/** @param {HTMLFormElement} form @param {string} name @returns {Control[]} */
function controlsOf(form, name) {
  return /** @type {Control[]} */ ([...get(form, "elements")].filter((each) => name && attribute(each, "name") === name))
}

/** Adds an element to a control's aria-describedby; null: removes it. @param {Element} control @param {string | null} id */
function describe(control, id) {
  const place = (/** @type {string} */ each) => {
    const found = call(documentOf(control), "getElementById", each)
    return found && attribute(found, "data-live-error") !== null
  }
  const others = (attribute(control, "aria-describedby") ?? "").split(/\s+/).filter((each) => each && !place(each))
  show(control, "aria-describedby", [...others, ...(id ? [id] : [])].join(" ") || null)
}
