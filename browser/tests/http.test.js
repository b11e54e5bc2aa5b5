import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {LongPollTransport} from "../src/transports/longpoll.js"
import {SseTransport} from "../src/transports/sse.js"
import {settled} from "./support.js"

const HELLO = '{"type":"hello","version":2}'
const WELCOME = {type: "welcome", version: 2, heartbeat: 25}
const FRAME = {type: "frame", log: 0, cursor: "e.1", deltas: []}

let requests, heard, transport, idle, named, renewedWith

/** Each request waits for the test to answer it. */
function fakeFetch(url, options) {
  return new Promise((resolve, reject) => {
    const request = {url, ...options, body: JSON.parse(options.body)}
    request.answer = (body, {status = 200, type = "application/json"} = {}) =>
      resolve(new Response(typeof body === "string" || body === null ? body : JSON.stringify(body), {status, headers: {"Content-Type": type}}))
    request.stream = () => {
      let controller
      const body = new ReadableStream({start: (each) => void (controller = each)})
      resolve(new Response(body, {headers: {"Content-Type": "text/event-stream"}}))
      const encoder = new TextEncoder()
      return {say: (text) => controller.enqueue(encoder.encode(text)), end: () => controller.close(), cut: () => controller.error(new Error("cut"))}
    }
    request.fail = reject
    options.signal?.addEventListener("abort", () => reject(new Error("aborted")))
    requests.push(request)
  })
}

function open(Transport, {csrf = () => ""} = {}) {
  transport = new Transport({url: "https://host/realtime/", csrf})
  transport.on({
    opened: () => {
      heard.push("opened")
      transport.send(HELLO)
      transport.send('{"type":"subscribe","id":1}')
    },
    message: (text) => {
      const {type, calls} = JSON.parse(text)
      heard.push(type)
      if (calls) named.push([type, calls])
    },
    renew: (events) => {
      heard.push("renew")
      renewedWith.push(events)
      transport.send(HELLO)
      transport.send('{"type":"subscribe","id":2,"cursor":"e.1"}')
      return idle
    },
    closed: (code, reason) => heard.push([code, reason]),
  })
  transport.open()
  return settled()
}

const event = (message) => `data: ${JSON.stringify(message)}\n\n`

beforeEach(() => {
  globalThis.fetch = fakeFetch
  requests = []
  heard = []
  renewedWith = []
  named = []
  idle = true
})

