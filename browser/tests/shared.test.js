import assert from "node:assert/strict"
import {afterEach, beforeEach, describe, test} from "node:test"
import {serve} from "../src/transports/shared_worker.js"
import {SharedTransport} from "../src/transports/shared.js"
import {Server} from "./support.js"

let workers, server, opened, locks

/** The locks of a browser, as far as one holder and one who waits need them. */
class Locks {
  #ends = new Map()

  async request(name, callback) {
    await this.#ends.get(name)?.promise
    const end = {}
    end.promise = new Promise((resolve) => (end.now = resolve))
    this.#ends.set(name, end)
    Promise.resolve(callback()).then(end.now)
    await end.promise
  }

  /** The pages are gone without a word: what they held is free. */
  crash() {
    for (const end of this.#ends.values()) end.now()
  }
}

/** The browser's class: one worker for each name, in which the module serves. */
class Worker {
  constructor(script, {type, name}) {
    if (script.startsWith("https://cdn")) throw new Error("SecurityError: another origin")
    if (!workers.has(name)) {
      workers.set(name, new EventTarget())
      serve(workers.get(name), {newTransport: server.newTransport, locks})
    }
    const {port1, port2} = new MessageChannel()
    opened.push(port1, port2)
    this.port = port1
    this.type = type
    workers.get(name).dispatchEvent(Object.assign(new Event("connect"), {ports: [port2]}))
    Worker.last = this
  }
}

beforeEach(() => {
  ;[workers, server, opened, locks] = [new Map(), new Server(), [], new Locks()]
  globalThis.SharedWorker = Worker
  Object.defineProperty(globalThis, "navigator", {value: {locks}, configurable: true})
})

test("a page that is not in a secure context shares too: such a page has no crypto.randomUUID", async () => {
  const {randomUUID} = crypto
  Object.defineProperty(crypto, "randomUUID", {value: undefined, configurable: true, writable: true})
  try {
    const page = open()
    hello(page)
    await until(() => server.attempts.length === 1)
    assert.deepEqual(page.heard.filter(([kind]) => kind === "closed"), [])
    page.transport.close()
  } finally {
    crypto.randomUUID = randomUUID
  }
})

afterEach(() => {
  for (const scope of workers.values()) scope.dispatchEvent(new Event("offline")) // its timers end
  for (const port of opened) port.close()
  delete globalThis.SharedWorker
})

function open(options = {}) {
  const heard = []
  const waiting = []
  const transport = new SharedTransport({url: "ws://host/", session: "s1", script: "/realtime.js", ...options})
  const note = (kind) => (...args) => {
    heard.push([kind, ...args])
    for (const look of waiting.splice(0)) look()
  }
  transport.on({opened: note("opened"), message: note("message"), renew: () => false, closed: note("closed")})
  transport.open()
  /** Waits until so much was heard. */
  const hears = async (number) => {
    while (heard.length < number) await new Promise((resolve) => waiting.push(resolve))
    return heard
  }
  return {transport, heard, hears}
}

/** Waits until it is so; what is sent through a port comes when it comes. */
const until = async (condition) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
}
const HELLO = JSON.stringify({type: "hello", version: 2})
const hello = ({transport}) => transport.send(HELLO)

describe("the shared transport", () => {
  test("has one connection for pages of one session", async () => {
    const [one, two] = [open(), open()]
    hello(one)
    hello(two)
    await until(() => server.attempts.length)
    server.accept()
    assert.deepEqual((await one.hears(2)).map(([kind]) => kind), ["opened", "message"])
    assert.deepEqual((await two.hears(2)).map(([kind]) => kind), ["opened", "message"])
    assert.deepEqual([server.attempts.length, server.attempt.url, Worker.last.type], [1, "ws://host/", "module"])
  })

  test("has another one for another session, and another address", async () => {
    for (const options of [{session: "s1"}, {session: "s2"}, {url: "ws://other/"}]) hello(open(options))
    await until(() => server.attempts.length === 3)
    assert.deepEqual(server.attempts.map(({url}) => url).sort(), ["ws://host/", "ws://host/", "ws://other/"])
  })

  test("is closed with the line, and hears why", async () => {
    const one = open()
    hello(one)
    await until(() => server.attempts.length)
    server.accept()
    server.cut(1012, "restart")
    assert.deepEqual((await one.hears(3)).at(-1), ["closed", 1012, "restart"])
  })

  test("leaves the line when it is closed", async () => {
    const one = open()
    hello(one)
    await until(() => server.attempts.length)
    one.transport.close()
    await until(() => server.attempt.closed)
  })

  test("leaves the line when its page has crashed", async () => {
    hello(open())
    await until(() => server.attempts.length)
    assert.equal(server.attempt.closed, false)
    locks.crash()
    await until(() => server.attempt.closed)
  })

  test("ends with the network", async () => {
    const one = open()
    hello(one)
    await until(() => server.attempts.length)
    for (const scope of workers.values()) scope.dispatchEvent(new Event("offline"))
    assert.deepEqual((await one.hears(2)).at(-1), ["closed", 1006, "The network is gone."])
  })

  test("says so when there can be no worker", async () => {
    assert.deepEqual(await open({script: "https://cdn/realtime.js"}).hears(1), [["closed", 1006, "Error: SecurityError: another origin"]])
    const one = open()
    Worker.last.onerror()
    assert.deepEqual((await one.hears(1)).at(-1), ["closed", 1006, "The shared worker could not be started."])
  })
})
