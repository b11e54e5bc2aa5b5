import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {ActionElements} from "../src/dom/action_elements.js"
import {RealtimeError} from "../src/protocol/messages.js"
import {morph} from "../src/dom/morph.js"
import {openPage, settled} from "./support.js"

let document, calls, events

/** Opens a page whose calls wait for answer() or refuse(). */
function open(html, owner = 'data-live="tasks" data-live-token="t"', subscriptionOf = undefined) {
  document = openPage(`<div ${owner}>${html}</div>`)
  calls = []
  events = []
  const call = (message, options) => new Promise((resolve, reject) => calls.push({message, options, resolve, reject}))
  new ActionElements({document, call, subscriptionOf}).start()
  for (const type of ["realtime:reply", "realtime:error"]) {
    document.addEventListener(type, ({target, detail}) => events.push([type, target.id, detail]))
  }
}

const find = (selector) => document.querySelector(selector)
const called = () => calls.map(({message}) => message)

function submit(submitter = null) {
  const event = new Event("submit", {bubbles: true, cancelable: true})
  event.submitter = submitter
  find("form").dispatchEvent(event)
  return event
}

function change(values) {
  Object.assign(find("#field"), values)
  find("#field").dispatchEvent(new Event("change", {bubbles: true}))
}

async function answer(result = null) {
  calls.at(-1).resolve(result)
  await settled()
}

async function refuse(details) {
  calls.at(-1).reject(new RealtimeError(4216, "Wrong.", {details}))
  await settled()
}

describe("a button", () => {
  const BUTTON = `<button id="b" data-live-call="toggle" data-live-args='{"pk": 3}'><b>x</b></button>`

  test("calls with its arguments for the stream that it stands in", () => {
    open(BUTTON)
    find("b").click()
    assert.deepEqual(called(), [{token: "t", action: "toggle", args: {pk: 3}}])
  })

  test("waits for the reply as long as data-live-timeout says", () => {
    open(BUTTON + BUTTON.replace("data-live-call", 'data-live-timeout="3600" data-live-call'))
    for (const button of document.querySelectorAll("button")) button.click()
    assert.deepEqual(calls.map(({options}) => options.timeout), [undefined, 3600])
  })

  test("does not call with a data-live-timeout that is no number of seconds", async () => {
    for (const text of ["", "soon", "0", "-5"]) {
      open(BUTTON.replace("data-live-call", `data-live-timeout="${text}" data-live-call`))
      find("button").click()
      await settled()
      assert.deepEqual(called(), [])
      assert.equal(events[0][2].message, `data-live-timeout is '${text}', which is not a number of seconds above 0.`)
    }
  })

  test("takes the token of an element with data-live-stream too", () => {
    open(BUTTON, 'data-live-stream="tasks" data-live-token="u"')
    find("button").click()
    assert.deepEqual(called(), [{token: "u", action: "toggle", args: {pk: 3}}])
  })

  test("calls by name where the token has ended that the server had taken", () => {
    open(BUTTON, undefined, () => ({vouched: true, stream: "tasks", params: {project: 7}}))
    find("button").click()
    assert.deepEqual(called(), [{stream: "tasks", params: {project: 7}, action: "toggle", args: {pk: 3}}])
  })

  test("calls by name with the parameters that are shown where they are others than those of the token", () => {
    open(BUTTON, undefined, () => ({vouched: true, changed: true, token: "t", stream: "tasks", params: {project: 7, q: "ink"}}))
    find("button").click()
    assert.deepEqual(called(), [{stream: "tasks", params: {project: 7, q: "ink"}, action: "toggle", args: {pk: 3}}])
  })

  test("keeps a key that JavaScript cannot hold", () => {
    open(`<button data-live-call="toggle" data-live-args='{"pk": 9007199254740993, "n": -12, "s": "9007199254740993"}'>x</button>`)
    find("button").click()
    assert.deepEqual(called()[0].args, {pk: "9007199254740993", n: -12, s: "9007199254740993"})
  })

  for (const owner of ['data-live="tasks"', `data-live-stream="tasks" data-live-params='{"project": 7}'`]) {
    test(`in an element that the server has not signed calls nothing, though a signed one is around it: ${owner}`, async () => {
      open(`<div ${owner}>${BUTTON}</div>`)
      find("button").click()
      await settled()
      assert.deepEqual([called(), events[0][2].name], [[], "bad_arguments"])
    })
  }

  test("in foreign markup calls nothing", async () => {
    open(`<div data-live-ignore>${BUTTON}<form data-live-call="x"></form><input id="field" data-live-call="y"></div>`)
    find("button").click()
    change({value: "a"})
    assert.equal(submit().defaultPrevented, false)
    assert.deepEqual([called(), events], [[], []])
  })

  test("is busy until the reply", async () => {
    open(BUTTON)
    find("button").click()
    assert.equal(find("button").getAttribute("aria-busy"), "true")
    await answer()
    assert.equal(find("button").hasAttribute("aria-busy"), false)
  })

  test("that is clicked twice calls once", () => {
    open(BUTTON)
    find("button").click()
    find("button").click()
    assert.equal(calls.length, 1)
  })

  test("calls again after the reply", async () => {
    open(BUTTON)
    find("button").click()
    await refuse()
    find("button").click()
    assert.equal(calls.length, 2)
  })

  test("tells the reply", async () => {
    open(BUTTON)
    find("button").click()
    await answer({pk: 3})
    assert.deepEqual(events, [["realtime:reply", "b", {pk: 3}]])
  })

  test("tells the error", async () => {
    open(BUTTON)
    find("button").click()
    await refuse()
    const [[type, id, error]] = events
    assert.deepEqual([type, id, error.name, error.message], ["realtime:error", "b", "invalid", "Wrong."])
  })

  test("that has left the page is heard at the document", async () => {
    open(BUTTON)
    find("button").click()
    find("button").remove()
    await answer(1)
    assert.deepEqual(events, [["realtime:reply", undefined, 1]])
  })

  test("whose click was prevented does not call", () => {
    open(BUTTON)
    find("button").addEventListener("click", (event) => event.preventDefault())
    find("button").click()
    assert.deepEqual(called(), [])
  })

  test("outside of a stream says so", async () => {
    open(BUTTON, "")
    find("button").click()
    await settled()
    assert.equal(
      events[0][2].message,
      "An element with data-live-call must stand in what {% live %} shows, or in an element with {% live_actions %}: its call needs their data-live-token.",
    )
  })

  test("with arguments that are no JSON says so", async () => {
    open(`<button data-live-call="toggle" data-live-args="pk: 3">x</button>`)
    find("button").click()
    await settled()
    assert.equal(events[0][2].message, "The attribute data-live-args must be a JSON object, not 'pk: 3'.")
  })

  test("in a form that calls is not the form's call", () => {
    open(`<form data-live-call="rename"><button type="button">x</button></form>`)
    find("button").click()
    assert.deepEqual(called(), [])
  })
})

