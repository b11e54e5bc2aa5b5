import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Connection} from "../src/connection/connection.js"
import {LiveQueries} from "../src/data/live_query.js"
import {Monitor} from "../src/connection/reconnect.js"
import {Multiplexer} from "../src/transports/multiplexer.js"
import {Clock, Server} from "./support.js"

let clock, server, board

beforeEach(() => {
  clock = new Clock()
  server = new Server()
  const after = (seconds, callback) => {
    const timer = clock.setTimeout(callback, seconds * 1000)
    return () => clock.clearTimeout(timer)
  }
  board = new Multiplexer({newTransport: () => server.newTransport("ws://host/"), after, now: clock.now})
})

/** A page of the module's own, whose transport is the switchboard. `frozen`: nothing that it is sent is taken. */
class Tab {
  frozen = false

  constructor() {
    this.clock = new Clock()
    const monitor = new Monitor({clock: this.clock, window: new EventTarget(), document: new EventTarget()})
    const report = (error) => { throw error }
    this.connection = new Connection({monitor, newTransport: () => this.#transport(), report})
    this.queries = new LiveQueries(this.connection)
    this.connection.connect("shared")
  }

  #transport() {
    let handlers, page
    return {
      on: (given) => (handlers = given),
      open: () => {
        page = board.join({
          send: (text) => this.frozen || handlers.message(text),
          closed: (code, reason) => this.frozen || handlers.closed(code, reason),
        })
        handlers.opened()
      },
      send: (text) => page.receive(text),
      close: () => page.leave(),
    }
  }

  open(project) {
    return this.queries.open("tasks", {project})
  }

  leave() {
    this.connection.monitor.window.dispatchEvent(new Event("pagehide"))
  }
}

const kinds = () => server.received().map(({type}) => type)
const titles = (query) => query.rows.map(({title}) => title)
const put = (query, key, title) => ({query, puts: [{key, row: {title}, after: null}]})

/** Accepts what is asked for, each stream with its project as the query's id, and sends the first rows. */
function answer(...projects) {
  const asked = server.received().filter(({type}) => type === "subscribe")
  for (const {id, params} of asked) server.say({type: "subscribed", id, query: params.project, log: 0})
  server.frame("e.1", ...projects.map((project) => ({query: project, reset: true, puts: [{key: "1", row: {title: `of ${project}`}}]})))
}

describe("pages that share a connection", () => {
  test("are one client to the server", () => {
    const [one, two] = [new Tab(), new Tab()]
    one.open(7)
    two.open(8)
    server.accept()
    assert.equal(server.attempts.length, 1)
    assert.deepEqual(server.received().map(({type, id, params}) => [type, id, params?.project]), [
      ["hello", undefined, undefined], ["subscribe", 1, 7], ["subscribe", 2, 8],
    ])
    assert.deepEqual([one.connection.state, two.connection.state], ["catching-up", "catching-up"])
  })

  test("get what is theirs", () => {
    const [one, two] = [new Tab(), new Tab()]
    const [mine, yours] = [one.open(7), two.open(8)]
    server.accept()
    answer(7, 8)
    assert.deepEqual([titles(mine), titles(yours)], [["of 7"], ["of 8"]])
    assert.deepEqual([mine.state, yours.state], ["live", "live"])
    server.frame("e.2", put(8, "2", "new"))
    assert.deepEqual([titles(mine), titles(yours)], [["of 7"], ["new", "of 8"]])
  })

  test("patches in short come to the page whose they are", () => {
    const [one, two] = [new Tab(), new Tab()]
    const [mine, yours] = [one.open(7), two.open(8)]
    server.accept()
    answer(7, 8)
    server.say([8, {1: {set: {title: "patched"}}}])
    assert.deepEqual([titles(mine), titles(yours)], [["of 7"], ["patched"]])
  })

  test("both get a live query that both have", () => {
    const [one, two] = [new Tab(), new Tab()]
    const queries = [one.open(7), two.open(7)]
    server.accept()
    answer(7)
    server.frame("e.2", put(7, "2", "new"))
    assert.deepEqual(queries.map(titles), [["new", "of 7"], ["new", "of 7"]])
  })

  test("may come late", () => {
    const one = new Tab()
    const mine = one.open(7)
    server.accept()
    answer(7)
    const two = new Tab()
    assert.equal(two.connection.state, "live")
    const yours = two.open(8)
    answer(8)
    assert.deepEqual([titles(mine), titles(yours), server.attempts.length], [["of 7"], ["of 8"], 1])
  })

  test("leave alone", () => {
    const [one, two] = [new Tab(), new Tab()]
    one.open(7)
    const yours = two.open(8)
    server.accept()
    answer(7, 8)
    one.leave()
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}])
    server.frame("e.2", put(8, "2", "new"))
    assert.deepEqual([titles(yours), two.connection.state], [["new", "of 8"], "live"])
  })

  test("end it with the last one", () => {
    const [one, two] = [new Tab(), new Tab()]
    server.accept()
    one.leave()
    assert.equal(server.attempt.closed, false)
    two.leave()
    assert.equal(server.attempt.closed, true)
  })

  test("hear the answers to their own calls", async () => {
    const [one, two] = [new Tab(), new Tab()]
    server.accept()
    server.received()
    const calls = [one, two].map((tab) => tab.queries.call({stream: "tasks", params: {}, action: "add", args: {}}))
    const [first, second] = server.received()
    server.say({type: "reply", id: second.id, result: "second"})
    server.say({type: "reply", id: first.id, result: "first"})
    assert.deepEqual(await Promise.all(calls), ["first", "second"])
  })

  test("are sent the parts of their own rows", () => {
    const [mine, yours] = [new Tab().open(7), new Tab().open(8)]
    server.accept()
    server.say({type: "part", id: 1, first: true, puts: [{key: "1", row: {title: "one"}}]})
    server.say({type: "part", id: 2, first: true, puts: [{key: "5", row: {title: "five"}}]})
    server.say({type: "part", id: 1, puts: [{key: "2", row: {title: "two"}}]})
    assert.deepEqual([mine.rows, yours.rows], [[], []])
    const asked = server.received().filter(({type}) => type === "subscribe")
    for (const {id, params} of asked) server.say({type: "subscribed", id, query: params.project, log: 0})
    server.frame("e.1", {query: 7, parts: true}, {query: 8, parts: true, drops: ["5"]})

    assert.deepEqual([titles(mine), titles(yours)], [["one", "two"], []])
  })

  test("hear which are refused, and the others live on", () => {
    const [one, two] = [new Tab(), new Tab()]
    const [mine, yours] = [one.open(7), two.open(8)]
    server.accept()
    server.say({type: "refused", id: 2, code: 4214, reason: "Not you."})
    answer(7)
    assert.deepEqual([mine.state, yours.state, yours.error.message], ["live", "refused", "Not you."])
  })

  test("that the server has no room for go on by a connection of their own", () => {
    const [one, two] = [new Tab(), new Tab()]
    const [mine, yours] = [one.open(7), two.open(8)]
    server.accept()
    server.say({type: "refused", id: 2, code: 4002, reason: "A connection may have 1 subscription."})
    answer(7)
    assert.deepEqual([mine.state, yours.state], ["live", "offline"]) // which tries again, and takes the next transport
  })

  test("hear the events of what they see, and all those of the user", () => {
    const [one, two] = [new Tab(), new Tab()]
    const heard = []
    one.open(7).on("typing", () => heard.push("one"))
    two.open(8).on("typing", () => heard.push("two"))
    for (const tab of [one, two]) tab.connection.events.on("toast", () => heard.push("toast"))
    server.accept()
    answer(7, 8)
    server.say({type: "event", name: "typing", data: {}, query: 8})
    server.say({type: "event", name: "toast", data: {}})
    assert.deepEqual(heard, ["two", "toast", "toast"])
  })

  test("send events by their own subscriptions", () => {
    const [one, two] = [new Tab(), new Tab()]
    one.open(7)
    const yours = two.open(8)
    server.accept()
    answer(7, 8)
    assert.equal(yours.send("typing", {}), true)
    assert.deepEqual(server.received(), [{type: "send", id: 2, name: "typing", data: {}}])
  })
})