for (const [name, Transport] of [["Server-Sent Events", SseTransport], ["long-poll", LongPollTransport]]) {
  describe(`the transport of ${name}`, () => {
    test("sends hello and all subscriptions in one request, with cookies", async () => {
      await open(Transport)
      const [{method, body, credentials, redirect}] = requests
      assert.deepEqual({method, body: body.map(({type}) => type), credentials, redirect}, {
        method: "POST",
        body: ["hello", "subscribe"],
        credentials: "include",
        redirect: "error",
      })
    })

    test("sends the CSRF token as it is at that time", async () => {
      let token = "one"
      await open(Transport, {csrf: () => token})
      token = "two"
      transport.send('{"type":"call","id":"c1"}')
      await settled()
      assert.deepEqual(requests.map(({headers}) => headers["X-CSRFToken"]), ["one", "two"])
    })

    test("asks anew, with all, for a subscription that comes while a request is open", async () => {
      await open(Transport)
      transport.send('{"type":"subscribe","id":7}')
      transport.send('{"type":"unsubscribe","id":1}')
      await settled()
      assert.deepEqual([heard, requests.length, requests[0].signal.aborted], [["opened", "renew"], 2, true])
      assert.deepEqual(requests[1].body.map(({id}) => id), [undefined, 2])
    })

    test("takes events along when it asks anew", async () => {
      await open(Transport)
      for (const name of ["a", "b"]) transport.send(JSON.stringify({type: "send", id: 1, name}))
      await settled()
      transport.send('{"type":"subscribe","id":7}')
      await settled()
      assert.deepEqual(renewedWith, [[{type: "send", id: 1, name: "a"}, {type: "send", id: 1, name: "b"}], []])
    })

    test("names with calls whoever its hello names", async () => {
      await open(Transport)
      const hello = {type: "hello", version: 2, token: "ann's"}
      transport.send(JSON.stringify(hello))
      transport.send('{"type":"call","id":"c1"}')
      await settled()
      assert.deepEqual(requests.at(-1).body, [hello, {type: "call", id: "c1"}])
    })

    test("sends no acknowledgement: the next request is one", async () => {
      await open(Transport)
      transport.send('{"type":"ack","messages":1}')
      await settled()
      assert.equal(requests.length, 1)
    })

    test("tells a network error as a closed connection", async () => {
      await open(Transport)
      requests[0].fail(new TypeError("blocked"))
      await settled()
      assert.deepEqual(heard, ["opened", [1006, "TypeError: blocked"]])
    })

    test("tells what a refusal says", async () => {
      await open(Transport)
      requests[0].answer([{type: "bye", code: 4210, reason: "no"}], {status: 403})
      await settled()
      assert.deepEqual(heard, ["opened", "bye", [1006, "Error: The server answered 403 ."]])
    })

    test("tells a page of a proxy's as a closed connection", async () => {
      for (const options of [{status: 502, type: "text/html"}, {type: "text/html"}]) {
        heard = []
        requests = []
        await open(Transport)
        requests[0].answer("<p>sorry</p>", options)
        await settled()
        assert.equal(heard[1][0], 1006)
      }
    })

    test("tells nothing after it was closed", async () => {
      await open(Transport)
      transport.close()
      requests[0].answer([WELCOME])
      await settled()
      assert.deepEqual([heard, requests[0].signal.aborted, requests.length], [["opened"], true, 1])
    })

    test("sends calls one request after the other, and takes the replies alone", async () => {
      await open(Transport)
      transport.send('{"type":"call","id":"c1"}')
      await settled()
      transport.send('{"type":"call","id":"c2"}')
      transport.send('{"type":"call","id":"c3"}')
      await settled()
      const calls = () => requests.filter(({url}) => url.endsWith("/call/"))
      assert.equal(calls().length, 1)
      calls()[0].answer([WELCOME, {type: "reply", id: "c1"}])
      await settled()
      assert.deepEqual(calls().map(({body}) => body.slice(1).map(({id}) => id)), [["c1"], ["c2", "c3"]])
      assert.deepEqual(heard, ["opened", "reply", "renew"])
    })

    test("asks anew when a call has run, and names it in the last frame that brings what it did", async () => {
      await open(Transport)
      transport.send('{"type":"call","id":"c1"}')
      await settled()
      const row = {type: "frame", log: 0, cursor: "e.2", deltas: []}
      requests.at(-1).answer([WELCOME, {...row, calls: ["c1"]}, {type: "reply", id: "c1", result: 1}])
      await settled()
      assert.deepEqual([heard, named], [["opened", "reply", "renew"], []])

      const second = requests.at(-1)
      assert.equal(second.url.endsWith("/sse/") || second.url.endsWith("/poll/?wait=0"), true)
      const messages = [WELCOME, {type: "subscribed", id: 2, query: 1, log: 0}, row, {...row, cursor: "e.3"}]
      if (Transport === SseTransport) second.stream().say(messages.map(event).join(""))
      else second.answer(messages)
      await settled()
      assert.deepEqual(heard.slice(3, 7), ["welcome", "subscribed", "frame", "frame"])
      assert.deepEqual(named, [["frame", ["c1"]]])
    })

    test("names a call at once where the page is subscribed to nothing more", async () => {
      await open(Transport)
      transport.send('{"type":"call","id":"c1"}')
      await settled()
      requests.at(-1).answer([WELCOME, {type: "reply", id: "c1", result: 1}])
      await settled()
      const messages = [WELCOME, {type: "refused", id: 2, code: 4214, reason: "No."}]
      if (Transport === SseTransport) requests.at(-1).stream().say(messages.map(event).join(""))
      else requests.at(-1).answer(messages)
      await settled()
      assert.deepEqual(named, [["frame", ["c1"]]])
    })

    test("waits for no effects of a call that was refused", async () => {
      await open(Transport)
      transport.send('{"type":"call","id":"c1"}')
      await settled()
      requests.at(-1).answer([WELCOME, {type: "reply", id: "c1", error: {code: 4218, reason: "No."}}])
      await settled()
      assert.deepEqual(heard, ["opened", "reply"])
    })

    test("is lost with a call that is: its outcome is not known", async () => {
      await open(Transport)
      transport.send('{"type":"call","id":"c1"}')
      await settled()
      requests[1].fail(new TypeError("gone"))
      await settled()
      assert.deepEqual([heard, requests[0].signal.aborted], [["opened", [1006, "TypeError: gone"]], true])
    })

    test("still takes replies when another transport has been taken, and says at once that these calls have run", async () => {
      await open(Transport)
      transport.send('{"type":"call","id":"c1"}')
      await settled()
      transport.retire()
      requests[0].answer([WELCOME, FRAME])
      requests[1].answer([WELCOME, {type: "reply", id: "c1"}])
      await settled()
      assert.deepEqual([heard, requests[0].signal.aborted], [["opened", "reply", "frame"], true])
    })

    test("tells that a call has failed after another transport has taken over", async () => {
      await open(Transport)
      transport.send('{"type":"call","id":"c1"}')
      await settled()
      transport.retire()
      requests[1].fail(new TypeError("blocked"))
      await settled()
      assert.deepEqual(heard, ["opened", [1006, "TypeError: blocked"]])
    })
  })
}

