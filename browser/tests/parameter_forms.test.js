import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {ParameterForms} from "../src/dom/parameter_forms.js"
import {RealtimeError} from "../src/protocol/messages.js"
import {Clock, openPage} from "./support.js"

const FIELDS = `
  <input type="hidden" name="csrfmiddlewaretoken" value="secret">
  <input name="q" value="">
  <select name="state"><option value="">All<option value="open">Open</select>
  <input type="checkbox" name="mine" value="1">
  <input type="radio" name="size" value="s"><input type="radio" name="size" value="m" checked>
  <input type="hidden" name="sort" value="title">
  <input name="off" value="x" disabled>
  <button name="sort" value="-title">Down</button><button id="go">Go</button>`
const PARAMS = {project: 7, q: "", state: null, mine: false, size: "m", sort: "title", page: 1}

let document, form, clock, changes, container

function open({fields = FIELDS, attributes = "", url = "https://example.org/board/?tab=2", around = (html) => html, before = () => {}} = {}) {
  document = openPage(around(`<form data-live-for="tasks" ${attributes}>${fields}</form>`), {url})
  form = document.querySelector("form")
  before()
  clock = new Clock()
  changes = []
  container = {
    state: "live",
    params: PARAMS,
    change(params, answered) {
      container.params = params
      changes.push(params)
      container.answer = answered
    },
  }
  const containersOf = (name) => (name === "tasks" && container ? [container] : [])
  const after = (seconds, callback) => {
    const timer = clock.setTimeout(callback, seconds * 1000)
    return () => clock.clearTimeout(timer)
  }
  new ParameterForms({document, containersOf, after, now: clock.now}).start()
}

const field = (name) => form.querySelector(`[name=${name}]`)
const fire = (element, type, options) => element.dispatchEvent(new window.Event(type, {bubbles: true, cancelable: true, ...options}))
const search = () => window.location.search

function type(text) {
  field("q").value = text
  fire(field("q"), "input")
}

function choose(name) {
  fire(field(name), "input")
  fire(field(name), "change")
  clock.pass(0)
}

function submit(button = form.querySelector("#go")) {
  const event = new window.SubmitEvent("submit", {bubbles: true, cancelable: true, submitter: button})
  form.dispatchEvent(event)
  return event.defaultPrevented
}

/** Goes to another entry of the history, as the user does. */
function go(address) {
  window.history.replaceState(null, "", address)
  window.dispatchEvent(new window.PopStateEvent("popstate"))
}

