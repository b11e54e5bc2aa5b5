import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {translate} from "../src/protocol/sentences.js"
import {bindPage, settled} from "./support.js"

const OFFLINE = "Offline: this page may be out of date."
const LIST = '<ul data-live="tasks" data-live-token="t" data-live-cursor="e.1"></ul>'

let document, server, clock

const open = (html = "<p data-live-connection></p>") => ({document, server, clock} = bindPage(html + LIST))
const place = () => document.querySelector("[data-live-connection]")
const says = () => place().textContent

function connect() {
  server.accept()
  server.subscribe()
  server.frame("e.1")
}

function live(html) {
  open(html)
  connect()
}

/** The connection breaks, and nobody answers for so long. */
function lose(seconds) {
  server.cut()
  clock.pass(seconds)
}

describe("the notice of the connection", () => {
  test("is a region of its own from the start, in which nothing stands", () => {
    open()
    assert.deepEqual([place().getAttribute("role"), says()], ["status", ""])
    connect()
    clock.pass(10)
    assert.equal(says(), "")
  })

  test("says nothing of an outage that is over soon", () => {
    live()
    lose(4.9)
    connect()
    clock.pass(10)
    assert.equal(says(), "")
  })

  test("says that an outage lasts, and for a while that it is over", () => {
    live()
    lose(4.9)
    assert.equal(says(), "")
    clock.pass(0.1)
    assert.equal(says(), OFFLINE)
    connect()
    assert.equal(says(), "Connected again.")
    clock.pass(5)
    assert.equal(says(), "")
  })

  test("counts attempts that fail as one outage, which it says once", async () => {
    live()
    let changes = 0
    new window.MutationObserver((records) => (changes += records.length)).observe(place(), {childList: true, characterData: true, subtree: true})
    lose(2)
    server.accept()
    server.cut()
    clock.pass(3)
    assert.equal(says(), OFFLINE)
    server.accept()
    server.cut()
    clock.pass(20)
    await Promise.resolve()
    assert.deepEqual([says(), changes], [OFFLINE, 1])
  })

  test("is said where a part of the page comes during the outage", async () => {
    live()
    lose(5)
    const part = document.createElement("div")
    part.innerHTML = "<p data-live-connection></p>"
    document.body.append(part)
    await settled()
    const added = part.firstElementChild
    assert.deepEqual([added.getAttribute("role"), added.textContent], ["status", OFFLINE])
  })

  test("says of a page that never gets a connection that it may be out of date", () => {
    open()
    clock.pass(5)
    assert.equal(says(), OFFLINE)
  })

  test("says at once why the server refuses, and goes on saying it", () => {
    live()
    server.say({type: "bye", code: 4214, reason: "No."})
    assert.equal(says(), "No.")
    clock.pass(60)
    assert.equal(says(), "No.")
  })

  test("forgets that it was connected again when it is not", () => {
    live()
    lose(5)
    connect()
    lose(1)
    assert.equal(says(), "")
    clock.pass(4)
    assert.equal(says(), OFFLINE)
  })

  test("speaks the language of the page, and leaves a role that is there", () => {
    translate({[OFFLINE]: "Weg."})
    live('<p data-live-connection role="alert"></p>')
    lose(5)
    assert.deepEqual([place().getAttribute("role"), says()], ["alert", "Weg."])
    translate({})
  })
})
