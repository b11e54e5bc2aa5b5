// The switch of a frame cuts the network of this page alone: open connections end, and new ones fail, as without a network.
// It stands before `{% realtime_script %}`, so that the page has no other connections.

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("network").addEventListener("click", ({currentTarget}) => {
    network.set(!network.on)
    currentTarget.setAttribute("aria-checked", String(network.on))
  })
})

const network = {
  on: true,
  sockets: new Set(),
  requests: new AbortController(),

  set(on) {
    this.on = on
    if (!on) {
      this.requests.abort()
      this.requests = new AbortController()
      for (const socket of this.sockets) socket.close()
    }
    window.dispatchEvent(new Event(on ? "online" : "offline"))
  },

  check() {
    if (!this.on) throw new TypeError("The network is switched off.")
  },
}

window.WebSocket = class extends WebSocket {
  constructor(...options) {
    network.check()
    super(...options)
    network.sockets.add(this)
    this.addEventListener("close", () => network.sockets.delete(this))
  }
}

const browserFetch = window.fetch
window.fetch = async (input, options = {}) => {
  network.check()
  const signals = [network.requests.signal, options.signal].filter(Boolean)
  return browserFetch(input, {...options, signal: AbortSignal.any(signals)})
}
