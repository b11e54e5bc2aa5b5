import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Connection} from "../src/connection/connection.js"
import {LiveQueries} from "../src/data/live_query.js"
import {Monitor} from "../src/connection/reconnect.js"
import {Overlays} from "../src/data/optimistic.js"
import {bindPage, Clock, Server} from "./support.js"

const row = (id, more) => ({id, title: `task ${id}`, done: false, ...more})
const put = (query, ...rows) => ({query, puts: rows.map((each) => ({key: String(each.id), row: each}))})
const change = (query, each, after) => ({query, puts: [{key: String(each.id), row: each, after}]})
const toggle = (id) => (rows) => rows.map((each) => (each.id === id ? {...each, done: true} : each))
const rename = (id, title) => (rows) => rows.map((each) => (each.id === id ? {...each, title} : each))

describe("overlays", () => {
  test("are laid over rows in the order of their calls", () => {
    const overlays = new Overlays()
    overlays.add("a", (rows) => [...rows, "a"])
    overlays.add("b", (rows) => [...rows, "b"])
    assert.deepEqual(overlays.show(["1"]), ["1", "a", "b"])
  })

  test("end when their calls have arrived, and not before", () => {
    const overlays = new Overlays()
    overlays.add("a", (rows) => [...rows, "a"])
    overlays.add("b", (rows) => [...rows, "b"])
    overlays.arrive(["b", "other"])
    assert.deepEqual(overlays.show([]), ["a", "b"])
    assert.equal(overlays.settle(), true)
    assert.deepEqual(overlays.show([]), ["a"])
    assert.equal(overlays.settle(), false)
  })

  test("that fail on what has come since are left out; the one that is being made throws", () => {
    const overlays = new Overlays()
    overlays.add("old", (rows) => rows.find((each) => each.id === 1).missing.too)
    overlays.add("new", (rows) => [...rows, "new"])
    assert.deepEqual(overlays.show([]), ["new"])
    assert.throws(() => overlays.show([], {strict: "old"}), TypeError)
  })

  test("must return an array", () => {
    const overlays = new Overlays()
    overlays.add("a", () => undefined)
    assert.throws(() => overlays.show([], {strict: "a"}), /must return an array of rows/)
  })
})