describe("the line", () => {
  test("is acknowledged once, not by each page", () => {
    const [one, two] = [new Tab(), new Tab()]
    one.open(7)
    two.open(7)
    server.accept()
    answer(7)
    server.received()
    for (let number = 2; number < 9; number++) server.frame(`e.${number}`, put(7, "2", "new"))
    assert.deepEqual(server.received(), [{type: "ack", messages: 10}])
    server.say({type: "heartbeat", cursors: {0: "e.9"}})
    assert.deepEqual(server.received(), [{type: "ack", messages: 11}])
  })

  test("that is lost is made anew by the first page that tries, and all resume from their cursors", () => {
    const [one, two] = [new Tab(), new Tab()]
    one.open(7)
    two.open(8)
    server.accept()
    answer(7, 8)
    server.cut()
    assert.deepEqual([one.connection.state, two.connection.state], ["offline", "offline"])
    one.clock.pass(1)
    two.clock.pass(1)
    server.accept()
    assert.equal(server.attempts.length, 2)
    assert.deepEqual(server.received().filter(({type}) => type === "subscribe").map(({cursor}) => cursor), ["e.1", "e.1"])
  })

  test("that the server ends tells all pages why", () => {
    const [one, two] = [new Tab(), new Tab()]
    server.accept()
    server.say({type: "bye", code: 4002, reason: "There are too many.", retry: 2})
    assert.deepEqual([one.connection.state, two.connection.state], ["offline", "offline"])
    one.clock.pass(1.9)
    assert.equal(server.attempts.length, 1)
    one.clock.pass(1)
    assert.equal(server.attempts.length, 2)
  })

  test("that the server ends is not offered to a page that comes back before the others have left", () => {
    const heard = []
    const join = () => {
      const page = board.join({send: (text) => heard.push(JSON.parse(text).type), closed: (code) => heard.push(code)})
      page.receive(JSON.stringify({type: "hello", version: 2}))
      return page
    }
    const [one] = [join(), join()]
    server.accept()
    server.say({type: "bye", code: 4000, reason: "The server restarts."})
    assert.equal(server.attempts[0].closed, true)
    one.leave()
    join()
    assert.deepEqual([heard, server.attempts.length], [["welcome", "welcome", "bye", "bye"], 2])
  })

  test("that is silent for two heartbeats is given up", () => {
    const one = new Tab()
    server.accept()
    clock.pass(49)
    assert.equal(one.connection.state, "live")
    clock.pass(1)
    assert.equal(one.connection.state, "offline")
    assert.equal(server.attempt.closed, true)
  })

  test("that slept is not offered to a page that comes", () => {
    new Tab()
    server.accept()
    clock.time += 3600
    new Tab()
    assert.equal(server.attempts.length, 2)
  })
})

