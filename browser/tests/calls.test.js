import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Calls} from "../src/connection/calls.js"
import {RealtimeError} from "../src/protocol/messages.js"
import {Clock} from "./support.js"

const TARGET = {stream: "tasks", params: {project: 7}, action: "toggle", args: {pk: 3}}

let clock, sent, calls, ended, changes

beforeEach(() => {
  clock = new Clock()
  sent = []
  changes = 0
  const after = (seconds, callback) => {
    const timer = clock.setTimeout(callback, seconds * 1000)
    return () => clock.clearTimeout(timer)
  }
  ended = []
  calls = new Calls({
    send: (text) => sent.push(JSON.parse(text)), after, now: clock.now, ended: (id) => ended.push(id), changed: () => (changes += 1),
  })
})

const reject = (promise, {code = null, name, message}) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof RealtimeError)
    assert.deepEqual([error.code, error.name, error.message], [code, name, message])
    return true
  })

describe("a call", () => {
  test("is sent at once on an open connection", () => {
    calls.opened()
    calls.call(TARGET)
    const [{id, ...message}] = sent
    assert.deepEqual(message, {type: "call", ...TARGET})
    assert.ok(id.length > 20 && id.length <= 64)
  })

  test("resolves with the result of its reply", async () => {
    calls.opened()
    const [first, second] = [calls.call(TARGET), calls.call(TARGET)]
    calls.reply({type: "reply", id: sent[1].id, result: {pk: 2}})
    calls.reply({type: "reply", id: sent[0].id, result: {pk: 1}})
    assert.deepEqual([await first, await second], [{pk: 1}, {pk: 2}])
  })

  test("rejects with code, name, sentence and details", async () => {
    calls.opened()
    const call = calls.call(TARGET)
    const details = {title: ["This field is required."]}
    calls.reply({type: "reply", id: sent[0].id, error: {code: 4216, reason: "Wrong arguments.", details}})
    await reject(call, {code: 4216, name: "invalid", message: "Wrong arguments."})
    await assert.rejects(call, {details})
  })

  test("waits for the connection, in order", () => {
    calls.call(TARGET)
    calls.call({...TARGET, action: "delete"})
    assert.deepEqual(sent, [])
    calls.opened()
    assert.deepEqual(sent.map(({action}) => action), ["toggle", "delete"])
  })

  test("is refused when a hundred wait", async () => {
    for (let i = 0; i < 100; i++) calls.call(TARGET, {timeout: Infinity})
    await reject(calls.call(TARGET), {
      name: "queue_full",
      message: "100 calls are already waiting for the connection. Try again when it is back.",
    })
  })

  test("is sent again, with its id, when the connection was lost before its reply", async () => {
    calls.opened()
    const call = calls.call(TARGET)
    calls.interrupted()
    assert.deepEqual([call.state, calls.waiting], ["waiting", 1])
    calls.opened()
    assert.deepEqual(sent[0], sent[1])
    calls.reply({type: "reply", id: call.id, result: 5})
    assert.equal(await call, 5)
  })

  test("that was answered is not sent again once a frame has named it", () => {
    calls.opened()
    const call = calls.call(TARGET)
    calls.reply({type: "reply", id: call.id, result: 5})
    calls.arrive([call.id])
    calls.interrupted()
    calls.opened()
    assert.equal(sent.length, 1)
  })

  test("that was answered is sent again while no frame has named it, and answers once", async () => {
    calls.opened()
    const call = calls.call(TARGET)
    calls.reply({type: "reply", id: call.id, result: 5})
    calls.interrupted()
    assert.deepEqual([call.state, calls.waiting], ["answered", 0])
    calls.opened()
    assert.equal(sent.length, 2)
    calls.reply({type: "reply", id: call.id, result: 6})
    assert.equal(await call, 5)
  })

  test("that was sent half an hour ago is not repeated, since the server may not know it any more", async () => {
    calls.opened()
    const call = calls.call(TARGET, {timeout: Infinity})
    calls.interrupted()
    clock.pass(1800)
    calls.opened()
    const message = "The call is too old to be retried. The action may or may not have run."
    await reject(call, {name: "outcome_unknown", message})
    assert.equal(sent.length, 1)
  })

  test("that was never sent is sent however late", () => {
    calls.call(TARGET, {timeout: Infinity})
    clock.pass(7200)
    calls.opened()
    assert.equal(sent.length, 1)
  })

  test("is settled when it is answered, its frame has come and all is live", async () => {
    calls.opened()
    const call = calls.call(TARGET)
    const states = [call.state]
    calls.reply({type: "reply", id: call.id, result: null})
    calls.settle()
    states.push(call.state)
    calls.arrive([call.id])
    calls.settle()
    await call.settled
    assert.deepEqual([...states, call.state], ["sent", "answered", "settled"])
    assert.deepEqual(ended, [call.id])
  })

  test("whose frame comes before its reply is settled with the reply", async () => {
    calls.opened()
    const call = calls.call(TARGET)
    calls.arrive([call.id])
    calls.settle()
    assert.equal(call.state, "sent")
    calls.reply({type: "reply", id: call.id, result: null})
    calls.settle()
    await call.settled
  })

  test("that is refused rejects both promises with one reason", async () => {
    calls.opened()
    const call = calls.call(TARGET)
    calls.reply({type: "reply", id: call.id, error: {code: 4219, reason: "It has changed.", version: "v2"}})
    await assert.rejects(call, {name: "stale", version: "v2"})
    await assert.rejects(call.settled, {name: "stale"})
    assert.deepEqual([call.state, ended], ["failed", [call.id]])
  })

  test("that is repeated for its effects and refused then is settled: it had its effects long ago", async () => {
    calls.opened()
    const call = calls.call(TARGET)
    calls.reply({type: "reply", id: call.id, result: null})
    calls.interrupted()
    calls.opened()
    calls.reply({type: "reply", id: call.id, error: {code: 4002, reason: "Too much."}})
    calls.settle()
    await call.settled
  })

  test("is not sent where it is stopped before", async () => {
    calls.opened()
    const before = () => {
      throw new RangeError("No.")
    }
    await assert.rejects(calls.call(TARGET, {before}), RangeError)
    assert.deepEqual(sent, [])
  })

  test("tells when it waits and when it waits no longer", () => {
    calls.call(TARGET).catch(() => {})
    assert.deepEqual([calls.waiting, changes], [1, 1])
    clock.pass(30)
    assert.deepEqual([calls.waiting, changes], [0, 2])
  })

  test("that waits outlives a lost connection", () => {
    calls.call(TARGET)
    calls.interrupted()
    calls.opened()
    assert.equal(sent.length, 1)
  })

  test("is given up after thirty seconds without a reply", async () => {
    calls.opened()
    const call = calls.call(TARGET)
    clock.pass(30)
    await reject(call, {name: "no_reply", message: "No reply within 30 seconds. The action may or may not have run."})
  })

  test("that waited too long is not sent", async () => {
    const call = calls.call(TARGET, {timeout: 5})
    clock.pass(5)
    calls.opened()
    await reject(call, {name: "no_reply", message: "No reply within 5 seconds. There was no connection, so the call was not sent."})
    assert.deepEqual(sent, [])
  })

  test("leaves no timer when it is answered", () => {
    calls.opened()
    calls.call(TARGET)
    calls.reply({type: "reply", id: sent[0].id, result: null})
    assert.equal(clock.pending, 0)
  })

  test("ignores a reply that comes too late", async () => {
    calls.opened()
    const call = calls.call(TARGET, {timeout: 1})
    clock.pass(1)
    calls.reply({type: "reply", id: sent[0].id, result: null})
    await assert.rejects(call, {name: "no_reply"})
  })

  test("is rejected with the server's sentence when it wants no connection", async () => {
    const waiting = calls.call(TARGET)
    calls.refused({code: 4210, reason: "Not from here."})
    await reject(waiting, {code: 4210, name: "origin_refused", message: "Not from here."})
    await reject(calls.call(TARGET), {code: 4210, name: "origin_refused", message: "Not from here."})
  })

  test("whose arguments are not JSON is rejected", async () => {
    await assert.rejects(calls.call({...TARGET, args: {pk: 3n}}), {name: "bad_arguments"})
  })
})
