// Made from browser/src by `npm run build`; change it there.
var __defProp = Object.defineProperty;
var __typeError = (msg) => {
  throw TypeError(msg);
};
var __defNormalProp = (obj, key, value) => key in obj ? __defProp(obj, key, { enumerable: true, configurable: true, writable: true, value }) : obj[key] = value;
var __publicField = (obj, key, value) => __defNormalProp(obj, typeof key !== "symbol" ? key + "" : key, value);
var __accessCheck = (obj, member, msg) => member.has(obj) || __typeError("Cannot " + msg);
var __privateGet = (obj, member, getter) => (__accessCheck(obj, member, "read from private field"), getter ? getter.call(obj) : member.get(obj));
var __privateAdd = (obj, member, value) => member.has(obj) ? __typeError("Cannot add the same private member more than once") : member instanceof WeakSet ? member.add(obj) : member.set(obj, value);
var __privateSet = (obj, member, value, setter) => (__accessCheck(obj, member, "write to private field"), setter ? setter.call(obj, value) : member.set(obj, value), value);
var __privateMethod = (obj, member, method) => (__accessCheck(obj, member, "access private method"), method);
var __privateWrapper = (obj, member, setter, getter) => ({
  set _(value) {
    __privateSet(obj, member, value, setter);
  },
  get _() {
    return __privateGet(obj, member, getter);
  }
});

// src/messages.js
var VERSION = 1;
var codes = Object.freeze({
  going_away: 4e3,
  internal_error: 4001,
  overloaded: 4002,
  timeout: 4003,
  token_expired: 4100,
  session_ended: 4101,
  bad_message: 4200,
  too_large: 4201,
  unsupported_version: 4202,
  unexpected_message: 4203,
  origin_refused: 4210,
  token_invalid: 4211,
  unknown_stream: 4212,
  bad_parameters: 4213,
  forbidden: 4214,
  unknown_action: 4215,
  invalid: 4216,
  not_found: 4217,
  action_refused: 4218
});
var names = new Map(Object.entries(codes).map(([name, code]) => [code, name]));
function remedy(code) {
  if (code >= 4200 && code < 4300) return "stop";
  if (code >= 4100 && code < 4200) return "ask anew";
  return "come back";
}
var RealtimeError = class extends Error {
  /**
   * @param {number | null} code
   * @param {string} reason
   * @param {{name?: string, details?: Details}} [options]
   */
  constructor(code, reason, { name, details = {} } = {}) {
    super(reason);
    this.code = code;
    this.name = name ?? (code === null ? "closed" : names.get(code) ?? `code_${code}`);
    this.details = details;
  }
};

// src/calls.js
var MAX_WAITING = 100;
var TIMEOUT_SECONDS = 30;
var _calls, _open, _refusal, _Calls_instances, expire_fn, take_fn;
var Calls = class {
  /**
   * @param {{
   *   send: (text: string) => void,
   *   after: (seconds: number, callback: () => void) => () => void,
   * }} options
   */
  constructor({ send: send2, after }) {
    __privateAdd(this, _Calls_instances);
    /** @type {Map<string, Call>} */
    __privateAdd(this, _calls, /* @__PURE__ */ new Map());
    __privateAdd(this, _open, false);
    /** Why no call is taken any more. @type {{code: number, reason: string} | null} */
    __privateAdd(this, _refusal, null);
    this.send = send2;
    this.after = after;
  }
  /**
   * @param {Target} target
   * @param {{timeout?: number}} [options] seconds
   * @returns {Promise<any>}
   */
  call(target2, { timeout = TIMEOUT_SECONDS } = {}) {
    return new Promise((resolve, reject) => {
      if (__privateGet(this, _refusal)) return reject(new RealtimeError(__privateGet(this, _refusal).code, __privateGet(this, _refusal).reason));
      const id = newId();
      const text = encode({ type: "call", id, ...target2 });
      if (!__privateGet(this, _open) && __privateGet(this, _calls).size >= MAX_WAITING) {
        const reason = `${MAX_WAITING} calls wait for the connection already: call again when it is back.`;
        return reject(new RealtimeError(null, reason, { name: "queue_full" }));
      }
      const cancelTimer = Number.isFinite(timeout) ? this.after(timeout, () => __privateMethod(this, _Calls_instances, expire_fn).call(this, id, timeout)) : () => {
      };
      __privateGet(this, _calls).set(id, { text, sent: __privateGet(this, _open), resolve, reject, cancelTimer });
      if (__privateGet(this, _open)) this.send(text);
    });
  }
  /** The connection is there: what has waited goes out. */
  opened() {
    __privateSet(this, _open, true);
    __privateSet(this, _refusal, null);
    for (const call2 of __privateGet(this, _calls).values()) {
      call2.sent = true;
      this.send(call2.text);
    }
  }
  /** The connection is gone: what was sent has an unknown outcome, what was not waits on. */
  interrupted() {
    __privateSet(this, _open, false);
    const reason = "The connection was lost before the reply: it is not known whether the action ran.";
    for (const [id, call2] of __privateGet(this, _calls)) {
      if (call2.sent) __privateMethod(this, _Calls_instances, take_fn).call(this, id)?.reject(new RealtimeError(null, reason, { name: "outcome_unknown" }));
    }
  }
  /** The server wants no connection. @param {{code: number, reason: string}} refusal */
  refused(refusal) {
    __privateSet(this, _refusal, refusal);
    for (const id of __privateGet(this, _calls).keys()) __privateMethod(this, _Calls_instances, take_fn).call(this, id)?.reject(new RealtimeError(refusal.code, refusal.reason));
  }
  /** A connection is tried again after a refusal. */
  retried() {
    __privateSet(this, _refusal, null);
  }
  /** @param {import("./messages.js").Reply} reply */
  reply({ id, result, error }) {
    const call2 = __privateMethod(this, _Calls_instances, take_fn).call(this, id);
    if (!call2) return;
    if (error) call2.reject(new RealtimeError(error.code, error.reason, { details: error.details }));
    else call2.resolve(result);
  }
};
_calls = new WeakMap();
_open = new WeakMap();
_refusal = new WeakMap();
_Calls_instances = new WeakSet();
/** @param {string} id @param {number} timeout */
expire_fn = function(id, timeout) {
  const call2 = __privateMethod(this, _Calls_instances, take_fn).call(this, id);
  const outcome = call2?.sent ? "it is not known whether the action ran" : "there was no connection, and it was not sent";
  call2?.reject(new RealtimeError(null, `No reply within ${timeout} seconds: ${outcome}.`, { name: "no_reply" }));
};
/** @param {string} id */
take_fn = function(id) {
  const call2 = __privateGet(this, _calls).get(id);
  __privateGet(this, _calls).delete(id);
  call2?.cancelTimer();
  return call2;
};
function encode(message) {
  try {
    return JSON.stringify(message);
  } catch (error) {
    throw new RealtimeError(null, `The arguments of a call must be JSON: ${error}.`, { name: "bad_arguments" });
  }
}
function newId() {
  if (globalThis.isSecureContext) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("");
}

// src/wires.js
function newWire(target2) {
  return { ...target2, id: 0, query: null, log: null, status: "wanted", failures: 0 };
}
var _wires, _nextId, _Wires_instances, leave_fn, find_fn;
var Wires = class {
  constructor() {
    __privateAdd(this, _Wires_instances);
    /** @type {Set<Wire>} */
    __privateAdd(this, _wires, /* @__PURE__ */ new Set());
    __privateAdd(this, _nextId, 1);
  }
  /** @param {Wire} wire */
  add(wire) {
    __privateGet(this, _wires).add(wire);
  }
  /** @param {Wire} wire */
  has(wire) {
    return __privateGet(this, _wires).has(wire);
  }
  /** @param {Wire} wire @returns {ClientMessage[]} what tells an open connection */
  remove(wire) {
    __privateGet(this, _wires).delete(wire);
    return __privateMethod(this, _Wires_instances, leave_fn).call(this, wire);
  }
  /** All that are not refused are live. */
  get live() {
    return [...__privateGet(this, _wires)].every((wire) => wire.status === "live" || wire.status === "refused");
  }
  /** There is something, and all of it is refused. */
  get refused() {
    return __privateGet(this, _wires).size > 0 && [...__privateGet(this, _wires)].every((wire) => wire.status === "refused");
  }
  /** The message that asks for the wire. @param {Wire} wire @returns {ClientMessage} */
  ask(wire) {
    Object.assign(wire, { id: __privateWrapper(this, _nextId)._++, status: "asked" });
    const { id, token, stream, params = {}, format, cursor } = wire;
    const target2 = token ? { token } : { stream, params, format };
    return { type: "subscribe", id, ...target2, ...cursor === null ? {} : { cursor } };
  }
  askAll() {
    return [...__privateGet(this, _wires)].filter(({ status }) => status !== "refused").map((wire) => this.ask(wire));
  }
  /** The connection is gone; the wires are still wanted. */
  interrupt() {
    for (const wire of __privateGet(this, _wires)) {
      if (wire.status !== "refused") Object.assign(wire, { query: null, log: null, status: "wanted" });
    }
  }
  /** The user may be another one: tokens and rows count no more. */
  forget() {
    for (const wire of __privateGet(this, _wires)) {
      wire.cursor = null;
      if (wire.params) delete wire.token;
    }
  }
  /** @param {import("./messages.js").Subscribed} message */
  accept({ id, query, log }) {
    const wire = __privateMethod(this, _Wires_instances, find_fn).call(this, id);
    if (!wire) return;
    if (wire.query !== null) wire.cursor = null;
    Object.assign(wire, { query, log, status: "accepted" });
  }
  /**
   * The wire is refused: asked for anew, delayed, or ended, which its status then says.
   *
   * @param {import("./messages.js").Refused} message
   * @returns {Wire | undefined}
   */
  refuse({ id, code }) {
    const wire = __privateMethod(this, _Wires_instances, find_fn).call(this, id);
    if (!wire) return void 0;
    Object.assign(wire, { query: null, log: null });
    const cure = remedy(code);
    if (cure === "ask anew" && wire.token && wire.params) {
      delete wire.token;
      wire.status = "wanted";
    } else if (cure === "come back") {
      wire.status = "delayed";
      wire.failures += 1;
    } else {
      Object.assign(wire, { status: "refused", cursor: null });
    }
    return wire;
  }
  /** @param {import("./messages.js").Frame} frame @returns {Update[]} */
  updates({ log, deltas }) {
    return [...__privateGet(this, _wires)].filter((wire) => wire.log === log).map((wire) => ({
      wire,
      deltas: deltas.filter(({ query }) => query === wire.query),
      fresh: wire.cursor === null
    }));
  }
  /** The page holds the wire's rows as they are at the cursor. @param {Wire} wire @param {string} cursor */
  reach(wire, cursor) {
    Object.assign(wire, { cursor, status: "live", failures: 0 });
  }
  /** Nothing of the page's rows counts: they are to be asked for. @param {Wire} wire @returns {ClientMessage[]} */
  reset(wire) {
    const messages = __privateMethod(this, _Wires_instances, leave_fn).call(this, wire);
    Object.assign(wire, { cursor: null, status: "delayed", failures: wire.failures + 1 });
    return messages;
  }
  fallBehind() {
    for (const wire of __privateGet(this, _wires)) {
      if (wire.status === "live") wire.status = "behind";
    }
  }
  /** @param {Record<string, string>} cursors by log */
  beat(cursors) {
    for (const wire of __privateGet(this, _wires)) {
      if (wire.status !== "live" && wire.status !== "behind") continue;
      const cursor = cursors[String(wire.log)];
      if (cursor !== void 0) Object.assign(wire, { cursor, status: "live" });
    }
  }
};
_wires = new WeakMap();
_nextId = new WeakMap();
_Wires_instances = new WeakSet();
/** @param {Wire} wire @returns {ClientMessage[]} */
leave_fn = function(wire) {
  const { id, status } = wire;
  Object.assign(wire, { query: null, log: null, status: "wanted" });
  const held = status === "asked" || status === "accepted" || status === "live" || status === "behind";
  return held ? [{ type: "unsubscribe", id }] : [];
};
/** @param {number} id */
find_fn = function(id) {
  return [...__privateGet(this, _wires)].find((wire) => wire.id === id && wire.status !== "wanted" && wire.status !== "delayed");
};

