import assert from "node:assert/strict"
import {afterEach, beforeEach, describe, test} from "node:test"
import {Connection} from "../src/connection/connection.js"
import {LiveQueries} from "../src/data/live_query.js"
import {Monitor} from "../src/connection/reconnect.js"
import {Clock, Server, openPage, settled} from "./support.js"

let server, queries, connection, tasks

beforeEach(() => {
  server = new Server()
  const monitor = new Monitor({clock: new Clock(), window: new EventTarget(), document: new EventTarget()})
  connection = new Connection({monitor, newTransport: server.newTransport, report: (error) => { throw error }})
  queries = new LiveQueries(connection)
  tasks = queries.open("tasks", {project: 7})
})

const fill = (...titles) => {
  const [{id}] = server.subscribe()
  const puts = titles.map((title, index) => ({key: `${index}`, row: {title}}))
  server.frame("e.1", {query: id, reset: true, puts})
  return id
}
const connect = () => {
  connection.connect("ws://host/")
  server.accept()
}

describe("a store", () => {
  test("sees rows, state and error together", () => {
    assert.deepEqual(tasks.store.getSnapshot(), {rows: [], state: null, error: null})
    connect()
    fill("one")
    assert.deepEqual(tasks.store.getSnapshot(), {rows: [{title: "one"}], state: "live", error: null})
  })

  test("sees the same object until something has changed", () => {
    connect()
    const id = fill("one")
    const before = tasks.store.getSnapshot()
    server.say({type: "heartbeat", cursors: {0: "e.2"}})
    assert.equal(tasks.store.getSnapshot(), before)
    server.frame("e.3", {query: id, puts: [{key: "0", row: {title: "two"}}]})
    assert.notEqual(tasks.store.getSnapshot(), before)
    assert.deepEqual(before.rows, [{title: "one"}])
  })

  test("is not to be changed", () => {
    connect()
    fill("one")
    assert.throws(() => (tasks.store.getSnapshot().state = "offline"), TypeError)
    assert.throws(() => tasks.store.getSnapshot().rows.push({}), TypeError)
  })

  test("tells of the state too, and of nothing twice", () => {
    const told = []
    tasks.store.subscribe(({rows, state}) => told.push([rows.length, state]))
    connect()
    fill("one", "two")
    server.say({type: "heartbeat", cursors: {0: "e.2"}})
    server.cut()
    assert.deepEqual(told.map(String), ["0,connecting", "0,catching-up", "2,catching-up", "2,live", "2,offline"])
  })

  test("says why it was refused", () => {
    connect()
    const [{id}] = server.received().filter(({type}) => type === "subscribe")
    server.say({type: "refused", id, code: 4214, reason: "Not you."})
    const {rows, state, error} = tasks.store.getSnapshot()
    assert.deepEqual([rows, state, error.message], [[], "refused", "Not you."])
  })

  test("tells nobody who has left, or whose live query is closed", () => {
    const told = []
    const end = tasks.store.subscribe(() => told.push("left"))
    tasks.store.subscribe(() => told.push("closed"))
    end()
    tasks.close()
    connect()
    assert.deepEqual(told, [])
  })

  test("of a live value has the value", () => {
    const open = queries.openValue("tasks", {project: 7}, "open")
    connect()
    const asked = server.subscribe()
    server.frame("e.1", {query: asked[1].id, puts: [{key: "open", row: 3}]}, {query: asked[0].id, reset: true})
    assert.deepEqual(open.store.getSnapshot(), {value: 3, state: "live", error: null})
  })
})

