// Made from browser/src by `npm run build`; change it there.

// src/messages.js
var VERSION = 1;
var codes = Object.freeze({
  going_away: 4e3,
  internal_error: 4001,
  overloaded: 4002,
  timeout: 4003,
  token_expired: 4100,
  session_ended: 4101,
  csrf_failed: 4102,
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
  action_refused: 4218,
  stale: 4219,
  unknown_event: 4220
});
var names = new Map(Object.entries(codes).map(([name, code]) => [code, name]));
function remedy(code) {
  if (code >= 4200 && code < 4300) return "stop";
  if (code >= 4100 && code < 4200) return "ask anew";
  return "come back";
}
function valueFormat(name) {
  if (/^[\p{L}\p{N}_]{1,100}$/u.test(name)) return `value:${name}`;
  const reason = `The name of a live value is made of letters, digits and underscores: '${name}' cannot be one.`;
  throw new RealtimeError(null, reason, { name: "bad_arguments" });
}
function sorted(value2) {
  if (Array.isArray(value2)) return value2.map(sorted);
  if (value2 === null || typeof value2 !== "object") return value2;
  const entries = Object.entries(value2).filter(([, each]) => each !== void 0);
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1).map(([name, each]) => [name, sorted(each)]));
}
var RealtimeError = class extends Error {
  /**
   * @param {number | null} code
   * @param {string} reason
   * @param {{name?: string, details?: Details, version?: string}} [options]
   */
  constructor(code, reason, { name, details = {}, version } = {}) {
    super(reason);
    this.code = code;
    this.name = name ?? (code === null ? "closed" : names.get(code) ?? `code_${code}`);
    this.details = details;
    this.version = version;
  }
};