// src/session.js
var TRANSITIONS = {
  idle: { connect: "opening", suspend: "idle", resume: "idle" },
  opening: { connect: "opening", opened: "greeting", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "opening" },
  greeting: { connect: "greeting", welcome: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "greeting" },
  ready: { connect: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "ready" },
  waiting: { connect: "opening", due: "opening", suspend: "suspended", resume: "opening" },
  suspended: { connect: "suspended", suspend: "suspended", resume: "opening" },
  stopped: { connect: "opening", suspend: "stopped", resume: "stopped" }
};
var DEFAULT_WINDOW = { frames: 32, bytes: 1048576 };
var _wires2, _interrupted, _askedAnew, _window, _frames, _unacked, _Session_instances, move_fn, interrupt_fn, ask_fn, tell_fn, connected_get, refused_fn, ack_fn;
var Session = class {
  constructor() {
    __privateAdd(this, _Session_instances);
    /** @type {Phase} */
    __publicField(this, "phase", "idle");
    /** Why the server said stop. @type {Fault | null} */
    __publicField(this, "fault", null);
    __privateAdd(this, _wires2, new Wires());
    // intent: what the page wants, whether connected or not
    __privateAdd(this, _interrupted, false);
    // a connection was lost since connect()
    __privateAdd(this, _askedAnew, false);
    // fresh credentials were asked for since the last frame
    __privateAdd(this, _window, DEFAULT_WINDOW);
    __privateAdd(this, _frames, 0);
    // handled since hello
    __privateAdd(this, _unacked, { frames: 0, bytes: 0 });
  }
  /** What the page shows; `null` before connect(). @returns {State | null} */
  get state() {
    switch (this.phase) {
      case "idle":
        return null;
      case "opening":
      case "greeting":
        return __privateGet(this, _interrupted) ? "offline" : "connecting";
      case "ready":
        if (__privateGet(this, _wires2).refused) return "refused";
        return __privateGet(this, _wires2).live ? "live" : "catching-up";
      case "stopped":
        return "refused";
      default:
        return "offline";
    }
  }
  /** @param {Wire} wire @returns {State | null} */
  stateOf(wire) {
    if (wire.status === "refused") return "refused";
    if (this.phase !== "ready") return this.state;
    return wire.status === "live" ? "live" : "catching-up";
  }
  /** @returns {Effect[]} */
  connect() {
    const before = this.phase;
    __privateMethod(this, _Session_instances, move_fn).call(this, "connect");
    if (before === "stopped") {
      this.fault = null;
      __privateSet(this, _interrupted, __privateSet(this, _askedAnew, false));
    }
    return this.phase === before ? [] : [{ do: "open" }];
  }
  /** The transport can carry messages. @returns {Effect[]} */
  opened() {
    __privateMethod(this, _Session_instances, move_fn).call(this, "opened");
    __privateSet(this, _frames, 0);
    __privateSet(this, _unacked, { frames: 0, bytes: 0 });
    return send([{ type: "hello", version: VERSION }, ...__privateGet(this, _wires2).askAll()]);
  }
  /**
   * The connection is gone, or is given up. The code decides what comes next.
   *
   * @param {number} code
   * @param {string} reason
   * @param {number} [retry] seconds after which the server allows a return
   * @returns {Effect[]}
   */
  lost(code, reason, retry = 0) {
    const cure = remedy(code);
    if (cure === "stop" || cure === "ask anew" && __privateGet(this, _askedAnew)) {
      __privateMethod(this, _Session_instances, move_fn).call(this, "stop");
      __privateMethod(this, _Session_instances, interrupt_fn).call(this);
      this.fault = { code, reason };
      return [{ do: "close" }];
    }
    __privateMethod(this, _Session_instances, move_fn).call(this, "lost");
    __privateMethod(this, _Session_instances, interrupt_fn).call(this);
    if (cure === "ask anew") {
      __privateSet(this, _askedAnew, true);
      __privateGet(this, _wires2).forget();
    }
    return [{ do: "close" }, { do: "wait", retry }];
  }
  /** The wait is over. @returns {Effect[]} */
  due() {
    __privateMethod(this, _Session_instances, move_fn).call(this, "due");
    return [{ do: "open" }];
  }
  /** The page leaves the screen, perhaps to come back. @returns {Effect[]} */
  suspend() {
    const before = this.phase;
    __privateMethod(this, _Session_instances, move_fn).call(this, "suspend");
    if (this.phase === before) return [];
    __privateMethod(this, _Session_instances, interrupt_fn).call(this);
    return [{ do: "close" }];
  }
  /** The page is back. @returns {Effect[]} */
  resume() {
    const before = this.phase;
    __privateMethod(this, _Session_instances, move_fn).call(this, "resume");
    return this.phase === before ? [] : [{ do: "open" }];
  }
  /** @param {Wire} wire @returns {Effect[]} */
  subscribe(wire) {
    __privateGet(this, _wires2).add(wire);
    return __privateMethod(this, _Session_instances, ask_fn).call(this, wire);
  }
  /** @param {Wire} wire @returns {Effect[]} */
  unsubscribe(wire) {
    return __privateMethod(this, _Session_instances, tell_fn).call(this, __privateGet(this, _wires2).remove(wire));
  }
  /** The delay of a wire is over; a reconnect may have asked for it already. @param {Wire} wire @returns {Effect[]} */
  again(wire) {
    return wire.status === "delayed" && __privateGet(this, _wires2).has(wire) ? __privateMethod(this, _Session_instances, ask_fn).call(this, wire) : [];
  }
  /**
   * What the page holds cannot be trusted: all rows are asked for, at once the first time and then after growing delays.
   *
   * @param {Wire} wire
   * @returns {Effect[]}
   */
  resync(wire) {
    const told = __privateMethod(this, _Session_instances, tell_fn).call(this, __privateGet(this, _wires2).reset(wire));
    return wire.failures === 1 ? [...told, ...__privateMethod(this, _Session_instances, ask_fn).call(this, wire)] : [...told, { do: "later", wire }];
  }
  /**
   * @param {import("./messages.js").ServerMessage} message
   * @param {number} size length of its text
   * @returns {Effect[]}
   */
  receive(message, size) {
    if (this.phase === "greeting" && message.type !== "welcome" && message.type !== "bye") {
      throw new Error(`The server sent '${message.type}' before 'welcome'.`);
    }
    switch (message.type) {
      case "welcome":
        __privateMethod(this, _Session_instances, move_fn).call(this, "welcome");
        __privateSet(this, _window, message.window ?? DEFAULT_WINDOW);
        return [{ do: "greeted", beat: message.beat }];
      case "subscribed":
        __privateGet(this, _wires2).accept(message);
        return [];
      case "frame":
        return [{ do: "apply", cursor: message.cursor, updates: __privateGet(this, _wires2).updates(message), size }];
      case "behind":
        __privateGet(this, _wires2).fallBehind();
        return [];
      case "beat":
        __privateGet(this, _wires2).beat(message.cursors ?? {});
        return [__privateMethod(this, _Session_instances, ack_fn).call(this)];
      case "refused":
        return __privateMethod(this, _Session_instances, refused_fn).call(this, message);
      case "reply":
        return [{ do: "reply", reply: message }];
      case "bye":
        return this.lost(message.code, message.reason, message.retry);
      default:
        return [];
    }
  }
  /**
   * The page has handled a frame: from now on its cursor counts, except for the wires whose deltas did not fit their rows.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   * @param {Set<Wire>} unfit
   * @returns {Effect[]}
   */
  applied({ cursor, updates, size }, unfit) {
    __privateSet(this, _askedAnew, false);
    __privateSet(this, _frames, __privateGet(this, _frames) + 1);
    __privateGet(this, _unacked).frames += 1;
    __privateGet(this, _unacked).bytes += size;
    const effects = [];
    for (const { wire } of updates) {
      if (!__privateGet(this, _wires2).has(wire)) continue;
      if (unfit.has(wire)) effects.push(...this.resync(wire));
      else __privateGet(this, _wires2).reach(wire, cursor);
    }
    const { frames, bytes } = __privateGet(this, _unacked);
    const due = frames >= __privateGet(this, _window).frames / 4 || bytes >= __privateGet(this, _window).bytes / 4;
    return due && this.phase === "ready" ? [__privateMethod(this, _Session_instances, ack_fn).call(this), ...effects] : effects;
  }
};
_wires2 = new WeakMap();
_interrupted = new WeakMap();
_askedAnew = new WeakMap();
_window = new WeakMap();
_frames = new WeakMap();
_unacked = new WeakMap();
_Session_instances = new WeakSet();
/** @param {Event} event */
move_fn = function(event) {
  const next = TRANSITIONS[this.phase][event];
  if (!next) throw new Error(`A session that is '${this.phase}' does not know the event '${event}'.`);
  this.phase = next;
};
interrupt_fn = function() {
  __privateSet(this, _interrupted, true);
  __privateGet(this, _wires2).interrupt();
};
/** @param {Wire} wire @returns {Effect[]} */
ask_fn = function(wire) {
  return __privateGet(this, _Session_instances, connected_get) ? send([__privateGet(this, _wires2).ask(wire)]) : [];
};
/** @param {import("./messages.js").ClientMessage[]} messages @returns {Effect[]} */
tell_fn = function(messages) {
  return __privateGet(this, _Session_instances, connected_get) ? send(messages) : [];
};
connected_get = function() {
  return this.phase === "greeting" || this.phase === "ready";
};
/** @param {import("./messages.js").Refused} message @returns {Effect[]} */
refused_fn = function(message) {
  const wire = __privateGet(this, _wires2).refuse(message);
  if (wire?.status === "wanted") return __privateMethod(this, _Session_instances, ask_fn).call(this, wire);
  if (wire?.status === "delayed") return [{ do: "later", wire }];
  return wire ? [{ do: "refused", wire, fault: { code: message.code, reason: message.reason } }] : [];
};
/** @returns {Effect} */
ack_fn = function() {
  __privateSet(this, _unacked, { frames: 0, bytes: 0 });
  return { do: "send", message: { type: "ack", frames: __privateGet(this, _frames) } };
};
function send(messages) {
  return messages.map((message) => ({ do: "send", message }));
}

