import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Connection} from "../src/connection/connection.js"
import {Monitor} from "../src/connection/reconnect.js"
import {ResultSet} from "../src/data/result_set.js"
import {Clock, Server} from "./support.js"

let clock, server, connection, reported

beforeEach(() => {
  clock = new Clock()
  server = new Server()
  reported = []
  const monitor = new Monitor({clock, window: new EventTarget(), document: new EventTarget()})
  connection = new Connection({monitor, newTransport: server.newTransport, report: (error) => reported.push(error.message)})
})

function subscribe(name = "tasks") {
  const resultSet = new ResultSet({stream: name, params: {}, format: "data", cursor: null})
  connection.subscribe(resultSet)
  return resultSet
}

const TARGET = {stream: "tasks", params: {}, action: "toggle", args: {}}

const put = (query, ...keys) => ({query, puts: keys.map((key) => ({key, row: {id: key}}))})

function open() {
  connection.connect("ws://host/one/")
  server.accept()
}

describe("frames", () => {
  test("all rows of a frame are there when the first listener is called", () => {
    const [first, second] = [subscribe(), subscribe()]
    const seen = []
    first.listeners.add(() => seen.push(second.keys.length))
    open()
    server.subscribe()
    server.frame("e.1", put(1, "1"), put(2, "2"))
    assert.deepEqual(seen, [1])
  })

  test("all that shows rows is called before the first listener", () => {
    const calls = []
    for (const name of ["first", "second"]) {
      const target = {token: "t", stream: "tasks", format: "html", cursor: null}
      const resultSet = new ResultSet(target, {paint: () => Boolean(calls.push(`paint ${name}`))})
      resultSet.listeners.add(() => calls.push(`tell ${name}`))
      connection.subscribe(resultSet)
    }
    open()
    server.subscribe()
    server.frame("e.1", put(1, "1"), put(2, "2"))
    assert.deepEqual(calls, ["paint first", "paint second", "tell first", "tell second"])
  })

  test("the cursor counts after the listeners were called", () => {
    const resultSet = subscribe()
    const seen = []
    resultSet.listeners.add(() => seen.push(resultSet.subscription.cursor))
    open()
    server.subscribe()
    server.frame("e.1", put(1, "1"))
    assert.deepEqual([seen, resultSet.subscription.cursor], [[null], "e.1"])
  })

  test("a listener that throws is reported, and keeps nothing from the others", () => {
    const [first, second] = [subscribe(), subscribe()]
    first.listeners.add(() => {
      throw new Error("from the page")
    })
    const seen = []
    second.listeners.add((rows) => seen.push(rows.length))
    open()
    server.subscribe()
    server.frame("e.1", put(1, "1"), put(2, "2"))
    assert.deepEqual([reported, seen, first.subscription.cursor], [["from the page"], [1], "e.1"])
  })

  test("a frame that cannot be shown is asked for anew", () => {
    let able = false
    const target = {token: "t", stream: "tasks", format: "html", cursor: "e.1"}
    const resultSet = new ResultSet(target, {keys: ["1"], paint: () => able})
    connection.subscribe(resultSet)
    open()
    server.subscribe()
    server.frame("e.2", {query: 1, drops: ["1"]})
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}, {type: "subscribe", id: 2, token: "t"}])
    able = true
  })

  test("a listener may close its own subscription", () => {
    const resultSet = subscribe()
    resultSet.listeners.add(() => connection.unsubscribe(resultSet))
    open()
    server.subscribe()
    server.frame("e.1", put(1, "1"))
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}])
  })

  test("a subscription that a listener has closed is not asked for anew", () => {
    const [first, second] = [subscribe(), subscribe()]
    first.listeners.add(() => connection.unsubscribe(second))
    open()
    server.subscribe()
    server.frame("e.1", put(1, "1"), {query: 2, order: ["9"]})
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 2}])
  })

  test("a listener may open another subscription", () => {
    const resultSet = subscribe()
    resultSet.listeners.add(() => subscribe("people"))
    open()
    server.subscribe()
    server.frame("e.1", put(1, "1"))
    assert.deepEqual(server.received(), [{type: "subscribe", id: 2, stream: "people", params: {}, format: "data"}])
  })

  test("a listener may send the connection elsewhere", () => {
    const resultSet = subscribe()
    resultSet.listeners.add(() => connection.connect("ws://host/two/"))
    open()
    server.subscribe()
    server.frame("e.1", put(1, "1"))
    server.accept()
    assert.deepEqual(server.attempt.url, "ws://host/two/")
    assert.deepEqual(server.received()[1], {type: "subscribe", id: 2, stream: "tasks", params: {}, format: "data", cursor: "e.1"})
  })
})

