import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {TransportSelector} from "../src/transports/selector.js"
import {Clock} from "./support.js"

const HELLO = '{"type":"hello","version":2}'
const WELCOME = '{"type":"welcome"}'

let clock, attempts, heard, selector, memory

class FakeTransport {
  sent = []
  state = "new"

  constructor(name) {
    this.name = name
    attempts.push(this)
  }
  on(handlers) {
    this.handlers = handlers
  }
  open() {
    this.state = "open"
  }
  send(text) {
    this.sent.push(text)
  }
  close() {
    this.state = "closed"
  }
  retire() {
    this.state = "retired"
  }
  welcome() {
    this.handlers.opened()
    this.handlers.message(WELCOME)
  }
  cut() {
    this.handlers.closed(1006, `${this.name} is gone`)
  }
}

function makeSelector(names = ["websocket", "sse", "longpoll"]) {
  const list = names.map((name) => ({name, open: () => new FakeTransport(name)}))
  const after = (seconds, callback) => {
    const timer = clock.setTimeout(callback, seconds * 1000)
    return () => clock.clearTimeout(timer)
  }
  return new TransportSelector({list: () => list, after, now: clock.now, memory})
}

function open() {
  const transport = selector.newTransport()
  transport.on({
    opened: () => heard.push("opened"),
    message: (text) => heard.push(JSON.parse(text).type),
    renew: () => {
      heard.push("renew")
      transport.send(HELLO)
      transport.send('{"type":"subscribe"}')
      return true
    },
    moved: () => {
      heard.push("moved")
      for (const text of [HELLO, '{"type":"call"}', '{"type":"subscribe"}']) transport.send(text)
    },
    closed: (code, reason) => heard.push([code, reason]),
  })
  transport.open()
  return transport
}

const names = () => attempts.map(({name}) => name)
const last = () => attempts.at(-1)

beforeEach(() => {
  clock = new Clock()
  attempts = []
  heard = []
  const stored = new Map()
  memory = {getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value), removeItem: (key) => stored.delete(key)}
  selector = makeSelector()
})

describe("the choice of a transport", () => {
  test("is the best one where it leads there", () => {
    open()
    last().welcome()
    clock.pass(60)
    assert.deepEqual([names(), heard], [["websocket"], ["opened", "welcome"]])
  })

  test("is the next one where the first is refused", () => {
    open()
    last().cut()
    last().welcome()
    assert.deepEqual([names(), heard], [["websocket", "sse"], ["opened", "welcome"]])
  })

  test("is the next one where the handshake is swallowed", () => {
    open()
    clock.pass(3.9)
    assert.deepEqual(names(), ["websocket"])
    clock.pass(0.2)
    assert.deepEqual([names(), attempts[0].state], [["websocket", "sse"], "closed"])
  })

  test("is the next one where a socket opens and carries nothing", () => {
    const transport = open()
    last().handlers.opened()
    transport.send(HELLO)
    clock.pass(4.1)
    last().welcome()
    assert.deepEqual(heard, ["opened", "moved", "welcome"])
    assert.deepEqual(last().sent, [HELLO, '{"type":"call"}', '{"type":"subscribe"}'])
  })

  test("is the next one before anything was sent, as while a token is on its way", () => {
    const transport = open()
    last().handlers.opened()
    last().cut()
    last().handlers.opened()
    assert.deepEqual([names(), heard], [["websocket", "sse"], ["opened"]])
    transport.send(HELLO)
    assert.deepEqual(last().sent, [HELLO])
  })

  test("sends nothing before its connection is open, even if the token arrives earlier", () => {
    const transport = open()
    last().handlers.opened()
    last().cut()
    transport.send(HELLO)
    assert.deepEqual(last().sent, [])
    last().welcome()
    assert.deepEqual(heard, ["opened", "moved", "welcome"])
    assert.deepEqual(last().sent, [HELLO, '{"type":"call"}', '{"type":"subscribe"}'])
  })

  test("waits for a token that is slow, and then for the welcome", () => {
    const transport = open()
    last().handlers.opened()
    clock.pass(8)
    transport.send(HELLO)
    assert.deepEqual([names(), last().sent], [["websocket"], [HELLO]])
    clock.pass(4.1)
    assert.deepEqual(names(), ["websocket", "sse"])
  })

  test("is the last one where all others fail, with no more haste", () => {
    open()
    last().cut()
    clock.pass(4.1)
    clock.pass(60)
    assert.deepEqual([names(), last().state], [["websocket", "sse", "longpoll"], "open"])
  })

  test("is none where all fail, which is told once", () => {
    open()
    for (let count = 0; count < 3; count++) last().cut()
    assert.deepEqual(heard, [[1006, "longpoll is gone"]])
  })

  test("is not changed by a transport that was given up", () => {
    open()
    last().cut()
    attempts[0].handlers.closed(1006, "late")
    assert.deepEqual(names(), ["websocket", "sse"])
  })

  test("is not changed by a bye: the server was heard", () => {
    open()
    last().handlers.opened()
    last().handlers.message('{"type":"bye"}')
    last().cut()
    assert.deepEqual([names(), heard], [["websocket"], ["opened", "bye", [1006, "websocket is gone"]]])
  })
})

