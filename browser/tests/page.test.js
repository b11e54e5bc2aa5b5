import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Connection} from "../src/connection.js"
import {Monitor} from "../src/monitor.js"
import {Page} from "../src/page.js"
import {Clock, Server, openPage, settled} from "./support.js"

let document, server, connection, reported

const row = (key, text = key) => `<li data-live-key="${key}">${text}</li>`
const container = (keys, attributes = 'data-live-token="t" data-live-cursor="e.1"') =>
  `<ul id="list" data-live="tasks" ${attributes}>${[...keys].map((key) => row(key)).join("")}</ul>`
const put = (key, after, text = key) => ({key, row: `<li>${text}</li>`, after})

/** Opens a page, which connects if it has containers. */
function open(html) {
  document = openPage(html)
  server = new Server()
  reported = []
  const monitor = new Monitor({clock: new Clock(), window: new EventTarget(), document: new EventTarget()})
  const report = (error) => reported.push(error.message)
  connection = new Connection({monitor, newTransport: server.newTransport, report})
  const connect = () => connection.state ?? connection.connect("ws://host/")
  new Page({document, connection, connect, report}).start()
}

/** Opens a page, and takes its containers to the present. */
function live(html) {
  open(html)
  server.accept()
  const asked = server.subscribe()
  server.frame("e.1")
  return asked
}

const list = () => document.getElementById("list")
const keys = () => [...list().children].map((child) => child.getAttribute("data-live-key") ?? child.localName).join("")
const frame = (...deltas) => server.frame("e.2", ...deltas.map((delta) => ({query: 1, ...delta})))

describe("a page", () => {
  test("without containers does not connect", () => {
    open("<p></p>")
    assert.deepEqual([server.attempts.length, document.documentElement.hasAttribute("data-realtime")], [0, false])
  })

  test("asks for its containers with token and cursor", () => {
    assert.deepEqual(live(container("12")), [{type: "subscribe", id: 1, token: "t", cursor: "e.1"}])
  })

  test("shows the state of the connection", () => {
    const seen = []
    open(container("1"))
    document.addEventListener("realtime:state", ({detail}) => seen.push(detail))
    const shown = () => document.documentElement.getAttribute("data-realtime")
    assert.equal(shown(), "connecting")
    server.accept()
    server.subscribe()
    server.frame("e.1")
    assert.equal(shown(), "live")
    server.say({type: "bye", code: 4214, reason: "No."})
    assert.equal(shown(), "refused")
    assert.deepEqual(seen, [{state: "catching-up"}, {state: "live"}, {state: "refused", reason: "No.", code: 4214}])
  })

  test("whose containers are all refused says so, and why", () => {
    const seen = []
    live(container("1"))
    document.addEventListener("realtime:state", ({detail}) => seen.push(detail))
    server.say({type: "refused", id: 1, code: 4214, reason: "No."})
    assert.equal(document.documentElement.getAttribute("data-realtime"), "refused")
    assert.deepEqual(seen, [{state: "refused", reason: "No.", code: 4214}])
  })

  test("shows the state of each container", () => {
    open(container("1"))
    const states = [list().getAttribute("data-live-state")]
    server.accept()
    states.push(list().getAttribute("data-live-state"))
    server.subscribe()
    server.frame("e.1")
    states.push(list().getAttribute("data-live-state"))
    assert.deepEqual(states, ["connecting", "catching-up", "live"])
  })

  test("binds a container that is added later", async () => {
    live(container("1"))
    document.body.insertAdjacentHTML("beforeend", '<div><ul data-live="people" data-live-token="u" data-live-cursor="e.9"></ul></div>')
    await settled()
    assert.deepEqual(server.received(), [{type: "subscribe", id: 2, token: "u", cursor: "e.9"}])
  })

  test("leaves a container that is removed, and keeps its cursor for its return", async () => {
    live(container("1"))
    frame()
    const element = list()
    element.remove()
    await settled()
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}])
    document.body.append(element)
    await settled()
    assert.deepEqual(server.received(), [{type: "subscribe", id: 2, token: "t", cursor: "e.2"}])
  })

  test("sends the tag of a container's rows, and keeps the server's for its return", async () => {
    open(container("1", 'data-live-token="t" data-live-cursor="e.1" data-live-view="v1"'))
    server.accept()
    assert.deepEqual(server.subscribe("v2"), [{type: "subscribe", id: 1, token: "t", cursor: "e.1", view: "v1"}])
    server.frame("e.2", {query: 1, reset: true, puts: [put("2")]})
    const element = list()
    element.remove()
    await settled()
    assert.deepEqual([element.getAttribute("data-live-cursor"), element.getAttribute("data-live-view")], ["e.2", "v2"])
    document.body.append(element)
    await settled()
    assert.deepEqual(server.received().at(-1), {type: "subscribe", id: 2, token: "t", cursor: "e.2", view: "v2"})
  })

  test("keeps no cursor of a container whose rows have become void", async () => {
    open(container("1", 'data-live-token="t" data-live-cursor="e.1" data-live-view="v1"'))
    server.accept()
    server.subscribe("v2")
    const element = list()
    element.remove()
    await settled()
    assert.equal(element.hasAttribute("data-live-cursor"), false)
  })

  test("holds on to a container that is moved", async () => {
    live(container("1"))
    document.body.append(list())
    await settled()
    assert.deepEqual(server.received(), [])
  })

  test("asks anew for a container that gets another token", async () => {
    live(container("1"))
    list().setAttribute("data-live-token", "u")
    await settled()
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}, {type: "subscribe", id: 2, token: "u", cursor: "e.1"}])
  })

  test("asks by name for a container without a token", () => {
    const asked = live(container("", `data-live-params='{"project": 7}'`))
    assert.deepEqual(asked, [{type: "subscribe", id: 1, stream: "tasks", params: {project: 7}, format: "html"}])
  })

  test("reports parameters that are no JSON object", () => {
    open(container("", 'data-live-params="[7]"'))
    assert.deepEqual(reported, ["The attribute data-live-params must be a JSON object, not '[7]'."])
  })
})