// src/connection.js
var _session, _subscriptions, _delays, _transport, _url, _effects, _working, _Connection_instances, do_fn, doOne_fn, open_fn, close_fn, receive_fn, apply_fn, refuse_fn, tell_fn2, delay_fn, safely_fn;
var Connection = class {
  /**
   * @param {{
   *   monitor: import("./monitor.js").Monitor,
   *   newTransport: (url: string) => Transport,
   *   report: (error: unknown) => void,
   * }} options report: takes what the page's own code throws
   */
  constructor({ monitor, newTransport, report }) {
    __privateAdd(this, _Connection_instances);
    /** Called after anything may have changed a state. @type {Set<() => void>} */
    __publicField(this, "watchers", /* @__PURE__ */ new Set());
    __privateAdd(this, _session, new Session());
    /** @type {Map<Wire, Subscription>} */
    __privateAdd(this, _subscriptions, /* @__PURE__ */ new Map());
    /** @type {Map<Wire, () => void>} */
    __privateAdd(this, _delays, /* @__PURE__ */ new Map());
    /** @type {Transport | null} */
    __privateAdd(this, _transport, null);
    __privateAdd(this, _url, "");
    /** @type {Effect[]} */
    __privateAdd(this, _effects, []);
    __privateAdd(this, _working, false);
    this.monitor = monitor;
    this.newTransport = newTransport;
    this.report = report;
    this.calls = new Calls({
      send: (text) => __privateGet(this, _transport)?.send(text),
      after: (seconds, callback) => monitor.after(seconds, callback)
    });
    monitor.start({
      due: () => __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).due()),
      silent: () => __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).lost(1006, "Nothing was heard from the server.")),
      suspend: () => __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).suspend()),
      resume: () => __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).resume())
    });
  }
  get state() {
    return __privateGet(this, _session).state;
  }
  /** Why the state is "refused": the connection is, or all that was asked for. */
  get fault() {
    if (this.state !== "refused" || __privateGet(this, _session).fault) return __privateGet(this, _session).fault;
    const [error] = [...__privateGet(this, _subscriptions).values()].map((subscription) => subscription.error);
    return error && { code: error.code, reason: error.message };
  }
  /** @param {Subscription} subscription */
  stateOf({ wire }) {
    return __privateGet(this, _session).stateOf(wire);
  }
  /** @param {string} url */
  connect(url) {
    const moved = __privateGet(this, _transport) !== null && url !== __privateGet(this, _url);
    __privateSet(this, _url, url);
    if (moved) __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).lost(1e3, "The page has connected to another address."));
    __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).connect());
  }
  /** @param {Subscription} subscription */
  subscribe(subscription) {
    __privateGet(this, _subscriptions).set(subscription.wire, subscription);
    __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).subscribe(subscription.wire));
  }
  /** @param {Subscription} subscription */
  unsubscribe({ wire }) {
    __privateGet(this, _delays).get(wire)?.();
    __privateGet(this, _delays).delete(wire);
    __privateGet(this, _subscriptions).delete(wire);
    __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).unsubscribe(wire));
  }
};
_session = new WeakMap();
_subscriptions = new WeakMap();
_delays = new WeakMap();
_transport = new WeakMap();
_url = new WeakMap();
_effects = new WeakMap();
_working = new WeakMap();
_Connection_instances = new WeakSet();
/** One by one, also where doing one brings more: a listener may call back. @param {Effect[]} effects */
do_fn = function(effects) {
  __privateGet(this, _effects).push(...effects);
  if (__privateGet(this, _working)) return;
  __privateSet(this, _working, true);
  for (let effect = __privateGet(this, _effects).shift(); effect; effect = __privateGet(this, _effects).shift()) {
    const next = effect;
    __privateMethod(this, _Connection_instances, safely_fn).call(this, () => __privateMethod(this, _Connection_instances, doOne_fn).call(this, next));
  }
  __privateSet(this, _working, false);
  for (const watcher of this.watchers) __privateMethod(this, _Connection_instances, safely_fn).call(this, watcher);
};
/** @param {Effect} effect */
doOne_fn = function(effect) {
  switch (effect.do) {
    case "open":
      return __privateMethod(this, _Connection_instances, open_fn).call(this);
    case "close":
      return __privateMethod(this, _Connection_instances, close_fn).call(this);
    case "send":
      return __privateGet(this, _transport)?.send(JSON.stringify(effect.message));
    case "wait":
      return this.monitor.wait(effect.retry);
    case "greeted":
      this.monitor.welcome(effect.beat);
      return this.calls.opened();
    case "apply":
      return __privateMethod(this, _Connection_instances, apply_fn).call(this, effect);
    case "refused":
      return __privateMethod(this, _Connection_instances, refuse_fn).call(this, effect.wire, effect.fault);
    case "later":
      return __privateMethod(this, _Connection_instances, delay_fn).call(this, effect.wire);
    case "reply":
      return this.calls.reply(effect.reply);
  }
};
open_fn = function() {
  this.calls.retried();
  this.monitor.expect();
  const transport = __privateSet(this, _transport, this.newTransport(__privateGet(this, _url)));
  transport.on({
    opened: () => {
      this.monitor.expect();
      __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).opened());
    },
    message: (text) => __privateMethod(this, _Connection_instances, receive_fn).call(this, text),
    closed: (code, reason) => __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).lost(code, reason))
  });
  transport.open();
};
close_fn = function() {
  this.monitor.rest();
  __privateGet(this, _transport)?.close();
  __privateSet(this, _transport, null);
  this.calls.interrupted();
  if (__privateGet(this, _session).fault) this.calls.refused(__privateGet(this, _session).fault);
};
/** @param {string} text */
receive_fn = function(text) {
  this.monitor.heard();
  const effects = __privateMethod(this, _Connection_instances, safely_fn).call(this, () => __privateGet(this, _session).receive(JSON.parse(text), text.length));
  __privateMethod(this, _Connection_instances, do_fn).call(this, effects ?? __privateGet(this, _session).lost(1002, "The server sent what is no message of the protocol."));
};
/**
 * Applies a frame whole: all rows, then all that shows them, then those who listen, then the cursor.
 *
 * @param {Extract<Effect, {do: "apply"}>} frame
 */
