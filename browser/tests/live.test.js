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

  test("keeps its parameters, whatever the caller makes of a list in them", () => {
    const tags = ["ink"]
    const tasks = queries.open("tasks", {tags})
    tags.push("pen")
    fill({puts: [{key: "1", row: {id: 1}}]})
    server.cut()
    clock.pass(1)
    server.accept()
    const [{params}] = server.subscribe()
    assert.deepEqual([params, tasks.keys], [{tags: ["ink"]}, ["1"]])
  })

  test("does not share the rows of another date", () => {
    for (const day of ["2026-01-31", "2026-02-01"]) queries.open("tasks", {day: new Date(day)})
    assert.deepEqual(server.received("subscribe").map(({params}) => params.day.slice(0, 10)), ["2026-01-31", "2026-02-01"])
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

  test("is requested again by a new live() after a refusal, even if the refused one is still open", () => {
    const refused = queries.open("tasks", {})
    fill()
    server.say({type: "refused", id: server.query, code: 4214, reason: "No."})
    const tasks = queries.open("tasks", {})
    fill({puts: [{key: "1", row: {id: 1}}]})
    refused.close()
    assert.deepEqual([tasks.keys, tasks.state, queries.open("tasks", {}).keys], [["1"], "live", ["1"]])
    assert.deepEqual(server.received(), [])
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

describe("a live query whose parameters change", () => {
  const row = (id) => ({key: String(id), row: {id}})
  const ids = ({rows}) => rows.map(({id}) => id)
  let tasks, seen

  /** Accepts what was asked for last, and sends its rows. */
  function answer(...rows) {
    const [{id}] = server.subscribe().slice(-1)
    server.frame(`e.${id}`, {query: id, puts: rows.map(row)})
  }

  beforeEach(() => {
    tasks = queries.open("tasks", {project: 7, q: ""})
    answer(1, 2)
    seen = []
    tasks.subscribe((rows) => seen.push(rows.map(({id}) => id)))
  })

  test("keeps its rows until the new ones are loaded, and then leaves the old ones", () => {
    tasks.set({q: "ink"})
    assert.deepEqual([ids(tasks), tasks.params, tasks.state], [[1, 2], {project: 7, q: ""}, "catching-up"])
    const asked = server.received()
    assert.deepEqual(asked, [{type: "subscribe", id: 2, stream: "tasks", params: {project: 7, q: "ink"}, format: "data"}])
    server.say({type: "subscribed", id: 2, query: 2, log: 0})
    server.frame("e.2", {query: 2, puts: [row(2)]})
    assert.deepEqual([ids(tasks), tasks.params, tasks.state, seen], [[2], {project: 7, q: "ink"}, "live", [[1, 2], [2]]])
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}])
  })

  test("leaves the page's state alone, unless somebody else waits for the same rows", () => {
    const {connection} = queries
    tasks.set({q: "ink"})
    assert.equal(connection.state, "live")
    queries.open("tasks", {project: 7, q: "ink"})
    assert.deepEqual([connection.state, tasks.state], ["catching-up", "catching-up"])
  })

  test("follows the old rows meanwhile", () => {
    tasks.set({q: "ink"})
    server.frame("e.9", {query: 1, drops: ["1"]})
    assert.deepEqual(seen, [[1, 2], [2]])
  })

  test("shows the last of several, and asks for the one in between only if there is time", () => {
    tasks.set({q: "i"})
    clock.pass(0.05)
    tasks.set({q: "in"})
    clock.pass(0.06)
    tasks.set({q: "ink"})
    assert.deepEqual(server.received().map(({params}) => params.q), ["i"])
    server.say({type: "subscribed", id: 2, query: 2, log: 0})
    server.frame("e.2", {query: 2, puts: [row(2)]})
    assert.deepEqual([ids(tasks), tasks.params.q, tasks.state], [[2], "i", "catching-up"])
    answer(3)
    assert.deepEqual([ids(tasks), tasks.params.q, tasks.state], [[3], "ink", "live"])
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 2}])
  })

  test("waits a second for an answer, and then asks for the last one instead", () => {
    tasks.set({q: "i"})
    tasks.set({q: "ink"})
    clock.pass(0.9)
    assert.deepEqual(server.received().map(({id}) => id), [2])
    clock.pass(0.2)
    const [left, asked] = server.received()
    assert.deepEqual([left, asked.params.q], [{type: "unsubscribe", id: 2}, "ink"])
  })

  test("asks no more than ten times a second", () => {
    const asked = []
    for (let step = 0; step < 100; step += 1) {
      tasks.set({q: String(step)})
      for (const {id, params} of server.subscribe()) {
        asked.push(params.q)
        server.frame("e.2", {query: id, puts: [row(id)]})
      }
      clock.pass(0.01)
    }
    clock.pass(0.1)
    asked.push(...server.received().flatMap(({params}) => params?.q ?? []))
    assert.deepEqual([asked.length, asked.at(-1)], [11, "99"])
  })

  test("takes the rows of another user at once", () => {
    queries.open("tasks", {project: 7, q: "ink"})
    answer(5)
    tasks.set({q: "ink"})
    assert.deepEqual([ids(tasks), seen, server.received()], [[5], [[1, 2], [5]], [{type: "unsubscribe", id: 1}]])
  })

  test("leaves the old rows to those who still use them", () => {
    const other = queries.open("tasks", {project: 7, q: ""})
    tasks.set({q: "ink"})
    answer(3)
    assert.deepEqual([ids(other), ids(tasks), server.received()], [[1, 2], [3], []])
  })

  test("keeps its rows and says why where the server refuses the new parameters", () => {
    tasks.set({q: "ink"})
    const [{id}] = server.received()
    server.say({type: "refused", id, code: 4213, reason: "No such q."})
    assert.deepEqual([ids(tasks), tasks.params.q, tasks.state, tasks.error.message], [[1, 2], "", "live", "No such q."])
    tasks.set({q: "pen"})
    clock.pass(0.1)
    answer(3)
    assert.deepEqual([ids(tasks), tasks.error], [[3], null])
  })

  test("says nothing of a refusal that is out of date", () => {
    tasks.set({q: "i"})
    tasks.set({q: "ink"})
    const [{id}] = server.received()
    server.say({type: "refused", id, code: 4213, reason: "No such q."})
    assert.equal(tasks.error, null)
    clock.pass(0.1)
    answer(3)
    assert.deepEqual(ids(tasks), [3])
  })

  test("goes on where it was after a lost connection", () => {
    tasks.set({q: "ink"})
    server.received()
    server.cut()
    clock.pass(5)
    server.accept()
    const asked = server.subscribe().filter(({type}) => type === "subscribe")
    assert.deepEqual(asked.map(({params, cursor}) => [params.q, cursor]), [["", "e.1"], ["ink", undefined]])
    server.frame("e.9", {query: asked[1].id, puts: [row(3)]})
    assert.deepEqual(ids(tasks), [3])
  })

  test("moves its listeners to events, its calls and its store along", () => {
    const heard = []
    const states = []
    tasks.on("typing", (data) => heard.push(data))
    tasks.store.subscribe(({rows, state}) => states.push([rows.length, state]))
    tasks.set({q: "ink"})
    answer(3)
    const event = (query) => server.say({type: "event", name: "typing", data: query, query})
    event(1)
    event(2)
    assert.deepEqual(heard, [2])
    assert.deepEqual([states[0], states.at(-1)], [[2, "catching-up"], [1, "live"]])
    tasks.call("toggle")
    assert.deepEqual(server.received().at(-1).params, {project: 7, q: "ink"})
  })

  test("leaves all when it is closed meanwhile", () => {
    const {pending} = clock
    tasks.set({q: "i"})
    tasks.set({q: "ink"})
    server.received()
    tasks.close()
    clock.pass(2)
    assert.deepEqual(server.received().map(({type, id}) => [type, id]), [["unsubscribe", 2], ["unsubscribe", 1]])
    assert.equal(clock.pending, pending)
  })

  test("leaves a listener's exception to the page", () => {
    const reported = []
    queries.connection.report = (error) => reported.push(error.message)
    const other = queries.open("tasks", {project: 8})
    answer(4)
    let throws = false
    other.subscribe(() => {
      if (throws) throw new Error("from the page")
    })
    other.subscribe((rows) => seen.push(rows.length))
    throws = true
    other.set({project: 9})
    answer()
    assert.deepEqual([reported, seen.at(-1)], [["from the page"], 0])
  })

  test("of a value works the same", () => {
    const count = queries.openValue("tasks", {q: ""}, "open_count")
    const put = (row) => ({puts: [{key: "open_count", row}]})
    fill(put(5))
    count.set({q: "ink"})
    assert.equal(count.value, 5)
    fill(put(2))
    assert.equal(count.value, 2)
  })
})
