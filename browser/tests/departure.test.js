import assert from "node:assert/strict"
import {afterEach, beforeEach, describe, test} from "node:test"
import {Monitor} from "../src/connection/reconnect.js"
import {Clock, openPage} from "./support.js"

let document, clock, heard

beforeEach(() => {
  document = openPage('<a id="away" href="/other/"><b>x</b></a><a id="here" href="#part">y</a><a id="new" href="/other/" target="_blank">z</a><p>w</p>')
  globalThis.CSS = {supports: (property) => property === "-moz-appearance"}
  clock = new Clock()
  heard = []
  const note = (name) => () => heard.push(name)
  new Monitor({clock, window, document}).start({due: note("due"), silent: note("silent"), suspend: note("suspend"), resume: note("resume")})
})

afterEach(() => delete globalThis.CSS)

function press(selector, options = {}) {
  const event = new window.MouseEvent("pointerdown", {bubbles: true, cancelable: true, ...options})
  document.querySelector(selector).dispatchEvent(event)
}

function click(selector, prevent = false) {
  const element = document.querySelector(selector)
  if (prevent) element.addEventListener("click", (event) => event.preventDefault(), {once: true})
  element.dispatchEvent(new window.MouseEvent("click", {bubbles: true, cancelable: true}))
}

describe("in Firefox", () => {
  test("the connection is left when a link is pressed, and taken up again on a page that is still there", () => {
    press("#away b")
    assert.deepEqual(heard, ["suspend"])
    clock.pass(2)
    assert.deepEqual(heard, ["suspend", "resume"])
  })

  test("it is not for what leads nowhere else in this window", () => {
    for (const selector of ["#here", "#new", "p"]) press(selector)
    press("#away", {ctrlKey: true})
    press("#away", {button: 1})
    assert.deepEqual(heard, [])
  })

  test("a page that follows its links by itself loses it once", () => {
    press("#away")
    click("#away", true)
    assert.deepEqual(heard, ["suspend", "resume"])
    press("#away")
    clock.pass(5)
    assert.deepEqual(heard, ["suspend", "resume"])
  })
})

test("in another browser nothing is done", () => {
  delete globalThis.CSS
  const page = openPage('<a id="away" href="/other/">x</a>')
  const told = []
  new Monitor({clock, window, document: page}).start({due() {}, silent() {}, suspend: () => told.push("suspend"), resume() {}})
  page.querySelector("#away").dispatchEvent(new window.MouseEvent("pointerdown", {bubbles: true}))
  assert.deepEqual(told, [])
})