apply_fn = function(frame) {
  const unfit = /* @__PURE__ */ new Set();
  const changed = [];
  for (const { wire, deltas, fresh } of frame.updates) {
    const subscription = __privateGet(this, _subscriptions).get(wire);
    if (!subscription) continue;
    const fits = __privateMethod(this, _Connection_instances, safely_fn).call(this, () => subscription.apply(deltas, { fresh }));
    const change = fits ? subscription.commit() : null;
    if (!fits) unfit.add(wire);
    if (change) changed.push({ subscription, change });
  }
  for (const { subscription, change } of changed) {
    const { paint, keys, wire } = subscription;
    if (paint && !__privateMethod(this, _Connection_instances, safely_fn).call(this, () => paint(keys, change))) unfit.add(wire);
  }
  for (const { subscription, change } of changed) {
    if (!unfit.has(subscription.wire)) __privateMethod(this, _Connection_instances, tell_fn2).call(this, subscription, change);
  }
  __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).applied(frame, unfit));
};
/** @param {Wire} wire @param {{code: number, reason: string}} fault */
refuse_fn = function(wire, { code, reason }) {
  const subscription = __privateGet(this, _subscriptions).get(wire);
  if (!subscription) return;
  const change = subscription.refuse(new RealtimeError(code, reason));
  __privateMethod(this, _Connection_instances, safely_fn).call(this, () => subscription.paint?.(subscription.keys, change));
  __privateMethod(this, _Connection_instances, tell_fn2).call(this, subscription, change);
};
/** @param {Subscription} subscription @param {Change} change */
tell_fn2 = function(subscription, change) {
  for (const listener of [...subscription.listeners]) __privateMethod(this, _Connection_instances, safely_fn).call(this, () => listener(subscription.rows, change));
};
/** @param {Wire} wire */
delay_fn = function(wire) {
  __privateGet(this, _delays).get(wire)?.();
  __privateGet(this, _delays).set(wire, this.monitor.after(this.monitor.delay(wire.failures), () => __privateMethod(this, _Connection_instances, do_fn).call(this, __privateGet(this, _session).again(wire))));
};
/**
 * What one listener throws must not keep a frame from the others.
 *
 * @template T
 * @param {() => T} callback
 * @returns {T | undefined}
 */
safely_fn = function(callback) {
  try {
    return callback();
  } catch (error) {
    this.report(error);
    return void 0;
  }
};

// src/fields.js
var taken = /* @__PURE__ */ new WeakMap();
var withheld = /* @__PURE__ */ new WeakMap();
var edited = /* @__PURE__ */ new WeakSet();
var EDITABLE = '[contenteditable]:not([contenteditable="false"])';
var PLAIN_INPUTS = /* @__PURE__ */ new Set(["hidden", "submit", "button", "reset", "image", "file"]);
function isField(element) {
  if (element instanceof HTMLInputElement) return !PLAIN_INPUTS.has(element.type);
  return element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement;
}
function isUsersAttribute(element, name) {
  if (name === "open") return element instanceof HTMLDetailsElement || element instanceof HTMLDialogElement;
  if (name === "aria-busy") return element.hasAttribute("data-live-call");
  if (element instanceof HTMLInputElement && isField(element)) return name === (isToggle(element) ? "checked" : "value");
  return false;
}
function withholdsChildren(from, to) {
  const used = from instanceof HTMLSelectElement ? hasFocus(from) : from.matches(EDITABLE) && holdsFocus(from);
  if (!used) return false;
  withheld.set(from, to);
  return true;
}
function use(field, to) {
  const content = contentOf(field);
  return {
    content,
    clean: content === taken.get(field) || isInitial(field, content),
    next: contentOf(to),
    to: to instanceof HTMLSelectElement ? (
      /** @type {Field} */
      to.cloneNode(true)
    ) : to
    // its options may be taken over
  };
}
function follow(field, { content, clean, next, to }) {
  const typing = hasFocus(field) && !isToggle(field);
  const differs = next !== content;
  withheld.delete(field);
  if (differs && (typing || !clean)) withheld.set(field, to);
  if (differs && typing && clean) return;
  const chosen = isRadio(field) && !clean ? group(field).find(({ checked }) => checked) : null;
  setInitial(field, to);
  const shown = clean && !typing ? next : content;
  if (contentOf(field) !== shown) setContent(field, shown);
  if (chosen) chosen.checked = true;
}
function contents(element) {
  const elements = element instanceof HTMLFormElement ? element.elements : isRadio(element) ? group(element) : [element];
  return [...elements].filter(isField).map((field) => ({ field, content: contentOf(field) }));
}
function take(fields) {
  for (const { field, content } of fields) taken.set(field, content);
}
function forgetRestored(document2) {
  const [visit] = document2.defaultView?.performance.getEntriesByType?.("navigation") ?? [];
  if (!visit || /** @type {PerformanceNavigationTiming} */
  visit.type === "navigate") return;
  for (const element of document2.querySelectorAll("[data-live] [data-live-key] :is(input, select, textarea)")) {
    if (isField(element) && !hasFocus(element)) restore(element);
  }
}
function restore(field) {
  for (const each of isRadio(field) ? group(field) : [field]) setContent(each, initialOf(each));
}
function takeWithheld(element) {
  if (holdsFocus(element)) return null;
  const to = withheld.get(element);
  if (!edited.delete(element)) return to ?? null;
  withheld.delete(element);
  return null;
}
function noteEdit({ target: target2 }) {
  if (!(target2 instanceof Element)) return;
  taken.delete(target2);
  const host = target2.closest(EDITABLE);
  if (host) edited.add(host);
}
function isToggle(element) {
  return element instanceof HTMLInputElement && (element.type === "checkbox" || element.type === "radio");
}
function isRadio(element) {
  return element instanceof HTMLInputElement && element.type === "radio";
}
function hasFocus(element) {
  const root = element.getRootNode();
  return (root instanceof Document || root instanceof ShadowRoot) && root.activeElement === element;
}
function holdsFocus(element) {
  return element.contains(element.ownerDocument.activeElement);
}
function contentOf(field) {
  if (isToggle(field)) return String(field.checked);
  if (field instanceof HTMLSelectElement) return JSON.stringify([...field.selectedOptions].map(({ value }) => value));
  return field.value;
}
function setContent(field, content) {
  if (isToggle(field)) {
    field.checked = content === "true";
  } else if (field instanceof HTMLSelectElement) {
    const values = new Set(JSON.parse(content));
    for (const option of field.options) option.selected = values.has(option.value);
  } else {
    field.value = content;
  }
}
function setInitial(field, to) {
  if (field instanceof HTMLSelectElement || to instanceof HTMLSelectElement) return;
  const name = isToggle(field) ? "checked" : "value";
  if (field instanceof HTMLTextAreaElement) {
    if (field.defaultValue !== to.defaultValue) field.defaultValue = to.defaultValue;
  } else if (field.getAttribute(name) !== to.getAttribute(name)) {
    const value = to.getAttribute(name);
    if (value === null) field.removeAttribute(name);
    else field.setAttribute(name, value);
  }
}
function isInitial(field, content) {
  if (isRadio(field)) return group(field).every((radio) => radio.checked === radio.defaultChecked);
  return content === initialOf(field);
}
function initialOf(field) {
  if (isToggle(field)) return String(field.defaultChecked);
  if (!(field instanceof HTMLSelectElement) && field.value === field.defaultValue) return field.value;
  const copy = field.ownerDocument.createElement(field.localName);
  for (const { name, value } of field.attributes) copy.setAttribute(name, value);
  copy.innerHTML = field.innerHTML;
  return contentOf(
    /** @type {Field} */
    copy
  );
}
function group(radio) {
  const root = (
    /** @type {Document | ShadowRoot | Element} */
    radio.form ?? radio.getRootNode()
  );
  const radios = (
    /** @type {NodeListOf<HTMLInputElement>} */
    root.querySelectorAll('input[type="radio"]')
  );
  const grouped = [...radios].filter((each) => each.name === radio.name && each.form === radio.form);
  return radio.name ? grouped : [radio];
}

// src/arrange.js
function arrange(parent, nodes, lead = null) {
  const places = new Map([...parent.childNodes].map((node, index) => [node, index]));
  const placeOf = (node) => (
    /** @type {number} */
    places.get(node)
  );
  const present = nodes.filter((node) => places.has(node));
  const stay = isRise(present, placeOf) ? new Set(present) : longestRise(present, placeOf, childInUse(parent));
  let previous = lead;
  for (const node of nodes) {
    if (!stay.has(node)) place(parent, node, previous ? previous.nextSibling : parent.firstChild);
    previous = node;
  }
}
function isRise(nodes, placeOf) {
  return nodes.every((node, index) => index === 0 || placeOf(nodes[index - 1]) < placeOf(node));
}
function childInUse(parent) {
  const document2 = parent.ownerDocument;
  const selection = document2?.getSelection();
  const inUse = [document2?.activeElement, selection?.isCollapsed ? null : selection?.anchorNode];
  for (let node of inUse) {
    while (node && node.parentNode !== parent) node = node.parentNode;
    if (node) return (
      /** @type {ChildNode} */
      node
    );
  }
  return null;
}
function place(parent, node, before) {
  if (!node.isConnected || !parent.isConnected || node.getRootNode() !== parent.getRootNode()) {
    parent.insertBefore(node, before);
  } else if (parent.moveBefore) {
    parent.moveBefore(node, before);
  } else {
    const scrolled = scrollPositions(node);
    const active = (
      /** @type {HTMLElement | null} */
      node.ownerDocument?.activeElement ?? null
    );
    const hadFocus = node.contains(active);
    parent.insertBefore(node, before);
    if (hadFocus) active?.focus({ preventScroll: true });
    for (const { element, top, left } of scrolled) Object.assign(element, { scrollTop: top, scrollLeft: left });
  }
}
function scrollPositions(node) {
  if (!(node instanceof Element)) return [];
  return [node, ...node.querySelectorAll("*")].map((element) => ({ element, top: element.scrollTop, left: element.scrollLeft })).filter(({ top, left }) => top || left);
}
function longestRise(nodes, placeOf, pinned) {
  const pin = pinned ? nodes.indexOf(pinned) : -1;
  const lowest = [];
  const before = [];
  nodes.forEach((node, index) => {
    const place2 = placeOf(node);
    if (pin >= 0 && index !== pin && index < pin !== place2 < placeOf(nodes[pin])) return;
    let low = 0;
    let high = lowest.length;
    while (low < high) {
      const middle = low + high >> 1;
      if (placeOf(nodes[lowest[middle]]) < place2) low = middle + 1;
      else high = middle;
    }
    before[index] = low > 0 ? lowest[low - 1] : -1;
    lowest[low] = index;
  });
  const rise = /* @__PURE__ */ new Set();
  for (let index = lowest[lowest.length - 1]; index >= 0; index = before[index]) rise.add(nodes[index]);
  return rise;
}

