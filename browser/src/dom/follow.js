/**
 * Keeps an element with data-live-follow scrolled to its end while rows are added, until the user scrolls away.
 */

import {attribute, call, get} from "./members.js"
import {keepPlace} from "./scroll_anchor.js"

/** Distance in pixels that still counts as the end: scroll positions have fractions. */
const SLACK = 2

/** Scrolls to the end in a page that was just loaded, unless the browser has restored a position. @param {Element} element a container */
export function followFromStart(element) {
  const scroller = followed(element)
  if (scroller && get(scroller, "scrollTop") === 0) scrollToEnd(scroller)
}

/**
 * Keeps the end in view while rows change.
 *
 * @param {Element} element that holds rows, which are about to change
 * @param {Element} live their container, or the marker of a list in place
 * @returns {() => void} call it when they have changed
 */
export function follow(element, live) {
  const scroller = followed(element)
  if (scroller && isAtEnd(scroller)) return () => scrollToEnd(scroller)
  return growsUpwards(live) ? keepPlace(element) : () => {}
}

/** @param {Element} element */
const followed = (element) => call(element, "closest", "[data-live-follow]")

/** Returns whether a list adds further rows in front. @param {Element} live */
export const growsUpwards = (live) => Number(attribute(live, "data-live-more")) < 0

/** @param {Element} scroller */
function isAtEnd(scroller) {
  return get(scroller, "scrollHeight") - get(scroller, "scrollTop") - get(scroller, "clientHeight") <= SLACK
}

/** Scrolls at once even if the page scrolls smoothly, because rows may be added during a slow scroll. @param {Element} scroller */
function scrollToEnd(scroller) {
  Reflect.apply(Element.prototype.scrollTo, scroller, [{top: get(scroller, "scrollHeight"), behavior: "instant"}])
}
