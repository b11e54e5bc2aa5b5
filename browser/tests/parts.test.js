import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {PART_ROWS, parts} from "../src/dom/parts.js"
import {bindPage} from "./support.js"

const names = (count, from = 0) => Array.from({length: count}, (_, index) => String(index + from))

describe("a change of many rows", () => {
  test("is one part as long as it is small", () => {
    const shown = names(5000)
    const wanted = ["new", "4999", ...shown.slice(0, -1).filter((key) => key !== "7")]
    assert.deepEqual([...parts(shown, wanted, new Map([["new", ""], ["9", ""]]))], [{keys: wanted, puts: ["new", "9"]}])
  })

  test("has parts of so many rows, each put once, in the order wanted", () => {
    const wanted = names(3 * PART_ROWS + 1)
    const found = [...parts([], wanted, new Map(wanted.map((key) => [key, ""])))]
    assert.deepEqual(found.map(({puts}) => puts.length), [PART_ROWS, PART_ROWS, PART_ROWS, 1])
    assert.deepEqual(found.flatMap(({puts}) => puts), wanted)
    assert.deepEqual(found.at(-1).keys, wanted)
  })

  test("has what is done in front, and what is still to be moved behind it", () => {
    const shown = names(2 * PART_ROWS)
    const [first, ...rest] = parts(shown, shown.toReversed(), new Map())
    const done = shown.slice(-PART_ROWS).reverse()
    assert.deepEqual(first.keys, [...done, ...shown.slice(0, PART_ROWS)])
    assert.deepEqual(rest.map(({keys}) => keys), [shown.toReversed()])
  })

  test("drops as many rows at a time as it adds", () => {
    const [shown, wanted] = [names(3 * PART_ROWS), names(PART_ROWS, 1000)]
    const found = [...parts(shown, wanted, new Map(wanted.map((key) => [key, ""])))]
    assert.deepEqual(found.map(({keys}) => keys.length), [3 * PART_ROWS, 2 * PART_ROWS, PART_ROWS])
  })

  test("is finished where there is nothing to do", () => {
    assert.deepEqual([...parts([], [], new Map())], [{keys: [], puts: []}])
    assert.deepEqual([...parts(["1"], ["1"], new Map())], [{keys: ["1"], puts: []}])
  })
})

describe("a long list", () => {
  const rows = 4 * PART_ROWS
  const last = String(rows - 1)
  const html = (key, text = key) => `<li class="row"><b>${text}</b> <input value="${key}"></li>`
  const put = (key, text) => ({key, row: html(key, text)})
  let document, server, page, told, moved, parsed

  function open(keys) {
    const children = keys.map((key) => html(key).replace("<li", `<li data-live-key="${key}"`)).join("")
    ;({document, server, page} = bindPage(`<ul data-live="tasks" data-live-token="t" data-live-cursor="e.1">${children}</ul>`))
    server.accept()
    server.subscribe()
    server.frame("e.1")
    told = []
    document.addEventListener("realtime:change", ({detail}) => told.push(detail))
    count()
  }

  /** Counts what is moved and inserted, and what is parsed. */
  function count() {
    moved = parsed = 0
    const {prototype} = document.defaultView.Node
    const {insertBefore} = prototype
    prototype.insertBefore = function (...args) {
      moved += 1
      return insertBefore.apply(this, args)
    }
    const inner = Object.getOwnPropertyDescriptor(document.defaultView.Element.prototype, "innerHTML")
    Object.defineProperty(document.defaultView.Element.prototype, "innerHTML", {
      ...inner,
      set(value) {
        parsed += 1
        inner.set.call(this, value)
      },
    })
  }

  const list = () => document.querySelector("ul")
  const keys = () => [...list().children].map((row) => row.dataset.liveKey)
  const frame = (delta) => server.frame("e.2", {query: 1, ...delta})
  const until = async (condition) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  beforeEach(() => open(names(rows)))

  test("moves the one row that has another place", () => {
    frame({puts: [{...put(last), after: null}]})
    assert.deepEqual([keys()[0], keys().length, moved, parsed], [last, rows, 1, 0])
  })

  test("parses none of the rows that a reset says again", () => {
    frame({reset: true, puts: names(rows).map((key) => put(key))})
    frame({reset: true, puts: names(rows).map((key) => put(key, key === "7" ? "seven" : key))})
    frame({reset: true, puts: names(rows).map((key) => put(key, key === "7" ? "seven" : key))})
    assert.deepEqual([moved, parsed, list().children[7].textContent.trim(), told.length], [0, 1, "seven", 3])
  })

  test("moves each row once when it is turned round, and tells of it when it is done", async () => {
    const wanted = names(rows).reverse()
    frame({order: wanted})
    await until(() => told.length)
    assert.deepEqual([keys(), moved, parsed, told.length], [wanted, rows - 1, 0, 1])
  })

  test("shows all of two changes, of which the second comes while the first is being shown", async () => {
    frame({puts: names(rows, 1000).map((key, index) => ({...put(key), ...(index ? {} : {after: last})}))})
    frame({drops: names(rows / 2, 1000), puts: [put("5", "five")].map((each) => ({...each, after: null}))})
    await until(() => told.at(-1)?.drops.length)
    assert.deepEqual(keys(), ["5", ...names(rows).filter((key) => key !== "5"), ...names(rows / 2, 1000 + rows / 2)])
    assert.equal(list().children[0].textContent.trim(), "five")
  })

  test("keeps all rows of a change that a second end of the pause shows sooner", async ({mock}) => {
    let [time, step] = [0, 20] // each part is a task
    mock.method(performance, "now", () => (time += step))
    page.pause()
    frame({puts: names(rows, 1000).map((key, index) => ({...put(key), ...(index ? {} : {after: null})}))})
    page.resume()
    step = 0 // all parts are one task, when the page notices the changed attribute
    for (let turn = 0; turn < 5; turn++) await null
    step = 20
    assert.equal(told.length, 1)
    await new Promise((resolve) => setTimeout(resolve, 200)) // for further tasks
    assert.deepEqual([keys(), told.length], [[...names(rows, 1000), ...names(rows)], 1])
  })

  test("keeps all rows of a change that is completed at once, because the list leaves the page", async ({mock}) => {
    let time = 0
    mock.method(performance, "now", () => (time += 20)) // each part is a task
    frame({puts: names(rows, 1000).map((key, index) => ({...put(key), ...(index ? {} : {after: null})}))})
    const element = list()
    element.remove()
    await new Promise((resolve) => setTimeout(resolve, 200)) // for further tasks
    assert.equal(element.children.length, 2 * rows)
  })

  test("shows at once that it may no longer be seen", () => {
    frame({puts: names(rows, 1000).map((key, index) => ({...put(key), ...(index ? {} : {after: last})}))})
    server.say({type: "refused", id: 1, code: 4214, reason: "No."})
    assert.deepEqual(keys(), [])
  })

  test("takes a field back to what the server says again, when an action has taken what was in it", () => {
    const field = list().children[3].querySelector("input")
    field.value = "mine"
    frame({reset: true, puts: names(rows).map((key) => put(key))})
    assert.deepEqual([field.value, parsed], ["mine", 1])
  })

  test("keeps what the page's own code has done when the server says the row again", async () => {
    const row = list().children[3]
    row.className = "row mine"
    frame({puts: [{...put("3"), after: "2"}]})
    frame({puts: [{...put("3", "three"), after: "2"}]})
    assert.deepEqual([row.className, row.textContent.trim()], ["row mine", "three"])
  })
})