// src/morph.js
function morph(from, to) {
  if (isKept(from)) return from;
  if (kind(from) !== kind(to)) {
    from.replaceWith(to);
    return to;
  }
  const before = isField(from) && isField(to) ? use(from, to) : null;
  morphAttributes(from, to);
  if (withholdsChildren(from, to)) return from;
  if (!(from instanceof HTMLTextAreaElement)) morphChildren(from, to);
  if (before && isField(from)) follow(from, before);
  return from;
}
function watchFields(document2) {
  document2.addEventListener("input", noteEdit);
  document2.addEventListener("focusout", ({ target: target2 }) => {
    for (let element = target2 instanceof Element ? target2 : null; element; element = element.parentElement) catchUp(element);
  });
}
function settle(fields) {
  take(fields);
  for (const { field } of fields) catchUp(field);
}
function catchUp(element) {
  const to = takeWithheld(element);
  if (to) morph(element, to);
}
function isKept(element) {
  return element.hasAttribute("data-live-keep") || element.hasAttribute("data-live");
}
function kind(element) {
  return element instanceof HTMLInputElement ? `${element.nodeName} ${element.type}` : element.nodeName;
}
function morphAttributes(from, to) {
  for (const { name, value } of [...to.attributes]) {
    if (!isUsersAttribute(from, name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (!isUsersAttribute(from, name) && !to.hasAttribute(name)) from.removeAttribute(name);
  }
}
function morphChildren(from, to) {
  const old = /* @__PURE__ */ new Map();
  for (const node of from.childNodes) {
    const name = identity(node, isMarked(node));
    const alike = old.get(name);
    if (alike) alike.push(node);
    else old.set(name, [node]);
  }
  const wanted = [...to.childNodes].map((node) => {
    const marked = isMarked(node);
    const match = old.get(identity(node, marked))?.shift() ?? old.get(identity(node, !marked))?.shift();
    if (!match) return node;
    if (match instanceof Element) return morph(
      match,
      /** @type {Element} */
      node
    );
    if (match.nodeValue !== node.nodeValue) match.nodeValue = node.nodeValue;
    return match;
  });
  for (const node of [...old.values()].flat()) {
    if (!isMarked(node)) node.remove();
  }
  arrange(from, wanted);
}
function isMarked(node) {
  return node instanceof Element && node.hasAttribute("data-live-keep");
}
function identity(node, marked) {
  if (!(node instanceof Element)) return node.nodeName;
  const like = marked ? `${kind(node)} kept` : kind(node);
  if (node.id) return `${like} #${node.id}`;
  const key = node.getAttribute("data-live-key");
  if (key !== null) return `${like} key ${key}`;
  if (!isField(node)) return like;
  const choice = node instanceof HTMLInputElement && /^(radio|checkbox)$/.test(node.type) ? node.getAttribute("value") : "";
  return `${like} name ${node.name} ${choice}`;
}

// src/subscription.js
var NOTHING = Object.freeze([]);
var _end, _places, _change, _Subscription_instances, applyOne_fn, put_fn, drop_fn, arrange_fn, clear_fn, snapshot_fn;
var Subscription = class {
  /**
   * @param {Parameters<typeof newWire>[0]} target
   * @param {{keys?: Iterable<string>, paint?: Painter}} [page] rows that the page holds already, and what shows them
   */
  constructor(target2, { keys, paint } = {}) {
    __privateAdd(this, _Subscription_instances);
    /** The keys in order. @type {readonly string[]} */
    __publicField(this, "keys", NOTHING);
    /** The rows in order; those of a page's own HTML are in the page only. @type {readonly Row[]} */
    __publicField(this, "rows", NOTHING);
    /** Whether the rows have come. */
    __publicField(this, "filled", false);
    /** Why there are none. @type {RealtimeError | null} */
    __publicField(this, "error", null);
    /** @type {Set<Listener>} */
    __publicField(this, "listeners", /* @__PURE__ */ new Set());
    /** A ring through all places; this one is before the first and after the last. @type {Place} */
    __privateAdd(this, _end, ring());
    /** @type {Map<string, Place>} */
    __privateAdd(this, _places, /* @__PURE__ */ new Map());
    /** Since the last commit. @type {Change | null} */
    __privateAdd(this, _change, null);
    this.wire = newWire(target2);
    this.paint = paint;
    if (keys) {
      for (const key of keys) __privateMethod(this, _Subscription_instances, put_fn).call(this, __privateGet(this, _end).before, key, null);
      __privateMethod(this, _Subscription_instances, snapshot_fn).call(this);
      this.filled = true;
    }
  }
  /**
   * Takes the deltas of one frame. Nothing shows before commit().
   *
   * @param {Delta[]} deltas
   * @param {{fresh: boolean}} options fresh: the rows start from nothing
   * @returns {boolean} false if a delta names a row that is not there, so that the rows must be asked for anew
   */
  apply(deltas, { fresh }) {
    let fits = true;
    if (fresh) __privateMethod(this, _Subscription_instances, clear_fn).call(this);
    for (const delta of deltas) {
      if (delta.reset) {
        __privateMethod(this, _Subscription_instances, clear_fn).call(this);
        fits = true;
      }
      fits && (fits = __privateMethod(this, _Subscription_instances, applyOne_fn).call(this, delta));
    }
    return fits;
  }
  /**
   * Makes what was applied the snapshot.
   *
   * @returns {Change | null} null if nothing has changed
   */
  commit() {
    if (!__privateGet(this, _change) && this.filled) return null;
    const change = __privateGet(this, _change) ?? { puts: /* @__PURE__ */ new Map(), drops: [], reset: false };
    change.drops = this.keys.filter((key) => !__privateGet(this, _places).has(key));
    __privateMethod(this, _Subscription_instances, snapshot_fn).call(this);
    __privateSet(this, _change, null);
    this.filled = true;
    this.error = null;
    return change;
  }
  /** The subscription has ended: its rows leave the page. @param {RealtimeError} error @returns {Change} */
  refuse(error) {
    __privateMethod(this, _Subscription_instances, clear_fn).call(this);
    const change = (
      /** @type {Change} */
      this.commit()
    );
    this.filled = false;
    this.error = error;
    return change;
  }
};
_end = new WeakMap();
_places = new WeakMap();
_change = new WeakMap();
_Subscription_instances = new WeakSet();
/** @param {Delta} delta */
applyOne_fn = function({ drops, puts, order }) {
  if (drops || puts || order) __privateGet(this, _change) ?? __privateSet(this, _change, { puts: /* @__PURE__ */ new Map(), drops: [], reset: false });
  for (const key of drops ?? []) __privateMethod(this, _Subscription_instances, drop_fn).call(this, key);
  let previous = __privateGet(this, _end);
  for (const { key, row, after } of puts ?? []) {
    const place2 = after === void 0 ? previous : after === null ? __privateGet(this, _end) : __privateGet(this, _places).get(after);
    if (!place2 || place2.key === key) return false;
    previous = __privateMethod(this, _Subscription_instances, put_fn).call(this, place2, key, row);
    __privateGet(this, _change)?.puts.set(key, row);
  }
  return order ? __privateMethod(this, _Subscription_instances, arrange_fn).call(this, order) : true;
};
/** @param {Place} place @param {string} key @param {Row | null} row */
put_fn = function(place2, key, row) {
  const held = __privateGet(this, _places).get(key);
  if (held) unlink(held);
  const put = link(place2, key, row);
  __privateGet(this, _places).set(key, put);
  return put;
};
/** @param {string} key */
drop_fn = function(key) {
  const place2 = __privateGet(this, _places).get(key);
  if (!place2) return;
  unlink(place2);
  __privateGet(this, _places).delete(key);
  __privateGet(this, _change)?.puts.delete(key);
};
/** @param {string[]} order */
arrange_fn = function(order) {
  if (!order.every((key) => __privateGet(this, _places).has(key))) return false;
  const wanted = new Set(order);
  for (const key of [...__privateGet(this, _places).keys()]) {
    if (!wanted.has(key)) __privateMethod(this, _Subscription_instances, drop_fn).call(this, key);
  }
  __privateSet(this, _end, ring());
  for (const key of wanted) {
    const { row } = (
      /** @type {Place} */
      __privateGet(this, _places).get(key)
    );
    __privateGet(this, _places).set(key, link(__privateGet(this, _end).before, key, row));
  }
  return true;
};
clear_fn = function() {
  __privateSet(this, _end, ring());
  __privateGet(this, _places).clear();
  __privateSet(this, _change, { puts: /* @__PURE__ */ new Map(), drops: [], reset: true });
};
snapshot_fn = function() {
  const keys = [];
  const rows = [];
  for (let place2 = __privateGet(this, _end).after; place2 !== __privateGet(this, _end); place2 = place2.after) {
    keys.push(place2.key);
    if (place2.row !== null) rows.push(place2.row);
    if (this.paint) place2.row = null;
  }
  this.keys = Object.freeze(keys);
  this.rows = this.paint ? NOTHING : Object.freeze(rows);
};
function ring() {
  const end = (
    /** @type {Place} */
    { key: "", row: null }
  );
  end.before = end.after = end;
  return end;
}
function link(place2, key, row) {
  const linked = { key, row, before: place2, after: place2.after };
  place2.after.before = linked;
  place2.after = linked;
  return linked;
}
function unlink(place2) {
  place2.before.after = place2.after;
  place2.after.before = place2.before;
}

// src/page.js
var _containers, _state, _Page_instances, follow_fn, bindAll_fn, bind_fn, unbind_fn, showState_fn;
var Page = class {
  /** @param {{document: Document, connection: Connection, connect: () => void, report: (error: unknown) => void}} options */
  constructor({ document: document2, connection, connect: connect2, report }) {
    __privateAdd(this, _Page_instances);
    /** @type {Map<Element, Container>} */
    __privateAdd(this, _containers, /* @__PURE__ */ new Map());
    /** @type {string | null} */
    __privateAdd(this, _state, null);
    this.document = document2;
    this.connection = connection;
    this.connect = connect2;
    this.report = report;
  }
  start() {
    watchFields(this.document);
    forgetRestored(this.document);
    this.document.defaultView?.addEventListener("pageshow", ({ persisted }) => persisted || forgetRestored(this.document));
    this.connection.watchers.add(() => __privateMethod(this, _Page_instances, showState_fn).call(this));
    __privateMethod(this, _Page_instances, bindAll_fn).call(this, this.document.documentElement);
    new MutationObserver((records) => __privateMethod(this, _Page_instances, follow_fn).call(this, records)).observe(this.document.documentElement, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["data-live", "data-live-token"]
    });
  }
};
_containers = new WeakMap();
_state = new WeakMap();
_Page_instances = new WeakSet();
/** @param {MutationRecord[]} records */
follow_fn = function(records) {
  for (const [element] of __privateGet(this, _containers)) {
    if (!element.isConnected) __privateMethod(this, _Page_instances, unbind_fn).call(this, element);
  }
  for (const { type, target: target2, addedNodes } of records) {
    const changed = type === "attributes" ? [target2] : addedNodes;
    for (const node of changed) {
      if (!(node instanceof Element)) continue;
      if (type === "attributes" && !__privateGet(this, _containers).get(node)?.isCurrent) __privateMethod(this, _Page_instances, unbind_fn).call(this, node);
      if (node.isConnected) __privateMethod(this, _Page_instances, bindAll_fn).call(this, node);
    }
  }
};
/** @param {Element} root */
bindAll_fn = function(root) {
  const found = [...root.querySelectorAll("[data-live]")];
  if (root.matches("[data-live]")) found.unshift(root);
  for (const element of found) {
    if (!__privateGet(this, _containers).has(element)) __privateMethod(this, _Page_instances, bind_fn).call(this, element);
  }
};
/** @param {Element} element */
bind_fn = function(element) {
  try {
    const container = new Container(element, (name) => [...__privateGet(this, _containers).values()].filter((each) => each.name === name));
    __privateGet(this, _containers).set(element, container);
    this.connection.subscribe(container.subscription);
    this.connect();
  } catch (error) {
    this.report(error);
  }
};
/** @param {Element} element */
unbind_fn = function(element) {
  const container = __privateGet(this, _containers).get(element);
  if (!container) return;
  __privateGet(this, _containers).delete(element);
  container.release();
  this.connection.unsubscribe(container.subscription);
};
showState_fn = function() {
  const { state, fault } = this.connection;
  for (const [element, { subscription }] of __privateGet(this, _containers)) {
    show(element, "data-live-state", this.connection.stateOf(subscription));
  }
  if (state === __privateGet(this, _state)) return;
  __privateSet(this, _state, state);
  show(this.document.documentElement, "data-realtime", state);
  const detail = fault ? { state, reason: fault.reason, code: fault.code } : { state };
  this.document.dispatchEvent(new CustomEvent("realtime:state", { detail }));
};
var _lead, _Container_instances, paint_fn, collect_fn, awaited_fn, leaving_fn, rows_fn, tell_fn3;
var Container = class {
  /**
   * @param {Element} element
   * @param {(name: string) => Container[]} containersOf those of a stream
   */
  constructor(element, containersOf) {
    __privateAdd(this, _Container_instances);
    /** The child before the first row. @type {ChildNode | null} */
    __privateAdd(this, _lead, null);
    this.element = element;
    this.containersOf = containersOf;
    this.name = element.getAttribute("data-live") ?? "";
    this.token = element.getAttribute("data-live-token") ?? void 0;
    this.subscription = new Subscription(
      {
        token: this.token,
        stream: this.name,
        params: readJSON(element, "data-live-params") ?? (this.token ? void 0 : {}),
        format: "html",
        cursor: element.getAttribute("data-live-cursor")
      },
      { keys: __privateMethod(this, _Container_instances, rows_fn).call(this).keys(), paint: (keys, change) => __privateMethod(this, _Container_instances, paint_fn).call(this, keys, change) }
    );
    this.subscription.listeners.add((_rows, change) => __privateMethod(this, _Container_instances, tell_fn3).call(this, change));
  }
  /** Whether the element still asks for what it is bound to. */
  get isCurrent() {
    const { element, name, token } = this;
    return element.getAttribute("data-live") === name && (element.getAttribute("data-live-token") ?? void 0) === token;
  }
  /** Leaves the element such that it can be bound again. */
  release() {
    show(this.element, "data-live-cursor", this.subscription.wire.cursor);
    show(this.element, "data-live-state", null);
  }
};
_lead = new WeakMap();
_Container_instances = new WeakSet();
/** @type {import("./subscription.js").Painter} */
paint_fn = function(keys, { puts }) {
  const rows = __privateMethod(this, _Container_instances, rows_fn).call(this);
  if (!keys.every((key) => rows.has(key) || puts.has(key))) return false;
  const first = rows.values().next().value;
  if (first) __privateSet(this, _lead, first.previousSibling);
  const wanted = new Set(keys);
  const gone = [...this.element.children].filter((child) => {
    const key = child.getAttribute("data-live-key");
    return key !== null && !(wanted.has(key) && rows.get(key) === child);
  });
  const awaited = gone.length ? __privateMethod(this, _Container_instances, collect_fn).call(this, (other) => {
    var _a;
    return __privateMethod(_a = other, _Container_instances, awaited_fn).call(_a);
  }) : /* @__PURE__ */ new Map();
  for (const child of gone) {
    if (!awaited.has(child.getAttribute("data-live-key"))) child.remove();
  }
  const leaving = [...puts.keys()].every((key) => rows.has(key)) ? /* @__PURE__ */ new Map() : __privateMethod(this, _Container_instances, collect_fn).call(this, (other) => {
    var _a;
    return __privateMethod(_a = other, _Container_instances, leaving_fn).call(_a);
  });
  for (const [key, html] of puts) {
    const row = parse(String(html), key, this.element.ownerDocument);
    const shown = rows.get(key) ?? leaving.get(key);
    rows.set(key, shown ? morph(shown, row) : row);
  }
  const lead = __privateGet(this, _lead)?.parentNode === this.element ? __privateGet(this, _lead) : null;
  arrange(this.element, keys.map((key) => (
    /** @type {Element} */
    rows.get(key)
  )), lead);
  return true;
};
/** From the stream's other containers. @template T @param {(other: Container) => [string, T][]} part @returns {Map<string, T>} */
collect_fn = function(part) {
  return new Map(this.containersOf(this.name).flatMap((other) => other === this ? [] : part(other)));
};
/** The keys whose rows are still to be painted. @returns {[string, true][]} */
awaited_fn = function() {
  const rows = __privateMethod(this, _Container_instances, rows_fn).call(this);
  return this.subscription.keys.filter((key) => !rows.has(key)).map((key) => [key, true]);
};
/** The rows that are still to be removed. */
leaving_fn = function() {
  const wanted = new Set(this.subscription.keys);
  return [...__privateMethod(this, _Container_instances, rows_fn).call(this)].filter(([key]) => !wanted.has(key));
};
/** @returns {Map<string, Element>} */
rows_fn = function() {
  const rows = /* @__PURE__ */ new Map();
  for (const child of this.element.children) {
    const key = child.getAttribute("data-live-key");
    if (key !== null && !rows.has(key)) rows.set(key, child);
  }
  return rows;
};
/** @param {Change} change */
tell_fn3 = function({ puts, drops, reset }) {
  const { error } = this.subscription;
  const event = error ? new CustomEvent("realtime:error", { bubbles: true, detail: error }) : new CustomEvent("realtime:change", { bubbles: true, detail: { puts: [...puts.keys()], drops, reset } });
  this.element.dispatchEvent(event);
};
function readJSON(element, name) {
  const text = element.getAttribute(name);
  if (text === null) return void 0;
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
  } catch {
  }
  throw new RealtimeError(null, `The attribute ${name} must be a JSON object, not '${text}'.`, { name: "bad_arguments" });
}
function parse(html, key, document2) {
  const template = document2.createElement("template");
  template.innerHTML = html;
  const row = template.content.firstElementChild;
  if (!row) throw new Error(`The row '${key}' has no element: a row's template must have one root element.`);
  row.setAttribute("data-live-key", key);
  return row;
}
function show(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// src/controls.js
var FIELDS = "select, textarea, input:not([type=button], [type=submit], [type=reset], [type=image])";
var _running, _Controls_instances, click_fn, submit_fn, changed_fn, run_fn, count_fn;
var Controls = class {
  /** @param {{document: Document, call: Caller}} options */
  constructor({ document: document2, call: call2 }) {
    __privateAdd(this, _Controls_instances);
    /** Calls under way, by element. @type {WeakMap<Element, number>} */
    __privateAdd(this, _running, /* @__PURE__ */ new WeakMap());
    this.document = document2;
    this.call = call2;
  }
  start() {
    this.document.addEventListener("click", (event) => __privateMethod(this, _Controls_instances, click_fn).call(this, event));
    this.document.addEventListener("submit", (event) => __privateMethod(this, _Controls_instances, submit_fn).call(this, event));
    this.document.addEventListener("change", ({ target: target2 }) => __privateMethod(this, _Controls_instances, changed_fn).call(this, target2));
  }
};
_running = new WeakMap();
_Controls_instances = new WeakSet();
/** @param {MouseEvent} event */
click_fn = function(event) {
  const element = event.target instanceof Element ? event.target.closest("[data-live-call]") : null;
  if (!element || element instanceof HTMLFormElement || element.matches(FIELDS) || event.defaultPrevented) return;
  event.preventDefault();
  if (!__privateGet(this, _running).has(element)) __privateMethod(this, _Controls_instances, run_fn).call(this, element, () => ({}));
};
/** @param {SubmitEvent} event */
submit_fn = function(event) {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-live-call") || event.defaultPrevented) return;
  event.preventDefault();
  if (!__privateGet(this, _running).has(form)) __privateMethod(this, _Controls_instances, run_fn).call(this, form, () => formArgs(form, event.submitter));
};
/** @param {EventTarget | null} target */
changed_fn = function(target2) {
  if (target2 instanceof Element && target2.matches(FIELDS) && target2.hasAttribute("data-live-call")) {
    __privateMethod(this, _Controls_instances, run_fn).call(this, target2, () => fieldArgs(target2));
  }
};
run_fn = async function(element, ownArgs) {
  const held = contents(element);
  showErrors(element, null);
  __privateMethod(this, _Controls_instances, count_fn).call(this, element, 1);
  try {
    const { stream, params } = target(element);
    const args = { ...readJSON(element, "data-live-args"), ...ownArgs() };
    const result = await this.call(stream, params, element.getAttribute("data-live-call") ?? "", args);
    settle(held);
    if (element instanceof HTMLFormElement && element.hasAttribute("data-live-reset")) element.reset();
    emit(element, "realtime:reply", result);
  } catch (error) {
    if (!(element instanceof HTMLFormElement)) held.forEach(({ field }) => restoreChoice(field));
    showErrors(element, error);
    emit(element, "realtime:error", error);
  } finally {
    __privateMethod(this, _Controls_instances, count_fn).call(this, element, -1);
  }
};
/** @param {Element} element @param {1 | -1} step */
count_fn = function(element, step) {
  const running = (__privateGet(this, _running).get(element) ?? 0) + step;
  if (running) __privateGet(this, _running).set(element, running);
  else __privateGet(this, _running).delete(element);
  if (running) element.setAttribute("aria-busy", "true");
  else element.removeAttribute("aria-busy");
};
function target(element) {
  const owner = element.closest("[data-live], [data-live-stream]");
  if (!owner) {
    const reason = "An element with data-live-call must stand in one with data-live, or with data-live-stream and data-live-params.";
    throw new RealtimeError(null, reason, { name: "bad_arguments" });
  }
  const stream = owner.getAttribute("data-live") ?? owner.getAttribute("data-live-stream") ?? "";
  return { stream, params: readJSON(owner, "data-live-params") ?? {} };
}
function formArgs(form, submitter) {
  const data = new FormData(form);
  const { name, value } = (
    /** @type {{name?: string, value?: string}} */
    submitter ?? {}
  );
  if (name) data.append(name, value ?? "");
  data.delete("csrfmiddlewaretoken");
  const args = {};
  for (const name2 of new Set(data.keys())) {
    const values = data.getAll(name2);
    if (values.some((each) => typeof each !== "string")) {
      throw new RealtimeError(null, `The field '${name2}' holds a file: files are not sent with an action.`, { name: "bad_arguments" });
    }
    const field = form.elements.namedItem(name2);
    const several = values.length > 1 || field instanceof HTMLSelectElement && field.multiple;
    args[name2] = several ? values : values[0];
  }
  return args;
}
function fieldArgs(element) {
  const field = (
    /** @type {import("./fields.js").Field} */
    element
  );
  if (!field.name) return {};
  if (field.type === "checkbox") return { [field.name]: (
    /** @type {HTMLInputElement} */
    field.checked
  ) };
  if (field instanceof HTMLSelectElement && field.multiple) {
    return { [field.name]: [...field.selectedOptions].map(({ value }) => value) };
  }
  return { [field.name]: field.value };
}
function restoreChoice(field) {
  if (field instanceof HTMLSelectElement || field.type === "checkbox" || field.type === "radio") restore(field);
}
function showErrors(form, error) {
  if (!(form instanceof HTMLFormElement)) return;
  const details = error instanceof RealtimeError ? error.details : {};
  for (const place2 of form.querySelectorAll("[data-live-error]")) {
    const field = place2.getAttribute("data-live-error") ?? "";
    const sentences = field ? details[field] : error instanceof Error ? [error.message] : [];
    place2.textContent = (sentences ?? []).join(" ");
  }
}
function emit(element, type, detail) {
  const heard = element.isConnected ? element : element.ownerDocument;
  heard.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
}

// src/live.js
var _ends, _close, _connection, _subscription;
var LiveQuery = class {
  /**
   * @param {{connection: Connection, subscription: Subscription, stream: string, params: Params, close: () => void}} options
   */
  constructor({ connection, subscription, stream, params, close }) {
    /** What ends each of this user's listeners. @type {Set<() => void>} */
    __privateAdd(this, _ends, /* @__PURE__ */ new Set());
    __privateAdd(this, _close);
    __privateAdd(this, _connection);
    __privateAdd(this, _subscription);
    /**
     * Calls back at once if the rows are there, and after each change.
     *
     * @param {(rows: readonly any[]) => void} callback
     * @returns {() => void} ends it
     */
    __publicField(this, "subscribe", (callback) => {
      const listener = () => callback(this.rows);
      __privateGet(this, _subscription).listeners.add(listener);
      if (__privateGet(this, _subscription).filled) callback(this.rows);
      const end = () => void __privateGet(this, _subscription).listeners.delete(listener);
      __privateGet(this, _ends).add(end);
      return () => {
        end();
        __privateGet(this, _ends).delete(end);
      };
    });
    /** The rows, as React's useSyncExternalStore(query.subscribe, query.getSnapshot) wants them. */
    __publicField(this, "getSnapshot", () => this.rows);
    __privateSet(this, _connection, connection);
    __privateSet(this, _subscription, subscription);
    __privateSet(this, _close, close);
    this.stream = stream;
    this.params = params;
  }
  /** The rows in order: an array that never changes; a change brings another. @returns {readonly any[]} */
  get rows() {
    return __privateGet(this, _subscription).rows;
  }
  /** The primary keys of the rows, as strings. */
  get keys() {
    return __privateGet(this, _subscription).keys;
  }
  /** "connecting", "catching-up", "live", "offline" or "refused". */
  get state() {
    return __privateGet(this, _connection).stateOf(__privateGet(this, _subscription));
  }
  /** Why the state is "refused". */
  get error() {
    return __privateGet(this, _subscription).error;
  }
  /**
   * Calls an action of the stream.
   *
   * @param {string} action
   * @param {Record<string, unknown>} [args]
   * @param {{timeout?: number}} [options] seconds
   * @returns {Promise<any>}
   */
  call(action, args = {}, options = {}) {
    return __privateGet(this, _connection).calls.call({ stream: this.stream, params: this.params, action, args }, options);
  }
  /** Ends this use; the last one to end leaves the live query. */
  close() {
    for (const end of __privateGet(this, _ends)) end();
    __privateGet(this, _ends).clear();
    __privateGet(this, _close).call(this);
    __privateSet(this, _close, () => {
    });
  }
};
_ends = new WeakMap();
_close = new WeakMap();
_connection = new WeakMap();
_subscription = new WeakMap();
var _held;
var LiveQueries = class {
  /** @param {Connection} connection */
  constructor(connection) {
    /** @type {Map<string, {subscription: Subscription, uses: number}>} */
    __privateAdd(this, _held, /* @__PURE__ */ new Map());
    this.connection = connection;
  }
  /** @param {string} stream @param {Params} params */
  open(stream, params) {
    const id = JSON.stringify([stream, sorted(params)]);
    let held = __privateGet(this, _held).get(id);
    if (!held) {
      held = { subscription: new Subscription({ stream, params, format: "data", cursor: null }), uses: 0 };
      __privateGet(this, _held).set(id, held);
      this.connection.subscribe(held.subscription);
    }
    held.uses += 1;
    const shared = held;
    const close = () => {
      shared.uses -= 1;
      if (shared.uses) return;
      __privateGet(this, _held).delete(id);
      this.connection.unsubscribe(shared.subscription);
    };
    return new LiveQuery({ connection: this.connection, subscription: held.subscription, stream, params, close });
  }
};
_held = new WeakMap();
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([, each]) => each !== void 0);
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1).map(([name, each]) => [name, sorted(each)]));
}

