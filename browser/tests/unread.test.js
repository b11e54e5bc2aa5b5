import assert from "node:assert/strict"
import {test} from "node:test"
import {Connection} from "../src/connection/connection.js"
import {Unread} from "../src/data/unread.js"

/** A count over rows with these positions, the newest first, that moves the marker when `answer` is called. */
function opened(positions, marker = null) {
  const rows = positions.map((position) => ({position: String(position), owner: null}))
  const store = {subscribe: () => () => {}}
  const newest = {rows, keys: rows.map(({position}) => position), state: "live", error: null, store, subscribe: () => {}, close() {}}
  const own = {value: {position: marker, user: "7"}, state: "live", error: null, store, close() {}}
  const [timers, reported] = [[], []]
  const clock = {seconds: 100, now: () => clock.seconds}
  const monitor = {clock, after: (seconds, callback) => timers.push({seconds, callback})}
  const moves = []
  const move = (position) => new Promise((resolve, reject) => moves.push({position, resolve, reject}))
  const connection = new Connection({monitor: Object.assign(monitor, {start() {}}), newTransport() {}, report: (error) => reported.push(error.message)})
  const unread = new Unread({newest, isLoaded: () => true, marker: own, move, connection})
  const run = async () => {
    for (const {callback} of timers.splice(0)) callback()
    await new Promise(setImmediate)
  }
  return {unread, newest, own, moves, timers, clock, run, reported}
}

test("rows beyond the marker are unread, except the user's own", () => {
  const {unread, newest, own} = opened([9007199254740993n, 9007199254740992n, 3, 2], "2")
  assert.deepEqual(unread.keys, ["9007199254740993", "9007199254740992", "3"])
  newest.rows[2].owner = "7"
  own.value = {...own.value, position: "9007199254740992"}
  assert.equal(unread.count, 1)
})

test("the count is unknown until both are loaded", () => {
  const {unread, own} = opened([1])
  own.value = undefined
  assert.equal(unread.count, undefined)
})

test("what the page has seen counts at once, and is sent every two seconds at most", async () => {
  const {unread, moves, timers, run} = opened([3, 2, 1])
  const first = unread.markRead("1")
  assert.equal(unread.count, 2)
  assert.deepEqual(timers.map(({seconds}) => seconds), [0])
  await run()
  assert.deepEqual(moves.map(({position}) => position), ["1"])
  moves[0].resolve()
  await first
  unread.markRead("2")
  const last = unread.markRead("3")
  assert.deepEqual(timers.map(({seconds}) => seconds), [2])
  await run()
  moves[1].resolve()
  await last
  assert.deepEqual(moves.map(({position}) => position), ["1", "3"])
  assert.equal(unread.count, 0)
})

test("what has been seen already is not sent", async () => {
  const {unread, timers} = opened([3, 2], "3")
  await unread.markRead()
  await unread.markRead("unknown")
  assert.deepEqual(timers, [])
})

test("a refused move makes the rows unread again", async () => {
  const {unread, moves, run} = opened([2, 1])
  const marked = unread.markRead()
  let heard = 0
  unread.watch(() => (heard += 1))
  await run()
  moves[0].reject(new Error("no"))
  await assert.rejects(marked, /no/)
  assert.deepEqual([unread.count, heard], [2, 1])
})

test("a move that fails again and again is repeated after growing pauses", async () => {
  const {unread, moves, timers, clock, run} = opened([2, 1])
  const pauses = []
  for (const isRefused of [true, true, true, false, false]) {
    const marked = unread.markRead(isRefused ? "1" : unread.keys.at(-1))
    pauses.push(timers[0].seconds)
    clock.seconds += timers[0].seconds
    await run()
    moves.at(-1)[isRefused ? "reject" : "resolve"](new Error("no"))
    await marked.catch(() => {})
  }
  assert.deepEqual(pauses, [0, 4, 8, 16, 2])
})

test("a row is seen elsewhere if another page has moved the marker there", async () => {
  const {unread, own, run} = opened([3, 2, 1])
  unread.markRead("1") // without an answer
  await run()
  assert.equal(unread.isSeenElsewhere("2"), false)
  own.value = {position: "2", user: "7"}
  assert.deepEqual(["1", "2", "3"].map((key) => unread.isSeenElsewhere(key)), [false, true, false])
})

test("an error in a listener is reported, and stops neither the others nor the move", async () => {
  const {unread, moves, run, reported} = opened([2, 1])
  const counts = []
  unread.watch(() => {
    throw new Error("broken")
  })
  unread.subscribe((count) => counts.push(count))
  unread.markRead()
  await run()
  assert.deepEqual([counts, moves.map(({position}) => position), reported], [[2, 0], ["2"], ["broken"]])
})
