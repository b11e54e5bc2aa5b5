import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {bindPage, settled} from "./support.js"

let document, server, clock, page, told

function open(attributes = "") {
  const row = (key) => `<li data-live-key="${key}">${key}</li>`
  const html = `<ul data-live="tasks" data-live-token="t" data-live-cursor="e.1" ${attributes}>${row(1)}${row(2)}</ul>`
  ;({document, server, clock, page} = bindPage(html))
  server.accept()
  server.subscribe()
  server.frame("e.1")
  told = []
  document.addEventListener("realtime:change", ({detail}) => told.push(detail))
}

const list = () => document.querySelector("ul")
const text = () => [...list().children].map(({textContent}) => textContent).join(" ")
const put = (key, after, content = key) => ({key, row: `<li>${content}</li>`, after})
/** The HTML of a list with one row. */
const html = (token, key, attributes = "") => `<ul data-live="tasks" data-live-token="${token}" data-live-cursor="e.1" ${attributes}><li data-live-key="${key}">${key}</li></ul>`

/** Opens a page with several lists, and returns what it reports. */
function openLists(...lists) {
  let reported
  ;({document, server, page, reported} = bindPage(lists.join("")))
  server.accept()
  server.subscribe()
  server.frame("e.1")
  return reported
}

/** Opens two lists, the first of which cannot remove its row. */
function openBroken(attributes) {
  const reported = openLists(html("t", 1, attributes), html("u", 1, attributes))
  document.querySelector("li").remove = () => {
    throw new Error("broken")
  }
  return {reported, dropAll: () => server.frame("e.2", {query: 1, drops: ["1"]}, {query: 2, drops: ["1"]})}
}

const frame = (delta, more = {}) => server.say({type: "frame", log: 0, cursor: "e.2", deltas: [{query: 1, ...delta}], ...more})
const root = () => document.documentElement

describe("a page that is paused", () => {
  test("shows nothing new, counts what waits, and shows it as one change", () => {
    open()
    page.pause()
    frame({puts: [put("3", "2")]})
    frame({puts: [put("3", "2", "three"), put("2", null, "two")], drops: ["1"]})
    assert.deepEqual([text(), page.held, list().dataset.liveHeld, root().dataset.realtimeHeld, told], ["1 2", 3, "3", "3", []])
    page.resume()
    assert.deepEqual([text(), page.held, list().dataset.liveHeld, root().dataset.realtimeHeld], ["two three", 0, undefined, undefined])
    assert.deepEqual(told, [{puts: ["3", "2"], drops: ["1"], reset: false}])
  })

  test("shows a list, although another one cannot be shown", () => {
    const {reported, dropAll} = openBroken("")
    page.pause()
    dropAll()
    page.resume()
    assert.deepEqual([[...document.querySelectorAll("ul")].map(({textContent}) => textContent), reported], [["1", ""], ["broken"]])
  })

  test("forgets what came and went meanwhile", () => {
    open()
    page.pause()
    frame({puts: [put("3", "2")]})
    frame({drops: ["3"]})
    page.resume()
    assert.deepEqual([text(), told[0].puts], ["1 2", []])
  })

  test("begins anew after a reset", () => {
    open()
    page.pause()
    frame({puts: [put("3", "2")]})
    frame({reset: true, puts: [put("9")]})
    page.resume()
    assert.equal(text(), "9")
  })

  test("does not keep what the user may no longer see", () => {
    open()
    page.pause()
    server.say({type: "refused", id: 1, code: 4214, reason: "No."})
    assert.equal(text(), "")
  })

  test("can be a part of it, as long as an attribute says so", async () => {
    open("data-live-paused")
    frame({drops: ["1"]})
    assert.equal(text(), "1 2")
    list().removeAttribute("data-live-paused")
    await settled()
    assert.equal(text(), "2")
  })

  test("leaves a container with the rows of its cursor", async () => {
    open()
    page.pause()
    frame({drops: ["1"]})
    const element = list()
    element.remove()
    await settled()
    assert.deepEqual([element.textContent, element.dataset.liveCursor], ["2", "e.2"])
  })
})

describe("a list that announces its changes", () => {
  const said = () => document.querySelector("[data-live-announcer]")?.textContent ?? ""

  test("says what others have changed, at most every three seconds", () => {
    open("data-live-announce")
    frame({puts: [put("3", "2"), put("2", "1", "two")]})
    frame({puts: [put("4", "3")], drops: ["1"]})
    assert.equal(document.querySelector("[data-live-announcer][role=status]").textContent, "") // it is there before it speaks
    clock.pass(3)
    assert.equal(said(), "2 added, 1 changed, 1 removed")
    frame({drops: ["2"]})
    clock.pass(2)
    assert.equal(said(), "2 added, 1 changed, 1 removed")
    clock.pass(1)
    assert.deepEqual([said(), document.querySelector("[data-live-announcer]").getAttribute("role")], ["1 removed", "status"])
  })

  test("says nothing of a row that looks as before", () => {
    open("data-live-announce")
    frame({puts: [put("3", "2"), {key: "2", row: "<li data-live-key='2'>2</li>", after: "1"}]})
    clock.pass(3)
    assert.equal(said(), "1 added")
  })

  test("says nothing of the page's own calls, of all rows at once, and where nobody asks", () => {
    open("data-live-announce")
    frame({puts: [put("3", "2")]}, {calls: ["x"]})
    frame({reset: true, puts: [put("1")]})
    clock.pass(10)
    assert.equal(said(), "")
    open()
    frame({puts: [put("3", "2")]})
    clock.pass(10)
    assert.equal(said(), "")
  })

  test("does so also where an element around it asks", () => {
    open()
    document.body.setAttribute("data-live-announce", "")
    frame({puts: [put("3", "2")]})
    clock.pass(3)
    assert.equal(said(), "1 added")
  })

  test("uses the words of its attribute", () => {
    open('data-live-announce="{number} neu|{number} geändert|{number} entfernt"')
    frame({puts: [put("3", "2")], drops: ["1"]})
    clock.pass(3)
    assert.equal(said(), "1 neu, 1 entfernt")
  })
})