// src/monitor.js
var OPEN_SECONDS = 10;
var FIRST_DELAY_SECONDS = 0.5;
var LONGEST_DELAY_SECONDS = 15;
var GOOD_SECONDS = 10;
var BROWSER_CLOCK = {
  now: () => Date.now() / 1e3,
  // not performance.now(), which stands still while some systems sleep
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer),
  random: () => Math.random()
};
var _handlers, _mode, _timer, _heard, _patience, _notBefore, _attempts, _welcomed, _wasOffline, _hidden, _Monitor_instances, watch_fn, arm_fn, fire_fn, listen_fn, wake_fn, offline_fn, online_fn;
var Monitor = class {
  /** @param {{clock?: Clock, window?: EventTarget, document?: Pick<Document, "addEventListener" | "visibilityState">}} [environment] */
  constructor({ clock = BROWSER_CLOCK, window: window2 = globalThis.window, document: document2 = globalThis.document } = {}) {
    __privateAdd(this, _Monitor_instances);
    /** @type {Handlers | null} */
    __privateAdd(this, _handlers, null);
    /** @type {"resting" | "waiting" | "watching"} */
    __privateAdd(this, _mode, "resting");
    /** @type {any} */
    __privateAdd(this, _timer, null);
    __privateAdd(this, _heard, 0);
    // when the server was heard last, or began to be expected
    __privateAdd(this, _patience, 0);
    // seconds of silence that are borne
    __privateAdd(this, _notBefore, 0);
    // the server wants nobody back before then
    __privateAdd(this, _attempts, 0);
    /** When the server said welcome, if it did. @type {number | null} */
    __privateAdd(this, _welcomed, null);
    __privateAdd(this, _wasOffline, false);
    __privateAdd(this, _hidden, false);
    this.clock = clock;
    this.window = window2;
    this.document = document2;
  }
  /** @param {Handlers} handlers */
  start(handlers) {
    __privateSet(this, _handlers, handlers);
    this.window?.addEventListener("offline", () => __privateMethod(this, _Monitor_instances, offline_fn).call(this));
    this.window?.addEventListener("online", () => __privateMethod(this, _Monitor_instances, online_fn).call(this));
    this.window?.addEventListener("pagehide", () => {
      __privateSet(this, _hidden, true);
      handlers.suspend();
    });
    this.window?.addEventListener("pageshow", () => {
      if (__privateGet(this, _hidden)) handlers.resume();
      __privateSet(this, _hidden, false);
    });
    this.document?.addEventListener("visibilitychange", () => {
      if (this.document.visibilityState === "visible") __privateMethod(this, _Monitor_instances, wake_fn).call(this);
    });
  }
  /** A connection is being opened, or greeted. */
  expect() {
    __privateMethod(this, _Monitor_instances, watch_fn).call(this, OPEN_SECONDS);
  }
  /** The server has said welcome, and that it will beat. @param {number} beat seconds */
  welcome(beat) {
    __privateSet(this, _welcomed, this.clock.now());
    __privateMethod(this, _Monitor_instances, watch_fn).call(this, 2 * beat);
  }
  heard() {
    __privateSet(this, _heard, this.clock.now());
  }
  /** No connection: the next attempt is due after a delay. @param {number} retry seconds that the server asks for */
  wait(retry) {
    const now = this.clock.now();
    if (__privateGet(this, _welcomed) !== null && now - __privateGet(this, _welcomed) >= GOOD_SECONDS) __privateSet(this, _attempts, 0);
    __privateSet(this, _welcomed, null);
    __privateSet(this, _notBefore, now + retry);
    __privateSet(this, _mode, "waiting");
    __privateMethod(this, _Monitor_instances, arm_fn).call(this, retry + this.delay(__privateWrapper(this, _attempts)._++));
  }
  rest() {
    __privateSet(this, _mode, "resting");
    this.clock.clearTimeout(__privateGet(this, _timer));
  }
  /** Seconds to wait after so many failures in a row: random, so that clients do not come back together. @param {number} failures */
  delay(failures) {
    return this.clock.random() * Math.min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** failures);
  }
  /** @param {number} seconds @param {() => void} callback @returns {() => void} cancels */
  after(seconds, callback) {
    const timer = this.clock.setTimeout(callback, seconds * 1e3);
    return () => this.clock.clearTimeout(timer);
  }
};
_handlers = new WeakMap();
_mode = new WeakMap();
_timer = new WeakMap();
_heard = new WeakMap();
_patience = new WeakMap();
_notBefore = new WeakMap();
_attempts = new WeakMap();
_welcomed = new WeakMap();
_wasOffline = new WeakMap();
_hidden = new WeakMap();
_Monitor_instances = new WeakSet();
/** @param {number} patience */
watch_fn = function(patience) {
  __privateSet(this, _mode, "watching");
  __privateSet(this, _patience, patience);
  this.heard();
  __privateMethod(this, _Monitor_instances, arm_fn).call(this, patience);
};
/** @param {number} seconds */
arm_fn = function(seconds) {
  this.clock.clearTimeout(__privateGet(this, _timer));
  __privateSet(this, _timer, this.clock.setTimeout(() => __privateMethod(this, _Monitor_instances, fire_fn).call(this), seconds * 1e3));
};
fire_fn = function() {
  if (__privateGet(this, _mode) === "waiting") __privateGet(this, _handlers)?.due();
  else if (__privateGet(this, _mode) === "watching") __privateMethod(this, _Monitor_instances, listen_fn).call(this);
};
/** One timer for many messages: it looks how long the silence has lasted, and sleeps on for the rest. */
listen_fn = function() {
  const silence = this.clock.now() - __privateGet(this, _heard);
  if (silence < 0) this.heard();
  const rest = __privateGet(this, _patience) - Math.max(0, silence);
  if (rest <= 0) __privateGet(this, _handlers)?.silent();
  else __privateMethod(this, _Monitor_instances, arm_fn).call(this, rest);
};
/** The user looks, or the network is back: no reason to wait on. */
wake_fn = function() {
  if (__privateGet(this, _mode) === "watching") __privateMethod(this, _Monitor_instances, listen_fn).call(this);
  if (__privateGet(this, _mode) !== "waiting") return;
  const rest = __privateGet(this, _notBefore) - this.clock.now();
  if (rest > 0) __privateMethod(this, _Monitor_instances, arm_fn).call(this, rest);
  else __privateGet(this, _handlers)?.due();
};
offline_fn = function() {
  __privateSet(this, _wasOffline, true);
  if (__privateGet(this, _mode) === "watching") __privateGet(this, _handlers)?.silent();
};
online_fn = function() {
  if (__privateGet(this, _wasOffline) && __privateGet(this, _mode) === "watching") __privateGet(this, _handlers)?.silent();
  __privateSet(this, _wasOffline, false);
  __privateMethod(this, _Monitor_instances, wake_fn).call(this);
};

