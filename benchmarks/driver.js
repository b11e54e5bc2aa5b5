// Load driver: many clients of one server, in one thread. It reads commands as lines of JSON, and answers each with one.
// It speaks over bare TCP sockets: a delivery costs a header to parse and a search for the mark, and no JSON.

const MARK = Buffer.from("@@") // each change carries one
const FRAME = 0x66 // "f" of {"type":"frame"…
const BEAT = 0x62
const WELCOME = 0x77 // "w"
const TYPE_AT = 9 // where a message's type begins in {"type":"…

const encoder = new TextEncoder()
const now = () => performance.timeOrigin + performance.now()
const percent = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]

let peer = null
let control = null
let clients = []
let ready = 0
let onReady = null
let awaited = 0 // deliveries that are still to come
let arrivals = null // their times, where they are wanted
let onAll = null
let lastBytes = 0 // received in all
let failures = 0

/** A text frame of a client; its mask of zeros leaves the text as it is. */
function frame(text) {
  const data = encoder.encode(text)
  const header = data.length < 126 ? [0x81, 0x80 | data.length] : [0x81, 0xfe, data.length >> 8, data.length & 255]
  const out = new Uint8Array(header.length + 4 + data.length)
  out.set(header)
  out.set(data, header.length + 4)
  return out
}

function pong(payload) {
  const out = new Uint8Array(6 + payload.length)
  out.set([0x8a, 0x80 | payload.length])
  out.set(payload, 6)
  return out
}

class Client {
  constructor(path, onText, port = peer.port) {
    this.path = path
    this.port = port
    this.onText = onText
    this.rest = null // of a frame that has not come whole
    this.open = false
    this.live = false
    this.messages = 0 // as the protocol counts them
    this.frames = 0 // since the last ack
    this.bytes = 0
    this.cursor = null
    this.view = null
    this.rows = 0 // marks seen since it was connected
  }

  /** Writes all of it, now or when there is room. */
  write(data) {
    if (this.unsent !== null) return void (this.unsent = Buffer.concat([this.unsent, data]))
    const written = this.socket.write(data)
    if (written < data.length) this.unsent = Buffer.from(data.subarray(Math.max(0, written)))
  }

  drain() {
    const data = this.unsent
    this.unsent = null
    if (data !== null) this.write(data)
  }

  connect() {
    this.gone = false
    this.unsent = null // what the socket had no room for
    return Bun.connect({ hostname: "127.0.0.1", port: this.port, socket: handlers, data: this }).then((socket) => {
      this.socket = socket
      socket.setNoDelay?.(true)
      const upgrade = peer.kind === "sse" && this.onText === subscriber
        ? "Accept: text/event-stream\r\n"
        : "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      this.write(Buffer.from(`GET ${this.path} HTTP/1.1\r\nHost: 127.0.0.1:${this.port}\r\n${upgrade}${peer.headers ?? ""}\r\n`))
    })
  }

  take(chunk) {
    lastBytes += chunk.length
    if (this.rest !== null) {
      chunk = Buffer.concat([this.rest, chunk])
      this.rest = null
    }
    let at = 0
    if (!this.open) {
      const end = chunk.indexOf("\r\n\r\n")
      if (end < 0) return void (this.rest = chunk)
      const status = chunk.subarray(9, 12).toString()
      if (status !== "101" && status !== "200") {
        failures++
        this.socket.end()
        return
      }
      at = end + 4
      this.open = true
      this.onText.opened(this)
    }
    if (peer.kind === "sse" && this.onText === subscriber) return this.count(chunk, at, chunk.length)
    const length = chunk.length
    while (length - at >= 2) {
      const opcode = chunk[at] & 15
      let size = chunk[at + 1]
      let start = at + 2
      if (size === 126) {
        if (length - at < 4) break
        size = (chunk[at + 2] << 8) | chunk[at + 3]
        start = at + 4
      } else if (size === 127) {
        if (length - at < 10) break
        size = Number(chunk.readBigUInt64BE(at + 2))
        start = at + 10
      }
      if (length - start < size) break
      if (opcode === 1 || opcode === 2) this.onText.text(this, chunk, start, start + size)
      else if (opcode === 9) this.write(pong(chunk.subarray(start, start + size)))
      else if (opcode === 8) this.socket.end()
      at = start + size
    }
    // a copy: the chunk's memory is used again
    if (at < length) this.rest = Buffer.from(chunk.subarray(at))
  }

