import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Connection} from "../src/connection.js"
import {LiveQueries} from "../src/live.js"
import {Monitor} from "../src/monitor.js"
import {Clock, Server} from "./support.js"

let server, queries

beforeEach(() => {
  server = new Server()
  const monitor = new Monitor({clock: new Clock(), window: new EventTarget(), document: new EventTarget()})
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
