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

/** What is the same stays, and so do the focus, the scroll positions, and the place where a screen reader is. */
function update(shown, fresh) {
  const parts = [...fresh.childNodes]
  if (!shown.cloneNode().isEqualNode(fresh.cloneNode())) shown.replaceWith(fresh)
  else if (shown.childNodes.length !== parts.length) shown.replaceChildren(...parts)
  else [...shown.childNodes].forEach((each, index) => update(each, parts[index]))
}

// A look that fails leaves what is shown; the next one tries again.
if (part) setInterval(() => refresh().catch(console.warn), Number(part.dataset.refresh) * 1000)
