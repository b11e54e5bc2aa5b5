/**
 * Detects that the user is about to leave the page, before the browser does. Only Firefox needs this: its back-forward cache
 * rejects pages that have a socket, even in a worker, when the next page is requested. `beforeunload` is too late.
 */

import {call} from "../dom/members.js"

/** After this time the user has not left: the link is a download, or the pointer was released elsewhere. */
const STAY_SECONDS = 2

/** Detects Firefox by a CSS feature that only it has. */
const isNeeded = () => globalThis.CSS?.supports?.("-moz-appearance", "none") ?? false

/**
 * Calls `leave` when a link is pressed, some time before it is followed. Stops once the page handles its links itself.
 *
 * @param {{
 *   document: Document, window: EventTarget, leave: () => void, back: () => void,
 *   after: (seconds: number, callback: () => void) => () => void,
 * }} options
 */
export function watchDepartures({document, window, leave, back, after}) {
  if (!isNeeded()) return
  let isTrusted = true
  let cancel = () => {}
  call(document, "addEventListener", "pointerdown", (event) => {
    if (!isTrusted || !isDeparture(/** @type {PointerEvent} */ (event))) return
    leave()
    cancel()
    cancel = after(STAY_SECONDS, back)
  })
  window.addEventListener("click", (event) => {
    if (!event.defaultPrevented || !isDeparture(/** @type {MouseEvent} */ (event))) return
    isTrusted = false
    cancel()
    back()
  })
}

/** Returns whether a click is one of the main button, without a modifier key. @param {MouseEvent} event */
export const isPlainClick = ({button, ctrlKey, metaKey, shiftKey, altKey}) => button === 0 && !(ctrlKey || metaKey || shiftKey || altKey)

/** Returns whether a plain click here opens another page in this window. @param {MouseEvent} event */
function isDeparture(event) {
  const {target} = event
  if (!isPlainClick(event) || !(target instanceof Element)) return false
  const link = /** @type {HTMLAnchorElement | null} */ (call(target, "closest", "a[href]"))
  if (!link || link.hasAttribute("download") || !/^(|_self|_top|_parent)$/.test(link.target)) return false
  const [here, there] = [new URL(location.href), new URL(link.href, location.href)]
  const isSame = here.origin === there.origin && here.pathname === there.pathname && here.search === there.search
  return /^https?:$/.test(there.protocol) && !(isSame && there.hash)
}