describe("a form", () => {
  const FORM = `<form id="f" data-live-call="rename" data-live-args='{"pk": 3, "title": "?"}'>
    <input name="title" value="New"><input value="nameless"><input type="hidden" name="csrfmiddlewaretoken" value="s">
    <p data-live-error="title">old</p><p data-live-error="">old</p></form>`

  test("calls with its named fields over its arguments, and is not sent", () => {
    open(FORM)
    const event = submit()
    assert.deepEqual([called(), event.defaultPrevented], [[{token: "t", action: "rename", args: {pk: 3, title: "New"}}], true])
  })

  test("sends the button that submitted it", () => {
    open(`<form data-live-call="x"><button name="way" value="up">x</button></form>`)
    submit(find("button"))
    assert.deepEqual(called()[0].args, {way: "up"})
  })

  test("sends a list for several values and for a select of several", () => {
    open(`<form data-live-call="x"><input name="a" value="1"><input name="a" value="2">
      <select name="b" multiple><option selected>3</option></select><select name="c"><option selected>4</option></select></form>`)
    submit()
    assert.deepEqual(called()[0].args, {a: ["1", "2"], b: ["3"], c: "4"})
  })

  test("says that it does not send files", async () => {
    open(`<form data-live-call="x"><input type="file" name="f"></form>`)
    submit()
    await settled()
    assert.equal(events[0][2].message, "The field 'f' contains a file. Actions cannot send files; use a form.")
  })

  test("that is submitted twice calls once", () => {
    open(FORM)
    submit()
    submit()
    assert.equal(calls.length, 1)
  })

  test("shows its errors at their fields, and clears them at the next submit", async () => {
    open(FORM)
    const shown = () => [...document.querySelectorAll("[data-live-error]")].map(({textContent}) => textContent)
    submit()
    assert.deepEqual(shown(), ["", ""])
    await refuse({title: ["Too long.", "Too loud."]})
    assert.deepEqual(shown(), ["Too long. Too loud.", "Wrong."])
    submit()
    assert.deepEqual(shown(), ["", ""])
  })

  test("tells assistive technology of its errors, and goes to the first field that is wrong", async () => {
    open(FORM)
    submit()
    await refuse({title: ["Too long."]})
    const [field, place, whole] = ["[name=title]", '[data-live-error="title"]', '[data-live-error=""]'].map(find)
    assert.deepEqual(
      [field.getAttribute("aria-invalid"), field.getAttribute("aria-describedby"), document.activeElement, whole.getAttribute("role")],
      ["true", place.id, field, "alert"],
    )
    submit()
    assert.deepEqual([field.hasAttribute("aria-invalid"), field.hasAttribute("aria-describedby")], [false, false])
  })

  test("whose action was done follows the server again", async () => {
    open(FORM)
    find("[name=title]").value = "mine"
    submit()
    await answer()
    const pushed = document.createElement("template")
    pushed.innerHTML = FORM.replace("New", "MINE")
    morph(find("form"), pushed.content.firstElementChild)
    assert.equal(find("[name=title]").value, "MINE")
  })

  test("with data-live-reset is reset after success alone", async () => {
    open(`<form data-live-call="add" data-live-reset><input name="title"></form>`)
    find("input").value = "New"
    submit()
    await refuse()
    assert.equal(find("input").value, "New")
    submit()
    await answer()
    assert.equal(find("input").value, "")
  })

  test("with data-live-reset keeps the caret in what the user is typing", async () => {
    open(`<form data-live-call="add" data-live-reset><input name="title"></form>`)
    const field = find("[name=title]")
    field.focus()
    field.value = "First"
    submit()
    field.value = "Second"
    field.setSelectionRange(2, 4, "backward")
    await answer()
    assert.deepEqual([field.value, field.selectionStart, field.selectionEnd, field.selectionDirection], ["Second", 2, 4, "backward"])
  })

  test("with data-live-reset keeps what the user has typed since it was sent", async () => {
    open(`<form data-live-call="add" data-live-reset><input name="title"><input name="note"></form>`)
    for (const name of ["title", "note"]) find(`[name=${name}]`).value = "First"
    submit()
    find("[name=title]").value = "Second"
    await answer()
    assert.deepEqual(["title", "note"].map((name) => find(`[name=${name}]`).value), ["Second", ""])
  })
})

