/**
 * Following: an element with data-live-follow stays scrolled to its end while its rows grow, until the reader scrolls away.
 */

import {attribute, call, get} from "./members.js"
import {keepPlace} from "./scroll_anchor.js"

/** So many pixels from the end still are the end: positions have fractions. */
const SLACK = 2

/** Scrolls a page that was just loaded to the end of what it follows, unless the browser has restored a position. @param {Element} element a container */
export function followFromStart(element) {
  const scroller = followed(element)
  if (scroller && get(scroller, "scrollTop") === 0) scrollToEnd(scroller)
}

/**
 * @param {Element} element a container whose rows are about to change
 * @returns {() => void} to call when they have changed
 */
export function follow(element) {
  const scroller = followed(element)
  if (scroller && isAtEnd(scroller)) return () => scrollToEnd(scroller)
  return growsUpwards(element) ? keepPlace(element) : () => {}
}

/** @param {Element} element */
const followed = (element) => call(element, "closest", "[data-live-follow]")

/** Whether more rows of it are added in front. @param {Element} element */
export const growsUpwards = (element) => Number(attribute(element, "data-live-more")) < 0

/** @param {Element} scroller */
function isAtEnd(scroller) {
  return get(scroller, "scrollHeight") - get(scroller, "scrollTop") - get(scroller, "clientHeight") <= SLACK
}

/** At once, also where the page scrolls smoothly: on the way the end is not reached. @param {Element} scroller */
function scrollToEnd(scroller) {
  Reflect.apply(Element.prototype.scrollTo, scroller, [{top: get(scroller, "scrollHeight"), behavior: "instant"}])
}
