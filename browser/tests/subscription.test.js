import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {RealtimeError} from "../src/protocol/messages.js"
import {ResultSet} from "../src/data/result_set.js"
import {cases} from "./support.js"

const data = () => new ResultSet({stream: "tasks", params: {}, format: "data", cursor: null})
const page = (keys) => new ResultSet({token: "t", stream: "tasks", format: "html", cursor: "e.1"}, {keys, paint: () => true})

/** Numbers that look random, the same for the same seed. */
function randomOf(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function shuffled(items, random) {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = random(i + 1)
    ;[result[i], result[j]] = [result[j], result[i]]
  }
  return result
}

/** A delta from `before` to `after`, in one of the ways in which a server may say it. */
function deltaBetween(before, after, random) {
  const putsOf = (keys, place) => keys.map((key, index) => ({key, row: {id: key, version: after.get(key)}, ...place(key, index)}))
  const keys = [...after.keys()]
  const way = random(4)
  if (way === 0) return {reset: true, puts: putsOf(keys, () => ({}))}

  const changed = new Set(keys.filter((key) => before.get(key) !== after.get(key)))
  const drops = [...before.keys()].filter((key) => !after.has(key))
  const left = [...before.keys()].filter((key) => after.has(key))
  if (way === 1) {
    const puts = putsOf(shuffled(changed, random), () => ({}))
    return {drops, puts, order: keys}
  }
  // Rows that are not put keep their order: those that have moved are put too.
  let last = -1
  for (const key of keys) {
    const at = left.indexOf(key)
    if (at < 0 || changed.has(key)) continue
    if (at < last) changed.add(key)
    else last = at
  }
  const puts = putsOf(keys.filter((key) => changed.has(key)), (key) => ({after: keys[keys.indexOf(key) - 1] ?? null}))
  if (way === 2) return {drops, puts}
  return {
    drops,
    puts: puts.map(({after, ...put}, index) => (after === (puts[index - 1]?.key ?? null) ? put : {...put, after})),
  }
}

describe("deltas", () => {
  for (const {name, keys, deltas, result} of cases("deltas")) {
    test(name, () => {
      const resultSet = page([])
      resultSet.apply([{query: 1, puts: keys.map((key) => ({key, row: key}))}], {fresh: true})
      resultSet.commit()
      const fits = resultSet.apply(deltas, {fresh: false})
      if (fits) resultSet.commit()
      assert.deepEqual(fits ? [...resultSet.keys] : null, result)
    })
  }

  test("any sequence of deltas leads to the rows that the server has", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomOf(seed)
      const resultSet = data()
      let truth = new Map()
      for (let version = 1; version <= 20; version++) {
        const kept = [...truth].filter(() => random(5) > 0).map(([key, old]) => [key, random(3) ? old : version])
        const added = Array.from({length: random(4)}, () => [String(random(30)), version])
        const next = new Map(random(2) ? shuffled([...kept, ...added], random) : [...kept, ...added])
        const delta = deltaBetween(truth, next, random)
        truth = next
        assert.ok(resultSet.apply([delta], {fresh: false}), `seed ${seed}: ${JSON.stringify(delta)}`)
        resultSet.commit()
        const expected = [...truth].map(([id, version]) => ({id, version}))
        assert.deepEqual([...resultSet.rows], expected, `seed ${seed}: ${JSON.stringify(delta)}`)
      }
    }
  })
})

describe("patches", () => {
  test("a row as data gets its new fields, in a new object", () => {
    const resultSet = data()
    resultSet.apply([{query: 1, puts: [{key: "1", row: {a: 1, b: 2}}]}], {fresh: true})
    resultSet.commit()
    const [before] = resultSet.rows
    assert.ok(resultSet.apply([{query: 1, patches: {1: {set: {b: 3}}}}], {fresh: false}))
    const {puts} = resultSet.commit()
    assert.deepEqual([before, [...resultSet.rows], [...puts]], [{a: 1, b: 2}, [{a: 1, b: 3}], [["1", {a: 1, b: 3}]]])
  })

  test("a row that the page has from its first render has no version that a patch fits", () => {
    const resultSet = page(["1"])
    assert.equal(resultSet.apply([{query: 1, patches: {1: [0]}}], {fresh: false}), false)
  })

  test("a row as HTML is patched as the server sent it last, however often", () => {
    const resultSet = page(["1"])
    const frame = (delta) => {
      const fits = resultSet.apply([{query: 1, ...delta}], {fresh: false})
      return fits && [...resultSet.commit().puts]
    }
    frame({puts: [{key: "1", row: "<li>a</li>"}]})
    assert.deepEqual(frame({patches: {1: [574949015, 5, 0, "b"]}}), [["1", "<li>ab</li>"]])
    assert.deepEqual(frame({puts: [{key: "1"}]}), [])
    assert.deepEqual(frame({order: ["1"], patches: {1: [1, 6, 0, "c"]}}), false)
  })
})