describe("a container", () => {
  test("takes the server's rows as they are", () => {
    open(container("12"))
    const before = list().innerHTML
    server.accept()
    server.subscribe()
    server.frame("e.1")
    assert.equal(list().innerHTML, before)
  })

  test("inserts, changes, moves and drops rows", () => {
    live(container("1234"))
    const third = list().children[2]
    frame({drops: ["1"], puts: [put("5", null), put("3", "5", "three"), put("6", "4")]})
    assert.deepEqual([keys(), list().children[1] === third, third.textContent], ["53246", true, "three"])
  })

  test("gives each row its key", () => {
    live(container(""))
    frame({puts: [put("1", null)]})
    assert.equal(list().innerHTML, '<li data-live-key="1">1</li>')
  })

  test("takes rows of a table", () => {
    live('<table><tbody id="list" data-live="tasks" data-live-token="t" data-live-cursor="e.1"></tbody></table>')
    frame({puts: [{key: "1", row: "<tr><td>one</td></tr>", after: null}]})
    assert.equal(list().innerHTML, '<tr data-live-key="1"><td>one</td></tr>')
  })

  test("takes options of a select", () => {
    live('<select id="list" data-live="tasks" data-live-token="t" data-live-cursor="e.1"></select>')
    frame({puts: [{key: "1", row: "<option>one</option>", after: null}]})
    assert.equal(list().innerHTML, '<option data-live-key="1">one</option>')
  })

  test("arranges its rows", () => {
    live(container("1234"))
    frame({order: ["4", "1", "2", "3"]})
    assert.equal(keys(), "4123")
  })

  test("replaces all rows on a reset, and keeps the elements of those that stay", () => {
    live(container("123"))
    const second = list().children[1]
    frame({reset: true, puts: [put("9"), put("2", undefined, "two")]})
    assert.deepEqual([keys(), list().children[1] === second, second.textContent], ["92", true, "two"])
  })

  test("leaves children that are no rows where they are", () => {
    live(`<ul id="list" data-live="tasks" data-live-token="t" data-live-cursor="e.1"><h2></h2>${row("1")}${row("2")}<p></p></ul>`)
    frame({puts: [put("3", "2"), put("4", null)]})
    assert.equal(keys(), "h24123p")
    frame({order: []})
    frame({puts: [put("5", null)]})
    assert.equal(keys(), "h25p")
  })

  test("that starts without rows puts them first", () => {
    live('<ul id="list" data-live="tasks" data-live-token="t" data-live-cursor="e.1"><p></p></ul>')
    frame({puts: [put("1", null)]})
    assert.equal(keys(), "1p")
  })

  test("shows a row once that the page had twice", () => {
    live(container("121"))
    frame({puts: [put("3", "2")]})
    assert.equal(keys(), "123")
  })

  test("shows nothing of a frame when a script has removed a row, and asks for all rows", () => {
    live(container("123"))
    const told = []
    list().addEventListener("realtime:change", ({detail}) => told.push(detail))
    list().children[0].remove()
    frame({drops: ["2"], puts: [put("4", "3")]})
    assert.deepEqual([keys(), told], ["23", []])
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}, {type: "subscribe", id: 2, token: "t"}])
  })

  test("reports a row without an element, and asks for all rows", () => {
    live(container("1"))
    frame({puts: [{key: "2", row: "text", after: "1"}]})
    assert.deepEqual(reported, ["The row '2' has no element: a row's template must have one root element."])
    assert.equal(server.received().length, 2)
  })

  test("tells what a frame has changed", () => {
    live(container("12"))
    const seen = []
    document.addEventListener("realtime:change", ({target, detail}) => seen.push([target.id, detail]))
    frame({drops: ["1"], puts: [put("3", "2")]})
    server.frame("e.3")
    assert.deepEqual(seen, [["list", {puts: ["3"], drops: ["1"], reset: false}]])
  })

  test("loses its rows when it is refused, and says why", () => {
    live(container("12"))
    const seen = []
    document.addEventListener("realtime:error", ({target, detail}) => seen.push([target.id, detail.name, detail.message]))
    server.say({type: "refused", id: 1, code: 4214, reason: "No."})
    assert.deepEqual([keys(), list().getAttribute("data-live-state"), seen], ["", "refused", [["list", "forbidden", "No."]]])
  })

  test("whose token is too old is asked for by name, and keeps its rows", () => {
    live(container("12", `data-live-token="t" data-live-cursor="e.1" data-live-params='{"project": 7}'`))
    server.say({type: "refused", id: 1, code: 4100, reason: "Too old."})
    assert.deepEqual([keys(), server.received()], ["12", [
      {type: "subscribe", id: 2, stream: "tasks", params: {project: 7}, format: "html", cursor: "e.1"},
    ]])
  })
})

