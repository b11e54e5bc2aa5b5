import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {availableTransports} from "../src/transports/endpoints.js"
import {openPage} from "./support.js"

const SCRIPT = '<script data-realtime-url="/realtime/ws/" data-realtime-http="/realtime/" data-realtime-csrf-cookie="csrftoken"></script>'

const addresses = (chosen = {}) => availableTransports(chosen).map(({name, address}) => [name, address])
const token = (chosen = {}) => availableTransports(chosen).at(-1).open().csrf()

describe("the transports of a page", () => {
  test("are those that the script tag names", () => {
    openPage(SCRIPT)
    assert.deepEqual(addresses(), [
      ["websocket", "wss://example.org/realtime/ws/"],
      ["sse", "https://example.org/realtime/"],
      ["longpoll", "https://example.org/realtime/"],
    ])
  })

  test("are a socket alone where the site has no other", () => {
    openPage('<script data-realtime-url="/realtime/ws/"></script>')
    assert.deepEqual(addresses(), [["websocket", "wss://example.org/realtime/ws/"]])
  })

  test("are those of connect() alone", () => {
    openPage(SCRIPT)
    assert.deepEqual(addresses({url: "https://live.example.net/ws/"}), [["websocket", "wss://live.example.net/ws/"]])
    assert.deepEqual(addresses({http: "https://live.example.net/realtime/"}).map(([name]) => name), ["sse", "longpoll"])
  })

  test("begin with the shared one, where the page names its session and the browser has workers", () => {
    const names = (chosen) => addresses(chosen).map(([name]) => name)
    openPage(SCRIPT.replace("<script", '<script data-realtime-share="s"'))
    assert.deepEqual(names(), ["websocket", "sse", "longpoll"])
    globalThis.SharedWorker = class {}
    assert.deepEqual(names(), ["shared", "websocket", "sse", "longpoll"])
    assert.deepEqual(names({url: "https://live.example.net/ws/"}), ["websocket"])
    openPage(SCRIPT)
    assert.deepEqual(names(), ["websocket", "sse", "longpoll"])
    delete globalThis.SharedWorker
  })

  test("carry the CSRF cookie as it is now", () => {
    openPage(SCRIPT)
    document.cookie = "other=1"
    document.cookie = "csrftoken=a%3Db; path=/"
    assert.equal(token(), "a=b")
  })

  test("carry the page's CSRF token where the cookie cannot be read", () => {
    openPage(SCRIPT.replace("data-realtime-csrf-cookie", "data-realtime-csrf"))
    assert.equal(token(), "csrftoken")
  })

  test("carry no token to another site", () => {
    openPage(SCRIPT)
    document.cookie = "csrftoken=secret; path=/"
    assert.equal(token({http: "https://evil.com/realtime/"}), "")
  })
})
