import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Forms} from "../src/dom/forms.js"
import {RealtimeError} from "../src/protocol/messages.js"
import {openPage, settled} from "./support.js"

const FIELDS = `
  <input type="hidden" name="csrfmiddlewaretoken" value="secret">
  <input type="hidden" name="_live_form" value="{}">
  <input type="hidden" name="_live_version" value="v1">
  <input name="title" value="Milk" aria-describedby="help"><p id="help">Short.</p>
  <input type="checkbox" name="done" checked>
  <select name="tags" multiple><option value="1" selected>a<option value="2" selected>b</select>
  <textarea name="text"></textarea>
  <p data-live-error="title"></p>
  <button name="how" value="fast">Save</button>`

let document, form, calls, answer, events, followed

function open({attributes = 'data-live-form="update" data-live-pk="3"', fields = FIELDS} = {}) {
  document = openPage(`<form data-live-stream="tasks" data-live-token="t" ${attributes}>${fields}</form>`)
  form = document.querySelector("form")
  calls = []
  events = []
  followed = []
  const call = (...args) => new Promise((resolve, reject) => calls.push(args) && (answer = {resolve, reject}))
  new Forms({document, call, follow: (url) => followed.push(url)}).start()
  for (const type of ["realtime:reply", "realtime:error"]) document.addEventListener(type, ({detail}) => events.push([type, detail]))
}

function submit() {
  const event = new window.SubmitEvent("submit", {bubbles: true, cancelable: true, submitter: form.querySelector("button")})
  form.dispatchEvent(event)
  return event
}

async function refuse(code, reason, options) {
  answer.reject(new RealtimeError(code, reason, options))
  await settled()
}

const field = (name) => form.elements.namedItem(name)
const place = (name) => form.querySelector(`[data-live-error="${name}"]`)

describe("a form", () => {
  beforeEach(() => open())

  test("calls with its fields, its key and its version, and none of its own fields", () => {
    const {defaultPrevented} = submit()
    const data = {title: "Milk", done: "on", tags: ["1", "2"], text: "", how: "fast"}
    assert.deepEqual([defaultPrevented, calls], [true, [[{token: "t", action: "update", args: {pk: "3", data, version: "v1"}}]]])
  })

  test("is busy until it is answered, and does not call twice meanwhile", async () => {
    submit()
    submit()
    assert.deepEqual([calls.length, form.getAttribute("aria-busy")], [1, "true"])
    answer.resolve({pk: "3", version: "v2"})
    await settled()
    assert.equal(form.hasAttribute("aria-busy"), false)
  })

  test("goes on with the version that comes back", async () => {
    submit()
    answer.resolve({pk: "3", version: "v2"})
    await settled()
    submit()
    assert.equal(calls[1][0].args.version, "v2")
    assert.deepEqual(events, [["realtime:reply", {pk: "3", version: "v2"}]])
  })

  test("shows what is wrong at its fields, says so to assistive technology, and goes to the first", async () => {
    submit()
    await refuse(4216, "Wrong.", {details: {text: ["Too short."], title: ["Too long.", "Taken."]}})
    assert.deepEqual([place("title").textContent, place("text").textContent], ["Too long. Taken.", "Too short."])
    assert.equal(field("text").nextElementSibling, place("text"))
    assert.deepEqual(["title", "text", "done"].map((name) => field(name).getAttribute("aria-invalid")), ["true", "true", null])
    assert.equal(field("title").getAttribute("aria-describedby"), `help ${place("title").id}`)
    assert.equal(document.activeElement, field("title"))
    assert.equal(place("")?.textContent ?? "", "")
  })

  test("shows what is wrong with the whole, or with a field that is not there, for itself", async () => {
    submit()
    await refuse(4216, "Wrong.", {details: {"": ["Not now."], gone: ["Unknown."]}})
    assert.deepEqual([place("").textContent, place("").getAttribute("role")], ["Not now. Unknown.", "alert"])
  })

  test("clears what was wrong when it is right", async () => {
    submit()
    await refuse(4216, "Wrong.", {details: {title: ["Too long."]}})
    submit()
    answer.resolve({pk: "3", version: "v2"})
    await settled()
    assert.deepEqual(
      [place("title").textContent, field("title").hasAttribute("aria-invalid"), field("title").getAttribute("aria-describedby")],
      ["", false, "help"],
    )
  })

  test("that is stale says so, and overwrites when it is saved again", async () => {
    submit()
    await refuse(4219, "It has changed.", {details: {title: ["Now “Bread”."]}, version: "v9"})
    assert.deepEqual([place("").textContent, place("title").textContent], ["It has changed.", "Now “Bread”."])
    submit()
    assert.equal(calls[1][0].args.version, "v9")
  })

  test("shows the sentence of any other refusal", async () => {
    submit()
    await refuse(null, "No reply within 30 seconds.", {name: "no_reply"})
    assert.equal(place("").textContent, "No reply within 30 seconds.")
    assert.equal(events[0][0], "realtime:error")
  })

  test("is left alone where a listener has prevented it", () => {
    form.addEventListener("submit", (event) => event.preventDefault())
    submit()
    assert.deepEqual(calls, [])
  })
})