describe("an optimistic call of a live query", () => {
  let server, clock, queries, tasks, seen

  beforeEach(() => {
    clock = new Clock()
    server = new Server()
    const monitor = new Monitor({clock, window: new EventTarget(), document: new EventTarget()})
    const connection = new Connection({monitor, newTransport: server.newTransport, report: assert.fail})
    queries = new LiveQueries(connection)
    tasks = queries.open("tasks", {})
    connection.connect("ws://host/")
    server.accept()
    server.subscribe()
    server.frame("e.1", put(1, row(1), row(2)))
    seen = []
    tasks.subscribe((rows) => seen.push(rows.map(({title, done}) => (done ? `${title} done` : title)).join(", ")))
    seen.splice(0)
  })

  const frame = (deltas, calls) => server.say({type: "frame", log: 0, cursor: "e.2", deltas, calls})

  test("shows at once, before it is sent or answered", () => {
    tasks.call("toggle", {pk: 1}, {optimistic: toggle(1)})
    assert.deepEqual(seen, ["task 1 done, task 2"])
  })

  test("is replaced by the frame that names it, with nothing in between", () => {
    const call = tasks.call("toggle", {pk: 1}, {optimistic: toggle(1)})
    server.say({type: "reply", id: call.id, result: null})
    frame([change(1, row(1, {done: true, title: "task 1 by the server"}), null)], [call.id])
    assert.deepEqual(seen, ["task 1 done, task 2", "task 1 by the server done, task 2"])
  })

  test("does not show a new row twice", () => {
    const call = tasks.call("add", {}, {optimistic: (rows) => [...rows, {title: "new"}]})
    frame([change(1, row(3, {title: "new"}), "2")], [call.id])
    assert.deepEqual(seen, ["task 1, task 2, new", "task 1, task 2, new"])
    assert.deepEqual(tasks.keys, ["1", "2", "3"])
  })

  test("is taken back when it is refused, with the reason", async () => {
    const call = tasks.call("toggle", {pk: 1}, {optimistic: toggle(1)})
    server.say({type: "reply", id: call.id, error: {code: 4218, reason: "Not today."}})
    await assert.rejects(call, {message: "Not today."})
    assert.deepEqual(seen, ["task 1 done, task 2", "task 1, task 2"])
  })

  test("keeps another user's change to the same row, also when it is refused", async () => {
    const call = tasks.call("toggle", {pk: 1}, {optimistic: toggle(1)})
    frame([change(1, row(1, {title: "by another"}), null)])
    server.say({type: "reply", id: call.id, error: {code: 4218, reason: "Not today."}})
    await assert.rejects(call)
    assert.deepEqual(seen, ["task 1 done, task 2", "by another done, task 2", "by another, task 2"])
  })

  test("keeps a second change of its own to the same row when the first is refused", async () => {
    const first = tasks.call("toggle", {pk: 1}, {optimistic: toggle(1)})
    const second = tasks.call("rename", {pk: 1}, {optimistic: rename(1, "renamed")})
    server.say({type: "reply", id: first.id, error: {code: 4218, reason: "Not today."}})
    await assert.rejects(first)
    assert.equal(seen.at(-1), "renamed, task 2")
    frame([change(1, row(1, {title: "renamed"}), null)], [second.id])
    assert.equal(seen.at(-1), "renamed, task 2")
  })

  test("keeps a second change of its own when the first one's effects come", () => {
    const first = tasks.call("toggle", {pk: 1}, {optimistic: toggle(1)})
    tasks.call("rename", {pk: 1}, {optimistic: rename(1, "renamed")})
    frame([change(1, row(1, {done: true}), null)], [first.id])
    assert.equal(seen.at(-1), "renamed done, task 2")
  })

  test("that changes nothing on the server is taken back by the frame that names it", () => {
    const call = tasks.call("toggle", {pk: 1}, {optimistic: toggle(1)})
    frame([], [call.id])
    assert.deepEqual(seen, ["task 1 done, task 2", "task 1, task 2"])
  })

  test("stays through a lost connection, and until the rows that have its effects are there", () => {
    const call = tasks.call("toggle", {pk: 1}, {optimistic: toggle(1)})
    server.cut()
    clock.pass(1)
    server.accept()
    frame([], [call.id]) // before the subscription is live again
    assert.deepEqual(tasks.rows.map(({done}) => done), [true, false])
    const [{id}] = server.subscribe()
    frame([change(id, row(1, {done: true}), null)])
    assert.deepEqual(seen, ["task 1 done, task 2", "task 1 done, task 2"])
  })

  test("is taken back when its time is over", async () => {
    const call = tasks.call("toggle", {pk: 1}, {optimistic: toggle(1), timeout: 5})
    clock.pass(5)
    await assert.rejects(call, {name: "no_reply"})
    assert.deepEqual(seen, ["task 1 done, task 2", "task 1, task 2"])
  })

  test("whose function throws is not sent, and shows nothing", async () => {
    server.received()
    await assert.rejects(tasks.call("toggle", {}, {optimistic: (rows) => rows.none.such}), TypeError)
    assert.deepEqual([server.received(), seen, tasks.rows], [[], [], [row(1), row(2)]])
  })

  test("is refused with what is neither a function nor pairs", async () => {
    await assert.rejects(tasks.call("toggle", {}, {optimistic: [[{}, toggle(1)]]}), {name: "bad_arguments"})
    await assert.rejects(queries.call({stream: "tasks"}, {optimistic: toggle(1)}), {name: "bad_arguments"})
  })

  test("leaves the rows of the server as they were", () => {
    const before = tasks.rows
    tasks.call("toggle", {pk: 1}, {optimistic: toggle(1)})
    assert.deepEqual(before, [row(1), row(2)])
    assert.ok(Object.isFrozen(tasks.rows))
  })
})

