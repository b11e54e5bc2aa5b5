import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {RowForms} from "../src/dom/csrf.js"
import {openPage} from "./support.js"

const SCRIPT = '<script data-realtime-url="/realtime/ws/" data-realtime-csrf="token"></script>'

/** What the browser does when it gathers a form's fields, which jsdom leaves out. */
function gather(form) {
  const formData = new window.FormData(form)
  form.dispatchEvent(Object.assign(new window.Event("formdata", {bubbles: true}), {formData}))
  return formData.get("csrfmiddlewaretoken")
}

/** The token in what a form of a live row would send. */
function sent(form, {page = SCRIPT, around = (row) => `<ul data-live="tasks"><li data-live-key="3">${row}</li></ul>`, submitter = ""} = {}) {
  const document = openPage(page + around(`<form ${form}><input name="title">${submitter}</form>`))
  new RowForms(document).start()
  const element = document.querySelector("form")
  if (submitter) element.dispatchEvent(new window.SubmitEvent("submit", {submitter: element.querySelector("button")}))
  return gather(element)
}

describe("a form in a live row", () => {
  test("sends the page's token with a POST", () => assert.equal(sent('method="post" action="/rename/"'), "token"))
  test("may have no address", () => assert.equal(sent('method="POST"'), "token"))
  test("sends none with a GET", () => assert.equal(sent('action="/rename/"'), null))
  test("tells it to no other site", () => {
    assert.equal(sent('method="post" action="https://evil.example/"'), null)
    assert.equal(sent('method="post" action="//evil.example/"'), null)
    assert.equal(sent('method="post" action="https://["'), null)
  })
  test("goes where its button says", () => {
    assert.equal(sent('method="post"', {submitter: '<button formaction="https://evil.example/">'}), null)
    assert.equal(sent('method="post"', {submitter: '<button formmethod="get">'}), null)
    assert.equal(sent('action="https://evil.example/"', {submitter: '<button formaction="/here/" formmethod="post">'}), "token")
  })
  test("is not taken in by a field that is called action", () => {
    const field = '<button>Send</button><input name="action" value="/here/"><input name="method" value="post">'
    assert.equal(sent('method="post" action="https://evil.example/"', {submitter: field}), null)
  })
  test("has the token of another form where the script knows none", () => {
    const page = '<form><input name="csrfmiddlewaretoken" value="other"></form>'
    const around = (row) => `<ul data-live="tasks"><li data-live-key="3">${row.replace("<form", '<form id="mine"')}</li></ul>`
    const document = openPage(page + around('<form method="post"></form>'))
    new RowForms(document).start()
    assert.equal(gather(document.querySelector("#mine")), "other")
  })
})

test("a form that is in no live row is left alone", () => {
  assert.equal(sent('method="post"', {around: (form) => form}), null)
})
