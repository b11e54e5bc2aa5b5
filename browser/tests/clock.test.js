import assert from "node:assert/strict"
import {test} from "node:test"
import {newClock} from "../src/connection/clock.js"

let wall = 1_000_000
let steady = 5

const clock = newClock({wall: () => wall, steady: () => steady})

function pass(milliseconds, {sleeps = false, set = 0} = {}) {
  const before = clock()
  wall += milliseconds + set
  if (!sleeps) steady += milliseconds
  return clock() - before
}

test("time passes", () => assert.equal(pass(1500), 1.5))
test("time passes while the device sleeps", () => assert.equal(pass(60_000, {sleeps: true}), 60))
test("it does not go back when the time of day is set back, and goes on from there", () => {
  assert.equal(pass(2000, {set: -3_600_000}), 2)
  assert.equal(pass(2000), 2)
})
