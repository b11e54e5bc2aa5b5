import assert from "node:assert/strict"
import {afterEach, beforeEach, describe, mock, test} from "node:test"
import {openPage} from "./support.js"

const SCRIPT = '<script data-realtime-url="/realtime/ws/"></script>'
const CONTAINER = '<ul data-live="tasks" data-live-token="t" data-live-cursor="e.1"></ul>'

let urls
let loads = 0

/** Loads the module as if under another address. */
const load = async () => (await import(`../src/realtime.js?${loads++}`)).default

beforeEach(() => {
  mock.timers.enable({apis: ["setTimeout"]}) // a connection tries for ever, and the test would too
  urls = []
  globalThis.WebSocket = class {
    constructor(url) {
      urls.push(url)
    }
    close() {}
  }
})

afterEach(() => mock.timers.reset())

describe("the module", () => {
  test("can be imported without a page, and says so when it is called", async () => {
    const {window} = globalThis
    delete globalThis.window
    try {
      const realtime = await load()
      assert.deepEqual([realtime.state, realtime.status.getSnapshot()], [null, {state: null, waiting: 0, held: 0}])
      for (const name of ["connect", "live", "value", "call", "presence", "send", "on", "pause", "resume"]) {
        const message = `realtime.${name}() needs a page: call it in the browser, not where a server renders.`
        assert.throws(() => realtime[name](), {message})
      }
    } finally {
      if (window) globalThis.window = window
    }
  })

  test("does not connect where nothing is live", async () => {
    openPage(SCRIPT)
    const realtime = await load()
    assert.deepEqual([urls, realtime.state], [[], null])
  })

  test("connects where a container is", async () => {
    openPage(SCRIPT + CONTAINER)
    const realtime = await load()
    assert.deepEqual([urls, realtime.state], [["wss://example.org/realtime/ws/"], "connecting"])
  })

  test("connects without TLS where the page has none", async () => {
    openPage(SCRIPT + CONTAINER, {url: "http://localhost:8000/board/"})
    await load()
    assert.deepEqual(urls, ["ws://localhost:8000/realtime/ws/"])
  })

  test("connects for live(), value(), call(), presence(), on() and connect()", async () => {
    for (const use of [(r) => r.live("tasks", {}), (r) => r.value("tasks", {}, "open"), (r) => r.call("tasks", {}, "toggle"), (r) => r.presence("tasks"), (r) => r.on("toast", () => {}), (r) => r.connect()]) {
      openPage(SCRIPT)
      urls = []
      use(await load())
      assert.equal(urls.length, 1)
    }
  })

  test("refuses a token that is not a function", async () => {
    const realtime = await load()
    assert.throws(() => realtime.connect({token: "secret"}), {
      name: "TypeError",
      message: "connect(): 'token' must be a function that returns a token; each connection asks it for one.",
    })
  })

  test("requests a token where the script tag says, for each connection", async () => {
    const {fetch} = globalThis
    const requests = []
    globalThis.fetch = async (url, {cache}) => (requests.push([url, cache]), {ok: requests.length < 2, status: 403, text: async () => "a token"})
    const reported = mock.method(console, "error", () => {})
    try {
      openPage(SCRIPT.replace("<script", '<script data-realtime-token-url="/token/"') + CONTAINER)
      const sockets = []
      globalThis.WebSocket = class {
        sent = []
        constructor() {
          sockets.push(this)
        }
        send(text) {
          this.sent.push(JSON.parse(text))
        }
        close() {}
      }
      await load()
      for (const _ of [1, 2]) {
        sockets.at(-1).onopen()
        await new Promise(setImmediate)
        if (sockets.length === 1) sockets[0].onclose({code: 1006, reason: ""})
        mock.timers.tick(1000)
      }
      assert.deepEqual(requests, [["/token/", "no-store"], ["/token/", "no-store"]])
      assert.equal(sockets[0].sent[0].token, "a token")
      assert.deepEqual(sockets[1].sent, [])
      assert.equal(reported.mock.calls[0].arguments[0].message, "The token URL /token/ answered with status 403.")
    } finally {
      globalThis.fetch = fetch
      reported.mock.restore()
    }
  })

  test("connects where connect() says", async () => {
    openPage(SCRIPT)
    ;(await load()).connect({url: "wss://live.example.org/ws/"})
    assert.deepEqual(urls, ["wss://live.example.org/ws/"])
  })

  test("says so when it does not know where to connect", async () => {
    openPage()
    const realtime = await load()
    assert.throws(() => realtime.live("tasks"), {
      message: "The address of the server is not known: put {% realtime_script %} into the page, or call connect({url}).",
    })
  })

  test("loaded twice is one", async () => {
    openPage(SCRIPT + CONTAINER)
    const first = await load()
    const second = await load()
    assert.deepEqual([first === second, first === window.realtime, urls.length], [true, true, 1])
  })

  test("has its public names as exports too", async () => {
    openPage(SCRIPT)
    const exported = await import(`../src/realtime.js?${loads++}`)
    assert.deepEqual(Object.keys(exported).sort(), ["RealtimeError", "call", "codes", "connect", "default", "list", "live", "on", "pause", "presence", "resume", "send", "status", "unread", "value"])
    assert.equal(exported.live, window.realtime.live)
  })
})
