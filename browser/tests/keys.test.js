import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {Connection} from "../src/connection/connection.js"
import {LiveQueries} from "../src/data/live_query.js"
import {Monitor} from "../src/connection/reconnect.js"
import {bindPage, Clock, Server} from "./support.js"

// the keys of composite primary keys, as the server writes them: JSON, whatever the parts hold
const [A1, A2, B1, ODD] = ['["a","1"]', '["a","2"]', '["b","1"]', '["<i>\\"\\\\ \' & ]ä","-1"]']

describe("rows with composite keys, in a container", () => {
  let document, server

  function open(...keys) {
    const rows = keys.map((key) => `<li data-live-key="${escaped(key)}">rendered</li>`).join("")
    const attributes = 'data-live="seats" data-live-token="t" data-live-cursor="e.1"'
    ;({document, server} = bindPage(`<ul id="list" ${attributes}>${rows}</ul>`))
    server.accept()
    server.subscribe()
    server.frame("e.1")
  }

  const escaped = (text) => text.replace(/[&"<]/g, (sign) => `&#${sign.charCodeAt(0)};`)
  const list = () => document.getElementById("list")
  const shown = () => Array.from(list().children, (row) => [row.getAttribute("data-live-key"), row.textContent])
  const put = (key, after, text = "put") => ({key, row: `<li>${text}</li>`, after})

  test("appear, change, move and leave", () => {
    open(A1, A2)
    const [first, second] = list().children
    server.frame("e.2", {query: 1, puts: [put(ODD, null), put(B1, A2)]})
    assert.deepEqual(shown(), [[ODD, "put"], [A1, "rendered"], [A2, "rendered"], [B1, "put"]])

    server.frame("e.3", {query: 1, puts: [put(A2, ODD, "changed"), put(ODD, B1, "moved")]})
    assert.deepEqual(shown(), [[A2, "changed"], [A1, "rendered"], [B1, "put"], [ODD, "moved"]])
    assert.deepEqual([list().children[1] === first, list().children[0] === second], [true, true])

    server.frame("e.4", {query: 1, drops: [ODD, A1]})
    assert.deepEqual(shown(), [[A2, "changed"], [B1, "put"]])
  })

  test("are arranged, and kept on a reset", () => {
    open(A1, A2, B1)
    const third = list().children[2]
    server.frame("e.2", {query: 1, order: [B1, A1, A2]})
    assert.deepEqual(shown().map(([key]) => key), [B1, A1, A2])
    server.frame("e.3", {query: 1, reset: true, puts: [put(ODD), put(B1)]})
    assert.deepEqual([shown(), list().children[1] === third], [[[ODD, "put"], [B1, "put"]], true])
  })
})

describe("rows with composite keys, as data", () => {
  test("appear, change, move and leave", () => {
    const server = new Server()
    const monitor = new Monitor({clock: new Clock(), window: new EventTarget(), document: new EventTarget()})
    const connection = new Connection({monitor, newTransport: server.newTransport, report: assert.fail})
    const seats = new LiveQueries(connection).open("seats", {})
    connection.connect("ws://host/")
    server.accept()
    const [{id: query}] = server.subscribe()
    const put = (key, after, name = "put") => ({key, row: {name}, after})
    const shown = () => seats.keys.map((key, place) => [key, seats.rows[place].name])

    server.frame("e.1", {query, puts: [put(A1), put(A2), put(ODD, null)]})
    assert.deepEqual(shown(), [[ODD, "put"], [A1, "put"], [A2, "put"]])
    server.frame("e.2", {query, puts: [put(A2, ODD, "changed"), put(ODD, A1, "moved")]})
    assert.deepEqual(shown(), [[A2, "changed"], [A1, "put"], [ODD, "moved"]])
    server.frame("e.3", {query, drops: [A1, ODD]})
    assert.deepEqual(shown(), [[A2, "changed"]])
  })
})