describe("a list that animates its rows", () => {
  /** A browser that takes its picture when it is told to. */
  function browser({reduced = false} = {}) {
    const pictures = []
    globalThis.CSSStyleSheet = class {
      replaceSync() {}
    }
    window.Document.prototype.adoptedStyleSheets = []
    window.matchMedia = () => ({matches: reduced})
    window.Document.prototype.startViewTransition = (paint) => {
      pictures.push(paint)
      return {ready: Promise.resolve(), finished: new Promise((resolve) => (paint.end = resolve))}
    }
    return pictures
  }

  test("shows a change when the picture is taken, with what has come meanwhile, and tells it then", () => {
    open("data-live-animate")
    const pictures = browser()
    frame({puts: [put("3", "2")]})
    frame({drops: ["1"]})
    assert.deepEqual([text(), told.length, pictures.length], ["1 2", 0, 1])
    pictures[0]()
    assert.deepEqual([text(), told.length], ["2 3", 1])
  })

  test("animates each list of the page that changes", async () => {
    openLists(html("t", 1, "data-live-animate"), html("u", 1, "data-live-animate"))
    const pictures = browser()
    server.frame("e.2", {query: 1, drops: ["1"]}, {query: 2, puts: [put("2", "1")]})
    const moving = () => [...document.querySelectorAll("ul")].map((each) => each.hasAttribute("data-live-moving"))
    assert.deepEqual([pictures.length, moving()], [1, [true, true]])
    pictures[0]()
    server.frame("e.3", {query: 2, drops: ["1"]})
    pictures[0].end() // by the next one
    await settled()
    assert.deepEqual([pictures.length, moving()], [2, [false, true]])
    pictures[1]()
    pictures[1].end()
    await settled()
    assert.deepEqual(moving(), [false, false])
  })

  test("takes no row from another list once it is paused, and that one keeps none for it", async () => {
    openLists(html("t", 1), html("u", 2, "data-live-animate"))
    const pictures = browser()
    server.frame("e.2", {query: 1, drops: ["1"]}, {query: 2, puts: [put("1", "2")]})
    const lists = [...document.querySelectorAll("ul")]
    const texts = () => lists.map(({textContent}) => textContent)
    lists[1].dataset.livePaused = ""
    await settled()
    for (const paint of pictures) paint()
    assert.deepEqual(texts(), ["", "2"])
    delete lists[1].dataset.livePaused
    await settled()
    assert.deepEqual(texts(), ["", "21"])
  })

  test("is shown, although another one in the same transition cannot be", () => {
    const {reported, dropAll} = openBroken("data-live-animate")
    const pictures = browser()
    dropAll()
    for (const paint of pictures) paint()
    assert.deepEqual([[...document.querySelectorAll("ul")].map(({textContent}) => textContent), reported], [["1", ""], ["broken"]])
  })

  test("shows nothing new if it is paused before the transition starts", () => {
    open("data-live-animate")
    const pictures = browser()
    frame({puts: [put("3", "2")]})
    page.pause()
    pictures[0]()
    assert.deepEqual([text(), page.held, told], ["1 2", 1, []])
    page.resume()
    assert.deepEqual([text(), page.held, told.length], ["1 2 3", 0, 1])
  })

  test("does not keep a row in another list that it left for this one, if it is deleted before", () => {
    openLists(html("t", 1), html("u", 2, "data-live-animate"))
    const pictures = browser()
    server.frame("e.2", {query: 1, drops: ["1"]}, {query: 2, puts: [put("1", "2")]})
    server.frame("e.3", {query: 2, drops: ["1"]})
    for (const paint of pictures) paint()
    assert.deepEqual([...document.querySelectorAll("ul")].map(({textContent}) => textContent), ["", "2"])
  })

  test("shows each of two lists in one element", () => {
    const list = (token) => `<p data-live-key="1">${token}</p><template data-live="tasks" data-live-token="${token}" data-live-cursor="e.1"></template>`
    ;({document, server} = bindPage(`<main data-live-animate>${list("t")}<hr>${list("u")}</main>`))
    server.accept()
    server.subscribe()
    server.frame("e.1")
    const pictures = browser()
    server.frame("e.2", {query: 1, puts: [{key: "2", row: "<p>first</p>", after: "1"}]}, {query: 2, puts: [{key: "2", row: "<p>second</p>", after: "1"}]})
    for (const paint of pictures) paint()
    assert.deepEqual([...document.querySelectorAll("p")].map(({textContent}) => textContent), ["t", "first", "u", "second"])
  })

  test("shows it at once for those who want no motion, and where nobody asks", () => {
    open("data-live-animate")
    const pictures = browser({reduced: true})
    frame({drops: ["1"]})
    assert.deepEqual([text(), pictures.length], ["2", 0])
    open()
    frame({drops: ["1"]})
    assert.deepEqual([text(), browser().length], ["2", 0])
  })
})
