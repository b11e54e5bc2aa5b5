/** Markup by others: what users of a site have written has no effect beyond what HTML itself does. */
import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {ActionElements} from "../src/dom/action_elements.js"
import {RowForms} from "../src/dom/csrf.js"
import {isEdited} from "../src/dom/form_fields.js"
import {Forms} from "../src/dom/forms.js"
import {morph} from "../src/dom/morph.js"
import {ParameterForms} from "../src/dom/parameter_forms.js"
import {UploadForms} from "../src/dom/upload_forms.js"
import {showAsViewed} from "../src/dom/viewer.js"
import {Clock, bindPage, openPage, settled} from "./support.js"

const ignored = (html) => `<div data-live-ignore>${html}</div>`

/** Opens a page with one list, and forms of parameters; returns what the list is asked for. */
function openForms(html) {
  const document = openPage(html, {url: "https://example.org/board/?q=ink"})
  const changes = []
  const element = document.querySelector("#bound")
  const container = {element, state: "live", params: {project: 7, q: "ink", page: 1}, change: (params) => changes.push(params)}
  const clock = new Clock()
  const after = (seconds, callback) => {
    const timer = clock.setTimeout(callback, seconds * 1000)
    return () => clock.clearTimeout(timer)
  }
  new ParameterForms({document, containersOf: () => [container], after, now: clock.now}).start()
  const goTo = (address) => {
    window.history.replaceState(null, "", address)
    window.dispatchEvent(new window.PopStateEvent("popstate"))
    return changes
  }
  return {document, changes, clock, goTo}
}

const click = (element) => {
  const event = new window.MouseEvent("click", {bubbles: true, cancelable: true})
  element.dispatchEvent(event)
  return event.defaultPrevented
}

const submit = (form, submitter) => {
  const event = new window.SubmitEvent("submit", {bubbles: true, cancelable: true, submitter})
  form.dispatchEvent(event)
  return event.defaultPrevented
}

describe("a form of parameters by others", () => {
  test("has chosen nothing by two checked radio buttons", () => {
    const radios = '<input type="radio" name="project" value="8" checked><input type="radio" name="project" value="8" checked>'
    const {document, changes, clock} = openForms(`<form data-live-for="tasks">${radios}</form>`)
    clock.pass(1)
    assert.deepEqual([[...document.querySelectorAll("input")].map(isEdited), changes], [[false, false], []])
    document.querySelector("input").checked = true
    assert.equal(isEdited(document.querySelector("input")), true)
  })

  test("chooses nothing when the user goes back", () => {
    const {goTo} = openForms('<form data-live-for="tasks"><input type="hidden" name="project" value="8"><input name="q"></form>')
    assert.deepEqual(goTo("?q=pen"), [{project: 7, q: "pen", page: 1}, {project: 7, q: "ink", page: 1}])
  })
})

describe("a link to a page", () => {
  const link = '<a href="?page=3" data-live-page="3">3</a>'

  test("acts where the server has put it, and there alone", () => {
    const others = [`<div data-live="tasks" data-live-format="pages">${link}</div>`, `<div id="bound" data-live="tasks">${link}</div>`, ignored(link)]
    for (const html of others) {
      const {document, changes} = openForms(html)
      assert.deepEqual([click(document.querySelector("a")), changes], [false, []], html)
    }
    const {document, changes} = openForms(`<nav id="bound" data-live="tasks" data-live-format="pages">${link}</nav>`)
    assert.deepEqual([click(document.querySelector("a")), changes], [true, [{project: 7, q: "ink", page: "3"}]])
  })
})

