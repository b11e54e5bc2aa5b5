import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {Session, TRANSITIONS} from "../src/protocol/session.js"
import {ResultSet} from "../src/data/result_set.js"
import {cases} from "./support.js"

/** Plays the steps of a case; each step has one word, which is what happens or what must hold. */
class Player {
  session = new Session()
  resultSets = new Map()
  sent = []
  retry = null
  closed = false
  later = []
  ends = null
  toldSubscriptions = []

  step(step) {
    const [[word, value]] = Object.entries(step)
    this[word](value)
  }

  do(effects) {
    for (const effect of effects) {
      if (effect.do === "send") this.sent.push(effect.message)
      if (effect.do === "wait") this.retry = effect.retry
      if (effect.do === "close") this.closed = true
      if (effect.do === "expires") this.ends = effect.seconds
      if (effect.do === "later") this.later.push(this.nameOf(effect.subscription))
      if (effect.do === "refused") this.resultSets.get(this.nameOf(effect.subscription)).refuse(new Error(effect.fault.reason))
      if (effect.do === "apply") this.apply(effect)
      if (effect.do === "event") this.toldSubscriptions.push(...(effect.subscriptions?.map((subscription) => this.nameOf(subscription)) ?? ["the user"]))
    }
  }

  apply(frame) {
    const failed = new Set()
    for (const {subscription, deltas, fresh} of frame.updates) {
      const resultSet = this.resultSets.get(this.nameOf(subscription))
      if (resultSet.apply(deltas, {fresh})) resultSet.commit()
      else failed.add(subscription)
    }
    this.do(this.session.applied(frame, failed))
  }

  nameOf(subscription) {
    return [...this.resultSets].find(([, resultSet]) => resultSet.subscription === subscription)[0]
  }

  subscription(name) {
    return this.resultSets.get(name).subscription
  }

  connect() {
    this.do(this.session.connect())
  }

  opened(token) {
    this.do(this.session.opened(token === true ? undefined : token))
  }

  authenticate(token) {
    this.do(this.session.authenticate(token))
  }

  expires(seconds) {
    assert.equal(this.ends, seconds)
    this.ends = null
  }

  subscribe(wanted) {
    for (const [name, {keys, cursor = null, stream = "tasks", format = "html", present, ...target}] of Object.entries(wanted)) {
      const resultSet = new ResultSet({stream, format, cursor, ...target}, {keys, paint: () => true})
      if (present) resultSet.subscription.present = present
      this.resultSets.set(name, resultSet)
      this.do(this.session.subscribe(resultSet.subscription))
    }
  }

  unsubscribe(name) {
    this.do(this.session.unsubscribe(this.subscription(name)))
  }

  present(said) {
    const [[name, data]] = Object.entries(said)
    this.do(this.session.present(this.subscription(name), data))
  }

  tell(said) {
    const [[name, event]] = Object.entries(said)
    this.do(this.session.sendEvent(this.subscription(name), event, null))
  }

  told(names) {
    assert.deepEqual(this.toldSubscriptions.splice(0), names)
  }

  receive(message) {
    this.do(this.session.receive(message, JSON.stringify(message).length))
  }

  fails(message) {
    assert.throws(() => this.receive(message), {message: `The server sent '${message.type}' before 'welcome'.`})
  }

  lost(code) {
    this.retry = null
    this.do(this.session.lost(code, ""))
  }

  due() {
    this.retry = null
    this.do(this.session.due())
  }

  again(name) {
    this.do(this.session.again(this.subscription(name)))
  }

  suspend() {
    this.do(this.session.suspend())
  }

  resume() {
    this.do(this.session.resume())
  }

  skip() {
    this.sent = []
  }

  sends(messages) {
    assert.deepEqual(this.sent.splice(0), messages)
  }

  state(state) {
    assert.equal(this.session.state, state)
  }

  states(states) {
    this.each(states, ({subscription}) => this.session.stateOf(subscription))
  }

  keys(keys) {
    this.each(keys, (resultSet) => [...resultSet.keys])
  }

  cursors(cursors) {
    this.each(cursors, ({subscription}) => subscription.cursor)
  }

  each(expected, read) {
    const found = Object.keys(expected).map((name) => [name, read(this.resultSets.get(name))])
    assert.deepEqual(Object.fromEntries(found), expected)
  }

  waits(retry) {
    assert.equal(this.retry, retry)
  }
}

