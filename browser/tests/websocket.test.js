import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {WebSocketTransport} from "../src/transports/websocket.js"
import {settled} from "./support.js"

let sockets, heard, transport

/** The browser's class, as far as a test plays it by hand. */
class Socket {
  sent = []
  closed = false

  constructor(url) {
    if (url === "bad") throw new SyntaxError("bad url")
    this.url = url
    sockets.push(this)
  }

  send(text) {
    this.sent.push(text)
  }

  close() {
    this.closed = true
  }
}

function open(url = "wss://host/realtime/ws/") {
  transport = new WebSocketTransport(url)
  transport.on({
    opened: () => heard.push("opened"),
    message: (text) => heard.push(text),
    closed: (code, reason) => heard.push([code, reason]),
  })
  transport.open()
}

beforeEach(() => {
  globalThis.WebSocket = Socket
  sockets = []
  heard = []
})

describe("the WebSocket transport", () => {
  test("tells when it is open, what comes, and when it is closed", () => {
    open()
    sockets[0].onopen()
    sockets[0].onmessage({data: "text"})
    sockets[0].onclose({code: 4000, reason: "The server stops."})
    assert.deepEqual(heard, ["opened", "text", [4000, "The server stops."]])
  })

  test("sends", () => {
    open()
    transport.send("text")
    assert.deepEqual([sockets[0].url, sockets[0].sent], ["wss://host/realtime/ws/", ["text"]])
  })

  test("tells nothing after it was closed", () => {
    open()
    transport.close()
    sockets[0].onopen()
    sockets[0].onmessage({data: "late"})
    sockets[0].onclose({code: 1000, reason: ""})
    assert.deepEqual([sockets[0].closed, heard], [true, []])
  })

  test("tells an address that the browser refuses as a closed connection", async () => {
    open("bad")
    assert.deepEqual(heard, [])
    await settled()
    assert.deepEqual(heard, [[1006, "SyntaxError: bad url"]])
  })
})
