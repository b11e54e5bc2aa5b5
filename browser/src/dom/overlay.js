/** Shows a sentence to the developer over the page, with a button to close it. */

import {call, get} from "./members.js"

const STYLE =
  "position:fixed;inset:auto 1rem 1rem;z-index:2147483647;margin:0;padding:1rem 3rem 1rem 1rem;border-radius:.5rem;" +
  "background:#7f1d1d;color:#fff;font:1rem/1.4 system-ui,sans-serif;box-shadow:0 4px 16px #0006"

/** @param {Document} document @param {string} text */
export function overlay(document, text) {
  const place = /** @type {HTMLParagraphElement} */ (call(document, "createElement", "p"))
  place.setAttribute("role", "alert")
  place.dataset.realtimeOverlay = ""
  place.style.cssText = STYLE // a Content-Security-Policy may forbid style attributes in HTML, but allows this
  place.append(text)

  const close = /** @type {HTMLButtonElement} */ (call(document, "createElement", "button"))
  close.type = "button"
  close.style.cssText = "position:absolute;top:.5rem;right:.5rem;border:0;background:none;color:inherit;font-size:1.25rem"
  close.setAttribute("aria-label", "Close")
  close.append("×")
  close.addEventListener("click", () => place.remove())
  place.append(close)
  call(get(document, "body"), "append", place)
}
