import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {bindPage} from "./support.js"

let document, server, reported

const row = (key, text = key) => `<li data-live-key="${key}">${text}</li>`
const container = (keys, attributes = 'data-live-token="t" data-live-cursor="e.1"') =>
  `<ul id="list" data-live="tasks" ${attributes}>${[...keys].map((key) => row(key)).join("")}</ul>`
const put = (key, after, text = key) => ({key, row: `<li>${text}</li>`, after})

const open = (html) => ({document, server, reported} = bindPage(html))

/** Opens a page, and takes its containers to the present. */
function live(html) {
  open(html)
  server.accept()
  server.subscribe()
  server.frame("e.1")
}

const list = () => document.getElementById("list")
const keys = () => [...list().children].map((child) => child.getAttribute("data-live-key") ?? child.localName).join("")
const frame = (...deltas) => server.frame("e.2", ...deltas.map((delta) => ({query: 1, ...delta})))

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