describe("the life of a connection", () => {
  test("an attempt that hangs is closed and repeated", () => {
    connection.connect("ws://host/one/")
    clock.pass(10)
    assert.deepEqual([server.attempt.closed, connection.state], [true, "offline"])
    clock.pass(0.5)
    assert.equal(server.attempts.length, 2)
  })

  test("a server that does not say welcome is given up", () => {
    connection.connect("ws://host/one/")
    clock.pass(9)
    server.attempt.handlers.opened()
    clock.pass(9)
    assert.equal(connection.state, "connecting")
    clock.pass(1)
    assert.equal(connection.state, "offline")
  })

  test("a connection that is silent for two heartbeats is closed and repeated", () => {
    open()
    clock.pass(50)
    assert.deepEqual([server.attempt.closed, connection.state], [true, "offline"])
    clock.pass(0.5)
    server.accept()
    assert.equal(connection.state, "live")
  })

  test("text that is no message is reported, and the connection is repeated", () => {
    open()
    server.attempt.handlers.message("null")
    assert.deepEqual([server.attempt.closed, connection.state, reported.length], [true, "offline", 1])
  })

  test("a refused connection leaves no timer", () => {
    open()
    server.say({type: "bye", code: 4214, reason: "No."})
    assert.deepEqual([connection.state, connection.fault, clock.pending], ["refused", {code: 4214, reason: "No."}, 0])
  })

  test("what the server refuses for good is one line for the developer each", () => {
    const warned = []
    connection.warn = (text) => warned.push(text)
    subscribe("nots")
    subscribe("tasks")
    open()
    const [{id}, later] = server.received().filter(({type}) => type === "subscribe")
    server.say({type: "refused", id, code: 4212, reason: "There is no stream 'nots'. Did you mean 'notes'?"})
    server.say({type: "refused", id: later.id, code: 4002, reason: "Later."})
    server.say({type: "bye", code: 4210, reason: "Pages of evil.com may not connect."})
    assert.deepEqual(warned, [
      "realtime: The live query of the stream 'nots' is refused: There is no stream 'nots'. Did you mean 'notes'? (4212)",
      "realtime: The connection is refused: Pages of evil.com may not connect. (4210)",
    ])
  })

  test("a subscription refused for now is asked for after growing delays", () => {
    subscribe()
    open()
    const asked = []
    for (const seconds of [1, 2, 4]) {
      const [{id}] = server.received().filter(({type}) => type === "subscribe")
      server.say({type: "refused", id, code: 4002, reason: "Later."})
      clock.pass(seconds - 0.1)
      asked.push(server.attempt.sent.length)
      clock.pass(0.1)
      asked.push(server.attempt.sent.length)
    }
    assert.deepEqual(asked, [0, 1, 0, 1, 0, 1])
  })

  test("a delay from before a reconnect does not shorten the one after it", () => {
    subscribe()
    open()
    const refuse = () => {
      const [{id}] = server.received().filter(({type}) => type === "subscribe")
      server.say({type: "refused", id, code: 4002, reason: "Later."})
    }
    refuse()
    server.cut()
    clock.pass(0.5)
    server.accept()
    refuse()
    clock.pass(1.9)
    assert.deepEqual(server.received(), [])
    clock.pass(0.1)
    assert.equal(server.received().length, 1)
  })

  test("a call that waits is sent after hello, before the subscriptions that are to show its effects", () => {
    connection.connect("ws://host/one/")
    subscribe()
    connection.call(TARGET)
    server.attempt.handlers.opened()
    assert.deepEqual(server.received().map(({type}) => type), ["hello", "call", "subscribe"])
  })

  test("a call is repeated when its connection was lost", async () => {
    open()
    const call = connection.call(TARGET)
    server.cut()
    clock.pass(1)
    server.accept()
    assert.deepEqual(server.received().filter(({type}) => type === "call").map(({id}) => id), [call.id])
    server.say({type: "reply", id: call.id, result: 5})
    assert.equal(await call, 5)
  })

  test("a call is settled when all subscriptions are live again", async () => {
    const resultSet = subscribe()
    open()
    const call = connection.call(TARGET)
    server.say({type: "reply", id: call.id, result: null})
    server.say({type: "frame", log: 0, cursor: "e.0", deltas: [], calls: [call.id]})
    assert.equal(call.state, "answered")
    server.subscribe()
    server.frame("e.1", put(1, "1"))
    assert.equal(call.state, "settled")
    await call.settled.then(() => assert.deepEqual(resultSet.keys, ["1"]))
  })

  test("watchers are called when a call waits", () => {
    open()
    server.cut()
    const seen = []
    connection.watchers.add(() => seen.push(connection.calls.waiting))
    connection.call(TARGET)
    assert.deepEqual(seen, [1])
  })

  test("watchers are called when the state has changed", () => {
    const states = []
    connection.watchers.add(() => states.at(-1) === connection.state || states.push(connection.state))
    open()
    server.cut()
    assert.deepEqual(states, ["connecting", "live", "offline"])
  })
})

describe("a transport that goes on by another request", () => {
  test("has all asked for again, and hears whether anything else than news is awaited", () => {
    const resultSet = subscribe()
    open()
    server.received()
    assert.equal(server.attempt.handlers.renew(), false)
    server.subscribe()
    server.frame("e.1", put(2, "1"))
    assert.equal(server.attempt.handlers.renew(), true)
    assert.deepEqual(server.received().map(({type, cursor}) => [type, cursor]), [["hello", undefined], ["subscribe", "e.1"]])
    assert.deepEqual([connection.state, resultSet.keys], ["live", ["1"]])
  })

  test("does not have calls sent again", async () => {
    open()
    connection.calls.call({stream: "tasks", params: {}, action: "toggle", args: {}})
    server.received()
    server.attempt.handlers.renew()
    server.say({type: "welcome", version: 2, heartbeat: 25})
    assert.deepEqual(server.received().map(({type}) => type), ["hello"])
  })
})