  /** Counts the changes in a piece of what came. */
  count(chunk, start, end) {
    let found = chunk.indexOf(MARK, start)
    while (found >= 0 && found < end) {
      this.rows++
      if (awaited > 0) {
        if (arrivals !== null) arrivals[arrivals.length - awaited] = now()
        if (--awaited === 0) onAll()
      }
      found = chunk.indexOf(MARK, found + 2)
    }
  }

  becomeLive() {
    if (this.live) return
    this.live = true
    ready++
    onReady?.()
  }
}

const handlers = {
  data: (socket, chunk) => socket.data.take(chunk),
  open() {},
  drain: (socket) => socket.data.drain(),
  error() {
    failures++
  },
  close(socket) {
    if (!socket.data.gone) failures++
  },
}

const subscriber = {
  opened(client) {
    for (const text of peer.hello ?? []) {
      // one that comes back says where it has been
      const again = client.cursor !== null && text.includes('"subscribe"')
      const message = again ? JSON.stringify({ ...JSON.parse(text), cursor: client.cursor, view: client.view }) : text
      client.write(frame(message))
    }
    if (!peer.ready) client.becomeLive()
  },
  text(client, chunk, start, end) {
    if (peer.kind === "realtime") acknowledge(client, chunk, start, end)
    if (peer.kind === "socketio" && end - start < 200) answer(client, chunk.toString("latin1", start, end))
    if (!client.live) {
      if (peer.kind === "realtime" ? chunk[start + TYPE_AT] === FRAME : chunk.indexOf(peer.ready, start) >= 0)
        client.becomeLive()
      if (!peer.countsBacklog) return
    }
    client.count(chunk, start, end)
  },
}

function acknowledge(client, chunk, start, end) {
  const type = chunk[start + TYPE_AT]
  if (type === WELCOME) {
    client.quarter = JSON.parse(chunk.toString("utf8", start, end)).window.frames / 4
    return
  }
  client.messages++
  client.bytes += end - start
  if (type === FRAME) client.frames++
  const beat = type === BEAT && chunk[start + TYPE_AT + 2] === 0x61 // "a": no "behind"
  if (client.frames >= client.quarter || client.bytes >= 262144 || beat) {
    client.frames = client.bytes = 0
    client.write(frame(`{"type":"ack","messages":${client.messages}}`))
  }
  if (client.cursor === null || peer.follows) {
    const text = chunk.toString("utf8", start, Math.min(end, start + 400))
    client.cursor = text.match(/"cursor":"([^"]+)"/)?.[1] ?? client.cursor
    client.view = text.match(/"view":"([^"]*)"/)?.[1] ?? client.view
  }
}

function answer(client, text) {
  if (text[0] === "0") client.write(frame("40"))
  else if (text === "2") client.write(frame("3"))
}

/** The answers of the server to those who publish. */
const publisher = {
  answers: [],
  waiting: null,
  opened(client) {
    client.becomeLive()
  },
  text(client, chunk, start, end) {
    const text = chunk.toString("utf8", start, end)
    if (publisher.waiting) publisher.waiting(text)
    else publisher.answers.push(text)
  },
}

async function ask(text) {
  publisher.answers = []
  control.write(frame(text))
  return JSON.parse(publisher.answers.shift() ?? (await new Promise((resolve) => (publisher.waiting = resolve))))
}

let number = 0

/** The text of a change, 200 bytes long. */
function change(prefix = "") {
  return `${prefix}@@${String(++number).padStart(8, "0")}`.padEnd(peer.size ?? 200, "x")
}

