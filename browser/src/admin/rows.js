/**
 * The rows of a change list: identified by their objects' keys. The names of their fields contain the number of the row.
 */

import {isEdited, isField} from "../dom/form_fields.js"
import {morph} from "../dom/morph.js"

export const BODY = "#result_list > tbody"
const NUMBER = /(?<![a-z])form-\d+-/g
const NUMBERED = ["id", "name", "for", "aria-describedby", "aria-labelledby"]
const MARK = "\u0000" // not part of any name

/** Elements that the admin's scripts have added to a cell. */
const ADDED = ".datetimeshortcuts, .timezonewarning, .select2-container"

let widgets = 0

/**
 * Sets the keys of the rows.
 *
 * @param {ParentNode} root
 * @param {string[]} keys in the order of the rows
 * @returns {Map<string, Element> | null} null: there are other rows among them, so the keys cannot be assigned
 */
export function keyRows(root, keys) {
  const rows = [...(root.querySelector(BODY)?.children ?? [])]
  if (rows.length !== keys.length) return null
  rows.forEach((row, index) => row.setAttribute("data-live-key", keys[index]))
  return new Map(rows.map((row, index) => [keys[index], row]))
}

/** @param {ParentNode} root @returns {Map<string, Element>} */
export function keyedRows(root) {
  return new Map([...root.querySelectorAll(`${BODY} > [data-live-key]`)].map((row) => [row.getAttribute("data-live-key") ?? "", row]))
}

/** Returns the markup of a row without its number. @param {Element} row */
export function markup(row) {
  return row.outerHTML.replace(NUMBER, "form-")
}

/** Returns whether the user is editing the row. @param {Element} row */
export function isInUse(row) {
  const fields = [...row.querySelectorAll("input:not(.action-select), select, textarea")].filter(isField)
  return fields.some((field) => isEdited(field) || field === field.ownerDocument.activeElement)
}

/**
 * Renumbers rows, in two steps: radio buttons that briefly had the same name would uncheck each other.
 *
 * @param {Iterable<[Element, number]>} rows
 */
export function renumber(rows) {
  const moved = [...rows]
  for (const [row, number] of moved) rename(row, (text) => text.replace(NUMBER, `${MARK}form-${number}-`))
  for (const [row] of moved) rename(row, (text) => text.replaceAll(MARK, ""))
}

/** @param {Element} row @param {(text: string) => string} change */
function rename(row, change) {
  for (const element of row.querySelectorAll(NUMBERED.map((name) => `[${name}]`).join())) {
    for (const name of NUMBERED) {
      const text = element.getAttribute(name)
      if (text !== null && change(text) !== text) element.setAttribute(name, change(text))
    }
  }
}

/**
 * Updates a row to the server's current one, and keeps the user's input and the elements of the admin's scripts.
 *
 * @param {Element} row
 * @param {Element} to
 */
export function change(row, to) {
  const $ = /** @type {any} */ (window).django?.jQuery
  const box = row.querySelector("input.action-select")
  if (box instanceof HTMLInputElement && box.checked) to.classList.add("selected")
  for (const select of row.querySelectorAll("select.select2-hidden-accessible")) {
    if (isField(select) && isEdited(select)) select.setAttribute("data-live-keep", "")
    else $?.(select).select2("destroy")
  }
  for (const added of row.querySelectorAll(ADDED)) added.setAttribute("data-live-keep", "")
  const changed = morph(row, to)
  for (const kept of changed.querySelectorAll("[data-live-keep]")) kept.removeAttribute("data-live-keep")
  initializeWidgets(changed)
  return changed
}

/** Initializes the admin's widgets in a new row, as the admin's scripts do when a page is loaded. @param {Element} row */
export function initializeWidgets(row) {
  const {DateTimeShortcuts: shortcuts, django} = /** @type {any} */ (window)
  for (const select of row.querySelectorAll(".admin-autocomplete:not([data-select2-id])")) {
    select.setAttribute("data-select2-id", `realtime-${++widgets}`) // the default is the id, which another row may have had
  }
  row.dispatchEvent(new CustomEvent("formset:added", {bubbles: true, detail: {formsetName: "form"}}))
  for (const input of row.querySelectorAll("input.vDateField, input.vTimeField")) {
    if (!shortcuts || input.nextElementSibling?.matches(".datetimeshortcuts")) continue
    if (input.classList.contains("vDateField")) shortcuts.addCalendar(input)
    else shortcuts.addClock(input)
  }
  django?.jQuery(row).find(".related-widget-wrapper select").trigger("change") // links to the chosen object
}