describe("fields and buttons that name a form elsewhere", () => {
  const theirs = ignored('<input form="f" name="pk" value="9"><input form="f" name="title" value="theirs"><button form="f" name="pk" value="8">Win</button>')
  const own = '<input name="title" value="Milk"><input type="checkbox" name="title" value="a" checked><input type="checkbox" name="title" value="b"><button name="how" value="fast">Add</button>'

  test("are not sent by one that calls", async () => {
    const document = openPage(`<div data-live="tasks" data-live-token="t"><form id="f" data-live-call="add">${own}</form></div>${theirs}`)
    const calls = []
    new ActionElements({document, call: async (target) => void calls.push(target.args)}).start()
    assert.equal(submit(document.querySelector("form"), document.querySelector("[data-live-ignore] button")), false)
    assert.equal(submit(document.querySelector("form"), document.querySelector("#f button")), true)
    await settled()
    assert.deepEqual(calls, [{title: ["Milk", "a"], how: "fast"}])
  })

  test("are not sent by one of a row", async () => {
    const document = openPage(`<form id="f" data-live-token="t" data-live-form="create">${own}</form>${theirs}`)
    const calls = []
    new Forms({document, call: async (target) => calls.push(target.args.data) && {}, follow: () => {}}).start()
    assert.equal(submit(document.querySelector("form"), document.querySelector("[data-live-ignore] button")), false)
    assert.equal(submit(document.querySelector("form"), document.querySelector("#f button")), true)
    await settled()
    assert.deepEqual(calls, [{title: ["Milk", "a"], how: "fast"}])
  })

  test("are not sent by one with files", () => {
    const file = '<input type="file" name="file"><button>Send</button>'
    const document = openPage(`<form id="f" data-live-upload method="post" enctype="multipart/form-data">${file}</form>${theirs}`)
    Object.defineProperty(document.querySelector("[type=file]"), "files", {value: [new window.File(["abc"], "a.txt")]})
    globalThis.XMLHttpRequest = class {
      upload = {}
      open() {}
      setRequestHeader() {}
      send() {}
    }
    new UploadForms({document, go: () => {}}).start()
    assert.equal(submit(document.querySelector("form"), document.querySelector("[data-live-ignore] button")), false)
    assert.equal(submit(document.querySelector("form"), document.querySelector("#f button")), true)
  })

  test("send no CSRF token to where they like", () => {
    const button = ignored('<button formaction="/account/delete/">Win</button>')
    const document = openPage(`<script data-realtime-url="/" data-realtime-csrf="token"></script><ul data-live="tasks"><li data-live-key="3"><form method="post">${button}</form></li></ul>`)
    new RowForms(document).start()
    const form = document.querySelector("form")
    submit(form, document.querySelector("button"))
    const formData = new window.FormData(form)
    form.dispatchEvent(Object.assign(new window.Event("formdata", {bubbles: true}), {formData}))
    assert.equal(formData.get("csrfmiddlewaretoken"), null)
  })
})

test("nobody chooses who sees their markup", () => {
  const marks = '<p data-live-unless-user="5"></p><p data-live-if-user="6"></p><p data-live-owner="5"></p>'
  const document = openPage(`<ul data-live="chat" data-live-viewer="5"></ul><li id="own">${marks}</li><li id="theirs">${ignored(marks)}</li>`)
  const shown = (id) => {
    const row = document.getElementById(id)
    showAsViewed(row, document.querySelector("ul"))
    return [...row.querySelectorAll("p")].map((each) => [each.hidden, each.hasAttribute("data-live-own")])
  }
  assert.deepEqual(shown("own"), [[true, false], [true, false], [false, true]])
  assert.deepEqual(shown("theirs"), [[false, false], [false, false], [false, false]])
})

describe("markup that the server has removed", () => {
  const left = (html) => {
    const document = openPage(`<ul><li data-live-key="3"><b>a</b>${html}</li></ul><template><li data-live-key="3"><b>a</b><div data-live-ignore></div></li></template>`)
    return morph(document.querySelector("li"), document.querySelector("template").content.firstElementChild).textContent
  }

  test("does not stay by data-live-keep, nor as a container that it is not", () => {
    assert.equal(left(ignored("<p data-live-keep>spam</p>")), "a")
    assert.equal(left(ignored('<p data-live="x" data-live-token="y">spam</p>')), "a")
    assert.equal(left('<p data-live="x">spam</p>'), "a")
  })

  test("stays where the page's own template keeps it", () => assert.equal(left("<p data-live-keep>own</p>"), "aown"))
})

test("a marker without a token gives its attributes to nobody", () => {
  const {document} = bindPage('<div id="theirs"><template data-live="x" class="evil" title="evil"></template></div>')
  assert.deepEqual(document.getElementById("theirs").getAttributeNames(), ["id"])
})

test("a marker gives its parent nothing but what is the list's", () => {
  const {document} = bindPage('<ul><template data-live="x" data-live-token="t" class="evil"></template></ul>')
  assert.deepEqual([document.querySelector("ul").dataset.live, document.querySelector("ul").className], ["x", ""])
})

test("a notice of the connection stands in no markup of others", () => {
  const {document} = bindPage(`${ignored("<p data-live-connection>Hello</p>")}<p data-live-connection id="own">Hello</p>`)
  assert.deepEqual([...document.querySelectorAll("p")].map((each) => each.textContent), ["Hello", ""])
})