describe("session", () => {
  for (const {name, steps} of cases("client")) {
    test(name, () => {
      const player = new Player()
      for (const step of steps) {
        if ("closed" in step) assert.equal(player.closed, step.closed)
        else if ("later" in step) assert.deepEqual(player.later, step.later)
        else player.step(step)
      }
      assert.deepEqual(player.sent, [])
    })
  }

  test("an event that a phase does not know is an error", () => {
    assert.throws(() => new Session().opened(), {message: "A session that is 'idle' does not know the event 'opened'."})
  })

  test("each phase of the table can be reached and leads somewhere", () => {
    const reached = new Set(Object.values(TRANSITIONS).flatMap((events) => Object.values(events)))
    assert.deepEqual(Object.keys(TRANSITIONS).filter((phase) => !reached.has(phase)), [])
  })

  test("a connect while connecting or connected does nothing", () => {
    const session = new Session()
    session.connect()
    assert.deepEqual(session.connect(), [])
  })

  test("a delay that ends after a reconnect asks for nothing", () => {
    const session = new Session()
    const {subscription} = new ResultSet({token: "t", stream: "tasks", format: "html", cursor: null})
    session.connect()
    session.opened()
    session.receive({type: "welcome", version: 2, heartbeat: 25}, 0)
    session.subscribe(subscription)
    session.receive({type: "refused", id: subscription.id, code: 4002, reason: ""}, 0)
    session.lost(1006, "")
    session.due()
    session.opened()
    assert.deepEqual(session.again(subscription), [])
  })
})

describe("a session that is renewed", () => {
  /** One subscription that is live at the cursor e.1, of the query 5. */
  function live() {
    const player = new Player()
    player.subscribe({tasks: {keys: []}})
    player.connect()
    player.opened()
    player.receive({type: "welcome", version: 2, heartbeat: 25})
    player.receive({type: "subscribed", id: 1, query: 5, log: 0, fingerprint: "v"})
    player.receive({type: "frame", log: 0, cursor: "e.1", deltas: []})
    player.sent = []
    return player
  }

  test("asks for all from where it stands, and stays live", () => {
    const player = live()
    player.do(player.session.renew())
    const target = {stream: "tasks", params: {}, format: "html"}
    assert.deepEqual(player.sent, [{type: "hello", version: 2}, {type: "subscribe", id: 2, ...target, cursor: "e.1", fingerprint: "v"}])
    assert.deepEqual([player.session.state, player.session.settled], ["live", true])
  })

  test("takes events along under the new number of their subscription", () => {
    const player = live()
    const event = {type: "send", name: "typing", data: {}}
    player.do(player.session.renew([{...event, id: 1}, {...event, id: 99}]))
    assert.deepEqual(player.sent.slice(1).map(({type, id}) => [type, id]), [["subscribe", 2], ["send", 2]])
  })

  test("goes on under the numbers of another server", () => {
    const player = live()
    player.do(player.session.renew())
    player.receive({type: "welcome", version: 2, heartbeat: 25})
    player.receive({type: "subscribed", id: 2, query: 99, log: 0, fingerprint: "v"})
    player.receive({type: "frame", log: 0, cursor: "e.2", deltas: [{query: 99, puts: [{key: "1", row: "<li>"}]}]})
    assert.deepEqual([player.resultSets.get("tasks").keys, player.subscription("tasks").cursor], [["1"], "e.2"])
    assert.equal(player.session.state, "live")
  })

  test("takes no frame that was meant for the request before", () => {
    const player = live()
    player.do(player.session.renew())
    player.receive({type: "frame", log: 0, cursor: "e.9", deltas: [{query: 5, puts: [{key: "1", row: "<li>"}]}]})
    assert.deepEqual([player.resultSets.get("tasks").keys, player.subscription("tasks").cursor], [[], "e.1"])
  })

  test("starts from nothing where the user now sees other rows", () => {
    const player = live()
    player.do(player.session.renew())
    player.receive({type: "subscribed", id: 2, query: 7, log: 0, fingerprint: "other"})
    assert.deepEqual([player.subscription("tasks").cursor, player.session.state], [null, "catching-up"])
  })

  test("does not ask before its time for what was refused for now", () => {
    const player = live()
    player.receive({type: "refused", id: 1, code: 4001, reason: "later"})
    player.do(player.session.renew())
    assert.deepEqual([player.sent.map(({type}) => type), player.session.settled], [["hello"], true])
  })

  test("counts its messages anew", () => {
    const player = live()
    player.do(player.session.renew())
    player.receive({type: "welcome", version: 2, heartbeat: 25})
    player.receive({type: "heartbeat", cursors: {}})
    assert.deepEqual(player.sent.at(-1), {type: "ack", messages: 1})
  })

  test("is asked for again where it was not greeted yet", () => {
    const player = new Player()
    player.subscribe({tasks: {keys: []}})
    player.connect()
    player.opened()
    player.do(player.session.renew())
    assert.deepEqual(player.sent.map(({id}) => id), [undefined, 1, undefined, 2])
    assert.equal(player.session.settled, false)
  })
})