describe("a form of parameters", () => {
  beforeEach(() => open())

  test("changes them when the user pauses, and leaves the others as they are", () => {
    type("i")
    clock.pass(0.1)
    type("ink")
    clock.pass(0.1)
    assert.deepEqual([changes, search()], [[], "?tab=2"])
    clock.pass(0.1)
    assert.deepEqual([changes, search()], [[{...PARAMS, q: "ink"}], "?tab=2&q=ink&size=m&sort=title"])
  })

  test("shows what there is when the user types on and on", () => {
    for (const text of ["a", "ab", "abc", "abcd", "abcde", "abcdef"]) {
      type(text)
      clock.pass(0.1)
    }
    assert.deepEqual(changes.map(({q}) => q), ["abcde"])
  })

  test("changes them at once when a choice is made", () => {
    field("state").value = "open"
    choose("state")
    field("mine").checked = true
    choose("mine")
    assert.deepEqual(changes, [{...PARAMS, state: "open"}, {...PARAMS, state: "open", mine: "1"}])
    field("mine").checked = false
    choose("mine")
    assert.deepEqual([changes[2].mine, search()], ["", "?tab=2&state=open&size=m&sort=title"])
  })

  test("waits for the end of a composition", () => {
    field("q").value = "に"
    field("q").dispatchEvent(new window.InputEvent("input", {bubbles: true, isComposing: true}))
    clock.pass(1)
    assert.deepEqual(changes, [])
    fire(field("q"), "compositionend")
    clock.pass(1)
    assert.deepEqual(changes.map(({q}) => q), ["に"])
  })

  test("that is sent changes them at once, as a new entry of the history", () => {
    const entries = window.history.length
    type("ink")
    assert.equal(submit(), true)
    assert.deepEqual([changes.map(({q}) => q), window.history.length - entries, clock.pending], [["ink"], 1, 0])
    submit()
    assert.equal(window.history.length - entries, 1)
  })

  test("that is sent after a pause adds an entry too, and the one before is as it was", () => {
    const entries = window.history.length
    type("ink")
    clock.pass(1)
    fire(field("q"), "change")
    assert.equal(submit(), true)
    assert.deepEqual([window.history.length - entries, search()], [1, "?tab=2&q=ink&size=m&sort=title"])
    return new Promise((done) => {
      window.addEventListener("popstate", () => done(assert.equal(search(), "?tab=2")))
      window.history.back()
    })
  })

  test("that is sent after a pause again and again goes back one by one", async () => {
    for (const text of ["ink", "pen"]) {
      type(text)
      clock.pass(1)
      submit()
    }
    await new Promise((done) => {
      window.addEventListener("popstate", done, {once: true})
      window.history.back()
    })
    assert.equal(search(), "?tab=2&q=ink&size=m&sort=title")
  })

  test("that is typed in replaces the entry, and keeps its state", () => {
    window.history.replaceState({turbo: 1}, "")
    const entries = window.history.length
    type("ink")
    clock.pass(1)
    assert.deepEqual([window.history.length - entries, window.history.state], [0, {turbo: 1}])
  })

  test("takes the value of the button, and goes on with it", () => {
    submit(form.querySelector("button"))
    assert.deepEqual([changes.at(-1).sort, field("sort").value], ["-title", "-title"])
    type("ink")
    clock.pass(1)
    assert.deepEqual([changes.at(-1), search()], [{...PARAMS, q: "ink", sort: "-title"}, "?tab=2&q=ink&size=m&sort=-title"])
  })

  test("follows the address back", () => {
    type("ink")
    submit(form.querySelector("button"))
    go("?tab=2")
    assert.deepEqual([field("q").value, field("sort").value, field("size").checked], ["", "title", false])
    assert.deepEqual([changes.at(-1), search()], [PARAMS, "?tab=2"])
    go("?tab=2&q=pen&state=open&mine=1&size=s&sort=-title")
    assert.deepEqual(changes.at(-1), {...PARAMS, q: "pen", state: "open", mine: "1", size: "s", sort: "-title"})
    assert.equal(field("mine").checked, true)
  })

  test("that is reset changes them back", () => {
    type("ink")
    clock.pass(1)
    form.reset()
    clock.pass(0)
    assert.deepEqual(changes.at(-1), PARAMS)
  })

  test("shows at its field why the server refuses one, and leaves the focus where it is", () => {
    field("q").focus()
    type("ink")
    clock.pass(1)
    container.answer(new RealtimeError(4213, "No.", {details: {state: ["Choose another one."]}}))
    const place = form.querySelector("[data-live-error=state]")
    assert.deepEqual([place.textContent, field("state").getAttribute("aria-invalid"), document.activeElement], ["Choose another one.", "true", field("q")])
    container.answer(null)
    assert.deepEqual([place.textContent, field("state").hasAttribute("aria-invalid")], ["", false])
  })

  test("shows a refusal that is of no field at its end", () => {
    type("ink")
    clock.pass(1)
    container.answer(new RealtimeError(4214, "No.", {details: {project: ["Another project."]}}))
    assert.equal(form.lastElementChild.textContent, "No.")
  })

  test("is sent by the browser where the page has no such list, or only a refused one", () => {
    container.state = "refused"
    assert.deepEqual([submit(), changes], [false, []])
    container = null
    assert.equal(submit(), false)
  })

  test("is sent by the browser with a button that sends it elsewhere", () => {
    for (const attribute of ["formaction", "formmethod", "formtarget"]) {
      form.querySelector("#go").setAttribute(attribute, "x")
      assert.deepEqual([submit(), changes], [false, []])
      form.querySelector("#go").removeAttribute(attribute)
    }
  })

  test("announces why the server refuses a value, once", () => {
    type("ink")
    clock.pass(1)
    const error = new RealtimeError(4213, "No.", {details: {q: ["Longer."]}})
    container.answer(error)
    const place = form.querySelector("[data-live-error=q]")
    const text = place.firstChild
    container.answer(error)
    assert.deepEqual([place.getAttribute("role"), place.firstChild === text], ["alert", true])
  })

  test("leaves a refused value out of the address: a reload would be a bad request", () => {
    type("ink")
    clock.pass(1)
    container.params = {...PARAMS, q: "pen"}
    container.answer(new RealtimeError(4213, "No.", {details: {q: ["Longer."]}}))
    assert.deepEqual([search(), field("q").value], ["?tab=2&size=m&sort=title&q=pen", "ink"])
  })

  test("does not follow an address of which only the fragment differs", () => {
    type("ink")
    clock.pass(1)
    field("sort").value = "done"
    go(`${search()}#main`)
    go(`${search()}#top`)
    assert.equal(changes.length, 1)
    go("?tab=2#top")
    assert.equal(changes.length, 2)
  })

  test("leaves alone what the page's own code has stopped", () => {
    form.addEventListener("submit", (event) => event.preventDefault())
    submit()
    assert.deepEqual(changes, [])
  })
})

