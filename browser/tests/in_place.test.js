import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {bindPage, settled} from "./support.js"

let document, page, server, reported

const marker = (name = "tasks", attributes = "") =>
  `<template data-live="${name}" data-live-format="html:list.html#1:s" data-live-token="${name}" data-live-cursor="e.1" ${attributes}></template>`
const rows = (keys, tag = "li") => [...keys].map((key) => `<${tag} data-live-key="${key}">${key}</${tag}>`).join("\n")
const EMPTY = 'data-live-when-empty="<li data-live-empty>None</li>"'

/** Opens a page, and takes its lists to the present. */
function live(html) {
  ;({document, page, server, reported} = bindPage(html))
  server.accept()
  server.subscribe()
  server.frame("e.1")
}

/** Puts rows in order, and drops others. @param {string} puts of lists: "ab" @param {string} [drops] */
function change(puts, drops = "", {query = 1, tag = "li"} = {}) {
  server.frame("e.2", {
    query,
    puts: [...puts].map((key, index) => ({key, after: puts[index - 1] ?? null, row: `<${tag}>${key}</${tag}>`})),
    drops: [...drops],
  })
}

const text = (selector) => document.querySelector(selector).textContent.replace(/\s+/g, "")

describe("a list in place", () => {
  test("has the element that holds nothing else", () => {
    live(`<ul id="list">\n${rows("12")}\n${marker()}\n</ul>`)
    const list = document.getElementById("list")
    assert.deepEqual([list.dataset.live, list.dataset.liveState, list.lastElementChild.textContent], ["tasks", "live", "2"])
    change("123")
    assert.equal(text("#list"), "123")
  })

  test("asks for its own HTML by name when its token has expired", () => {
    live(`<ul>${rows("1")}${marker("tasks", "data-live-params='{}'")}</ul>`)
    server.received()
    server.say({type: "refused", id: 1, code: 4100, reason: "This page has expired."})
    const [{stream, format, token}] = server.received()
    assert.deepEqual([stream, format, token], ["tasks", "html:list.html#1:s", undefined])
  })

  test("stands among other things where they were", () => {
    live(`<main><h1>Tasks</h1>${rows("12", "p")}${marker()}<footer>End</footer></main>`)
    change("312", "", {tag: "p"})
    assert.equal(text("main"), "Tasks312End")
    change("", "123")
    change("4", "", {tag: "p"})
    assert.equal(text("main"), "Tasks4End")
    assert.equal(document.querySelector("main").hasAttribute("data-live"), false)
  })

  test("shares an element with another one", () => {
    live(`<main><h2>A</h2>${rows("1", "p")}${marker("a")}<h2>B</h2>${rows("1", "p")}${marker("b")}</main>`)
    change("21", "", {query: 1, tag: "p"})
    change("", "1", {query: 2})
    change("34", "", {query: 2, tag: "p"})
    assert.equal(text("main"), "A21B34")
  })

  test("takes a row over from another one in the same element", () => {
    live(`<main><h2>A</h2>${rows("12", "p")}${marker("a")}<h2>B</h2>${rows("3", "p")}${marker("a")}</main>`)
    const moved = document.querySelector("p")
    const put = {key: "1", after: null, row: "<p>1!</p>"}
    server.frame("e.2", {query: 1, drops: ["1"]}, {query: 2, puts: [put]})
    assert.equal(text("main"), "A2B1!3")
    assert.equal(document.querySelectorAll("p")[1], moved)
  })

  test("in a table without a body gets one", () => {
    live(`<table><thead><tr><th>Title</th></tr></thead>${marker("tasks", 'data-live-in="tbody"')}</table>`)
    change("1", "", {tag: "tr"})
    assert.equal(document.querySelector("table > tbody[data-live] > tr").dataset.liveKey, "1")
  })

  test("calls the actions of its own stream from its rows", async () => {
    live(`<main><h2>A</h2>${rows("1", "p")}${marker("a")}<div data-live-key="2"><button>Go</button></div>${marker("b")}</main>`)
    const {listAround} = await import("../src/dom/in_place.js")
    assert.equal(listAround(document.querySelector("button")).dataset.live, "b")
    assert.equal(listAround(document.querySelector("p")).dataset.live, "a")
    assert.equal(listAround(document.querySelector("h2")), null)
  })

  test("is live again where a page that is morphed brings it anew", async () => {
    live(`<ul>${rows("12")}${marker()}</ul>`)
    const list = document.querySelector("ul")
    for (const {name} of [...list.attributes]) list.removeAttribute(name)
    list.insertAdjacentHTML("beforeend", marker())
    await settled()
    assert.deepEqual(server.received().map(({type}) => type), ["unsubscribe", "subscribe"])
    assert.deepEqual([list.dataset.live, document.querySelector("template")], ["tasks", null])
  })

  test("that is put into another one says so", async () => {
    live(`<ul>${rows("1")}${marker()}</ul>`)
    document.querySelector("ul").insertAdjacentHTML("beforeend", marker("others"))
    await settled()
    assert.deepEqual(reported, ["The list 'others' was put into an element that is a live list already: give each an element of its own."])
  })
})

describe("the text of an empty list", () => {
  test("goes when a row comes, and is back when the last one goes", () => {
    live(`<ul><li data-live-empty>None</li>${marker("tasks", EMPTY)}</ul>`)
    const said = document.querySelector("li")
    change("12")
    assert.equal(text("ul"), "12")
    change("", "12")
    assert.equal(document.querySelector("ul").firstElementChild, said)
  })

  test("hands the focus to the first row", () => {
    const form = "<li data-live-empty><form><input name='title'></form></li>"
    live(`<ul>${form}${marker("tasks", EMPTY)}</ul>`)
    document.querySelector("input").focus()
    server.frame("e.2", {query: 1, puts: [{key: "1", after: null, row: "<li><button>Open</button></li>"}]})
    assert.equal(document.activeElement.textContent, "Open")
  })

  test("is made where the page had rows", () => {
    live(`<main><h2>A</h2>${rows("1")}${marker("tasks", EMPTY)}<p>End</p></main>`)
    change("", "1")
    assert.equal(text("main"), "ANoneEnd")
    change("2")
    assert.equal(text("main"), "A2End")
  })

  test("stays away from one who may not see the list", () => {
    live(`<ul>${rows("1")}${marker("tasks", EMPTY)}</ul>`)
    server.say({type: "refused", id: 1, code: 4214, reason: "No."})
    assert.equal(text("ul"), "")
  })
})