// src/transports/websocket.js
var ABNORMAL = 1006;
var _socket, _handlers2, _WebSocketTransport_instances, closed_fn;
var WebSocketTransport = class {
  /** @param {string} url */
  constructor(url) {
    __privateAdd(this, _WebSocketTransport_instances);
    /** @type {WebSocket | null} */
    __privateAdd(this, _socket, null);
    /** @type {TransportHandlers | null} */
    __privateAdd(this, _handlers2, null);
    this.url = url;
  }
  /** @param {TransportHandlers} handlers */
  on(handlers) {
    __privateSet(this, _handlers2, handlers);
  }
  open() {
    try {
      __privateSet(this, _socket, new WebSocket(this.url));
    } catch (error) {
      queueMicrotask(() => __privateMethod(this, _WebSocketTransport_instances, closed_fn).call(this, ABNORMAL, String(error)));
      return;
    }
    __privateGet(this, _socket).onopen = () => __privateGet(this, _handlers2)?.opened();
    __privateGet(this, _socket).onmessage = ({ data }) => __privateGet(this, _handlers2)?.message(data);
    __privateGet(this, _socket).onclose = ({ code, reason }) => __privateMethod(this, _WebSocketTransport_instances, closed_fn).call(this, code, reason);
  }
  /** @param {string} text */
  send(text) {
    __privateGet(this, _socket)?.send(text);
  }
  close() {
    __privateSet(this, _handlers2, null);
    __privateGet(this, _socket)?.close();
  }
};
_socket = new WeakMap();
_handlers2 = new WeakMap();
_WebSocketTransport_instances = new WeakSet();
/** @param {number} code @param {string} reason */
closed_fn = function(code, reason) {
  const handlers = __privateGet(this, _handlers2);
  __privateSet(this, _handlers2, null);
  handlers?.closed(code, reason);
};