describe("a form", () => {
  test("without the attribute, with another method or in foreign markup changes nothing", () => {
    for (const options of [{attributes: 'method="post"'}, {around: (html) => `<div data-live-ignore>${html}</div>`}]) {
      open(options)
      type("ink")
      submit()
      clock.pass(1)
      assert.deepEqual(changes, [])
    }
    open()
    form.removeAttribute("data-live-for")
    type("ink")
    clock.pass(1)
    assert.deepEqual(changes, [])
  })

  test("is found by its own name neither in the document nor elsewhere", () => {
    open({attributes: 'name="form"'})
    fire(document, "change")
    clock.pass(1)
    assert.deepEqual(changes, [])
  })

  test("may name several streams", () => {
    open()
    form.setAttribute("data-live-for", "notes tasks")
    type("ink")
    clock.pass(1)
    assert.equal(changes.length, 1)
  })

  test("counts what was typed before, and what the browser has restored", () => {
    open({before: () => (field("q").value = "ink")})
    assert.deepEqual([changes.map(({q}) => q), search()], [["ink"], "?tab=2&q=ink&size=m&sort=title"])
    open()
    assert.deepEqual(changes, [])
    field("q").value = "pen"
    window.dispatchEvent(new window.PageTransitionEvent("pageshow", {persisted: false}))
    assert.deepEqual(changes.map(({q}) => q), ["pen"])
  })

  test("whose field the address named at first has it empty where it names it no more", () => {
    open({fields: '<input name="q" value="ink"><input type="hidden" name="sort" value="title">', url: "https://example.org/?q=ink&sort=title"})
    go("?")
    assert.deepEqual([field("q").value, field("sort").value], ["", ""])
  })

  test("does not take fields of rows that stand in it for its own", () => {
    open({fields: '<input name="q" value=""><ul data-live="tasks"><li data-live-key="1"><input name="title" value="Milk"></li></ul>'})
    fire(document.querySelector("[name=title]"), "change")
    clock.pass(1)
    assert.deepEqual(changes, [])
    type("ink")
    clock.pass(1)
    assert.deepEqual([changes.at(-1).title, search()], [undefined, "?tab=2&q=ink"])
  })

  test("takes no field or button of foreign markup that names it", () => {
    const foreign = `<div data-live-ignore>
      <input form="f" name="q" value="theirs"><input form="f" name="project" value="8"><button form="f" name="project" value="9">Win</button></div>`
    open({attributes: 'id="f"', around: (html) => html + foreign})
    const [q, project] = document.querySelectorAll("[data-live-ignore] input")
    for (const each of [q, project]) {
      fire(each, "input")
      fire(each, "change")
    }
    clock.pass(1)
    assert.deepEqual([submit(document.querySelector("[data-live-ignore] button")), changes], [false, []])
    type("ink")
    clock.pass(1)
    assert.deepEqual(changes, [{...PARAMS, q: "ink"}])
    go("?tab=2&q=pen&project=5")
    assert.deepEqual([q.value, changes.at(-1).project], ["theirs", 7])
  })

  test("does not take the value of a row's field that has the name of its own", () => {
    open({fields: '<input name="q" value=""><ul data-live="tasks"><li data-live-key="1"><input name="q" value="Milk"></li></ul>'})
    type("ink")
    clock.pass(1)
    assert.equal(changes.at(-1).q, "ink")
  })

  test("may have fields elsewhere in the page", () => {
    open({attributes: 'id="f"', around: (html) => `${html}<input name="least" form="f">`})
    const least = document.querySelector("[name=least]")
    least.value = "3"
    fire(least, "change")
    clock.pass(0)
    assert.equal(changes.at(-1).least, "3")
  })
})

