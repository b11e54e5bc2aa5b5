/** The status page looks again every few seconds, while somebody looks at it. It needs no connection of realtime's own. */

const part = document.querySelector("[data-refresh]")

async function refresh() {
  if (document.visibilityState !== "visible" || part.contains(document.activeElement)) return
  const response = await fetch(location.href, {credentials: "same-origin"})
  if (!response.ok || response.redirected) return
  const page = new DOMParser().parseFromString(await response.text(), "text/html")
  const news = page.querySelector("[data-refresh]")
  if (news && !part.contains(document.activeElement)) part.replaceChildren(...news.childNodes)
}

// A look that fails leaves what is shown; the next one tries again.
if (part) setInterval(() => refresh().catch(console.warn), Number(part.dataset.refresh) * 1000)