describe("a row that goes to another container of its stream", () => {
  const list = (id, token) => `<ul id="${id}" data-live="tasks" data-live-token="${token}" data-live-cursor="e.1">`
  const text = (id) => document.getElementById(id).textContent.trim()
  let element

  beforeEach(() => {
    open(`${list("left", "t")}${row(1)}${row(2, "2<input>")}</ul>${list("right", "u")}${row(3)}</ul>`)
    server.accept()
    server.subscribe()
    server.frame("e.1")
    element = document.querySelector('[data-live-key="2"]')
    element.querySelector("input").value = "typed"
    element.querySelector("input").focus()
  })

  function move(from, to) {
    server.frame("e.2", {query: from, drops: ["2"]}, {query: to, puts: [put("2", null, "moved<input>")]})
    const input = document.activeElement
    assert.equal(input.closest("[data-live-key]"), element)
    assert.equal(input.value, "typed")
  }

  test("takes its element along, with what the user is doing in it", () => {
    move(1, 2)
    assert.deepEqual([text("left"), text("right")], ["1", "moved3"])
  })

  test("takes it back, to the container that is painted first", () => {
    move(1, 2)
    move(2, 1)
    assert.deepEqual([text("left"), text("right")], ["moved1", "3"])
  })

  test("leaves an element where it stays, too", () => {
    server.frame("e.2", {query: 2, puts: [put("2", null, "again")]})
    assert.deepEqual([text("left"), text("right")], ["12", "again3"])
    assert.equal(document.querySelectorAll('[data-live-key="2"]').length, 2)
  })
})

test("all containers of a frame are changed before the first is told", () => {
  live(`${container("1")}<ol data-live="people" data-live-token="u" data-live-cursor="e.1"></ol>`)
  const seen = []
  list().addEventListener("realtime:change", () => seen.push(document.querySelector("ol").children.length))
  server.frame("e.2", {query: 1, drops: ["1"]}, {query: 2, puts: [put("1", null)]})
  assert.deepEqual(seen, [1])
})

beforeEach(() => (document = undefined))