describe("several values of one name", () => {
  const BOXES = `
    <input type="checkbox" name="tags" value="ink"><input type="checkbox" name="tags" value="pen"><input type="checkbox" name="tags" value="">
    <select name="owners" multiple><option value="3">Ada<option value="5">Ben<option value="8" disabled>Cyd</select>
    <input name="words"><input name="words"><input type="hidden" name="words" value="">
    <button name="tags" value="nib">Nib</button><input name="q" value="">`
  const LISTS = {tags: ["ink"], owners: [3, 5], words: [], q: ""}

  beforeEach(() => {
    open({fields: BOXES, url: "https://example.org/?tags=ink&owners=3&owners=5"})
    container.params = LISTS
    tags("ink")
    owners("3", "5")
  })

  const tags = (...values) => form.querySelectorAll("input[name=tags]").forEach((box) => (box.checked = values.includes(box.value)))
  const owners = (...values) => [...field("owners").options].forEach((option) => (option.selected = values.includes(option.value)))
  const checked = () => [...form.querySelectorAll("input[name=tags]")].filter((box) => box.checked).map(({value}) => value)
  const chosen = () => [...field("owners").selectedOptions].map(({value}) => value)

  test("are a list where the parameter is one, and stay as they are if they are the same", () => {
    type("x")
    clock.pass(1)
    assert.deepEqual([changes, search()], [[{...LISTS, q: "x"}], "?tags=ink&owners=3&owners=5&q=x"])
    tags("ink", "pen", "")
    owners("5", "8")
    choose("owners")
    assert.deepEqual([changes[1], search()], [{...LISTS, tags: ["ink", "pen"], owners: ["5"], q: "x"}, "?tags=ink&tags=pen&owners=5&q=x"])
  })

  test("may be none", () => {
    tags()
    owners()
    choose("owners")
    assert.deepEqual([changes, search()], [[{...LISTS, tags: [], owners: []}], ""])
  })

  test("have the value of the button that was pressed as one more", () => {
    submit(form.querySelector("button"))
    assert.deepEqual([changes[0].tags, search()], [["ink", "nib"], "?tags=ink&tags=nib&owners=3&owners=5"])
  })

  test("of text fields are in their order", () => {
    const [one, two] = form.querySelectorAll("[name=words]")
    two.value = "b"
    one.value = "a"
    choose("words")
    assert.deepEqual([changes[0].words, search()], [["a", "b"], "?tags=ink&owners=3&owners=5&words=a&words=b"])
    go("?words=c&words=d&words=e")
    assert.deepEqual([...form.querySelectorAll("[name=words]")].map(({value}) => value), ["c", "d", "e"])
    assert.deepEqual([checked(), chosen(), changes.at(-1)], [[""], [], {tags: [], owners: [], words: ["c", "d", "e"], q: ""}])
  })

  test("follow the address", () => {
    go("?tags=pen&tags=ink&owners=5&q=x")
    assert.deepEqual([checked(), chosen(), changes], [["ink", "pen"], ["5"], [{...LISTS, tags: ["ink", "pen"], owners: ["5"], q: "x"}]])
    go("?tags=pen")
    assert.deepEqual([checked(), chosen(), changes.at(-1)], [["pen"], [], {...LISTS, tags: ["pen"], owners: []}])
  })

  test("that are refused leave the address with those of the list", () => {
    tags("pen")
    choose("owners")
    container.params = LISTS
    container.answer(new RealtimeError(4213, "No.", {details: {tags: ["Not this one."]}}))
    assert.equal(search(), "?owners=3&owners=5&tags=ink")
  })

  test("that are refused have one sentence behind the last label, not in it", () => {
    open({fields: '<label><input type="checkbox" name="tags" value="ink"> Ink</label><label><input type="checkbox" name="tags" value="pen"> Pen</label>'})
    container.params = {tags: []}
    choose("tags")
    container.answer(new RealtimeError(4213, "No.", {details: {tags: ["Not this one."]}}))
    assert.deepEqual([...form.children].map(({localName, textContent}) => [localName, textContent.trim()]), [["label", "Ink"], ["label", "Pen"], ["p", "Not this one."]])
    assert.equal(form.querySelectorAll("[aria-invalid][aria-describedby]").length, 2)
  })

  test("of a parameter that takes one are the last, as in request.GET", () => {
    container.params = {...LISTS, tags: "ink", owners: null}
    tags("ink", "pen")
    choose("owners")
    assert.deepEqual([changes[0].tags, changes[0].owners, search()], ["pen", "5", "?tags=pen&owners=5"])
  })

  test("may be named like members of every object", () => {
    open({fields: '<input name="constructor"><input name="__proto__"><input type="checkbox" name="toString" value="1">'})
    field("constructor").value = "x"
    choose("constructor")
    assert.equal(search(), "?tab=2&constructor=x")
    go("?constructor=y")
    assert.equal(field("constructor").value, "y")
  })
})

