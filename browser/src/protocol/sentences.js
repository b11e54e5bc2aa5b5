/** Messages for users, in the page's language: {% realtime_script %} has the translations if it is not English. */

import {attribute, call} from "../dom/members.js"

/** @type {Record<string, string>} */
let translations = {}

/** @param {Record<string, string>} sentences by the English ones */
export function translate(sentences) {
  translations = sentences
}

/** Loads the page's translations. @param {Document} document */
export function translateAs(document) {
  try {
    const script = call(document, "querySelector", "script[data-realtime-sentences]")
    translate(JSON.parse((script && attribute(script, "data-realtime-sentences")) ?? "{}"))
  } catch {
    translate({}) // not the server's
  }
}

/** @param {string} text in English, with values as {name} @param {Record<string, unknown>} [values] */
export function sentence(text, values = {}) {
  const own = Object.hasOwn(translations, text) ? translations[text] : text
  return own.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole))
}
