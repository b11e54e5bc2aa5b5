import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {bindPage, settled} from "./support.js"

let document, page, server, reported

const container = (keys, attributes = 'data-live-token="t" data-live-cursor="e.1"') =>
  `<ul id="list" data-live="tasks" ${attributes}>${[...keys].map((key) => `<li data-live-key="${key}">${key}</li>`).join("")}</ul>`

const open = (html) => ({document, page, server, reported} = bindPage(html))

/** Opens a page with a list of two rows and a link to more; the server has accepted the connection. */
function openMore() {
  const list = container("12", `data-live-token="t" data-live-cursor="e.1" data-live-more="2" data-live-params='{"window": "0:2"}'`)
  open(list.replace("</ul>", '<li data-live-load><a href="?more=2">More</a></li></ul>'))
  server.accept()
}

/** Opens a page, and takes its containers to the present. */
function live(html) {
  open(html)
  server.accept()
  const asked = server.subscribe()
  server.frame("e.1")
  return asked
}

const list = () => document.getElementById("list")

describe("a page", () => {
  test("without containers does not connect", () => {
    open("<p></p>")
    assert.deepEqual([server.attempts.length, document.documentElement.hasAttribute("data-realtime")], [0, false])
  })

  test("asks for its containers with token and cursor", () => {
    assert.deepEqual(live(container("12")), [{type: "subscribe", id: 1, token: "t", cursor: "e.1"}])
  })

  test("shows the state of the connection", () => {
    const seen = []
    open(container("1"))
    document.addEventListener("realtime:state", ({detail}) => seen.push(detail))
    const shown = () => document.documentElement.getAttribute("data-realtime")
    assert.equal(shown(), "connecting")
    server.accept()
    server.subscribe()
    server.frame("e.1")
    assert.equal(shown(), "live")
    server.say({type: "bye", code: 4214, reason: "No."})
    assert.equal(shown(), "refused")
    assert.deepEqual(seen, [{state: "catching-up"}, {state: "live"}, {state: "refused", reason: "No.", code: 4214}])
  })

  test("whose containers are all refused says so, and why", () => {
    const seen = []
    live(container("1"))
    document.addEventListener("realtime:state", ({detail}) => seen.push(detail))
    server.say({type: "refused", id: 1, code: 4214, reason: "No."})
    assert.equal(document.documentElement.getAttribute("data-realtime"), "refused")
    assert.deepEqual(seen, [{state: "refused", reason: "No.", code: 4214}])
  })

  test("shows the state of each container", () => {
    open(container("1"))
    const states = [list().getAttribute("data-live-state")]
    server.accept()
    states.push(list().getAttribute("data-live-state"))
    server.subscribe()
    server.frame("e.1")
    states.push(list().getAttribute("data-live-state"))
    assert.deepEqual(states, ["connecting", "catching-up", "live"])
  })

  test("binds a container that is added later", async () => {
    live(container("1"))
    document.body.insertAdjacentHTML("beforeend", '<div><ul data-live="people" data-live-token="u" data-live-cursor="e.9"></ul></div>')
    await settled()
    assert.deepEqual(server.received(), [{type: "subscribe", id: 2, token: "u", cursor: "e.9"}])
  })

  test("leaves a container that is removed, and keeps its cursor for its return", async () => {
    live(container("1"))
    server.frame("e.2")
    const element = list()
    element.remove()
    await settled()
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}])
    document.body.append(element)
    await settled()
    assert.deepEqual(server.received(), [{type: "subscribe", id: 2, token: "t", cursor: "e.2"}])
  })

  test("sends the tag of a container's rows, and keeps the server's for its return", async () => {
    open(container("1", 'data-live-token="t" data-live-cursor="e.1" data-live-fingerprint="v1"'))
    server.accept()
    assert.deepEqual(server.subscribe("v2"), [{type: "subscribe", id: 1, token: "t", cursor: "e.1", fingerprint: "v1"}])
    server.frame("e.2", {query: 1, reset: true, puts: [{key: "2", row: "<li>2</li>"}]})
    const element = list()
    element.remove()
    await settled()
    assert.deepEqual([element.getAttribute("data-live-cursor"), element.getAttribute("data-live-fingerprint")], ["e.2", "v2"])
    document.body.append(element)
    await settled()
    assert.deepEqual(server.received().at(-1), {type: "subscribe", id: 2, token: "t", cursor: "e.2", fingerprint: "v2"})
  })

  test("keeps no cursor of a container whose rows have become void", async () => {
    open(container("1", 'data-live-token="t" data-live-cursor="e.1" data-live-fingerprint="v1"'))
    server.accept()
    server.subscribe("v2")
    const element = list()
    element.remove()
    await settled()
    assert.equal(element.hasAttribute("data-live-cursor"), false)
  })

  test("holds on to a container that is moved", async () => {
    live(container("1"))
    document.body.append(list())
    await settled()
    assert.deepEqual(server.received(), [])
  })

  test("unsubscribes a container that leaves, although its rows cannot be shown", async () => {
    live(container("1"))
    document.body.setAttribute("data-live-paused", "")
    server.frame("e.2", {query: 1, drops: ["1"]})
    list().children[0].remove = () => {
      throw new Error("broken")
    }
    list().remove()
    await settled()
    assert.deepEqual([server.received(), reported], [[{type: "unsubscribe", id: 1}], ["broken"]])
  })

  test("asks anew for a container that gets another token", async () => {
    live(container("1"))
    list().setAttribute("data-live-token", "u")
    await settled()
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}, {type: "subscribe", id: 2, token: "u", cursor: "e.1"}])
  })

  test("takes the cursor that comes with another token: the rows that came with it may be older", async () => {
    live(container("1"))
    server.frame("e.5")
    Object.assign(list().dataset, {liveToken: "u", liveCursor: "e.3"})
    await settled()
    assert.deepEqual(server.received().at(-1), {type: "subscribe", id: 2, token: "u", cursor: "e.3"})
  })

  test("ends all subscriptions of a list with more rows that gets another token and cursor", async () => {
    openMore()
    const asked = server.subscribe()
    server.frame("e.1")
    Object.assign(document.querySelector("ul").dataset, {liveToken: "u", liveCursor: "e.3"})
    await settled()
    const ended = server.received().flatMap(({type, id}) => (type === "unsubscribe" ? [id] : []))
    assert.deepEqual([asked.length, ended.sort()], [2, asked.map(({id}) => id)])
  })

  test("ends all subscriptions of a list with more rows that leaves, although its rows cannot be shown", async () => {
    openMore()
    const asked = server.subscribe()
    server.frame("e.1")
    document.body.setAttribute("data-live-paused", "")
    server.frame("e.2", {query: asked[1].id, drops: ["1"]})
    const element = document.querySelector("ul")
    element.children[0].remove = () => {
      throw new Error("broken")
    }
    element.remove()
    await settled()
    const ended = server.received().flatMap(({type, id}) => (type === "unsubscribe" ? [id] : []))
    assert.deepEqual([ended.sort(), element.dataset.liveState, reported], [asked.map(({id}) => id), undefined, ["broken"]])
  })

  test("reports a frame for two windows once, with the rows of both, also if one is too large for one task", async () => {
    openMore()
    const [peek, first] = server.subscribe()
    server.frame("e.1", {query: peek.id, puts: [{key: "3", row: "<li>3</li>", after: null}]})
    document.querySelector("a").click()
    const asked = server.subscribe()
    const second = asked.find(({params}) => params.window === "2:4")
    const many = (text) => Array.from({length: 200}, (_, index) => ({key: `n${index}`, row: `<li>${text}</li>`, after: index ? `n${index - 1}` : null}))
    server.frame("e.2", {query: second.id, puts: many("a")})
    const rows = () => document.querySelectorAll("[data-live-key]").length
    while (rows() < 202) await settled()
    const told = []
    document.querySelector("ul").addEventListener("realtime:change", ({detail}) => told.push(detail.puts.length))
    server.frame("e.3", {query: first.id, puts: [{key: "1", row: "<li>one</li>", after: null}]}, {query: second.id, puts: many("b")})
    while (!told.length) await settled()
    assert.deepEqual(told, [201])
  })

  test("binds nothing that the server has not signed", () => {
    open(container("1", `data-live-params='{"project": 7}' data-live-presence`))
    assert.deepEqual([server.attempts, reported], [[], [
      'The element with data-live="tasks" has no data-live-token: show it with {% live %}, or open it from a script with realtime.live().',
    ]])
  })

  test("binds nothing in foreign markup", () => {
    open(`<div data-live-ignore>${container("1", 'data-live-token="t" data-live-presence')}</div>`)
    assert.deepEqual([server.attempts, reported], [[], []])
  })

  test("reports parameters that are no JSON object", () => {
    open(container("", 'data-live-token="t" data-live-params="[7]"'))
    assert.deepEqual(reported, ["The attribute data-live-params must be a JSON object, not '[7]'."])
  })
})

