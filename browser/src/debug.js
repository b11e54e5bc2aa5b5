/**
 * Warns the developer if a page shows live rows without {% realtime_script %}. The tags load it if DEBUG is on and no
 * {% realtime_script %} comes before the rows.
 */

import {call, get} from "./dom/members.js"
import {overlay} from "./dom/overlay.js"

const MESSAGE =
  "This page shows live rows and does not load realtime, so they stay as they are. Put {% load realtime %}{% realtime_script %} into its <head>."

/** @param {{document: Document, console: Pick<Console, "error">, loaded: () => boolean}} page */
export function warnIfScriptIsMissing({document, console, loaded}) {
  if (loaded() || call(document, "querySelector", "script[data-realtime-url]")) return
  console.error(MESSAGE)
  overlay(document, MESSAGE)
}

if (typeof document !== "undefined") {
  const warn = () => warnIfScriptIsMissing({document, console, loaded: () => "realtime" in globalThis})
  // the page's own scripts may load the module until then
  if (get(document, "readyState") === "complete") warn()
  else addEventListener("load", warn, {once: true})
}