// src/realtime.js
var MARK = /* @__PURE__ */ Symbol.for("realtime");
function create() {
  let chosen;
  const connection = new Connection({
    monitor: new Monitor(),
    newTransport: (url) => new WebSocketTransport(url),
    report: (error) => console.error(error)
  });
  const queries = new LiveQueries(connection);
  const address = () => {
    const path = chosen ?? document.querySelector("script[data-realtime-url]")?.getAttribute("data-realtime-url");
    if (!path) {
      throw new Error("The address of the server is not known: put {% realtime_script %} into the page, or call connect({url}).");
    }
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace(/^http/, "ws");
    url.hash = "";
    return url.href;
  };
  const connect2 = ({ url } = {}) => {
    chosen = url ?? chosen;
    connection.connect(address());
  };
  const live2 = (name, params = {}) => {
    keepConnected();
    return queries.open(name, params);
  };
  const call2 = async (stream, params, action, args = {}, options = {}) => {
    keepConnected();
    return connection.calls.call({ stream, params, action, args }, options);
  };
  const keepConnected = () => {
    if (connection.state === null) connect2();
  };
  const start = () => {
    new Page({ document, connection, connect: keepConnected, report: (error) => console.error(error) }).start();
    new Controls({ document, call: call2 }).start();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
  return {
    [MARK]: true,
    connect: connect2,
    live: live2,
    call: call2,
    RealtimeError,
    codes,
    /** "connecting", "catching-up", "live", "offline" or "refused"; null before anything was asked for. */
    get state() {
      return connection.state;
    }
  };
}
var global = window;
var realtime = global.realtime?.[MARK] ? global.realtime : create();
global.realtime = realtime;
var { connect, live, call, RealtimeError: RealtimeError2, codes: codes2 } = realtime;
var realtime_default = realtime;
export {
  RealtimeError2 as RealtimeError,
  call,
  codes2 as codes,
  connect,
  realtime_default as default,
  live
};
