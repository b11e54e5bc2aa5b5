import assert from "node:assert/strict"
import {afterEach, beforeEach, describe, mock, test} from "node:test"
import {aboutOf, read} from "../src/admin/page.js"
import {Refresher} from "../src/admin/refresher.js"
import {ListStatus} from "../src/admin/status.js"
import {isInUse, keyRows, markup, renumber} from "../src/admin/rows.js"
import {openPage, settled} from "./support.js"

/** @type {Document} */
let document

const row = (number, kind) => `
  <tr>
    <td><input type="checkbox" class="action-select" name="_selected_action"></td>
    <td><label for="id_form-${number}-title">Title</label><input id="id_form-${number}-title" name="form-${number}-title" value="t"></td>
    <td>${["a", "b"].map((each) => `<input type="radio" name="form-${number}-kind" value="${each}" ${each === kind ? "checked" : ""}>`).join("")}</td>
  </tr>`
const table = (...rows) => `<table id="result_list"><tbody>${rows.join("")}</tbody></table>`
const rows = () => [...document.querySelectorAll("tr")]

describe("rows of a change list", () => {
  beforeEach(() => (document = openPage(table(row(0, "a"), row(1, "b"), row(2, "a")))))

  test("change their numbers, and keep their choices", () => {
    const [first, second, third] = rows()
    renumber([[third, 0], [first, 1], [second, 2]])
    const chosen = (each) => each.querySelector("[type=radio]:checked").value
    assert.deepEqual([first, second, third].map(chosen), ["a", "b", "a"])
    assert.equal(third.querySelector("label").htmlFor, "id_form-0-title")
    assert.equal(third.querySelector("[id]").id, "id_form-0-title")
    assert.deepEqual([...third.querySelectorAll("[type=radio]")].map(({name}) => name), ["form-0-kind", "form-0-kind"])
    assert.equal(third.querySelector(".action-select").name, "_selected_action")
  })

  test("have the same markup wherever they stand", () => {
    const [first, , third] = rows()
    assert.equal(markup(first), markup(third))
    third.querySelector("input[value=t]").setAttribute("value", "u")
    assert.notEqual(markup(first), markup(third))
  })

  test("are known by their keys, unless there are others between them", () => {
    assert.deepEqual([...keyRows(document, ["7", "5", "9"]).keys()], ["7", "5", "9"])
    assert.equal(rows()[1].getAttribute("data-live-key"), "5")
    assert.equal(keyRows(document, ["7", "5"]), null)
  })

  test("are in use once something is changed in them, but for the box of actions", () => {
    const [first, second, third] = rows()
    first.querySelector(".action-select").checked = true
    second.querySelector("[value=t]").value = "typed"
    third.querySelector("[value=t]").focus()
    assert.deepEqual([first, second, third].map(isInUse), [false, true, true])
  })
})

describe("a page that reads itself anew", () => {
  const about = {kind: "list", keys: ["1"]}
  const script = `<script data-realtime-admin='${JSON.stringify(about)}'></script>`
  const answer = (status, html = "") => {
    globalThis.DOMParser = document.defaultView.DOMParser
    globalThis.fetch = async (url) => ({status, ok: status < 400, url, text: async () => html})
  }

  beforeEach(() => (document = openPage(script)))

  test("says what it is", () => assert.deepEqual(aboutOf(document), about))

  test("finds itself, nothing, or a door that is closed", async () => {
    answer(200, script)
    assert.deepEqual((await read("/list/")).about, about)
    for (const [status, html, found] of [
      [403, "", "denied"],
      [404, "", "gone"],
      [200, '<form id="login-form"></form>', "denied"],
      [200, "<h1>Site administration</h1>", "gone"],
    ]) {
      answer(status, html)
      assert.equal(await read("/list/"), found)
    }
    answer(502)
    await assert.rejects(read("/list/"), /502/)
  })
})

describe("a refresher", () => {
  /** @type {(() => void)[]} */
  let waiting
  let runs

  beforeEach(() => {
    document = openPage()
    waiting = []
    runs = 0
    mock.method(globalThis, "setTimeout", (callback) => void waiting.push(callback))
  })

  const pass = async () => {
    waiting.splice(0).forEach((callback) => callback())
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
  }
  const refresher = (work = async () => {}) => new Refresher({document, work: async () => ((runs += 1), work())})

  test("runs one at a time, and once more for all that has come meanwhile", async () => {
    const each = refresher()
    for (let time = 0; time < 5; time += 1) each.wake()
    await pass()
    assert.equal(runs, 1)
    await pass()
    await pass()
    assert.equal(runs, 2)
    await pass()
    assert.equal(runs, 2)
    mock.restoreAll()
  })

  test("tries again what has failed, and no more once it has ended", async () => {
    mock.method(console, "warn", () => {})
    const each = refresher(async () => {
      throw new Error("502")
    })
    each.wake()
    await pass()
    await pass()
    assert.ok(runs >= 2)
    const before = runs
    each.end()
    await pass()
    await pass()
    assert.equal(runs, before)
    mock.restoreAll()
  })

  test("waits while nobody looks", async () => {
    let hidden = true
    Object.defineProperty(document, "hidden", {get: () => hidden})
    const each = refresher()
    each.wake()
    await pass()
    assert.equal(runs, 0)
    hidden = false
    document.dispatchEvent(new document.defaultView.Event("visibilitychange"))
    await pass()
    assert.equal(runs, 1)
    mock.restoreAll()
    await settled()
  })
})

describe("the line above a change list", () => {
  const texts = {live: "Live", offline: "Offline.", added: "{number} added", gone: "{number} removed"}
  let line, message

  beforeEach(() => {
    mock.timers.enable({apis: ["setTimeout"]})
    const document = openPage('<div id="changelist"></div>')
    line = new ListStatus({document, about: {texts}})
    line.show("live")
    message = document.querySelector("[role=status]")
  })

  afterEach(() => mock.timers.reset())

  test("says nothing of an outage that is over soon", () => {
    line.changed({added: [1], changed: [], gone: []}, "")
    line.show("offline")
    mock.timers.tick(4900)
    line.show("live")
    mock.timers.tick(60_000)
    assert.equal(message.textContent, "1 added.")
  })

  test("says that an outage lasts, until it is over", () => {
    line.show("offline")
    mock.timers.tick(4000)
    line.show("offline")
    mock.timers.tick(1000)
    assert.equal(message.textContent, "Offline.")
    line.show("live")
    assert.equal(message.textContent, "")
  })
})