function all(count, times) {
  awaited = count
  arrivals = times
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${awaited} of ${count} deliveries did not come`)), peer.patience ?? 60000)
    onAll = () => {
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
      client.socket.terminate?.()
    }
    peer = command.peer
    clients = []
    failures = 0
    ready = -1 // the control is not counted
    control = new Client(peer.control, publisher)
    onReady = null
    const opened = new Promise((resolve) => (onReady = resolve))
    await control.connect()
    await opened
    let best = Infinity
    let offset = 0
    for (let round = 0; peer.clock && round < 20; round++) {
      const before = now()
      publisher.waiting = null
      const { time } = await ask("time")
      publisher.waiting = null
      const after = now()
      if (after - before < best) [best, offset] = [after - before, time * 1000 - (before + after) / 2]
    }
    peer.offset = offset
    return { offset, precision: best / 2 }
  },

  /** More clients, so many of them at a time; when all are live. */
  async grow({ count, concurrency = 64 }) {
    const started = now()
    const goal = ready + count
    const ports = peer.ports ?? [peer.port]
    const fresh = Array.from({ length: count }, (_, index) => new Client(peer.path, subscriber, ports[index % ports.length]))
    clients.push(...fresh)
    const opened = await launch(fresh, goal, concurrency)
    return { seconds: (now() - started) / 1000, clients: ready, opened, failures }
  },

  /** One change after the other, each when all clients have the last. */
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
      if (peer.clock) {
        while (publisher.answers.length === 0) await Bun.sleep(1)
        const committed = JSON.parse(publisher.answers[0]).at * 1000 - peer.offset
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
      failures,
    }
  },

  /** Changes as fast as they can be handed over, each a new row; until all clients have all of them. */
  async flood({ changes, clients: wanted = clients.length }) {
    publisher.answers = []
    const started = now()
    const bytes = lastBytes
    const done = all(changes * wanted, null)
    if (peer.kind === "realtime") control.write(frame(`flood ${changes}`))
    else for (let step = 0; step < changes; step += 50) {
      const some = Array.from({ length: Math.min(50, changes - step) }, () => frame(change("++")))
      control.write(Buffer.concat(some))
        await Bun.sleep(0)
    }
    await done
    const seconds = (now() - started) / 1000
    return { deliveries: changes * wanted, seconds, bytes: lastBytes - bytes, failures }
  },

  /** One command to the server that ends with so many changes at each client. */
  async burst({ text, changes }) {
    publisher.answers = []
    const started = now()
    const bytes = lastBytes
    const times = new Float64Array(changes * clients.length)
    const done = all(changes * clients.length, times)
    control.write(frame(text))
    await done
    while (publisher.answers.length === 0) await Bun.sleep(1)
    const committed = JSON.parse(publisher.answers[0]).at * 1000 - peer.offset
    const end = times[times.length - 1]
    return {
      deliveries: changes * clients.length,
      write: (committed - started) / 1000,
      seconds: (end - committed) / 1000,
      bytes: lastBytes - bytes,
      failures,
    }
  },

  /** All clients are cut at once, and come back at once, from where they were. */
  async storm({ concurrency = 256, text = null }) {
    for (const client of clients) {
      client.gone = true
      client.socket.terminate()
    }
    ready -= clients.length
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
    const opened = await launch(clients, ready + clients.length, concurrency)
    const seconds = (now() - started) / 1000
    const rows = clients.map((client) => client.rows).sort((one, two) => one - two)
    return { seconds, opened, rows: [rows[0], rows.at(-1)], failures }
  },

  async tell({ text }) {
    publisher.waiting = null
    const answer = await ask(text)
    publisher.waiting = null
    return answer
  },

  async state() {
    return { clients: ready, failures }
  },
}

/** Connects them; the seconds until all handshakes were through. */
async function launch(fresh, goal, concurrency) {
  const started = now()
  let next = 0
  let opened = 0
  await new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${goal - ready} clients are not live, ${failures} failed`)),
      peer.patience ?? 120000,
    )
    const check = () => {
      if (ready === goal) {
        clearTimeout(timer)
        resolve()
      } else more()
    }
    const more = () => {
      while (next < fresh.length && next - (fresh.length - (goal - ready)) < concurrency) fresh[next++].connect()
    }
    onReady = check
    more()
  })
  onReady = null
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
