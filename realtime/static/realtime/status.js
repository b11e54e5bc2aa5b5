/** The status page looks again every few seconds, while somebody looks at it. It needs no connection of realtime's own. */

const part = document.querySelector("[data-refresh]")
/** A button that somebody is about to press must not become another one. */
const waits = () => document.visibilityState !== "visible" || part.querySelector("form:focus-within") !== null

async function refresh() {
  if (waits()) return
  const response = await fetch(location.href, {credentials: "same-origin"})
  if (!response.ok || response.redirected) return
  const page = new DOMParser().parseFromString(await response.text(), "text/html")
  const news = page.querySelector("[data-refresh]")
  if (news && !waits()) update(part, news)
}

/**
 * What is the same stays, and so do the focus, the scroll positions, and the place where a screen reader is, also when
 * tables before or after it come and go.
 */
function update(shown, fresh) {
  let next = shown.firstChild
  for (const part of [...fresh.childNodes]) {
    let same = next
    if (part instanceof Element) while (same && !isAlike(same, part)) same = same.nextSibling
    if (!same || !isAlike(same, part)) {
      shown.insertBefore(part, next)
      continue
    }
    while (next !== same) next = removed(next)
    next = same.nextSibling
    update(same, part)
  }
  while (next) next = removed(next)
}

/** Returns whether two nodes are the same, but for what is in them. */
const isAlike = (one, other) => one.cloneNode().isEqualNode(other.cloneNode())

/** Removes a node, and returns the one that followed it. */
function removed(node) {
  const next = node.nextSibling
  node.remove()
  return next
}

// A look that fails leaves what is shown; the next one tries again.
if (part) setInterval(() => refresh().catch(console.warn), Number(part.dataset.refresh) * 1000)