describe("a field", () => {
  test("checkbox calls with its state", () => {
    open(`<input id="field" type="checkbox" name="checked" data-live-call="done" data-live-args='{"pk": 3}'>`)
    change({checked: true})
    assert.deepEqual(called(), [{token: "t", action: "done", args: {pk: 3, checked: true}}])
  })

  test("select calls with its value", () => {
    open(`<select id="field" name="column" data-live-call="move"><option>a<option>b</select>`)
    change({value: "b"})
    assert.deepEqual(called()[0].args, {column: "b"})
  })

  test("text calls with its value", () => {
    open(`<input id="field" name="title" data-live-call="rename">`)
    change({value: "New"})
    assert.deepEqual(called()[0].args, {title: "New"})
  })

  test("without a name adds nothing to the arguments", () => {
    open(`<input id="field" type="checkbox" data-live-call="toggle" data-live-args='{"pk": 3}'>`)
    change({checked: true})
    assert.deepEqual(called()[0].args, {pk: 3})
  })

  test("does not call when it is clicked", () => {
    open(`<input id="field" type="text" data-live-call="rename">`)
    find("#field").click()
    assert.deepEqual(called(), [])
  })

  test("checkbox that was refused goes back", async () => {
    open(`<input id="field" type="checkbox" name="checked" data-live-call="done">`)
    change({checked: true})
    await refuse()
    assert.equal(find("#field").checked, false)
  })

  test("select that was refused goes back", async () => {
    open(`<select id="field" name="s" data-live-call="move"><option>a<option selected>b</select>`)
    change({value: "a"})
    await refuse()
    assert.equal(find("#field").value, "b")
  })

  test("text that was refused stays, to be corrected", async () => {
    open(`<input id="field" name="title" value="old" data-live-call="rename">`)
    change({value: "new"})
    await refuse()
    assert.deepEqual([find("#field").value, find("#field").getAttribute("aria-invalid")], ["new", "true"])
  })

  test("calls again while its call is under way, and is busy until the last reply", async () => {
    open(`<input id="field" type="checkbox" name="checked" data-live-call="done">`)
    change({checked: true})
    change({checked: false})
    assert.equal(calls.length, 2)
    await answer()
    assert.equal(find("#field").getAttribute("aria-busy"), "true")
  })
})
