import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {bindPage, cases, settled} from "./support.js"

let document, server, clock, reported

const KNOWN = 'data-live-token="t" data-live-cursor="e.1" data-live-fingerprint="v1"'
const span = (attributes = KNOWN, text = "5") =>
  `<span id="count" data-live="tasks" data-live-format="value:open_count" ${attributes}>${text}</span>`

const open = (html) => ({document, server, clock, reported} = bindPage(html))

function live(html) {
  open(html)
  server.accept()
  const asked = server.subscribe("v1")
  server.frame("e.1")
  return asked
}

const count = () => document.getElementById("count")
const say = (value) => server.frame("e.2", {query: 1, puts: [{key: "open_count", row: value}]})

function heard(type) {
  const details = []
  document.addEventListener(type, ({target, detail}) => details.push([target.id, detail]))
  return details
}

describe("a live value in the page", () => {
  test("is asked for with token, cursor and tag, and stays as the page has it", () => {
    open(span())
    const text = count().firstChild
    const changes = heard("realtime:change")
    server.accept()
    assert.deepEqual(server.subscribe("v1"), [{type: "subscribe", id: 1, token: "t", cursor: "e.1", fingerprint: "v1"}])
    server.frame("e.1")
    assert.deepEqual([count().firstChild === text, text.data, changes], [true, "5", []])
    assert.equal(count().getAttribute("data-live-state"), "live")
  })

  test("without a cursor comes", () => {
    live(span('data-live-token="t"', ""))
    say(5)
    assert.equal(count().textContent, "5")
  })

  test("shows strings as they are, null as nothing, and other values as JSON", () => {
    live(span())
    const shown = [6, "six", null, 0, false, {a: [1, null]}, ["x"], ""].map((value) => {
      say(value)
      return count().textContent
    })
    assert.deepEqual(shown, ["6", "six", "", "0", "false", '{"a":[1,null]}', '["x"]', ""])
  })

  test("has the text that the server has put into the page", () => {
    live(span())
    const shown = cases("valuetext").map(([value]) => {
      say(JSON.parse(value))
      return count().textContent
    })
    assert.deepEqual(shown, cases("valuetext").map(([, text]) => text))
  })

  test("is never taken for HTML", () => {
    live(span())
    say("<b>6</b> & more")
    assert.deepEqual([count().children.length, count().textContent], [0, "<b>6</b> & more"])
  })

  test("tells of each change, with the value", () => {
    live(span())
    const changes = heard("realtime:change")
    say({open: 6})
    server.frame("e.3")
    say(null)
    assert.deepEqual(changes, [["count", {value: {open: 6}}], ["count", {value: null}]])
  })

  test("leaves the text alone when the same comes again", () => {
    live(span())
    const text = count().firstChild
    say(5)
    assert.equal(count().firstChild, text)
  })

  test("is resumed after a lost connection, and stays where nothing has changed", () => {
    live(span())
    say(6)
    const text = count().firstChild
    const changes = heard("realtime:change")
    server.cut()
    clock.pass(1)
    server.accept()
    assert.deepEqual(server.subscribe("v1"), [{type: "subscribe", id: 2, token: "t", cursor: "e.2", fingerprint: "v1"}])
    server.frame("e.3")
    assert.deepEqual([count().firstChild === text, text.data, changes], [true, "6", []])
  })

  test("is replaced where the server has another tag", () => {
    open(span())
    server.accept()
    server.subscribe("v2")
    say(1)
    assert.deepEqual([count().textContent, count().getAttribute("data-live-state")], ["1", "live"])
  })

  test("leaves the page when it is refused", () => {
    live(span())
    const errors = heard("realtime:error")
    server.say({type: "refused", id: 1, code: 4214, reason: "No."})
    assert.deepEqual([count().textContent, count().getAttribute("data-live-state")], ["", "refused"])
    assert.deepEqual(errors.map(([id, {name}]) => [id, name]), [["count", "forbidden"]])
  })

  test("changes together with the rows of its stream", () => {
    live(`<ul data-live="tasks" data-live-token="u" data-live-cursor="e.1"><li data-live-key="1">1</li></ul>${span()}`)
    const list = document.querySelector("ul")
    const seen = []
    list.addEventListener("realtime:change", () => seen.push(count().textContent))
    server.frame("e.2", {query: 1, drops: ["1"]}, {query: 2, puts: [{key: "open_count", row: 4}]})
    assert.deepEqual([seen, list.children.length], [["4"], 0])
  })

  test("can be bound again with its cursor", async () => {
    live(span())
    say(6)
    const element = count()
    element.remove()
    await settled()
    document.body.append(element)
    await settled()
    assert.deepEqual(server.received().at(-1), {type: "subscribe", id: 2, token: "t", cursor: "e.2", fingerprint: "v1"})
  })

  test("has a format that is known", () => {
    open('<p data-live="tasks" data-live-token="t" data-live-format="data"></p><p data-live="tasks" data-live-token="t" data-live-format="value:"></p>')
    assert.deepEqual(reported, [
      "The attribute data-live-format must be 'html', or 'value:' with the name of a live value, not 'data'.",
      "The name of a live value is made of letters, digits and underscores: '' cannot be one.",
    ])
  })
})