describe("an optimistic call over containers", () => {
  const item = (key, text = key) => `<li data-live-key="${key}">${text}</li>`
  const list = (id, keys) =>
    `<ul id="${id}" data-live="tasks" data-live-token="${id}" data-live-cursor="e.1">${[...keys].map((key) => item(key)).join("")}</ul>`
  let document, server, todo, doing, call, reported

  beforeEach(() => {
    const page = bindPage(list("todo", "123") + list("doing", "4"))
    ;({document, server, reported} = page)
    server.accept()
    server.subscribe()
    server.frame("e.1")
    todo = document.getElementById("todo")
    doing = document.getElementById("doing")
    const queries = new LiveQueries(page.connection, (element) => page.page.resultSetOf(element))
    call = (...optimistic) => queries.call({stream: "tasks", params: {}, action: "move", args: {}}, {optimistic})
  })

  const texts = (element) => [...element.children].map((child) => child.textContent)
  const keys = (element) => [...element.children].map((child) => child.dataset.liveKey)
  const shown = () => [texts(todo), texts(doing)]
  const without = (key) => (rows) => rows.filter((each) => each.dataset.liveKey !== key)
  const move = (key) => {
    const card = todo.querySelector(`[data-live-key="${key}"]`)
    return call([todo, without(key)], [doing, (rows) => [card, ...rows]])
  }
  const frame = (calls, ...deltas) => server.say({type: "frame", log: 0, cursor: "e.2", deltas, calls})

  test("moves a row at once, with its element", () => {
    const card = todo.children[1]
    move("2")
    assert.deepEqual(shown(), [["1", "3"], ["2", "4"]])
    assert.equal(doing.children[0], card)
  })

  test("is replaced by the frame that names it, and the element stays", () => {
    const card = todo.children[1]
    const {id} = move("2")
    frame([id], {query: 1, drops: ["2"]}, {query: 2, puts: [{key: "2", row: item("2", "2 moved"), after: "4"}]})
    assert.deepEqual(shown(), [["1", "3"], ["4", "2 moved"]])
    assert.equal(doing.children[1], card)
    assert.deepEqual(reported, [])
  })

  test("goes back to its place when it is refused", async () => {
    const card = todo.children[1]
    const moved = move("2")
    server.say({type: "reply", id: moved.id, error: {code: 4218, reason: "Not today."}})
    await assert.rejects(moved, {message: "Not today."})
    assert.deepEqual(shown(), [["1", "2", "3"], ["4"]])
    assert.equal(todo.children[1], card)
  })

  test("keeps what others do meanwhile", async () => {
    const moved = move("2")
    frame(undefined, {query: 1, puts: [{key: "2", row: item("2", "2 renamed"), after: "1"}, {key: "5", row: item("5"), after: null}]})
    assert.deepEqual(shown(), [["5", "1", "3"], ["2", "4"]])
    server.say({type: "reply", id: moved.id, error: {code: 4218, reason: "Not today."}})
    await assert.rejects(moved)
    assert.deepEqual(shown(), [["5", "1", "2 renamed", "3"], ["4"]])
  })

  test("shows a change in a row, which is a copy of the server's", () => {
    const {id} = call([
      todo,
      (rows) => {
        rows[0].classList.add("is-done")
        return rows
      },
    ])
    assert.equal(todo.children[0].className, "is-done")
    frame([id])
    assert.equal(todo.children[0].className, "")
  })

  test("shows a row that has no key yet once, and then the server's", () => {
    const added = () => Object.assign(document.createElement("li"), {textContent: "new"})
    const {id} = call([doing, (rows) => [...rows, added()]])
    assert.deepEqual([texts(doing), keys(doing)[1].startsWith("optimistic")], [["4", "new"], true])
    frame([id], {query: 2, puts: [{key: "9", row: item("9", "new"), after: "4"}]})
    assert.deepEqual([texts(doing), keys(doing)], [["4", "new"], ["4", "9"]])
  })

  test("lets later frames be painted as before", () => {
    const {id} = move("2")
    frame([id], {query: 1, drops: ["2"]}, {query: 2, puts: [{key: "2", row: item("2"), after: "4"}]})
    frame(undefined, {query: 1, puts: [{key: "1", row: item("1", "1 changed"), after: null}]})
    assert.deepEqual(shown(), [["1 changed", "3"], ["4", "2"]])
    assert.deepEqual(reported, [])
  })

  test("must return elements", async () => {
    await assert.rejects(call([todo, () => ["text"]]), /must return an array of elements/)
    assert.deepEqual(shown(), [["1", "2", "3"], ["4"]])
  })

  test("is taken back in all containers when one of them fails", async () => {
    await assert.rejects(call([todo, without("1")], [doing, () => null]), TypeError)
    assert.deepEqual(shown(), [["1", "2", "3"], ["4"]])
  })
})