test("a page in which Alpine has begun before says so", () => {
  const warned = []
  const {warn} = console
  console.warn = (text) => warned.push(text)
  try {
    const html = '<ul data-live="tasks" data-live-token="t"><li data-live-key="1" x-data="{}"></li></ul>'
    open(html)
    const {page} = bindPage(html)
    page.document.querySelector("li")._x_dataStack = [{}]
    page.start()
  } finally {
    console.warn = warn
  }
  assert.deepEqual(warned, [
    "Alpine changed live rows before realtime started: put {% realtime_script %} before Alpine's script, so that Alpine's changes are kept.",
  ])
})

describe("parameters of a container", () => {
  const PARAMS = `data-live-params='{"project":7,"q":""}'`
  const TOKEN = 'data-live-token="t" data-live-cursor="e.1" data-live-fingerprint="v1"'
  const keys = () => [...list().children].map((row) => row.dataset.liveKey).join("")
  const setParams = async (params) => {
    list().dataset.liveParams = JSON.stringify(params)
    await settled()
  }
  const row = (key) => ({key, row: `<li>${key}</li>`})

  test("that a script changes are asked for with the token, and the rows stay until the new ones are there", async () => {
    live(container("12", `${TOKEN} ${PARAMS}`))
    const second = list().children[1]
    await setParams({project: 7, q: "ink"})
    assert.deepEqual([keys(), list().dataset.liveState, document.documentElement.dataset.realtime], ["12", "catching-up", "live"])
    assert.deepEqual(server.subscribe("v2"), [{type: "subscribe", id: 2, token: "t", params: {project: 7, q: "ink"}}])
    server.frame("e.2", {query: 2, puts: [row("2"), row("3")]})
    assert.deepEqual([keys(), list().children[0] === second, list().dataset.liveState], ["23", true, "live"])
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 1}])
  })

  test("stand in its attribute as soon as their rows do, also where it leaves the page and returns", async () => {
    live(container("1", `${TOKEN} ${PARAMS}`))
    await setParams({project: 7, q: "ink"})
    server.subscribe("v2")
    server.frame("e.2", {query: 2, puts: [row("2")]})
    await settled()
    assert.deepEqual([JSON.parse(list().dataset.liveParams), list().hasAttribute("data-live-cursor")], [{project: 7, q: "ink"}, false])
    server.received()
    const element = list()
    element.remove()
    await settled()
    document.body.append(element)
    await settled()
    const asked = {type: "subscribe", id: 3, token: "t", params: {project: 7, q: "ink"}, cursor: "e.2", fingerprint: "v2"}
    assert.deepEqual(server.received(), [{type: "unsubscribe", id: 2}, asked])
  })

  test("are those of calls too, also before the server has accepted the returned container", async () => {
    live(container("1", `${TOKEN} ${PARAMS}`))
    await setParams({project: 7, q: "ink"})
    server.subscribe("v2")
    server.frame("e.2", {query: 2, puts: [row("2")]})
    const copy = list().cloneNode(true)
    list().replaceWith(copy)
    await settled()
    const {vouched, changed, params} = page.resultSetOf(copy).subscription
    assert.deepEqual([vouched, changed, params], [true, true, {project: 7, q: "ink"}])
  })

  test("go back to what is shown where the server refuses them", async () => {
    const errors = []
    live(container("1", `${TOKEN} ${PARAMS}`))
    list().addEventListener("realtime:error", ({detail}) => errors.push(detail.details))
    await setParams({project: 7, q: "ink"})
    server.received()
    server.say({type: "refused", id: 2, code: 4213, reason: "No.", details: {q: ["Not this."]}})
    assert.deepEqual([keys(), list().dataset.liveState, errors], ["1", "live", [{q: ["Not this."]}]])
    assert.deepEqual(JSON.parse(list().dataset.liveParams), {project: 7, q: ""})
    server.frame("e.2", {query: 1, puts: [{...row("4"), after: "1"}]})
    assert.equal(keys(), "14")
  })

  test("of a container that was refused show its rows again", async () => {
    live(container("1", `${TOKEN} ${PARAMS}`))
    server.say({type: "refused", id: 1, code: 4214, reason: "No."})
    await setParams({project: 8, q: ""})
    assert.deepEqual([document.documentElement.dataset.realtime, list().dataset.liveState], ["refused", "refused"])
    server.subscribe()
    server.frame("e.2", {query: 2, puts: [row("2")]})
    assert.deepEqual([document.documentElement.dataset.realtime, list().dataset.liveState, keys()], ["live", "live", "2"])
  })

  test("that are changed back before are left as they were", async () => {
    live(container("1", `${TOKEN} ${PARAMS}`))
    await setParams({project: 7, q: "ink"})
    await setParams({q: "", project: 7})
    assert.deepEqual(server.received().map(({type, id}) => [type, id]), [["subscribe", 2], ["unsubscribe", 2]])
    assert.equal(list().dataset.liveState, "live")
  })

  test("that come with another token are another container's", async () => {
    live(container("1", `${TOKEN} ${PARAMS}`))
    list().dataset.liveParams = '{"project":8}'
    list().dataset.liveToken = "u"
    await settled()
    assert.deepEqual(server.received().map(({token, params}) => [token, params]), [[undefined, undefined], ["u", undefined]])
  })

  test("that are no object are reported", async () => {
    live(container("1", `${TOKEN} ${PARAMS}`))
    list().dataset.liveParams = "ink"
    await settled()
    assert.deepEqual([reported, server.received()], [["The attribute data-live-params must be a JSON object, not 'ink'."], []])
  })

  test("are requested by name when the token has ended", async () => {
    live(container("1", `${TOKEN} ${PARAMS}`))
    await setParams({project: 7, q: "ink"})
    server.received()
    server.say({type: "refused", id: 2, code: 4100, reason: "Expired."})
    assert.deepEqual(server.received(), [{type: "subscribe", id: 3, stream: "tasks", params: {project: 7, q: "ink"}, format: "html"}])
  })

  test("tell listeners of the new rows once", async () => {
    const told = []
    live(container("1", `${TOKEN} ${PARAMS}`))
    list().addEventListener("realtime:change", ({detail}) => told.push(detail))
    await setParams({project: 7, q: "ink"})
    server.subscribe()
    server.frame("e.2", {query: 1, drops: ["1"]}, {query: 2, puts: [row("2")]})
    assert.deepEqual([keys(), told.at(-1)], ["2", {puts: ["2"], drops: [], reset: true}])
  })

  test("of a value change too", async () => {
    live(`<span id="list" data-live="tasks" data-live-format="value:count" ${TOKEN} ${PARAMS}>5</span>`)
    await setParams({project: 7, q: "ink"})
    server.subscribe()
    server.frame("e.2", {query: 2, puts: [{key: "count", row: 2}]})
    assert.equal(list().textContent, "2")
  })
})
