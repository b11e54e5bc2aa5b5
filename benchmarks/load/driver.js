// Load driver: many clients of one server, in one thread. It reads commands as lines of JSON, and answers each with a line.

import { Client, frame, load, now, publisher, subscriber } from "./client.js"

let control = null
let clients = []
let expected = null

async function ask(text) {
  publisher.answers = []
  control.write(frame(text))
  return JSON.parse(publisher.answers.shift() ?? (await new Promise((resolve) => (publisher.waiting = resolve))))
}

let number = 0

/** Returns the text of a change, 200 bytes long. */
function change(prefix = "") {
  return `${prefix}@@${String(++number).padStart(8, "0")}`.padEnd(load.peer.size ?? 200, "x")
}

function all(count, times) {
  load.awaited = count
  load.arrivals = times
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${load.awaited} of ${count} deliveries did not come`)), load.peer.patience ?? 60000)
    load.onAll = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}

const commands = {
  async open(command) {
    for (const client of [...clients, control]) {
      if (client === null) continue
      client.gone = true
      client.socket?.terminate?.()
    }
    load.peer = command.peer
    clients = []
    load.failures = 0
    load.ready = -1 // the control is not counted
    control = new Client(load.peer.control, publisher)
    load.onReady = null
    const opened = new Promise((resolve) => (load.onReady = resolve))
    await control.connect()
    await opened
    let best = Infinity
    let offset = 0
    for (let round = 0; load.peer.clock && round < 20; round++) {
      const before = now()
      publisher.waiting = null
      const { time } = await ask("time")
      publisher.waiting = null
      const after = now()
      if (after - before < best) [best, offset] = [after - before, time * 1000 - (before + after) / 2]
    }
    load.peer.offset = offset
    return { offset, precision: best / 2 }
  },

  /** Adds clients, so many at a time; resolves when all are live. `own` says what is different for each of them. */
  async grow({ own = null, count = own.length, concurrency = 64 }) {
    const started = now()
    const goal = load.ready + count
    const ports = load.peer.ports ?? [load.peer.port]
    const fresh = Array.from({ length: count }, (_, index) => new Client(load.peer.path, subscriber, ports[index % ports.length], own?.[index]))
    clients.push(...fresh)
    const opened = await launch(fresh, goal, concurrency)
    return { seconds: (now() - started) / 1000, clients: load.ready, opened, failures: load.failures }
  },

  /** Sends changes one by one, each when all clients have the last one. */
  async rounds({ seconds, least = 3, most = Infinity, pause = 0 }) {
    const times = []
    const lasts = []
    const commits = []
    const started = now()
    let spent = 0
    while ((now() - started < seconds * 1000 || lasts.length < least) && lasts.length < most) {
      if (pause) await Bun.sleep(pause)
      const arrived = new Float64Array(clients.length)
      publisher.answers = []
      const sent = now()
      const done = all(clients.length, arrived)
      control.write(frame(change()))
      await done
      const last = arrived[arrived.length - 1]
      spent += last - sent
      lasts.push(last - sent)
      if (load.peer.clock) {
        while (publisher.answers.length === 0) await Bun.sleep(1)
        const committed = JSON.parse(publisher.answers[0]).at * 1000 - load.peer.offset
        commits.push(last - committed)
        for (const at of arrived) times.push(at - committed)
      } else for (const at of arrived) times.push(at - sent)
    }
    return {
      rounds: lasts.length,
      deliveries: lasts.length * clients.length,
      seconds: spent / 1000,
      lasts,
      commits,
      latencies: Buffer.from(Float32Array.from(times).buffer).toString("base64"),
      failures: load.failures,
    }
  },

  /** Begins to count deliveries of another process's changes, by a mark; `arrived` resolves when all have come. */
  async expect({ deliveries, mark = "@@", stamped = false }) {
    load.mark = Buffer.from(mark)
    load.delays = stamped ? [] : null
    expected = { started: now(), bytes: load.bytes, deliveries, done: all(deliveries, null).then(now, (error) => error) }
    return {}
  },

  async arrived() {
    const { started, bytes, deliveries, done } = expected
    const last = await done
    if (last instanceof Error) throw last
    const delays = Buffer.from(Float32Array.from(load.delays ?? []).buffer).toString("base64")
    load.mark = Buffer.from("@@")
    load.delays = null
    const seconds = (last - started) / 1000
    return { deliveries, seconds, at: (last + load.peer.offset) / 1000, bytes: load.bytes - bytes, latencies: delays, failures: load.failures }
  },

  /** Sends changes as fast as possible, each a new row; resolves when all clients have all of them. */
  async flood({ changes, clients: wanted = clients.length }) {
    publisher.answers = []
    const started = now()
    const bytes = load.bytes
    const done = all(changes * wanted, null)
    if (load.peer.kind === "realtime") control.write(frame(`flood ${changes}`))
    else for (let step = 0; step < changes; step += 50) {
      const some = Array.from({ length: Math.min(50, changes - step) }, () => frame(change("++")))
      control.write(Buffer.concat(some))
        await Bun.sleep(0)
    }
    await done
    const seconds = (now() - started) / 1000
    return { deliveries: changes * wanted, seconds, bytes: load.bytes - bytes, failures: load.failures }
  },

  /** Sends one command to the server, which causes so many changes at each client. */
  async burst({ text, changes }) {
    publisher.answers = []
    const started = now()
    const bytes = load.bytes
    const times = new Float64Array(changes * clients.length)
    const done = all(changes * clients.length, times)
    control.write(frame(text))
    await done
    while (publisher.answers.length === 0) await Bun.sleep(1)
    const committed = JSON.parse(publisher.answers[0]).at * 1000 - load.peer.offset
    const end = times[times.length - 1]
    return {
      deliveries: changes * clients.length,
      write: (committed - started) / 1000,
      seconds: (end - committed) / 1000,
      bytes: load.bytes - bytes,
      failures: load.failures,
    }
  },

  /** Cuts all clients at once. They reconnect at once, from their cursors. */
  async storm({ concurrency = 256, text = null }) {
    for (const client of clients) {
      client.gone = true
      client.socket.terminate()
    }
    load.ready -= clients.length
    await Bun.sleep(500)
    if (text) {
      publisher.waiting = null
      await ask(text)
      publisher.waiting = null
    }
    for (const client of clients) {
      client.open = client.live = false
      client.rest = null
      client.messages = client.frames = client.bytes = client.rows = 0
    }
    const started = now()
    load.returns = true
    const opened = await launch(clients, load.ready + clients.length, concurrency)
    load.returns = false
    const seconds = (now() - started) / 1000
    const rows = clients.map((client) => client.rows).sort((one, two) => one - two)
    return { seconds, opened, rows: [rows[0], rows.at(-1)], failures: load.failures }
  },

  async tell({ text }) {
    publisher.waiting = null
    const answer = await ask(text)
    publisher.waiting = null
    return answer
  },

  async state() {
    return { clients: load.ready, failures: load.failures }
  },
}

/** Connects clients; returns the seconds until all handshakes were complete. */
async function launch(fresh, goal, concurrency) {
  const started = now()
  let next = 0
  let opened = 0
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      load.onReady = null
      reject(new Error(`${goal - load.ready} clients are not live, ${load.failures} failed`))
    }, load.peer.patience ?? 120000)
    const check = () => {
      if (load.ready === goal) {
        clearTimeout(timer)
        resolve()
      } else more()
    }
    const more = () => {
      while (next < fresh.length && next - (fresh.length - (goal - load.ready)) < concurrency) fresh[next++].connect()
    }
    load.onReady = check
    more()
  })
  load.onReady = null
  opened = now() - started
  return opened / 1000
}

for await (const line of console) {
  const { command, ...options } = JSON.parse(line)
  try {
    process.stdout.write(`${JSON.stringify(await commands[command](options))}\n`)
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ error: String(error) })}\n`)
  }
}