describe("a page that does not follow", () => {
  const heartbeats = (number) => {
    for (let heartbeat = 0; heartbeat < number; heartbeat++) server.say({type: "heartbeat", cursors: {}})
  }

  test("is cut off after three heartbeats, and the others are not", () => {
    const [one, two] = [new Tab(), new Tab()]
    one.open(7)
    two.open(8)
    server.accept()
    answer(7, 8)
    server.received()
    one.frozen = true
    heartbeats(3)
    assert.deepEqual(kinds(), ["ack", "ack", "ack"])
    heartbeats(1)
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}, {type: "ack", messages: 7}])
    assert.equal(two.connection.state, "live")
  })

  test("costs no more than a few windows", () => {
    const [one, two] = [new Tab(), new Tab()]
    one.open(7)
    const yours = two.open(7)
    server.accept()
    answer(7)
    one.frozen = true
    const long = "x".repeat(1024 * 1024)
    for (let number = 2; number < 8; number++) server.frame(`e.${number}`, put(7, "2", long))
    assert.deepEqual(server.received().filter(({type}) => type === "unsubscribe"), [{type: "unsubscribe", id: 1}])
    assert.deepEqual([two.connection.state, yours.rows.length], ["live", 2])
  })

  test("comes back like any other", () => {
    const [one, two] = [new Tab(), new Tab()]
    const mine = one.open(7)
    server.accept()
    answer(7)
    one.frozen = true
    heartbeats(4)
    one.frozen = false
    one.clock.pass(60) // its own monitor notices the silence, and waits for the delay
    const [asked] = server.received().filter(({type}) => type === "subscribe")
    assert.deepEqual([asked.cursor, two.connection.state], ["e.1", "live"])
    server.say({type: "subscribed", id: asked.id, query: 7, log: 0})
    server.frame("e.5", put(7, "2", "new"))
    assert.deepEqual(titles(mine), ["new", "of 7"])
  })
})

describe("a page of its own kind", () => {
  test("is turned away when it brings a token: the connection is another user's", () => {
    new Tab()
    server.accept()
    const closed = []
    const page = board.join({send: () => closed.push("sent"), closed: (code) => closed.push(code)})
    page.receive(JSON.stringify({type: "hello", version: 2, token: "t"}))
    assert.deepEqual(closed, [1006])
  })

  test("is turned away when it speaks an older version of the protocol, whose messages may differ", () => {
    new Tab()
    server.accept()
    const closed = []
    const page = board.join({send: () => closed.push("sent"), closed: (code) => closed.push(code)})
    page.receive(JSON.stringify({type: "hello", version: 1}))
    assert.deepEqual(closed, [1006])
  })

  test("is turned away when there is no room for its subscriptions", () => {
    const one = new Tab()
    server.accept()
    for (let project = 0; project < 50; project++) one.open(project)
    const closed = []
    const page = board.join({send: () => closed.push("sent"), closed: (code) => closed.push(code)})
    page.receive(JSON.stringify({type: "hello", version: 2}))
    assert.deepEqual(closed, [1006])
    assert.equal(one.connection.state, "catching-up")
  })
})