describe("a list", () => {
  let list, clock

  beforeEach(() => {
    tasks.close()
    server = new Server()
    clock = new Clock()
    const monitor = new Monitor({clock, window: new EventTarget(), document: new EventTarget()})
    connection = new Connection({monitor, newTransport: server.newTransport, report: (error) => { throw error }})
    list = new LiveQueries(connection).openList("tasks", {project: 7})
    connect()
  })

  const requested = () => server.subscribe().map(({id, params, format}) => ({id, params, format}))
  const rows = (start, stop) => Array.from({length: stop - start}, (_, index) => ({key: `${start + index}`, row: {title: `${start + index}`}}))
  const begin = (total) => {
    const [extent, page] = requested()
    server.frame("e.1", {query: page.id, reset: true, puts: rows(0, 10)}, {query: extent.id, reset: true, puts: [{key: "extent", row: {total, size: 10}}]})
    return extent.id
  }

  test("has the first page and the number of all rows", () => {
    assert.deepEqual([list.total, list.start], [undefined, 0])
    begin(10000)
    const {rows: shown, start, total, state, error} = list.store.getSnapshot()
    assert.deepEqual([shown.length, start, total, state, error], [10, 0, 10000, "live", null])
  })

  test("loads the pages of a range, and keeps the rows before until then", () => {
    const seen = []
    list.store.subscribe(({rows, start, total}) => seen.push([rows[0]?.title, rows.length, start, total]))
    begin(10000)
    list.range(4995, 5015)
    const [{id, params}] = requested()
    assert.deepEqual([params, list.start, list.rows.length], [{project: 7, window: "4990:5020"}, 0, 10])
    server.frame("e.2", {query: id, reset: true, puts: rows(4990, 5020)})
    assert.deepEqual(seen.at(-1), ["4990", 30, 4990, 10000])
    assert.equal(seen.some(([title, , start]) => title && Number(title) !== start), false)
  })

  test("requests nothing for a range of the same pages, nor for one that is left at once", () => {
    begin(100)
    list.range(2, 9)
    assert.deepEqual(requested(), [])
    list.range(15, 18)
    list.range(25, 28)
    list.range(91, 99)
    assert.deepEqual(requested().map(({params}) => params.window), ["10:20"])
    clock.pass(2)
    assert.deepEqual(requested().map(({params}) => params.window), ["90:100"])
  })

  test("waits with a range for the number of rows on a page, and takes one without rows as a page", () => {
    list.range(31, 31)
    begin(100)
    assert.deepEqual(requested().map(({params}) => params.window), ["30:40"])
    list.range(-5, NaN)
    clock.pass(2)
    assert.deepEqual(requested().map(({params}) => params.window), ["0:10"])
  })

  test("follows its number of rows, and other parameters change it too", () => {
    const seen = []
    list.store.subscribe(({total}) => seen.push(total))
    const id = begin(100)
    server.frame("e.2", {query: id, puts: [{key: "extent", row: {total: 101, size: 10}}]})
    assert.equal(seen.at(-1), 101)
    list.set({q: "ink"})
    assert.deepEqual(requested().map(({params, format}) => [params, format]), [[{project: 7, q: "ink"}, "data"], [{project: 7, q: "ink"}, "value:extent"]])
  })

  test("ends both with the last use", () => {
    begin(100)
    list.close()
    assert.equal(server.received().filter(({type}) => type === "unsubscribe").length, 2)
  })
})

describe("in a framework", () => {
  let document

  beforeEach(() => {
    document = openPage('<div id="app"></div>')
    for (const name of ["SVGElement", "MathMLElement", "HTMLIFrameElement", "navigator"]) {
      Object.defineProperty(globalThis, name, {value: window[name], configurable: true})
    }
  })

  afterEach(() => delete globalThis.IS_REACT_ACT_ENVIRONMENT)

  const text = () => document.getElementById("app").textContent

  test("React shows rows and state", async () => {
    globalThis.IS_REACT_ACT_ENVIRONMENT = true
    const {act, createElement, useSyncExternalStore, StrictMode} = await import("react")
    const {createRoot} = await import("react-dom/client")
    let renders = 0
    function Tasks() {
      const {rows, state} = useSyncExternalStore(tasks.store.subscribe, tasks.store.getSnapshot)
      renders += 1
      return createElement("p", null, `${state}: ${rows.map(({title}) => title)}`)
    }
    const root = createRoot(document.getElementById("app"))
    await act(async () => root.render(createElement(StrictMode, null, createElement(Tasks))))
    assert.equal(text(), "null: ")

    await act(async () => (connect(), fill("one", "two")))
    assert.equal(text(), "live: one,two")

    const before = renders
    await act(async () => server.say({type: "heartbeat", cursors: {0: "e.2"}}))
    assert.equal(renders, before)
    await act(async () => server.cut())
    assert.equal(text(), "offline: one,two")
    await act(async () => root.unmount())
  })

  test("React takes the live query itself, for its rows alone", async () => {
    globalThis.IS_REACT_ACT_ENVIRONMENT = true
    const {act, createElement, useSyncExternalStore} = await import("react")
    const {createRoot} = await import("react-dom/client")
    const Tasks = () => useSyncExternalStore(tasks.subscribe, tasks.getSnapshot).map(({title}) => title).join()
    const root = createRoot(document.getElementById("app"))
    await act(async () => (connect(), fill("one"), root.render(createElement(Tasks))))
    assert.equal(text(), "one")
    await act(async () => root.unmount())
  })

  test("Vue shows rows and state, and leaves with its component", async () => {
    const {createApp, h, nextTick, onScopeDispose, shallowRef} = await import("vue")
    const useStore = (store) => {
      const seen = shallowRef(store.getSnapshot())
      onScopeDispose(store.subscribe((snapshot) => (seen.value = snapshot)))
      return seen
    }
    const app = createApp({
      setup() {
        const seen = useStore(tasks.store)
        return () => h("p", `${seen.value.state}: ${seen.value.rows.map(({title}) => title)}`)
      },
    })
    app.mount("#app")
    connect()
    fill("one", "two")
    await nextTick()
    assert.equal(text(), "live: one,two")

    const watching = connection.watchers.size
    app.unmount()
    await settled()
    assert.equal(connection.watchers.size, watching - 1)
  })
})