// src/calls.js
var MAX_WAITING = 100;
var TIMEOUT_SECONDS = 30;
var REPEAT_SECONDS = 1800;
var Calls = class {
  /** @type {Map<string, Call>} */
  #calls = /* @__PURE__ */ new Map();
  #open = false;
  /** Why no call is taken any more. @type {{code: number, reason: string} | null} */
  #refusal = null;
  /**
   * @param {{
   *   send: (text: string) => void,
   *   after: (seconds: number, callback: () => void) => () => void,
   *   now: () => number,
   *   ended?: (id: string) => void,
   *   changed?: () => void,
   * }} options now: in seconds; ended: the call has failed, or is settled; changed: a call waits, or waits no longer
   */
  constructor({ send: send3, after, now, ended = () => {
  }, changed = () => {
  } }) {
    this.send = send3;
    this.after = after;
    this.now = now;
    this.ended = ended;
    this.changed = changed;
  }
  /** How many wait for the connection. */
  get waiting() {
    return [...this.#calls.values()].filter(({ state }) => state === "waiting").length;
  }
  /**
   * @param {Target} target
   * @param {CallOptions} [options] timeout: in seconds, until the reply
   * @returns {CallPromise}
   */
  call(target2, { timeout = TIMEOUT_SECONDS, before = () => {
  } } = {}) {
    const id = newId();
    const { call: call2, promise } = newCall(id, this.now());
    try {
      if (this.#refusal) throw new RealtimeError(this.#refusal.code, this.#refusal.reason);
      if (!this.#open && this.waiting >= MAX_WAITING) {
        const reason = `${MAX_WAITING} calls wait for the connection already: call again when it is back.`;
        throw new RealtimeError(null, reason, { name: "queue_full" });
      }
      call2.text = encode({ type: "call", id, ...target2 });
      before(id);
    } catch (error) {
      call2.reject(error);
      return promise;
    }
    if (Number.isFinite(timeout)) call2.cancelTimer = this.after(timeout, () => this.#expire(id, timeout));
    this.#calls.set(id, call2);
    if (this.#open) this.#send(call2);
    this.changed();
    return promise;
  }
  /** A call that cannot be made. @param {unknown} error @returns {CallPromise} */
  refuse(error) {
    const { call: call2, promise } = newCall(newId(), this.now());
    call2.reject(error);
    return promise;
  }
  /** The connection is there: what has waited goes out, and what has not been answered or settled is repeated. */
  opened() {
    this.#open = true;
    this.#refusal = null;
    const now = this.now();
    for (const [id, call2] of this.#calls) {
      const repeatable = !call2.everSent || now - call2.made < REPEAT_SECONDS;
      if (call2.state === "answered" && (!repeatable || call2.arrived)) call2.arrived = true;
      else if (repeatable) this.#send(call2);
      else this.#fail(id, unknownOutcome("It was sent too long ago to be repeated"));
    }
  }
  /** The connection is gone. */
  interrupted() {
    this.#open = false;
    for (const call2 of this.#calls.values()) {
      if (call2.state === "sent") call2.state = "waiting";
    }
  }
  /** The server wants no connection. @param {{code: number, reason: string}} refusal */
  refused(refusal) {
    this.#refusal = refusal;
    for (const id of [...this.#calls.keys()]) this.#fail(id, new RealtimeError(refusal.code, refusal.reason));
  }
  /** A connection is tried again after a refusal. */
  retried() {
    this.#refusal = null;
  }
  /** @param {import("./messages.js").Reply} reply */
  reply({ id, result, error }) {
    const call2 = this.#calls.get(id);
    if (!call2) return;
    call2.cancelTimer();
    if (call2.state === "answered") {
      if (error) call2.arrived = true;
    } else if (error) {
      this.#fail(id, new RealtimeError(error.code, error.reason, { details: error.details, version: error.version }));
    } else {
      call2.state = "answered";
      call2.resolve(result);
    }
  }
  /** A frame brings the effects of these calls. @param {Iterable<string>} ids */
  arrive(ids) {
    for (const id of ids) {
      const call2 = this.#calls.get(id);
      if (call2) call2.arrived = true;
    }
  }
  /** All subscriptions are live: what has arrived is in all of them. */
  settle() {
    for (const [id, call2] of this.#calls) {
      if (!call2.arrived || call2.state !== "answered") continue;
      this.#calls.delete(id);
      this.ended(id);
      call2.settle();
    }
  }
  /** @param {Call} call */
  #send(call2) {
    if (call2.state !== "answered") call2.state = "sent";
    call2.everSent = true;
    this.send(call2.text);
  }
  /** @param {string} id @param {number} timeout */
  #expire(id, timeout) {
    const outcome = this.#calls.get(id)?.everSent ? "it is not known whether the action ran" : "there was no connection, and it was not sent";
    this.#fail(id, new RealtimeError(null, `No reply within ${timeout} seconds: ${outcome}.`, { name: "no_reply" }));
    this.changed();
  }
  /** @param {string} id @param {RealtimeError} error */
  #fail(id, error) {
    const call2 = this.#calls.get(id);
    if (!call2) return;
    this.#calls.delete(id);
    call2.cancelTimer();
    this.ended(id);
    call2.reject(error);
  }
};
function newCall(id, made) {
  const call2 = { text: "", made, state: "waiting", everSent: false, arrived: false, cancelTimer: () => {
  } };
  let rejectSettled;
  const settled = (
    /** @type {Promise<void>} */
    new Promise((resolve, reject) => {
      call2.settle = () => {
        call2.state = "settled";
        resolve(void 0);
      };
      rejectSettled = reject;
    })
  );
  settled.catch(() => {
  });
  const promise = new Promise((resolve, reject) => {
    call2.resolve = resolve;
    call2.reject = (error) => {
      call2.state = "failed";
      reject(error);
      rejectSettled(error);
    };
  });
  Object.defineProperties(promise, { id: { value: id }, state: { get: () => call2.state }, settled: { value: settled } });
  return { call: call2, promise: (
    /** @type {CallPromise} */
    promise
  ) };
}
function unknownOutcome(what) {
  return new RealtimeError(null, `${what}: it is not known whether the action ran.`, { name: "outcome_unknown" });
}
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

// src/events.js
var EventListeners = class {
  /** @type {Map<string, Set<EventListener>>} */
  #byName = /* @__PURE__ */ new Map();
  /** Those who want every event. @type {Set<EventListener>} */
  all = /* @__PURE__ */ new Set();
  /** @param {string} name @param {EventListener} callback @returns {() => void} ends it */
  on(name, callback) {
    const listener = (
      /** @type {EventListener} */
      ((data, about) => callback(data, about))
    );
    const listeners = this.#byName.get(name) ?? /* @__PURE__ */ new Set();
    this.#byName.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }
  /** @param {string} name @returns {EventListener[]} */
  of(name) {
    return [...this.#byName.get(name) ?? [], ...this.all];
  }
};

// src/wires.js
function newWire({ view = "", ...target2 }) {
  return { ...target2, view, nextView: "", id: 0, query: null, log: null, status: "wanted", failures: 0, present: null };
}
var Wires = class {
  /** @type {Set<Wire>} */
  #wires = /* @__PURE__ */ new Set();
  #nextId = 1;
  /** @param {Wire} wire */
  add(wire) {
    this.#wires.add(wire);
  }
  /** @param {Wire} wire */
  has(wire) {
    return this.#wires.has(wire);
  }
  /** @param {Wire} wire @returns {ClientMessage[]} what tells an open connection */
  remove(wire) {
    this.#wires.delete(wire);
    return this.#leave(wire);
  }
  /** All that are not refused are live. */
  get live() {
    return [...this.#wires].every((wire) => wire.status === "live" || wire.status === "refused");
  }
  /** There is something, and all of it is refused. */
  get refused() {
    return this.#wires.size > 0 && [...this.#wires].every((wire) => wire.status === "refused");
  }
  /** No answer is awaited. */
  get settled() {
    return [...this.#wires].every(({ status: status2 }) => status2 === "live" || status2 === "delayed" || status2 === "refused");
  }
  /** The messages that ask for the wire. @param {Wire} wire @returns {ClientMessage[]} */
  ask(wire) {
    Object.assign(wire, { id: this.#nextId++, status: "asked" });
    const { id, token, stream, params = {}, format, cursor, view } = wire;
    const target2 = token ? { token } : { stream, params, format };
    const held = cursor === null ? {} : view ? { cursor, view } : { cursor };
    const asked = { type: "subscribe", id, ...target2, ...held };
    return wire.present ? [asked, { type: "present", id, data: wire.present }] : [asked];
  }
  askAll() {
    return [...this.#wires].filter(({ status: status2 }) => status2 !== "refused").flatMap((wire) => this.ask(wire));
  }
  /** An event is lost where the wire is not live. @param {Wire} wire @param {string} name @param {unknown} data @returns {ClientMessage[]} */
  tell({ id, status: status2 }, name, data) {
    return status2 !== "asked" && isHeld(status2) ? [{ type: "send", id, name, data }] : [];
  }
  /** @param {Wire} wire @param {object} data @returns {ClientMessage[]} */
  present(wire, data) {
    wire.present = data;
    return isHeld(wire.status) ? [{ type: "present", id: wire.id, data }] : [];
  }
  /** Those that an event is for. @param {number} query */
  of(query) {
    return [...this.#wires].filter((wire) => wire.query === query);
  }
  /** Asks another server to go on; where the rows are live they stay so. @param {Send[]} events on their way to the last one */
  renewAll(events) {
    return [...this.#wires].filter(({ status: status2 }) => status2 !== "refused" && status2 !== "delayed").flatMap((wire) => {
      const isLive = wire.status === "live";
      const own = events.filter(({ id }) => id === wire.id);
      const messages = [...this.ask(wire), ...own.map((event) => ({ ...event, id: wire.id }))];
      Object.assign(wire, { query: null, log: null, status: isLive ? "live" : "asked" });
      return messages;
    });
  }
  /** The connection is gone; the wires are still wanted. */
  interrupt() {
    for (const wire of this.#wires) {
      if (wire.status !== "refused") Object.assign(wire, { query: null, log: null, status: "wanted" });
    }
  }
  /** The user may be another one: tokens and rows count no more. */
  forget() {
    for (const wire of this.#wires) {
      wire.cursor = null;
      if (wire.params) delete wire.token;
    }
  }
  /** @param {import("./messages.js").Subscribed} message */
  accept({ id, query, log, view = "" }) {
    const wire = this.find(id);
    if (!wire) return;
    const moved = wire.query !== null;
    const differs = wire.view !== "" && view !== "" && wire.view !== view;
    if (moved || differs) wire.cursor = null;
    const isRenewed = wire.status === "live" && wire.cursor !== null;
    Object.assign(wire, { query, log, nextView: view, status: isRenewed ? "live" : "accepted" });
  }
  /**
   * The wire is refused: asked for anew, delayed, or ended, which its status then says.
   *
   * @param {import("./messages.js").Refused} message
   * @returns {Wire | undefined}
   */
  refuse({ id, code }) {
    const wire = this.find(id);
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
    return [...this.#wires].filter((wire) => wire.log === log).map((wire) => ({
      wire,
      deltas: deltas.filter(({ query }) => query === wire.query),
      fresh: wire.cursor === null
    }));
  }
  /** The page holds the wire's rows as they are at the cursor. @param {Wire} wire @param {string} cursor */
  reach(wire, cursor) {
    Object.assign(wire, { cursor, view: wire.nextView, status: "live", failures: 0 });
  }
  /** Nothing of the page's rows counts: they are to be asked for. @param {Wire} wire @returns {ClientMessage[]} */
  reset(wire) {
    const messages = this.#leave(wire);
    Object.assign(wire, { cursor: null, status: "delayed", failures: wire.failures + 1 });
    return messages;
  }
  fallBehind() {
    for (const wire of this.#wires) {
      if (wire.status === "live") wire.status = "behind";
    }
  }
  /** @param {Record<string, string>} cursors by log */
  beat(cursors) {
    for (const wire of this.#wires) {
      if (wire.status !== "live" && wire.status !== "behind") continue;
      const cursor = cursors[String(wire.log)];
      if (cursor !== void 0) Object.assign(wire, { cursor, status: "live" });
    }
  }
  /** @param {Wire} wire @returns {ClientMessage[]} */
  #leave(wire) {
    const { id, status: status2 } = wire;
    Object.assign(wire, { query: null, log: null, status: "wanted" });
    return isHeld(status2) ? [{ type: "unsubscribe", id }] : [];
  }
  /** @param {number} id */
  find(id) {
    return [...this.#wires].find((wire) => wire.id === id && wire.status !== "wanted" && wire.status !== "delayed");
  }
};
function isHeld(status2) {
  return status2 === "asked" || status2 === "accepted" || status2 === "live" || status2 === "behind";
}

// src/session.js
var TRANSITIONS = {
  idle: { connect: "opening", suspend: "idle", resume: "idle" },
  opening: { connect: "opening", opened: "greeting", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "opening" },
  greeting: { connect: "greeting", renew: "greeting", welcome: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "greeting" },
  ready: { connect: "ready", renew: "ready", welcome: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "ready" },
  waiting: { connect: "opening", due: "opening", suspend: "suspended", resume: "opening" },
  suspended: { connect: "suspended", suspend: "suspended", resume: "opening" },
  stopped: { connect: "opening", suspend: "stopped", resume: "stopped" }
};
var DEFAULT_WINDOW = { frames: 32, bytes: 1048576 };
var Session = class {
  /** @type {Phase} */
  phase = "idle";
  /** Why the server said stop. @type {Fault | null} */
  fault = null;
  #wires = new Wires();
  // intent: what the page wants, whether connected or not
  /** What the page shows until the next welcome. @type {State} */
  #absence = "connecting";
  #askedAnew = false;
  // fresh credentials were asked for since the last frame
  #window = DEFAULT_WINDOW;
  #handled = 0;
  // messages since welcome
  #unacked = { frames: 0, bytes: 0 };
  /** Names the user, where no cookie does. @type {string | undefined} */
  #token;
  /** What the page shows; `null` before connect(). @returns {State | null} */
  get state() {
    switch (this.phase) {
      case "idle":
        return null;
      case "ready":
        if (this.#wires.refused) return "refused";
        return this.#wires.live ? "live" : "catching-up";
      case "stopped":
        return "refused";
      default:
        return this.#absence;
    }
  }
  /** Whether nothing is awaited but news. */
  get settled() {
    return this.#wires.settled;
  }
  /** Connected, and nothing that the page is subscribed to is behind. */
  get isCurrent() {
    return this.phase === "ready" && this.#wires.live;
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
    this.#move("connect");
    if (before === "stopped") {
      this.fault = null;
      this.#askedAnew = false;
      this.#absence = "connecting";
    }
    return this.phase === before ? [] : [{ do: "open" }];
  }
  /**
   * The transport can carry messages.
   *
   * @param {string} [token] names the user, where no cookie does
   * @returns {Effect[]}
   */
  opened(token) {
    this.#move("opened");
    this.#token = token;
    return [...this.#hello([]), { do: "repeat" }, ...send(this.#wires.askAll())];
  }
  /**
   * The transport goes on by another request: to the server it is another client, to the page nothing changes.
   *
   * @param {import("./messages.js").Send[]} [events] that go with it
   * @returns {Effect[]}
   */
  renew(events = []) {
    this.#move("renew");
    return this.#hello(this.#wires.renewAll(events));
  }
  /** As `renew`, where nothing was heard of what was sent: the calls are sent again too. @returns {Effect[]} */
  moved() {
    this.#move("renew");
    return [...this.#hello([]), { do: "repeat" }, ...send(this.#wires.renewAll([]))];
  }
  /** A newer token for the connection at hand. @param {string} token @returns {Effect[]} */
  authenticate(token) {
    this.#token = token;
    return this.phase === "ready" ? send([{ type: "authenticate", token }]) : [];
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
    if (cure === "stop" || cure === "ask anew" && this.#askedAnew) {
      this.#move("stop");
      this.#interrupt();
      this.fault = { code, reason };
      return [{ do: "close" }];
    }
    const planned = code === codes.going_away;
    this.#interrupt(!planned ? "offline" : this.phase === "ready" ? "catching-up" : this.#absence);
    this.#move("lost");
    if (cure === "ask anew") {
      this.#askedAnew = true;
      this.#wires.forget();
    }
    return [{ do: "close" }, { do: "wait", retry, ...planned && { planned } }];
  }
  /** The wait is over. @returns {Effect[]} */
  due() {
    this.#move("due");
    return [{ do: "open" }];
  }
  /** The page leaves the screen, perhaps to come back. @returns {Effect[]} */
  suspend() {
    const before = this.phase;
    this.#move("suspend");
    if (this.phase === before) return [];
    this.#interrupt();
    return [{ do: "close" }];
  }
  /** The page is back. @returns {Effect[]} */
  resume() {
    const before = this.phase;
    this.#move("resume");
    return this.phase === before ? [] : [{ do: "open" }];
  }
  /** @param {Wire} wire @returns {Effect[]} */
  subscribe(wire) {
    this.#wires.add(wire);
    return this.#ask(wire);
  }
  /** @param {Wire} wire @returns {Effect[]} */
  unsubscribe(wire) {
    return this.#tell(this.#wires.remove(wire));
  }
  /** An event for the others who see what the wire sees. @param {Wire} wire @param {string} name @param {unknown} data */
  tell(wire, name, data) {
    return this.#tell(this.#wires.tell(wire, name, data));
  }
  /** The user is present, and says this of themselves. @param {Wire} wire @param {object} data */
  present(wire, data) {
    return this.#tell(this.#wires.present(wire, data));
  }
  /** The delay of a wire is over; a reconnect may have asked for it already. @param {Wire} wire @returns {Effect[]} */
  again(wire) {
    return wire.status === "delayed" && this.#wires.has(wire) ? this.#ask(wire) : [];
  }
  /**
   * What the page holds cannot be trusted: all rows are asked for, at once the first time and then after growing delays.
   *
   * @param {Wire} wire
   * @returns {Effect[]}
   */
  resync(wire) {
    const told = this.#tell(this.#wires.reset(wire));
    return wire.failures === 1 ? [...told, ...this.#ask(wire)] : [...told, { do: "later", wire }];
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
    if (message.type === "welcome") {
      const isFirst = this.phase === "greeting";
      this.#move("welcome");
      this.#window = message.window ?? DEFAULT_WINDOW;
      return isFirst ? [{ do: "greeted", beat: message.beat }, ...expires(message)] : expires(message);
    }
    this.#unacked.bytes += size;
    if (message.type === "frame") {
      const { cursor, calls = [] } = message;
      return [{ do: "apply", cursor, updates: this.#wires.updates(message), calls }];
    }
    this.#handled += 1;
    return [...this.#answer(message), ...this.#ackIfDue()];
  }
  /** @param {import("./messages.js").ServerMessage} message @returns {Effect[]} */
  #answer(message) {
    switch (message.type) {
      case "authenticated":
        return expires(message);
      case "subscribed":
        this.#wires.accept(message);
        return [];
      case "behind":
        this.#wires.fallBehind();
        return [];
      case "beat":
        this.#wires.beat(message.cursors ?? {});
        return [this.#ack()];
      case "refused":
        return this.#refused(message);
      case "reply":
        return [{ do: "reply", reply: message }];
      case "event": {
        const wires = message.query === void 0 ? null : this.#wires.of(message.query);
        return [{ do: "tell", event: message, wires }];
      }
      case "unsent": {
        const { id, name, code, reason } = message;
        return [{ do: "unsent", wire: this.#wires.find(id), name, fault: { code, reason } }];
      }
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
  applied({ cursor, updates }, unfit) {
    this.#askedAnew = false;
    this.#handled += 1;
    this.#unacked.frames += 1;
    const effects = [];
    for (const { wire } of updates) {
      if (!this.#wires.has(wire)) continue;
      if (unfit.has(wire)) effects.push(...this.resync(wire));
      else this.#wires.reach(wire, cursor);
    }
    return [...this.#ackIfDue(), ...effects];
  }
  /** @param {import("./messages.js").ClientMessage[]} asked @returns {Effect[]} */
  #hello(asked) {
    this.#handled = 0;
    this.#unacked = { frames: 0, bytes: 0 };
    const named = this.#token === void 0 ? {} : { token: this.#token };
    return send([{ type: "hello", version: VERSION, ...named }, ...asked]);
  }
  /** @param {Event} event */
  #move(event) {
    const next = TRANSITIONS[this.phase][event];
    if (!next) throw new Error(`A session that is '${this.phase}' does not know the event '${event}'.`);
    this.phase = next;
  }
  /** @param {State} shown */
  #interrupt(shown = "offline") {
    this.#absence = shown;
    this.#wires.interrupt();
  }
  /** @param {Wire} wire @returns {Effect[]} */
  #ask(wire) {
    return this.#connected ? send(this.#wires.ask(wire)) : [];
  }
  /** @param {import("./messages.js").ClientMessage[]} messages @returns {Effect[]} */
  #tell(messages) {
    return this.#connected ? send(messages) : [];
  }
  get #connected() {
    return this.phase === "greeting" || this.phase === "ready";
  }
  /** @param {import("./messages.js").Refused} message @returns {Effect[]} */
  #refused(message) {
    const wire = this.#wires.refuse(message);
    if (wire?.status === "wanted") return this.#ask(wire);
    if (wire?.status === "delayed") return [{ do: "later", wire }];
    return wire ? [{ do: "refused", wire, fault: { code: message.code, reason: message.reason } }] : [];
  }
  /** @returns {Effect[]} */
  #ackIfDue() {
    const { frames, bytes } = this.#unacked;
    const due = frames >= this.#window.frames / 4 || bytes >= this.#window.bytes / 4;
    return due && this.phase === "ready" ? [this.#ack()] : [];
  }
  /** @returns {Effect} */
  #ack() {
    this.#unacked = { frames: 0, bytes: 0 };
    return { do: "send", message: { type: "ack", messages: this.#handled } };
  }
};
function expires({ expires: expires2 }) {
  return expires2 === void 0 ? [] : [{ do: "expires", seconds: expires2 }];
}
function send(messages) {
  return messages.map((message) => ({ do: "send", message }));
}

// src/connection.js
var REFRESH_SECONDS = 30;
var Connection = class {
  /** Called after anything may have changed a state. @type {Set<() => void>} */
  watchers = /* @__PURE__ */ new Set();
  /** Those who listen to events for the user. */
  events = new EventListeners();
  /** Told of an event or a presence that the server refused. @type {Set<(error: RealtimeError) => void>} */
  refusals = /* @__PURE__ */ new Set();
  #session = new Session();
  /** @type {Map<Wire, Subscription>} */
  #subscriptions = /* @__PURE__ */ new Map();
  /** @type {Map<Wire, () => void>} */
  #delays = /* @__PURE__ */ new Map();
  /** @type {Transport | null} */
  #transport = null;
  #url = "";
  /** Gives a token, where users have one in place of a cookie. @type {Token | null} */
  #token = null;
  /** Ends the wait for the time to send another token. */
  #cancelRefresh = () => {
  };
  /** @type {Effect[]} */
  #effects = [];
  #working = false;
  /**
   * @param {{
   *   monitor: import("./monitor.js").Monitor,
   *   newTransport: (url: string) => Transport,
   *   report: (error: unknown) => void,
   * }} options report: takes what the page's own code throws
   */
  constructor({ monitor, newTransport, report }) {
    this.monitor = monitor;
    this.newTransport = newTransport;
    this.report = report;
    this.calls = new Calls({
      send: (text2) => this.#transport?.send(text2),
      after: (seconds, callback) => monitor.after(seconds, callback),
      now: () => monitor.clock.now(),
      ended: (id) => this.#lift(id),
      changed: () => this.#watch()
    });
    monitor.start({
      due: () => this.#do(this.#session.due()),
      silent: () => this.#do(this.#session.lost(1006, "Nothing was heard from the server.")),
      suspend: () => this.#do(this.#session.suspend()),
      resume: () => this.#do(this.#session.resume())
    });
  }
  get state() {
    return this.#session.state;
  }
  /** Why the state is "refused": the connection is, or all that was asked for. */
  get fault() {
    if (this.state !== "refused" || this.#session.fault) return this.#session.fault;
    const [error] = [...this.#subscriptions.values()].map((subscription) => subscription.error);
    return error && { code: error.code, reason: error.message };
  }
  /** @param {Subscription} subscription */
  stateOf({ wire }) {
    return this.#session.stateOf(wire);
  }
  /** @param {string} url @param {Token | null} [token] */
  connect(url, token = null) {
    this.#token = token ?? this.#token;
    const moved = this.#transport !== null && url !== this.#url;
    this.#url = url;
    if (moved) this.#do(this.#session.lost(1e3, "The page has connected to another address."));
    this.#do(this.#session.connect());
  }
  /** @param {Subscription} subscription */
  subscribe(subscription) {
    this.#subscriptions.set(subscription.wire, subscription);
    this.#do(this.#session.subscribe(subscription.wire));
  }
  /** @param {Subscription} subscription */
  unsubscribe({ wire }) {
    this.#delays.get(wire)?.();
    this.#delays.delete(wire);
    this.#subscriptions.delete(wire);
    this.#do(this.#session.unsubscribe(wire));
  }
  /**
   * Sends an event to the others who see the same.
   *
   * @param {Subscription} subscription
   * @param {string} name
   * @param {unknown} data
   * @returns {boolean} whether it went out
   */
  tell({ wire }, name, data) {
    const effects = this.#session.tell(wire, name, data);
    this.#do(effects);
    return effects.length > 0;
  }
  /** @param {Subscription} subscription @param {object} data what the user says of themselves */
  present({ wire }, data) {
    this.#do(this.#session.present(wire, data));
  }
  /** The subscriptions to a stream with these parameters. @param {string} stream @param {string} params in order, as JSON */
  of(stream, params) {
    return [...this.#subscriptions.values()].filter(
      ({ wire }) => wire.stream === stream && JSON.stringify(sorted(wire.params ?? {})) === params
    );
  }
  /**
   * Calls an action, and shows at once what it is expected to do.
   *
   * @param {import("./calls.js").Target} target
   * @param {{timeout?: number, expectations?: [Subscription, Expectation][]}} [options]
   */
  call(target2, { timeout, expectations = [] } = {}) {
    return this.calls.call(target2, { timeout, before: (id) => this.#expect(id, expectations) });
  }
  /** @param {string} id @param {[Subscription, Expectation][]} expectations */
  #expect(id, expectations) {
    const changed = [];
    try {
      for (const [subscription, expect] of expectations) {
        changed.push({ subscription, change: subscription.expect(id, expect) });
      }
    } catch (error) {
      for (const { subscription } of changed) subscription.lift(id);
      throw error;
    }
    this.#showAll(changed);
  }
  /** What the call was expected to do is not, or no longer, to be shown. @param {string} id */
  #lift(id) {
    const changed = [];
    for (const subscription of this.#subscriptions.values()) {
      const change = subscription.lift(id);
      if (change) changed.push({ subscription, change });
    }
    this.#showAll(changed);
  }
  /** @param {Changed[]} changed */
  #showAll(changed) {
    for (const wire of this.#show(changed)) this.#do(this.#session.resync(wire));
  }
  #watch() {
    for (const watcher of this.watchers) this.#safely(watcher);
  }
  /** One by one, also where doing one brings more: a listener may call back. @param {Effect[]} effects */
  #do(effects) {
    this.#effects.push(...effects);
    if (this.#working) return;
    this.#working = true;
    for (let effect = this.#effects.shift(); effect; effect = this.#effects.shift()) {
      const next = effect;
      this.#safely(() => this.#doOne(next));
    }
    this.#working = false;
    if (this.#session.isCurrent) this.calls.settle();
    this.#watch();
  }
  /** @param {Effect} effect */
  #doOne(effect) {
    switch (effect.do) {
      case "open":
        return this.#open();
      case "close":
        return this.#close();
      case "send":
        return this.#transport?.send(JSON.stringify(effect.message));
      case "wait":
        return this.monitor.wait(effect.retry, { planned: effect.planned });
      case "greeted":
        return this.monitor.welcome(effect.beat);
      case "repeat":
        return this.calls.opened();
      case "expires":
        return this.#refreshBefore(effect.seconds);
      case "apply":
        return this.#apply(effect);
      case "refused":
        return this.#refuse(effect.wire, effect.fault);
      case "later":
        return this.#delay(effect.wire);
      case "reply":
        return this.calls.reply(effect.reply);
      case "tell":
        return this.#happen(effect.event, effect.wires);
      case "unsent":
        return this.#unsent(effect);
    }
  }
  #open() {
    this.calls.retried();
    this.monitor.expect();
    const transport = this.#transport = this.newTransport(this.#url);
    const greet = (token) => {
      this.monitor.expect();
      this.#do(this.#session.opened(token));
    };
    transport.on({
      opened: () => {
        if (this.#token) this.#withToken(transport, greet);
        else greet(void 0);
      },
      message: (text2) => this.#receive(text2),
      renew: (events) => this.#renew(events),
      moved: () => this.#do(this.#session.moved()),
      closed: (code, reason) => this.#do(this.#session.lost(code, reason))
    });
    transport.open();
  }
  /** @param {import("./messages.js").Send[]} [events] */
  #renew(events) {
    if (this.#session.phase !== "ready") this.monitor.expect();
    this.#do(this.#session.renew(events));
    return this.#session.settled;
  }
  #close() {
    this.monitor.rest();
    this.#cancelRefresh();
    this.#transport?.close();
    this.#transport = null;
    this.calls.interrupted();
    if (this.#session.fault) this.calls.refused(this.#session.fault);
  }
  /** @param {number} seconds after which the token ends */
  #refreshBefore(seconds) {
    const transport = this.#transport;
    this.#cancelRefresh();
    this.#cancelRefresh = this.monitor.after(seconds - Math.min(REFRESH_SECONDS, seconds / 4), () => {
      if (transport) this.#withToken(transport, (token) => this.#do(this.#session.authenticate(token)));
    });
  }
  /** @param {Transport} transport that the token is for @param {(token: string) => void} use */
  #withToken(transport, use2) {
    Promise.resolve().then(() => this.#token?.()).then((token) => {
      if (transport === this.#transport) use2(String(token));
    }).catch((error) => {
      this.report(error);
      if (transport === this.#transport) this.#do(this.#session.lost(1006, "There is no token."));
    });
  }
  /** @param {string} text */
  #receive(text2) {
    this.monitor.heard();
    const effects = this.#safely(() => this.#session.receive(JSON.parse(text2), text2.length));
    this.#do(effects ?? this.#session.lost(1002, "The server sent what is no message of the protocol."));
  }
  /**
   * Applies a frame whole: all rows, then all that shows them, then those who listen, then the cursor.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   */
  #apply(frame) {
    const unfit = /* @__PURE__ */ new Set();
    const changed = [];
    if (frame.calls.length) this.#arrive(frame);
    for (const { wire, deltas, fresh } of frame.updates) {
      const subscription = this.#subscriptions.get(wire);
      if (!subscription) continue;
      const fits = this.#safely(() => subscription.apply(deltas, { fresh }));
      const change = fits ? subscription.commit() : null;
      if (!fits) unfit.add(wire);
      if (change) changed.push({ subscription, change });
    }
    for (const wire of this.#show(changed)) unfit.add(wire);
    this.#do(this.#session.applied(frame, unfit));
  }
  /**
   * The frame brings the effects of calls: what they were expected to do gives way to it. Where rows do not belong to the
   * frame, it gives way with their next one if that is still to come, and at once if it is not.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   */
  #arrive({ calls, updates }) {
    this.calls.arrive(calls);
    for (const [wire, { overlays }] of this.#subscriptions) {
      if (updates.some((update) => update.wire === wire) || wire.status !== "live") overlays.arrive(calls);
    }
  }
  /**
   * Shows what has changed: first all of it, then those who listen hear of it.
   *
   * @param {Changed[]} changed
   * @returns {Set<Wire>} those whose rows could not be shown
   */
  #show(changed) {
    const unfit = /* @__PURE__ */ new Set();
    for (const { subscription, change } of changed) {
      const { paint, shownKeys, wire } = subscription;
      if (paint && !this.#safely(() => paint(shownKeys, change))) unfit.add(wire);
    }
    for (const { subscription, change } of changed) {
      if (!unfit.has(subscription.wire)) this.#tell(subscription, change);
    }
    return unfit;
  }
  /** @param {Wire} wire @param {{code: number, reason: string}} fault */
  #refuse(wire, { code, reason }) {
    const subscription = this.#subscriptions.get(wire);
    if (!subscription) return;
    const change = subscription.refuse(new RealtimeError(code, reason));
    this.#safely(() => subscription.paint?.(subscription.shownKeys, change));
    this.#tell(subscription, change);
  }
  /** @param {Subscription} subscription @param {Change} change */
  #tell(subscription, change) {
    for (const listener of [...subscription.listeners]) this.#safely(() => listener(subscription.rows, change));
  }
  /** @param {import("./messages.js").Happening} event @param {Wire[] | null} wires null: it is for the user */
  #happen({ name, data, sender }, wires) {
    const listeners = wires ? wires.flatMap((wire) => this.#subscriptions.get(wire)?.events.of(name) ?? []) : this.events.of(name);
    for (const listener of listeners) this.#safely(() => listener(data, { name, sender }));
  }
  /** @param {Extract<Effect, {do: "unsent"}>} refusal */
  #unsent({ fault }) {
    const error = new RealtimeError(fault.code, fault.reason);
    for (const told of [...this.refusals]) this.#safely(() => told(error));
  }
  /** @param {Wire} wire */
  #delay(wire) {
    this.#delays.get(wire)?.();
    this.#delays.set(wire, this.monitor.after(this.monitor.delay(wire.failures), () => this.#do(this.#session.again(wire))));
  }
  /**
   * What one listener throws must not keep a frame from the others.
   *
   * @template T
   * @param {() => T} callback
   * @returns {T | undefined}
   */
  #safely(callback) {
    try {
      return callback();
    } catch (error) {
      this.report(error);
      return void 0;
    }
  }
};

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
  if (field instanceof HTMLSelectElement) return JSON.stringify([...field.selectedOptions].map(({ value: value2 }) => value2));
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
    const value2 = to.getAttribute(name);
    if (value2 === null) field.removeAttribute(name);
    else field.setAttribute(name, value2);
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
  for (const { name, value: value2 } of field.attributes) copy.setAttribute(name, value2);
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
  for (const { name, value: value2 } of [...to.attributes]) {
    if (!isUsersAttribute(from, name) && from.getAttribute(name) !== value2) from.setAttribute(name, value2);
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

// src/rows.js
var Rows = class {
  /** The child before the first row. @type {ChildNode | null} */
  #lead = null;
  /**
   * @param {Element} element
   * @param {{wanted: () => readonly string[], others: () => Rows[]}} options wanted: the keys of the live query as they
   *   are now, perhaps not painted yet; others: the rows of the stream's other containers
   */
  constructor(element, { wanted, others }) {
    this.element = element;
    this.wanted = wanted;
    this.others = others;
  }
  keys() {
    return this.#rows().keys();
  }
  /** The rows as HTML. @returns {Map<string, string>} */
  read() {
    return new Map([...this.#rows()].map(([key, row]) => [key, row.outerHTML]));
  }
  /**
   * Lays what a call is expected to do over rows: it is given their elements, which are copies.
   *
   * @param {readonly import("./subscription.js").Entry[]} rows
   * @param {import("./overlays.js").Expectation} expect takes elements and returns those that are to stand there
   * @param {string} id of the call: what has no key yet gets one from it
   * @returns {import("./subscription.js").Entry[]}
   */
  expect(rows, expect, id) {
    const document2 = this.element.ownerDocument;
    const shown = expect(rows.map(([key, html]) => parse(String(html), key, document2)));
    if (!Array.isArray(shown) || !shown.every((row) => row instanceof Element)) {
      throw new TypeError("The function 'optimistic' must return an array of elements.");
    }
    return shown.map((row, index) => [row.getAttribute("data-live-key") ?? `optimistic ${id} ${index}`, row.outerHTML]);
  }
  /** @type {import("./subscription.js").Painter} */
  paint(keys, { puts }) {
    const rows = this.#rows();
    if (!keys.every((key) => rows.has(key) || puts.has(key))) return false;
    const first = rows.values().next().value;
    if (first) this.#lead = first.previousSibling;
    const wanted = new Set(keys);
    const gone = [...this.element.children].filter((child) => {
      const key = child.getAttribute("data-live-key");
      return key !== null && !(wanted.has(key) && rows.get(key) === child);
    });
    const awaited = gone.length ? this.#collect((other) => other.#awaited()) : /* @__PURE__ */ new Map();
    for (const child of gone) {
      if (!awaited.has(child.getAttribute("data-live-key"))) child.remove();
    }
    const leaving = [...puts.keys()].every((key) => rows.has(key)) ? /* @__PURE__ */ new Map() : this.#collect((other) => other.#leaving());
    for (const [key, html] of puts) {
      const row = parse(String(html), key, this.element.ownerDocument);
      const shown = rows.get(key) ?? leaving.get(key);
      rows.set(key, shown ? morph(shown, row) : row);
    }
    const lead = this.#lead?.parentNode === this.element ? this.#lead : null;
    arrange(this.element, keys.map((key) => (
      /** @type {Element} */
      rows.get(key)
    )), lead);
    return true;
  }
  /** @param {import("./subscription.js").Change} change */
  detail({ puts, drops, reset }) {
    return { puts: [...puts.keys()], drops, reset };
  }
  /** From the stream's other containers. @template T @param {(other: Rows) => [string, T][]} part @returns {Map<string, T>} */
  #collect(part) {
    return new Map(this.others().flatMap(part));
  }
  /** The keys whose rows are still to be painted. @returns {[string, true][]} */
  #awaited() {
    const rows = this.#rows();
    return this.wanted().filter((key) => !rows.has(key)).map((key) => [key, true]);
  }
  /** The rows that are still to be removed. */
  #leaving() {
    const wanted = new Set(this.wanted());
    return [...this.#rows()].filter(([key]) => !wanted.has(key));
  }
  /** @returns {Map<string, Element>} */
  #rows() {
    const rows = /* @__PURE__ */ new Map();
    for (const child of this.element.children) {
      const key = child.getAttribute("data-live-key");
      if (key !== null && !rows.has(key)) rows.set(key, child);
    }
    return rows;
  }
};
function parse(html, key, document2) {
  const template = document2.createElement("template");
  template.innerHTML = html;
  const row = template.content.firstElementChild;
  if (!row) throw new Error(`The row '${key}' has no element: a row's template must have one root element.`);
  row.setAttribute("data-live-key", key);
  return row;
}

// src/overlays.js
var Overlays = class {
  /** By the ids of the calls, in their order. `arrived`: the call's effects are in the next commit. @type {Map<string, {expect: Expectation, arrived: boolean}>} */
  #overlays = /* @__PURE__ */ new Map();
  get size() {
    return this.#overlays.size;
  }
  /** @param {string} id @param {Expectation} expect */
  add(id, expect) {
    this.#overlays.set(id, { expect, arrived: false });
  }
  /** @param {string} id @returns {boolean} whether there was one */
  drop(id) {
    return this.#overlays.delete(id);
  }
  clear() {
    this.#overlays.clear();
  }
  /** The effects of these calls come with the next commit. @param {Iterable<string>} ids */
  arrive(ids) {
    for (const id of ids) {
      const overlay = this.#overlays.get(id);
      if (overlay) overlay.arrived = true;
    }
  }
  /** The server's rows speak for themselves now. @returns {boolean} whether that ends an overlay */
  settle() {
    const arrived = [...this.#overlays].filter(([, overlay]) => overlay.arrived);
    for (const [id] of arrived) this.#overlays.delete(id);
    return arrived.length > 0;
  }
  /**
   * The rows under all overlays, in the order of the calls.
   *
   * @template T
   * @param {readonly T[]} rows
   * @param {{strict?: string, apply?: (rows: readonly T[], expect: Expectation, id: string) => readonly T[]}} [options]
   *   strict: the call whose failure is thrown; of an older one, which may not know what has come since, it is left out.
   * @returns {readonly T[]}
   */
  show(rows, { strict, apply = applyToRows } = {}) {
    let shown = rows;
    for (const [id, { expect }] of this.#overlays) {
      try {
        shown = apply(shown, expect, id);
      } catch (error) {
        if (id === strict) throw error;
      }
    }
    return shown;
  }
};
function applyToRows(rows, expect) {
  const shown = expect(rows);
  if (!Array.isArray(shown)) throw new TypeError("The function 'optimistic' must return an array of rows.");
  return shown;
}

// src/subscription.js
var NOTHING = Object.freeze([]);
var Subscription = class {
  /** The keys of the server's rows in order. @type {readonly string[]} */
  keys = NOTHING;
  /** The rows in order, under the overlays; those of a page's own HTML are in the page only. @type {readonly Row[]} */
  rows = NOTHING;
  /** The keys of the rows that the page shows. @type {readonly string[]} */
  shownKeys = NOTHING;
  overlays = new Overlays();
  /** Whether the rows have come. */
  filled = false;
  /** Why there are none. @type {RealtimeError | null} */
  error = null;
  /** @type {Set<Listener>} */
  listeners = /* @__PURE__ */ new Set();
  events = new EventListeners();
  /** A ring through all places; this one is before the first and after the last. @type {Place} */
  #end = ring();
  /** @type {Map<string, Place>} */
  #places = /* @__PURE__ */ new Map();
  /** Since the last commit. @type {Change | null} */
  #change = null;
  /** The server's rows, as far as they are here. @type {readonly Row[]} */
  #truth = NOTHING;
  /** What the page shows, while there are overlays. @type {Map<string, Row> | null} */
  #shown = null;
  /** What it is going to show. @type {Map<string, Row>} */
  #next = /* @__PURE__ */ new Map();
  /**
   * @param {Parameters<typeof newWire>[0]} target
   * @param {PageRows} [page] rows that the page holds already, and what shows them
   */
  constructor(target2, page) {
    this.wire = newWire(target2);
    this.paint = page?.paint;
    this.page = page?.paint ? page : void 0;
    if (page?.keys) {
      for (const key of page.keys) this.#put(this.#end.before, key, void 0);
      this.#snapshot();
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
    if (fresh) this.#clear();
    for (const delta of deltas) {
      if (delta.reset) {
        this.#clear();
        fits = true;
      }
      fits &&= this.#applyOne(delta);
    }
    return fits;
  }
  /**
   * Makes what was applied the snapshot.
   *
   * @returns {Change | null} null if nothing has changed
   */
  commit() {
    const settled = this.overlays.settle();
    if (!this.#change && this.filled && !settled) return null;
    const change = this.#change ?? { puts: /* @__PURE__ */ new Map(), drops: [], reset: false };
    change.drops = this.keys.filter((key) => !this.#places.has(key));
    this.#snapshot();
    this.#change = null;
    this.filled = true;
    this.error = null;
    return this.#shown ? this.#compare(change.reset) : change;
  }
  /**
   * Shows what a call is expected to do, until its effects come or it fails.
   *
   * @param {string} id of the call
   * @param {import("./overlays.js").Expectation} expect
   * @returns {Change} Throws what `expect` throws, and nothing has happened then.
   */
  expect(id, expect) {
    if (this.page && !this.page.expect) throw badTarget("What a call is expected to do can be shown in rows, not in a live value.");
    if (this.page && !this.#shown) this.#hold(this.page);
    this.overlays.add(id, expect);
    try {
      this.#lay(id);
    } catch (error) {
      this.overlays.drop(id);
      this.#lay();
      throw error;
    }
    return this.#compare(false);
  }
  /** Shows no longer what a call was expected to do. @param {string} id @returns {Change | null} null: it was not shown */
  lift(id) {
    if (!this.overlays.drop(id)) return null;
    this.#lay();
    return this.#compare(false);
  }
  /** The subscription has ended: its rows leave the page. @param {RealtimeError} error @returns {Change} */
  refuse(error) {
    this.overlays.clear();
    this.#clear();
    const change = (
      /** @type {Change} */
      this.commit()
    );
    this.filled = false;
    this.error = error;
    return change;
  }
  /** @param {Delta} delta */
  #applyOne({ drops, puts, order }) {
    if (drops || puts || order) this.#change ??= { puts: /* @__PURE__ */ new Map(), drops: [], reset: false };
    for (const key of drops ?? []) this.#drop(key);
    let previous = this.#end;
    for (const { key, row, after } of puts ?? []) {
      const place2 = after === void 0 ? previous : after === null ? this.#end : this.#places.get(after);
      if (!place2 || place2.key === key) return false;
      previous = this.#put(place2, key, row);
      this.#change?.puts.set(key, row);
    }
    return order ? this.#arrange(order) : true;
  }
  /** @param {Place} place @param {string} key @param {Row | undefined} row */
  #put(place2, key, row) {
    const held = this.#places.get(key);
    if (held) unlink(held);
    const put = link(place2, key, row);
    this.#places.set(key, put);
    return put;
  }
  /** @param {string} key */
  #drop(key) {
    const place2 = this.#places.get(key);
    if (!place2) return;
    unlink(place2);
    this.#places.delete(key);
    this.#change?.puts.delete(key);
  }
  /** @param {string[]} order */
  #arrange(order) {
    if (!order.every((key) => this.#places.has(key))) return false;
    const wanted = new Set(order);
    for (const key of [...this.#places.keys()]) {
      if (!wanted.has(key)) this.#drop(key);
    }
    this.#end = ring();
    for (const key of wanted) {
      const { row } = (
        /** @type {Place} */
        this.#places.get(key)
      );
      this.#places.set(key, link(this.#end.before, key, row));
    }
    return true;
  }
  #clear() {
    this.#end = ring();
    this.#places.clear();
    this.#change = { puts: /* @__PURE__ */ new Map(), drops: [], reset: true };
  }
  #snapshot() {
    const keys = [];
    const rows = [];
    for (let place2 = this.#end.after; place2 !== this.#end; place2 = place2.after) {
      keys.push(place2.key);
      if (place2.row !== void 0) rows.push(place2.row);
      if (this.paint && !this.overlays.size) place2.row = void 0;
    }
    this.keys = Object.freeze(keys);
    this.#truth = Object.freeze(rows);
    this.#lay();
  }
  /** From now on the page's own rows are here too: overlays are laid over them. @param {PageRows} page */
  #hold(page) {
    this.#shown = page.read?.() ?? /* @__PURE__ */ new Map();
    for (const [key, place2] of this.#places) place2.row = this.#shown.get(key) ?? "";
    this.#truth = this.keys.map((key) => this.#places.get(key)?.row ?? "");
  }
  /** @param {string} [strict] the call whose expectation may fail */
  #lay(strict) {
    if (!this.page) {
      this.rows = this.overlays.size ? Object.freeze([...this.overlays.show(this.#truth, { strict })]) : this.#truth;
      this.shownKeys = this.keys;
    } else if (this.#shown) {
      const entries = this.keys.map((key, index) => (
        /** @type {Entry} */
        [key, this.#truth[index]]
      ));
      this.#next = new Map(this.overlays.show(entries, { strict, apply: this.page.expect }));
      this.shownKeys = Object.freeze([...this.#next.keys()]);
    } else {
      this.shownKeys = this.keys;
    }
  }
  /** What the page has to do to show what is expected. @param {boolean} reset all rows are to be shown anew @returns {Change} */
  #compare(reset) {
    const shown = this.#shown ?? /* @__PURE__ */ new Map();
    const puts = new Map([...this.#next].filter(([key, row]) => reset || shown.get(key) !== row));
    const drops = [...shown.keys()].filter((key) => !this.#next.has(key));
    this.#shown = this.page && this.overlays.size ? this.#next : null;
    this.#next = /* @__PURE__ */ new Map();
    return { puts, drops, reset };
  }
};
function badTarget(reason) {
  return new RealtimeError(null, reason, { name: "bad_arguments" });
}
function ring() {
  const end = (
    /** @type {Place} */
    { key: "", row: void 0 }
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

// src/valuetext.js
var ValueText = class {
  /** @param {Element} element @param {import("./messages.js").Format} format */
  constructor(element, format) {
    this.element = element;
    this.name = format.slice("value:".length);
  }
  keys() {
    return [this.name];
  }
  /** @type {import("./subscription.js").Painter} */
  paint(keys, { puts }) {
    if (!keys.length) this.#show("");
    else if (puts.has(this.name)) this.#show(text(puts.get(this.name)));
    return true;
  }
  /** @param {import("./subscription.js").Change} change */
  detail({ puts }) {
    return { value: puts.get(this.name) };
  }
  /** @param {string} content */
  #show(content) {
    if (this.element.textContent !== content) this.element.textContent = content;
  }
};
function text(value2) {
  if (typeof value2 === "string") return value2;
  return value2 === null ? "" : JSON.stringify(value2);
}

// src/container.js
var Container = class {
  /**
   * @param {Element} element
   * @param {(name: string) => Container[]} containersOf those of a stream
   */
  constructor(element, containersOf) {
    this.element = element;
    this.name = element.getAttribute("data-live") ?? "";
    this.token = element.getAttribute("data-live-token") ?? void 0;
    const format = readFormat(element);
    this.content = format === "html" ? this.#newRows(containersOf) : new ValueText(element, format);
    this.subscription = new Subscription(
      {
        token: this.token,
        stream: this.name,
        params: readJSON(element, "data-live-params") ?? (this.token ? void 0 : {}),
        format,
        cursor: element.getAttribute("data-live-cursor"),
        view: element.getAttribute("data-live-view") ?? ""
      },
      {
        keys: this.content.keys(),
        paint: (keys, change) => this.content.paint(keys, change),
        read: this.content.read?.bind(this.content),
        expect: this.content.expect?.bind(this.content)
      }
    );
    if (element.hasAttribute("data-live-presence")) this.subscription.wire.present = {};
    this.subscription.events.all.add((data, about) => {
      element.dispatchEvent(new CustomEvent("realtime:event", { bubbles: true, detail: { ...about, data } }));
    });
    this.subscription.listeners.add((_rows, change) => this.#tell(change));
  }
  /** Whether the element still asks for what it is bound to. */
  get isCurrent() {
    const { element, name, token } = this;
    return element.getAttribute("data-live") === name && (element.getAttribute("data-live-token") ?? void 0) === token;
  }
  /** Leaves the element such that it can be bound again. */
  release() {
    const { cursor, view } = this.subscription.wire;
    show(this.element, "data-live-cursor", cursor);
    show(this.element, "data-live-view", view || null);
    show(this.element, "data-live-state", null);
  }
  /** @param {(name: string) => Container[]} containersOf */
  #newRows(containersOf) {
    const others = () => {
      const contents2 = containersOf(this.name).map(({ content }) => content);
      return contents2.filter((content) => content instanceof Rows && content !== this.content);
    };
    return new Rows(this.element, { wanted: () => this.subscription.shownKeys, others: (
      /** @type {() => Rows[]} */
      others
    ) });
  }
  /** @param {Change} change */
  #tell(change) {
    const { error } = this.subscription;
    const event = error ? new CustomEvent("realtime:error", { bubbles: true, detail: error }) : new CustomEvent("realtime:change", { bubbles: true, detail: this.content.detail(change) });
    this.element.dispatchEvent(event);
  }
};
function readFormat(element) {
  const format = element.getAttribute("data-live-format") ?? "html";
  if (format === "html") return format;
  if (format.startsWith("value:")) return valueFormat(format.slice("value:".length));
  const reason = `The attribute data-live-format must be 'html', or 'value:' with the name of a live value, not '${format}'.`;
  throw new RealtimeError(null, reason, { name: "bad_arguments" });
}
function readJSON(element, name) {
  const text2 = element.getAttribute(name);
  if (text2 === null) return void 0;
  try {
    const value2 = JSON.parse(text2);
    if (value2 !== null && typeof value2 === "object" && !Array.isArray(value2)) return value2;
  } catch {
  }
  throw new RealtimeError(null, `The attribute ${name} must be a JSON object, not '${text2}'.`, { name: "bad_arguments" });
}
function show(element, name, value2) {
  if (value2 === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value2) element.setAttribute(name, value2);
}

// src/controls.js
var FIELDS = "select, textarea, input:not([type=button], [type=submit], [type=reset], [type=image])";
var Controls = class {
  /** Calls under way, by element. @type {WeakMap<Element, number>} */
  #running = /* @__PURE__ */ new WeakMap();
  /** @param {{document: Document, call: Caller}} options */
  constructor({ document: document2, call: call2 }) {
    this.document = document2;
    this.call = call2;
  }
  start() {
    this.document.addEventListener("click", (event) => this.#click(event));
    this.document.addEventListener("submit", (event) => this.#submit(event));
    this.document.addEventListener("change", ({ target: target2 }) => this.#changed(target2));
  }
  /** @param {MouseEvent} event */
  #click(event) {
    const element = event.target instanceof Element ? event.target.closest("[data-live-call]") : null;
    if (!element || element instanceof HTMLFormElement || element.matches(FIELDS) || event.defaultPrevented) return;
    event.preventDefault();
    if (!this.#running.has(element)) this.#run(element, () => ({}));
  }
  /** @param {SubmitEvent} event */
  #submit(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-live-call") || event.defaultPrevented) return;
    event.preventDefault();
    if (!this.#running.has(form)) this.#run(form, () => formArgs(form, event.submitter));
  }
  /** @param {EventTarget | null} target */
  #changed(target2) {
    if (target2 instanceof Element && target2.matches(FIELDS) && target2.hasAttribute("data-live-call")) {
      this.#run(target2, () => fieldArgs(target2));
    }
  }
  /** @param {Element} element @param {() => Record<string, unknown>} ownArgs */
  async #run(element, ownArgs) {
    const held = contents(element);
    showErrors(element, null);
    this.#count(element, 1);
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
      this.#count(element, -1);
    }
  }
  /** @param {Element} element @param {1 | -1} step */
  #count(element, step) {
    const running = (this.#running.get(element) ?? 0) + step;
    if (running) this.#running.set(element, running);
    else this.#running.delete(element);
    if (running) element.setAttribute("aria-busy", "true");
    else element.removeAttribute("aria-busy");
  }
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
  const { name, value: value2 } = (
    /** @type {{name?: string, value?: string}} */
    submitter ?? {}
  );
  if (name) data.append(name, value2 ?? "");
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
    return { [field.name]: [...field.selectedOptions].map(({ value: value2 }) => value2) };
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

// src/csrf.js
var FIELD = "csrfmiddlewaretoken";
function csrfToken(document2) {
  const script = document2.querySelector("script[data-realtime-url]");
  const name = `${script?.getAttribute("data-realtime-csrf-cookie") ?? ""}=`;
  const cookie = document2.cookie.split("; ").find((each) => name.length > 1 && each.startsWith(name));
  return cookie ? decodeURIComponent(cookie.slice(name.length)) : script?.getAttribute("data-realtime-csrf") ?? "";
}
var RowForms = class {
  /** The button of the form that is being sent. @type {HTMLElement | null} */
  #submitter = null;
  /** @param {Document} document */
  constructor(document2) {
    this.document = document2;
  }
  start() {
    const { document: document2 } = this;
    document2.addEventListener("submit", ({ submitter }) => this.#note(submitter), true);
    document2.addEventListener("formdata", ({ target: target2, formData: formData2 }) => {
      const form = (
        /** @type {HTMLFormElement} */
        target2
      );
      if (!form.closest("[data-live-key]") || !this.#staysHere(form)) return;
      const other = [...document2.getElementsByName(FIELD)].find((input) => !input.closest("[data-live-key]"));
      const token = csrfToken(document2) || /** @type {HTMLInputElement | undefined} */
      other?.value;
      if (token) formData2.set(FIELD, token);
    });
  }
  /** The event before `formdata`, where a user sends the form. @param {HTMLElement | null} submitter */
  #note(submitter) {
    this.#submitter = submitter;
    setTimeout(() => this.#submitter = null);
  }
  /** Whether it is a POST to this site: nobody else is to know the token. @param {HTMLFormElement} form */
  #staysHere(form) {
    const button = this.#submitter && /** @type {HTMLButtonElement} */
    this.#submitter.form === form ? this.#submitter : null;
    const method = button?.getAttribute("formmethod") ?? form.getAttribute("method") ?? "get";
    const action = button?.getAttribute("formaction") ?? form.getAttribute("action") ?? "";
    try {
      return method.toLowerCase() === "post" && new URL(action, this.document.baseURI).origin === this.document.defaultView?.location.origin;
    } catch {
      return false;
    }
  }
};

// src/forms.js
var OWN = /^(_live_|csrfmiddlewaretoken$)/;
var Forms = class {
  /** Forms under way. @type {WeakSet<Element>} */
  #running = /* @__PURE__ */ new WeakSet();
  #nextId = 1;
  /** @param {{document: Document, call: Caller, follow: (url: string) => void}} options follow: goes to another page */
  constructor({ document: document2, call: call2, follow: follow2 }) {
    this.document = document2;
    this.call = call2;
    this.follow = follow2;
  }
  start() {
    this.document.addEventListener("submit", (event) => this.#submit(event));
  }
  /** @param {SubmitEvent} event */
  #submit(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-live-form") || event.defaultPrevented) return;
    const data = formData(form, event.submitter);
    if (!data) return;
    event.preventDefault();
    if (!this.#running.has(form)) this.#run(form, data);
  }
  /** @param {HTMLFormElement} form @param {Record<string, string | string[]>} data */
  async #run(form, data) {
    const held = contents(form);
    this.#running.add(form);
    form.setAttribute("aria-busy", "true");
    try {
      const action = form.getAttribute("data-live-form") ?? "";
      const pk = form.getAttribute("data-live-pk");
      const args = pk === null ? { data } : { pk, data, version: versionOf(form)?.value ?? "" };
      const params = readJSON(form, "data-live-params") ?? {};
      const result = await this.call(form.getAttribute("data-live-stream") ?? "", params, action, args);
      this.#show(form, {});
      settle(held);
      if (pk === null) form.reset();
      else setVersion(form, result.version);
      emit2(form, "realtime:reply", result);
      const next = form.getAttribute("data-live-next");
      if (next) this.follow(next);
    } catch (error) {
      this.#refuse(form, error);
    } finally {
      this.#running.delete(form);
      form.removeAttribute("aria-busy");
    }
  }
  /** @param {HTMLFormElement} form @param {unknown} error */
  #refuse(form, error) {
    const details = error instanceof RealtimeError ? error.details : {};
    const whole = details[""] ?? [];
    const ownSentence = error instanceof RealtimeError && error.code === codes.invalid && Object.keys(details).length > 0;
    this.#show(form, { ...details, "": ownSentence ? whole : [error instanceof Error ? error.message : String(error)] });
    if (error instanceof RealtimeError && error.version !== void 0) setVersion(form, error.version);
    emit2(form, "realtime:error", error);
  }
  /** Puts sentences at their fields, and the focus into the first of these. @param {HTMLFormElement} form @param {Record<string, string[]>} sentences */
  #show(form, sentences) {
    for (const place2 of form.querySelectorAll("[data-live-error]")) place2.textContent = "";
    for (const control of form.querySelectorAll("[aria-invalid]")) {
      control.removeAttribute("aria-invalid");
      describe(control, null);
    }
    const wrong = [];
    for (const [name, texts] of Object.entries(sentences)) {
      if (!texts.length) continue;
      const controls = controlsOf(form, name);
      const place2 = this.#place(form, controls.length ? name : "", controls.at(-1));
      place2.textContent = [place2.textContent, ...texts].join(" ").trim();
      for (const control of controls) {
        control.setAttribute("aria-invalid", "true");
        describe(control, place2.id);
        wrong.push(control);
      }
    }
    const elements = (
      /** @type {Control[]} */
      [...form.elements]
    );
    elements.find((element) => wrong.includes(element))?.focus();
  }
  /** Where a field's sentences go. @param {HTMLFormElement} form @param {string} name @param {Control} [control] */
  #place(form, name, control) {
    let place2 = [...form.querySelectorAll("[data-live-error]")].find((each) => each.getAttribute("data-live-error") === name);
    if (!place2) {
      place2 = form.ownerDocument.createElement("p");
      place2.setAttribute("data-live-error", name);
      if (!name) place2.setAttribute("role", "alert");
      if (control) control.after(place2);
      else form.append(place2);
    }
    if (!place2.id) place2.id = `live-error-${this.#nextId++}`;
    return place2;
  }
};
function formData(form, submitter) {
  const sent = new FormData(form);
  const { name, value: value2 } = (
    /** @type {{name?: string, value?: string}} */
    submitter ?? {}
  );
  if (name) sent.append(name, value2 ?? "");
  const data = {};
  for (const field of new Set(sent.keys())) {
    if (OWN.test(field)) continue;
    const values = sent.getAll(field);
    const files = values.filter((each) => typeof each !== "string");
    if (files.some((file) => (
      /** @type {File} */
      file.size
    ))) return null;
    const texts = (
      /** @type {string[]} */
      values.filter((each) => typeof each === "string")
    );
    if (texts.length) data[field] = texts.length > 1 ? texts : texts[0];
  }
  return data;
}
function controlsOf(form, name) {
  return (
    /** @type {Control[]} */
    [...form.elements].filter((each) => name && /** @type {Control} */
    each.name === name)
  );
}
function describe(control, id) {
  const place2 = (each) => control.ownerDocument.getElementById(each)?.hasAttribute("data-live-error");
  const others = (control.getAttribute("aria-describedby") ?? "").split(/\s+/).filter((each) => each && !place2(each));
  const all = id ? [...others, id] : others;
  if (all.length) control.setAttribute("aria-describedby", all.join(" "));
  else control.removeAttribute("aria-describedby");
}
function versionOf(form) {
  return (
    /** @type {HTMLInputElement | null} */
    form.querySelector('input[name="_live_version"]')
  );
}
function setVersion(form, version) {
  const field = versionOf(form);
  if (field && version !== void 0) field.value = version;
}
function emit2(element, type, detail) {
  const heard = element.isConnected ? element : element.ownerDocument;
  heard.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
}

// src/store.js
var Store = class {
  #see;
  #watch;
  /** What was seen last. @type {Readonly<Snapshot> | undefined} */
  #snapshot;
  /**
   * @param {() => Snapshot} see an object, made anew each time
   * @param {(callback: () => void) => () => void} watch calls back whenever something may have changed; returns what ends it
   */
  constructor(see, watch) {
    this.#see = see;
    this.#watch = watch;
  }
  /** What is seen: the same object as long as all in it is the same. @returns {Readonly<Snapshot>} */
  getSnapshot = () => {
    const seen = this.#see();
    if (this.#snapshot === void 0 || !equal(this.#snapshot, seen)) this.#snapshot = Object.freeze(seen);
    return this.#snapshot;
  };
  /**
   * Calls back when what is seen has changed.
   *
   * @param {(snapshot: Readonly<Snapshot>) => void} callback
   * @returns {() => void} ends it
   */
  subscribe = (callback) => {
    let told = this.getSnapshot();
    return this.#watch(() => {
      const snapshot = this.getSnapshot();
      if (snapshot === told) return;
      told = snapshot;
      callback(snapshot);
    });
  };
};
function equal(one, other) {
  return Object.keys(other).every((name) => Object.is(one[name], other[name]));
}

// src/live.js
var Use = class {
  /** What ends each of this user's listeners. @type {Set<() => void>} */
  #ends = /* @__PURE__ */ new Set();
  #close;
  #connection;
  #read;
  #subscription;
  /** @param {UseOptions & {read: (subscription: Subscription) => any}} options read: what the user sees of the subscription */
  constructor({ connection, subscription, stream, params, read, close }) {
    this.#connection = connection;
    this.#subscription = subscription;
    this.#read = read;
    this.#close = close;
    this.stream = stream;
    this.params = params;
  }
  /** "connecting", "catching-up", "live", "offline" or "refused". */
  get state() {
    return this.#connection.stateOf(this.#subscription);
  }
  /** Why the state is "refused". */
  get error() {
    return this.#subscription.error;
  }
  /**
   * Calls back at once if there is something, and after each change.
   *
   * @param {(seen: any) => void} callback
   * @returns {() => void} ends it
   */
  subscribe = (callback) => {
    const listener = () => callback(this.getSnapshot());
    this.#subscription.listeners.add(listener);
    if (this.#subscription.filled) listener();
    const end = () => void this.#subscription.listeners.delete(listener);
    this.#ends.add(end);
    return () => {
      end();
      this.#ends.delete(end);
    };
  };
  /** What is there, as React's useSyncExternalStore(query.subscribe, query.getSnapshot) wants it. @returns {any} */
  getSnapshot = () => this.#read(this.#subscription);
  /**
   * What `see` gives, as a store that hears of each change of the rows and of the state.
   *
   * @template Snapshot
   * @param {() => Snapshot} see
   * @returns {Store<Snapshot>}
   */
  storeOf(see) {
    return new Store(see, (callback) => {
      const [{ listeners }, { watchers }] = [this.#subscription, this.#connection];
      listeners.add(callback);
      watchers.add(callback);
      const end = () => void (listeners.delete(callback), watchers.delete(callback));
      this.#ends.add(end);
      return () => {
        end();
        this.#ends.delete(end);
      };
    });
  }
  /** @param {() => void} end called when this use ends */
  endWith(end) {
    this.#ends.add(end);
  }
  /** Ends this use; the last one to end leaves the live query. */
  close() {
    for (const end of this.#ends) end();
    this.#ends.clear();
    this.#close();
    this.#close = () => {
    };
  }
};
var LiveQuery = class extends Use {
  #connection;
  #queries;
  #subscription;
  /** @param {UseOptions & {queries: LiveQueries}} options */
  constructor(options) {
    super({ ...options, read: ({ rows }) => rows });
    this.#connection = options.connection;
    this.#queries = options.queries;
    this.#subscription = options.subscription;
  }
  /** Rows and state together, for React's useSyncExternalStore and the like: `{rows, state, error}`. */
  store = this.storeOf(() => ({ rows: this.rows, state: this.state, error: this.error }));
  /** The rows in order: an array that never changes; a change brings another. @returns {readonly any[]} */
  get rows() {
    return this.#subscription.rows;
  }
  /** The primary keys of the rows, as strings. */
  get keys() {
    return this.#subscription.keys;
  }
  /**
   * Listens to an event of those who see the same.
   *
   * @param {string} name
   * @param {import("./events.js").EventListener} callback
   * @returns {() => void} ends it
   */
  on(name, callback) {
    const end = this.#subscription.events.on(name, callback);
    this.endWith(end);
    return end;
  }
  /**
   * Sends an event to the others who see the same. It may be lost.
   *
   * @param {string} name
   * @param {object} [data]
   * @returns {boolean} whether it went out: false where the live query is not live
   */
  send(name, data) {
    return this.#connection.tell(this.#subscription, name, data);
  }
  /**
   * Calls an action of the stream.
   *
   * @param {string} action
   * @param {Record<string, unknown>} [args]
   * @param {CallOptions} [options]
   */
  call(action, args = {}, { timeout, optimistic } = {}) {
    const target2 = { stream: this.stream, params: this.params, action, args };
    const several = typeof optimistic === "function" ? (
      /** @type {[LiveQuery, Expectation][]} */
      [[this, optimistic]]
    ) : optimistic;
    return this.#queries.call(target2, { timeout, optimistic: several });
  }
  /** @param {LiveQuery} query */
  static subscriptionOf(query) {
    return query.#subscription;
  }
};
var Presence = class extends LiveQuery {
  #connection;
  #subscription;
  /** @param {UseOptions & {queries: LiveQueries}} options */
  constructor(options) {
    super(options);
    this.#connection = options.connection;
    this.#subscription = options.subscription;
  }
  /** Says something of the user, which all others see; and that the user is here. @param {object} data up to 1 KiB as JSON */
  set(data) {
    this.#connection.present(this.#subscription, data);
  }
};
var LiveValue = class extends Use {
  /** @param {UseOptions} options */
  constructor(options) {
    super({ ...options, read: ({ rows: [value2] }) => value2 });
  }
  /** Value and state together: `{value, state, error}`. */
  store = this.storeOf(() => ({ value: this.value, state: this.state, error: this.error }));
  /** The value; undefined before it has come, and where it is refused. @returns {any} */
  get value() {
    return this.getSnapshot();
  }
};
var LiveQueries = class {
  /** @type {Map<string, {subscription: Subscription, uses: number}>} */
  #held = /* @__PURE__ */ new Map();
  /**
   * @param {Connection} connection
   * @param {(element: Element) => Subscription | undefined} [subscriptionOf] that of a container in the page
   */
  constructor(connection, subscriptionOf = () => void 0) {
    this.connection = connection;
    this.subscriptionOf = subscriptionOf;
  }
  /** @param {import("./calls.js").Target} target @param {CallOptions} [options] */
  call(target2, { timeout, optimistic = [] } = {}) {
    const expectations = [];
    const pairs = Array.isArray(optimistic) ? optimistic : [[null, optimistic]];
    for (const [shown, expect] of pairs) {
      const subscription = shown instanceof LiveQuery ? LiveQuery.subscriptionOf(shown) : shown && this.subscriptionOf(
        /** @type {Element} */
        shown
      );
      if (!subscription || typeof expect !== "function") return this.connection.calls.refuse(badOptimistic());
      expectations.push([subscription, expect]);
    }
    return this.connection.call(target2, { timeout, expectations });
  }
  /** @param {string} stream @param {Params} params */
  open(stream, params) {
    return new LiveQuery({ ...this.#use(stream, params, "data"), queries: this });
  }
  /** @param {string} stream @param {Params} params @param {object | null} data null: to look on */
  openPresence(stream, params, data) {
    const presence2 = new Presence({ ...this.#use(`${stream}:presence`, params, "data"), queries: this });
    if (data) presence2.set(data);
    return presence2;
  }
  /** @param {string} stream @param {Params} params @param {string} name */
  openValue(stream, params, name) {
    return new LiveValue(this.#use(stream, params, valueFormat(name)));
  }
  /** @param {string} stream @param {Params} params @param {import("./messages.js").Format} format @returns {UseOptions} */
  #use(stream, params, format) {
    const id = JSON.stringify([stream, sorted(params), format]);
    let held = this.#held.get(id);
    if (!held) {
      held = { subscription: new Subscription({ stream, params, format, cursor: null }), uses: 0 };
      this.#held.set(id, held);
      this.connection.subscribe(held.subscription);
    }
    held.uses += 1;
    const shared = held;
    const close = () => {
      shared.uses -= 1;
      if (shared.uses) return;
      this.#held.delete(id);
      this.connection.unsubscribe(shared.subscription);
    };
    return { connection: this.connection, subscription: shared.subscription, stream, params, close };
  }
};
function badOptimistic() {
  const reason = "The option 'optimistic' is a function of rows, in a live query's call(), or pairs of a live query or container and a function.";
  return new RealtimeError(null, reason, { name: "bad_arguments" });
}

// src/monitor.js
var OPEN_SECONDS = 10;
var FIRST_DELAY_SECONDS = 0.5;
var LONGEST_DELAY_SECONDS = 15;
var GOOD_SECONDS = 10;
var LOOK_SECONDS = 10;
var LATE_SECONDS = 5;
var BROWSER_CLOCK = {
  now: () => Date.now() / 1e3,
  // not performance.now(), which stands still while some systems sleep
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer),
  random: () => Math.random()
};
var Monitor = class {
  /** @type {Handlers | null} */
  #handlers = null;
  /** @type {"resting" | "waiting" | "watching"} */
  #mode = "resting";
  /** @type {any} */
  #timer = null;
  #heard = 0;
  // when the server was heard last, or began to be expected
  #patience = 0;
  // seconds of silence that are borne
  #expected = 0;
  // when the timer should fire
  #notBefore = 0;
  // the server wants nobody back before then
  #attempts = 0;
  /** When the server said welcome, if it did. @type {number | null} */
  #welcomed = null;
  #wasOffline = false;
  #hidden = false;
  /** @param {{clock?: Clock, window?: EventTarget, document?: Pick<Document, "addEventListener" | "visibilityState">}} [environment] */
  constructor({ clock = BROWSER_CLOCK, window: window2 = globalThis.window, document: document2 = globalThis.document } = {}) {
    this.clock = clock;
    this.window = window2;
    this.document = document2;
  }
  /** @param {Handlers} handlers */
  start(handlers) {
    this.#handlers = handlers;
    this.window?.addEventListener("offline", () => this.#offline());
    this.window?.addEventListener("online", () => this.#online());
    const leave = () => {
      this.#hidden = true;
      handlers.suspend();
    };
    const back = () => {
      if (this.#hidden) handlers.resume();
      this.#hidden = false;
    };
    this.window?.addEventListener("pagehide", leave);
    this.window?.addEventListener("pageshow", back);
    this.document?.addEventListener("freeze", leave);
    this.document?.addEventListener("resume", back);
    this.document?.addEventListener("visibilitychange", () => {
      if (this.document.visibilityState === "visible") this.#wake();
    });
  }
  /** A connection is being opened, or greeted. */
  expect() {
    this.#watch(OPEN_SECONDS);
  }
  /** The server has said welcome, and that it will beat. @param {number} beat seconds */
  welcome(beat) {
    this.#welcomed = this.clock.now();
    this.#watch(2 * beat);
  }
  heard() {
    this.#heard = this.clock.now();
  }
  /**
   * No connection: the next attempt is due after a delay.
   *
   * @param {number} retry seconds that the server asks for
   * @param {{planned?: boolean}} [options] planned: the server has sent its clients on, which is no failure
   */
  wait(retry, { planned = false } = {}) {
    const now = this.clock.now();
    const wasGood = this.#welcomed !== null && (planned || now - this.#welcomed >= GOOD_SECONDS);
    if (wasGood) this.#attempts = 0;
    this.#welcomed = null;
    this.#notBefore = now + retry;
    this.#mode = "waiting";
    this.#arm(retry + this.delay(this.#attempts));
    if (!wasGood || !planned) this.#attempts += 1;
  }
  rest() {
    this.#mode = "resting";
    this.clock.clearTimeout(this.#timer);
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
  /** @param {number} patience */
  #watch(patience) {
    this.#mode = "watching";
    this.#patience = patience;
    this.heard();
    this.#arm(patience);
  }
  /** @param {number} seconds */
  #arm(seconds) {
    if (this.#mode === "watching") seconds = Math.min(seconds, LOOK_SECONDS);
    this.#expected = this.clock.now() + seconds;
    this.clock.clearTimeout(this.#timer);
    this.#timer = this.clock.setTimeout(() => this.#fire(), seconds * 1e3);
  }
  #fire() {
    if (this.#mode === "waiting") this.#handlers?.due();
    else if (this.#mode === "watching") this.#listen({ late: this.clock.now() - this.#expected > LATE_SECONDS });
  }
  /**
   * One timer for many messages: it looks how long the silence has lasted, and sleeps on for the rest.
   *
   * @param {{late: boolean}} options late: nobody has looked for a while, and one beat that did not come is enough
   */
  #listen({ late }) {
    const silence = this.clock.now() - this.#heard;
    if (silence < 0) this.heard();
    const patience = late ? Math.min(this.#patience, this.#patience / 2 + LATE_SECONDS) : this.#patience;
    const rest = patience - Math.max(0, silence);
    if (rest <= 0) this.#handlers?.silent();
    else this.#arm(rest);
  }
  /** The user looks, or the network is back: no reason to wait on. */
  #wake() {
    if (this.#mode === "watching") this.#listen({ late: true });
    if (this.#mode !== "waiting") return;
    const rest = this.#notBefore - this.clock.now();
    if (rest > 0) this.#arm(rest);
    else this.#handlers?.due();
  }
  #offline() {
    this.#wasOffline = true;
    if (this.#mode === "watching") this.#handlers?.silent();
  }
  #online() {
    if (this.#wasOffline && this.#mode === "watching") this.#handlers?.silent();
    this.#wasOffline = false;
    this.#wake();
  }
};

// src/page.js
var Page = class {
  /** @type {Map<Element, Container>} */
  #containers = /* @__PURE__ */ new Map();
  /** @type {string | null} */
  #state = null;
  /** @param {{document: Document, connection: Connection, connect: () => void, report: (error: unknown) => void}} options */
  constructor({ document: document2, connection, connect: connect2, report }) {
    this.document = document2;
    this.connection = connection;
    this.connect = connect2;
    this.report = report;
  }
  /** @param {Element} element */
  subscriptionOf(element) {
    return this.#containers.get(element)?.subscription;
  }
  start() {
    watchFields(this.document);
    forgetRestored(this.document);
    this.document.defaultView?.addEventListener("pageshow", ({ persisted }) => persisted || forgetRestored(this.document));
    this.connection.watchers.add(() => this.#showState());
    this.connection.events.all.add((data, about) => this.#dispatch("realtime:event", { ...about, data }));
    this.connection.refusals.add((error) => this.#dispatch("realtime:unsent", error));
    this.#bindAll(this.document.documentElement);
    new MutationObserver((records) => this.#follow(records)).observe(this.document.documentElement, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["data-live", "data-live-token"]
    });
  }
  /** @param {MutationRecord[]} records */
  #follow(records) {
    for (const [element] of this.#containers) {
      if (!element.isConnected) this.#unbind(element);
    }
    for (const { type, target: target2, addedNodes } of records) {
      const changed = type === "attributes" ? [target2] : addedNodes;
      for (const node of changed) {
        if (!(node instanceof Element)) continue;
        if (type === "attributes" && !this.#containers.get(node)?.isCurrent) this.#unbind(node);
        if (node.isConnected) this.#bindAll(node);
      }
    }
  }
  /** @param {Element} root */
  #bindAll(root) {
    const found = [...root.querySelectorAll("[data-live]")];
    if (root.matches("[data-live]")) found.unshift(root);
    for (const element of found) {
      if (!this.#containers.has(element)) this.#bind(element);
    }
  }
  /** @param {Element} element */
  #bind(element) {
    try {
      const container = new Container(element, (name) => [...this.#containers.values()].filter((each) => each.name === name));
      this.#containers.set(element, container);
      this.connection.subscribe(container.subscription);
      this.connect();
    } catch (error) {
      this.report(error);
    }
  }
  /** @param {Element} element */
  #unbind(element) {
    const container = this.#containers.get(element);
    if (!container) return;
    this.#containers.delete(element);
    container.release();
    this.connection.unsubscribe(container.subscription);
  }
  #showState() {
    const { state, fault } = this.connection;
    for (const [element, { subscription }] of this.#containers) {
      show(element, "data-live-state", this.connection.stateOf(subscription));
    }
    const { waiting } = this.connection.calls;
    show(this.document.documentElement, "data-realtime-waiting", waiting ? String(waiting) : null);
    if (state === this.#state) return;
    this.#state = state;
    show(this.document.documentElement, "data-realtime", state);
    const detail = fault ? { state, reason: fault.reason, code: fault.code } : { state };
    this.#dispatch("realtime:state", detail);
  }
  /** @param {string} name @param {object} detail */
  #dispatch(name, detail) {
    this.document.dispatchEvent(new CustomEvent(name, { detail }));
  }
};

// src/transports/http.js
var ABNORMAL = 1006;
var MAX_CALLS = 50;
var HttpTransport = class {
  /** Whether nothing is awaited but news. */
  idle = false;
  /** @type {TransportHandlers | null} */
  #handlers = null;
  /** Messages of the request that goes out when this turn is over. @type {string[] | null} */
  #batch = null;
  /** The request under way. @type {AbortController | null} */
  #request = null;
  #renewing = false;
  /** The last hello, which names the user where no cookie does. */
  #hello = "";
  /** Events that go with the next request. @type {Send[]} */
  #events = [];
  /** @type {string[]} */
  #calls = [];
  #calling = false;
  /** Calls that have run, whose effects the next request brings. @type {string[]} */
  #ran = [];
  /** What the request at hand owes to these: answers to its subscriptions, then a frame of each of their logs. */
  #naming = { calls: (
    /** @type {string[]} */
    []
  ), answers: 0, logs: /* @__PURE__ */ new Set() };
  #retired = false;
  /** @param {HttpOptions} options */
  constructor({ url, csrf }) {
    this.url = url;
    this.csrf = csrf;
  }
  /** Where messages come from. @returns {string} */
  get address() {
    throw new Error("A transport names its address.");
  }
  /**
   * Takes the messages of a response, to its orderly end; throws where it is none.
   *
   * @param {Response} _response
   * @param {(text: string) => void} _take
   * @returns {Promise<void>}
   */
  async read(_response, _take) {
    throw new Error("A transport reads its responses.");
  }
  /** @param {TransportHandlers} handlers */
  on(handlers) {
    this.#handlers = handlers;
  }
  open() {
    queueMicrotask(() => this.#handlers?.opened());
  }
  /** @param {string} text */
  send(text2) {
    const message = JSON.parse(text2);
    const { type } = message;
    if (type === "hello") this.#begin(text2);
    else if (type === "call") this.#call(text2);
    else if (type === "ack") return;
    else if (this.#batch) this.#batch.push(text2);
    else {
      if (type === "send") this.#events.push(message);
      this.#renewSoon();
    }
  }
  close() {
    this.#handlers = null;
    this.#request?.abort();
  }
  /** Another transport goes on: only the replies of calls are awaited here. */
  retire() {
    const message = this.#handlers?.message ?? (() => {
    });
    this.#handlers = { opened() {
    }, message, renew: () => false, moved() {
    }, closed() {
    } };
    this.#retired = true;
    this.#request?.abort();
    this.#request = null;
  }
  /** @param {string} hello */
  #begin(hello) {
    this.#hello = hello;
    this.#batch = [hello];
    queueMicrotask(() => this.#flush());
  }
  #flush() {
    const texts = this.#batch;
    this.#batch = null;
    this.#request?.abort();
    if (!texts || !this.#handlers) return;
    const answers = texts.filter((text2) => JSON.parse(text2).type === "subscribe").length;
    this.#naming = { calls: [...this.#naming.calls, ...this.#ran.splice(0)], answers, logs: /* @__PURE__ */ new Set() };
    this.#run(texts, this.#request = new AbortController());
  }
  /** @param {string[]} texts @param {AbortController} request */
  async #run(texts, request) {
    const isCurrent = () => this.#request === request && !request.signal.aborted;
    try {
      const response = await this.#post(this.address, texts, request.signal);
      await this.read(response, (text2) => {
        if (isCurrent()) this.#handlers?.message(this.#naming.calls.length ? this.#name(text2) : text2);
      });
    } catch (error) {
      if (isCurrent()) this.#closed(error);
      return;
    }
    if (isCurrent()) this.#renew();
  }
  #renewSoon() {
    if (this.#renewing) return;
    this.#renewing = true;
    queueMicrotask(() => this.#renewing && this.#renew());
  }
  #renew() {
    this.#renewing = false;
    this.#request?.abort();
    const isSettled = this.#handlers?.renew(this.#events.splice(0)) ?? false;
    this.idle = isSettled && !this.#ran.length && !this.#naming.calls.length;
  }
  /**
   * This request began when the calls had run, so that the first frames bring their effects: the last of these names them,
   * which the server cannot do, to which each request is another client.
   *
   * @param {string} text a message
   */
  #name(text2) {
    const { answers, calls, logs } = this.#naming;
    const message = JSON.parse(text2);
    if (message.type === "subscribed") logs.add(message.log);
    if (message.type === "subscribed" || message.type === "refused") this.#naming.answers -= 1;
    if (message.type === "frame") logs.delete(message.log);
    if (this.#naming.answers > 0 || logs.size) return text2;
    const isLast = message.type === "frame" || message.type === "refused" && answers > 0;
    if (!isLast && (message.type !== "welcome" || answers > 0)) return text2;
    this.#naming.calls = [];
    if (message.type === "frame") return JSON.stringify({ ...message, calls: [...message.calls ?? [], ...calls] });
    this.#handlers?.message(text2);
    return nameOnly(calls);
  }
  /** @param {string} text */
  #call(text2) {
    this.#calls.push(text2);
    if (this.#calling) return;
    this.#calling = true;
    queueMicrotask(() => this.#callAll());
  }
  /** One request at a time, so that calls run in their order. */
  async #callAll() {
    try {
      while (this.#calls.length && this.#handlers) {
        const response = await this.#post(`${this.url}call/`, [this.#hello, ...this.#calls.splice(0, MAX_CALLS)]);
        const messages = (await messagesOf(response)).filter(({ type }) => type !== "welcome" && type !== "frame");
        for (const message of messages) this.#handlers?.message(JSON.stringify(message));
        this.#follow(messages.filter(({ type, error }) => type === "reply" && !error).map(({ id }) => id));
      }
    } catch (error) {
      this.#calls = [];
      this.#closed(error);
    }
    this.#calling = false;
  }
  /** @param {string[]} calls that have run */
  #follow(calls) {
    if (!calls.length || !this.#handlers) return;
    if (this.#retired) return this.#handlers.message(nameOnly(calls));
    this.#ran.push(...calls);
    this.#renewSoon();
  }
  /** @param {string} address @param {string[]} texts @param {AbortSignal} [signal] */
  async #post(address, texts, signal) {
    const token = this.csrf();
    const response = await fetch(address, {
      method: "POST",
      body: `[${texts.join(",")}]`,
      headers: { "Content-Type": "application/json", ...token && { "X-CSRFToken": token } },
      credentials: "include",
      cache: "no-store",
      redirect: "error",
      signal
    });
    if (response.ok) return response;
    for (const message of await messagesOf(response)) this.#handlers?.message(JSON.stringify(message));
    throw new Error(`The server answered ${response.status} ${response.statusText}.`);
  }
  /** @param {unknown} error */
  #closed(error) {
    const handlers = this.#handlers;
    this.close();
    handlers?.closed(ABNORMAL, String(error));
  }
};
function nameOnly(calls) {
  return JSON.stringify({ type: "frame", log: -1, cursor: "", deltas: [], calls });
}
async function messagesOf(response) {
  if (!response.headers.get("Content-Type")?.startsWith("application/json")) {
    throw new Error(`The server answered ${response.status} and no messages.`);
  }
  return response.json();
}

// src/transports/longpoll.js
var LongPollTransport = class extends HttpTransport {
  get address() {
    return this.idle ? `${this.url}poll/` : `${this.url}poll/?wait=0`;
  }
  /** @param {Response} response @param {(text: string) => void} take */
  async read(response, take2) {
    const messages = await messagesOf(response);
    if (messages[0]?.type !== "welcome" && messages[0]?.type !== "bye") throw new Error("The server answered with no welcome.");
    for (const message of messages) take2(JSON.stringify(message));
  }
};

// src/transports/shared.js
var ABNORMAL2 = 1006;
var canShare = () => typeof SharedWorker !== "undefined";
var SharedTransport = class {
  /** @type {MessagePort | null} */
  #port = null;
  /** @type {TransportHandlers | null} */
  #handlers = null;
  #release = () => {
  };
  /** @param {{url: string, session: string, script: string}} options script: the address of this module, which is the worker's too */
  constructor({ url, session, script }) {
    this.url = url;
    this.session = session;
    this.script = script;
  }
  /** @param {TransportHandlers} handlers */
  on(handlers) {
    this.#handlers = handlers;
  }
  open() {
    try {
      const worker = new SharedWorker(this.script, { type: "module", name: `realtime ${this.session} ${this.url}` });
      worker.onerror = () => this.#closed(ABNORMAL2, "The shared worker could not be started.");
      this.#port = worker.port;
    } catch (error) {
      queueMicrotask(() => this.#closed(ABNORMAL2, String(error)));
      return;
    }
    this.#port.onmessage = ({ data }) => {
      if (typeof data === "string") this.#handlers?.message(data);
      else this.#closed(data.code, data.reason);
    };
    this.#port.postMessage({ url: this.url });
    this.#holdLock(this.#port);
    queueMicrotask(() => this.#handlers?.opened());
  }
  /** @param {string} text */
  send(text2) {
    this.#port?.postMessage(text2);
  }
  close() {
    this.#handlers = null;
    this.#port?.postMessage(null);
    this.#port?.close();
    this.#port = null;
    this.#release();
  }
  /** The worker gets this lock when the page is no more, however it ended. @param {MessagePort} port */
  #holdLock(port) {
    const name = `realtime ${crypto.randomUUID()}`;
    const released = new Promise((resolve) => this.#release = () => resolve(void 0));
    const held = () => {
      port.postMessage({ alive: name });
      return released;
    };
    navigator.locks?.request(name, held).catch(() => {
    });
  }
  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const handlers = this.#handlers;
    this.close();
    handlers?.closed(code, reason);
  }
};

// src/transports/sse.js
var SseTransport = class extends HttpTransport {
  get address() {
    return `${this.url}sse/`;
  }
  /** @param {Response} response @param {(text: string) => void} take */
  async read(response, take2) {
    if (!response.body || !response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      throw new Error("The server answered with no stream of events.");
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (; ; ) {
      const { done, value: value2 } = await reader.read();
      if (done) throw new Error("The stream of events was cut.");
      const events = (rest + value2).split("\n\n");
      rest = /** @type {string} */
      events.pop();
      for (const event of events) {
        if (event.startsWith("event: end\n")) return;
        const data = /^data: (.*)$/m.exec(event);
        if (data) take2(data[1]);
      }
    }
  }
};

// src/transports/websocket.js
var ABNORMAL3 = 1006;
var WebSocketTransport = class {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {TransportHandlers | null} */
  #handlers = null;
  /** @param {string} url */
  constructor(url) {
    this.url = url;
  }
  /** @param {TransportHandlers} handlers */
  on(handlers) {
    this.#handlers = handlers;
  }
  open() {
    try {
      this.#socket = new WebSocket(this.url);
    } catch (error) {
      queueMicrotask(() => this.#closed(ABNORMAL3, String(error)));
      return;
    }
    this.#socket.onopen = () => this.#handlers?.opened();
    this.#socket.onmessage = ({ data }) => this.#handlers?.message(data);
    this.#socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }
  /** @param {string} text */
  send(text2) {
    this.#socket?.send(text2);
  }
  close() {
    this.#handlers = null;
    this.#socket?.close();
  }
  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const handlers = this.#handlers;
    this.#handlers = null;
    handlers?.closed(code, reason);
  }
};

// src/roads.js
function roadsTo(chosen) {
  const script = document.querySelector("script[data-realtime-url]");
  const isChosen = chosen.url !== void 0 || chosen.http !== void 0;
  const url = isChosen ? chosen.url : script?.getAttribute("data-realtime-url");
  const http = isChosen ? chosen.http : script?.getAttribute("data-realtime-http");
  const roads = [];
  if (url) {
    const address = absolute(url, /^http/, "ws");
    const session = script?.getAttribute("data-realtime-share");
    if (session && !isChosen && canShare()) {
      roads.push({ name: "shared", address, open: () => new SharedTransport({ url: address, session, script: import.meta.url }) });
    }
    roads.push({ name: "websocket", address, open: () => new WebSocketTransport(address) });
  }
  if (http) {
    const address = absolute(http, /^ws/, "http");
    const isOwn = new URL(address).origin === location.origin;
    const options = { url: address, csrf: () => isOwn && script ? csrfToken(document) : "" };
    roads.push({ name: "sse", address, open: () => new SseTransport(options) });
    roads.push({ name: "longpoll", address, open: () => new LongPollTransport(options) });
  }
  if (!roads.length) {
    throw new Error("The address of the server is not known: put {% realtime_script %} into the page, or call connect({url}).");
  }
  return roads;
}
function absolute(path, scheme, wanted) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol.replace(scheme, wanted);
  url.hash = "";
  return url.href;
}
function storage() {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}

// src/switchboard.js
var ABNORMAL4 = 1006;
var OVERLOADED = 4002;
var NO_ROOM = "This page needs a connection of its own.";
var VERSION2 = 1;
var MAX_SUBSCRIPTIONS = 50;
var MAX_WINDOWS = 4;
var MAX_BEATS = 3;
var DEFAULT_WINDOW2 = { frames: 32, bytes: 1048576 };
var Page2 = class {
  greeted = false;
  bytes = 0;
  // sent, and not acknowledged
  beats = 0;
  // since the page was heard
  /** @param {Switchboard} board @param {Port} port */
  constructor(board, port) {
    this.board = board;
    this.port = port;
  }
  /** @param {string} text a message of the page */
  receive(text2) {
    this.beats = 0;
    this.board.take(this, JSON.parse(text2));
  }
  /** The page is gone, or wants no connection. */
  leave() {
    this.board.leave(this);
  }
};
var Switchboard = class {
  /** @type {Set<Page>} */
  #pages = /* @__PURE__ */ new Set();
  /** By the id that the server knows. @type {Map<number, Entry>} */
  #entries = /* @__PURE__ */ new Map();
  /** Who waits for a reply, by the id of the call. @type {Map<string, Page>} */
  #calls = /* @__PURE__ */ new Map();
  /** @type {Transport | null} */
  #line = null;
  #opened = false;
  /** What is to be sent when the line is open. @type {string[]} */
  #waiting = [];
  /** The server's, as text. @type {string | null} */
  #welcome = null;
  #beat = 0;
  // seconds
  #window = DEFAULT_WINDOW2;
  #heard = 0;
  #handled = 0;
  // messages since welcome
  #unacked = { frames: 0, bytes: 0 };
  #nextId = 1;
  #cancelWatch = () => {
  };
  /**
   * @param {{
   *   newTransport: () => Transport,
   *   after: (seconds: number, callback: () => void) => () => void,
   *   now: () => number,
   * }} options
   */
  constructor({ newTransport, after, now }) {
    this.newTransport = newTransport;
    this.after = after;
    this.now = now;
  }
  /** A page comes; it is served once it has said hello. @param {Port} port */
  join(port) {
    const page = new Page2(this, port);
    this.#pages.add(page);
    return page;
  }
  /** @param {Page} page @param {any} message */
  take(page, message) {
    if (!this.#pages.has(page)) return;
    if (message.type === "hello") return this.#greet(page, message);
    if (!page.greeted) return;
    switch (message.type) {
      case "ack":
        page.bytes = 0;
        return;
      case "subscribe": {
        const id = this.#nextId++;
        this.#entries.set(id, { page, id: message.id, query: null, log: null });
        return this.#send({ ...message, id });
      }
      case "unsubscribe": {
        const id = this.#idOf(page, message.id);
        if (id === void 0) return;
        this.#entries.delete(id);
        return this.#send({ ...message, id });
      }
      case "send":
      case "present": {
        const id = this.#idOf(page, message.id);
        return id === void 0 ? void 0 : this.#send({ ...message, id });
      }
      case "call":
        this.#calls.set(message.id, page);
        return this.#send(message);
    }
  }
  /** @param {Page} page */
  leave(page) {
    if (!this.#pages.delete(page)) return;
    this.#forget(page);
    if (![...this.#pages].some(({ greeted }) => greeted)) this.#hangUp();
  }
  /** The line is not to be trusted any more. @param {string} reason */
  cut(reason) {
    if (this.#line) this.#lost(ABNORMAL4, reason);
  }
  /** @param {Page} page @param {{token?: string}} hello */
  #greet(page, { token }) {
    this.#forget(page);
    const isFull = this.#entries.size >= MAX_SUBSCRIPTIONS;
    if (token !== void 0 || isFull) return this.#turnAway(page, NO_ROOM);
    if (this.#welcome && this.now() - this.#heard > 2 * this.#beat) this.cut("Nothing was heard from the server.");
    page.greeted = true;
    page.bytes = 0;
    if (this.#welcome) page.port.send(this.#welcome);
    else if (!this.#line) this.#call();
  }
  /** @param {Page} page @param {string} reason */
  #turnAway(page, reason) {
    this.leave(page);
    page.port.closed(ABNORMAL4, reason);
  }
  /** What the page has asked for on this line is left. @param {Page} page */
  #forget(page) {
    for (const [id, entry] of this.#entries) {
      if (entry.page !== page) continue;
      this.#entries.delete(id);
      this.#send({ type: "unsubscribe", id });
    }
    for (const [id, caller] of this.#calls) if (caller === page) this.#calls.delete(id);
  }
  /** @param {Page} page @param {number} wanted the page's own id */
  #idOf(page, wanted) {
    for (const [id, entry] of this.#entries) if (entry.page === page && entry.id === wanted) return id;
    return void 0;
  }
  #call() {
    const line = this.#line = this.newTransport();
    line.on({
      opened: () => {
        this.#opened = true;
        line.send(JSON.stringify({ type: "hello", version: VERSION2 }));
        for (const text2 of this.#waiting.splice(0)) line.send(text2);
      },
      message: (text2) => this.#receive(text2),
      renew: () => false,
      moved: () => this.cut("The line goes on by another road."),
      closed: (code, reason) => this.#lost(code, reason)
    });
    line.open();
  }
  /** @param {object} message */
  #send(message) {
    const text2 = JSON.stringify(message);
    if (this.#opened) this.#line?.send(text2);
    else if (this.#line) this.#waiting.push(text2);
  }
  #hangUp() {
    const line = this.#line;
    this.#cancelWatch();
    this.#line = this.#welcome = null;
    this.#opened = false;
    this.#waiting = [];
    this.#entries.clear();
    this.#calls.clear();
    line?.close();
  }
  /** The pages come back by themselves, each after its own delay. @param {number} code @param {string} reason */
  #lost(code, reason) {
    this.#hangUp();
    for (const page of this.#greeted()) {
      this.#pages.delete(page);
      page.port.closed(code, reason);
    }
  }
  /** @param {string} text */
  #receive(text2) {
    const message = JSON.parse(text2);
    this.#heard = this.now();
    if (message.type === "welcome") return this.#welcomed(message, text2);
    this.#deliver(message, text2);
    this.#handled += 1;
    this.#unacked.bytes += text2.length;
    if (message.type === "frame") this.#unacked.frames += 1;
    const { frames, bytes } = this.#unacked;
    const isDue = message.type === "beat" || frames >= this.#window.frames / 4 || bytes >= this.#window.bytes / 4;
    if (isDue && this.#line) this.#acknowledge();
  }
  #acknowledge() {
    this.#unacked = { frames: 0, bytes: 0 };
    this.#send({ type: "ack", messages: this.#handled });
  }
  /** @param {{beat: number, window?: typeof DEFAULT_WINDOW}} message @param {string} text */
  #welcomed({ beat, window: window2 = DEFAULT_WINDOW2 }, text2) {
    this.#welcome = text2;
    this.#beat = beat;
    this.#window = window2;
    this.#handled = 0;
    this.#unacked = { frames: 0, bytes: 0 };
    this.#watch(2 * beat);
    for (const page of this.#greeted()) page.port.send(text2);
  }
  /** @param {number} seconds */
  #watch(seconds) {
    this.#cancelWatch();
    this.#cancelWatch = this.after(seconds, () => {
      const rest = 2 * this.#beat - (this.now() - this.#heard);
      if (rest > 0) this.#watch(rest);
      else this.cut("Nothing was heard from the server.");
    });
  }
  /** @param {any} message @param {string} text */
  #deliver(message, text2) {
    switch (message.type) {
      case "subscribed": {
        const entry = this.#entries.get(message.id);
        if (!entry) return;
        entry.query = message.query;
        entry.log = message.log;
        return this.#tell(entry.page, { ...message, id: entry.id });
      }
      case "refused": {
        const entry = this.#entries.get(message.id);
        if (!entry) return;
        this.#entries.delete(message.id);
        const shares = [...this.#entries.values()].some(({ page }) => page !== entry.page);
        if (message.code === OVERLOADED && shares) return this.#turnAway(entry.page, NO_ROOM);
        return this.#tell(entry.page, { ...message, id: entry.id });
      }
      case "unsent": {
        const entry = this.#entries.get(message.id);
        return entry && this.#tell(entry.page, { ...message, id: entry.id });
      }
      case "frame":
        return this.#frame(message);
      case "event": {
        if (message.query === void 0) break;
        for (const page of this.#whoSee((entry) => entry.query === message.query)) this.#pass(page, text2);
        return;
      }
      case "reply": {
        const page = this.#calls.get(message.id);
        this.#calls.delete(message.id);
        return page && this.#pass(page, text2);
      }
      case "beat":
        for (const page of this.#greeted()) if (++page.beats > MAX_BEATS) this.#turnAway(page, "The page does not answer.");
        break;
      case "bye": {
        const pages = this.#greeted();
        for (const page of pages) this.#pages.delete(page);
        this.#hangUp();
        for (const { port } of pages) port.send(text2);
        return;
      }
      case "authenticated":
        return;
    }
    for (const page of this.#greeted()) this.#pass(page, text2);
  }
  /** To each page the deltas of its own live queries, and the cursor, which counts for all of one log. @param {any} frame */
  #frame(frame) {
    const concerned = frame.calls?.length ? this.#greeted() : this.#whoSee((entry) => entry.log === frame.log);
    for (const page of concerned) {
      const queries = new Set([...this.#entries.values()].filter((entry) => entry.page === page).map(({ query }) => query));
      this.#tell(page, { ...frame, deltas: frame.deltas.filter(({ query }) => queries.has(query)) });
    }
  }
  /** @param {(entry: Entry) => boolean} sees */
  #whoSee(sees) {
    return new Set([...this.#entries.values()].filter(sees).map(({ page }) => page));
  }
  #greeted() {
    return [...this.#pages].filter(({ greeted }) => greeted);
  }
  /** @param {Page} page @param {object} message */
  #tell(page, message) {
    this.#pass(page, JSON.stringify(message));
  }
  /** @param {Page} page @param {string} text */
  #pass(page, text2) {
    page.bytes += text2.length;
    if (page.bytes > MAX_WINDOWS * this.#window.bytes) this.#turnAway(page, "The page does not read what it is sent.");
    else page.port.send(text2);
  }
};

// src/sharedworker.js
function serve(scope, { newTransport = (url) => new WebSocketTransport(url), locks = globalThis.navigator?.locks ?? null } = {}) {
  let address = "";
  const board = new Switchboard({
    newTransport: () => newTransport(address),
    after: (seconds, callback) => {
      const timer = setTimeout(callback, seconds * 1e3);
      return () => clearTimeout(timer);
    },
    now: () => Date.now() / 1e3
  });
  scope.addEventListener("offline", () => board.cut("The network is gone."));
  scope.addEventListener("connect", (event) => {
    const [port] = (
      /** @type {MessageEvent} */
      event.ports
    );
    const page = board.join({
      send: (text2) => port.postMessage(text2),
      closed: (code, reason) => port.postMessage({ code, reason })
    });
    port.onmessage = ({ data }) => {
      if (typeof data === "string") page.receive(data);
      else if (data === null) page.leave();
      else if (data.url) address = data.url;
      else locks?.request(data.alive, () => page.leave()).catch(() => {
      });
    };
  });
}

// src/transports/fallback.js
var PATIENCE_SECONDS = 4;
var GOOD_SECONDS2 = 10;
var MAX_FAILURES = 3;
var FIRST_PROBE_SECONDS = 15;
var LONGEST_PROBE_SECONDS = 300;
var MEMORY_SECONDS = 600;
var KEY = "realtime:road";
var ABNORMAL5 = 1006;
var Roads = class {
  /** The road of the last welcome in this page. @type {string | null} */
  #current = null;
  #failures = 0;
  // attempts in a row without a welcome
  #short = 0;
  // attempts in a row that ended soon after it
  /** When the last welcome came, of an attempt that is not over. @type {number | null} */
  #welcomed = null;
  /**
   * @param {{
   *   list: () => Road[],
   *   after: (seconds: number, callback: () => void) => () => void,
   *   now: () => number,
   *   memory?: Storage | null,
   * }} options list: the best road first
   */
  constructor({ list, after, now, memory = null }) {
    this.list = list;
    this.after = after;
    this.now = now;
    this.memory = memory;
  }
  /** A transport that takes one of the roads. @returns {Transport} */
  newTransport() {
    const list = this.list();
    const place2 = Math.max(0, list.findIndex(({ name }) => name === (this.#current ?? this.#remembered())));
    const start2 = this.#short >= MAX_FAILURES ? place2 + 1 : place2;
    const order = list.map((_, index) => list[(start2 + index) % list.length]);
    const keepsTo = this.#current !== null && this.#failures < MAX_FAILURES && this.#short < MAX_FAILURES;
    return new FallbackTransport({ roads: this, order: keepsTo ? order.slice(0, 1) : order, best: list[0] });
  }
  /** @param {Road} road */
  welcomed({ name }) {
    if (this.#current !== name) this.#short = 0;
    this.#current = name;
    this.#failures = 0;
    this.#welcomed = this.now();
    this.#remember(name);
  }
  /** An attempt is over. */
  ended() {
    if (this.#welcomed === null) this.#failures += 1;
    else if (this.now() - this.#welcomed < GOOD_SECONDS2) this.#short += 1;
    else this.#short = 0;
    this.#welcomed = null;
  }
  #remembered() {
    try {
      const { name, until } = JSON.parse(this.memory?.getItem(KEY) ?? "{}");
      return until > this.now() ? name : null;
    } catch {
      return null;
    }
  }
  /** @param {string} name */
  #remember(name) {
    try {
      if (name === this.list()[0].name) this.memory?.removeItem(KEY);
      else this.memory?.setItem(KEY, JSON.stringify({ name, until: this.now() + MEMORY_SECONDS }));
    } catch {
    }
  }
};
var FallbackTransport = class {
  /** @type {TransportHandlers | null} */
  #handlers = null;
  /** @type {ReturnType<Road["open"]> | null} */
  #inner = null;
  #opened = false;
  #hello = "";
  // the last one, which names the user where no cookie does
  #greeted = false;
  // by a probe: the server has heard hello
  #cancelTimer = () => {
  };
  /** @type {Transport | null} */
  #probe = null;
  #probeSeconds = FIRST_PROBE_SECONDS;
  /** @param {{roads: Roads, order: Road[], best: Road}} options */
  constructor({ roads, order, best }) {
    this.roads = roads;
    this.order = order;
    this.best = best;
  }
  /** @param {TransportHandlers} handlers */
  on(handlers) {
    this.#handlers = handlers;
  }
  open() {
    this.#take(0);
  }
  /** @param {string} text */
  send(text2) {
    const isHello = JSON.parse(text2).type === "hello";
    if (isHello) this.#hello = text2;
    if (this.#greeted && isHello) this.#greeted = false;
    else this.#inner?.send(text2);
  }
  close() {
    if (!this.#handlers) return;
    this.#handlers = null;
    this.#cancelTimer();
    this.#probe?.close();
    this.#inner?.close();
    this.roads.ended();
  }
  /** @param {number} index */
  #take(index) {
    const road = this.order[index];
    const inner = this.#inner = road.open();
    let heard = false;
    const failed = (code, reason) => {
      if (inner !== this.#inner) return;
      if (heard || index + 1 >= this.order.length) return this.#closed(code, reason);
      this.#cancelTimer();
      inner.close();
      this.#take(index + 1);
    };
    inner.on({
      opened: () => this.#begin(),
      message: (text2) => {
        if (!heard) {
          heard = true;
          this.#cancelTimer();
          this.#arrived(road, text2);
        }
        this.#handlers?.message(text2);
      },
      renew: (events) => this.#handlers?.renew(events) ?? false,
      moved() {
      },
      closed: failed
    });
    if (index + 1 < this.order.length) {
      this.#cancelTimer = this.roads.after(PATIENCE_SECONDS, () => failed(ABNORMAL5, "Nothing was heard from the server."));
    }
    inner.open();
  }
  #begin() {
    if (this.#opened) return this.#handlers?.moved();
    this.#opened = true;
    this.#handlers?.opened();
  }
  /** @param {Road} road @param {string} text the first message that came by it */
  #arrived(road, text2) {
    if (JSON.parse(text2).type !== "welcome") return;
    this.roads.welcomed(road);
    if (road.name !== this.best.name) this.#probeLater();
  }
  #probeLater() {
    this.#probe = null;
    this.#cancelTimer = this.roads.after(this.#probeSeconds, () => this.#try());
    this.#probeSeconds = Math.min(2 * this.#probeSeconds, LONGEST_PROBE_SECONDS);
  }
  /** Sees whether the best road is free; this one is used meanwhile. */
  #try() {
    const probe = this.#probe = this.best.open();
    const failed = () => {
      if (probe !== this.#probe) return;
      this.#cancelTimer();
      probe.close();
      this.#probeLater();
    };
    probe.on({
      opened: () => probe.send(this.#hello),
      message: (text2) => JSON.parse(text2).type === "welcome" ? this.#switch(probe, text2) : failed(),
      renew: () => false,
      moved() {
      },
      closed: failed
    });
    this.#cancelTimer = this.roads.after(PATIENCE_SECONDS, failed);
    probe.open();
  }
  /** The subscriptions go on from their cursors, over the better road. @param {Transport} probe @param {string} welcome */
  #switch(probe, welcome) {
    this.#cancelTimer();
    const old = this.#inner;
    this.#probe = null;
    this.#inner = probe;
    this.#greeted = true;
    probe.on({
      opened() {
      },
      message: (text2) => this.#handlers?.message(text2),
      renew: () => false,
      moved() {
      },
      closed: (code, reason) => this.#closed(code, reason)
    });
    if (old?.retire) old.retire();
    else old?.close();
    this.roads.welcomed(this.best);
    this.#handlers?.renew();
    this.#handlers?.message(welcome);
  }
  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const handlers = this.#handlers;
    this.close();
    handlers?.closed(code, reason);
  }
};

// src/realtime.js
var MARK = /* @__PURE__ */ Symbol.for("realtime");
function create() {
  let chosen = {};
  const monitor = new Monitor();
  const roads = new Roads({
    list: () => roadsTo(chosen),
    after: (seconds, callback) => monitor.after(seconds, callback),
    now: () => Date.now() / 1e3,
    memory: storage()
  });
  const connection = new Connection({
    monitor,
    newTransport: () => roads.newTransport(),
    report: (error) => report(error)
  });
  const report = (error) => console.error(error);
  const page = new Page({ document, connection, connect: () => keepConnected(), report });
  const queries = new LiveQueries(connection, (element) => page.subscriptionOf(element));
  const connect2 = ({ url, http, token } = {}) => {
    if (token && typeof token !== "function") {
      throw new TypeError("connect(): 'token' must be a function that returns a token; each connection asks it for one.");
    }
    if (url ?? http) chosen = { url, http };
    connection.connect(roadsTo(chosen).map(({ address }) => address).join(" "), token);
  };
  const live2 = (name, params = {}) => {
    keepConnected();
    return queries.open(name, params);
  };
  const value2 = (stream, params, name) => {
    keepConnected();
    return queries.openValue(stream, params, name);
  };
  const call2 = (stream, params, action, args = {}, options = {}) => {
    try {
      keepConnected();
    } catch (error) {
      return connection.calls.refuse(error);
    }
    return queries.call({ stream, params, action, args }, options);
  };
  const presence2 = (stream, params = {}, { data = {}, watch = false } = {}) => {
    keepConnected();
    return queries.openPresence(stream, params, watch ? null : data);
  };
  const send3 = (stream, params, name, data) => connection.of(stream, JSON.stringify(sorted(params))).some((each) => connection.tell(each, name, data));
  const on2 = (name, callback) => {
    keepConnected();
    return connection.events.on(name, callback);
  };
  const status2 = new Store(
    () => ({ state: connection.state, waiting: connection.calls.waiting }),
    (callback) => {
      connection.watchers.add(callback);
      return () => void connection.watchers.delete(callback);
    }
  );
  const keepConnected = () => {
    if (connection.state === null) connect2();
  };
  const start2 = () => {
    page.start();
    new Controls({ document, call: call2 }).start();
    new Forms({ document, call: call2, follow: (url) => location.assign(url) }).start();
    new RowForms(document).start();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start2);
  else start2();
  return {
    [MARK]: true,
    connect: connect2,
    live: live2,
    value: value2,
    call: call2,
    presence: presence2,
    send: send3,
    on: on2,
    RealtimeError,
    codes,
    /** "connecting", "catching-up", "live", "offline" or "refused"; null before anything was asked for. */
    get state() {
      return connection.state;
    },
    /** How many calls wait for the connection. */
    get waiting() {
      return connection.calls.waiting;
    },
    /** Both together, as a store: `{state, waiting}`. */
    status: status2
  };
}
function start() {
  const global = globalThis.window;
  if (global) return global.realtime = global.realtime?.[MARK] ? global.realtime : create();
  serve(globalThis);
  return (
    /** @type {any} */
    {}
  );
}
var realtime = start();
var { connect, live, value, call, presence, send: send2, on, status, RealtimeError: RealtimeError2, codes: codes2 } = realtime;
var realtime_default = realtime;
export {
  RealtimeError2 as RealtimeError,
  call,
  codes2 as codes,
  connect,
  realtime_default as default,
  live,
  on,
  presence,
  send2 as send,
  status,
  value
};