describe("snapshots", () => {
  test("rows are not there before the first commit", () => {
    const resultSet = data()
    resultSet.apply([{query: 1, puts: [{key: "1", row: {id: 1}}]}], {fresh: true})
    assert.deepEqual([resultSet.rows.length, resultSet.filled], [0, false])
  })

  test("a snapshot never changes", () => {
    const resultSet = data()
    resultSet.apply([{query: 1, puts: [{key: "1", row: {id: 1}}]}], {fresh: true})
    resultSet.commit()
    const {rows} = resultSet
    resultSet.apply([{query: 1, drops: ["1"]}], {fresh: false})
    resultSet.commit()
    assert.deepEqual([rows, Object.isFrozen(rows), [...resultSet.rows]], [[{id: 1}], true, []])
  })

  test("a frame without a change keeps the snapshot", () => {
    const resultSet = data()
    resultSet.apply([], {fresh: true})
    resultSet.commit()
    const {rows} = resultSet
    resultSet.apply([], {fresh: false})
    assert.deepEqual([resultSet.commit(), resultSet.rows === rows], [null, true])
  })

  test("rows that did not change keep their identity", () => {
    const resultSet = data()
    resultSet.apply([{query: 1, puts: [{key: "1", row: {id: 1}}, {key: "2", row: {id: 2}}]}], {fresh: true})
    resultSet.commit()
    const [first] = resultSet.rows
    resultSet.apply([{query: 1, puts: [{key: "2", row: {id: 2, done: true}, after: "1"}]}], {fresh: false})
    resultSet.commit()
    assert.equal(resultSet.rows[0], first)
  })

  test("a change names what was put and dropped in all deltas of a frame", () => {
    const resultSet = page(["1", "2"])
    resultSet.apply([{query: 1, drops: ["1"]}, {query: 1, puts: [{key: "3", row: "c", after: "2"}]}], {fresh: false})
    assert.deepEqual(resultSet.commit(), {puts: new Map([["3", "c"]]), drops: ["1"], reset: false})
  })

  test("a row that was put and dropped again in one frame is in neither", () => {
    const resultSet = page(["1"])
    resultSet.apply([{query: 1, puts: [{key: "3", row: "c", after: "1"}]}, {query: 1, drops: ["3"]}], {fresh: false})
    assert.deepEqual(resultSet.commit(), {puts: new Map(), drops: [], reset: false})
  })

  test("deltas that did not fit leave the snapshot, and a fresh start replaces it", () => {
    const resultSet = page(["1", "2"])
    resultSet.apply([{query: 1, drops: ["1"], puts: [{key: "3", row: "c", after: "9"}]}], {fresh: false})
    const before = [...resultSet.keys]
    resultSet.apply([{query: 1, puts: [{key: "5", row: "e"}]}], {fresh: true})
    resultSet.commit()
    assert.deepEqual([before, [...resultSet.keys]], [["1", "2"], ["5"]])
  })

  test("a row that the server could not make keeps its place and is left out of the rows", () => {
    const resultSet = data()
    const puts = ["1", "2", "3"].map((key) => ({key, row: key === "2" ? null : {id: key}}))
    resultSet.apply([{query: 1, reset: true, puts}], {fresh: true})
    resultSet.commit()
    assert.deepEqual([[...resultSet.keys], [...resultSet.rows]], [["1", "2", "3"], [{id: "1"}, {id: "3"}]])
    resultSet.apply([{query: 1, puts: [{key: "2", row: {id: "2"}, after: "1"}]}], {fresh: false})
    resultSet.commit()
    assert.deepEqual([...resultSet.rows], [{id: "1"}, {id: "2"}, {id: "3"}])
  })

  test("a refusal empties the rows and says why", () => {
    const resultSet = page(["1", "2"])
    const error = new RealtimeError(4214, "No.")
    const change = resultSet.refuse(error)
    assert.deepEqual([change.drops, [...resultSet.keys], resultSet.error], [["1", "2"], [], error])
  })
})

describe("a live text in a row of the page", () => {
  test("does not make permanent what a call is expected to do", () => {
    const painted = new Map([["7", '<p data-live-text="text">saved</p>']])
    /** @type {(keys: any, change: any) => boolean} */
    const paint = (_, {puts}) => {
      for (const [key, row] of puts) painted.set(key, row)
      return true
    }
    const expect = (rows, call, id) => call(rows, id)
    const read = () => new Map(painted)
    const resultSet = new ResultSet({token: "t", stream: "tasks", format: "html", cursor: "e.1"}, {keys: ["7"], paint, read, expect})
    const show = (change) => change && paint(resultSet.shownKeys, change)

    show(resultSet.expect("call", (rows) => rows.map(([key, row]) => [key, row.replace("<p", '<p class="done"')])))
    assert.equal(painted.get("7"), '<p class="done" data-live-text="text">saved</p>')
    resultSet.texts.add("7", "text", 5, ", more")
    show(resultSet.showText("7"))
    assert.equal(painted.get("7"), '<p class="done" data-live-text="text">saved, more</p>')
    show(resultSet.removeExpectation("call"))
    assert.equal(painted.get("7"), '<p data-live-text="text">saved, more</p>')
  })
})
