import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {UploadForms} from "../src/dom/upload_forms.js"
import {openPage} from "./support.js"

let document, form, requests, gone

class FakeRequest {
  upload = {}
  headers = {}
  status = 200
  responseURL = "https://example.org/board/"
  responseText = ""
  answers = {}
  open(method, url) {
    this.opened = [method, url]
  }
  setRequestHeader(name, value) {
    this.headers[name] = value
  }
  getResponseHeader(name) {
    return this.answers[name] ?? null
  }
  send(data) {
    this.data = data
    requests.push(this)
  }
  abort() {
    this.onabort()
  }
}

function open(attributes = 'method="post" enctype="multipart/form-data"', {files = [new window.File(["abc"], "a.txt")]} = {}) {
  document = openPage(`<form data-live-upload ${attributes}><input name="action" value="x"><input type="file" name="file"><button>Go</button></form>`)
  globalThis.XMLHttpRequest = FakeRequest
  globalThis.DOMParser = window.DOMParser
  form = document.querySelector("form")
  const input = form.querySelector("[type=file]")
  Object.defineProperty(input, "files", {value: files})
  requests = []
  gone = []
  new UploadForms({document, go: (url) => gone.push(url)}).start()
}

function submit() {
  const event = new window.SubmitEvent("submit", {bubbles: true, cancelable: true, submitter: form.querySelector("button")})
  form.dispatchEvent(event)
  return event.defaultPrevented
}

const bar = () => form.querySelector("progress")

test("the answer to a form with files is read where the page demands Trusted Types", () => {
  openPage()
  open()
  const {DOMParser} = globalThis
  globalThis.trustedTypes = {createPolicy: () => ({createHTML: (text) => ({text})})}
  globalThis.DOMParser = class {
    parseFromString({text}, type) {
      return new DOMParser().parseFromString(text, type)
    }
  }
  submit()
  const [request] = requests
  Object.assign(request, {answers: {"Content-Type": "text/html"}, responseText: "<p>Again</p>"})
  request.onload()
  delete globalThis.trustedTypes
  delete globalThis[Symbol.for("realtime.policy")]
  assert.equal(document.body.textContent, "Again")
})

describe("a form with files", () => {
  beforeEach(() => {
    openPage()
    open()
  })

  test("is sent with its progress, once, whatever its fields are called", () => {
    assert.deepEqual([submit(), submit(), requests.length], [true, true, 1])
    const [request] = requests
    assert.deepEqual(request.opened, ["POST", "https://example.org/board/"])
    assert.deepEqual(request.headers, {"X-Realtime-Upload": "1"})
    request.upload.onprogress({loaded: 50, total: 200, lengthComputable: true})
    assert.equal(bar().value, 25)
    request.upload.onload()
    assert.equal(bar().hasAttribute("value"), false)
  })

  test("leads where the server says, but runs no script", () => {
    for (const named of ["/next/?a=1", "javascript:alert(1)"]) {
      submit()
      Object.assign(requests.at(-1), {answers: {"X-Realtime-Location": named}}).onload()
    }
    assert.deepEqual([gone, bar()], [["https://example.org/next/?a=1"], null])
  })

  test("leads where a redirect has led", () => {
    submit()
    Object.assign(requests[0], {responseURL: "https://example.org/done/"}).onload()
    assert.deepEqual(gone, ["https://example.org/done/"])
  })

  test("stays, with a sentence, when it is refused or lost", () => {
    submit()
    Object.assign(requests[0], {status: 500}).onload()
    assert.equal(form.querySelector('[role="alert"]').textContent, "The upload failed (500). Try again, or choose another file.")
    submit()
    requests[1].onerror()
    assert.equal(form.querySelector('[role="alert"]').textContent, "The upload failed. Check your connection, and try again.")
    assert.deepEqual([gone, form.hasAttribute("aria-busy")], [[], false])
  })

  test("shows a page that takes its place", () => {
    submit()
    const answers = {"Content-Type": "text/html; charset=utf-8"}
    Object.assign(requests[0], {answers, responseText: "<title>Thanks</title><p>Thanks"}).onload()
    assert.deepEqual([document.title, document.body.innerHTML], ["Thanks", "<p>Thanks</p>"])
  })

  test("is cancelled", () => {
    submit()
    form.querySelector("[data-live-upload-area] button").click()
    assert.deepEqual([bar(), form.hasAttribute("aria-busy")], [null, false])
  })
})

test("the browser sends what has no file, goes elsewhere, or is untrusted", () => {
  const post = 'method="post" enctype="multipart/form-data"'
  openPage()
  for (const [attributes, options] of [[post, {files: []}], ['method="get"'], ['method="post"'], [`${post} target="_blank"`], [`${post} action="https://other.example/"`], [`${post} data-live-ignore`]]) {
    open(attributes, options)
    assert.equal(submit(), false, attributes)
  }
})
