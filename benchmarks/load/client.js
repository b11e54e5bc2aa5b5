// The load driver's clients, over bare TCP sockets. A delivery only costs parsing a header and searching for the mark.

const FRAME = 0x66 // "f" of {"type":"frame"…
const HEARTBEAT = 0x68 // "h"
const WELCOME = 0x77 // "w"
const TYPE_AT = 9 // where a message's type begins in {"type":"…

const encoder = new TextEncoder()
export const now = () => performance.timeOrigin + performance.now()

/** The state that all clients share. */
export const load = {
  peer: null, // the server, and its protocol
  ready: 0, // clients that are live
  onReady: null,
  awaited: 0, // deliveries that have not arrived yet
  arrivals: null, // the times of deliveries, if they are recorded
  mark: Buffer.from("@@"), // each change has one
  delays: null, // since each change was written, if its mark is followed by that time, in microseconds
  onAll: null,
  bytes: 0, // received in total
  failures: 0,
  returns: false, // whether clients that were refused try again
}

/** Returns a client's text frame. The mask is zero, so the text is unchanged. */
export function frame(text) {
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

export class Client {
  /** `own` has what distinguishes this client from others: its path, headers and messages. */
  constructor(path, onText, port = load.peer.port, own = {}) {
    this.path = own.path ?? path
    this.port = port
    this.own = own
    this.onText = onText
    this.rest = null // the beginning of an incomplete frame
    this.open = false
    this.live = false
    this.messages = 0 // as the protocol counts them
    this.frames = 0 // since the last ack
    this.bytes = 0
    this.cursor = null
    this.view = null
    this.rows = 0 // marks since it was connected
  }

  /** Writes all data, now or when the socket has room. */
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
    this.unsent = null // data for which the socket had no room
    return Bun.connect({ hostname: "127.0.0.1", port: this.port, socket: handlers, data: this }).then((socket) => {
      this.socket = socket
      socket.setNoDelay?.(true)
      const upgrade = load.peer.kind === "sse" && this.onText === subscriber
        ? "Accept: text/event-stream\r\n"
        : "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      this.write(Buffer.from(`GET ${this.path} HTTP/1.1\r\nHost: 127.0.0.1:${this.port}\r\n${upgrade}${this.own.headers ?? load.peer.headers ?? ""}\r\n`))
    })
  }

  take(chunk) {
    load.bytes += chunk.length
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
        load.failures++
        this.socket.end()
        return
      }
      at = end + 4
      this.open = true
      this.onText.opened(this)
    }
    if (load.peer.kind === "sse" && this.onText === subscriber) return this.count(chunk, at, chunk.length)
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
    // a copy, because the chunk's memory is reused
    if (at < length) this.rest = Buffer.from(chunk.subarray(at))
  }

  /** Counts the changes in a part of the received data. */
  count(chunk, start, end) {
    let found = chunk.indexOf(load.mark, start)
    while (found >= 0 && found < end) {
      this.rows++
      if (load.delays !== null)
        load.delays.push(now() + load.peer.offset - Number(chunk.toString("latin1", found + 2, found + 18)) / 1000)
      if (load.awaited > 0) {
        if (load.arrivals !== null) load.arrivals[load.arrivals.length - load.awaited] = now()
        if (--load.awaited === 0) load.onAll()
      }
      found = chunk.indexOf(load.mark, found + 2)
    }
  }

  becomeLive() {
    if (this.live) return
    this.live = true
    load.ready++
    load.onReady?.()
  }
}

const handlers = {
  data: (socket, chunk) => socket.data.take(chunk),
  open() {},
  drain: (socket) => socket.data.drain(),
  error() {
    load.failures++
  },
  close(socket) {
    const client = socket.data
    if (client.gone) return
    load.failures++
    if (load.returns && !client.live) {
      // like the JavaScript client, it tries again after a delay
      client.open = false
      setTimeout(() => client.connect(), 500 + 500 * Math.random())
    }
  },
}

export const subscriber = {
  opened(client) {
    for (const text of client.own.hello ?? load.peer.hello ?? []) {
      // a client that reconnects sends its cursor
      const again = client.cursor !== null && text.includes('"subscribe"')
      const message = again ? JSON.stringify({ ...JSON.parse(text), cursor: client.cursor, view: client.view }) : text
      client.write(frame(message))
    }
    if (!load.peer.ready) client.becomeLive()
  },
  text(client, chunk, start, end) {
    if (load.peer.kind === "realtime") acknowledge(client, chunk, start, end)
    if (load.peer.kind === "socketio" && end - start < 200) answer(client, chunk.toString("latin1", start, end))
    if (!client.live) {
      if (load.peer.kind === "realtime" ? chunk[start + TYPE_AT] === FRAME : chunk.indexOf(load.peer.ready, start) >= 0)
        client.becomeLive()
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
  if (client.frames >= client.quarter || client.bytes >= 262144 || type === HEARTBEAT) {
    client.frames = client.bytes = 0
    client.write(frame(`{"type":"ack","messages":${client.messages}}`))
  }
  if (client.cursor === null) { // that of the first frame, to resume from
    const text = chunk.toString("utf8", start, Math.min(end, start + 400))
    client.cursor = text.match(/"cursor":"([^"]+)"/)?.[1] ?? client.cursor
    client.view = text.match(/"fingerprint":"([^"]*)"/)?.[1] ?? client.view
  }
}

function answer(client, text) {
  if (text[0] === "0") client.write(frame("40"))
  else if (text === "2") client.write(frame("3"))
}

/** Reads the server's answers to publishers. */
export const publisher = {
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