describe("after a loss", () => {
  test("the transport is kept, however often the page is left soon after its welcome", () => {
    for (let count = 0; count < 4; count++) {
      const transport = open()
      last().welcome()
      transport.close()
    }
    assert.deepEqual(names(), ["websocket", "websocket", "websocket", "websocket"])
  })

  test("the transport that has led there is tried alone, and then all", () => {
    open()
    last().welcome()
    clock.pass(60)
    last().cut()
    attempts = []
    for (let count = 0; count < 3; count++) {
      open()
      last().cut()
    }
    assert.deepEqual(names(), ["websocket", "websocket", "websocket"])
    open()
    last().cut()
    assert.deepEqual(names().slice(3), ["websocket", "sse"])
  })

  test("a transport that is cut again and again soon after the welcome is the last choice", () => {
    for (let count = 0; count < 3; count++) {
      open()
      last().welcome()
      clock.pass(2)
      last().cut()
    }
    open()
    assert.equal(last().name, "sse")
  })

  test("the next page begins with the transport that worked, for a while", () => {
    open()
    last().cut()
    last().welcome()
    selector = makeSelector()
    open()
    assert.equal(last().name, "sse")
    clock.pass(601)
    selector = makeSelector()
    open()
    assert.equal(last().name, "websocket")
  })

  test("a window that stores nothing chooses anew", () => {
    const broken = () => {
      throw new Error("no storage")
    }
    memory = {getItem: broken, setItem: broken, removeItem: broken}
    selector = makeSelector()
    open()
    last().cut()
    last().welcome()
    assert.deepEqual(heard, ["opened", "welcome"])
  })
})

describe("the return to the best transport", () => {
  /** On Server-Sent Events, with a probe under way. */
  function probing(hello = HELLO) {
    const transport = open()
    last().cut()
    last().welcome()
    transport.send(hello)
    clock.pass(15.1)
    heard = []
    return {transport, sse: attempts[1], probe: attempts[2]}
  }

  test("waits until the server has said welcome there", () => {
    const {sse, probe} = probing()
    probe.handlers.opened()
    assert.deepEqual([probe.name, probe.sent, sse.state, heard], ["websocket", [HELLO], "open", []])
  })

  test("is tried as whoever the last hello names", () => {
    const hello = '{"type":"hello","version":2,"token":"t"}'
    const {probe} = probing(hello)
    probe.handlers.opened()
    assert.deepEqual(probe.sent, [hello])
  })

  test("goes on from the cursors, without a second hello", () => {
    const {transport, sse, probe} = probing()
    probe.welcome()
    assert.deepEqual([sse.state, heard, probe.sent], ["retired", ["renew", "welcome"], [HELLO, '{"type":"subscribe"}']])
    transport.send('{"type":"ack"}')
    probe.cut()
    assert.deepEqual([probe.sent.at(-1), heard.at(-1)], ['{"type":"ack"}', [1006, "websocket is gone"]])
  })

  test("does not hide that calls of the previous transport fail: they are repeated", () => {
    const {sse, probe} = probing()
    probe.welcome()
    sse.handlers.closed(1006, "no network")
    assert.deepEqual([probe.state, heard.at(-1)], ["closed", [1006, "no network"]])
  })

  test("is remembered", () => {
    probing().probe.welcome()
    selector = makeSelector()
    open()
    assert.equal(last().name, "websocket")
  })

  test("is tried again after growing delays", () => {
    probing().probe.cut()
    clock.pass(29)
    assert.equal(attempts.length, 3)
    clock.pass(2)
    assert.equal(attempts.length, 4)
    clock.pass(4.1) // swallowed
    assert.equal(last().state, "closed")
    clock.pass(61)
    assert.equal(attempts.length, 5)
    assert.deepEqual(heard, [])
  })

  test("ends with the transport", () => {
    const {transport, sse, probe} = probing()
    transport.close()
    clock.pass(1000)
    assert.deepEqual([sse.state, probe.state, attempts.length, clock.pending], ["closed", "closed", 3, 0])
  })
})
