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

  test("leaves away a row that a script has removed, until the server changes it", () => {
    live(container("123"))
    list().children[0].remove()
    frame({drops: ["2"], puts: [put("4", "3")]})
    assert.deepEqual([keys(), server.received()], ["34", []])
    server.frame("e.3", {query: 1, puts: [put("1", null, "new")]})
    assert.deepEqual([keys(), list().firstChild.textContent], ["134", "new"])
  })

  test("shows the others when one row cannot be shown, and says which", () => {
    live(container("12"))
    const seen = []
    document.addEventListener("realtime:error", ({target, detail}) => seen.push([target.id, detail.name]))
    frame({drops: ["1"], puts: [{key: "3", row: "text", after: "2"}, put("4", "2")]})
    const reason = "The row '3' of 'tasks' cannot be shown: The row '3' has no element: a row's template must have one root element."
    assert.deepEqual([keys(), list().getAttribute("data-live-error"), seen, reported], ["24", reason, [["list", "not_shown"]], [reason]])
    assert.deepEqual(server.received(), [])
  })

  test("says at a row that it could not be changed, and no longer when it could", () => {
    live(container("12"))
    frame({puts: [{key: "2", row: "", after: "1"}]})
    const row = list().children[1]
    const said = row.getAttribute("data-live-error")
    server.frame("e.3", {query: 1, puts: [put("2", "1", "two")]})
    assert.deepEqual([/^The row '2' of 'tasks' cannot be shown/.test(said), row.outerHTML], [true, '<li data-live-key="2">two</li>'])
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

describe("a row that is in two containers of its stream", () => {
  const text = (id) => document.getElementById(id).textContent.trim()
  const list = (id, token, attributes = "") => `<ul id="${id}" data-live="tasks" data-live-token="${token}" data-live-cursor="e.1" ${attributes}>`

  test("leaves one at once while the other one is paused", () => {
    live(`${list("left", "t")}${row(1)}${row(2)}</ul>${list("right", "u", "data-live-paused")}${row(3)}</ul>`)
    server.frame("e.2", {query: 1, drops: ["2"]}, {query: 2, puts: [put("2", null)]})
    assert.deepEqual([text("left"), text("right")], ["1", "3"])
    document.getElementById("right").removeAttribute("data-live-paused")
    server.frame("e.3", {query: 2, puts: [put("4", "2")]})
    assert.deepEqual([text("left"), text("right")], ["1", "243"])
  })

  test("stays in one that is paused while the other one changes", () => {
    live(`${list("left", "t", "data-live-paused")}${row(1)}${row(2)}</ul>${list("right", "u")}${row(3)}</ul>`)
    server.frame("e.2", {query: 1, drops: ["2"]}, {query: 2, puts: [put("2", null)]})
    assert.deepEqual([text("left"), text("right")], ["12", "23"])
  })

  test("leaves one at once if the page's own code has removed it from the other one", () => {
    live(`${list("left", "t")}${row(1)}${row(2)}</ul>${list("right", "u")}${row(2)}${row(3)}</ul>`)
    document.querySelector('#right [data-live-key="2"]').remove()
    server.frame("e.2", {query: 1, drops: ["2"]})
    assert.deepEqual([text("left"), text("right")], ["1", "3"])
  })
})

test("all containers of a frame are changed before the first is told", () => {
  live(`${container("1")}<ol data-live="people" data-live-token="u" data-live-cursor="e.1"></ol>`)
  const seen = []
  list().addEventListener("realtime:change", () => seen.push(document.querySelector("ol").children.length))
  server.frame("e.2", {query: 1, drops: ["1"]}, {query: 2, puts: [put("1", null)]})
  assert.deepEqual(seen, [1])
})

describe("the page's own code", () => {
  const asked = (type, listener) => document.addEventListener(`realtime:${type}`, listener)

  test("is asked before a row is added, changed and removed, and told after", () => {
    live(container("12"))
    const told = []
    for (const kind of ["add", "morph", "remove"]) {
      for (const when of ["before", "after"]) {
        asked(`${when}-${kind}`, ({target, detail, cancelable}) => told.push([when, kind, target.id || target.textContent, detail.key, cancelable]))
      }
    }
    frame({drops: ["1"], puts: [put("2", null, "two"), put("3", "2")]})
    assert.deepEqual(told, [
      ["before", "remove", "1", "1", true],
      ["after", "remove", "list", "1", false],
      ["before", "morph", "2", "2", true],
      ["after", "morph", "two", "2", false],
      ["before", "add", "list", "3", true],
      ["after", "add", "3", "3", false],
    ])
  })

  test("can keep a row from being added or changed", () => {
    live(container("12"))
    for (const type of ["before-add", "before-morph"]) asked(type, (event) => event.preventDefault())
    frame({puts: [put("2", "1", "two"), put("3", "2")]})
    assert.equal(list().textContent, "12")
  })

  test("can keep an element that leaves, which is no row any more", () => {
    live(container("12"))
    asked("before-remove", (event) => event.preventDefault())
    frame({drops: ["1"]})
    assert.equal(list().innerHTML, '<li>1</li><li data-live-key="2">2</li>')
  })
})

describe("the focus of a row that is removed", () => {
  const item = (key) => `<li data-live-key="${key}"><a href="#">open ${key}</a><button class="done">done ${key}</button></li>`
  const open3 = () => live(`<ul id="list" data-live="tasks" data-live-token="t" data-live-cursor="e.1">${item(1)}${item(2)}${item(3)}</ul>`)
  const focusOn = (place) => list().children[place].querySelector("button").focus()
  const inFocus = () => document.activeElement.textContent

  test("goes to the same control of the next row", () => {
    open3()
    focusOn(1)
    frame({drops: ["2"]})
    assert.equal(inFocus(), "done 3")
  })

  test("goes to the previous row where there is no next one", () => {
    open3()
    focusOn(2)
    frame({drops: ["3"]})
    assert.equal(inFocus(), "done 2")
  })

  test("goes to the container of the last row", () => {
    open3()
    focusOn(2)
    frame({order: []})
    assert.deepEqual([document.activeElement === list(), list().getAttribute("tabindex")], [true, "-1"])
  })

  test("stays where it is when it is elsewhere, and where a listener says so", () => {
    open3()
    focusOn(0)
    frame({drops: ["2"]})
    assert.equal(inFocus(), "done 1")
    document.addEventListener("realtime:before-focus", (event) => event.preventDefault())
    frame({drops: ["1"]})
    assert.equal(document.activeElement, document.body)
  })
})

describe("an element in a row that shares the name of one of the DOM's own members", () => {
  const NAMES = [
    "remove", "matches", "attributes", "children", "childNodes", "parentNode", "getAttribute", "setAttribute", "hasAttribute",
    "id", "nodeName", "nextSibling", "closest", "querySelectorAll", "replaceWith", "isConnected", "contains", "elements", "dispatchEvent",
  ]
  const form = (text, name) => `<form class="${text}"><input name="${name}" value="x"><b>${text}</b></form>`

  for (const name of NAMES) {
    test(`${name}: the row is changed, moved and removed`, () => {
      live(`<ul id="list" data-live="tasks" data-live-token="t" data-live-cursor="e.1"><li data-live-key="1">${form("a", name)}</li>${row("2")}</ul>`)
      frame({puts: [{key: "1", row: `<li>${form("b", name)}</li>`, after: "2"}]})
      assert.deepEqual([list().querySelector("b").textContent, list().querySelector("form").className, keys()], ["b", "b", "21"])
      frame({drops: ["1"], puts: [put("2", null, "two")]})
      assert.deepEqual([list().textContent, reported], ["two", []])
    })

    test(`${name}: the form is a row itself`, () => {
      live(`<div id="list" data-live="tasks" data-live-token="t" data-live-cursor="e.1"><form data-live-key="1"><input name="${name}"><b>a</b></form></div>`)
      frame({puts: [{key: "1", row: `<form><input name="${name}"><b>b</b></form>`, after: null}, {key: "2", row: `<form><input name="${name}"></form>`, after: null}]})
      frame({order: ["2", "1"]})
      assert.deepEqual([list().querySelectorAll("form").length, list().querySelector("b").textContent, reported], [2, "b", []])
      frame({order: []})
      assert.equal(list().innerHTML, "")
    })
  }
})

describe("rows stand in the context of their container", () => {
  test("in SVG they are SVG", () => {
    live('<svg><g id="list" data-live="tasks" data-live-token="t" data-live-cursor="e.1"></g></svg>')
    frame({puts: [{key: "1", row: '<circle r="1"></circle>', after: null}]})
    frame({puts: [{key: "1", row: '<circle r="2"></circle>', after: null}]})
    assert.deepEqual([list().firstChild.namespaceURI, list().firstChild.getAttribute("r")], ["http://www.w3.org/2000/svg", "2"])
  })

  test("in MathML they are MathML", () => {
    live('<math><mrow id="list" data-live="tasks" data-live-token="t" data-live-cursor="e.1"></mrow></math>')
    frame({puts: [{key: "1", row: "<mi>x</mi>", after: null}]})
    assert.equal(list().firstChild.namespaceURI, "http://www.w3.org/1998/Math/MathML")
  })
})
