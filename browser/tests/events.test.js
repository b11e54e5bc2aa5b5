import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Connection} from "../src/connection/connection.js"
import {LiveQueries} from "../src/data/live_query.js"
import {Monitor} from "../src/connection/reconnect.js"
import {Clock, Server, bindPage} from "./support.js"

let server, queries, connection, reported

beforeEach(() => {
  server = new Server()
  reported = []
  const monitor = new Monitor({clock: new Clock(), window: new EventTarget(), document: new EventTarget()})
  connection = new Connection({monitor, newTransport: server.newTransport, report: (error) => reported.push(error.message)})
  queries = new LiveQueries(connection)
  connection.connect("ws://host/")
  server.accept()
  server.received()
})

/** Accepts what was asked for, with a first frame. */
function begin() {
  const asked = server.subscribe()
  server.frame("e.1")
  return asked
}

describe("events of a live query", () => {
  test("are sent through its subscription", () => {
    const tasks = queries.open("tasks", {project: 7})
    begin()
    assert.equal(tasks.send("typing", {card: 3}), true)
    assert.deepEqual(server.received(), [{type: "send", id: 1, name: "typing", data: {card: 3}}])
  })

  test("are lost before it is live", () => {
    const tasks = queries.open("tasks", {})
    server.received()
    assert.equal(tasks.send("typing"), false)
    assert.deepEqual(server.received(), [])
  })

  test("reach those who listen to their name, with the sender", () => {
    const seen = []
    const tasks = queries.open("tasks", {})
    tasks.on("typing", (data, about) => seen.push([data, about]))
    tasks.on("other", () => assert.fail())
    begin()
    server.say({type: "event", name: "typing", data: {card: 3}, query: 1, sender: "5"})
    assert.deepEqual(seen, [[{card: 3}, {name: "typing", sender: "5"}]])
  })

  test("reach nobody after the end", () => {
    const tasks = queries.open("tasks", {})
    queries.open("tasks", {})
    const end = tasks.on("typing", () => assert.fail())
    tasks.on("typing", () => assert.fail())
    begin()
    end()
    tasks.close()
    server.say({type: "event", name: "typing", query: 1})
    assert.deepEqual(reported, [])
  })

  test("go on to the others where one listener throws", () => {
    const tasks = queries.open("tasks", {})
    const seen = []
    tasks.on("typing", () => {
      throw new Error("Oh.")
    })
    tasks.on("typing", (data) => seen.push(data))
    begin()
    server.say({type: "event", name: "typing", data: 1, query: 1})
    assert.deepEqual([seen, reported], [[1], ["Oh."]])
  })
})

test("events for the user reach those who listen to them", () => {
  const seen = []
  connection.events.on("toast", (data, {sender}) => seen.push([data, sender]))
  server.say({type: "event", name: "toast", data: "Done."})
  assert.deepEqual(seen, [["Done.", undefined]])
})

test("a refused event is told, with code and sentence", () => {
  const seen = []
  connection.refusals.add(({code, name, message}) => seen.push([code, name, message]))
  server.say({type: "event_rejected", id: 1, name: "typing", code: 4220, reason: "No."})
  assert.deepEqual(seen, [[4220, "unknown_event", "No."]])
})

describe("presence", () => {
  test("subscribes to the people of a stream, and says that the user is here", () => {
    queries.openPresence("tasks", {project: 7}, {})
    const [asked, present] = server.received()
    assert.deepEqual([asked.stream, asked.params, present], ["tasks:presence", {project: 7}, {type: "present", id: 1, data: {}}])
  })

  test("says what the user does", () => {
    const people = queries.openPresence("tasks", {}, {})
    begin()
    people.set({card: 3})
    assert.deepEqual(server.received(), [{type: "present", id: 1, data: {card: 3}}])
  })

  test("shows all of a crowd where it is asked to", () => {
    queries.openPresence("tasks", {}, null, true)
    assert.deepEqual(server.received().map(({stream}) => stream), ["tasks:presence:all"])
  })

  test("ends when it is closed, even if the page still watches the others", () => {
    const people = queries.openPresence("tasks", {}, {})
    queries.openPresence("tasks", {}, null)
    begin()
    people.close()
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}])
  })

  test("of a page that has watched first ends when it is closed", () => {
    const own = queries.openPresence("tasks", {}, null)
    const other = queries.openPresence("tasks", {}, null)
    begin()
    own.set({editing: true})
    own.set({editing: false})
    server.subscribe()
    own.close()
    own.set({editing: true})
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 2}])
    assert.equal(other.state, "live")
  })

  test("can look on", () => {
    queries.openPresence("tasks", {}, null)
    assert.deepEqual(server.received().map(({type}) => type), ["subscribe"])
  })
})

describe("a container", () => {
  test("hears the events of its live query", () => {
    const page = bindPage('<ul data-live="tasks" data-live-token="t" data-live-cursor="e.1"></ul>')
    page.server.accept()
    page.server.subscribe()
    const seen = []
    page.document.addEventListener("realtime:event", ({target, detail}) => seen.push([target.tagName, detail]))
    page.server.say({type: "event", name: "typing", data: 1, query: 1, sender: null})
    page.server.say({type: "event", name: "toast", data: 2})
    assert.deepEqual(seen, [
      ["UL", {name: "typing", sender: null, data: 1}],
      [undefined, {name: "toast", sender: undefined, data: 2}],
    ])
  })

  test("of presence says that the user is here", () => {
    const page = bindPage('<ul data-live="tasks:presence" data-live-presence data-live-token="t" data-live-cursor="e.1"></ul>')
    page.server.accept()
    assert.deepEqual(page.server.received().at(-1), {type: "present", id: 1, data: {}})
  })
})
