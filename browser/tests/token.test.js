import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Connection} from "../src/connection/connection.js"
import {Monitor} from "../src/connection/reconnect.js"
import {Clock, Server, settled} from "./support.js"

let clock, server, connection, reported, tokens

beforeEach(() => {
  clock = new Clock()
  server = new Server()
  reported = []
  tokens = ["one", "two", "three"]
  const monitor = new Monitor({clock, window: new EventTarget(), document: new EventTarget()})
  connection = new Connection({monitor, newTransport: server.newTransport, report: (error) => reported.push(error.message)})
})

async function greet(expires) {
  server.attempt.handlers.opened()
  await settled()
  server.say({type: "welcome", version: 2, heartbeat: 1000, expires})
}

describe("a token", () => {
  test("is asked for when the connection is open, and goes with hello", async () => {
    connection.connect("ws://host/", async () => tokens.shift())
    await greet()
    assert.deepEqual(server.received(), [{type: "hello", version: 2, token: "one"}])
  })

  test("is asked for anew on each connection", async () => {
    connection.connect("ws://host/", () => tokens.shift())
    await greet()
    server.cut()
    clock.pass(1)
    await greet()
    assert.equal(server.received()[0].token, "two")
  })

  test("is replaced before it ends", async () => {
    connection.connect("ws://host/", () => tokens.shift())
    await greet(60)
    server.received()
    clock.pass(44)
    await settled()
    assert.deepEqual(server.received(), [])
    clock.pass(2)
    await settled()
    assert.deepEqual(server.received(), [{type: "authenticate", token: "two"}])
    server.say({type: "authenticated", expires: 400})
    clock.pass(371)
    await settled()
    assert.deepEqual(server.received(), [{type: "authenticate", token: "three"}])
  })

  test("is not replaced on a connection that is gone", async () => {
    connection.connect("ws://host/", () => tokens.shift())
    await greet(60)
    server.cut(4210)
    clock.pass(100)
    await settled()
    assert.deepEqual(tokens, ["two", "three"])
  })

  test("that cannot be had is reported, and the connection tried again", async () => {
    connection.connect("ws://host/", () => Promise.reject(new Error("no token")))
    server.attempt.handlers.opened()
    await settled()
    assert.deepEqual([reported, connection.state, server.attempt.closed], [["no token"], "offline", true])
  })

  test("that is refused is asked for once more", async () => {
    connection.connect("ws://host/", () => tokens.shift())
    server.attempt.handlers.opened()
    await settled()
    server.say({type: "bye", code: 4101, reason: "Not valid."})
    clock.pass(1)
    server.attempt.handlers.opened()
    await settled()
    assert.equal(server.received()[0].token, "two")
    server.say({type: "bye", code: 4101, reason: "Not valid."})
    assert.equal(connection.state, "refused")
  })
})
