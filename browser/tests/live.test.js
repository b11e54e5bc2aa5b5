import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Connection} from "../src/connection/connection.js"
import {LiveQueries} from "../src/data/live_query.js"
import {Monitor} from "../src/connection/reconnect.js"
import {Clock, Server} from "./support.js"

let server, queries, clock

beforeEach(() => {
  server = new Server()
  clock = new Clock()
  const monitor = new Monitor({clock, window: new EventTarget(), document: new EventTarget()})
  const connection = new Connection({monitor, newTransport: server.newTransport, report: assert.fail})
  queries = new LiveQueries(connection)
  connection.connect("ws://host/")
  server.accept()
  server.received()
})

const put = (key, after) => ({query: server.query, puts: [{key, row: {id: Number(key)}, after}]})

function fill(...deltas) {
  const [{id}] = server.subscribe()
  server.query = id
  server.frame("e.1", ...deltas.map((delta) => ({...delta, query: id})))
}

describe("a live query", () => {
  test("has its rows in order", () => {
    const tasks = queries.open("tasks", {project: 7})
    fill({puts: [{key: "3", row: {id: 3}}, {key: "1", row: {id: 1}}]})
    assert.deepEqual([tasks.rows, tasks.keys, tasks.state], [[{id: 3}, {id: 1}], ["3", "1"], "live"])
  })

  test("calls back when the first rows come, and after each change", () => {
    const seen = []
    queries.open("tasks", {}).subscribe((rows) => seen.push(rows.map(({id}) => id)))
    fill()
    server.frame("e.2", put("1", null))
    server.frame("e.3")
    assert.deepEqual(seen, [[], [1]])
  })

  test("calls back at once where the rows are there", () => {
    const tasks = queries.open("tasks", {})
    fill({puts: [{key: "1", row: {id: 1}}]})
    const seen = []
    tasks.subscribe((rows) => seen.push(rows.length))
    assert.deepEqual(seen, [1])
  })

  test("does not call back after the end of a subscription", () => {
    const seen = []
    const end = queries.open("tasks", {}).subscribe((rows) => seen.push(rows.length))
    end()
    fill()
    assert.deepEqual(seen, [])
  })

  test("gives the same snapshot until there is a change", () => {
    const tasks = queries.open("tasks", {})
    fill({puts: [{key: "1", row: {id: 1}}]})
    const {getSnapshot} = tasks
    const before = getSnapshot()
    server.frame("e.2")
    assert.equal(getSnapshot(), before)
    server.frame("e.3", put("2", "1"))
    assert.notEqual(getSnapshot(), before)
  })

  test("loses its rows and tells why when it is refused", () => {
    const tasks = queries.open("tasks", {})
    fill({puts: [{key: "1", row: {id: 1}}]})
    const seen = []
    tasks.subscribe((rows) => seen.push(rows.length))
    server.say({type: "refused", id: server.query, code: 4214, reason: "No."})
    assert.deepEqual([seen, tasks.state, tasks.error.name, tasks.error.message], [[1, 0], "refused", "forbidden", "No."])
  })

  test("calls actions with its own parameters", () => {
    queries.open("tasks", {project: 7}).call("toggle", {pk: 3})
    const {id, ...call} = server.received().at(-1)
    assert.deepEqual(call, {type: "call", stream: "tasks", params: {project: 7}, action: "toggle", args: {pk: 3}})
  })
})

describe("users of the same live query", () => {
  test("share one subscription, whatever the order of the parameters", () => {
    queries.open("tasks", {project: 7, column: "todo"})
    queries.open("tasks", {column: "todo", project: 7})
    assert.equal(server.received().length, 1)
  })

  test("have one each for other parameters", () => {
    queries.open("tasks", {project: 7})
    queries.open("tasks", {project: "7"})
    assert.equal(server.received().length, 2)
  })

  test("leave it when the last one closes", () => {
    const [first, second] = [queries.open("tasks", {}), queries.open("tasks", {})]
    server.received()
    first.close()
    first.close()
    assert.deepEqual(server.received(), [])
    second.close()
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}])
  })

  test("do not hear of each other's end", () => {
    const [first, second] = [queries.open("tasks", {}), queries.open("tasks", {})]
    const seen = []
    first.subscribe(() => seen.push("first"))
    second.subscribe(() => seen.push("second"))
    first.close()
    fill()
    assert.deepEqual(seen, ["second"])
  })

  test("ask anew after all had closed", () => {
    queries.open("tasks", {}).close()
    server.received()
    queries.open("tasks", {})
    assert.deepEqual(server.received(), [{type: "subscribe", id: 2, stream: "tasks", params: {}, format: "data"}])
  })
})

describe("a live value", () => {
  const open = (name = "open_count", params = {project: 7}) => queries.openValue("tasks", params, name)
  const put = (row) => ({puts: [{key: "open_count", row}]})

  test("is asked for by its name, and is undefined until it comes", () => {
    const count = open()
    assert.deepEqual([count.value, count.state], [undefined, "catching-up"])
    assert.deepEqual(server.received(), [
      {type: "subscribe", id: 1, stream: "tasks", params: {project: 7}, format: "value:open_count"},
    ])
  })

  test("is any JSON, null too", () => {
    const count = open()
    fill(put(5))
    const seen = [[count.value, count.getSnapshot(), count.state]]
    for (const value of [null, "five", {open: 5}, false]) {
      server.frame("e.2", {query: server.query, ...put(value)})
      seen.push(count.value)
    }
    assert.deepEqual(seen, [[5, 5, "live"], null, "five", {open: 5}, false])
  })

  test("calls back at once where it is there, and after each change", () => {
    const count = open()
    const seen = []
    count.subscribe((value) => seen.push(value))
    fill(put(5))
    const end = count.subscribe((value) => seen.push(`late ${value}`))
    server.frame("e.2", {query: server.query, ...put(6)})
    end()
    server.frame("e.3", {query: server.query, ...put(7)})
    server.frame("e.4")
    assert.deepEqual(seen, [5, "late 5", 6, "late 6", 7])
  })

  test("tells why when it is refused", () => {
    const count = open()
    const seen = []
    count.subscribe((value) => seen.push(value))
    fill(put(5))
    server.say({type: "refused", id: server.query, code: 4214, reason: "No."})
    assert.deepEqual([seen, count.value, count.state, count.error.name], [[5, undefined], undefined, "refused", "forbidden"])
  })

  test("is resumed from its cursor", () => {
    const count = open()
    fill(put(5))
    server.cut()
    clock.pass(1)
    server.accept()
    assert.deepEqual(server.subscribe().map(({cursor}) => cursor), ["e.1"])
    server.frame("e.2")
    assert.deepEqual([count.value, count.state], [5, "live"])
  })

  test("is shared by those who use the same one, and left when the last one closes", () => {
    const [first, second] = [open(), open()]
    assert.equal(server.received().length, 1)
    open("done_count").close()
    open("open_count", {project: 8}).close()
    queries.open("tasks", {project: 7}).close()
    assert.equal(server.received().length, 6)
    first.close()
    assert.deepEqual(server.received(), [])
    second.close()
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}])
  })

  test("has a name that the server can read", () => {
    assert.throws(() => open("open count"), {
      name: "bad_arguments",
      message: "The name of a live value is made of letters, digits and underscores: 'open count' cannot be one.",
    })
    assert.deepEqual(server.received(), [])
  })
})