describe("two forms for one list", () => {
  let least

  beforeEach(() => {
    open({around: (html) => `${html}<form data-live-for="tasks" id="least"><input name="least"></form>`})
    const other = document.querySelector("#least [name=least]")
    least = {
      field: other,
      type(text) {
        other.value = text
        fire(other, "input")
        clock.pass(1)
      },
      get sentence() {
        return document.querySelector("#least [data-live-error=least]")?.textContent
      },
    }
  })

  const refusal = new RealtimeError(4213, "No.", {details: {least: ["Enter a whole number."]}})

  test("show a refusal at the field, whichever has changed the list last", () => {
    least.type("some")
    type("ink")
    clock.pass(1)
    container.answer(refusal)
    assert.deepEqual([least.sentence, form.querySelector("[data-live-error]")], ["Enter a whole number.", null])
  })

  test("take a sentence back once the list follows, whichever has changed it last", () => {
    least.type("some")
    container.params = PARAMS
    container.answer(refusal)
    type("ink")
    clock.pass(1)
    container.answer(null)
    assert.equal(least.sentence, "Enter a whole number.")
    least.type("3")
    type("inkwell")
    clock.pass(1)
    container.answer(null)
    assert.equal(least.sentence, "")
  })
})

test("a form shows why one of its lists does not follow, also if another one does", () => {
  const answers = []
  const lists = [1, 2].map(() => ({state: "live", params: PARAMS, change: (_params, answered) => void answers.push(answered)}))
  document = openPage('<form data-live-for="tasks"><input name="q"></form>', {url: "https://example.org/"})
  form = document.querySelector("form")
  new ParameterForms({document, containersOf: () => lists, after: () => () => {}, now: () => 0}).start()
  field("q").value = "ink"
  fire(form, "submit")
  const [first, second] = answers
  first(new RealtimeError(4213, "No.", {details: {q: ["Longer."]}}))
  second(null)
  assert.equal(form.querySelector("[data-live-error=q]").textContent, "Longer.")
})