describe("a form whose fields are outside of it, as in the cells of a table", () => {
  test("shows errors at them once, and removes these", async () => {
    document = openPage(`<table><tr><td><form id="f" data-live-token="t" data-live-form="update" data-live-pk="3"></form></td>
      <td><label><input form="f" name="title"></label></td></tr></table>`)
    form = document.querySelector("form")
    const call = () => new Promise((resolve, reject) => (answer = {resolve, reject}))
    new Forms({document, call, follow() {}}).start()
    for (const text of ["Too long.", "Taken."]) {
      form.dispatchEvent(new window.SubmitEvent("submit", {bubbles: true, cancelable: true}))
      await refuse(4216, "Wrong.", {details: {title: [text]}})
    }
    const texts = () => [...document.querySelectorAll("[data-live-error]")].map(({textContent}) => textContent)
    assert.deepEqual([texts(), field("title").getAttribute("aria-invalid")], [["Taken."], "true"])
    form.dispatchEvent(new window.SubmitEvent("submit", {bubbles: true, cancelable: true}))
    answer.resolve({pk: "3", version: "v2"})
    await settled()
    assert.deepEqual([texts(), field("title").getAttribute("aria-invalid"), field("title").getAttribute("aria-describedby")], [[""], null, null])
  })
})

describe("another form", () => {
  test("for a new row is emptied when it is saved", async () => {
    open({attributes: 'data-live-form="create"', fields: '<input name="title">'})
    field("title").value = "Milk"
    submit()
    answer.resolve({pk: "4", version: "v1"})
    await settled()
    assert.deepEqual([calls[0][0], field("title").value], [{token: "t", action: "create", args: {data: {title: "Milk"}}}, ""])
  })

  test("for a new row keeps what the user has typed since it was sent", async () => {
    open({attributes: 'data-live-form="create"', fields: '<input name="title">'})
    field("title").value = "Milk"
    submit()
    field("title").value = "Bread"
    answer.resolve({pk: "4", version: "v1"})
    await settled()
    assert.equal(field("title").value, "Bread")
  })

  test("goes to the next page when it is saved, and not before", async () => {
    open({attributes: 'data-live-form="create" data-live-next="/board/"', fields: '<input name="title">'})
    submit()
    await refuse(4216, "Wrong.", {details: {title: ["Too long."]}})
    assert.deepEqual(followed, [])
    submit()
    answer.resolve({pk: "4", version: "v1"})
    await settled()
    assert.deepEqual(followed, ["/board/"])
  })

  test("with a file in it is sent by the browser itself", () => {
    open({attributes: 'data-live-form="create"', fields: '<input type="file" name="scan">'})
    const file = new window.File(["text"], "a.txt")
    Object.defineProperty(globalThis, "FormData", {
      configurable: true,
      writable: true,
      value: class extends window.FormData {
        constructor() {
          super()
          this.append("scan", file)
        }
      },
    })
    assert.equal(submit().defaultPrevented, false)
    assert.deepEqual(calls, [])
  })

  for (const next of ["javascript:alert(1)", "data:text/html,x", "https://example.com/"]) {
    test(`goes nowhere else: ${next}`, async () => {
      open({attributes: `data-live-form="create" data-live-next="${next}"`, fields: '<input name="title">'})
      submit()
      answer.resolve({pk: "4", version: "v1"})
      await settled()
      assert.deepEqual(followed, [])
    })
  }

  test("that the server has not signed, or that is foreign, is the browser's", () => {
    for (const attributes of ['data-live-form="create" data-live-token=""', 'data-live-form="create" data-live-ignore']) {
      open({attributes, fields: '<input name="title">'})
      if (attributes.includes("token")) form.setAttribute("data-live-token", "")
      assert.deepEqual([submit().defaultPrevented, calls], [false, []])
    }
  })

  test("without data-live-form is none", () => {
    open({attributes: "", fields: '<input name="title">'})
    assert.equal(submit().defaultPrevented, false)
  })
})
