/**
 * A page of the admin as the server renders it: its metadata, and how to fetch it again.
 */

import {parsePage} from "../dom/html.js"

/**
 * The metadata of a page, see realtime/admin/live.py.
 *
 * @typedef {{
 *   kind: "list" | "form", live: Record<string, string>, texts: Record<string, string>,
 *   keys: string[], count: string, pk: string, paused: boolean,
 *   stream: string, user: string, since: {name: string, cursor: string}, posted: boolean,
 * }} About
 *
 * @typedef {{page: Document, about: About, url: string}} Reading
 */

/** @param {Document} page @returns {About | null} null: it is another page, such as the login page */
export function aboutOf(page) {
  const tag = page.querySelector("script[data-realtime-admin]")
  return tag && JSON.parse(tag.getAttribute("data-realtime-admin") ?? "")
}

/**
 * Fetches a page of the admin. Throws if the server cannot be reached, or fails.
 *
 * @param {string} url
 * @returns {Promise<Reading | "gone" | "denied">}
 */
export async function read(url) {
  const answer = await fetch(url, {headers: {"Realtime-Refresh": "1"}, cache: "no-store"})
  if (answer.status === 401 || answer.status === 403) return "denied"
  if (answer.status === 404 || answer.status === 410) return "gone"
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`)
  const page = parsePage(await answer.text())
  const about = aboutOf(page)
  if (about) return {page, about, url: answer.url}
  return page.querySelector("#login-form, input[type=password]") ? "denied" : "gone"
}

/** Creates a container of the live value that changes when the page may have changed. @param {Document} document @param {About} about */
export function container(document, {live}) {
  const element = document.createElement("span")
  element.hidden = true
  for (const [name, value] of Object.entries(live)) element.setAttribute(name, value)
  return element
}

/** @param {Document} document @param {string} name @param {Record<string, string>} attributes @param {(Node | string)[]} children */
export function element(document, name, attributes, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}
