import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Monitor} from "../src/connection/reconnect.js"
import {Clock} from "./support.js"

let clock, window, document, monitor, heard

beforeEach(() => {
  clock = new Clock()
  window = new EventTarget()
  document = Object.assign(new EventTarget(), {visibilityState: "visible"})
  heard = []
  monitor = new Monitor({clock, window, document})
  const note = (name) => () => heard.push([name, clock.time])
  monitor.start({due: note("due"), silent: note("silent"), suspend: note("suspend"), resume: note("resume")})
})

const window_ = (type) => window.dispatchEvent(new Event(type))
const look = () => document.dispatchEvent(new Event("visibilitychange"))

/** Fails so many times in a row, each attempt at once. */
function delays(count) {
  return Array.from({length: count}, () => {
    const before = clock.time
    heard = []
    monitor.wait(0)
    clock.pass(60)
    return heard[0][1] - before
  })
}

describe("back-off", () => {
  test("the longest delay doubles from half a second to fifteen", () => {
    assert.deepEqual(delays(7), [0.5, 1, 2, 4, 8, 15, 15])
  })

  test("a delay is anything between nothing and its longest", () => {
    clock.chance = 0.25
    assert.deepEqual(delays(3), [0.125, 0.25, 0.5])
  })

  test("the server's retry comes before the delay", () => {
    monitor.wait(5)
    clock.pass(60)
    assert.deepEqual(heard, [["due", 5.5]])
  })

  test("delays start again after a connection that lasted", () => {
    delays(4)
    monitor.welcome(25)
    clock.pass(10)
    assert.deepEqual(delays(1), [0.5])
  })

  test("a page that the server sends on comes back soon, and its delays do not grow", () => {
    delays(4)
    for (const planned of [0.5, 0.5]) {
      monitor.welcome(25)
      heard = []
      const before = clock.time
      monitor.wait(0, {planned: true})
      clock.pass(60)
      assert.deepEqual(heard, [["due", before + planned]])
    }
    assert.deepEqual(delays(2), [0.5, 1])
  })

  test("delays grow where the server sends on those who have just come", () => {
    const waits = [1, 2, 3].map(() => {
      heard = []
      const before = clock.time
      monitor.wait(0, {planned: true})
      clock.pass(60)
      return heard[0][1] - before
    })
    assert.deepEqual(waits, [0.5, 1, 2])
  })

  test("delays go on growing after a connection that was cut at once", () => {
    delays(4)
    monitor.welcome(25)
    clock.pass(1)
    assert.deepEqual(delays(1), [8])
  })
})

describe("waiting", () => {
  test("a network that is back ends the wait", () => {
    monitor.wait(0)
    window_("online")
    assert.deepEqual(heard, [["due", 0]])
  })

  test("a page that becomes visible ends the wait", () => {
    monitor.wait(0)
    look()
    assert.deepEqual(heard, [["due", 0]])
  })

  test("a page that is hidden waits on", () => {
    document.visibilityState = "hidden"
    monitor.wait(0)
    look()
    assert.deepEqual(heard, [])
  })

  test("a wait that the server asked for is shortened to that alone", () => {
    monitor.wait(5)
    look()
    clock.pass(60)
    assert.deepEqual(heard, [["due", 5]])
  })
})

describe("silence", () => {
  test("a connection that does not open is given up after ten seconds", () => {
    monitor.expect()
    clock.pass(60)
    assert.deepEqual(heard, [["silent", 10]])
  })

  test("a connection is dead after two heartbeats of silence", () => {
    monitor.welcome(25)
    clock.pass(49)
    assert.deepEqual(heard, [])
    clock.pass(1)
    assert.deepEqual(heard, [["silent", 50]])
  })

  test("each message starts the silence anew", () => {
    monitor.welcome(25)
    clock.pass(40)
    monitor.received()
    clock.pass(40)
    assert.deepEqual(heard, [])
    clock.pass(10)
    assert.deepEqual(heard, [["silent", 90]])
  })

  test("messages need no timer of their own", () => {
    monitor.welcome(25)
    for (let i = 0; i < 100; i++) monitor.received()
    assert.equal(clock.pending, 1)
  })

  test("a page that slept notices at the first look", () => {
    monitor.welcome(25)
    clock.time += 3600
    look()
    assert.deepEqual(heard, [["silent", 3600]])
  })

  test("a connection ends with the network", () => {
    monitor.welcome(25)
    window_("offline")
    assert.deepEqual(heard, [["silent", 0]])
  })

  test("a connection that was opened without a network is not trusted when it is back", () => {
    monitor.wait(0)
    window_("offline")
    monitor.welcome(25)
    window_("online")
    assert.deepEqual(heard, [["silent", 0]])
  })

  test("rest leaves no timer", () => {
    monitor.welcome(25)
    monitor.stop()
    assert.equal(clock.pending, 0)
  })
})

describe("a device that sleeps", () => {
  const frozen = (type) => document.dispatchEvent(new Event(type))

  test("is noticed at the first look when a heartbeat has not come", () => {
    monitor.welcome(25)
    clock.pass(1)
    clock.time += 30
    look()
    assert.deepEqual(heard, [["silent", 31]])
  })

  test("that slept for less than a heartbeat keeps its connection", () => {
    monitor.welcome(25)
    clock.pass(1)
    clock.time += 20
    look()
    assert.deepEqual(heard, [])
  })

  test("is noticed within ten seconds where its timers stood still", () => {
    monitor.welcome(25)
    clock.pass(5)
    clock.sleep(3600)
    clock.pass(5)
    assert.deepEqual(heard, [["silent", 3610]])
  })

  test("throttled timers alone end no connection that is heard", () => {
    monitor.welcome(25)
    for (let minute = 0; minute < 5; minute++) {
      clock.sleep(50)
      monitor.received()
      clock.pass(10)
    }
    assert.deepEqual(heard, [])
  })

  test("a page that is frozen is suspended, and resumed at once", () => {
    monitor.welcome(25)
    frozen("freeze")
    clock.sleep(3600)
    frozen("resume")
    assert.deepEqual(heard, [["suspend", 0], ["resume", 3600]])
  })

  test("a page that is frozen in the back-forward cache is suspended and resumed once", () => {
    window_("pagehide")
    frozen("freeze")
    frozen("resume")
    window_("pageshow")
    assert.deepEqual(heard.map(([name]) => name), ["suspend", "suspend", "resume"])
  })
})

describe("back-forward cache", () => {
  test("a page that leaves is suspended, and resumed when it is back", () => {
    window_("pagehide")
    window_("pageshow")
    assert.deepEqual(heard.map(([name]) => name), ["suspend", "resume"])
  })

  test("the first show of a page resumes nothing", () => {
    window_("pageshow")
    assert.deepEqual(heard, [])
  })
})

test("a callback that was cancelled does not come", () => {
  const cancel = monitor.after(1, () => heard.push("called"))
  cancel()
  clock.pass(2)
  assert.deepEqual(heard, [])
})

test("a timer of months, as of a token, does not fire at once", ({mock}) => {
  const set = mock.method(globalThis, "setTimeout", () => 0)
  new Monitor({window: null, document: null}).after(90 * 24 * 3600, () => {})
  assert.deepEqual(set.mock.calls.map((call) => call.arguments[1]), [2 ** 31 - 1])
})