describe("Server-Sent Events", () => {
  test("tells each event as it comes, however the network has cut it", async () => {
    await open(SseTransport)
    const stream = requests[0].stream()
    stream.say(`:${" ".repeat(2048)}\nretry: 1000\n\n${event(WELCOME)}`)
    await settled()
    assert.deepEqual(heard, ["opened", "welcome"])
    const text = event(FRAME)
    stream.say(text.slice(0, 20))
    await settled()
    stream.say(text.slice(20) + event({type: "heartbeat"}))
    await settled()
    assert.deepEqual(heard, ["opened", "welcome", "frame", "heartbeat"])
  })

  test("tells a message with Unicode's line separators whole", async () => {
    await open(SseTransport)
    transport.on({message: (text) => heard.push(JSON.parse(text).html)})
    requests[0].stream().say(event({type: "part", html: "one\u2028two\u2029three"}))
    await settled()
    assert.deepEqual(heard, ["opened", "one\u2028two\u2029three"])
  })

  test("asks anew when the server says that the stream is over", async () => {
    await open(SseTransport)
    requests[0].stream().say(`${event(WELCOME)}event: end\ndata: {}\n\n`)
    await settled()
    assert.deepEqual([heard, requests[1].url], [["opened", "welcome", "renew"], "https://host/realtime/sse/"])
  })

  test("takes a stream that ends without a word for a lost connection", async () => {
    for (const end of ["end", "cut"]) {
      heard = []
      requests = []
      await open(SseTransport)
      const stream = requests[0].stream()
      stream.say(event(WELCOME))
      await settled()
      stream[end]()
      await settled()
      assert.equal(heard.at(-1)[0], 1006)
    }
  })
})

describe("long-poll", () => {
  test("does not wait before all is live, and waits for news then", async () => {
    await open(LongPollTransport)
    idle = false
    requests[0].answer([WELCOME, FRAME])
    await settled()
    idle = true
    requests[1].answer([WELCOME, FRAME])
    await settled()
    assert.deepEqual(requests.map(({url}) => url.split("realtime/")[1]), ["poll/?wait=0", "poll/?wait=0", "poll/"])
    assert.deepEqual(heard, ["opened", "welcome", "frame", "renew", "welcome", "frame", "renew"])
  })

  test("does not ask for ever what answers without a welcome", async () => {
    await open(LongPollTransport)
    requests[0].answer([])
    await settled()
    assert.deepEqual(heard, ["opened", [1006, "Error: The server's response has no welcome."]])
  })
})
