// Made from browser/src by `npm run build`; change it there.

// src/protocol/messages.js
var VERSION = 2;
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
var ABNORMAL = 1006;
var names = new Map(Object.entries(codes).map(([name, code]) => [code, name]));
function reactionTo(code) {
  if (code >= 4200 && code < 4300) return "stop";
  if (code >= 4100 && code < 4200) return "renew";
  return "reconnect";
}
function parseJSON(text2) {
  return JSON.parse(/\d{16}/.test(text2) ? text2.replace(TOKENS, keepExact) : text2);
}
function isPatched(message) {
  return Array.isArray(message) && typeof message[1] === "object";
}
var TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
function keepExact(token) {
  return /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token;
}
function valueFormat(name) {
  if (/^[\p{L}\p{N}_]{1,100}$/u.test(name)) return `value:${name}`;
  const reason = `The name of a live value is made of letters, digits and underscores: '${name}' cannot be one.`;
  throw new RealtimeError(null, reason, { name: "bad_arguments" });
}
function sorted(value2) {
  if (Array.isArray(value2)) return value2.map(sorted);
  if (value2 === null || typeof value2 !== "object") return value2;
  if ("toJSON" in value2 && typeof value2.toJSON === "function") return value2.toJSON();
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
function newId() {
  if (globalThis.isSecureContext) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("");
}

// src/dom/members.js
function membersOf(node) {
  if (typeof HTMLFormElement === "undefined") return node;
  return node instanceof HTMLFormElement ? HTMLFormElement.prototype : node instanceof Document ? Document.prototype : node;
}
function get(node, name) {
  return Reflect.get(membersOf(node), name, node);
}
function call(node, name, ...args) {
  return (
    /** @type {any} */
    get(node, name).apply(node, args)
  );
}
function set(node, name, value2) {
  Reflect.set(membersOf(node), name, value2, node);
}
var attribute = (element, name) => Element.prototype.getAttribute.call(element, name);
function show(element, name, value2) {
  if (value2 === null) call(element, "removeAttribute", name);
  else if (attribute(element, name) !== value2) call(element, "setAttribute", name, value2);
}
function emit(element, type, detail) {
  const target = get(element, "isConnected") ? element : (
    /** @type {Document} */
    get(element, "ownerDocument")
  );
  call(
    /** @type {Node} */
    target,
    "dispatchEvent",
    new CustomEvent(type, { bubbles: true, detail })
  );
}
var isForeign = (element) => call(element, "closest", "[data-live-ignore]") !== null;
var isForeignSubmit = (form, submitter) => isForeign(form) || !!submitter && isForeign(submitter);
function isHere(url, document2) {
  try {
    return new URL(url, get(document2, "baseURI")).origin === get(document2, "defaultView")?.location.origin;
  } catch {
    return false;
  }
}
var isSigned = (element) => attribute(element, "data-live") !== null && attribute(element, "data-live-token") !== null;
function ask(element, type, detail) {
  return call(element, "dispatchEvent", new CustomEvent(type, { bubbles: true, cancelable: true, detail }));
}
function focused(node) {
  const document2 = (
    /** @type {Document} */
    get(node, "ownerDocument") ?? node
  );
  const active = get(document2, "activeElement");
  return active === get(document2, "body") ? null : active;
}

// src/protocol/sentences.js
var translations = {};
function translate(sentences) {
  translations = sentences;
}
function translateAs(document2) {
  try {
    const script = call(document2, "querySelector", "script[data-realtime-sentences]");
    translate(JSON.parse((script && attribute(script, "data-realtime-sentences")) ?? "{}"));
  } catch {
    translate({});
  }
}
function sentence(text2, values = {}) {
  const own = Object.hasOwn(translations, text2) ? translations[text2] : text2;
  return own.replace(/\{(\w+)\}/g, (whole, name) => Object.hasOwn(values, name) ? String(values[name]) : whole);
}

// src/connection/calls.js
var MAX_WAITING = 100;
var TIMEOUT_SECONDS = 30;
var REPEAT_SECONDS = 1800;
var Calls = class {
  /** @type {Map<string, Call>} */
  #calls = /* @__PURE__ */ new Map();
  #open = false;
  /** Why calls are refused. @type {{code: number, reason: string} | null} */
  #refusal = null;
  /**
   * @param {{
   *   send: (text: string) => void,
   *   after: (seconds: number, callback: () => void) => () => void,
   *   now: () => number,
   *   ended?: (id: string) => void,
   *   changed?: () => void,
   * }} options now: in seconds; ended: the call has failed or is settled; changed: the number of waiting calls may have changed
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
  /** The number of calls that wait for the connection. */
  get waiting() {
    return [...this.#calls.values()].filter(({ state }) => state === "waiting").length;
  }
  /**
   * @param {Target} target
   * @param {CallOptions} [options] timeout: in seconds, until the reply
   * @returns {CallPromise}
   */
  call(target, { timeout = TIMEOUT_SECONDS, before = () => {
  } } = {}) {
    const id = newId();
    const { call: call3, promise } = newCall(id, this.now());
    try {
      if (this.#refusal) throw new RealtimeError(this.#refusal.code, this.#refusal.reason);
      if (!this.#open && this.waiting >= MAX_WAITING) {
        const reason = sentence("{number} calls are already waiting for the connection. Try again when it is back.", { number: MAX_WAITING });
        throw new RealtimeError(null, reason, { name: "queue_full" });
      }
      call3.text = encode({ type: "call", id, ...target });
      before(id);
    } catch (error) {
      call3.reject(error);
      return promise;
    }
    if (Number.isFinite(timeout)) call3.cancelTimer = this.after(timeout, () => this.#expire(id, timeout));
    this.#calls.set(id, call3);
    if (this.#open) this.#send(call3);
    this.changed();
    return promise;
  }
  /** Returns a rejected call. @param {unknown} error @returns {CallPromise} */
  refuse(error) {
    const { call: call3, promise } = newCall(newId(), this.now());
    call3.reject(error);
    return promise;
  }
  /** Handles a new connection: sends waiting calls, and repeats those not answered or settled. */
  opened() {
    this.#open = true;
    this.#refusal = null;
    const now = this.now();
    for (const [id, call3] of this.#calls) {
      const repeatable = !call3.everSent || now - call3.made < REPEAT_SECONDS;
      if (call3.state === "answered" && (!repeatable || call3.arrived)) call3.arrived = true;
      else if (repeatable) this.#send(call3);
      else this.#fail(id, tooOld());
    }
  }
  /** Handles the loss of the connection. */
  interrupted() {
    this.#open = false;
    for (const call3 of this.#calls.values()) {
      if (call3.state === "sent") call3.state = "waiting";
    }
  }
  /** Handles the server's refusal of the connection. @param {{code: number, reason: string}} refusal */
  refused(refusal) {
    this.#refusal = refusal;
    for (const id of [...this.#calls.keys()]) this.#fail(id, new RealtimeError(refusal.code, refusal.reason));
  }
  /** Accepts calls again when connecting is retried after a refusal. */
  retried() {
    this.#refusal = null;
  }
  /** @param {import("../protocol/messages.js").Reply} reply */
  reply({ id, result, error }) {
    const call3 = this.#calls.get(id);
    if (!call3) return;
    call3.cancelTimer();
    if (call3.state === "answered") {
      if (error) call3.arrived = true;
    } else if (error) {
      this.#fail(id, new RealtimeError(error.code, error.reason, { details: error.details, version: error.version }));
    } else {
      call3.state = "answered";
      call3.resolve(result);
    }
  }
  /** Notes that a frame has the effects of these calls. @param {Iterable<string>} ids */
  arrive(ids) {
    for (const id of ids) {
      const call3 = this.#calls.get(id);
      if (call3) call3.arrived = true;
    }
  }
  /** Settles the calls whose effects have arrived. All subscriptions are live. */
  settle() {
    for (const [id, call3] of this.#calls) {
      if (!call3.arrived || call3.state !== "answered") continue;
      this.#calls.delete(id);
      this.ended(id);
      call3.settle();
    }
  }
  /** @param {Call} call */
  #send(call3) {
    if (call3.state !== "answered") call3.state = "sent";
    call3.everSent = true;
    this.send(call3.text);
  }
  /** @param {string} id @param {number} timeout */
  #expire(id, timeout) {
    const reason = this.#calls.get(id)?.everSent ? "No reply within {seconds} seconds. The action may or may not have run." : "No reply within {seconds} seconds. There was no connection, so the call was not sent.";
    this.#fail(id, new RealtimeError(null, sentence(reason, { seconds: timeout }), { name: "no_reply" }));
    this.changed();
  }
  /** @param {string} id @param {RealtimeError} error */
  #fail(id, error) {
    const call3 = this.#calls.get(id);
    if (!call3) return;
    this.#calls.delete(id);
    call3.cancelTimer();
    this.ended(id);
    call3.reject(error);
  }
};
function newCall(id, made) {
  const call3 = { text: "", made, state: "waiting", everSent: false, arrived: false, cancelTimer: () => {
  } };
  let rejectSettled;
  const settled = (
    /** @type {Promise<void>} */
    new Promise((resolve, reject) => {
      call3.settle = () => {
        call3.state = "settled";
        resolve(void 0);
      };
      rejectSettled = reject;
    })
  );
  settled.catch(() => {
  });
  const promise = new Promise((resolve, reject) => {
    call3.resolve = resolve;
    call3.reject = (error) => {
      call3.state = "failed";
      reject(error);
      rejectSettled(error);
    };
  });
  Object.defineProperties(promise, { id: { value: id }, state: { get: () => call3.state }, settled: { value: settled } });
  return { call: call3, promise: (
    /** @type {CallPromise} */
    promise
  ) };
}
function tooOld() {
  const reason = sentence("The call is too old to be retried. The action may or may not have run.");
  return new RealtimeError(null, reason, { name: "outcome_unknown" });
}
function encode(message) {
  try {
    return JSON.stringify(message);
  } catch (error) {
    throw new RealtimeError(null, `The arguments of a call must be JSON: ${error}.`, { name: "bad_arguments" });
  }
}

// src/data/events.js
var EventListeners = class {
  /** @type {Map<string, Set<EventListener>>} */
  #byName = /* @__PURE__ */ new Map();
  /** Listeners for all events. @type {Set<EventListener>} */
  all = /* @__PURE__ */ new Set();
  /** @param {string} name @param {EventListener} callback @returns {() => void} removes the listener */
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

// src/protocol/flow_control.js
var DEFAULT_WINDOW = { frames: 32, bytes: 1048576 };
var Acknowledgements = class {
  /** How much the server sends without an acknowledgement. */
  window = DEFAULT_WINDOW;
  #handled = 0;
  // messages since the welcome
  #frames = 0;
  // of those that are not acknowledged
  #bytes = 0;
  /** Begins with another connection. */
  reset() {
    this.#handled = this.#frames = this.#bytes = 0;
  }
  /** @param {number} size length of a message's text */
  received(size) {
    this.#bytes += size;
  }
  /** Counts a message as handled. @param {boolean} isFrame whether it counts as a frame in the window */
  handled(isFrame) {
    this.#handled += 1;
    if (isFrame) this.#frames += 1;
  }
  /** Whether a quarter of the window is used. */
  get isDue() {
    return this.#frames >= this.window.frames / 4 || this.#bytes >= this.window.bytes / 4;
  }
  /** Returns the acknowledgement of all handled messages, to be sent. @returns {import("./messages.js").ClientMessage} */
  next() {
    this.#frames = this.#bytes = 0;
    return { type: "ack", messages: this.#handled };
  }
};

// src/protocol/subscriptions.js
function newSubscription({ fingerprint = "", ...target }) {
  return { ...target, fingerprint, nextFingerprint: "", id: 0, query: null, log: null, status: "wanted", failures: 0, present: null, vouched: false, parts: null };
}
var Subscriptions = class {
  /** @type {Set<Subscription>} */
  #subscriptions = /* @__PURE__ */ new Set();
  #nextId = 1;
  /** @param {Subscription} subscription */
  add(subscription) {
    this.#subscriptions.add(subscription);
  }
  /** @param {Subscription} subscription */
  has(subscription) {
    return this.#subscriptions.has(subscription);
  }
  /** @param {Subscription} subscription @returns {ClientMessage[]} the messages for an open connection */
  remove(subscription) {
    this.#subscriptions.delete(subscription);
    return this.#unsubscribe(subscription);
  }
  /** Whether all subscriptions that are shown and not refused are live. */
  get live() {
    return this.#shown.every((subscription) => subscription.status === "live" || subscription.status === "refused");
  }
  /** Whether there are subscriptions, and all of them are refused. */
  get refused() {
    return this.#shown.length > 0 && this.#shown.every((subscription) => subscription.status === "refused");
  }
  get #shown() {
    return [...this.#subscriptions].filter(({ isNext }) => !isNext);
  }
  /** Whether no answer is pending. */
  get settled() {
    return [...this.#subscriptions].every(({ status: status2 }) => status2 === "live" || status2 === "delayed" || status2 === "refused");
  }
  /** Returns the messages of a subscription request. @param {Subscription} subscription @returns {ClientMessage[]} */
  subscribe(subscription) {
    Object.assign(subscription, { id: this.#nextId++, status: "asked", parts: null });
    const { id, token, stream, params = {}, format, cursor, fingerprint, changed } = subscription;
    const target = !token ? { stream, params, format } : changed ? { token, params } : { token };
    const held = cursor === null ? {} : fingerprint ? { cursor, fingerprint } : { cursor };
    const asked = { type: "subscribe", id, ...target, ...held };
    return subscription.present ? [asked, { type: "present", id, data: subscription.present }] : [asked];
  }
  subscribeAll() {
    return [...this.#subscriptions].filter(({ status: status2 }) => status2 !== "refused").flatMap((subscription) => this.subscribe(subscription));
  }
  /** Returns the message of an event; none if the subscription is not live, so the event is lost. @param {Subscription} subscription @param {string} name @param {unknown} data @returns {ClientMessage[]} */
  sendEvent({ id, status: status2 }, name, data) {
    return status2 !== "asked" && isHeld(status2) ? [{ type: "send", id, name, data }] : [];
  }
  /** @param {Subscription} subscription @param {object} data @returns {ClientMessage[]} */
  present(subscription, data) {
    subscription.present = data;
    return isHeld(subscription.status) ? [{ type: "present", id: subscription.id, data }] : [];
  }
  /** Returns the subscriptions that an event is for. @param {number} query */
  of(query) {
    return [...this.#subscriptions].filter((subscription) => subscription.query === query);
  }
  /** Returns the messages that continue on another connection; live rows stay live. @param {Send[]} events not yet sent to the previous one */
  renewAll(events) {
    return [...this.#subscriptions].filter(({ status: status2 }) => status2 !== "refused" && status2 !== "delayed").flatMap((subscription) => {
      const isLive = subscription.status === "live";
      const own = events.filter(({ id }) => id === subscription.id);
      const messages = [...this.subscribe(subscription), ...own.map((event) => ({ ...event, id: subscription.id }))];
      Object.assign(subscription, { query: null, log: null, status: isLive ? "live" : "asked" });
      return messages;
    });
  }
  /** Handles the loss of the connection; the subscriptions are still wanted. */
  interrupt() {
    for (const subscription of this.#subscriptions) {
      if (subscription.status !== "refused") Object.assign(subscription, { query: null, log: null, status: "wanted", parts: null });
    }
  }
  /** Discards tokens and rows, because the user may be another one. */
  discardCredentials() {
    for (const subscription of this.#subscriptions) {
      subscription.cursor = null;
      if (subscription.params && subscription.vouched) delete subscription.token;
    }
  }
  /** @param {import("./messages.js").Subscribed} message */
  accept({ id, query, log, fingerprint = "" }) {
    const subscription = this.find(id);
    if (!subscription) return;
    if (subscription.token) subscription.vouched = true;
    const moved = subscription.query !== null;
    const differs = subscription.fingerprint !== "" && fingerprint !== "" && subscription.fingerprint !== fingerprint;
    if (moved || differs) subscription.cursor = null;
    const isRenewed = subscription.status === "live" && subscription.cursor !== null;
    Object.assign(subscription, { query, log, nextFingerprint: fingerprint, status: isRenewed ? "live" : "accepted" });
  }
  /**
   * Handles a refusal: the subscription is requested again, delayed or ended, as its status then says.
   *
   * @param {import("./messages.js").Refused} message
   * @returns {Subscription | undefined}
   */
  refuse({ id, code }) {
    const subscription = this.find(id);
    if (!subscription) return void 0;
    Object.assign(subscription, { query: null, log: null });
    const reaction = reactionTo(code);
    if (reaction === "renew" && subscription.token && subscription.params && subscription.vouched) {
      delete subscription.token;
      subscription.status = "wanted";
    } else if (reaction === "reconnect") {
      subscription.status = "delayed";
      subscription.failures += 1;
    } else {
      Object.assign(subscription, { status: "refused", cursor: null });
    }
    return subscription;
  }
  /** Keeps rows of a subscription until its first frame. @param {import("./messages.js").Part} message */
  addPart({ id, puts, first }) {
    const subscription = this.find(id);
    if (!subscription) return;
    const parts2 = subscription.parts = (first ? null : subscription.parts) ?? [];
    for (const put2 of puts) parts2.push(put2);
  }
  /** @param {import("./messages.js").Frame} frame @returns {Update[]} */
  updates({ log, deltas }) {
    return [...this.#subscriptions].filter((subscription) => subscription.log === log).map((subscription) => ({ subscription, deltas: deltasOf(subscription, deltas), fresh: subscription.cursor === null }));
  }
  /** Notes that the page has the subscription's rows up to this cursor; `null`: up to the same one as before. @param {Subscription} subscription @param {string | null} cursor */
  advance(subscription, cursor) {
    Object.assign(subscription, { cursor: cursor ?? subscription.cursor, fingerprint: subscription.nextFingerprint, status: "live", failures: 0 });
  }
  /** Discards the page's rows, and requests them again. @param {Subscription} subscription @returns {ClientMessage[]} */
  reset(subscription) {
    const messages = this.#unsubscribe(subscription);
    Object.assign(subscription, { cursor: null, status: "delayed", failures: subscription.failures + 1 });
    return messages;
  }
  fallBehind() {
    for (const subscription of this.#subscriptions) {
      if (subscription.status === "live") subscription.status = "behind";
    }
  }
  /** @param {Record<string, string>} cursors by log */
  heartbeat(cursors) {
    for (const subscription of this.#subscriptions) {
      if (subscription.status !== "live" && subscription.status !== "behind") continue;
      const cursor = cursors[String(subscription.log)];
      if (cursor !== void 0) Object.assign(subscription, { cursor, status: "live" });
    }
  }
  /** @param {Subscription} subscription @returns {ClientMessage[]} */
  #unsubscribe(subscription) {
    const { id, status: status2 } = subscription;
    Object.assign(subscription, { query: null, log: null, status: "wanted" });
    return isHeld(status2) ? [{ type: "unsubscribe", id }] : [];
  }
  /** @param {number} id */
  find(id) {
    return [...this.#subscriptions].find((subscription) => subscription.id === id && subscription.status !== "wanted" && subscription.status !== "delayed");
  }
};
function deltasOf(subscription, deltas) {
  const { query, parts: parts2 } = subscription;
  const own = deltas.filter((delta) => delta.query === query);
  if (query === null || !parts2 || !own.some((delta) => delta.parts || delta.reset)) return own;
  subscription.parts = null;
  return [{ query, reset: true, puts: parts2 }, ...own];
}
function isHeld(status2) {
  return status2 === "asked" || status2 === "accepted" || status2 === "live" || status2 === "behind";
}

// src/protocol/session.js
var TRANSITIONS = {
  idle: { connect: "opening", suspend: "idle", resume: "idle" },
  opening: { connect: "opening", opened: "greeting", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "opening" },
  greeting: { connect: "greeting", renew: "greeting", welcome: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "greeting" },
  ready: { connect: "ready", renew: "ready", welcome: "ready", lost: "waiting", stop: "stopped", suspend: "suspended", resume: "ready" },
  waiting: { connect: "opening", due: "opening", suspend: "suspended", resume: "opening" },
  suspended: { connect: "suspended", suspend: "suspended", resume: "opening" },
  stopped: { connect: "opening", suspend: "stopped", resume: "stopped" }
};
var Session = class {
  /** @type {Phase} */
  phase = "idle";
  /** Why the server refused the connection for good. @type {Fault | null} */
  fault = null;
  /** The live texts by their numbers, each with its length so far. @type {Map<number, {query: number, key: string, field: string, end: number}>} */
  #texts = /* @__PURE__ */ new Map();
  #subscriptions = new Subscriptions();
  // what the page wants, whether connected or not
  /** The state to show until the next welcome. @type {State} */
  #absence = "connecting";
  #renewed = false;
  // new credentials were requested since the last frame
  #acknowledgements = new Acknowledgements();
  /** Identifies the user, if no cookie does. @type {string | undefined} */
  #token;
  /** The state to show; `null` before connect(). @returns {State | null} */
  get state() {
    switch (this.phase) {
      case "idle":
        return null;
      case "ready":
        if (this.#subscriptions.refused) return "refused";
        return this.#subscriptions.live ? "live" : "catching-up";
      case "stopped":
        return "refused";
      default:
        return this.#absence;
    }
  }
  /** Whether all subscriptions are answered. */
  get settled() {
    return this.#subscriptions.settled;
  }
  /** Whether the page is connected and all its subscriptions are live. */
  get isCurrent() {
    return this.phase === "ready" && this.#subscriptions.live;
  }
  /** @param {Subscription} subscription @returns {State | null} */
  stateOf(subscription) {
    if (subscription.status === "refused") return "refused";
    if (this.phase !== "ready") return this.state;
    return subscription.status === "live" ? "live" : "catching-up";
  }
  /** @returns {Effect[]} */
  connect() {
    const before = this.phase;
    this.#move("connect");
    if (before === "stopped") {
      this.fault = null;
      this.#renewed = false;
      this.#absence = "connecting";
    }
    return this.phase === before ? [] : [{ do: "open" }];
  }
  /**
   * Handles an open transport.
   *
   * @param {string} [token] identifies the user, if no cookie does
   * @returns {Effect[]}
   */
  opened(token) {
    this.#move("opened");
    this.#token = token;
    return [...this.#hello([]), { do: "repeat" }, ...send(this.#subscriptions.subscribeAll())];
  }
  /**
   * Continues with another request: the server sees a new client, the page sees no change.
   *
   * @param {import("./messages.js").Send[]} [events] to send with it
   * @returns {Effect[]}
   */
  renew(events = []) {
    this.#move("renew");
    return this.#hello(this.#subscriptions.renewAll(events));
  }
  /** Like `renew`, if the previous transport has received no answer: the calls are sent again too. @returns {Effect[]} */
  moved() {
    this.#move("renew");
    return [...this.#hello([]), { do: "repeat" }, ...send(this.#subscriptions.renewAll([]))];
  }
  /** Sends a newer token for the current connection. @param {string} token @returns {Effect[]} */
  authenticate(token) {
    this.#token = token;
    return this.phase === "ready" ? send([{ type: "authenticate", token }]) : [];
  }
  /**
   * Handles the end of the connection. The code decides what to do next.
   *
   * @param {number} code
   * @param {string} reason
   * @param {number} [retry] seconds after which the server allows a reconnect
   * @returns {Effect[]}
   */
  lost(code, reason, retry = 0) {
    const reaction = reactionTo(code);
    if (reaction === "stop" || reaction === "renew" && this.#renewed) {
      this.#move("stop");
      this.#interrupt();
      this.fault = { code, reason };
      return [{ do: "close" }];
    }
    const planned = code === codes.going_away;
    this.#interrupt(!planned ? "offline" : this.phase === "ready" ? "catching-up" : this.#absence);
    this.#move("lost");
    if (reaction === "renew") {
      this.#renewed = true;
      this.#subscriptions.discardCredentials();
    }
    return [{ do: "close" }, { do: "wait", retry, ...planned && { planned } }];
  }
  /** Connects after the delay. @returns {Effect[]} */
  due() {
    this.#move("due");
    return [{ do: "open" }];
  }
  /** Disconnects because the page is left or frozen. It may return. @returns {Effect[]} */
  suspend() {
    const before = this.phase;
    this.#move("suspend");
    if (this.phase === before) return [];
    this.#interrupt();
    return [{ do: "close" }];
  }
  /** Reconnects after the page has returned. @returns {Effect[]} */
  resume() {
    const before = this.phase;
    this.#move("resume");
    return this.phase === before ? [] : [{ do: "open" }];
  }
  /** @param {Subscription} subscription @returns {Effect[]} */
  subscribe(subscription) {
    this.#subscriptions.add(subscription);
    return this.#subscribe(subscription);
  }
  /** @param {Subscription} subscription @returns {Effect[]} */
  unsubscribe(subscription) {
    return this.#sendIfConnected(this.#subscriptions.remove(subscription));
  }
  /** Sends an event to the other subscribers. @param {Subscription} subscription @param {string} name @param {unknown} data */
  sendEvent(subscription, name, data) {
    return this.#sendIfConnected(this.#subscriptions.sendEvent(subscription, name, data));
  }
  /** Marks the user as present, with this data. @param {Subscription} subscription @param {object} data */
  present(subscription, data) {
    return this.#sendIfConnected(this.#subscriptions.present(subscription, data));
  }
  /** Subscribes again after a delay, unless a reconnect has done so already. @param {Subscription} subscription @returns {Effect[]} */
  again(subscription) {
    return subscription.status === "delayed" && this.#subscriptions.has(subscription) ? this.#subscribe(subscription) : [];
  }
  /**
   * Reloads all rows, because the page's rows are wrong: at once the first time, then after growing delays.
   *
   * @param {Subscription} subscription
   * @returns {Effect[]}
   */
  resync(subscription) {
    const leaving = this.#sendIfConnected(this.#subscriptions.reset(subscription));
    return subscription.failures === 1 ? [...leaving, ...this.#subscribe(subscription)] : [...leaving, { do: "later", subscription }];
  }
  /**
   * @param {import("./messages.js").ServerMessage} message
   * @param {number} size length of its text
   * @returns {Effect[]}
   */
  receive(message, size) {
    if (isPatched(message)) return this.#patched(message, size);
    if (Array.isArray(message)) message = this.#textMore(message);
    if (this.phase === "greeting" && message.type !== "welcome" && message.type !== "bye") {
      throw new Error(`The server sent '${message.type}' before 'welcome'.`);
    }
    if (message.type === "welcome") {
      const isFirst = this.phase === "greeting";
      this.#move("welcome");
      this.#acknowledgements.window = message.window ?? DEFAULT_WINDOW;
      return isFirst ? [{ do: "greeted", heartbeat: message.heartbeat }, ...expires(message)] : expires(message);
    }
    this.#acknowledgements.received(size);
    if (message.type === "frame") {
      const { cursor, calls = [] } = message;
      return [{ do: "apply", cursor, updates: this.#subscriptions.updates(message), calls }];
    }
    this.#acknowledgements.handled(message.type === "part");
    return [...this.#answer(message), ...this.#ackIfDue()];
  }
  /** Handles a frame that leaves the cursor as it is. @param {import("./messages.js").Patched} message @param {number} size @returns {Effect[]} */
  #patched([query, patches], size) {
    this.#acknowledgements.received(size);
    const updates = this.#subscriptions.of(query).map((subscription) => ({ subscription, deltas: [{ query, patches }], fresh: false }));
    return [{ do: "apply", cursor: null, updates, calls: [] }];
  }
  /** Returns the long form of a short message. @param {import("./messages.js").TextMore} message @returns {import("./messages.js").Text} */
  #textMore([number, text2]) {
    const { query = -1, key = "", field = "", end = 0 } = this.#texts.get(number) ?? {};
    return { type: "text", number, query, key, field, offset: end, text: text2 };
  }
  /** @param {import("./messages.js").ServerObject} message @returns {Effect[]} */
  #answer(message) {
    switch (message.type) {
      case "authenticated":
        return expires(message);
      case "subscribed":
        this.#subscriptions.accept(message);
        return [];
      case "part":
        this.#subscriptions.addPart(message);
        return [];
      case "behind":
        this.#subscriptions.fallBehind();
        return [];
      case "heartbeat":
        this.#subscriptions.heartbeat(message.cursors ?? {});
        return send([this.#acknowledgements.next()]);
      case "refused":
        return this.#refused(message);
      case "reply":
        return [{ do: "reply", reply: message }];
      case "event": {
        const subscriptions = message.query === void 0 ? null : this.#subscriptions.of(message.query);
        return [{ do: "event", event: message, subscriptions }];
      }
      case "text": {
        const { number, query, key, field, offset, text: text2 } = message;
        this.#texts.set(number, { query, key, field, end: offset + text2.length });
        return [{ do: "text", subscriptions: this.#subscriptions.of(query), key, field, offset, text: text2 }];
      }
      case "text_ended": {
        const { query, key, field, length } = message;
        for (const [number, text2] of this.#texts) {
          if (text2.query === query && text2.key === key && text2.field === field) this.#texts.delete(number);
        }
        return [{ do: "text_ended", subscriptions: this.#subscriptions.of(query), key, field, length }];
      }
      case "event_rejected": {
        const { id, name, code, reason } = message;
        return [{ do: "event_rejected", subscription: this.#subscriptions.find(id), name, fault: { code, reason } }];
      }
      case "bye":
        return this.lost(message.code, message.reason, message.retry);
      default:
        return [];
    }
  }
  /**
   * Handles an applied frame: its cursor is valid now, except for subscriptions whose deltas could not be applied.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   * @param {Set<Subscription>} failed
   * @returns {Effect[]}
   */
  applied({ cursor, updates }, failed) {
    this.#renewed = false;
    this.#acknowledgements.handled(true);
    const effects = [];
    for (const { subscription } of updates) {
      if (!this.#subscriptions.has(subscription)) continue;
      if (failed.has(subscription)) effects.push(...this.resync(subscription));
      else this.#subscriptions.advance(subscription, cursor);
    }
    return [...this.#ackIfDue(), ...effects];
  }
  /** @param {import("./messages.js").ClientMessage[]} messages @returns {Effect[]} */
  #hello(messages) {
    this.#acknowledgements.reset();
    this.#texts.clear();
    const named = this.#token === void 0 ? {} : { token: this.#token };
    return send([{ type: "hello", version: VERSION, ...named }, ...messages]);
  }
  /** @param {Event} event */
  #move(event) {
    const next = TRANSITIONS[this.phase][event];
    if (!next) throw new Error(`A session that is '${this.phase}' does not know the event '${event}'.`);
    this.phase = next;
  }
  /** @param {State} shown */
  #interrupt(shown2 = "offline") {
    this.#absence = shown2;
    this.#subscriptions.interrupt();
  }
  /** @param {Subscription} subscription @returns {Effect[]} */
  #subscribe(subscription) {
    return this.#connected ? send(this.#subscriptions.subscribe(subscription)) : [];
  }
  /** @param {import("./messages.js").ClientMessage[]} messages @returns {Effect[]} */
  #sendIfConnected(messages) {
    return this.#connected ? send(messages) : [];
  }
  get #connected() {
    return this.phase === "greeting" || this.phase === "ready";
  }
  /** @param {import("./messages.js").Refused} message @returns {Effect[]} */
  #refused(message) {
    const subscription = this.#subscriptions.refuse(message);
    if (subscription?.status === "wanted") return this.#subscribe(subscription);
    if (subscription?.status === "delayed") return [{ do: "later", subscription }];
    const { code, reason, details } = message;
    return subscription ? [{ do: "refused", subscription, fault: details ? { code, reason, details } : { code, reason } }] : [];
  }
  /** @returns {Effect[]} */
  #ackIfDue() {
    return this.#acknowledgements.isDue && this.phase === "ready" ? send([this.#acknowledgements.next()]) : [];
  }
};
function expires({ expires: expires2 }) {
  return expires2 === void 0 ? [] : [{ do: "expires", seconds: expires2 }];
}
function send(messages) {
  return messages.map((message) => ({ do: "send", message }));
}

// src/connection/connection.js
var REFRESH_SECONDS = 30;
var Connection = class {
  /** Called whenever a state may have changed. @type {Set<() => void>} */
  watchers = /* @__PURE__ */ new Set();
  /** Listeners to the user's events. */
  events = new EventListeners();
  /** Called when the server rejects an event or a presence. @type {Set<(error: RealtimeError) => void>} */
  refusals = /* @__PURE__ */ new Set();
  #session = new Session();
  /** @type {Map<Subscription, ResultSet>} */
  #resultSets = /* @__PURE__ */ new Map();
  /** @type {Map<Subscription, () => void>} */
  #delays = /* @__PURE__ */ new Map();
  /** @type {Transport | null} */
  #transport = null;
  #url = "";
  /** Returns a token, if users have one instead of a cookie. @type {Token | null} */
  #token = null;
  /** Cancels the timer for the next token. */
  #cancelRefresh = () => {
  };
  /** @type {Effect[]} */
  #effects = [];
  #working = false;
  /**
   * @param {{
   *   monitor: import("./reconnect.js").Monitor,
   *   newTransport: (url: string) => Transport,
   *   report: (error: unknown) => void,
   *   warn?: (text: string) => void,
   * }} options report: called with errors of the page's own code; warn: with refusals of the server
   */
  constructor({ monitor, newTransport, report, warn = () => {
  } }) {
    this.warn = warn;
    this.monitor = monitor;
    this.newTransport = newTransport;
    this.report = report;
    this.calls = new Calls({
      send: (text2) => this.#transport?.send(text2),
      after: (seconds, callback) => monitor.after(seconds, callback),
      now: () => monitor.clock.now(),
      ended: (id) => this.#removeExpectation(id),
      changed: () => this.#watch()
    });
    monitor.start({
      due: () => this.#do(this.#session.due()),
      silent: () => this.#do(this.#session.lost(ABNORMAL, "Nothing was heard from the server.")),
      suspend: () => this.#do(this.#session.suspend()),
      resume: () => this.#do(this.#session.resume())
    });
  }
  get state() {
    return this.#session.state;
  }
  /** Why the state is "refused": the connection was refused, or all subscriptions. */
  get fault() {
    if (this.state !== "refused" || this.#session.fault) return this.#session.fault;
    const [error] = [...this.#resultSets.values()].map((resultSet) => resultSet.error);
    return error && { code: error.code, reason: error.message };
  }
  /** @param {ResultSet} resultSet */
  stateOf({ subscription }) {
    return this.#session.stateOf(subscription);
  }
  /** @param {string} url @param {Token | null} [token] */
  connect(url, token = null) {
    this.#token = token ?? this.#token;
    const moved = this.#transport !== null && url !== this.#url;
    this.#url = url;
    if (moved) this.#do(this.#session.lost(1e3, "The page has connected to another address."));
    this.#do(this.#session.connect());
  }
  /** @param {ResultSet} resultSet */
  subscribe(resultSet) {
    this.#resultSets.set(resultSet.subscription, resultSet);
    this.#do(this.#session.subscribe(resultSet.subscription));
  }
  /** @param {ResultSet} resultSet */
  unsubscribe({ subscription }) {
    this.#delays.get(subscription)?.();
    this.#delays.delete(subscription);
    this.#resultSets.delete(subscription);
    this.#do(this.#session.unsubscribe(subscription));
  }
  /**
   * Sends an event to the other subscribers.
   *
   * @param {ResultSet} resultSet
   * @param {string} name
   * @param {unknown} data
   * @returns {boolean} whether it was sent
   */
  sendEvent({ subscription }, name, data) {
    const effects = this.#session.sendEvent(subscription, name, data);
    this.#do(effects);
    return effects.length > 0;
  }
  /** Marks the user as present. @param {ResultSet} resultSet @param {object} data shown to the other users */
  present({ subscription }, data) {
    this.#do(this.#session.present(subscription, data));
  }
  /** Returns the subscriptions to a stream with these parameters, whichever rows they show. @param {string} stream @param {string} params in order, as JSON */
  of(stream, params) {
    const isOf = (given2) => JSON.stringify(sorted(given2)) === params;
    return [...this.#resultSets.values()].filter(({ subscription }) => {
      const { page, window: window2, ...others } = subscription.params ?? {};
      return subscription.stream === stream && (isOf(subscription.params ?? {}) || isOf(others));
    });
  }
  /**
   * Calls an action, and shows its expected effect at once.
   *
   * @param {import("./calls.js").Target} target
   * @param {{timeout?: number, expectations?: [ResultSet, Expectation][]}} [options]
   */
  call(target, { timeout, expectations = [] } = {}) {
    return this.calls.call(target, { timeout, before: (id) => this.#expect(id, expectations) });
  }
  /** @param {string} id @param {[ResultSet, Expectation][]} expectations */
  #expect(id, expectations) {
    const changed = [];
    try {
      for (const [resultSet, expect] of expectations) {
        changed.push({ resultSet, change: resultSet.expect(id, expect) });
      }
    } catch (error) {
      for (const { resultSet } of changed) resultSet.removeExpectation(id);
      throw error;
    }
    this.#showAll(changed);
  }
  /** Removes the expected effect of a call from all subscriptions. @param {string} id */
  #removeExpectation(id) {
    const changed = [];
    for (const resultSet of this.#resultSets.values()) {
      const change = resultSet.removeExpectation(id);
      if (change) changed.push({ resultSet, change });
    }
    this.#showAll(changed);
  }
  /** @param {Changed[]} changed */
  #showAll(changed) {
    for (const { change } of changed) change.own = true;
    for (const subscription of this.#show(changed)) this.#do(this.#session.resync(subscription));
  }
  #watch() {
    for (const watcher of this.watchers) this.safely(watcher);
  }
  /** Executes effects in order, even if one adds more, as listeners may do. @param {Effect[]} effects */
  #do(effects) {
    this.#effects.push(...effects);
    if (this.#working) return;
    this.#working = true;
    for (let effect = this.#effects.shift(); effect; effect = this.#effects.shift()) {
      const next = effect;
      this.safely(() => this.#doOne(next));
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
        return this.monitor.welcome(effect.heartbeat);
      case "repeat":
        return this.calls.opened();
      case "expires":
        return this.#refreshBefore(effect.seconds);
      case "apply":
        return this.#apply(effect);
      case "refused":
        return this.#refuse(effect.subscription, effect.fault);
      case "later":
        return this.#delay(effect.subscription);
      case "reply":
        return this.calls.reply(effect.reply);
      case "event":
        return this.#dispatchEvent(effect.event, effect.subscriptions);
      case "text":
        return this.#growText(effect.subscriptions, effect.key, ({ texts }) => texts.add(effect.key, effect.field, effect.offset, effect.text));
      case "text_ended":
        return this.#growText(effect.subscriptions, effect.key, ({ texts }) => texts.end(effect.key, effect.field, effect.length));
      case "event_rejected":
        return this.#eventRejected(effect);
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
  /** @param {import("../protocol/messages.js").Send[]} [events] */
  #renew(events) {
    if (this.#session.phase !== "ready") this.monitor.expect();
    this.#do(this.#session.renew(events));
    return this.#session.settled;
  }
  #close() {
    this.monitor.stop();
    this.#cancelRefresh();
    this.#transport?.close();
    this.#transport = null;
    for (const { texts } of this.#resultSets.values()) texts.clear();
    this.calls.interrupted();
    if (!this.#session.fault) return;
    this.#warn(void 0, this.#session.fault);
    this.calls.refused(this.#session.fault);
  }
  /** Schedules the next token. @param {number} seconds until the current token expires */
  #refreshBefore(seconds) {
    const transport = this.#transport;
    this.#cancelRefresh();
    this.#cancelRefresh = this.monitor.after(seconds - Math.min(REFRESH_SECONDS, seconds / 4), () => {
      if (transport) this.#withToken(transport, (token) => this.#do(this.#session.authenticate(token)));
    });
  }
  /** Requests a token, and uses it if the transport is still the current one. @param {Transport} transport @param {(token: string) => void} use */
  #withToken(transport, use2) {
    Promise.resolve().then(() => this.#token?.()).then((token) => {
      if (transport === this.#transport) use2(String(token));
    }).catch((error) => {
      this.report(error);
      if (transport === this.#transport) this.#do(this.#session.lost(ABNORMAL, "There is no token."));
    });
  }
  /** @param {string} text */
  #receive(text2) {
    this.monitor.received();
    const effects = this.safely(() => this.#session.receive(parseJSON(text2), text2.length));
    this.#do(effects ?? this.#session.lost(1002, "The server sent what is no message of the protocol."));
  }
  /**
   * Applies a whole frame. First all rows are updated, then the page, then listeners are called, then the cursor is stored.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   */
  #apply(frame) {
    const failed = /* @__PURE__ */ new Set();
    const changed = [];
    if (frame.calls.length) this.#arrive(frame);
    for (const { subscription, deltas, fresh } of frame.updates) {
      const resultSet = this.#resultSets.get(subscription);
      if (!resultSet) continue;
      const fits = this.safely(() => resultSet.apply(deltas, { fresh }));
      const change = fits ? resultSet.commit() : null;
      if (!fits) failed.add(subscription);
      if (change) changed.push({ resultSet, change: { ...change, own: frame.calls.length > 0 } });
    }
    for (const subscription of this.#show(changed)) failed.add(subscription);
    this.#do(this.#session.applied(frame, failed));
  }
  /**
   * Replaces the expected effects of calls with the frame's real ones. If a subscription has no rows in this frame, they are
   * removed with the next frame if one is expected, else at once.
   *
   * @param {Extract<Effect, {do: "apply"}>} frame
   */
  #arrive({ calls, updates }) {
    this.calls.arrive(calls);
    for (const [subscription, { overlays }] of this.#resultSets) {
      if (updates.some((update) => update.subscription === subscription) || subscription.status !== "live") overlays.arrive(calls);
    }
  }
  /**
   * Shows changes in the whole page, then calls the listeners.
   *
   * @param {Changed[]} changed
   * @returns {Set<Subscription>} subscriptions whose rows could not be shown
   */
  #show(changed) {
    const failed = /* @__PURE__ */ new Set();
    for (const { resultSet, change } of changed) {
      const { paint, shownKeys, subscription } = resultSet;
      if (paint && !this.safely(() => paint(shownKeys, change))) failed.add(subscription);
    }
    for (const { resultSet, change } of changed) {
      if (!failed.has(resultSet.subscription)) this.#notify(resultSet, change);
    }
    return failed;
  }
  /** @param {Subscription} subscription @param {import("../protocol/session.js").Fault} fault */
  #refuse(subscription, { code, reason, details }) {
    const resultSet = this.#resultSets.get(subscription);
    if (!resultSet) return;
    if (subscription.status === "refused") this.#warn(subscription.stream, { code, reason });
    const change = resultSet.refuse(new RealtimeError(code, reason, { details }));
    this.safely(() => resultSet.paint?.(resultSet.shownKeys, change));
    this.#notify(resultSet, change);
  }
  /** Warns the developer in one line, because the page itself may not show it. @param {string | undefined} stream @param {{code: number, reason: string}} fault */
  #warn(stream, { code, reason }) {
    const what = stream ? `The live query of the stream '${stream}'` : "The connection";
    this.warn(`realtime: ${what} is refused: ${reason} (${code})`);
  }
  /** @param {ResultSet} resultSet @param {Change} change */
  #notify(resultSet, change) {
    for (const listener of [...resultSet.listeners]) this.safely(() => listener(resultSet.rows, change));
  }
  /** @param {import("../protocol/messages.js").EventMessage} event @param {Subscription[] | null} subscriptions null: the event is for the user */
  #dispatchEvent({ name, data, sender }, subscriptions) {
    const listeners = subscriptions ? subscriptions.flatMap((subscription) => this.#resultSets.get(subscription)?.events.of(name) ?? []) : this.events.of(name);
    for (const listener of listeners) this.safely(() => listener(data, { name, sender }));
  }
  /** @param {Subscription[]} subscriptions @param {string} key of the row @param {(resultSet: ResultSet) => void} change */
  #growText(subscriptions, key, change) {
    const changed = [];
    for (const resultSet of subscriptions.flatMap((subscription) => this.#resultSets.get(subscription) ?? [])) {
      change(resultSet);
      const shown2 = resultSet.showText(key);
      if (shown2) changed.push({ resultSet, change: shown2 });
    }
    for (const subscription of this.#show(changed)) this.#do(this.#session.resync(subscription));
  }
  /** @param {Extract<Effect, {do: "event_rejected"}>} refusal */
  #eventRejected({ fault }) {
    const error = new RealtimeError(fault.code, fault.reason);
    for (const listener of [...this.refusals]) this.safely(() => listener(error));
  }
  /** @param {Subscription} subscription */
  #delay(subscription) {
    this.#delays.get(subscription)?.();
    this.#delays.set(subscription, this.monitor.after(this.monitor.delay(subscription.failures), () => this.#do(this.#session.again(subscription))));
  }
  /**
   * Calls a listener, and reports its exception, so that the others are called too.
   *
   * @template T
   * @param {() => T} callback
   * @returns {T | undefined}
   */
  safely(callback) {
    try {
      return callback();
    } catch (error) {
      this.report(error);
      return void 0;
    }
  }
};

// src/dom/form_errors.js
var PLACES = "[data-live-error]:not([data-live-key], [data-live])";
var nextId = 1;
var given = /* @__PURE__ */ new WeakMap();
function showErrors(form, sentences, { make, focus = true }) {
  const marked = [...call(form, "querySelectorAll", "[aria-invalid]"), ...get(form, "elements")].filter((each) => attribute(each, "aria-invalid") !== null);
  for (const control of marked) {
    show(control, "aria-invalid", null);
    describe(control, null);
  }
  for (const place2 of placesIn(form)) {
    set(place2, "textContent", "");
    for (const name of given.get(place2) ?? []) show(place2, name, null);
    given.delete(place2);
  }
  const wrong = /* @__PURE__ */ new Set();
  for (const [name, texts] of Object.entries(sentences)) {
    if (!texts.length) continue;
    const controls2 = controlsOf(form, name);
    const place2 = placeOf(form, controls2.length ? name : "", { near: make ? placedAt(controls2.at(-1)) ?? form : null, isAlert: !focus });
    if (place2) set(place2, "textContent", [get(place2, "textContent"), ...texts].join(" ").trim());
    for (const control of controls2) {
      show(control, "aria-invalid", "true");
      if (place2) describe(control, attribute(place2, "id"));
      wrong.add(control);
    }
  }
  const first = [...get(form, "elements")].find((element) => wrong.has(element));
  if (first && focus) call(
    /** @type {HTMLElement} */
    first,
    "focus"
  );
}
function placesIn(form) {
  const outside = (
    /** @type {Control[]} */
    [...get(form, "elements")].filter((each) => !call(form, "contains", each))
  );
  const behind = outside.flatMap((each) => get(
    /** @type {Element} */
    placedAt(each),
    "nextElementSibling"
  ) ?? []);
  return [...call(form, "querySelectorAll", PLACES), ...behind.filter((each) => call(each, "matches", PLACES))];
}
function placeOf(form, name, { near, isAlert }) {
  let place2 = placesIn(form).find((each) => attribute(each, "data-live-error") === name);
  if (!place2 && near) {
    place2 = call(get(form, "ownerDocument"), "createElement", "p");
    show(place2, "data-live-error", name);
    if (near === form) call(form, "append", place2);
    else call(near, "after", place2);
  }
  if (place2 && (!name || isAlert)) give(place2, "role", "alert");
  if (place2) give(place2, "id", `live-error-${nextId++}`);
  return place2;
}
var placedAt = (control) => control && (call(control, "closest", "label") ?? control);
function give(place2, name, value2) {
  if (attribute(place2, name) !== null) return;
  show(place2, name, value2);
  given.set(place2, [...given.get(place2) ?? [], name]);
}
function controlsOf(form, name) {
  return (
    /** @type {Control[]} */
    [...get(form, "elements")].filter((each) => name && attribute(each, "name") === name)
  );
}
function describe(control, id) {
  const place2 = (each) => {
    const found = call(get(control, "ownerDocument"), "getElementById", each);
    return found && attribute(found, "data-live-error") !== null;
  };
  const others = (attribute(control, "aria-describedby") ?? "").split(/\s+/).filter((each) => each && !place2(each));
  show(control, "aria-describedby", [...others, ...id ? [id] : []].join(" ") || null);
}

// src/dom/form_fields.js
var taken = /* @__PURE__ */ new WeakMap();
var withheld = /* @__PURE__ */ new WeakMap();
var edited = /* @__PURE__ */ new WeakSet();
var BROWSERS_NAMES = /^(_live_|csrfmiddlewaretoken$)/;
var EDITABLE = '[contenteditable]:not([contenteditable="false"])';
var PLAIN_INPUTS = /* @__PURE__ */ new Set(["hidden", "submit", "button", "reset", "image", "file"]);
function isField(element) {
  if (element instanceof HTMLInputElement) return !PLAIN_INPUTS.has(element.type);
  return element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement;
}
function isUsersAttribute(element, name) {
  if (name === "open") return element instanceof HTMLDetailsElement || element instanceof HTMLDialogElement;
  if (name === "x-cloak") return true;
  if (name === "aria-busy") return attribute(element, "data-live-call") !== null;
  if (element instanceof HTMLInputElement && isField(element)) return name === (isToggle(element) ? "checked" : "value");
  return false;
}
function withholdsChildren(from, to) {
  const used = from instanceof HTMLSelectElement ? hasFocus(from) : call(from, "matches", EDITABLE) && holdsFocus(from);
  if (!used) return false;
  withheld.set(from, to);
  return true;
}
function use(field, to) {
  const content2 = contentOf(field);
  return {
    content: content2,
    clean: content2 === taken.get(field) || isInitial(field, content2),
    next: contentOf(to),
    to: to instanceof HTMLSelectElement ? (
      /** @type {Field} */
      to.cloneNode(true)
    ) : to
    // its options may be moved into the page
  };
}
function follow(field, { content: content2, clean, next, to }) {
  const typing = hasFocus(field) && !isToggle(field);
  const differs = next !== content2;
  withheld.delete(field);
  if (differs && (typing || !clean)) withheld.set(field, to);
  if (differs && typing && clean) return;
  const chosen = isRadio(field) && !clean ? group(field).find(({ checked }) => checked) : null;
  setInitial(field, to);
  const shown2 = clean && !typing ? next : content2;
  if (contentOf(field) !== shown2) setContent(field, shown2);
  if (chosen) chosen.checked = true;
}
function isEdited(field) {
  return !isInitial(field, contentOf(field));
}
function contents(element) {
  const elements = element instanceof HTMLFormElement ? get(element, "elements") : isRadio(element) ? group(element) : [element];
  return [...elements].filter(isField).map((field) => ({ field, content: contentOf(field) }));
}
function ownData(form, submitter) {
  const data = new FormData(form);
  const fields = (
    /** @type {Field[]} */
    [...get(form, "elements")].filter(({ name: name2 }) => name2)
  );
  for (const name2 of new Set(fields.filter(isForeign).map(({ name: name3 }) => name3))) {
    data.delete(name2);
    for (const field of fields) if (field.name === name2 && !isForeign(field)) for (const value3 of sentValues(field)) data.append(name2, value3);
  }
  const { name, value: value2 } = (
    /** @type {{name?: string, value?: string}} */
    submitter ?? {}
  );
  if (name) data.append(name, value2 ?? "");
  return data;
}
function sentValues(field) {
  if (call(field, "matches", ":disabled")) return [];
  if (field instanceof HTMLSelectElement) return [...field.selectedOptions].filter((option) => !call(option, "matches", ":disabled")).map(({ value: value2 }) => value2);
  if (field instanceof HTMLInputElement && field.files) return [...field.files];
  if (isToggle(field)) return field.checked ? [field.value] : [];
  return isField(field) || field instanceof HTMLInputElement && field.type === "hidden" ? [field.value] : [];
}
function resetSent(form, sent) {
  const changed = sent.filter(({ field, content: content2 }) => contentOf(field) !== content2).map(({ field }) => ({ field, content: contentOf(field) }));
  call(form, "reset");
  for (const { field, content: content2 } of changed) setContent(field, content2);
}
function take(fields) {
  for (const { field, content: content2 } of fields) taken.set(field, content2);
}
var ROWS = "[data-live] [data-live-key], [data-live-key]:has(~ template[data-live])";
function forgetRestored(document2) {
  const [visit] = get(document2, "defaultView")?.performance.getEntriesByType?.("navigation") ?? [];
  if (!visit || /** @type {PerformanceNavigationTiming} */
  visit.type === "navigate") return;
  for (const element of call(document2, "querySelectorAll", `:is(${ROWS}) :is(input, select, textarea)`)) {
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
function noteEdit({ target }) {
  if (!(target instanceof Element)) return;
  taken.delete(target);
  const host = call(target, "closest", EDITABLE);
  if (host) edited.add(host);
}
function isToggle(element) {
  return element instanceof HTMLInputElement && (element.type === "checkbox" || element.type === "radio");
}
function isRadio(element) {
  return element instanceof HTMLInputElement && element.type === "radio";
}
function hasFocus(element) {
  const root = (
    /** @type {Document | ShadowRoot} */
    call(element, "getRootNode")
  );
  return (root instanceof Document || root instanceof ShadowRoot) && get(root, "activeElement") === element;
}
function holdsFocus(element) {
  return call(element, "contains", focused(element));
}
function contentOf(field) {
  if (isToggle(field)) return String(field.checked);
  if (field instanceof HTMLSelectElement) return JSON.stringify([...field.selectedOptions].map(({ value: value2 }) => value2));
  return field.value;
}
function setContent(field, content2) {
  if (isToggle(field)) {
    field.checked = content2 === "true";
  } else if (field instanceof HTMLSelectElement) {
    const values = new Set(JSON.parse(content2));
    for (const option of field.options) option.selected = values.has(option.value);
  } else {
    field.value = content2;
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
function isInitial(field, content2) {
  if (isRadio(field)) {
    const radios = group(field);
    const chosen = radios.filter((radio) => radio.defaultChecked).at(-1);
    return radios.every((radio) => radio.checked === (radio === chosen));
  }
  return content2 === initialOf(field);
}
function initialOf(field) {
  if (isToggle(field)) return String(field.defaultChecked);
  if (!(field instanceof HTMLSelectElement) && field.value === field.defaultValue) return field.value;
  const copy = call(field.ownerDocument, "createElement", field.localName);
  for (const { name, value: value2 } of field.attributes) show(copy, name, value2);
  call(copy, "append", ...[...field.childNodes].map((child) => call(child, "cloneNode", true)));
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
    call(root, "querySelectorAll", 'input[type="radio"]')
  );
  const grouped = [...radios].filter((each) => each.name === radio.name && each.form === radio.form);
  return radio.name ? grouped : [radio];
}

// src/dom/scroll_anchor.js
function withoutAnchoring(element) {
  if (element instanceof HTMLElement) get(element, "style").overflowAnchor = "none";
}
function keepPlace(element) {
  const scroller = scrollerOf(element);
  const edge = Math.max(0, scroller === get(get(scroller, "ownerDocument"), "documentElement") ? 0 : topOf(scroller));
  const row = [...get(element, "children")].find((each) => call(each, "hasAttribute", "data-live-key") && call(each, "getBoundingClientRect").bottom > edge);
  if (!row) return () => {
  };
  const before = topOf(row);
  return () => {
    const moved = get(row, "isConnected") ? topOf(row) - before : 0;
    if (moved) Reflect.apply(Element.prototype.scrollBy, scroller, [{ top: moved, behavior: "instant" }]);
  };
}
var topOf = (element) => call(element, "getBoundingClientRect").top;
function scrollerOf(element) {
  let each = element;
  for (; each; each = get(each, "parentElement")) {
    if (/^(auto|scroll)$/.test(getComputedStyle(each).overflowY)) return each;
  }
  const document2 = (
    /** @type {Document} */
    get(element, "ownerDocument")
  );
  return get(document2, "scrollingElement") ?? get(document2, "documentElement");
}

// src/dom/follow.js
var SLACK = 2;
function followFromStart(element) {
  const scroller = followed(element);
  if (scroller && get(scroller, "scrollTop") === 0) scrollToEnd(scroller);
}
function follow2(element, live2) {
  const scroller = followed(element);
  if (scroller && isAtEnd(scroller)) return () => scrollToEnd(scroller);
  return growsUpwards(live2) ? keepPlace(element) : () => {
  };
}
var followed = (element) => call(element, "closest", "[data-live-follow]");
var growsUpwards = (live2) => Number(attribute(live2, "data-live-more")) < 0;
function isAtEnd(scroller) {
  return get(scroller, "scrollHeight") - get(scroller, "scrollTop") - get(scroller, "clientHeight") <= SLACK;
}
function scrollToEnd(scroller) {
  Reflect.apply(Element.prototype.scrollTo, scroller, [{ top: get(scroller, "scrollHeight"), behavior: "instant" }]);
}

// src/dom/gone.js
var GONE = "data-live-gone";
var shown = /* @__PURE__ */ new WeakMap();
function noteGone(element, keys, drops) {
  if (attribute(element, "data-live-single") === null) return;
  const isGone = !keys.length;
  if (isGone === (attribute(element, GONE) !== null)) return;
  show(element, GONE, isGone ? "" : null);
  for (const node of shown.get(element) ?? []) call(node, "remove");
  shown.delete(element);
  if (!isGone) return;
  const template = templateAfter(element);
  if (template) {
    const nodes = [...get(call(template.content, "cloneNode", true), "childNodes")];
    call(template, "after", ...nodes);
    shown.set(element, nodes);
  }
  emit(element, "realtime:gone", { key: drops[0] });
}
function templateAfter(element) {
  const next = get(element, "nextElementSibling");
  return next instanceof HTMLTemplateElement && attribute(next, "data-live-when-gone") !== null ? next : null;
}

// src/dom/in_place.js
var isMarker = (element) => element !== null && get(element, "localName") === "template" && attribute(element, "data-live") !== null;
function adopted(element) {
  if (!isMarker(element) || !isSigned(element)) return element;
  const parent = aroundRows(element);
  if (!parent) return element;
  if (attribute(parent, "data-live") !== null) {
    const reason = `The list '${attribute(element, "data-live")}' was put into an element that is a live list already: give each an element of its own.`;
    throw new RealtimeError(null, reason, { name: "bad_arguments" });
  }
  const isOwn = ["data-live-key", "data-live-stream", "data-live-token"].some((name) => attribute(parent, name) !== null);
  if (isOwn || parent === get(
    /** @type {Document} */
    get(parent, "ownerDocument"),
    "body"
  )) return element;
  if (![...get(parent, "childNodes")].every((node) => node === element || isPart(node))) return element;
  for (const { name, value: value2 } of get(element, "attributes")) if (name.startsWith("data-live")) call(parent, "setAttribute", name, value2);
  call(element, "remove");
  return parent;
}
function aroundRows(marker) {
  const name = attribute(marker, "data-live-in");
  const parent = get(marker, "parentElement");
  if (!name || !parent || get(parent, "localName") !== "table") return parent;
  const body = call(
    /** @type {Document} */
    get(marker, "ownerDocument"),
    "createElement",
    name
  );
  call(marker, "before", body);
  call(body, "append", marker);
  return body;
}
function isPart(node) {
  if (node instanceof Element) return ["data-live-key", "data-live-empty", "data-live-load"].some((name) => attribute(node, name) !== null);
  return get(node, "nodeType") === 8 || !(get(node, "textContent") ?? "").trim();
}
function elementsBefore(marker) {
  const found = [];
  for (let each = get(marker, "previousElementSibling"); each && !isMarker(each); each = get(each, "previousElementSibling")) found.push(each);
  return found.reverse();
}
function listAround(element, others = "[data-live]") {
  for (let each = (
    /** @type {Element | null} */
    element
  ); each; each = get(each, "parentElement")) {
    if (attribute(each, "data-live") !== null || call(each, "matches", others)) return each;
    const marker = attribute(each, "data-live-key") === null ? null : markerBehind(each);
    if (marker) return marker;
  }
  return null;
}
function markerBehind(row) {
  let each = get(row, "nextElementSibling");
  while (each && !isMarker(each)) each = get(each, "nextElementSibling");
  return each;
}

// src/dom/parts.js
var PART_ROWS = 50;
var TASK_MILLISECONDS = 12;
var FRAME_MILLISECONDS = 17;
var HIDDEN_MILLISECONDS = 100;
function* parts(shown2, wanted, puts) {
  const [isShown2, isWanted] = [new Set(shown2), new Set(wanted)];
  const gone = shown2.filter((key) => !isWanted.has(key));
  const placed = /* @__PURE__ */ new Set();
  const dropped = /* @__PURE__ */ new Set();
  let standing = 0;
  do {
    const part = [];
    let work = 0;
    for (const key of wanted.slice(placed.size)) {
      if (work >= PART_ROWS) break;
      while (standing < shown2.length && (placed.has(shown2[standing]) || !isWanted.has(shown2[standing]))) standing += 1;
      if (puts.has(key)) part.push(key);
      if (puts.has(key) || isShown2.has(key) && shown2[standing] !== key) work += 1;
      placed.add(key);
    }
    for (const key of gone.slice(dropped.size, dropped.size + PART_ROWS)) dropped.add(key);
    const isLast = placed.size === isWanted.size && dropped.size === gone.length;
    const rest = isLast ? [] : shown2.filter((key) => !placed.has(key) && !dropped.has(key));
    yield { keys: rest.length ? [...placed, ...rest] : wanted, puts: part };
    if (isLast) return;
  } while (true);
}
function inTasks(work, document2, then, budget = TASK_MILLISECONDS) {
  const end = performance.now() + budget;
  let isDone = false;
  do
    isDone = Boolean(work.next().done);
  while (!isDone && performance.now() < end);
  if (!then(isDone) || isDone) return;
  const ended = performance.now();
  afterFrame(document2, () => {
    const layout = performance.now() - ended - FRAME_MILLISECONDS;
    inTasks(work, document2, then, Math.max(TASK_MILLISECONDS, layout));
  });
}
function afterFrame(document2, callback) {
  const window2 = get(document2, "defaultView");
  let timer = 0;
  const frame = window2?.requestAnimationFrame(() => run());
  const run = () => {
    clearTimeout(timer);
    if (frame !== void 0) window2?.cancelAnimationFrame(frame);
    callback();
  };
  timer = /** @type {any} */
  setTimeout(run, HIDDEN_MILLISECONDS);
}

// src/connection/departure.js
var STAY_SECONDS = 2;
var isNeeded = () => globalThis.CSS?.supports?.("-moz-appearance", "none") ?? false;
function watchDepartures({ document: document2, window: window2, leave, back, after }) {
  if (!isNeeded()) return;
  let isTrusted = true;
  let cancel = () => {
  };
  call(document2, "addEventListener", "pointerdown", (event) => {
    if (!isTrusted || !isDeparture(
      /** @type {PointerEvent} */
      event
    )) return;
    leave();
    cancel();
    cancel = after(STAY_SECONDS, back);
  });
  window2.addEventListener("click", (event) => {
    if (!event.defaultPrevented || !isDeparture(
      /** @type {MouseEvent} */
      event
    )) return;
    isTrusted = false;
    cancel();
    back();
  });
}
var isPlainClick = ({ button, ctrlKey, metaKey, shiftKey, altKey }) => button === 0 && !(ctrlKey || metaKey || shiftKey || altKey);
function isDeparture(event) {
  const { target } = event;
  if (!isPlainClick(event) || !(target instanceof Element)) return false;
  const link2 = (
    /** @type {HTMLAnchorElement | null} */
    call(target, "closest", "a[href]")
  );
  if (!link2 || link2.hasAttribute("download") || !/^(|_self|_top|_parent)$/.test(link2.target)) return false;
  const [here, there] = [new URL(location.href), new URL(link2.href, location.href)];
  const isSame2 = here.origin === there.origin && here.pathname === there.pathname && here.search === there.search;
  return /^https?:$/.test(there.protocol) && !(isSame2 && there.hash);
}

// src/dom/focus.js
var FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, audio[controls], video[controls], [contenteditable], [tabindex]";
function focusIn(rows, changing) {
  const [first, ...others] = changing;
  const control = first ? focused(first) : null;
  const row = control && [first, ...others].find((each) => call(each, "contains", control));
  if (!row) return null;
  const entries = [...rows];
  const place2 = entries.findIndex(([, each]) => each === row);
  const keys = entries.map(([key]) => key);
  return { keys: [...keys.slice(place2), ...keys.slice(0, place2).reverse()], control, index: controls(row).indexOf(control) };
}
function moveFocus(container, rows, { keys, control, index }) {
  if (focused(container)) return;
  const key = keys.find((each) => rows.has(each));
  const row = key === void 0 ? void 0 : rows.get(key);
  giveFocus(container, (row && likest(row, control, index)) ?? container, key ?? null);
}
function giveFocus(container, target, key) {
  if (!ask(container, "realtime:before-focus", { target, key })) return;
  if (!call(target, "matches", FOCUSABLE)) call(target, "setAttribute", "tabindex", "-1");
  call(
    /** @type {HTMLElement} */
    target,
    "focus",
    { preventScroll: true }
  );
}
function controls(row) {
  const within = [...call(row, "querySelectorAll", FOCUSABLE)];
  return call(row, "matches", FOCUSABLE) ? [row, ...within] : within;
}
function likest(row, control, index) {
  const usable = controls(row).filter((each) => attribute(each, "tabindex") !== "-1" && !call(each, "matches", ":disabled"));
  const like = ["data-live-call", "name", "class"].find((name) => attribute(control, name));
  const alike = usable.filter((each) => get(each, "nodeName") === get(control, "nodeName"));
  const distance = (each) => Math.abs(usable.indexOf(each) - index);
  const nearest = [...alike].sort((one, other) => distance(one) - distance(other))[0];
  return alike.find((each) => like && attribute(each, like) === attribute(control, like)) ?? nearest ?? usable[0];
}

// src/dom/page_changes.js
var OBSERVED = {
  subtree: true,
  childList: true,
  attributes: true,
  attributeOldValue: true,
  characterData: true,
  characterDataOldValue: true
};
var PageChanges = class {
  /** The server's last values of attributes that the page's code has changed. @type {WeakMap<Node, Map<string, string | null>>} */
  #attributes = /* @__PURE__ */ new WeakMap();
  /** The server's last texts of nodes that the page's code has changed. @type {WeakMap<Node, string | null>} */
  #texts = /* @__PURE__ */ new WeakMap();
  /** The server's children, in order, of nodes whose children the page's code has changed. @type {WeakMap<Node, Node[]>} */
  #children = /* @__PURE__ */ new WeakMap();
  /** The server's last version of children that the page's code has removed, wherever they are now. @type {WeakMap<Node, Node>} */
  #removed = /* @__PURE__ */ new WeakMap();
  /** Rows in which the page's code has changed something. @type {WeakSet<Node>} */
  #touched = /* @__PURE__ */ new WeakSet();
  /** @type {MutationObserver | null} */
  #observer = null;
  /** The changes made by the current `during`. @type {Own | null} */
  #own = null;
  /** Starts tracking changes in this tree. @param {Node} root */
  observe(root) {
    this.#observer ??= new MutationObserver((records) => this.#note(records));
    this.#observer.observe(root, OBSERVED);
  }
  /**
   * Calls `work`, whose changes count as the server's. Changes by the page's code meanwhile, such as custom elements, do not.
   *
   * @template T
   * @param {() => T} work
   * @returns {T}
   */
  during(work) {
    if (this.#own) return work();
    this.#note(this.#observer?.takeRecords() ?? []);
    const own = this.#own = { attributes: /* @__PURE__ */ new Map(), texts: /* @__PURE__ */ new Set(), children: /* @__PURE__ */ new Map() };
    try {
      return work();
    } finally {
      this.#own = null;
      this.#note(this.#observer?.takeRecords() ?? [], own);
      for (const [parent, children] of own.children) this.#keep(parent, children);
    }
  }
  /** Returns the server's last value of an attribute that the page's code has changed since; else undefined. @param {Element} element @param {string} name */
  attributeOf(element, name) {
    return this.#attributes.get(element)?.get(name);
  }
  /** Notes the server's value of an attribute. `differs`: the page shows another one. @param {Element} element @param {string} name @param {string | null} value @param {boolean} [differs] */
  noteAttribute(element, name, value2, differs = false) {
    if (differs) this.#attributesOf(element).set(name, value2);
    else this.#attributes.get(element)?.delete(name);
    const names2 = this.#own?.attributes.get(element);
    if (names2) names2.add(name);
    else this.#own?.attributes.set(element, /* @__PURE__ */ new Set([name]));
  }
  /** Returns the server's last text of a node. @param {Node} node */
  textOf(node) {
    return this.#texts.has(node) ? this.#texts.get(node) : get(node, "nodeValue");
  }
  /** @param {Node} node @param {string | null} text */
  write(node, text2) {
    this.#texts.delete(node);
    this.#own?.texts.add(node);
    const shown2 = get(node, "nodeValue") ?? "";
    if (text2?.startsWith(shown2)) node.appendData(text2.slice(shown2.length));
    else set(node, "nodeValue", text2);
  }
  /** Returns the server's children, including those that the page's code has removed. @param {Node} parent @returns {Node[]} */
  childrenOf(parent) {
    return this.#children.get(parent) ?? [...get(parent, "childNodes")];
  }
  /** Returns the server's children that the page's code has removed. @param {Node} parent */
  removedFrom(parent) {
    return (this.#children.get(parent) ?? []).filter((node) => get(node, "parentNode") !== parent);
  }
  /** Returns whether the server has not changed a child that the page's code has removed. @param {Node} child @param {Node} wanted */
  isAsBefore(child, wanted) {
    return call(this.#removed.get(child) ?? child, "isEqualNode", wanted);
  }
  /** Notes the server's children of a node. @param {Node} parent @param {Node[]} children */
  noteChildren(parent, children) {
    this.#own?.children.set(parent, children);
  }
  /** Returns whether the page's code has not changed a row. @param {Element} row */
  isUntouched(row) {
    return !this.#touched.has(row);
  }
  /** @param {Node} node */
  #touch(node) {
    for (let each = (
      /** @type {Node | null} */
      node
    ); each; each = get(each, "parentNode")) {
      if (each instanceof Element && call(each, "hasAttribute", "data-live-key")) this.#touched.add(each);
    }
  }
  /** Returns a copy of a node without the changes of the page's own code. @template {Node} T @param {T} node @returns {T} */
  serverCopy(node) {
    const copy = (
      /** @type {T} */
      call(
        /** @type {Node} */
        node,
        "cloneNode",
        node instanceof HTMLTemplateElement
      )
    );
    if (this.#texts.has(node)) copy.nodeValue = /** @type {string} */
    this.#texts.get(node);
    for (const [name, value2] of this.#attributes.get(node) ?? []) {
      if (value2 === null) call(
        /** @type {any} */
        copy,
        "removeAttribute",
        name
      );
      else call(
        /** @type {any} */
        copy,
        "setAttribute",
        name,
        value2
      );
    }
    for (const child of this.childrenOf(node)) call(
      /** @type {Node} */
      copy,
      "appendChild",
      this.serverCopy(child)
    );
    return copy;
  }
  /** @param {Node} element */
  #attributesOf(element) {
    let values = this.#attributes.get(element);
    if (!values) this.#attributes.set(element, values = /* @__PURE__ */ new Map());
    return values;
  }
  /** @param {Node} parent @param {Node[]} children */
  #keep(parent, children) {
    const shown2 = get(parent, "childNodes");
    if (shown2.length === children.length && children.every((node, index) => shown2[index] === node)) this.#children.delete(parent);
    else this.#children.set(parent, children);
  }
  /** @param {MutationRecord[]} records @param {Own} [own] */
  #note(records, own) {
    const moved = /* @__PURE__ */ new Map();
    for (const record of records) {
      const { type, target, oldValue } = record;
      if (type === "attributes") {
        const name = (
          /** @type {string} */
          record.attributeName
        );
        if (own?.attributes.get(target)?.has(name)) continue;
        const values = this.#attributesOf(target);
        if (!values.has(name)) values.set(name, oldValue);
        this.#touch(target);
      } else if (type === "characterData") {
        if (own?.texts.has(target)) continue;
        if (!this.#texts.has(target)) this.#texts.set(target, oldValue);
        this.#touch(target);
      } else if (!own?.children.has(target) && !this.#children.has(target) && !isContainer(target)) {
        const its = moved.get(target);
        if (its) its.push(record);
        else moved.set(target, [record]);
      }
    }
    for (const [parent, its] of moved) {
      this.#children.set(parent, childrenBefore(parent, its));
      this.#touch(parent);
    }
    for (const { target, removedNodes } of records) {
      const children = removedNodes.length ? this.#children.get(target) : void 0;
      for (const node of removedNodes) {
        if (children?.includes(node) && get(node, "parentNode") !== target) this.#removed.set(node, this.serverCopy(node));
      }
    }
  }
};
function isContainer(node) {
  return node instanceof Element && isSigned(node);
}
function childrenBefore(parent, records) {
  const children = [...get(parent, "childNodes")];
  for (const { addedNodes, removedNodes, previousSibling } of records.reverse()) {
    const added = new Set(addedNodes);
    const place2 = previousSibling ? children.indexOf(previousSibling) + 1 : 0;
    children.splice(0, children.length, ...children.filter((node) => !added.has(node)));
    children.splice(place2, 0, ...removedNodes);
  }
  return children;
}
var pageChanges = new PageChanges();

// src/dom/more_link.js
var MORE = "more";
var MoreLink = class {
  /** Whether the server has refused more rows. */
  #isRefused = false;
  /** The rows that were shown at the last request for more. @type {Set<Element>} */
  #before = /* @__PURE__ */ new Set();
  #observer;
  /** @param {Element} live the container, or the marker of a list in place @param {Windows} windows */
  constructor(live2, windows) {
    this.live = live2;
    this.windows = windows;
    this.listener = (event) => this.#click(
      /** @type {MouseEvent} */
      event
    );
    call(this.#document, "addEventListener", "click", this.listener);
    const seen = (entries) => entries.at(-1)?.isIntersecting && this.#load();
    this.#observer = typeof IntersectionObserver === "function" ? new IntersectionObserver(seen) : null;
    this.update();
  }
  get #document() {
    return (
      /** @type {Document} */
      get(this.live, "ownerDocument")
    );
  }
  get #siblings() {
    return isMarker(this.live) ? elementsBefore(this.live) : [...get(this.live, "children")];
  }
  get #rows() {
    return this.#siblings.filter((each) => attribute(each, "data-live-key") !== null);
  }
  /** The child of the list that contains the link. */
  get #place() {
    return this.#siblings.find((each) => attribute(each, "data-live-load") !== null);
  }
  get #link() {
    const place2 = this.#place;
    return place2 && (call(place2, "querySelector", "a[href]") ?? void 0);
  }
  /** Updates the link, and checks again whether it is in view. */
  update() {
    const [place2, link2] = [this.#place, this.#link];
    if (!place2 || !link2) return;
    const { hasMore, isLoading, steps, size } = this.windows;
    this.windows.look();
    const [first] = this.#rows;
    const isFocused = call(place2, "contains", focused(place2));
    pageChanges.during(() => {
      if (size < 0 && first && call(first, "compareDocumentPosition", place2) & Node.DOCUMENT_POSITION_FOLLOWING) call(first, "before", place2);
      if (hasMore !== void 0 || this.#isRefused) show(place2, "hidden", hasMore && !this.#isRefused ? null : "");
      show(link2, "aria-busy", isLoading ? "true" : null);
      show(link2, "href", addressOf(link2, steps + 1));
    });
    if (isFocused && attribute(place2, "hidden") !== null) this.#leaveFocus();
    this.#observer?.disconnect();
    if (hasMore !== false && !isLoading && !this.#isRefused && !isManual(link2)) this.#observer?.observe(link2);
  }
  /** Puts the number of steps into the address, so that a reload shows as many rows. */
  showAddress() {
    const link2 = this.#link;
    const window2 = get(this.#document, "defaultView");
    if (link2 && window2 && this.windows.steps > 1) window2.history.replaceState(window2.history.state, "", addressOf(link2, this.windows.steps) + window2.location.hash);
  }
  refuse() {
    this.#isRefused = true;
    this.update();
  }
  /** Handles that the list starts again from its first rows. @param {Windows} windows */
  renew(windows) {
    this.windows = windows;
    this.#isRefused = false;
    this.update();
  }
  close() {
    this.#observer?.disconnect();
    call(this.#document, "removeEventListener", "click", this.listener);
  }
  /** @param {MouseEvent} event */
  #click(event) {
    const link2 = this.#link;
    if (!link2 || event.defaultPrevented || !isPlainClick(event)) return;
    if (!(event.target instanceof Node) || !call(link2, "contains", event.target) || isForeign(link2)) return;
    if (attribute(this.live, "data-live-state") === "refused") return;
    event.preventDefault();
    this.#load();
  }
  /** Moves the focus from the hidden link to the nearest row that it has loaded. */
  #leaveFocus() {
    const [rows, isUp] = [this.#rows, this.windows.size < 0];
    const added = rows.filter((each) => !this.#before.has(each));
    const row = (isUp ? added.at(-1) : added[0]) ?? (isUp ? rows[0] : rows.at(-1));
    if (row) giveFocus(isMarker(this.live) ? (
      /** @type {Element} */
      get(row, "parentElement")
    ) : this.live, row, attribute(row, "data-live-key"));
  }
  #load() {
    this.#before = new Set(this.#rows);
    this.windows.more();
    this.update();
  }
};
var isManual = (link2) => call(link2, "closest", '[data-live-autoload="off"]') !== null;
function addressOf(link2, steps) {
  const url = new URL(
    /** @type {Document} */
    get(link2, "ownerDocument").location.href
  );
  url.searchParams.set(MORE, String(steps));
  return url.search;
}

// src/dom/transitions.js
var RULES = `
  [data-live-moving] > [data-live-key] { view-transition-name: match-element }
  :root:has([data-live-moving]) { view-transition-name: none }
  :root:has([data-live-moving])::view-transition { pointer-events: none }
`;
var waiting = null;
var latest = /* @__PURE__ */ new WeakMap();
var styled = /* @__PURE__ */ new WeakSet();
function animates(element) {
  const document2 = (
    /** @type {Document} */
    get(element, "ownerDocument")
  );
  return call(element, "closest", "[data-live-animate]") !== null && typeof get(document2, "startViewTransition") === "function" && get(document2, "visibilityState") === "visible" && !get(document2, "defaultView")?.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
function animate(element, paint) {
  const document2 = (
    /** @type {Document} */
    get(element, "ownerDocument")
  );
  show(element, "data-live-moving", "");
  if (waiting) return void latest.set(element, waiting.set(element, paint));
  if (!styled.has(document2)) addRules(document2);
  const painted = waiting = /* @__PURE__ */ new Map([[element, paint]]);
  latest.set(element, painted);
  const transition = call(document2, "startViewTransition", () => {
    waiting = null;
    for (const each of painted.values()) each();
  });
  transition.ready.catch(() => {
  });
  transition.finished.catch(() => {
  }).then(() => {
    for (const each of painted.keys()) if (latest.get(each) === painted) show(each, "data-live-moving", null);
  });
}
function addRules(document2) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(RULES);
  get(document2, "adoptedStyleSheets").push(sheet);
  styled.add(document2);
}

// src/dom/html.js
var POLICY = "realtime";
var HELD = /* @__PURE__ */ Symbol.for("realtime.policy");
var inert = /* @__PURE__ */ new WeakMap();
function parseRow(html, key, container) {
  const row = parseElement(html, container);
  if (!row) throw new Error(`The row '${key}' has no element: a row's template must have one root element.`);
  call(row, "setAttribute", "data-live-key", key);
  return row;
}
function parseElement(html, container) {
  const context = inertCopy(container);
  const text2 = (
    /** @type {string} */
    trusted("createHTML", html)
  );
  if (get(context, "setHTMLUnsafe")) call(context, "setHTMLUnsafe", text2);
  else set(context, "innerHTML", text2);
  return get(context, "firstElementChild");
}
function parsePage(html) {
  return new DOMParser().parseFromString(
    /** @type {string} */
    trusted("createHTML", html),
    "text/html"
  );
}
function inertCopy(element) {
  const document2 = (
    /** @type {Document} */
    get(element, "ownerDocument")
  );
  let quiet = inert.get(document2);
  if (!quiet) inert.set(document2, quiet = get(document2, "implementation").createHTMLDocument(""));
  return call(quiet, "createElementNS", get(element, "namespaceURI"), get(element, "localName"));
}
function trusted(kind2, text2) {
  const scope = globalThis;
  if (!scope.trustedTypes) return text2;
  if (scope[HELD] === void 0) scope[HELD] = newPolicy(scope.trustedTypes);
  return scope[HELD] ? scope[HELD][kind2](text2) : text2;
}
function newPolicy(trustedTypes) {
  const pass = (text2) => text2;
  try {
    return trustedTypes.createPolicy(POLICY, { createHTML: pass, createScriptURL: pass });
  } catch {
    console.warn(`The Content-Security-Policy of this page does not allow the policy '${POLICY}': add it to trusted-types, or rows cannot be shown.`);
    return null;
  }
}

// src/dom/matching.js
function isKept(node) {
  return node instanceof Element && (call(node, "hasAttribute", "data-live-keep") || isSigned(node)) && !isForeign(node);
}
function kind(node) {
  const name = get(node, "nodeName");
  if (!(node instanceof HTMLInputElement)) return name;
  const type = pageChanges.attributeOf(node, "type");
  return `${name} ${type === void 0 ? node.type : type ?? "text"}`;
}
function serverAttribute(element, name) {
  const own = pageChanges.attributeOf(element, name);
  return own === void 0 ? attribute(element, name) : own;
}
function pairNamed(from, to) {
  const pairs = /* @__PURE__ */ new Map();
  const named = /* @__PURE__ */ new Map();
  for (const element of withRemoved(from)) {
    const name = nameOf(element);
    if (name) add(named, `${kind(element)} ${name}`, element);
  }
  const wanted = named.size ? elementsIn(to) : [];
  const taken2 = /* @__PURE__ */ new Set();
  const found = wanted.filter((element) => {
    const name = nameOf(element);
    const match = name && pick(named.get(`${kind(element)} ${name}`), element);
    if (match) pairs.set(element, match);
    if (match) taken2.add(match);
    return match;
  });
  for (const element of found) pairHolders(pairs, taken2, { element, from, to });
  return pairs;
}
function pairHolders(pairs, taken2, { element, from, to }) {
  let match = (
    /** @type {Node | null} */
    pairs.get(element) ?? null
  );
  for (let holder = get(element, "parentNode"); holder && holder !== to && !pairs.has(holder); holder = get(holder, "parentNode")) {
    if (nameOf(holder)) continue;
    let other = match && get(match, "parentNode");
    while (other && other !== from && (taken2.has(other) || nameOf(other) || kind(other) !== kind(holder))) other = get(other, "parentNode");
    if (!other || other === from) continue;
    pairs.set(holder, other);
    taken2.add(other);
    match = other;
  }
}
function pairRest(pairs, from, to) {
  const taken2 = new Set(to.map((node) => pairs.get(node)));
  const free = new Set(from.filter((node) => !taken2.has(node) && !nameOf(node)));
  const open = new Set(to.filter((node) => !pairs.has(node) && !nameOf(node)));
  for (const alike of [content, kind]) {
    const like = /* @__PURE__ */ new Map();
    for (const node of free) add(like, alike(node), node);
    for (const node of open) {
      const match = pick(like.get(alike(node)), node);
      if (!match) continue;
      pairs.set(node, match);
      open.delete(node);
      free.delete(match);
    }
  }
}
function nameOf(node) {
  if (!(node instanceof Element)) return "";
  const id = serverAttribute(node, "id");
  if (id) return `#${id}`;
  const key = attribute(node, "data-live-key");
  if (key !== null) return `key ${key}`;
  if (!isField(node) || !node.name) return "";
  const choice = node instanceof HTMLInputElement && /^(radio|checkbox)$/.test(node.type) ? node.getAttribute("value") : "";
  return `name ${node.name} ${choice}`;
}
function content(node) {
  const look = node instanceof Element ? serverAttribute(node, "class") : "";
  return `${kind(node)} ${look} ${get(node, "textContent")}`;
}
function pick(nodes, wanted) {
  if (!nodes?.length) return void 0;
  const place2 = nodes.findIndex((node) => isKept(node) === isKept(wanted));
  return nodes.splice(Math.max(0, place2), 1)[0];
}
function elementsIn(root) {
  const document2 = (
    /** @type {Document} */
    get(root, "ownerDocument")
  );
  const walker = call(document2, "createTreeWalker", root, 1);
  const found = [];
  for (let node = walker.nextNode(); node; ) {
    found.push(
      /** @type {Element} */
      node
    );
    node = isKept(node) ? past(walker) : walker.nextNode();
  }
  return found;
}
function withRemoved(root) {
  const elements = elementsIn(root);
  for (const parent of [root, ...elements]) {
    for (const child of pageChanges.removedFrom(parent)) {
      if (child instanceof Element && !call(root, "contains", child)) elements.push(child, ...withRemoved(child));
    }
  }
  return elements;
}
function past(walker) {
  do {
    const next = walker.nextSibling();
    if (next) return next;
  } while (walker.parentNode());
  return null;
}
function add(map, key, value2) {
  const held = map.get(key);
  if (held) held.push(value2);
  else map.set(key, [value2]);
}

// src/dom/reorder.js
function arrange(parent, nodes, lead = null, standing = get(parent, "childNodes")) {
  const places = new Map(Array.from(standing, (node, index) => [node, index]));
  const placeOf2 = (node) => (
    /** @type {number} */
    places.get(node)
  );
  const present = nodes.filter((node) => places.has(node));
  const stay = isRise(present, placeOf2) ? new Set(present) : longestRise(present, placeOf2, childInUse(parent));
  if (stay.size === nodes.length) return;
  const restore2 = holdState(parent, nodes.filter((node) => !stay.has(node)));
  let previous = lead;
  for (const node of nodes) {
    if (!stay.has(node)) put(parent, node, previous ? get(previous, "nextSibling") : get(parent, "firstChild"));
    previous = node;
  }
  restore2();
}
function place(parent, node, before) {
  const restore2 = holdState(parent, [node]);
  put(parent, node, before);
  restore2();
}
function isRise(nodes, placeOf2) {
  return nodes.every((node, index) => index === 0 || placeOf2(nodes[index - 1]) < placeOf2(node));
}
function childInUse(parent) {
  const document2 = get(parent, "ownerDocument");
  const selection = document2 && call(document2, "getSelection");
  const inUse = [focused(parent), selection?.isCollapsed ? null : selection?.anchorNode];
  for (let node of inUse) {
    while (node && get(node, "parentNode") !== parent) node = get(node, "parentNode");
    if (node) return (
      /** @type {ChildNode} */
      node
    );
  }
  return null;
}
function moves(parent, node) {
  return get(node, "isConnected") && get(parent, "isConnected") && call(node, "getRootNode") === call(parent, "getRootNode");
}
var movesWhole = (parent) => typeof get(
  /** @type {Parent} */
  parent,
  "moveBefore"
) === "function";
function put(parent, node, before) {
  if (movesWhole(parent) && moves(parent, node)) call(
    /** @type {Parent} */
    parent,
    "moveBefore",
    node,
    before
  );
  else call(parent, "insertBefore", node, before);
}
function holdState(parent, nodes) {
  const isWhole = movesWhole(parent);
  if (isWhole && !losesScrolling()) return () => {
  };
  const moving = nodes.filter((node) => moves(parent, node));
  const scrolled = moving.flatMap(scrollPositions);
  const refocus = isWhole ? () => {
  } : holdFocus(moving);
  return () => {
    refocus();
    for (const { element, top, left } of scrolled) Object.assign(element, { scrollTop: top, scrollLeft: left });
  };
}
function losesScrolling() {
  return globalThis.CSS?.supports?.("-moz-appearance", "none") ?? false;
}
function holdFocus(nodes) {
  const active = (
    /** @type {HTMLInputElement | null} */
    nodes.length ? focused(nodes[0]) : null
  );
  const window2 = active && get(get(active, "ownerDocument"), "defaultView");
  if (!active || !window2 || !nodes.some((node) => call(node, "contains", active))) return () => {
  };
  const [start2, end, direction] = active.selectionStart === void 0 ? [] : [active.selectionStart, active.selectionEnd, active.selectionDirection];
  const hush = (event) => event.stopImmediatePropagation();
  const heard = ["blur", "focusout", "focus", "focusin"];
  for (const type of heard) window2.addEventListener(type, hush, true);
  return () => {
    active.focus({ preventScroll: true });
    if (typeof start2 === "number") active.setSelectionRange(start2, end ?? start2, direction ?? void 0);
    for (const type of heard) window2.removeEventListener(type, hush, true);
  };
}
function scrollPositions(node) {
  if (!(node instanceof Element)) return [];
  return [node, ...call(node, "querySelectorAll", "*")].map((element) => ({ element, top: get(element, "scrollTop"), left: get(element, "scrollLeft") })).filter(({ top, left }) => top || left);
}
function longestRise(nodes, placeOf2, pinned) {
  const pin = pinned ? nodes.indexOf(pinned) : -1;
  const lowest = [];
  const before = [];
  nodes.forEach((node, index) => {
    const place2 = placeOf2(node);
    if (pin >= 0 && index !== pin && index < pin !== place2 < placeOf2(nodes[pin])) return;
    let low = 0;
    let high = lowest.length;
    while (low < high) {
      const middle = low + high >> 1;
      if (placeOf2(nodes[lowest[middle]]) < place2) low = middle + 1;
      else high = middle;
    }
    before[index] = low > 0 ? lowest[low - 1] : -1;
    lowest[low] = index;
  });
  const rise = /* @__PURE__ */ new Set();
  for (let index = lowest[lowest.length - 1]; index >= 0; index = before[index]) rise.add(nodes[index]);
  return rise;
}

// src/dom/morph.js
function morph(from, to) {
  return isKept(from) ? from : pageChanges.during(() => new Morph(from, to).root(from, to));
}
function watchFields(document2) {
  call(document2, "addEventListener", "input", noteEdit);
  call(document2, "addEventListener", "focusout", ({ target }) => {
    for (let element = target instanceof Element ? target : null; element; element = get(element, "parentElement")) catchUp(element);
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
var Morph = class _Morph {
  /** Nodes to remove after all nodes that stay have been moved out of them. @type {Set<Node>} */
  #leaving = /* @__PURE__ */ new Set();
  /** @param {Node} from @param {Node} to */
  constructor(from, to) {
    this.pairs = pairNamed(from, to);
    this.needed = new Set(this.pairs.values());
  }
  /** @param {Element} from @param {Element} to */
  root(from, to) {
    const isSame2 = kind(from) === kind(to);
    if (isSame2) this.#update(from, to);
    else this.#replace(from, to);
    this.#clear();
    return isSame2 ? from : to;
  }
  /** @param {Node} from @param {Node} to */
  trees(from, to) {
    this.#children(from, to);
    this.#clear();
  }
  #clear() {
    for (const node of this.#leaving) {
      const parent = get(node, "parentNode");
      if (parent) call(
        /** @type {Node} */
        parent,
        "removeChild",
        node
      );
    }
  }
  /** @param {Element} from @param {Element} to */
  #replace(from, to) {
    const gaps = this.#open(to);
    call(from, "after", to);
    this.#fill(gaps);
    this.#leaving.add(from);
  }
  /** @param {Element} from @param {Element} to */
  #update(from, to) {
    if (isKept(from)) return;
    const before = isField(from) && isField(to) ? use(from, to) : null;
    morphAttributes(from, to);
    if (withholdsChildren(from, to)) return;
    if (from instanceof HTMLTemplateElement) return this.#updateTemplate(
      from,
      /** @type {HTMLTemplateElement} */
      to
    );
    if (!(from instanceof HTMLTextAreaElement)) this.#children(from, to);
    if (before && isField(from)) follow(from, before);
    const [shadow, wanted] = [get(from, "shadowRoot"), get(to, "shadowRoot")];
    if (shadow && wanted) new _Morph(shadow, wanted).trees(shadow, wanted);
  }
  /** Replaces the content of a template: it is not visible, so nothing in it has to be kept. @param {HTMLTemplateElement} from @param {HTMLTemplateElement} to */
  #updateTemplate({ content: content2 }, to) {
    if (!content2.isEqualNode(to.content)) content2.replaceChildren(...to.content.childNodes);
  }
  /** @param {Node} from @param {Node} to */
  #children(from, to) {
    const previous = pageChanges.childrenOf(from);
    const wanted = [...get(to, "childNodes")];
    pairRest(this.pairs, previous.filter((node) => !this.needed.has(node)), wanted);
    const shown2 = new Set(get(from, "childNodes"));
    const taken2 = new Set(previous.filter((node) => !shown2.has(
      /** @type {ChildNode} */
      node
    )));
    const children = wanted.map((node) => this.pairs.get(node) ?? node);
    const here = wanted.filter((node, index) => !(taken2.has(children[index]) && pageChanges.isAsBefore(children[index], node)));
    const hereNow = here.map((node) => this.pairs.get(node) ?? node);
    const [stay, all] = [new Set(hereNow), new Set(children)];
    for (const node of previous) {
      if (!all.has(node) && !this.needed.has(node) && !isKept(node)) this.#leaving.add(node);
    }
    const followers = this.#followers(from, new Set(previous), stay);
    for (const node of hereNow) {
      if (taken2.has(node)) this.#endSubstitutes(previous, node, stay, followers);
    }
    const gaps = here.flatMap((node) => this.pairs.has(node) ? [] : this.#open(node));
    const order = [null, ...hereNow].flatMap((node) => [...node ? [node] : [], ...followers.get(node) ?? []]);
    arrange(
      from,
      /** @type {ChildNode[]} */
      order
    );
    pageChanges.noteChildren(from, children);
    this.#fill(gaps);
    here.forEach((node, index) => {
      if (hereNow[index] !== node) this.#change(hereNow[index], node);
    });
  }
  /** @param {Node} from @param {Node} to of one kind */
  #change(from, to) {
    if (from instanceof Element) this.#update(
      from,
      /** @type {Element} */
      to
    );
    else if (pageChanges.textOf(from) !== get(to, "nodeValue")) pageChanges.write(from, get(to, "nodeValue"));
  }
  /**
   * Returns the nodes that the page's own code has added or keeps, by the server's child that they follow; null: they come first.
   *
   * @param {Node} from
   * @param {Set<Node>} previous
   * @param {Set<Node>} stay
   */
  #followers(from, previous, stay) {
    const followers = /* @__PURE__ */ new Map([[null, []]]);
    let last = null;
    for (const node of get(from, "childNodes")) {
      if (stay.has(node)) followers.set(last = node, []);
      else if (!previous.has(node) || isKept(node) && !this.needed.has(node)) followers.get(last)?.push(node);
    }
    return followers;
  }
  /**
   * Removes what the page's own code has put in place of a child, because the server has changed that child.
   *
   * @param {Node[]} previous
   * @param {Node} node
   * @param {Set<Node>} stay
   * @param {Map<Node | null, Node[]>} followers
   */
  #endSubstitutes(previous, node, stay, followers) {
    const before = previous.slice(0, previous.indexOf(node)).reverse().find((each) => stay.has(each) && followers.has(each)) ?? null;
    for (const each of followers.get(before) ?? []) if (!isKept(each)) this.#leaving.add(each);
    followers.set(before, (followers.get(before) ?? []).filter(isKept));
  }
  /**
   * Leaves gaps in a new element for existing elements. They are filled when it is in the page, because an element keeps its
   * focus and state only if it moves within the page.
   *
   * @param {Node} node
   * @returns {Gap[]}
   */
  #open(node) {
    const gaps = [];
    for (const child of node instanceof Element ? [...get(node, "childNodes")] : []) {
      if (!this.pairs.has(child)) {
        gaps.push(...this.#open(child));
        continue;
      }
      const mark = call(
        /** @type {Document} */
        get(node, "ownerDocument"),
        "createComment",
        ""
      );
      call(node, "replaceChild", mark, child);
      gaps.push({ parent: node, children: [], mark, node: child });
    }
    const children = [...get(node, "childNodes")];
    for (const gap of gaps) if (gap.parent === node) gap.children = children;
    return gaps;
  }
  /** @param {Gap[]} gaps */
  #fill(gaps) {
    for (const { parent, children, mark, node } of gaps) {
      const own = (
        /** @type {ChildNode} */
        this.pairs.get(node)
      );
      place(parent, own, mark);
      mark.remove();
      children.splice(children.indexOf(mark), 1, own);
      pageChanges.noteChildren(parent, children);
      this.#change(own, node);
    }
  }
};
function morphAttributes(from, to) {
  for (const wanted of [...get(to, "attributes")]) {
    const { name, value: value2 } = wanted;
    if (isUsersAttribute(from, name)) continue;
    const own = pageChanges.attributeOf(from, name);
    if (own === void 0 ? call(from, "getAttribute", name) === value2 : own === value2) continue;
    if (own !== void 0 && merge(from, name, own ?? "", to)) continue;
    call(
      from,
      "setAttributeNode",
      /** @type {Attr} */
      wanted.cloneNode()
    );
    pageChanges.noteAttribute(from, name, value2);
  }
  for (const { name } of [...get(from, "attributes")]) {
    if (isUsersAttribute(from, name) || call(to, "hasAttribute", name)) continue;
    const own = pageChanges.attributeOf(from, name);
    if (own === null || own !== void 0 && merge(from, name, own, to)) continue;
    call(from, "removeAttribute", name);
    pageChanges.noteAttribute(from, name, null);
  }
}
function merge(from, name, previous, to) {
  if (name === "class") mergeClasses(get(from, "classList"), previous, get(to, "classList"));
  else if (name === "style" && "style" in from) mergeStyles(from, previous, to);
  else return false;
  pageChanges.noteAttribute(from, name, call(to, "getAttribute", name), true);
  return true;
}
function mergeClasses(classes, previous, wanted) {
  classes.remove(...previous.split(/\s+/).filter((each) => each && !wanted.contains(each)));
  const before = new Set(previous.split(/\s+/));
  classes.add(...[...wanted].filter((each) => !before.has(each)));
}
function mergeStyles(from, previous, to) {
  const old = (
    /** @type {Element} */
    call(to, "cloneNode", false)
  );
  call(old, "setAttribute", "style", previous);
  const [own, before, wanted] = [from, old, to].map((element) => get(
    /** @type {HTMLElement} */
    element,
    "style"
  ));
  for (const property of /* @__PURE__ */ new Set([...before, ...wanted])) {
    const [value2, priority] = [wanted.getPropertyValue(property), wanted.getPropertyPriority(property)];
    if (value2 === before.getPropertyValue(property) && priority === before.getPropertyPriority(property)) continue;
    if (value2) own.setProperty(property, value2, priority);
    else own.removeProperty(property);
  }
}

// src/dom/viewer.js
var MARKS = "[data-live-if-user], [data-live-unless-user], [data-live-owner]";
function showAsViewed(row, live2) {
  const viewer = attribute(live2, "data-live-viewer");
  if (viewer === null) return;
  const isNamed = (element, name) => viewer !== "" && (attribute(element, name) ?? "").split(/\s+/).includes(viewer);
  for (const element of call(row, "matches", MARKS) ? [row, ...call(row, "querySelectorAll", MARKS)] : call(row, "querySelectorAll", MARKS)) {
    if (isForeign(element)) continue;
    const has = (name) => attribute(element, name) !== null;
    const isForOthers = has("data-live-if-user") && !isNamed(element, "data-live-if-user");
    if (isForOthers || has("data-live-unless-user") && isNamed(element, "data-live-unless-user")) show(element, "hidden", "");
    if (isNamed(element, "data-live-owner")) show(element, "data-live-own", "");
  }
}

// src/dom/row_list.js
var serverHtml = /* @__PURE__ */ new WeakMap();
var Rows = class {
  /** The child before the first row. @type {ChildNode | null} */
  #lead = null;
  /** The last placeholder. @type {Element | null} */
  #placeholder = null;
  /** The keys of the live query at the last change. A row among them that has no element was removed by the page's own code. */
  #keys;
  /** The keys of the rows that the last change has added or altered. @type {Set<string>} */
  #altered = /* @__PURE__ */ new Set();
  /**
   * @param {Element} live a container, or the marker of a list in place
   * @param {{wanted: () => readonly string[], isRefused: () => boolean, others: () => Rows[], report: (error: unknown) => void}} options
   *   wanted: the current keys of the live query, perhaps not painted yet; others: the rows of the stream's other containers that are not paused
   */
  constructor(live2, { wanted, isRefused, others, report }) {
    this.live = live2;
    this.wanted = wanted;
    this.isRefused = isRefused;
    this.others = others;
    this.report = report;
    const rows = this.rows();
    this.#keys = new Set(rows.keys());
    this.#observe(rows.values());
  }
  /** The parent of the rows. */
  get element() {
    return isMarker(this.live) && get(this.live, "parentElement") || this.live;
  }
  /** Observes the container; for a marker, its rows. @param {Iterable<Element>} rows */
  #observe(rows) {
    if (isMarker(this.live)) for (const row of rows) pageChanges.observe(row);
    else pageChanges.observe(this.live);
  }
  keys() {
    return this.rows().keys();
  }
  /** Returns the rows as the server's HTML. @returns {Map<string, string>} */
  read() {
    return pageChanges.during(() => new Map([...this.rows()].map(([key, row]) => [key, get(pageChanges.serverCopy(row), "outerHTML")])));
  }
  /**
   * Applies the expected effect of a call to copies of the rows' elements.
   *
   * @param {readonly import("../data/result_set.js").Entry[]} rows
   * @param {import("../data/optimistic.js").Expectation} expect takes elements and returns the expected ones
   * @param {string} id of the call; new elements get a key from it
   * @returns {import("../data/result_set.js").Entry[]}
   */
  expect(rows, expect, id) {
    const shown2 = expect(rows.map(([key, html]) => this.#parse(String(html), key)));
    if (!Array.isArray(shown2) || !shown2.every((row) => row instanceof Element)) {
      throw new TypeError("The function 'optimistic' must return an array of elements.");
    }
    return shown2.map((row, index) => [attribute(row, "data-live-key") ?? `optimistic ${id} ${index}`, get(row, "outerHTML")]);
  }
  /**
   * Shows a change, part by part, and returns the keys of the rows that it has added or altered. A row that the page's own code has
   * removed stays away until it changes.
   *
   * @param {readonly string[]} keys
   * @param {import("../data/result_set.js").Change} change
   * @returns {Generator<void, string[]>}
   */
  *paint(keys, { puts }) {
    const rows = this.rows();
    const html = attribute(this.live, "data-live-when-empty");
    const isEmpty = keys.length === 0 && html !== null && !this.isRefused();
    const place2 = isEmpty ? null : this.#hidePlaceholder();
    const differing2 = new Map([...puts].filter(([key, html2]) => !isShown(rows.get(key), String(html2))));
    const altered = this.#altered = /* @__PURE__ */ new Set();
    let isFirst = true;
    for (const part of parts([...rows.keys()], keys, differing2)) {
      if (!isFirst) yield;
      isFirst = false;
      this.#paintPart(part.keys, part.puts.map((key) => [key, String(differing2.get(key))]));
    }
    if (isEmpty) this.#showPlaceholder(html);
    if (place2) moveFocus(this.element, this.rows(), { ...place2, keys: [...keys] });
    this.#keys = new Set(keys);
    return [...altered];
  }
  /** @param {string} html */
  #showPlaceholder(html) {
    if (this.#shownPlaceholder) return;
    const element = this.#placeholder ?? parseElement(html, this.element);
    if (!element) return;
    pageChanges.during(() => arrange(this.element, [element], this.#place, []));
    if (!this.#placeholder) globalThis.htmx?.process?.(element);
  }
  /** Removes the placeholder, and returns where the focus was, if it was in there. */
  #hidePlaceholder() {
    const shown2 = this.#shownPlaceholder;
    if (!shown2) return null;
    const place2 = focusIn(/* @__PURE__ */ new Map([["", shown2]]), /* @__PURE__ */ new Set([shown2]));
    this.#placeholder = shown2;
    this.#lead = get(shown2, "previousSibling");
    pageChanges.during(() => call(shown2, "remove"));
    return place2;
  }
  get #shownPlaceholder() {
    return this.#elements().find((each) => attribute(each, "data-live-empty") !== null);
  }
  /** The child that precedes the rows. */
  get #place() {
    if (this.#lead && get(this.#lead, "parentNode") === this.element) return this.#lead;
    return isMarker(this.live) && !this.rows().size ? get(this.live, "previousSibling") : null;
  }
  /** @param {readonly string[]} keys @param {[string, string][]} puts */
  #paintPart(keys, puts) {
    const scroll = follow2(this.element, this.live);
    pageChanges.during(() => {
      const rows = this.rows();
      const before = new Map(rows);
      const first = rows.values().next().value;
      if (first) this.#lead = get(first, "previousSibling");
      const leaving = this.#leave(rows, new Set(keys));
      const place2 = focusIn(before, [...leaving, ...puts.flatMap(([key]) => rows.get(key) ?? [])]);
      for (const row of leaving) this.#remove(row);
      const elsewhere = puts.every(([key]) => rows.has(key)) ? /* @__PURE__ */ new Map() : this.#collect((other) => other.#leaving());
      const added = [];
      for (const [key, html] of puts) {
        const shown2 = rows.get(key) ?? elsewhere.get(key);
        const row = this.#draw(key, html, shown2);
        if (row) rows.set(key, row);
        if (row && !shown2) added.push([key, row]);
      }
      arrange(this.element, keys.flatMap((key) => rows.get(key) ?? []), this.#place, this.#elements());
      if (isMarker(this.live)) this.#observe(puts.flatMap(([key]) => rows.get(key) ?? []));
      for (const [key, row] of added) this.#tell("add", key, row);
      if (place2) moveFocus(this.element, this.rows(), place2);
    });
    scroll();
  }
  /** @param {import("../data/result_set.js").Change} change */
  detail({ puts, drops, reset }) {
    return { puts: [...puts.keys()], drops, reset };
  }
  /** Returns the elements to remove, except those that another container will take. @param {Map<string, Element>} rows @param {Set<string>} wanted */
  #leave(rows, wanted) {
    const gone = this.#children().filter(([key, row]) => !(wanted.has(key) && rows.get(key) === row));
    const awaited = gone.length ? this.#collect((other) => other.#awaited()) : /* @__PURE__ */ new Map();
    return new Set(gone.filter(([key]) => !awaited.has(key)).map(([, row]) => row));
  }
  /** @param {string} html @param {string} key */
  #parse(html, key) {
    const row = parseRow(html, key, this.element);
    showAsViewed(row, this.live);
    return row;
  }
  /** @param {Element} row */
  #remove(row) {
    const key = attribute(row, "data-live-key");
    if (ask(row, "realtime:before-remove", { key, row })) {
      call(row, "remove");
      emit(this.element, "realtime:after-remove", { key, row });
    } else {
      call(row, "removeAttribute", "data-live-key");
    }
  }
  /**
   * Renders a row. If it cannot be shown, reports it and does not affect other rows.
   *
   * @param {string} key
   * @param {string} html
   * @param {Element | undefined} shown
   * @returns {Element | null | undefined} null: the page's own code has prevented it
   */
  #draw(key, html, shown2) {
    if (shown2) serverHtml.delete(shown2);
    try {
      const row = this.#parse(html, key);
      if (!shown2) {
        if (!ask(this.element, "realtime:before-add", { key, row })) return null;
        serverHtml.set(row, html);
        this.#altered.add(key);
        return row;
      }
      if (!ask(shown2, "realtime:before-morph", { key, row: shown2, to: row })) return shown2;
      const isAlike = isSame(shown2, row, html);
      if (!isAlike) this.#altered.add(key);
      const drawn = isAlike ? shown2 : morph(shown2, row);
      serverHtml.set(drawn, html);
      show(drawn, "data-live-error", null);
      this.#tell("morph", key, drawn);
      return drawn;
    } catch (cause) {
      const reason = `The row '${key}' of '${attribute(this.live, "data-live")}' cannot be shown: ${cause instanceof Error ? cause.message : cause}`;
      const error = new RealtimeError(null, reason, { name: "not_shown" });
      show(shown2 ?? this.element, "data-live-error", reason);
      emit(shown2 ?? this.element, "realtime:error", error);
      this.report(Object.assign(error, { cause }));
      return shown2;
    }
  }
  /** @param {string} what @param {string} key @param {Element} row */
  #tell(what, key, row) {
    globalThis.htmx?.process?.(row);
    emit(row, `realtime:after-${what}`, { key, row });
  }
  /** Collects entries from the stream's other containers. @template T @param {(other: Rows) => [string, T][]} part @returns {Map<string, T>} */
  #collect(part) {
    return new Map(this.others().flatMap(part));
  }
  /** The keys of rows that are not painted yet. @returns {[string, true][]} */
  #awaited() {
    const rows = this.rows();
    return this.wanted().filter((key) => !rows.has(key) && !this.#keys.has(key)).map((key) => [key, true]);
  }
  /** The rows that are not removed yet. */
  #leaving() {
    const wanted = new Set(this.wanted());
    return [...this.rows()].filter(([key]) => !wanted.has(key));
  }
  /** The rows by key; of two with the same key, the first. @returns {Map<string, Element>} */
  rows() {
    const rows = /* @__PURE__ */ new Map();
    for (const [key, child] of this.#children()) if (!rows.has(key)) rows.set(key, child);
    return rows;
  }
  #elements() {
    return isMarker(this.live) ? elementsBefore(this.live) : [...get(this.live, "children")];
  }
  /** @returns {[string, Element][]} */
  #children() {
    return this.#elements().flatMap((child) => {
      const key = attribute(child, "data-live-key");
      return key === null ? [] : [
        /** @type {[string, Element]} */
        [key, child]
      ];
    });
  }
};
function isShown(row, html) {
  if (!row || isInUse(row)) return false;
  const before = serverHtml.get(row);
  if (before !== void 0) return before === html;
  if (!isPlain(html) || !pageChanges.isUntouched(row)) return false;
  const isAlike = get(row, "outerHTML").replace(/ data-live-key="[^"]*"/, "") === html;
  if (isAlike) serverHtml.set(row, html);
  return isAlike;
}
function isSame(row, to, html) {
  return isPlain(html) && pageChanges.isUntouched(row) && !isInUse(row) && call(row, "isEqualNode", to);
}
var isPlain = (html) => !/<template/i.test(html);
function isInUse(row) {
  const fields = [row, ...call(row, "querySelectorAll", "input, select, textarea")];
  return attribute(row, "data-live-error") !== null || fields.some((each) => isField(each) && isEdited(each));
}

// src/dom/unread_rows.js
var MARK = "data-live-unread";
var DRAWN = ["realtime:after-add", "realtime:after-morph"];
var UnreadRows = class {
  /** @type {Set<string>} */
  #marked = /* @__PURE__ */ new Set();
  /** The keys of the rows that need no mark, or have one. @type {Set<string> | null} */
  #judged = null;
  /** The keys of the rows in view. @type {Set<string>} */
  #inView = /* @__PURE__ */ new Set();
  #observer;
  #stop;
  /**
   * @param {Element} element that holds the rows
   * @param {{rows: () => Map<string, Element>, unread: import("../data/unread.js").Unread}} options rows: returns the rows that are shown
   */
  constructor(element, { rows, unread: unread2 }) {
    this.element = element;
    this.rows = rows;
    this.unread = unread2;
    this.document = /** @type {Document} */
    get(element, "ownerDocument");
    this.#observer = new IntersectionObserver((entries) => this.#view(entries));
    for (const name of DRAWN) call(element, "addEventListener", name, this.#draw);
    call(this.document, "addEventListener", "visibilitychange", this.#return);
    for (const row of rows().values()) this.#observer.observe(row);
    this.#stop = unread2.watch(() => this.#update());
    this.#update();
  }
  close() {
    this.#stop();
    this.#observer.disconnect();
    for (const name of DRAWN) call(this.element, "removeEventListener", name, this.#draw);
    call(this.document, "removeEventListener", "visibilitychange", this.#return);
    this.unread.close();
  }
  get #isVisible() {
    return get(this.document, "visibilityState") === "visible";
  }
  #draw = ({ detail }) => {
    const { key, row } = detail;
    if (this.rows().get(key) !== row) return;
    this.#observer.observe(row);
    this.#mark(key, row);
  };
  /** A user who returns has not seen what has come meanwhile. */
  #return = () => {
    if (!this.#isVisible) return;
    this.#judged = null;
    this.#update();
  };
  /** @param {IntersectionObserverEntry[]} entries */
  #view(entries) {
    for (const { target, isIntersecting } of entries) {
      const key = attribute(target, "data-live-key");
      if (key === null) continue;
      if (isIntersecting) this.#inView.add(key);
      else this.#inView.delete(key);
      if (this.#isVisible && this.#judged && !this.#judged.has(key)) this.#judge(key, !isIntersecting);
    }
    this.#look();
  }
  #update() {
    const { keys } = this.unread;
    if (!keys) return;
    if (!this.#judged) {
      this.#judged = new Set(this.rows().keys());
      this.#marked = new Set(keys);
    } else if (!this.#isVisible) {
      for (const key of keys) if (!this.#judged.has(key)) this.#judge(key, true);
    }
    for (const key of this.#marked) if (this.unread.isSeenElsewhere(key)) this.#marked.delete(key);
    for (const [key, row] of this.rows()) this.#mark(key, row);
    this.#look();
  }
  /** @param {string} key @param {boolean} isUnseen */
  #judge(key, isUnseen) {
    this.#judged?.add(key);
    if (!isUnseen || !this.unread.keys?.includes(key)) return;
    this.#marked.add(key);
    const row = this.rows().get(key);
    if (row) this.#mark(key, row);
  }
  /** @param {string} key @param {Element} row */
  #mark(key, row) {
    if (this.#judged) show(row, MARK, this.#marked.has(key) ? "" : null);
  }
  /** Tells the server the newest row in view. */
  #look() {
    if (!this.#isVisible || this.unread.state !== "live") return;
    const rows = this.rows();
    const seen = this.unread.keys?.find((key) => this.#inView.has(key) && rows.has(key));
    if (seen !== void 0) this.unread.markRead(seen).catch((error) => emit(this.element, "realtime:error", error));
  }
};

// src/data/parameter_change.js
var PAUSE_SECONDS = 0.1;
var WAIT_SECONDS = 1;
var ParameterChange = class {
  /** The newest parameters, until they are shown or refused. @type {Params | null} */
  target = null;
  /** The pending request. @type {{params: Params, subscribed: Subscribed, end: () => void} | null} */
  #next = null;
  #isPausing = false;
  #isWaiting = false;
  #cancelPause = () => {
  };
  #cancelWait = () => {
  };
  /**
   * @param {{
   *   subscribe: (params: Params) => Subscribed,
   *   take: (subscribed: Subscribed, params: Params) => void,
   *   refuse: (error: import("../protocol/messages.js").RealtimeError) => void,
   *   after: (seconds: number, callback: () => void) => () => void,
   * }} options subscribe: subscribes with these parameters and `isNext`; take: called when the rows are loaded; refuse: called if the server refuses the newest parameters
   */
  constructor({ subscribe, take: take2, refuse, after }) {
    this.subscribe = subscribe;
    this.take = take2;
    this.refuse = refuse;
    this.after = after;
  }
  /** @param {Params} params all of them */
  set(params) {
    this.target = params;
    this.#request();
  }
  /** Cancels the change; the current rows stay. */
  cancel() {
    this.target = null;
    this.#cancelRequest();
  }
  /** Cancels the change, and ignores further ones. */
  close() {
    this.cancel();
    this.#cancelPause();
    this.#isPausing = true;
  }
  /** Completes the pending request if it is this subscription, and its rows are loaded or refused. @param {ResultSet} resultSet */
  arrived(resultSet) {
    const next = this.#next;
    if (next?.subscribed.resultSet !== resultSet || !(resultSet.filled || resultSet.error)) return;
    this.#endRequest();
    const isLast = this.target === next.params;
    if (isLast) this.target = null;
    resultSet.subscription.isNext = false;
    if (!resultSet.error) this.take(next.subscribed, next.params);
    else next.subscribed.close();
    if (resultSet.error && isLast) this.refuse(resultSet.error);
    this.#request();
  }
  #request() {
    const params = this.target;
    if (!params || params === this.#next?.params || this.#isPausing || this.#next && this.#isWaiting) return;
    this.#cancelRequest();
    this.#isPausing = this.#isWaiting = true;
    this.#cancelPause = this.after(PAUSE_SECONDS, () => {
      this.#isPausing = false;
      this.#request();
    });
    this.#cancelWait = this.after(WAIT_SECONDS, () => {
      this.#isWaiting = false;
      this.#request();
    });
    const subscribed = this.subscribe(params);
    const { listeners } = subscribed.resultSet;
    const listener = () => this.arrived(subscribed.resultSet);
    listeners.add(listener);
    this.#next = { params, subscribed, end: () => void listeners.delete(listener) };
    this.arrived(subscribed.resultSet);
  }
  #cancelRequest() {
    const subscribed = this.#next?.subscribed;
    this.#endRequest();
    subscribed?.close();
  }
  #endRequest() {
    this.#cancelWait();
    this.#next?.end();
    this.#next = null;
  }
};

// src/data/live_text.js
var LiveTexts = class {
  /** The added texts, by the row's key and the field. @type {Map<string, Map<string, Added>>} */
  #rows = /* @__PURE__ */ new Map();
  /**
   * Adds a part of a text.
   *
   * @param {string} key
   * @param {string} field
   * @param {number} offset
   * @param {string} text
   */
  add(key, field, offset, text2) {
    const fields = this.#rows.get(key) ?? /* @__PURE__ */ new Map();
    this.#rows.set(key, fields);
    const held = fields.get(field);
    const continues = held && held.start <= offset && offset <= held.start + held.text.length;
    fields.set(field, continues ? { start: held.start, text: held.text.slice(0, offset - held.start) + text2 } : { start: offset, text: text2 });
  }
  /** Drops the text beyond its final length. @param {string} key @param {string} field @param {number} length */
  end(key, field, length) {
    const held = this.#rows.get(key)?.get(field);
    if (held && length < held.start + held.text.length) this.#set(key, field, held.start, held.text.slice(0, Math.max(0, length - held.start)));
  }
  /** Returns the text between two offsets; undefined if a part of it is missing. @param {string} key @param {string} field @param {number} start @param {number} end @returns {string | undefined} */
  read(key, field, start2, end) {
    const held = this.#rows.get(key)?.get(field);
    if (!held || start2 < held.start || end < start2 || end > held.start + held.text.length) return void 0;
    return held.text.slice(start2 - held.start, end - held.start);
  }
  clear() {
    this.#rows.clear();
  }
  /** Drops the texts of removed rows. @param {(key: string) => boolean} isThere */
  keep(isThere) {
    for (const key of this.#rows.keys()) if (!isThere(key)) this.#rows.delete(key);
  }
  /** Returns a row with its live texts. @template {Row | undefined} T @param {string} key @param {T} row the saved one @returns {T} */
  shown(key, row) {
    const fields = this.#rows.get(key);
    if (!fields) return row;
    for (const field of [...fields.keys()]) row = /** @type {any} */
    this.#shown(key, field, row);
    return row;
  }
  /** @param {string} key @param {string} field @param {Row | undefined} row */
  #shown(key, field, row) {
    if (typeof row === "string") return this.#inHTML(key, field, row);
    const saved = row && typeof row === "object" ? (
      /** @type {any} */
      row[field]
    ) : void 0;
    if (typeof saved !== "string") return this.#drop(key, field, row);
    const text2 = this.#joined(key, field, saved);
    return text2 === saved ? row : { .../** @type {object} */
    row, [field]: text2 };
  }
  /** @param {string} key @param {string} field @param {string} html */
  #inHTML(key, field, html) {
    const element = new RegExp(`(<[a-zA-Z][^<>]*\\sdata-live-text="${field}"[^<>]*>)([^<]*)(?=</)`, "g");
    if (!element.test(html)) return this.#drop(key, field, html);
    return html.replace(element, (whole, tag, content2) => {
      const saved = unescaped(content2);
      const text2 = this.#joined(key, field, saved);
      return text2 === saved ? whole : tag + escaped(text2);
    });
  }
  /** Returns the saved text, and the text that continues it. @param {string} key @param {string} field @param {string} saved */
  #joined(key, field, saved) {
    const held = this.#rows.get(key)?.get(field);
    if (!held || saved.length < held.start) return saved;
    const rest = saved.slice(held.start);
    if (rest.length < held.text.length && held.text.startsWith(rest)) return saved.slice(0, held.start) + held.text;
    return this.#drop(key, field, saved);
  }
  /**
   * Drops a text, for example because the row no longer shows it. When it does again, another text may be written.
   *
   * @template T
   * @param {string} key
   * @param {string} field
   * @param {T} shown
   * @returns {T} what is shown without it
   */
  #drop(key, field, shown2) {
    this.#rows.get(key)?.delete(field);
    return shown2;
  }
  /** @param {string} key @param {string} field @param {number} start @param {string} text */
  #set(key, field, start2, text2) {
    if (text2) this.#rows.get(key)?.set(field, { start: start2, text: text2 });
    else this.#rows.get(key)?.delete(field);
  }
};
var ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
var CHARACTERS = { ...Object.fromEntries(Object.entries(ENTITIES).map(([character, entity]) => [entity, character])), "&#39;": "'", "&nbsp;": " " };
var escaped = (text2) => text2.replace(/[&<>"']/g, (character) => ENTITIES[character]);
var unescaped = (html) => html.replace(/&(?:amp|lt|gt|quot|nbsp|#x27|#39);/g, (entity) => CHARACTERS[entity]);

// src/data/optimistic.js
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
  /** Notes that the effects of these calls arrive with the next commit. @param {Iterable<string>} ids */
  arrive(ids) {
    for (const id of ids) {
      const overlay = this.#overlays.get(id);
      if (overlay) overlay.arrived = true;
    }
  }
  /** Removes the overlays whose effects have arrived. @returns {boolean} whether there were any */
  settle() {
    const arrived = [...this.#overlays].filter(([, overlay]) => overlay.arrived);
    for (const [id] of arrived) this.#overlays.delete(id);
    return arrived.length > 0;
  }
  /**
   * Applies all overlays to the rows, in the order of the calls.
   *
   * @template T
   * @param {readonly T[]} rows
   * @param {{strict?: string, apply?: (rows: readonly T[], expect: Expectation, id: string) => readonly T[]}} [options]
   *   strict: the call whose exception is thrown; other overlays, which may not fit newer rows, are skipped if they throw.
   * @returns {readonly T[]}
   */
  show(rows, { strict, apply = applyToRows } = {}) {
    let shown2 = rows;
    for (const [id, { expect }] of this.#overlays) {
      try {
        shown2 = apply(shown2, expect, id);
      } catch (error) {
        if (id === strict) throw error;
      }
    }
    return shown2;
  }
};
function applyToRows(rows, expect) {
  const shown2 = expect(rows);
  if (!Array.isArray(shown2)) throw new TypeError("The function 'optimistic' must return an array of rows.");
  return shown2;
}

// src/data/patch.js
function patched(row, patch, read = () => void 0) {
  if (Array.isArray(patch)) {
    return edited2(row, patch, (...place2) => {
      const text2 = read(...place2);
      return text2 === void 0 ? void 0 : escaped(text2);
    });
  }
  if (typeof row !== "object" || row === null) return void 0;
  const fields = (
    /** @type {Record<string, any>} */
    row
  );
  const texts = Object.entries(patch.edit ?? {}).map(([name, edits]) => (
    /** @type {const} */
    [name, edited2(fields[name], edits, read)]
  ));
  return texts.some(([, text2]) => text2 === void 0) ? void 0 : { ...fields, ...patch.set, ...Object.fromEntries(texts) };
}
function edited2(text2, [sum, ...edits], read) {
  if (typeof text2 !== "string") return void 0;
  let result = "";
  let at = 0;
  for (let index = 0; index < edits.length; index += 3) {
    const [skip, remove, insert] = (
      /** @type {[number, number, import("../protocol/messages.js").Insert]} */
      edits.slice(index, index + 3)
    );
    const inserted = typeof insert === "string" ? insert : read(...insert);
    if (inserted === void 0) return void 0;
    result += text2.slice(at, at + skip) + inserted;
    at += skip + remove;
  }
  result += text2.slice(at);
  return at <= text2.length && crc32(result) === sum ? result : void 0;
}
var TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? rest >>> 1 ^ 3988292384 : rest >>> 1;
  return rest;
});
var encoder = new TextEncoder();
function crc32(text2) {
  let sum = -1;
  for (const byte of encoder.encode(text2)) sum = TABLE[(sum ^ byte) & 255] ^ sum >>> 8;
  return ~sum >>> 0;
}

// src/data/result_set.js
var NOTHING = Object.freeze([]);
var ResultSet = class {
  /** The keys of the server's rows in order. @type {readonly string[]} */
  keys = NOTHING;
  /** The rows in order, with the overlays applied. Rows from a page's HTML are only in the page. @type {readonly Row[]} */
  rows = NOTHING;
  /** The keys of the rows that the page shows. @type {readonly string[]} */
  shownKeys = NOTHING;
  overlays = new Overlays();
  /** Text that is not saved yet. */
  texts = new LiveTexts();
  /** Whether the rows are loaded. */
  filled = false;
  /** Why there are no rows. @type {RealtimeError | null} */
  error = null;
  /** @type {Set<Listener>} */
  listeners = /* @__PURE__ */ new Set();
  events = new EventListeners();
  /** The sentinel of the circular list of places: before the first and after the last. @type {Place} */
  #end = ring();
  /** @type {Map<string, Place>} */
  #places = /* @__PURE__ */ new Map();
  /** The change since the last commit. @type {Change | null} */
  #change = null;
  /** The server's rows, if they are stored here. @type {readonly Row[]} */
  #serverRows = NOTHING;
  /** What the page shows, while there are overlays. @type {Map<string, Row> | null} */
  #shown = null;
  /** What the page will show next. @type {Map<string, Row>} */
  #next = /* @__PURE__ */ new Map();
  /**
   * @param {Parameters<typeof newSubscription>[0]} target
   * @param {PageRows} [page] rows already in the page, and their painter
   */
  constructor(target, page) {
    this.subscription = newSubscription(target);
    this.paint = page?.paint;
    this.page = page?.paint ? page : void 0;
    if (page?.keys) {
      for (const key of page.keys) this.#put(this.#end.before, key, void 0, void 0);
      this.#snapshot();
      this.filled = true;
    }
  }
  /**
   * Applies the deltas of one frame. Nothing is visible before commit().
   *
   * @param {Delta[]} deltas
   * @param {{fresh: boolean}} options fresh: the deltas replace all rows
   * @returns {boolean} false if a delta names an unknown row, so that the rows must be reloaded
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
   * Makes the applied deltas the new snapshot.
   *
   * @returns {Change | null} null if nothing has changed
   */
  commit() {
    const settled = this.overlays.settle();
    if (!this.#change && this.filled && !settled) return null;
    const change = this.#change ?? { puts: /* @__PURE__ */ new Map(), drops: [], reset: false };
    change.drops = this.keys.filter((key) => !this.#places.has(key));
    this.texts.keep((key) => this.#places.has(key));
    this.#snapshot();
    this.#change = null;
    this.filled = true;
    this.error = null;
    return this.#shown ? this.#compare(change.reset) : change;
  }
  /**
   * Shows a row whose text has changed.
   *
   * @param {string} key
   * @returns {Change | null} null if there is nothing to show
   */
  showText(key) {
    const place2 = this.#places.get(key);
    if (!place2 || !this.filled) return null;
    place2.sent ??= place2.row || this.page?.read?.().get(key);
    if (place2.sent === void 0) return null;
    this.#show(place2);
    const change = this.commit();
    return change && { ...change, isText: true };
  }
  /**
   * Shows the expected effect of a call until the real one arrives or the call fails. Throws what `expect` throws, without any change.
   *
   * @param {string} id of the call
   * @param {import("./optimistic.js").Expectation} expect
   * @returns {Change}
   */
  expect(id, expect) {
    if (this.page && !this.page.expect) throw badTarget("What a call is expected to do can be shown in rows, not in a live value.");
    if (this.page && !this.#shown) this.#readPage(this.page);
    this.overlays.add(id, expect);
    try {
      this.#applyOverlays(id);
    } catch (error) {
      this.overlays.drop(id);
      this.#applyOverlays();
      throw error;
    }
    return this.#compare(false);
  }
  /** Removes the expected effect of a call. @param {string} id @returns {Change | null} null: it was not shown */
  removeExpectation(id) {
    if (!this.overlays.drop(id)) return null;
    this.#applyOverlays();
    return this.#compare(false);
  }
  /** Ends the subscription, and removes its rows from the page. @param {RealtimeError} error @returns {Change} */
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
  #applyOne({ drops, puts, order, patches }) {
    if (drops || puts || order || patches) this.#change ??= { puts: /* @__PURE__ */ new Map(), drops: [], reset: false };
    for (const key of drops ?? []) this.#drop(key);
    let previous = this.#end;
    for (const { key, row, after } of puts ?? []) {
      const place2 = after === void 0 ? previous : after === null ? this.#end : this.#places.get(after);
      if (!place2 || place2.key === key) return false;
      if (row === void 0) {
        const held = this.#places.get(key);
        if (!held) return false;
        previous = this.#put(place2, key, held.row, held.sent);
      } else {
        previous = this.#put(place2, key, row, row);
        this.#show(previous);
      }
    }
    return (!order || this.#arrange(order)) && Object.entries(patches ?? {}).every(([key, patch]) => this.#patch(key, patch));
  }
  /** @param {string} key @param {import("../protocol/messages.js").Patch} patch @returns {boolean} whether it fits the row */
  #patch(key, patch) {
    const place2 = this.#places.get(key);
    const row = patched(place2?.sent, patch, (...text2) => this.texts.read(key, ...text2));
    if (!place2 || row === void 0) return false;
    place2.sent = row;
    this.#show(place2);
    return true;
  }
  /** Adds a row to the change, with the text that is not saved yet. @param {Place} place */
  #show(place2) {
    this.#change ??= { puts: /* @__PURE__ */ new Map(), drops: [], reset: false };
    place2.row = this.texts.shown(place2.key, place2.sent);
    this.#change.puts.set(
      place2.key,
      /** @type {Row} */
      place2.row
    );
  }
  /** @param {Place} place @param {string} key @param {Row | undefined} row @param {Row | undefined} sent */
  #put(place2, key, row, sent) {
    const held = this.#places.get(key);
    if (held) unlink(held);
    const put2 = link(place2, key, row, sent);
    this.#places.set(key, put2);
    return put2;
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
      const { row, sent } = (
        /** @type {Place} */
        this.#places.get(key)
      );
      this.#places.set(key, link(this.#end.before, key, row, sent));
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
      if (place2.row !== void 0 && !(place2.row === null && this.subscription.format === "data")) rows.push(place2.row);
      if (this.paint && !this.overlays.size) place2.row = void 0;
    }
    this.keys = Object.freeze(keys);
    this.#serverRows = Object.freeze(rows);
    this.#applyOverlays();
  }
  /** Adds the page's own rows, so that overlays apply to them. @param {PageRows} page */
  #readPage(page) {
    this.#shown = page.read?.() ?? /* @__PURE__ */ new Map();
    for (const [key, place2] of this.#places) place2.row = this.#shown.get(key) ?? "";
    this.#serverRows = this.keys.map((key) => this.#places.get(key)?.row ?? "");
  }
  /** @param {string} [strict] the call whose exception is thrown */
  #applyOverlays(strict) {
    if (!this.page) {
      this.rows = this.overlays.size ? Object.freeze([...this.overlays.show(this.#serverRows, { strict })]) : this.#serverRows;
      this.shownKeys = this.keys;
    } else if (this.#shown) {
      const entries = this.keys.map((key, index) => (
        /** @type {Entry} */
        [key, this.#serverRows[index]]
      ));
      this.#next = new Map(this.overlays.show(entries, { strict, apply: this.page.expect }));
      this.shownKeys = Object.freeze([...this.#next.keys()]);
    } else {
      this.shownKeys = this.keys;
    }
  }
  /** Returns the change that makes the page show the expected rows. @param {boolean} reset show all rows again @returns {Change} */
  #compare(reset) {
    const shown2 = this.#shown ?? /* @__PURE__ */ new Map();
    const puts = new Map([...this.#next].filter(([key, row]) => reset || shown2.get(key) !== row));
    const drops = [...shown2.keys()].filter((key) => !this.#next.has(key));
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
function link(place2, key, row, sent) {
  const linked = { key, row, sent, before: place2, after: place2.after };
  place2.after.before = linked;
  place2.after = linked;
  return linked;
}
function unlink(place2) {
  place2.before.after = place2.after;
  place2.after.before = place2.before;
}

// src/data/windows.js
var WINDOW = "window";
var Windows = class {
  /** The loaded ranges, in order from where the list begins. @type {Range[]} */
  #ranges;
  /** The range that is being loaded. @type {Next | null} */
  #next = null;
  /** The row behind the last range, which says whether there are more. @type {Subscribed & {to: number} | null} */
  #peek = null;
  /**
   * @param {{
   *   size: number, first: Subscribed, subscribe: (params: Params) => Subscribed, peek: (params: Params) => Subscribed,
   *   changed: () => void, refused: (error: RealtimeError) => void,
   * }} options size: the number of rows that each step adds, negative if the list begins at its end; first: the
   *   subscription of the rows that are shown; subscribe: subscribes to a range, with `isNext`; peek: subscribes to rows that are
   *   not shown; changed: called when the ranges have changed; refused: called if the server refuses a step
   */
  constructor({ size, first, subscribe, peek, changed, refused }) {
    this.size = size;
    this.subscribe = subscribe;
    this.peek = peek;
    this.changed = changed;
    this.refused = refused;
    this.#ranges = [{ ...extentOf(first.resultSet.subscription.params), ...first }];
  }
  get #last() {
    return (
      /** @type {Range} */
      this.#ranges.at(-1)
    );
  }
  /** Whether the last range is full, so that there may be more rows. */
  get isFull() {
    const { from, to, resultSet } = this.#last;
    return resultSet.keys.length >= to - from;
  }
  /** Whether there are more rows; undefined if the server has not said so yet. */
  get hasMore() {
    if (!this.isFull) return false;
    const { to, resultSet } = this.#peek ?? {};
    return to === this.#last.to && resultSet?.filled ? resultSet.keys.length > 0 : void 0;
  }
  get isLoading() {
    return this.#next !== null && !this.#next.replaced;
  }
  /** The number of steps that are shown. */
  get steps() {
    return this.#last.to / Math.abs(this.size);
  }
  /** The parameter for the first step. */
  get first() {
    return this.#param({ from: 0, to: Math.abs(this.size) });
  }
  /** The parameter for all loaded rows. */
  get all() {
    return this.#param({ from: 0, to: this.#last.to });
  }
  /** The subscriptions in the order of their rows. @returns {ResultSet[]} */
  get resultSets() {
    const found = this.#ranges.map(({ resultSet }) => resultSet);
    return this.size < 0 ? found.reverse() : found;
  }
  /** Loads the next step, if there may be one and none is being loaded. */
  more() {
    if (this.isLoading || this.hasMore === false) return;
    this.#cancelNext();
    const { to } = this.#last;
    this.#load({ from: to, to: to + Math.abs(this.size) }, 0);
  }
  /** Completes the pending request if it is this subscription, and its rows are loaded or refused. @param {ResultSet} resultSet */
  arrived(resultSet) {
    const next = this.#next;
    if (next?.resultSet !== resultSet || !(resultSet.filled || resultSet.error)) return;
    this.#next = null;
    resultSet.subscription.isNext = false;
    if (resultSet.error) {
      next.close();
      if (!next.replaced) this.refused(resultSet.error);
      return;
    }
    const replaced = next.replaced ? this.#ranges.splice(-next.replaced) : [];
    this.#ranges.push(next);
    for (const each of replaced) each.close();
    this.changed();
    this.#merge();
  }
  /** Follows whether there is a row behind the last range, or behind the one that is being loaded. */
  look() {
    const to = this.#next && !this.#next.replaced ? this.#next.to : this.isFull ? this.#last.to : null;
    if ((this.#peek?.to ?? null) === to) return;
    this.#peek?.close();
    this.#peek = to === null ? null : { to, ...this.peek({ ...this.#last.resultSet.subscription.params, [WINDOW]: this.#param({ from: to, to: to + 1 }) }) };
  }
  /** Ends all ranges but the first one. */
  close() {
    this.#cancelNext();
    this.#peek?.close();
    this.#peek = null;
    for (const each of this.#ranges.splice(1)) each.close();
  }
  /** Replaces two ranges of one length by one, so that there are few ranges, however many steps are shown. */
  #merge() {
    const [one, other] = this.#ranges.slice(-2);
    if (other && one.to - one.from === other.to - other.from) this.#load({ from: one.from, to: other.to }, 2);
  }
  /** @param {Extent} extent @param {number} replaced */
  #load(extent, replaced) {
    const { params } = this.#last.resultSet.subscription;
    this.#next = { ...extent, replaced, ...this.subscribe({ ...params, [WINDOW]: this.#param(extent) }) };
  }
  #cancelNext() {
    this.#next?.close();
    this.#next = null;
  }
  /** @param {Extent} extent */
  #param({ from, to }) {
    return this.size < 0 ? `${-to}:${-from || 0}` : `${from}:${to}`;
  }
};
function extentOf(params = {}) {
  const [from, to] = String(params[WINDOW] ?? "0:0").split(":").map((each) => Math.abs(Number(each)));
  return { from: Math.min(from, to), to: Math.max(from, to) };
}

// src/valuetext.js
var ValueText = class {
  /** @param {Element} element @param {import("./protocol/messages.js").Format} format */
  constructor(element, format) {
    this.element = element;
    this.name = format.slice("value:".length);
  }
  keys() {
    return [this.name];
  }
  /** @param {readonly string[]} keys @param {import("./data/result_set.js").Change} change @returns {Generator<void, void>} */
  *paint(keys, { puts }) {
    if (!keys.length) this.#show("");
    else if (puts.has(this.name)) this.#show(text(puts.get(this.name)));
  }
  /** @param {import("./data/result_set.js").Change} change */
  detail({ puts }) {
    return { value: puts.get(this.name) };
  }
  /** @param {string} content */
  #show(content2) {
    if (get(this.element, "textContent") !== content2) set(this.element, "textContent", content2);
  }
};
function text(value2) {
  if (typeof value2 === "string") return value2;
  return value2 === null ? "" : JSON.stringify(value2);
}

// src/dom/live_element.js
var MARKER = "data-live-marker";
var CHANGED = "data-live-changed";
var Container = class {
  /** The change that is not fully shown yet. @type {Pending | null} */
  #pending = null;
  /** The change that is being shown. @type {Pending | null} */
  #painting = null;
  /** The change for listeners, if the last one was shown together with earlier ones. @type {Change | null} */
  #toTell = null;
  #change;
  /** Called when the server has shown or refused the newest parameters. @type {(error: RealtimeError | null) => void} */
  #answered = () => {
  };
  /** The last known text of data-live-params. */
  #noted;
  /** The cursor in the page's HTML when the element was bound. */
  #rendered;
  /** Of a list that shows more when asked. @type {Windows | null} */
  #windows = null;
  /** @type {MoreLink | null} */
  #link = null;
  /** @type {UnreadRows | null} */
  #unread = null;
  /**
   * @param {Element} element
   * @param {{
   *   containersOf: (name: string) => Container[], connection: import("../connection/connection.js").Connection,
   *   report: (error: unknown) => void, announcer?: import("./announcer.js").Announcer,
   *   openUnread?: (stream: string, params: Params) => import("../data/unread.js").Unread,
   * }} options containersOf: returns the containers of a stream
   */
  constructor(element, { containersOf, connection, report, announcer, openUnread }) {
    this.element = element;
    this.connection = connection;
    this.name = attribute(element, "data-live") ?? "";
    this.token = attribute(element, "data-live-token") ?? void 0;
    if (!this.token) throw unsigned(this.name);
    this.format = readFormat(element);
    this.content = isHTML(this.format) ? this.#newRows(containersOf, report) : new ValueText(element, this.format);
    followFromStart(element);
    this.#noted = attribute(element, "data-live-params");
    const cursor = attribute(element, "data-live-cursor");
    this.#rendered = cursor;
    const changed = attribute(element, CHANGED) !== null;
    this.resultSet = this.#newResultSet({ params: readJSON(element, "data-live-params"), cursor, changed }, this.content.keys());
    this.resultSet.subscription.fingerprint = attribute(element, "data-live-fingerprint") ?? "";
    if (attribute(element, "data-live-presence") !== null) this.resultSet.subscription.present = {};
    this.#change = new ParameterChange({
      subscribe: (params) => this.#subscribe(params),
      take: ({ resultSet }) => this.#switch(resultSet),
      refuse: (error) => this.#refuse(error),
      after: (seconds, callback) => connection.monitor.after(seconds, callback)
    });
    this.announcer = announcer;
    this.openUnread = openUnread;
    if (this.#step) this.#showMore();
    this.#markUnread();
  }
  /** The number of rows that each step adds, negative if they are added in front; 0 if the list does not load more on demand. */
  get #step() {
    return Math.trunc(Number(attribute(this.element, "data-live-more"))) || 0;
  }
  #showMore() {
    const { element, resultSet, connection } = this;
    if (growsUpwards(element)) withoutAnchoring(this.#parent);
    this.#windows = new Windows({
      size: this.#step,
      first: { resultSet, close: () => connection.unsubscribe(resultSet) },
      subscribe: (params) => this.#subscribe(params),
      peek: (params) => this.#peek(params),
      changed: () => this.#takeMore(),
      refused: (error) => {
        this.#link?.refuse();
        emit(element, "realtime:error", error);
      }
    });
    if (this.#link) this.#link.renew(this.#windows);
    else this.#link = new MoreLink(element, this.#windows);
  }
  /** Marks the rows that the user has not seen. */
  #markUnread() {
    const known = readJSON(this.element, MARKER);
    const { content: content2, openUnread } = this;
    if (!known || !openUnread || !(content2 instanceof Rows)) return;
    const params = { ...this.resultSet.subscription.params };
    for (const name of ["page", WINDOW]) if (!(name in known)) delete params[name];
    this.#unread?.close();
    this.#unread = new UnreadRows(this.#parent, { rows: () => content2.rows(), unread: openUnread(this.name, params) });
  }
  /** Handles further rows. The address names them, so that a reload shows as many. */
  #takeMore() {
    const [resultSet] = this.#resultSets;
    this.resultSet = this.#step < 0 ? (
      /** @type {ResultSet} */
      this.#resultSets.at(-1)
    ) : resultSet;
    this.#link?.showAddress();
  }
  /** Its subscriptions, in the order of their rows. @returns {ResultSet[]} */
  get #resultSets() {
    return this.#windows?.resultSets ?? [this.resultSet];
  }
  /** The keys of the rows that it shows. Two windows may be of two moments, and both may have a row. @returns {readonly string[]} */
  get #shownKeys() {
    const { shownKeys } = this.resultSet;
    return this.#windows ? [...new Set(this.#resultSets.flatMap((each) => each.shownKeys))] : shownKeys;
  }
  /** @param {{params?: Params, cursor: string | null, changed: boolean}} target @param {Iterable<string>} [keys] of the rows in the page */
  #newResultSet({ params, cursor, changed }, keys) {
    const { name: stream, token, format } = this;
    const resultSet = new ResultSet(
      { stream, token, params, format, cursor, changed },
      {
        keys,
        paint: (shown2, change) => this.#paintOf(resultSet, shown2, change),
        read: this.content.read && (() => this.#read(resultSet)),
        expect: this.content.expect?.bind(this.content)
      }
    );
    resultSet.events.all.add((data, about) => {
      if (resultSet === this.resultSet) emit(this.element, "realtime:event", { ...about, data });
    });
    resultSet.listeners.add((_rows, change) => {
      if (!this.#resultSets.includes(resultSet) || this.#pending) return;
      if (this.#toTell || !this.#windows) this.#tell(this.#toTell ?? change);
      this.#toTell = null;
    });
    return resultSet;
  }
  /** The state of its live query. */
  get state() {
    const state = this.connection.stateOf(this.resultSet);
    return this.#change.target && state === "live" ? "catching-up" : state;
  }
  /** The parameters of the rows that it shows, or will show. @returns {Params} */
  get params() {
    return this.#change.target ?? this.resultSet.subscription.params ?? {};
  }
  /** Whether it still shows rows of other parameters than `params`. */
  get isChanging() {
    return this.#change.target !== null;
  }
  /**
   * Changes the parameters. What is shown stays until the new rows are loaded, and if the server refuses them.
   *
   * @param {Params} params all of them
   * @param {(error: RealtimeError | null) => void} [answered] called when the new rows are shown or refused, unless the parameters have changed again
   */
  change(params, answered = () => {
  }) {
    this.#answered = answered;
    const { target } = this.#change;
    if (target && isEqual(params, target)) return;
    const shown2 = this.resultSet.subscription.params ?? {};
    if (!isEqual(params, shown2)) {
      const isOther2 = this.#windows && params[WINDOW] === shown2[WINDOW];
      return this.#change.set(isOther2 ? { ...params, [WINDOW]: this.#windows?.first ?? null } : params);
    }
    this.#change.cancel();
    answered(null);
  }
  /** Applies data-live-params, which the page's own code may have changed. */
  followAttribute() {
    const text2 = attribute(this.element, "data-live-params");
    if (text2 === this.#noted) return;
    this.#noted = text2;
    this.change(readJSON(this.element, "data-live-params") ?? {});
  }
  /** The number of rows that wait to be shown. */
  get held() {
    return this.#pending && isPaused(this.element) ? this.#pending.change.puts.size + this.#pending.change.drops.length : 0;
  }
  /** Shows the changes that have waited, unless the element is still paused. */
  resume() {
    if (!isPaused(this.element)) this.#show();
    this.#count();
  }
  /** Whether the element's attributes are still those that it was bound with. */
  get isCurrent() {
    const { element, name, token } = this;
    return attribute(element, "data-live") === name && (attribute(element, "data-live-token") ?? void 0) === token;
  }
  /** Unbinds the element, with the attributes for binding it again. */
  release() {
    this.#change.close();
    this.#flush();
    this.#link?.close();
    this.#unread?.close();
    this.#count();
    show(this.element, "data-live-state", null);
    const { cursor, fingerprint, params } = this.resultSet.subscription;
    const all = this.#resultSets.length > 1 ? this.#windows?.all : void 0;
    this.#windows?.close();
    if (attribute(this.element, "data-live-cursor") !== this.#rendered) return;
    if (all) show(this.element, "data-live-params", JSON.stringify({ ...params, [WINDOW]: all }));
    if (all) show(this.element, CHANGED, "");
    show(this.element, "data-live-cursor", all ? null : cursor);
    show(this.element, "data-live-fingerprint", !all && fingerprint || null);
  }
  /** @param {Params} params */
  #subscribe(params) {
    const { vouched, present } = this.resultSet.subscription;
    const resultSet = this.#newResultSet({ params, cursor: null, changed: true });
    Object.assign(resultSet.subscription, { vouched, present, isNext: true });
    resultSet.listeners.add(() => resultSet.error && this.#windows?.arrived(resultSet));
    this.connection.subscribe(resultSet);
    return { resultSet, close: () => this.connection.unsubscribe(resultSet) };
  }
  /** Subscribes to rows that are not shown. @param {Params} params */
  #peek(params) {
    const { name: stream, token, format, connection } = this;
    const resultSet = new ResultSet({ stream, token, params, format, cursor: null, changed: true });
    Object.assign(resultSet.subscription, { vouched: this.resultSet.subscription.vouched, isNext: true });
    resultSet.listeners.add(() => this.#link?.update());
    connection.subscribe(resultSet);
    return { resultSet, close: () => connection.unsubscribe(resultSet) };
  }
  /** @param {ResultSet} resultSet whose rows are loaded */
  #switch(resultSet) {
    const before = this.resultSet;
    this.#windows?.close();
    this.resultSet = resultSet;
    this.connection.unsubscribe(before);
    if (this.#windows) this.#showMore();
    show(this.element, CHANGED, "");
    this.#rendered = null;
    for (const name of ["data-live-cursor", "data-live-fingerprint"]) show(this.element, name, null);
    this.#showParams();
    this.#markUnread();
    this.#answered(null);
  }
  /** @param {RealtimeError} error */
  #refuse(error) {
    this.#showParams();
    this.#answered(error);
    emit(this.element, "realtime:error", error);
  }
  #showParams() {
    this.#noted = JSON.stringify(this.resultSet.subscription.params ?? {});
    show(this.element, "data-live-params", this.#noted);
  }
  /** @param {ResultSet} resultSet @param {readonly string[]} keys @param {Change} change */
  #paintOf(resultSet, keys, change) {
    if (!this.#resultSets.includes(resultSet) && resultSet.filled) this.#arrived(resultSet);
    return !this.#resultSets.includes(resultSet) || this.#take(this.#windows ? this.#shownKeys : keys, change);
  }
  /** @param {ResultSet} resultSet that is next */
  #arrived(resultSet) {
    this.#change.arrived(resultSet);
    this.#windows?.arrived(resultSet);
  }
  /** @param {(name: string) => Container[]} containersOf @param {(error: unknown) => void} report */
  #newRows(containersOf, report) {
    const others = () => {
      const contents2 = containersOf(this.name).filter(({ element }) => !isPaused(element)).map(({ content: content2 }) => content2);
      return contents2.filter((content2) => content2 instanceof Rows && content2 !== this.content);
    };
    const isRefused = () => Boolean(this.resultSet.error);
    return new Rows(this.element, { wanted: () => this.#shownKeys, isRefused, others: (
      /** @type {() => Rows[]} */
      others
    ), report });
  }
  /**
   * Shows a change at once, unless the element is paused, a view transition starts first, or the change is too large for one task.
   *
   * @param {readonly string[]} keys
   * @param {Change} change
   */
  #take(keys, change) {
    const isLarge = change.puts.size + change.drops.length > PART_ROWS;
    this.#pending = joined(this.#pending, keys, change);
    if (this.resultSet.error) this.#toTell = this.#paintAll();
    else if (!isPaused(this.element) && (isLarge || change.isText || !animates(this.element))) this.#show({ isNow: true });
    else if (!isPaused(this.element)) animate(this.#parent, () => this.#flush());
    this.#count();
    this.#link?.update();
    return true;
  }
  /** Shows the pending change, in as many tasks as needed. A change that arrives meanwhile is shown together with the rest. */
  #show({ isNow = false } = {}) {
    const pending = this.#pending &&= { ...this.#pending };
    if (!pending) return;
    inTasks(
      this.#paint(pending),
      /** @type {Document} */
      get(this.element, "ownerDocument"),
      (isDone) => {
        if (this.#pending !== pending) return false;
        if (isDone) this.#pending = null;
        if (isDone && isNow) this.#toTell = this.#toTell && this.#windows ? joined({ keys: [], change: this.#toTell }, pending.keys, pending.change).change : pending.change;
        else if (isDone) this.#tell(pending.change);
        isNow = false;
        return !isPaused(this.element);
      }
    );
  }
  #flush() {
    const change = this.#paintAll();
    if (change) this.#tell(change);
  }
  #paintAll() {
    const pending = this.#pending && { ...this.#pending };
    this.#pending = null;
    if (pending) for (const work = this.#paint(pending); !work.next().done; ) ;
    return pending && pending.change;
  }
  /** The parent of the rows. */
  get #parent() {
    return isMarker(this.element) && get(this.element, "parentElement") || this.element;
  }
  /** @param {ResultSet} resultSet */
  #read(resultSet) {
    this.#flush();
    const rows = (
      /** @type {Map<string, string>} */
      this.content.read?.()
    );
    return this.#windows ? new Map(resultSet.keys.flatMap((key) => rows.has(key) ? [[
      key,
      /** @type {string} */
      rows.get(key)
    ]] : [])) : rows;
  }
  /** @param {Pending} pending @returns {Generator<void, void>} */
  *#paint(pending) {
    const { keys, change } = this.#painting = pending;
    const before = this.announcer && !change.own && !change.isText ? new Set(this.content.keys()) : null;
    const asking = before && call(this.element, "closest", "[data-live-announce]");
    let altered;
    try {
      const work = this.content.paint(keys, change);
      let part;
      while (!(part = work.next()).done) {
        yield;
        if (this.#painting !== pending) return;
      }
      altered = part.value;
    } catch (error) {
      this.#pending = null;
      throw error;
    }
    noteGone(this.element, keys, change.drops);
    if (before && asking && !change.reset) {
      altered ??= [...change.puts.keys()];
      const added = altered.filter((key) => !before.has(key)).length;
      this.announcer?.add(attribute(asking, "data-live-announce") ?? "", [added, altered.length - added, change.drops.length]);
    }
  }
  #count() {
    show(this.element, "data-live-held", this.held ? String(this.held) : null);
  }
  /** @param {Change} change */
  #tell(change) {
    const { error } = this.resultSet;
    if (error) emit(this.element, "realtime:error", error);
    else emit(this.element, "realtime:change", this.content.detail(change));
  }
};
var isEqual = (one, other) => JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
var isPaused = (element) => call(element, "closest", "[data-live-paused]") !== null;
function joined(held, keys, change) {
  const shown2 = new Set(keys);
  const puts = new Map([...held?.change.puts ?? [], ...change.puts].filter(([key]) => shown2.has(key)));
  const drops = [.../* @__PURE__ */ new Set([...held?.change.drops ?? [], ...change.drops])].filter((key) => !shown2.has(key));
  const reset = Boolean(held?.change.reset) || change.reset;
  return { keys, change: { puts, drops, reset, own: (held?.change.own ?? true) && change.own, isText: (held?.change.isText ?? true) && change.isText } };
}
function unsigned(name) {
  const reason = `The element with data-live="${name}" has no data-live-token: show it with {% live %}, or open it from a script with realtime.live().`;
  return new RealtimeError(null, reason, { name: "bad_arguments" });
}
var isHTML = (format) => format === "html" || format === "pages" || format.startsWith("html:");
function readFormat(element) {
  const format = attribute(element, "data-live-format") ?? "html";
  if (isHTML(format)) return (
    /** @type {Format} */
    format
  );
  if (format.startsWith("value:")) return valueFormat(format.slice("value:".length));
  const reason = `The attribute data-live-format must be 'html', or 'value:' with the name of a live value, not '${format}'.`;
  throw new RealtimeError(null, reason, { name: "bad_arguments" });
}
function readJSON(element, name) {
  const text2 = attribute(element, name);
  if (text2 === null) return void 0;
  try {
    const value2 = parseJSON(text2);
    if (value2 !== null && typeof value2 === "object" && !Array.isArray(value2)) return value2;
  } catch {
  }
  throw new RealtimeError(null, `The attribute ${name} must be a JSON object, not '${text2}'.`, { name: "bad_arguments" });
}

// src/dom/action_elements.js
var FIELDS = "select, textarea, input:not([type=button], [type=submit], [type=reset], [type=image])";
var ActionElements = class {
  /** The number of pending calls of each element. @type {WeakMap<Element, number>} */
  #running = /* @__PURE__ */ new WeakMap();
  /** @param {{document: Document, call: Caller, subscriptionOf?: (element: Element) => Subscription | undefined}} options subscriptionOf: returns a container's subscription */
  constructor({ document: document2, call: call3, subscriptionOf = () => void 0 }) {
    this.document = document2;
    this.call = call3;
    this.subscriptionOf = subscriptionOf;
  }
  start() {
    call(this.document, "addEventListener", "click", (event) => this.#click(event));
    call(this.document, "addEventListener", "submit", (event) => this.#submit(event));
    call(this.document, "addEventListener", "change", ({ target }) => this.#changed(target));
  }
  /** @param {MouseEvent} event */
  #click(event) {
    const element = event.target instanceof Element ? call(event.target, "closest", "[data-live-call]") : null;
    if (!element || element instanceof HTMLFormElement || call(element, "matches", FIELDS) || event.defaultPrevented || isForeign(element)) return;
    event.preventDefault();
    if (!this.#running.has(element)) this.#run(element, () => ({}));
  }
  /** @param {SubmitEvent} event */
  #submit(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || attribute(form, "data-live-call") === null || event.defaultPrevented || isForeignSubmit(form, event.submitter)) return;
    event.preventDefault();
    if (!this.#running.has(form)) this.#run(form, () => formArgs(form, event.submitter));
  }
  /** @param {EventTarget | null} target */
  #changed(target) {
    if (target instanceof Element && call(target, "matches", FIELDS) && attribute(target, "data-live-call") !== null && !isForeign(target)) {
      this.#run(target, () => fieldArgs(target));
    }
  }
  /** @param {Element} element @param {() => Record<string, unknown>} ownArgs */
  async #run(element, ownArgs) {
    const held = contents(element);
    showError(element, null);
    this.#count(element, 1);
    try {
      const args = { ...readJSON(element, "data-live-args"), ...ownArgs() };
      const action = attribute(element, "data-live-call") ?? "";
      const result = await this.call({ ...this.#target(element), action, args }, { timeout: timeoutOf(element) });
      settle(held);
      if (element instanceof HTMLFormElement && attribute(element, "data-live-reset") !== null) resetSent(element, held);
      emit(element, "realtime:reply", result);
    } catch (error) {
      if (!(element instanceof HTMLFormElement)) held.forEach(({ field }) => restoreChoice(field));
      showError(element, error);
      emit(element, "realtime:error", error);
    } finally {
      this.#count(element, -1);
    }
  }
  /**
   * Returns the stream that an element calls: that of the closest container, by the token that the server has signed.
   *
   * @param {Element} element
   * @returns {{token: string} | {stream: string, params: Record<string, unknown>}}
   */
  #target(element) {
    const owner = listAround(element, "[data-live-stream]");
    const subscription = owner && this.subscriptionOf(owner);
    if (subscription?.vouched && (!subscription.token || subscription.changed)) return { stream: subscription.stream, params: subscription.params ?? {} };
    const token = owner && attribute(owner, "data-live-token");
    if (token) return { token };
    const reason = "An element with data-live-call must stand in what {% live %} shows, or in an element with {% live_actions %}: its call needs their data-live-token.";
    throw new RealtimeError(null, reason, { name: "bad_arguments" });
  }
  /** @param {Element} element @param {1 | -1} step */
  #count(element, step) {
    const running = (this.#running.get(element) ?? 0) + step;
    if (running) this.#running.set(element, running);
    else this.#running.delete(element);
    show(element, "aria-busy", running ? "true" : null);
  }
};
function timeoutOf(element) {
  const text2 = attribute(element, "data-live-timeout");
  if (text2 === null) return void 0;
  const seconds = Number(text2);
  if (seconds > 0) return seconds;
  throw new RealtimeError(null, `data-live-timeout is '${text2}', which is not a number of seconds above 0.`, { name: "bad_arguments" });
}
function formArgs(form, submitter) {
  const data = ownData(form, submitter);
  data.delete("csrfmiddlewaretoken");
  const args = {};
  for (const name of new Set(data.keys())) {
    const values = data.getAll(name);
    if (values.some((each) => typeof each !== "string")) {
      const reason = sentence("The field '{name}' contains a file. Actions cannot send files; use a form.", { name });
      throw new RealtimeError(null, reason, { name: "bad_arguments" });
    }
    const field = get(form, "elements").namedItem(name);
    const several = values.length > 1 || field instanceof HTMLSelectElement && field.multiple;
    args[name] = several ? values : values[0];
  }
  return args;
}
function fieldArgs(element) {
  const field = (
    /** @type {import("./form_fields.js").Field} */
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
  if (isChoice(field)) restore(field);
}
function showError(element, error) {
  const details = error instanceof RealtimeError ? error.details : {};
  const sentences = error instanceof Error ? { ...details, "": [error.message] } : {};
  if (element instanceof HTMLFormElement) showErrors(element, sentences, { make: false });
  else if (isText(element)) show(element, "aria-invalid", error ? "true" : null);
}
function isText(element) {
  return call(element, "matches", FIELDS) && !isChoice(
    /** @type {import("./form_fields.js").Field} */
    element
  );
}
function isChoice(field) {
  return field instanceof HTMLSelectElement || field.type === "checkbox" || field.type === "radio";
}

// src/dom/csrf.js
var FIELD = "csrfmiddlewaretoken";
function csrfToken(document2) {
  const script = call(document2, "querySelector", "script[data-realtime-url]");
  const name = `${(script && attribute(script, "data-realtime-csrf-cookie")) ?? ""}=`;
  const cookie = cookies(document2).split("; ").find((each) => name.length > 1 && each.startsWith(name));
  return cookie ? decodeURIComponent(cookie.slice(name.length)) : (script && attribute(script, "data-realtime-csrf")) ?? "";
}
function cookies(document2) {
  try {
    return get(document2, "cookie");
  } catch {
    return "";
  }
}
var RowForms = class {
  /** The button that submits the form. @type {HTMLElement | null} */
  #submitter = null;
  /** @param {Document} document */
  constructor(document2) {
    this.document = document2;
  }
  start() {
    const { document: document2 } = this;
    call(document2, "addEventListener", "submit", ({ submitter }) => this.#note(submitter), true);
    call(document2, "addEventListener", "formdata", ({ target, formData: formData2 }) => {
      const form = (
        /** @type {HTMLFormElement} */
        target
      );
      if (!call(form, "closest", "[data-live-key]") || isForeignSubmit(form, this.#submitter) || !this.#staysHere(form)) return;
      const other = [...call(document2, "getElementsByName", FIELD)].find((input) => !call(input, "closest", "[data-live-key]"));
      const token = csrfToken(document2) || /** @type {HTMLInputElement | undefined} */
      other?.value;
      if (token) formData2.set(FIELD, token);
    });
  }
  /** Notes the button: `submit` precedes `formdata` if the user submits the form. @param {HTMLElement | null} submitter */
  #note(submitter) {
    this.#submitter = submitter;
    setTimeout(() => this.#submitter = null);
  }
  /** Returns whether the form is a POST to this site: no other site may learn the token. @param {HTMLFormElement} form */
  #staysHere(form) {
    const button = this.#submitter && /** @type {HTMLButtonElement} */
    this.#submitter.form === form ? this.#submitter : null;
    const method = (button && attribute(button, "formmethod")) ?? attribute(form, "method") ?? "get";
    const action = (button && attribute(button, "formaction")) ?? attribute(form, "action") ?? "";
    return method.toLowerCase() === "post" && isHere(action, this.document);
  }
};

// src/dom/forms.js
var Forms = class {
  /** Forms with a pending call. @type {WeakSet<Element>} */
  #running = /* @__PURE__ */ new WeakSet();
  /** @param {{document: Document, call: Caller, follow: (url: string) => void}} options follow: navigates to another page */
  constructor({ document: document2, call: call3, follow: follow3 }) {
    this.document = document2;
    this.call = call3;
    this.follow = follow3;
  }
  start() {
    call(this.document, "addEventListener", "submit", (event) => this.#submit(event));
  }
  /** @param {SubmitEvent} event */
  #submit(event) {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || attribute(form, "data-live-form") === null || event.defaultPrevented) return;
    if (!attribute(form, "data-live-token") || isForeignSubmit(form, event.submitter)) return;
    const data = formData(form, event.submitter);
    if (!data) return;
    event.preventDefault();
    if (!this.#running.has(form)) this.#run(form, data);
  }
  /** @param {HTMLFormElement} form @param {Record<string, string | string[]>} data */
  async #run(form, data) {
    const held = contents(form);
    this.#running.add(form);
    show(form, "aria-busy", "true");
    try {
      const action = attribute(form, "data-live-form") ?? "";
      const pk = attribute(form, "data-live-pk");
      const args = pk === null ? { data } : { pk, data, version: versionOf(form)?.value ?? "" };
      const result = await this.call({ token: attribute(form, "data-live-token") ?? "", action, args });
      showErrors(form, {}, { make: true });
      settle(held);
      if (pk === null) resetSent(form, held);
      else setVersion(form, result.version);
      emit(form, "realtime:reply", result);
      const next = attribute(form, "data-live-next");
      if (next && isHere(next, this.document)) this.follow(next);
    } catch (error) {
      this.#refuse(form, error);
    } finally {
      this.#running.delete(form);
      show(form, "aria-busy", null);
    }
  }
  /** @param {HTMLFormElement} form @param {unknown} error */
  #refuse(form, error) {
    const details = error instanceof RealtimeError ? error.details : {};
    const whole = details[""] ?? [];
    const ownSentence = error instanceof RealtimeError && error.code === codes.invalid && Object.keys(details).length > 0;
    const sentence2 = error instanceof Error ? error.message : String(error);
    showErrors(form, { ...details, "": ownSentence ? whole : [sentence2] }, { make: true });
    if (error instanceof RealtimeError && error.version !== void 0) setVersion(form, error.version);
    emit(form, "realtime:error", error);
  }
};
function formData(form, submitter) {
  const sent = ownData(form, submitter);
  const data = {};
  for (const field of new Set(sent.keys())) {
    if (BROWSERS_NAMES.test(field)) continue;
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
function versionOf(form) {
  return (
    /** @type {HTMLInputElement | null} */
    call(form, "querySelector", 'input[name="_live_version"]')
  );
}
function setVersion(form, version) {
  const field = versionOf(form);
  if (field && version !== void 0) field.value = version;
}

// src/data/store.js
var Store = class {
  #see;
  #watch;
  /** The last snapshot. @type {Readonly<Snapshot> | undefined} */
  #snapshot;
  /**
   * @param {() => Snapshot} see returns a new object each time
   * @param {(callback: () => void) => () => void} watch calls the callback whenever something may have changed; returns a function that stops it
   */
  constructor(see, watch) {
    this.#see = see;
    this.#watch = watch;
  }
  /** The snapshot: the same object until one of its values changes. @returns {Readonly<Snapshot>} */
  getSnapshot = () => {
    const seen = this.#see();
    if (this.#snapshot === void 0 || !equal(this.#snapshot, seen)) this.#snapshot = Object.freeze(seen);
    return this.#snapshot;
  };
  /**
   * Calls back with each new snapshot.
   *
   * @param {(snapshot: Readonly<Snapshot>) => void} callback
   * @returns {() => void} unsubscribes
   */
  subscribe = (callback) => {
    let last = this.getSnapshot();
    return this.#watch(() => {
      const snapshot = this.getSnapshot();
      if (snapshot === last) return;
      last = snapshot;
      callback(snapshot);
    });
  };
};
function equal(one, other) {
  return Object.keys(other).every((name) => Object.is(one[name], other[name]));
}

// src/data/unread.js
var MOST = 100;
var PAUSE_SECONDS2 = 2;
var Unread = class {
  #newest;
  #isLoaded;
  #marker;
  #move;
  #connection;
  /** The position that this page has seen, perhaps not sent yet. @type {bigint | null} */
  #claimed = null;
  /** The next move of the marker. @type {Promise<void> | null} */
  #next = null;
  #movedAt = -Infinity;
  /** @type {Set<() => void>} */
  #listeners = /* @__PURE__ */ new Set();
  /**
   * @param {{
   *   newest: import("./live_query.js").LiveQuery<Newest>, isLoaded: () => boolean, marker: import("./live_query.js").LiveValue<Marker>, move: (position: string) => Promise<unknown>,
   *   connection: import("../connection/connection.js").Connection,
   * }} options isLoaded: returns whether the newest rows are; move: tells the server what the user has seen
   */
  constructor({ newest, isLoaded, marker, move, connection }) {
    this.#newest = newest;
    this.#isLoaded = isLoaded;
    this.#marker = marker;
    this.#move = move;
    this.#connection = connection;
    const notify = () => this.#notify();
    newest.store.subscribe(notify);
    newest.subscribe(notify);
    marker.store.subscribe(notify);
  }
  /** "connecting", "catching-up", "live", "offline" or "refused". */
  get state() {
    return this.#newest.state === "live" ? this.#marker.state : this.#newest.state;
  }
  /** Why the state is "refused". */
  get error() {
    return this.#newest.error ?? this.#marker.error;
  }
  /** The number of unread rows, up to 100, which means 100 or more; undefined until it is known, and if it is refused. */
  get count() {
    return this.keys?.length;
  }
  /** The keys of the unread rows, the newest first; undefined until they are known. @returns {string[] | undefined} */
  get keys() {
    const marker = this.#marker.value;
    if (!marker || !this.#isLoaded()) return void 0;
    return this.#newest.keys.filter((_, index) => {
      const row = this.#newest.rows[index];
      return row.owner !== marker.user && isBeyond(BigInt(row.position), this.#seen);
    });
  }
  /** Count and state together, for React's useSyncExternalStore and the like: `{count, state, error}`. */
  store = new Store(
    () => ({ count: this.count, state: this.state, error: this.error }),
    (callback) => this.watch(callback)
  );
  /**
   * Calls back with each new count, and at once if it is known.
   *
   * @param {(count: number | undefined) => void} callback
   * @returns {() => void} unsubscribes
   */
  subscribe = (callback) => {
    if (this.count !== void 0) callback(this.count);
    return this.store.subscribe(({ count }) => callback(count));
  };
  /**
   * Moves the user's marker: to the newest row, or to the row with this key. It only moves forwards.
   *
   * @param {string} [key]
   * @returns {Promise<void>} rejects with a RealtimeError
   */
  markRead(key = this.#newest.keys[0]) {
    const position = this.#positionOf(key);
    if (position === null || !isBeyond(position, this.#seen)) return this.#next ?? Promise.resolve();
    this.#claimed = position;
    this.#notify();
    return this.#next ??= this.#send();
  }
  /** Returns whether another page of the user has seen this row, and this page has not. @param {string} key */
  isSeenElsewhere(key) {
    const position = this.#positionOf(key);
    return position !== null && !isBeyond(position, this.#stored) && isBeyond(position, this.#claimed);
  }
  /** Calls back after each change. @param {() => void} callback @returns {() => void} stops it */
  watch(callback) {
    const listener = () => callback();
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  /** Closes it, and its subscriptions if nothing else uses them. */
  close() {
    this.#listeners.clear();
    this.#newest.close();
    this.#marker.close();
  }
  /** The marker as the server has it. */
  get #stored() {
    const position = this.#marker.value?.position;
    return typeof position === "string" ? BigInt(position) : null;
  }
  get #seen() {
    return this.#claimed !== null && isBeyond(this.#claimed, this.#stored) ? this.#claimed : this.#stored;
  }
  /** @param {string | undefined} key */
  #positionOf(key) {
    const row = key === void 0 ? void 0 : this.#newest.rows[this.#newest.keys.indexOf(key)];
    return row ? BigInt(row.position) : null;
  }
  async #send() {
    const { monitor } = this.#connection;
    const seconds = Math.max(0, this.#movedAt + PAUSE_SECONDS2 - monitor.clock.now());
    await new Promise((resolve) => monitor.after(seconds, () => resolve(void 0)));
    const position = this.#claimed;
    this.#next = null;
    this.#movedAt = monitor.clock.now();
    try {
      await this.#move(String(position));
    } catch (error) {
      if (this.#claimed === position) this.#claimed = null;
      this.#notify();
      throw error;
    }
  }
  #notify() {
    for (const listener of [...this.#listeners]) this.#connection.safely(listener);
  }
};
var isBeyond = (position, seen) => seen === null || position > seen;

// src/data/live_query.js
var Handle = class {
  /** The functions that attach listeners to the subscription, each with the function that detaches them. @type {Map<(resultSet: ResultSet) => () => void, () => void>} */
  #attached = /* @__PURE__ */ new Map();
  /** @type {Set<() => void>} */
  #listeners = /* @__PURE__ */ new Set();
  /** Why the server refused the last parameters. @type {RealtimeError | null} */
  #refusal = null;
  #change;
  #connection;
  #subscribed;
  #read;
  /** @param {HandleOptions & {read: (resultSet: ResultSet) => Seen}} options read: returns the snapshot of a subscription */
  constructor({ connection, stream, params, subscribe, read }) {
    this.#connection = connection;
    this.#subscribed = subscribe(params, false);
    this.#read = read;
    this.#change = new ParameterChange({
      subscribe: (changed) => subscribe(changed, true),
      take: (subscribed, changed) => this.#take(subscribed, changed),
      refuse: (error) => this.#refuse(error),
      after: (seconds, callback) => connection.monitor.after(seconds, callback)
    });
    this.stream = stream;
    this.params = params;
    const notify = () => this.#notify();
    this.attach(({ listeners }) => {
      listeners.add(notify);
      return () => void listeners.delete(notify);
    });
  }
  /** "connecting", "catching-up", "live", "offline" or "refused". */
  get state() {
    const state = this.#connection.stateOf(this.#subscribed.resultSet);
    return this.#change.target && state === "live" ? "catching-up" : state;
  }
  /** Why the state is "refused", or why the last `set()` was. */
  get error() {
    return this.#refusal ?? this.#subscribed.resultSet.error;
  }
  /**
   * Changes the given parameters. The current rows stay until the new ones are loaded. If the server refuses the parameters,
   * the rows stay and `error` has the reason. Of several changes in a row, the last one wins.
   *
   * @param {Params} params
   */
  set(params) {
    this.#refusal = null;
    this.#change.set({ ...this.#change.target ?? this.params, ...params });
  }
  /**
   * Calls back after each change, and at once if data is loaded.
   *
   * @param {(seen: Seen) => void} callback
   * @returns {() => void} unsubscribes
   */
  subscribe = (callback) => {
    const listener = () => callback(this.getSnapshot());
    this.#listeners.add(listener);
    if (this.#subscribed.resultSet.filled) listener();
    return () => void this.#listeners.delete(listener);
  };
  /** The current snapshot, for React's useSyncExternalStore(query.subscribe, query.getSnapshot). @returns {Seen} */
  getSnapshot = () => this.#read(this.#subscribed.resultSet);
  /**
   * Returns a store of the snapshots that `see` returns, updated at each change of the rows and the state.
   *
   * @template Snapshot
   * @param {() => Snapshot} see
   * @returns {Store<Snapshot>}
   */
  storeOf(see) {
    return new Store(see, (callback) => {
      const listener = () => callback();
      return this.attach(() => {
        this.#listeners.add(listener);
        this.#connection.watchers.add(listener);
        return () => void (this.#listeners.delete(listener), this.#connection.watchers.delete(listener));
      });
    });
  }
  /** Attaches a listener to the current subscription and its successors. @param {(resultSet: ResultSet) => () => void} attach returns a function that detaches it @returns {() => void} detaches it for good */
  attach(attach) {
    this.#attached.set(attach, attach(this.#subscribed.resultSet));
    return () => {
      this.#attached.get(attach)?.();
      this.#attached.delete(attach);
    };
  }
  /** Closes this handle. The last `close()` ends the subscription. */
  close() {
    this.#change.close();
    for (const detach of this.#attached.values()) detach();
    this.#attached.clear();
    this.#listeners.clear();
    this.#subscribed.close();
  }
  /** @param {Subscribed} subscribed @param {Params} params */
  #take(subscribed, params) {
    const before = this.#subscribed;
    this.#subscribed = subscribed;
    this.params = params;
    for (const [attach, detach] of this.#attached) {
      detach();
      this.#attached.set(attach, attach(subscribed.resultSet));
    }
    before.close();
    this.#notify();
  }
  /** @param {RealtimeError} error */
  #refuse(error) {
    this.#refusal = error;
    this.#notify();
  }
  #notify() {
    for (const listener of [...this.#listeners]) this.#connection.safely(listener);
  }
  /** @param {Handle<any>} handle */
  static resultSetOf(handle) {
    return handle.#subscribed.resultSet;
  }
  /** Calls the listeners of a handle. @param {Handle<any>} handle */
  static notify(handle) {
    handle.#notify();
  }
  /** The newest parameters of a handle, shown or requested. @param {Handle<any>} handle */
  static targetOf(handle) {
    return handle.#change.target ?? handle.params;
  }
};
var LiveQuery = class extends Handle {
  #connection;
  #queries;
  /** @param {HandleOptions & {queries: LiveQueries}} options */
  constructor(options) {
    super({ ...options, read: ({ rows }) => (
      /** @type {readonly any[]} */
      rows
    ) });
    this.#connection = options.connection;
    this.#queries = options.queries;
  }
  /** Rows and state together, for React's useSyncExternalStore and the like: `{rows, state, error}`. */
  store = this.storeOf(() => ({ rows: this.rows, state: this.state, error: this.error }));
  /** The rows in order, in an immutable array: each change creates a new one. @returns {readonly T[]} */
  get rows() {
    return this.getSnapshot();
  }
  /** The primary keys of the rows, as strings. */
  get keys() {
    return Handle.resultSetOf(this).keys;
  }
  /**
   * Listens for an event of the other subscribers.
   *
   * @param {string} name
   * @param {import("./events.js").EventListener} callback
   * @returns {() => void} removes the listener
   */
  on(name, callback) {
    return this.attach(({ events }) => events.on(name, callback));
  }
  /**
   * Sends an event to the other subscribers. It may be lost.
   *
   * @param {string} name
   * @param {object} [data]
   * @returns {boolean} whether it was sent: false if the live query is not live
   */
  send(name, data) {
    return this.#connection.sendEvent(Handle.resultSetOf(this), name, data);
  }
  /**
   * Calls an action of the stream.
   *
   * @template [Result=any]
   * @param {string} action
   * @param {Record<string, unknown>} [args]
   * @param {Omit<CallOptions, "optimistic"> & {optimistic?: ((rows: readonly T[]) => readonly T[]) | [LiveQuery<any> | Element, Expectation][]}} [options]
   * @returns {import("../connection/calls.js").CallPromise<Result>} rejects with a RealtimeError
   */
  call(action, args = {}, { timeout, optimistic } = {}) {
    const target = { stream: this.stream, params: this.params, action, args };
    const several = typeof optimistic === "function" ? (
      /** @type {[LiveQuery, Expectation][]} */
      [[this, optimistic]]
    ) : optimistic;
    return this.#queries.call(target, { timeout, optimistic: several });
  }
};
var Presence = class extends LiveQuery {
  #connection;
  /** @param {HandleOptions & {queries: LiveQueries}} options */
  constructor(options) {
    super(options);
    this.#connection = options.connection;
  }
  /** Marks the user as present, with data that all other users see. @param {object} data up to 1 KiB as JSON */
  set(data) {
    this.#connection.present(Handle.resultSetOf(this), data);
  }
};
var LiveValue = class extends Handle {
  /** @param {HandleOptions} options */
  constructor(options) {
    super({ ...options, read: ({ rows: [value2] }) => (
      /** @type {any} */
      value2
    ) });
  }
  /** Value and state together: `{value, state, error}`. */
  store = this.storeOf(() => ({ value: this.value, state: this.state, error: this.error }));
  /** The value; undefined until it is loaded, and if it is refused. @returns {T | undefined} */
  get value() {
    return this.getSnapshot();
  }
};
var LiveList = class extends LiveQuery {
  #extent;
  /** The places that are to be shown, the last one excluded. @type {[number, number] | null} */
  #wanted = null;
  /** @param {HandleOptions & {queries: LiveQueries, extent: LiveValue<{total: number, size: number}>}} options */
  constructor({ extent, ...options }) {
    super(options);
    this.#extent = extent;
    extent.subscribe(() => {
      this.#load();
      Handle.notify(this);
    });
  }
  /** Rows, their place and state together: `{rows, start, total, state, error}`. */
  store = this.storeOf(() => ({ rows: this.rows, start: this.start, total: this.total, state: this.state, error: this.error }));
  /** The number of all rows; undefined until it is loaded. */
  get total() {
    return this.#extent.value?.total;
  }
  /** The place of the first of `rows` among all rows, from 0. */
  get start() {
    return Number(String(this.params[WINDOW] ?? "0").split(":", 1)[0]);
  }
  get error() {
    return super.error ?? this.#extent.error;
  }
  /**
   * Loads the rows from one place up to another one, which is excluded, and follows them instead of the rows before. The
   * rows before stay until these are loaded. Of several calls, the last one wins.
   *
   * @param {number} from
   * @param {number} to
   */
  range(from, to) {
    this.#wanted = [from, to];
    this.#load();
  }
  /** Changes parameters, of the rows and of their number. @param {Params} params */
  set(params) {
    super.set(params);
    this.#extent.set(params);
  }
  close() {
    this.#extent.close();
    super.close();
  }
  /** Requests the pages that have these rows: readers of the same pages share a live query. */
  #load() {
    const size = this.#extent.value?.size;
    if (!size || !this.#wanted) return;
    const [from, to] = this.#wanted.map((each) => Math.max(0, each) || 0);
    const first = Math.floor(from / size);
    const window2 = `${first * size}:${Math.max(first + 1, Math.ceil(to / size)) * size}`;
    if ((Handle.targetOf(this)[WINDOW] ?? `0:${size}`) !== window2) super.set({ [WINDOW]: window2 });
  }
};
var LiveQueries = class {
  /** @type {Map<string, {resultSet: ResultSet, uses: number}>} */
  #inUse = /* @__PURE__ */ new Map();
  /**
   * @param {Connection} connection
   * @param {(element: Element) => ResultSet | undefined} [resultSetOf] returns a container's subscription
   */
  constructor(connection, resultSetOf = () => void 0) {
    this.connection = connection;
    this.resultSetOf = resultSetOf;
  }
  /** @param {import("../connection/calls.js").Target} target @param {CallOptions} [options] */
  call(target, { timeout, optimistic = [] } = {}) {
    const expectations = [];
    const pairs = Array.isArray(optimistic) ? optimistic : [[null, optimistic]];
    for (const [shown2, expect] of pairs) {
      const resultSet = shown2 instanceof LiveQuery ? LiveQuery.resultSetOf(shown2) : shown2 && this.resultSetOf(
        /** @type {Element} */
        shown2
      );
      if (!resultSet || typeof expect !== "function") return this.connection.calls.refuse(badOptimistic());
      expectations.push([resultSet, expect]);
    }
    return this.connection.call(target, { timeout, expectations });
  }
  /** @template T @param {string} stream @param {Params} params @returns {LiveQuery<T>} */
  open(stream, params) {
    return new LiveQuery({ ...this.#optionsOf(stream, params, "data"), queries: this });
  }
  /** @template T @param {string} stream @param {Params} params @returns {LiveList<T>} */
  openList(stream, params) {
    return new LiveList({ ...this.#optionsOf(stream, params, "data"), queries: this, extent: this.openValue(stream, params, "extent") });
  }
  /** @template T @param {string} stream @param {Params} params @param {object | null} data null: only watch @param {boolean} [everyone] @returns {Presence<T>} */
  openPresence(stream, params, data, everyone = false) {
    const name = everyone ? `${stream}:presence:all` : `${stream}:presence`;
    const presence2 = new Presence({ ...this.#optionsOf(name, params, "data"), queries: this });
    if (data) presence2.set(data);
    return presence2;
  }
  /** @template T @param {string} stream @param {Params} params @param {string} name @returns {LiveValue<T>} */
  openValue(stream, params, name) {
    return new LiveValue(this.#optionsOf(stream, params, valueFormat(name)));
  }
  /** @param {string} stream @param {Params} params */
  openUnread(stream, params) {
    const { connection } = this;
    const name = `${stream}:marker`;
    const move = (position) => this.call({ stream: name, params, action: "mark_read", args: { position } });
    const newest = this.open(`${stream}:unread`, params);
    const isLoaded = () => LiveQuery.resultSetOf(newest).filled;
    return new Unread({ newest, isLoaded, marker: this.openValue(name, params, "marker"), move, connection });
  }
  /** @param {string} stream @param {Params} params @param {import("../protocol/messages.js").Format} format @returns {HandleOptions} */
  #optionsOf(stream, params, format) {
    return { connection: this.connection, stream, params, subscribe: (changed, isNext) => this.#subscribe(stream, changed, format, isNext) };
  }
  /** @param {string} stream @param {Params} params @param {import("../protocol/messages.js").Format} format @param {boolean} isNext @returns {Subscribed} */
  #subscribe(stream, params, format, isNext) {
    const sent = (
      /** @type {Params} */
      sorted(params)
    );
    const id = JSON.stringify([stream, sent, format]);
    let found = this.#inUse.get(id);
    if (!found) {
      found = { resultSet: new ResultSet({ stream, params: sent, format, cursor: null, isNext }), uses: 0 };
      this.#inUse.set(id, found);
      this.connection.subscribe(found.resultSet);
    }
    found.uses += 1;
    found.resultSet.subscription.isNext &&= isNext;
    const { resultSet } = found;
    let isOpen = true;
    const close = () => {
      if (!isOpen) return;
      isOpen = false;
      if (--found.uses) return;
      this.#inUse.delete(id);
      this.connection.unsubscribe(resultSet);
    };
    return { resultSet, close };
  }
};
function badOptimistic() {
  const reason = "The option 'optimistic' is a function of rows, in a live query's call(), or pairs of a live query or container and a function.";
  return new RealtimeError(null, reason, { name: "bad_arguments" });
}

// src/connection/clock.js
function newClock({ wall = () => Date.now(), steady = () => performance.now() } = {}) {
  let [lastWall, lastSteady, time] = [wall(), steady(), 0];
  return () => {
    const [nowWall, nowSteady] = [wall(), steady()];
    time += Math.max(nowWall - lastWall, nowSteady - lastSteady, 0);
    [lastWall, lastSteady] = [nowWall, nowSteady];
    return time / 1e3;
  };
}

// src/connection/reconnect.js
var OPEN_SECONDS = 10;
var FIRST_DELAY_SECONDS = 0.5;
var LONGEST_DELAY_SECONDS = 15;
var GOOD_SECONDS = 10;
var LOOK_SECONDS = 10;
var LATE_SECONDS = 5;
var BROWSER_CLOCK = {
  now: newClock(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer),
  random: () => Math.random()
};
var Monitor = class {
  /** @type {Handlers | null} */
  #handlers = null;
  /** @type {"stopped" | "waiting" | "watching"} */
  #mode = "stopped";
  /** @type {any} */
  #timer = null;
  #lastMessage = 0;
  // when the last message was received, or waiting for one began
  #patience = 0;
  // seconds of silence that are tolerated
  #expected = 0;
  // when the timer should fire
  #notBefore = 0;
  // the earliest reconnect that the server allows
  #attempts = 0;
  /** When the server's welcome was received, if it was. @type {number | null} */
  #welcomed = null;
  #wasOffline = false;
  #hidden = false;
  /** @param {{clock?: Clock, window?: EventTarget, document?: Document}} [environment] */
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
    const { window: window2, document: document2 } = this;
    if (window2 && document2) watchDepartures({ window: window2, document: document2, leave, back, after: (seconds, callback) => this.after(seconds, callback) });
    if (!document2) return;
    call(document2, "addEventListener", "freeze", leave);
    call(document2, "addEventListener", "resume", back);
    call(document2, "addEventListener", "visibilitychange", () => get(document2, "visibilityState") === "visible" && this.#wake());
  }
  /** Starts waiting for a connection to open, or for its welcome. */
  expect() {
    this.#watch(OPEN_SECONDS);
  }
  /** Starts watching the heartbeats after the server's welcome. @param {number} heartbeat seconds */
  welcome(heartbeat) {
    this.#welcomed = this.clock.now();
    this.#watch(2 * heartbeat);
  }
  received() {
    this.#lastMessage = this.clock.now();
  }
  /**
   * Schedules the next attempt after a delay.
   *
   * @param {number} retry seconds that the server asks for
   * @param {{planned?: boolean}} [options] planned: the server has asked its clients to reconnect, which is not a failure
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
  stop() {
    this.#mode = "stopped";
    this.clock.clearTimeout(this.#timer);
  }
  /** Returns the delay after a number of failures: random, so that clients do not reconnect together. @param {number} failures */
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
    this.received();
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
    else if (this.#mode === "watching") this.#checkSilence({ late: this.clock.now() - this.#expected > LATE_SECONDS });
  }
  /**
   * Uses one timer for many messages: it checks how long the silence has lasted, and waits for the rest.
   *
   * @param {{late: boolean}} options late: the timer was delayed, so one missing heartbeat is enough
   */
  #checkSilence({ late }) {
    const silence = this.clock.now() - this.#lastMessage;
    const patience = late ? Math.min(this.#patience, this.#patience / 2 + LATE_SECONDS) : this.#patience;
    const rest = patience - silence;
    if (rest <= 0) this.#handlers?.silent();
    else this.#arm(rest);
  }
  /** Reconnects without waiting: the page is visible again, or the network is back. */
  #wake() {
    if (this.#mode === "watching") this.#checkSilence({ late: true });
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

// src/dom/announcer.js
var PAUSE_SECONDS3 = 3;
var PARTS = ["{number} added", "{number} changed", "{number} removed"];
var HIDDEN = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap";
var Announcer = class {
  /** @type {HTMLElement | null} */
  #region = null;
  /** The changes to announce, by the parts of their sentence. @type {Map<string, Counts>} */
  #counts = /* @__PURE__ */ new Map();
  #isPausing = false;
  /** @param {Document} document @param {(seconds: number, callback: () => void) => void} after */
  constructor(document2, after) {
    this.document = document2;
    this.after = after;
  }
  /** Announces changes soon. @param {string} parts the page's own; "": the default ones @param {Counts} counts */
  add(parts2, counts) {
    const held = this.#counts.get(parts2) ?? [0, 0, 0];
    this.#counts.set(
      parts2,
      /** @type {Counts} */
      held.map((count, place2) => count + counts[place2])
    );
    this.#place();
    if (!this.#isPausing) this.#pause(() => this.#announce());
  }
  #announce() {
    const sentences = [...this.#counts].map(
      ([parts2, counts]) => (parts2 ? parts2.split("|") : PARTS).flatMap((part, place2) => counts[place2] ? sentence(part, { number: counts[place2] }) : []).join(", ")
    );
    this.#counts.clear();
    const all = sentences.filter(Boolean).join(", ");
    if (all) set(this.#place(), "textContent", all);
    return Boolean(all);
  }
  /** Waits before the first announcement too, so that a burst of changes is one sentence. @param {() => boolean} then */
  #pause(then) {
    this.#isPausing = true;
    this.after(PAUSE_SECONDS3, () => {
      if (then()) this.#pause(then);
      else this.#isPausing = false;
    });
  }
  #place() {
    if (!this.#region || !get(this.#region, "isConnected")) {
      this.#region = /** @type {HTMLElement} */
      call(this.document, "createElement", "div");
      show(this.#region, "role", "status");
      show(this.#region, "data-live-announcer", "");
      get(this.#region, "style").cssText = HIDDEN;
      call(get(this.document, "body"), "append", this.#region);
    }
    return this.#region;
  }
};

// src/dom/connection_notice.js
var OUTAGE_SECONDS = 5;
var BACK_SECONDS = 5;
var PLACE = "[data-live-connection]";
var ConnectionNotice = class {
  /** Cancels the timer for the next text. */
  #cancel = () => {
  };
  #isLost = false;
  #text = "";
  /** @param {Document} document @param {(seconds: number, callback: () => void) => () => void} after */
  constructor(document2, after) {
    this.document = document2;
    this.after = after;
  }
  /** @param {string | null} state of the connection @param {string} [reason] why it is refused */
  show(state, reason = "") {
    const isLost = state !== "live" && state !== "refused" && state !== null;
    if (isLost && this.#isLost) return;
    this.#isLost = isLost;
    this.#cancel();
    const wasShown = state === "live" && this.#text !== "";
    this.#setText(state === "refused" ? reason : wasShown ? sentence("Connected again.") : "");
    if (isLost) this.#cancel = this.after(OUTAGE_SECONDS, () => this.#setText(sentence("Offline: this page may be out of date.")));
    else if (wasShown) this.#cancel = this.after(BACK_SECONDS, () => this.#setText(""));
  }
  /** Shows the current text in a new part of the page too. @param {Element} root */
  fill(root) {
    const places = [...call(root, "querySelectorAll", PLACE)];
    if (call(root, "matches", PLACE)) places.push(root);
    for (const place2 of places) {
      if (isForeign(place2)) continue;
      if (!call(place2, "hasAttribute", "role")) show(place2, "role", "status");
      if (get(place2, "textContent") !== this.#text) set(place2, "textContent", this.#text);
    }
  }
  /** @param {string} text */
  #setText(text2) {
    this.#text = text2;
    this.fill(get(this.document, "documentElement"));
  }
};

// src/dom/page.js
var PAUSED = "data-live-paused";
var Page = class {
  /** @type {Map<Element, Container>} */
  #containers = /* @__PURE__ */ new Map();
  /** Accepted tokens of containers that have left the page and may return. @type {Set<string | undefined>} */
  #vouched = /* @__PURE__ */ new Set();
  /** @type {string | null} */
  #state = null;
  /**
   * @param {{
   *   document: Document, connection: Connection, connect: () => void, report: (error: unknown) => void,
   *   openUnread?: ConstructorParameters<typeof Container>[1]["openUnread"],
   * }} options
   */
  constructor({ document: document2, connection, connect: connect2, report, openUnread }) {
    this.document = document2;
    this.connection = connection;
    this.connect = connect2;
    this.report = report;
    this.openUnread = openUnread;
    const after = (seconds, callback) => connection.monitor.after(seconds, callback);
    this.announcer = new Announcer(document2, after);
    this.notice = new ConnectionNotice(document2, after);
  }
  /** @param {Element} element */
  resultSetOf(element) {
    return this.#containers.get(element)?.resultSet;
  }
  /** The containers of a stream, or all. @param {string} [name] */
  containersOf(name) {
    return [...this.#containers.values()].filter((each) => name === void 0 || each.name === name);
  }
  start() {
    watchFields(this.document);
    forgetRestored(this.document);
    get(this.document, "defaultView")?.addEventListener("pageshow", ({ persisted }) => persisted || forgetRestored(this.document));
    this.connection.watchers.add(() => this.#showState());
    this.connection.events.all.add((data, about) => this.#dispatch("realtime:event", { ...about, data }));
    this.connection.refusals.add((error) => this.#dispatch("realtime:event-rejected", error));
    warnOfAlpine(this.document);
    this.#bindAll(get(this.document, "documentElement"));
    new MutationObserver((records) => this.#follow(records)).observe(get(this.document, "documentElement"), {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["data-live", "data-live-token", "data-live-params", PAUSED]
    });
  }
  /** @param {MutationRecord[]} records */
  #follow(records) {
    for (const [element] of this.#containers) {
      if (!get(element, "isConnected")) this.#unbind(element);
    }
    if (records.some(({ attributeName }) => attributeName === PAUSED)) this.#resume();
    for (const { type, target, addedNodes, attributeName } of records) {
      if (attributeName === PAUSED) continue;
      const changed = type === "attributes" ? [target] : addedNodes;
      for (const node of changed) {
        if (!(node instanceof Element)) continue;
        const container = this.#containers.get(node);
        if (type === "attributes" && !container?.isCurrent) this.#unbind(node);
        else if (attributeName === "data-live-params") this.#guarded(() => container?.followAttribute());
        if (get(node, "isConnected")) this.#bindAll(node);
      }
    }
  }
  /** Holds changes back until `resume`. */
  pause() {
    show(get(this.document, "documentElement"), PAUSED, "");
  }
  resume() {
    show(get(this.document, "documentElement"), PAUSED, null);
    this.#resume();
  }
  /** The number of rows that wait to be shown. */
  get held() {
    return [...this.#containers.values()].reduce((sum, { held }) => sum + held, 0);
  }
  #resume() {
    for (const container of this.#containers.values()) container.resume();
    this.#showState();
  }
  /** @param {Element} root */
  #bindAll(root) {
    const found = [...call(root, "querySelectorAll", "[data-live]")];
    if (call(root, "matches", "[data-live]")) found.unshift(root);
    for (const element of found) {
      if (!this.#containers.has(element) && !isForeign(element)) this.#guarded(() => this.#bind(adopted(element)));
    }
    this.notice.fill(root);
  }
  /** @param {Element} element */
  #bind(element) {
    this.#guarded(() => {
      const { connection, report, announcer, openUnread } = this;
      const container = new Container(element, { containersOf: (name) => this.containersOf(name), connection, report, announcer, openUnread });
      container.resultSet.subscription.vouched = this.#vouched.has(container.token);
      this.#containers.set(element, container);
      connection.subscribe(container.resultSet);
      this.connect();
    });
  }
  /** @param {() => void} work */
  #guarded(work) {
    try {
      work();
    } catch (error) {
      this.report(error);
    }
  }
  /** @param {Element} element */
  #unbind(element) {
    const container = this.#containers.get(element);
    if (!container) return;
    this.#containers.delete(element);
    if (container.resultSet.subscription.vouched) this.#vouched.add(container.token);
    container.release();
    this.connection.unsubscribe(container.resultSet);
  }
  #showState() {
    const { state, fault } = this.connection;
    for (const [element, { state: state2 }] of this.#containers) show(element, "data-live-state", state2);
    show(get(this.document, "documentElement"), "data-realtime-held", this.held ? String(this.held) : null);
    const { waiting: waiting2 } = this.connection.calls;
    show(get(this.document, "documentElement"), "data-realtime-waiting", waiting2 ? String(waiting2) : null);
    if (state === this.#state) return;
    this.#state = state;
    show(get(this.document, "documentElement"), "data-realtime", state);
    this.notice.show(state, fault?.reason);
    const detail = fault ? { state, reason: fault.reason, code: fault.code } : { state };
    this.#dispatch("realtime:state", detail);
  }
  /** @param {string} name @param {object} detail */
  #dispatch(name, detail) {
    call(this.document, "dispatchEvent", new CustomEvent(name, { detail }));
  }
};
function warnOfAlpine(document2) {
  const component = (
    /** @type {any} */
    call(document2, "querySelector", "[data-live] [x-data]")
  );
  if (!component?._x_dataStack) return;
  console.warn("Alpine changed live rows before realtime started: put {% realtime_script %} before Alpine's script, so that Alpine's changes are kept.");
}

// src/dom/page_links.js
var PAGE = "page";
var PageLinks = class {
  /** @param {{document: Document, containersOf: (stream: string) => Links[], go: Go}} options containersOf: returns what shows a stream */
  constructor({ document: document2, containersOf, go }) {
    this.document = document2;
    this.containersOf = containersOf;
    this.go = go;
  }
  start() {
    const listen = (type, listener) => call(this.document, "addEventListener", type, (event) => {
      const link2 = event.target instanceof Element ? call(event.target, "closest", "a[data-live-page]") : null;
      const element = link2 && call(link2, "closest", "[data-live]");
      const isOfLinks = element && attribute(element, "data-live-format") === "pages" && attribute(element, "data-live-state") !== "refused";
      const links = isOfLinks && this.containersOf(attribute(element, "data-live") ?? "").find((each) => each.element === element);
      if (link2 && links && !isForeign(link2)) listener(link2, links, event);
    });
    for (const type of ["pointerover", "pointerdown", "focusin"]) listen(type, (link2) => this.#complete(link2));
    listen("click", (link2, links, event) => this.#click(link2, links, event));
  }
  /** @param {Element} link */
  #complete(link2) {
    const url = new URL(this.document.location.href);
    url.searchParams.set(PAGE, attribute(link2, "data-live-page") ?? "");
    if (attribute(link2, "href") !== url.search) call(link2, "setAttribute", "href", url.search);
  }
  /** @param {Element} link @param {Links} links @param {MouseEvent} event */
  #click(link2, links, event) {
    if (event.defaultPrevented || !isPlainClick(event)) return;
    event.preventDefault();
    this.go(links.name, pageOf(link2, links), (error) => error || this.#scrollTo(links.name));
  }
  /** Scrolls to the beginning of the page, as after any other link. @param {string} stream */
  #scrollTo(stream) {
    const live2 = [...call(this.document, "querySelectorAll", "[data-live]")].find((each) => attribute(each, "data-live") === stream && isOfRows(each));
    const list2 = live2 && isMarker(live2) ? get(live2, "parentElement") : live2;
    if (list2 && call(list2, "getBoundingClientRect").top < 0) call(list2, "scrollIntoView", { block: "start" });
  }
};
function pageOf(link2, { element, params, isChanging }) {
  const page = attribute(link2, "data-live-page") ?? "";
  const rel = (attribute(link2, "rel") ?? "").split(/\s+/);
  const step = Number(rel.includes("next")) - Number(rel.includes("prev"));
  const loading = Number(params[PAGE]);
  if (!isChanging || !step || !(loading >= 1)) return page;
  const pages = [...call(element, "querySelectorAll", "a[data-live-page]")].map((each) => Number(attribute(each, "data-live-page")) || 1);
  return String(Math.max(1, Math.min(loading + step, Math.max(...pages))));
}
var isOfRows = (live2) => /^html(:|$)/.test(attribute(live2, "data-live-format") ?? "html");

// src/dom/parameter_forms.js
var PAUSE_SECONDS4 = 0.15;
var LONGEST_SECONDS = 0.45;
var BUTTONS = /* @__PURE__ */ new Set(["submit", "image", "reset", "button"]);
var ELSEWHERE = ["formaction", "formmethod", "formtarget"];
var ParameterForms = class {
  /** Forms in which the user is typing; since: when that began; cancel: cancels their timer. @type {Map<HTMLFormElement, {since: number, cancel: () => void}>} */
  #typing = /* @__PURE__ */ new Map();
  /** The initial values of hidden fields. @type {WeakMap<Control, string>} */
  #hidden = /* @__PURE__ */ new WeakMap();
  /** The errors of each form, by the container that refused its values. @type {WeakMap<HTMLFormElement, Map<Container, Sentences>>} */
  #refused = /* @__PURE__ */ new WeakMap();
  /** The sentences that a form shows, as JSON. @type {WeakMap<HTMLFormElement, string>} */
  #shown = /* @__PURE__ */ new WeakMap();
  /** Forms that the user has used. What others hold is not the user's choice. @type {WeakSet<HTMLFormElement>} */
  #used = /* @__PURE__ */ new WeakSet();
  #initial = new URLSearchParams();
  /** The URL that typing has replaced: "back" returns to it once the form is submitted. */
  #entry = "";
  /** The URL that has replaced it. */
  #written = "";
  /** The last known URL. */
  #seen = "";
  /** @param {{document: Document, containersOf: (stream?: string) => Container[], after: (seconds: number, callback: () => void) => () => void, now: () => number}} options now: in seconds */
  constructor({ document: document2, containersOf, after, now }) {
    this.document = document2;
    this.window = /** @type {Window} */
    get(document2, "defaultView");
    this.containersOf = containersOf;
    this.after = after;
    this.now = now;
  }
  start() {
    this.#initial = new URLSearchParams(this.window.location.search);
    this.#seen = this.window.location.href;
    const listen = (type, listener) => {
      call(this.document, "addEventListener", type, (event) => {
        const form = formOf(event.target);
        if (form) listener(form, event);
      });
    };
    listen("input", (form, { isComposing }) => isComposing || this.#soon(form));
    listen("compositionend", (form) => this.#soon(form));
    listen("change", (form) => this.#soon(form, 0));
    listen("submit", (form, event) => this.#submit(form, event));
    listen("reset", (form) => this.after(0, () => this.#apply(form)));
    new PageLinks({ document: this.document, containersOf: this.containersOf, go: (stream, page, answered) => this.#goTo(stream, page, answered) }).start();
    this.window.addEventListener("popstate", () => this.#followAddress());
    this.window.addEventListener("pageshow", ({ persisted }) => persisted || this.#applyEdited());
    this.#applyEdited();
  }
  /** Applies fields that the user has edited before this module started, or that the browser has restored. */
  #applyEdited() {
    for (const form of this.#forms()) {
      if (controlsOf2(form).some((control) => isField(control) && isEdited(control))) this.#apply(form);
    }
  }
  #forms() {
    return [...call(this.document, "querySelectorAll", "form[data-live-for]")].flatMap((each) => formOf(each) ?? []);
  }
  /** @param {HTMLFormElement} form */
  #containers(form) {
    return (attribute(form, "data-live-for") ?? "").split(/\s+/).flatMap((name) => this.containersOf(name));
  }
  /** @param {HTMLFormElement} form @param {number} [pause] in seconds */
  #soon(form, pause2 = PAUSE_SECONDS4) {
    const now = this.now();
    const held = this.#typing.get(form);
    held?.cancel();
    const since = held?.since ?? now;
    const wait = Math.max(0, Math.min(pause2, since + LONGEST_SECONDS - now));
    this.#typing.set(form, { since, cancel: this.after(wait, () => this.#apply(form)) });
  }
  /** @param {HTMLFormElement} form @param {SubmitEvent} event */
  #submit(form, event) {
    const containers = this.#containers(form);
    if (event.defaultPrevented || !containers.length || containers.every(({ state }) => state === "refused")) return;
    const { submitter } = event;
    if (submitter && (isOthers(submitter) || ELSEWHERE.some((name2) => attribute(submitter, name2) !== null))) return;
    event.preventDefault();
    const { name = "", value: value2 = "" } = (
      /** @type {Partial<Control>} */
      submitter ?? {}
    );
    this.#apply(form, { pressed: name ? { [name]: [value2] } : {}, isNew: true });
  }
  /**
   * Applies the values of the fields as parameters.
   *
   * @param {HTMLFormElement} form
   * @param {{pressed?: Values, isNew?: boolean}} [options] pressed: the button's value; isNew: adds an entry to the browser's history
   */
  #apply(form, { pressed = {}, isNew = false } = {}) {
    this.#used.add(form);
    this.#keepPressed(form, pressed);
    const values = this.#withPressed(form, pressed);
    const isFirst = this.#containers(form).some(({ params }) => isOther(params, values));
    this.#change(form, values);
    this.#showAddress({ ...isFirst ? { [PAGE]: [], [MORE]: [] } : {}, ...this.#sent(form, values) }, isNew);
  }
  /** Returns the values of a form whose button is pressed: instead of the fields' value, or as one more. @param {HTMLFormElement} form @param {Values} pressed */
  #withPressed(form, pressed) {
    const values = valuesOf(form);
    for (const [name, [value2]] of Object.entries(pressed)) values[name] = this.#takesSeveral(form, name) ? [...values[name] ?? [], value2].filter(Boolean) : [value2];
    return values;
  }
  /** Returns whether a parameter takes several values. @param {HTMLFormElement} form @param {string} name */
  #takesSeveral(form, name) {
    return this.#containers(form).some(({ params }) => Array.isArray(params[name]));
  }
  /** Returns the values that count: of a parameter with a single value the last one, as in request.GET. @param {HTMLFormElement} form @param {Values} values @returns {Values} */
  #sent(form, values) {
    return Object.fromEntries(Object.entries(values).map(([name, each]) => [name, this.#takesSeveral(form, name) ? each : each.slice(-1)]));
  }
  /** @param {HTMLFormElement} form @param {Values} values */
  #change(form, values) {
    this.#typing.get(form)?.cancel();
    this.#typing.delete(form);
    for (const container of this.#containers(form)) {
      const first = isOther(container.params, values) ? firstPage(container.params) : {};
      container.change(joined2(container.params, { ...first, ...values }), (error) => this.#answer(form, container, error));
    }
  }
  /** Shows another page of a stream's lists. @param {string} stream @param {string} page @param {(error: RealtimeError | null) => void} answered */
  #goTo(stream, page, answered) {
    for (const container of this.containersOf(stream)) {
      if (PAGE in container.params) container.change(joined2(container.params, { [PAGE]: [page] }), answered);
    }
    this.#showAddress({ [PAGE]: [page] }, true);
  }
  /**
   * Shows why a container has refused the values, at the fields of this form and of the container's other forms.
   *
   * @param {HTMLFormElement} form that has changed it
   * @param {Container} container
   * @param {RealtimeError | null} error
   */
  #answer(form, container, error) {
    const others = this.#forms().filter((each) => each !== form && this.#containers(each).includes(container));
    if (!error) {
      const followed2 = others.filter((each) => !differing(container.params, valuesOf(each)).length);
      for (const each of [form, ...followed2]) this.#show(each, container, {});
      return;
    }
    const found = [form, ...others].map((each) => ({ each, sentences: sentencesOf(each, error) })).filter(({ sentences }) => Object.keys(sentences).length);
    for (const { each, sentences } of found) this.#show(each, container, sentences);
    if (found.every(({ each }) => each !== form)) this.#show(form, container, found.length ? {} : { "": [error.message] });
    const names2 = found.flatMap(({ sentences }) => Object.keys(sentences)).filter(Boolean);
    const refused = names2.length ? names2 : differing(container.params, valuesOf(form));
    this.#showAddress(Object.fromEntries(refused.map((name) => [name, textsOf(container.params, name)])), false);
  }
  /** @param {HTMLFormElement} form @param {Container} container @param {Sentences} sentences why it has refused the values */
  #show(form, container, sentences) {
    const refused = this.#refused.get(form) ?? /* @__PURE__ */ new Map();
    this.#refused.set(form, refused.set(container, sentences));
    for (const each of refused.keys()) if (!this.#containers(form).includes(each)) refused.delete(each);
    const all = Object.assign({}, ...refused.values());
    const text2 = JSON.stringify(all);
    if (text2 === this.#shown.get(form)) return;
    this.#shown.set(form, text2);
    showErrors(form, all, { make: true, focus: false });
  }
  /** Keeps a button's value in the hidden field of the same name, if the form has one. @param {HTMLFormElement} form @param {Values} pressed */
  #keepPressed(form, pressed) {
    for (const control of controlsOf2(form)) {
      if (control.type !== "hidden" || !(control.name in pressed) || this.#takesSeveral(form, control.name)) continue;
      if (!this.#hidden.has(control)) this.#hidden.set(control, control.value);
      control.value = pressed[control.name][0];
    }
  }
  #followAddress() {
    const before = this.#seen;
    const { href } = this.window.location;
    this.#seen = href;
    if (href !== before && withoutFragment(href) === withoutFragment(before)) return;
    const changed = changedNames(before, href);
    for (const form of this.#forms()) this.#follow(form, (name) => changed.has(name) || this.#used.has(form));
    const page = new URLSearchParams(this.window.location.search).get(PAGE) ?? "1";
    for (const container of this.containersOf()) {
      if (PAGE in container.params) container.change(joined2(container.params, { [PAGE]: [page] }));
    }
  }
  /** Updates the fields and the lists after the URL has changed. @param {HTMLFormElement} form @param {(name: string) => boolean} follows whether a field follows it */
  #follow(form, follows) {
    const search = new URLSearchParams(this.window.location.search);
    const left = /* @__PURE__ */ Object.create(null);
    const pressed = /* @__PURE__ */ Object.create(null);
    for (const control of get(form, "elements")) {
      const { name, type } = (
        /** @type {Control} */
        control
      );
      if (!name || BROWSERS_NAMES.test(name) || isOthers(control) || !follows(name)) continue;
      left[name] ??= this.#takesSeveral(form, name) ? search.getAll(name) : search.getAll(name).slice(-1);
      if (BUTTONS.has(type)) pressed[name] = left[name].slice();
      else this.#fill(
        /** @type {Control} */
        control,
        left[name],
        { isNamed: search.has(name), isLast: !this.#takesSeveral(form, name) }
      );
    }
    this.#change(form, Object.fromEntries(Object.entries({ ...pressed, ...valuesOf(form) }).filter(([name]) => follows(name))));
  }
  /**
   * Shows what the URL has for a field.
   *
   * @param {Control} control
   * @param {string[]} values those for its name; a field that shows one of several takes it out
   * @param {{isNamed: boolean, isLast: boolean}} options isNamed: whether the URL has the name; isLast: fields of one name show the same value
   */
  #fill(control, values, { isNamed, isLast }) {
    const isAsRendered = !isNamed && !this.#initial.has(control.name);
    const next = () => isLast ? values.at(-1) : values.shift();
    if (control.type === "hidden") control.value = isAsRendered ? this.#hidden.get(control) ?? control.value : next() ?? "";
    else if (!isField(control)) return;
    else if (isAsRendered) restore(control);
    else if (control.type === "checkbox" || control.type === "radio") control.checked = (values.length ? values : [""]).includes(control.value);
    else if (control instanceof HTMLSelectElement && control.multiple) for (const option of control.options) option.selected = values.includes(option.value);
    else control.value = next() ?? "";
  }
  /** @param {Values} values @param {boolean} isNew */
  #showAddress(values, isNew) {
    const { history, location: location2 } = this.window;
    const url = new URL(location2.href);
    for (const [name, several] of Object.entries(values)) {
      url.searchParams.delete(name);
      for (const value2 of several) if (value2) url.searchParams.append(name, value2);
    }
    const before = location2.href === this.#written ? this.#entry : location2.href;
    if (isNew && url.href !== before) {
      history.replaceState(history.state, "", before);
      history.pushState(null, "", url);
      this.#written = "";
    } else if (url.href !== location2.href) {
      history.replaceState(history.state, "", url);
      this.#entry = before;
      this.#written = url.href;
    }
    this.#seen = location2.href;
  }
};
function formOf(target) {
  if (!(target instanceof Element)) return null;
  const form = target instanceof HTMLFormElement ? target : (
    /** @type {Partial<Control>} */
    target.form
  );
  if (!(form instanceof HTMLFormElement) || attribute(form, "data-live-for") === null || get(form, "method") !== "get") return null;
  return isOthers(form) || isOthers(target) ? null : form;
}
var isOthers = (element) => isForeign(element) || listAround(element) !== null;
function controlsOf2(form) {
  const controls2 = (
    /** @type {Control[]} */
    [...get(form, "elements")]
  );
  return controls2.filter((control) => control.name && (isField(control) || attribute(control, "type") === "hidden") && !BROWSERS_NAMES.test(control.name) && !call(control, "matches", ":disabled") && !isOthers(control));
}
function valuesOf(form) {
  const values = /* @__PURE__ */ Object.create(null);
  for (const control of controlsOf2(form)) values[control.name] = [...values[control.name] ?? [], .../** @type {string[]} */
  sentValues(control)];
  return values;
}
var joined2 = (params, values) => ({ ...params, ...Object.fromEntries(differing(params, values).map((name) => [name, valueFor(params, name, values[name])])) });
var isOther = (params, values) => (PAGE in params || WINDOW in params) && differing(params, values).length > 0;
var firstPage = (params) => PAGE in params ? { [PAGE]: ["1"] } : {};
var differing = (params, values) => Object.keys(values).filter((name) => JSON.stringify(textsOf(params, name)) !== JSON.stringify([valueFor(params, name, values[name])].flat()));
var valueFor = (params, name, values) => Array.isArray(params[name]) ? values.filter(Boolean) : values.at(-1) ?? "";
var textsOf = (params, name) => [params[name] === false ? "" : params[name] ?? ""].flat().map(String);
function changedNames(one, other) {
  const [before, after] = [one, other].map((url) => new URL(url).searchParams);
  return new Set([...before.keys(), ...after.keys()].filter((name) => JSON.stringify(before.getAll(name)) !== JSON.stringify(after.getAll(name))));
}
var withoutFragment = (url) => url.split("#", 1)[0];
function sentencesOf(form, { details }) {
  const names2 = new Set(controlsOf2(form).map(({ name }) => name));
  return Object.fromEntries(Object.entries(details).filter(([name]) => names2.has(name) || name === ""));
}

// src/transports/http.js
var MAX_CALLS = 50;
var HttpTransport = class {
  /** Whether all subscriptions are answered, so that the next request may wait for changes. */
  idle = false;
  /** @type {TransportHandlers | null} */
  #handlers = null;
  /** Messages of the request that the next microtask sends. @type {string[] | null} */
  #batch = null;
  /** The running request. @type {AbortController | null} */
  #request = null;
  #renewing = false;
  /** The last hello, which identifies the user if no cookie does. */
  #hello = "";
  /** Events to send with the next request. @type {Send[]} */
  #events = [];
  /** @type {string[]} */
  #calls = [];
  #calling = false;
  /** Calls that have run. Their effects arrive with the next request. @type {string[]} */
  #ran = [];
  /** The calls that a frame of this request will name, after the answers to its subscriptions and a frame of each of their logs. */
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
  /** The URL of the message stream. @returns {string} */
  get address() {
    throw new Error("A transport names its address.");
  }
  /**
   * Passes on the messages of a response until its regular end. Throws if the response ends early.
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
  /** Retires after another transport has taken over: only the replies to calls are still received. */
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
   * Names calls in the frame that completes their effects. The server cannot do this, because it sees each request as another
   * client. The request began after the calls had run, so the first frames have their effects.
   *
   * @param {string} text a message
   */
  #name(text2) {
    const { answers, calls, logs } = this.#naming;
    const message = parseJSON(text2);
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
  /** Sends one request at a time, so that calls run in order. */
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
    throw new Error(`The server answered ${response.status} without messages.`);
  }
  return parseJSON(await response.text());
}

// src/transports/longpoll.js
var LongPollTransport = class extends HttpTransport {
  get address() {
    return this.idle ? `${this.url}poll/` : `${this.url}poll/?wait=0`;
  }
  /** @param {Response} response @param {(text: string) => void} take */
  async read(response, take2) {
    const messages = await messagesOf(response);
    if (messages[0]?.type !== "welcome" && messages[0]?.type !== "bye") throw new Error("The server's response has no welcome.");
    for (const message of messages) take2(JSON.stringify(message));
  }
};

// src/transports/shared.js
var canShare = () => typeof SharedWorker !== "undefined";
var SharedTransport = class {
  /** @type {MessagePort | null} */
  #port = null;
  /** @type {TransportHandlers | null} */
  #handlers = null;
  #release = () => {
  };
  /** @param {{url: string, session: string, script: string}} options script: the URL of this module, which the worker loads too */
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
      const worker = new SharedWorker(trusted("createScriptURL", this.script), { type: "module", name: `realtime ${this.session} ${this.url}` });
      worker.onerror = () => this.#closed(ABNORMAL, "The shared worker could not be started.");
      this.#port = worker.port;
    } catch (error) {
      queueMicrotask(() => this.#closed(ABNORMAL, String(error)));
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
  /** Holds a lock that the worker gets when the page has ended for any reason. @param {MessagePort} port */
  #holdLock(port) {
    const name = `realtime ${newId()}`;
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
      throw new Error("The server did not answer with a stream of events.");
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (; ; ) {
      const { done, value: value2 } = await reader.read();
      if (done) throw new Error("The stream of events was interrupted.");
      const events = (rest + value2).split("\n\n");
      rest = /** @type {string} */
      events.pop();
      for (const event of events) {
        if (event.startsWith("event: end\n")) return;
        const data = /^data: (.*)/ms.exec(event);
        if (data) take2(data[1]);
      }
    }
  }
};

// src/transports/websocket.js
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
      queueMicrotask(() => this.#closed(ABNORMAL, String(error)));
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

// src/transports/endpoints.js
function availableTransports(chosen) {
  const script = call(document, "querySelector", "script[data-realtime-url]");
  const isChosen = chosen.url !== void 0 || chosen.http !== void 0;
  const url = isChosen ? chosen.url : script && attribute(script, "data-realtime-url");
  const http = isChosen ? chosen.http : script && attribute(script, "data-realtime-http");
  const found = [];
  if (url) {
    const address = absolute(url, /^http/, "ws");
    const session = script && attribute(script, "data-realtime-share");
    if (session && !isChosen && canShare()) {
      found.push({ name: "shared", address, open: () => new SharedTransport({ url: address, session, script: import.meta.url }) });
    }
    found.push({ name: "websocket", address, open: () => new WebSocketTransport(address) });
  }
  if (http) {
    const address = absolute(http, /^ws/, "http");
    const isOwn = new URL(address).origin === location.origin;
    const options = { url: address, csrf: () => isOwn && script ? csrfToken(document) : "" };
    found.push({ name: "sse", address, open: () => new SseTransport(options) });
    found.push({ name: "longpoll", address, open: () => new LongPollTransport(options) });
  }
  if (!found.length) {
    throw new Error("The address of the server is not known: put {% realtime_script %} into the page, or call connect({url}).");
  }
  return found;
}
function absolute(path, scheme, wanted) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol.replace(scheme, wanted);
  url.hash = "";
  return url.href;
}
function tokenOfPage() {
  const script = call(document, "querySelector", "script[data-realtime-token-url]");
  const url = script && attribute(script, "data-realtime-token-url");
  if (!url) return null;
  return async () => {
    const answer = await fetch(url, { cache: "no-store" });
    if (answer.ok) return answer.text();
    throw new Error(`The token URL ${url} answered with status ${answer.status}.`);
  };
}
function storage() {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}

// src/transports/multiplexer.js
var NEEDS_OWN = "This page needs a connection of its own.";
var MAX_SUBSCRIPTIONS = 50;
var MAX_WINDOWS = 4;
var MAX_HEARTBEATS = 3;
var Page2 = class {
  greeted = false;
  bytes = 0;
  // sent but not acknowledged
  heartbeats = 0;
  // since the page's last message
  /** @param {Multiplexer} multiplexer @param {Port} port */
  constructor(multiplexer, port) {
    this.multiplexer = multiplexer;
    this.port = port;
  }
  /** @param {string} text a message of the page */
  receive(text2) {
    this.heartbeats = 0;
    this.multiplexer.take(this, parseJSON(text2));
  }
  /** Removes the page: it is closed, or has disconnected. */
  leave() {
    this.multiplexer.leave(this);
  }
};
var Multiplexer = class {
  /** @type {Set<Page>} */
  #pages = /* @__PURE__ */ new Set();
  /** Subscriptions by their id on the server. @type {Map<number, Entry>} */
  #entries = /* @__PURE__ */ new Map();
  /** The page that waits for each call's reply, by the call's id. @type {Map<string, Page>} */
  #calls = /* @__PURE__ */ new Map();
  /** @type {Transport | null} */
  #transport = null;
  #opened = false;
  /** Messages to send when the connection is open. @type {string[]} */
  #waiting = [];
  /** The server's welcome, as text. @type {string | null} */
  #welcome = null;
  #heartbeat = 0;
  // seconds
  #lastMessage = 0;
  #acknowledgements = new Acknowledgements();
  #nextId = 1;
  /** The live query of each live text, by the text's number. @type {Map<number, number>} */
  #texts = /* @__PURE__ */ new Map();
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
  /** Adds a page. It is served after its hello. @param {Port} port */
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
    if (![...this.#pages].some(({ greeted }) => greeted)) this.#disconnect();
  }
  /** Ends a connection that may be dead. @param {string} reason */
  cut(reason) {
    if (this.#transport) this.#lost(ABNORMAL, reason);
  }
  /** @param {Page} page @param {{version: number, token?: string}} hello */
  #greet(page, { version, token }) {
    this.#forget(page);
    const isFull = this.#entries.size >= MAX_SUBSCRIPTIONS;
    if (version < VERSION || token !== void 0 || isFull) return this.#reject(page, NEEDS_OWN);
    if (this.#welcome && this.now() - this.#lastMessage > 2 * this.#heartbeat) this.cut("Nothing was heard from the server.");
    page.greeted = true;
    page.bytes = 0;
    if (this.#welcome) page.port.send(this.#welcome);
    else if (!this.#transport) this.#connect();
  }
  /** @param {Page} page @param {string} reason */
  #reject(page, reason) {
    this.leave(page);
    page.port.closed(ABNORMAL, reason);
  }
  /** Ends the page's subscriptions on this connection. @param {Page} page */
  #forget(page) {
    for (const [id, entry] of this.#entries) {
      if (entry.page !== page) continue;
      this.#entries.delete(id);
      this.#send({ type: "unsubscribe", id });
    }
    for (const [id, caller] of this.#calls) if (caller === page) this.#calls.delete(id);
  }
  /** Returns the server's id of a page's subscription. @param {Page} page @param {number} wanted the page's own id */
  #idOf(page, wanted) {
    for (const [id, entry] of this.#entries) if (entry.page === page && entry.id === wanted) return id;
    return void 0;
  }
  #connect() {
    const transport = this.#transport = this.newTransport();
    transport.on({
      opened: () => {
        this.#opened = true;
        transport.send(JSON.stringify({ type: "hello", version: VERSION }));
        for (const text2 of this.#waiting.splice(0)) transport.send(text2);
      },
      message: (text2) => this.#receive(text2),
      renew: () => false,
      moved: () => this.cut("The line goes on by another transport."),
      closed: (code, reason) => this.#lost(code, reason)
    });
    transport.open();
  }
  /** @param {object} message */
  #send(message) {
    const text2 = JSON.stringify(message);
    if (this.#opened) this.#transport?.send(text2);
    else if (this.#transport) this.#waiting.push(text2);
  }
  #disconnect() {
    const transport = this.#transport;
    this.#cancelWatch();
    this.#transport = this.#welcome = null;
    this.#opened = false;
    this.#waiting = [];
    this.#entries.clear();
    this.#calls.clear();
    this.#texts.clear();
    transport?.close();
  }
  /** Disconnects all pages. Each reconnects by itself, after its own delay. @param {number} code @param {string} reason */
  #lost(code, reason) {
    this.#disconnect();
    for (const page of this.#greeted()) {
      this.#pages.delete(page);
      page.port.closed(code, reason);
    }
  }
  /** @param {string} text */
  #receive(text2) {
    const message = parseJSON(text2);
    this.#lastMessage = this.now();
    if (message.type === "welcome") return this.#welcomed(message, text2);
    this.#deliver(message, text2);
    this.#acknowledgements.received(text2.length);
    this.#acknowledgements.handled(message.type === "frame" || message.type === "part" || isPatched(message));
    const isDue = message.type === "heartbeat" || this.#acknowledgements.isDue;
    if (isDue && this.#transport) this.#send(this.#acknowledgements.next());
  }
  /** @param {{heartbeat: number, window?: typeof DEFAULT_WINDOW}} message @param {string} text */
  #welcomed({ heartbeat, window: window2 = DEFAULT_WINDOW }, text2) {
    this.#welcome = text2;
    this.#heartbeat = heartbeat;
    this.#acknowledgements.window = window2;
    this.#acknowledgements.reset();
    this.#watch(2 * heartbeat);
    for (const page of this.#greeted()) page.port.send(text2);
  }
  /** @param {number} seconds */
  #watch(seconds) {
    this.#cancelWatch();
    this.#cancelWatch = this.after(seconds, () => {
      const rest = 2 * this.#heartbeat - (this.now() - this.#lastMessage);
      if (rest > 0) this.#watch(rest);
      else this.cut("Nothing was heard from the server.");
    });
  }
  /** @param {any} message @param {string} text */
  #deliver(message, text2) {
    if (Array.isArray(message)) return this.#passQuery(isPatched(message) ? message[0] : this.#texts.get(message[0]), text2);
    switch (message.type) {
      case "subscribed": {
        const entry = this.#entries.get(message.id);
        if (!entry) return;
        entry.query = message.query;
        entry.log = message.log;
        return this.#sendMessage(entry.page, { ...message, id: entry.id });
      }
      case "refused": {
        const entry = this.#entries.get(message.id);
        if (!entry) return;
        this.#entries.delete(message.id);
        const shares = [...this.#entries.values()].some(({ page }) => page !== entry.page);
        if (message.code === codes.overloaded && shares) return this.#reject(entry.page, NEEDS_OWN);
        return this.#sendMessage(entry.page, { ...message, id: entry.id });
      }
      case "part":
      case "event_rejected": {
        const entry = this.#entries.get(message.id);
        return entry && this.#sendMessage(entry.page, { ...message, id: entry.id });
      }
      case "frame":
        return this.#frame(message);
      case "event": {
        if (message.query === void 0) break;
        return this.#passQuery(message.query, text2);
      }
      case "text":
        this.#texts.set(message.number, message.query);
        return this.#passQuery(message.query, text2);
      case "text_ended":
        return this.#passQuery(message.query, text2);
      case "reply": {
        const page = this.#calls.get(message.id);
        this.#calls.delete(message.id);
        return page && this.#sendText(page, text2);
      }
      case "heartbeat":
        for (const page of this.#greeted()) if (++page.heartbeats > MAX_HEARTBEATS) this.#reject(page, "The page does not answer.");
        break;
      case "bye": {
        const pages = this.#greeted();
        for (const page of pages) this.#pages.delete(page);
        this.#disconnect();
        for (const { port } of pages) port.send(text2);
        return;
      }
      case "authenticated":
        return;
    }
    for (const page of this.#greeted()) this.#sendText(page, text2);
  }
  /** Sends each page the deltas of its own live queries, and the cursor of the whole log. @param {any} frame */
  #frame(frame) {
    const concerned = frame.calls?.length ? this.#greeted() : this.#pagesOf((entry) => entry.log === frame.log);
    for (const page of concerned) {
      const queries = new Set([...this.#entries.values()].filter((entry) => entry.page === page).map(({ query }) => query));
      this.#sendMessage(page, { ...frame, deltas: frame.deltas.filter(({ query }) => queries.has(query)) });
    }
  }
  /** @param {number | undefined} query @param {string} text */
  #passQuery(query, text2) {
    for (const page of this.#pagesOf((entry) => entry.query === query)) this.#sendText(page, text2);
  }
  /** @param {(entry: Entry) => boolean} sees */
  #pagesOf(sees) {
    return new Set([...this.#entries.values()].filter(sees).map(({ page }) => page));
  }
  #greeted() {
    return [...this.#pages].filter(({ greeted }) => greeted);
  }
  /** @param {Page} page @param {object} message */
  #sendMessage(page, message) {
    this.#sendText(page, JSON.stringify(message));
  }
  /** @param {Page} page @param {string} text */
  #sendText(page, text2) {
    page.bytes += text2.length;
    if (page.bytes > MAX_WINDOWS * this.#acknowledgements.window.bytes) this.#reject(page, "The page does not read what it is sent.");
    else page.port.send(text2);
  }
};

// src/transports/shared_worker.js
function serve(scope, { newTransport = (url) => new WebSocketTransport(url), locks = globalThis.navigator?.locks ?? null } = {}) {
  let address = "";
  const multiplexer = new Multiplexer({
    newTransport: () => newTransport(address),
    after: (seconds, callback) => {
      const timer = setTimeout(callback, seconds * 1e3);
      return () => clearTimeout(timer);
    },
    now: newClock()
  });
  scope.addEventListener("offline", () => multiplexer.cut("The network is gone."));
  scope.addEventListener("connect", (event) => {
    const [port] = (
      /** @type {MessageEvent} */
      event.ports
    );
    const page = multiplexer.join({
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

// src/transports/selector.js
var PATIENCE_SECONDS = 4;
var GOOD_SECONDS2 = 10;
var MAX_FAILURES = 3;
var FIRST_PROBE_SECONDS = 15;
var LONGEST_PROBE_SECONDS = 300;
var MEMORY_SECONDS = 600;
var KEY = "realtime:transport";
var TransportSelector = class {
  /** The transport of this page's last welcome. @type {string | null} */
  #current = null;
  #failures = 0;
  // attempts in a row without a welcome
  #short = 0;
  // attempts in a row that ended soon after the welcome
  /** When the current attempt received its welcome. @type {number | null} */
  #welcomed = null;
  /**
   * @param {{
   *   list: () => TransportOption[],
   *   after: (seconds: number, callback: () => void) => () => void,
   *   now: () => number,
   *   memory?: Storage | null,
   * }} options list: the best transport first
   */
  constructor({ list: list2, after, now, memory = null }) {
    this.list = list2;
    this.after = after;
    this.now = now;
    this.memory = memory;
  }
  /** Returns a transport for the next attempt, which selects one of the available transports. @returns {Transport} */
  newTransport() {
    const list2 = this.list();
    const place2 = Math.max(0, list2.findIndex(({ name }) => name === (this.#current ?? this.#remembered())));
    const start2 = this.#short >= MAX_FAILURES ? place2 + 1 : place2;
    const order = list2.map((_, index) => list2[(start2 + index) % list2.length]);
    const keepsTo = this.#current !== null && this.#failures < MAX_FAILURES && this.#short < MAX_FAILURES;
    return new FallbackTransport({ selector: this, order: keepsTo ? order.slice(0, 1) : order, best: list2[0] });
  }
  /** @param {TransportOption} option */
  welcomed({ name }) {
    if (this.#current !== name) this.#short = 0;
    this.#current = name;
    this.#failures = 0;
    this.#welcomed = this.now();
    this.#remember(name);
  }
  /** Records the end of an attempt. @param {{isCut: boolean}} options isCut: the transport has ended it, not the page, such as when it is left */
  ended({ isCut }) {
    if (this.#welcomed === null) this.#failures += 1;
    else if (this.now() - this.#welcomed >= GOOD_SECONDS2) this.#short = 0;
    else if (isCut) this.#short += 1;
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
  /** @type {ReturnType<TransportOption["open"]> | null} */
  #inner = null;
  #opened = false;
  #hello = "";
  // the last one, which identifies the user if no cookie does
  #greeted = false;
  // by a probe: the server has received hello
  #cancelTimer = () => {
  };
  /** @type {Transport | null} */
  #probe = null;
  #probeSeconds = FIRST_PROBE_SECONDS;
  /** @param {{selector: TransportSelector, order: TransportOption[], best: TransportOption}} options */
  constructor({ selector, order, best }) {
    this.selector = selector;
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
    this.#end({ isCut: false });
  }
  /** @param {{isCut: boolean}} options */
  #end(options) {
    if (!this.#handlers) return;
    this.#handlers = null;
    this.#cancelTimer();
    this.#probe?.close();
    this.#inner?.close();
    this.selector.ended(options);
  }
  /** @param {number} index */
  #take(index) {
    const option = this.order[index];
    const inner = this.#inner = option.open();
    let received = false;
    const failed = (code, reason) => {
      if (inner !== this.#inner) return;
      if (received || index + 1 >= this.order.length) return this.#closed(code, reason);
      this.#cancelTimer();
      inner.close();
      this.#take(index + 1);
    };
    inner.on({
      opened: () => this.#begin(),
      message: (text2) => {
        if (!received) {
          received = true;
          this.#cancelTimer();
          this.#arrived(option, text2);
        }
        this.#handlers?.message(text2);
      },
      renew: (events) => this.#handlers?.renew(events) ?? false,
      moved() {
      },
      closed: failed
    });
    if (index + 1 < this.order.length) {
      this.#cancelTimer = this.selector.after(PATIENCE_SECONDS, () => failed(ABNORMAL, "Nothing was heard from the server."));
    }
    inner.open();
  }
  #begin() {
    if (this.#hello) return this.#handlers?.moved();
    if (!this.#opened) this.#handlers?.opened();
    this.#opened = true;
  }
  /** @param {TransportOption} option @param {string} text its first message */
  #arrived(option, text2) {
    if (JSON.parse(text2).type !== "welcome") return;
    this.selector.welcomed(option);
    if (option.name !== this.best.name) this.#probeLater();
  }
  #probeLater() {
    this.#probe = null;
    this.#cancelTimer = this.selector.after(this.#probeSeconds, () => this.#try());
    this.#probeSeconds = Math.min(2 * this.#probeSeconds, LONGEST_PROBE_SECONDS);
  }
  /** Tries the best transport, and uses the current one meanwhile. */
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
    this.#cancelTimer = this.selector.after(PATIENCE_SECONDS, failed);
    probe.open();
  }
  /** Moves the subscriptions to the better transport, from their cursors. @param {Transport} probe @param {string} welcome */
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
    this.selector.welcomed(this.best);
    this.#handlers?.renew();
    this.#handlers?.message(welcome);
  }
  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const handlers = this.#handlers;
    this.#end({ isCut: true });
    handlers?.closed(code, reason);
  }
};

// src/dom/unread_counts.js
var NAME = "data-live-unread-count";
var PARAMS = "data-live-params";
var UnreadCounts = class {
  /** By element: its attributes when it was bound, and the count. @type {Map<Element, {text: string, unread: Unread}>} */
  #bound = /* @__PURE__ */ new Map();
  /** @param {{document: Document, open: (stream: string, params: import("../protocol/messages.js").Params) => Unread, report: (error: unknown) => void}} options */
  constructor({ document: document2, open, report }) {
    this.document = document2;
    this.open = open;
    this.report = report;
  }
  start() {
    const root = get(this.document, "documentElement");
    this.#update();
    const options = { childList: true, subtree: true, attributes: true, attributeFilter: [NAME, PARAMS] };
    new MutationObserver((records) => records.some(concerns) && this.#update()).observe(root, options);
    call(this.document, "addEventListener", "realtime:after-morph", () => this.#bound.forEach(({ unread: unread2 }, element) => this.#show(element, unread2)));
  }
  #update() {
    const found = new Set([...call(this.document, "querySelectorAll", `[${NAME}]`)].filter((element) => !isForeign(element)));
    for (const [element, { text: text2, unread: unread2 }] of this.#bound) {
      if (found.has(element) && text2 === textOf(element)) continue;
      this.#bound.delete(element);
      unread2.close();
    }
    for (const element of found) if (!this.#bound.has(element)) this.#bind(element);
  }
  /** @param {Element} element */
  #bind(element) {
    try {
      const unread2 = this.open(attribute(element, NAME) ?? "", readJSON(element, PARAMS) ?? {});
      this.#bound.set(element, { text: textOf(element), unread: unread2 });
      unread2.watch(() => this.#show(element, unread2));
      this.#show(element, unread2);
    } catch (error) {
      this.report(error);
    }
  }
  /** @param {Element} element @param {Unread} unread */
  #show(element, unread2) {
    const { count, error } = unread2;
    if (count === void 0 && !error) return;
    const text2 = count === void 0 ? "" : countText(count);
    if (get(element, "textContent") === text2) return;
    set(element, "textContent", text2);
    emit(element, "realtime:change", { value: count ?? null });
  }
};
var countText = (count) => count >= MOST ? `${MOST - 1}+` : count ? String(count) : "";
var textOf = (element) => `${attribute(element, NAME)} ${attribute(element, PARAMS)}`;
function concerns({ type, target, addedNodes, removedNodes }) {
  if (type === "attributes") return target instanceof Element && attribute(target, NAME) !== null;
  const has = (node) => node instanceof Element && (call(node, "matches", `[${NAME}]`) || call(node, "querySelector", `[${NAME}]`) !== null);
  return [...addedNodes, ...removedNodes].some(has);
}

// src/dom/upload_forms.js
var UPLOAD = "X-Realtime-Upload";
var LOCATION = "X-Realtime-Location";
var ERRORS = '.errorlist, [aria-invalid="true"], [role="alert"]';
var UploadForms = class {
  /** The forms with a running upload. @type {WeakSet<HTMLFormElement>} */
  #running = /* @__PURE__ */ new WeakSet();
  /** @param {{document: Document, go: (url: string) => void}} options go: navigates to a page, or reloads this one */
  constructor({ document: document2, go }) {
    this.document = document2;
    this.go = go;
  }
  start() {
    call(this.document, "addEventListener", "submit", (event) => this.#submit(event));
  }
  /** @param {SubmitEvent} event */
  #submit(event) {
    const { target: form, submitter } = event;
    if (!(form instanceof HTMLFormElement) || attribute(form, "data-live-upload") === null) return;
    if (isForeignSubmit(form, submitter) || event.defaultPrevented || !filesOf(form).some((input) => input.files?.length)) return;
    const address = addressOf2(form, submitter);
    if (!address) return;
    event.preventDefault();
    if (!this.#running.has(form)) this.#send(form, address, new FormData(form, submitter));
  }
  /** @param {HTMLFormElement} form @param {string} address @param {FormData} data */
  #send(form, address, data) {
    const request = new XMLHttpRequest();
    const area = makeArea(this.document, () => request.abort());
    const bar = (
      /** @type {HTMLProgressElement} */
      call(area, "querySelector", "progress")
    );
    const end = () => {
      this.#running.delete(form);
      show(form, "aria-busy", null);
      call(area, "remove");
    };
    const fail = (text2) => {
      end();
      showErrors(form, { "": [text2] }, { make: true, focus: false });
      emit(form, "realtime:upload-failed", { status: request.status });
    };
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
      if (lengthComputable) bar.value = Math.floor(100 * loaded / Math.max(total, 1));
      emit(form, "realtime:upload", { loaded, total });
    };
    request.upload.onload = () => bar.removeAttribute("value");
    request.onload = () => this.#answer(form, address, request, end, fail);
    request.onerror = () => fail(sentence("The upload failed. Check your connection, and try again."));
    request.onabort = end;
    request.open("POST", address);
    request.setRequestHeader(UPLOAD, "1");
    this.#running.add(form);
    showErrors(form, {}, { make: true });
    show(form, "aria-busy", "true");
    call(form, "append", area);
    request.send(data);
  }
  /**
   * @param {HTMLFormElement} form
   * @param {string} address
   * @param {XMLHttpRequest} request
   * @param {() => void} end
   * @param {(text: string) => void} fail
   */
  #answer(form, address, request, end, fail) {
    const named = request.getResponseHeader(LOCATION);
    const url = new URL(named ?? request.responseURL, address);
    const isPage = /^text\/html/.test(request.getResponseHeader("Content-Type") ?? "");
    const page = isPage ? parsePage(request.responseText) : null;
    const again = page && sameForm(form, page);
    if (request.status < 400 && (named || !page || url.href !== address)) {
      end();
      if (/^https?:$/.test(url.protocol)) this.go(url.href);
    } else if (again && call(again, "matches", `:has(${ERRORS})`)) {
      end();
      showAgain(
        form,
        /** @type {HTMLFormElement} */
        again
      );
    } else if (request.status >= 400) {
      fail(sentence("The upload failed ({status}). Try again, or choose another file.", { status: request.status }));
    } else if (again) {
      end();
      this.go(address);
    } else {
      set(this.document, "title", page ? get(page, "title") : "");
      call(get(this.document, "body"), "replaceChildren", ...page ? get(get(page, "body"), "childNodes") : []);
    }
  }
};
function filesOf(form) {
  return [...get(form, "elements")].filter((element) => element instanceof HTMLInputElement && element.type === "file").map((element) => (
    /** @type {HTMLInputElement} */
    element
  ));
}
function addressOf2(form, submitter) {
  const option = (name) => (submitter && attribute(submitter, `form${name}`)) ?? attribute(form, name) ?? "";
  const isPost = option("method").toLowerCase() === "post" && option("enctype").toLowerCase() === "multipart/form-data";
  const { location: location2 } = (
    /** @type {Window} */
    get(get(form, "ownerDocument"), "defaultView")
  );
  const url = new URL(option("action") || location2.href, location2.href);
  url.hash = "";
  return isPost && ["", "_self"].includes(option("target")) && url.origin === location2.origin ? url.href : "";
}
function makeArea(document2, cancel) {
  const area = call(document2, "createElement", "div");
  show(area, "data-live-upload-area", "");
  const bar = (
    /** @type {HTMLProgressElement} */
    call(document2, "createElement", "progress")
  );
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", sentence("Upload"));
  const button = (
    /** @type {HTMLButtonElement} */
    call(document2, "createElement", "button")
  );
  button.type = "button";
  button.textContent = sentence("Cancel upload");
  button.addEventListener("click", cancel);
  call(area, "append", bar, " ", button);
  return area;
}
function sameForm(form, page) {
  const id = attribute(form, "id");
  const forms = "form[data-live-upload]";
  const all = (document2) => [...call(document2, "querySelectorAll", forms)];
  const place2 = all(
    /** @type {Document} */
    get(form, "ownerDocument")
  ).indexOf(form);
  return id ? call(page, "getElementById", id) : all(page)[place2] ?? null;
}
function showAgain(form, again) {
  const chosen = new Map(filesOf(form).map((input) => [input.name, input]));
  for (const input of filesOf(again)) {
    const own = chosen.get(input.name);
    if (!own) continue;
    for (const name of ["aria-invalid", "aria-describedby"]) show(own, name, attribute(input, name));
    input.replaceWith(own);
  }
  call(form, "replaceChildren", ...get(again, "childNodes"));
  const wrong = (
    /** @type {HTMLElement | null} */
    call(form, "querySelector", '[aria-invalid="true"]')
  );
  if (wrong) call(wrong, "focus");
}

// src/realtime.js
var MARK2 = /* @__PURE__ */ Symbol.for("realtime");
function create() {
  let chosen = {};
  const monitor = new Monitor();
  const selector = new TransportSelector({
    list: () => availableTransports(chosen),
    after: (seconds, callback) => monitor.after(seconds, callback),
    now: () => Date.now() / 1e3,
    memory: storage()
  });
  const connection = new Connection({
    monitor,
    newTransport: () => selector.newTransport(),
    report: (error) => report(error),
    warn: (text2) => console.warn(text2)
  });
  const report = (error) => console.error(error);
  const openUnread = (name, params) => unread2(name, params);
  const page = new Page({ document, connection, connect: () => keepConnected(), report, openUnread });
  const queries = new LiveQueries(connection, (element) => page.resultSetOf(element));
  const connect2 = ({ url, http, token } = {}) => {
    if (token && typeof token !== "function") {
      throw new TypeError("connect(): 'token' must be a function that returns a token; each connection asks it for one.");
    }
    if (url ?? http) chosen = { url, http };
    const first = connection.state === null ? tokenOfPage() : null;
    connection.connect(availableTransports(chosen).map(({ address }) => address).join(" "), token ?? first);
  };
  const live2 = (name, params = {}) => {
    keepConnected();
    return queries.open(name, params);
  };
  const list2 = (name, params = {}) => {
    keepConnected();
    return queries.openList(name, params);
  };
  const value2 = (stream, params, name) => {
    keepConnected();
    return queries.openValue(stream, params, name);
  };
  const unread2 = (name, params = {}) => {
    keepConnected();
    return queries.openUnread(name, params);
  };
  const call3 = (stream, params, action, args = {}, options = {}) => callTarget({ stream, params, action, args }, options);
  const callTarget = (target, options) => {
    try {
      keepConnected();
    } catch (error) {
      return connection.calls.refuse(error);
    }
    return queries.call(target, options);
  };
  const presence2 = (stream, params = {}, { data = {}, watch = false, everyone = false } = {}) => {
    keepConnected();
    return queries.openPresence(stream, params, watch ? null : data, everyone);
  };
  const send3 = (stream, params, name, data) => connection.of(stream, JSON.stringify(sorted(params))).some((each) => connection.sendEvent(each, name, data));
  const on2 = (name, callback) => {
    keepConnected();
    return connection.events.on(name, callback);
  };
  const pause2 = () => page.pause();
  const resume2 = () => page.resume();
  const status2 = new Store(
    () => ({ state: connection.state, waiting: connection.calls.waiting, held: page.held }),
    (callback) => {
      connection.watchers.add(callback);
      return () => void connection.watchers.delete(callback);
    }
  );
  const keepConnected = () => {
    if (connection.state === null) connect2();
  };
  translateAs(document);
  const start2 = () => {
    page.start();
    new ActionElements({ document, call: callTarget, subscriptionOf: (element) => page.resultSetOf(element)?.subscription }).start();
    new Forms({ document, call: callTarget, follow: (url) => location.assign(url) }).start();
    new RowForms(document).start();
    new UploadForms({ document, go: (url) => location.assign(url) }).start();
    new UnreadCounts({ document, open: openUnread, report }).start();
    const { after, clock } = monitor;
    new ParameterForms({ document, containersOf: (name) => page.containersOf(name), after: after.bind(monitor), now: clock.now }).start();
  };
  if (get(document, "readyState") === "loading") call(document, "addEventListener", "DOMContentLoaded", start2);
  else start2();
  return {
    [MARK2]: true,
    connect: connect2,
    live: live2,
    list: list2,
    value: value2,
    unread: unread2,
    call: call3,
    presence: presence2,
    send: send3,
    on: on2,
    pause: pause2,
    resume: resume2,
    RealtimeError,
    codes,
    /** "connecting", "catching-up", "live", "offline" or "refused"; null until the page needs a connection. */
    get state() {
      return connection.state;
    },
    /** The number of calls that wait for the connection. */
    get waiting() {
      return connection.calls.waiting;
    },
    /** The number of rows that wait for resume(). */
    get held() {
      return page.held;
    },
    /** These three values as a store: `{state, waiting, held}`. */
    status: status2
  };
}
function withoutPage() {
  const seen = Object.freeze({ state: null, waiting: 0, held: 0 });
  const needsPage = (name) => () => {
    throw new Error(`realtime.${name}() needs a page: call it in the browser, not where a server renders.`);
  };
  return {
    ...Object.fromEntries(["connect", "live", "list", "value", "unread", "call", "presence", "send", "on", "pause", "resume"].map((name) => [name, needsPage(name)])),
    RealtimeError,
    codes,
    ...seen,
    status: new Store(() => seen, () => () => {
    })
  };
}
function start() {
  const global = globalThis;
  if (global.window?.document) return global.window.realtime = global.window.realtime?.[MARK2] ? global.window.realtime : create();
  if (typeof global.SharedWorkerGlobalScope === "function" && global instanceof global.SharedWorkerGlobalScope) serve(global);
  return withoutPage();
}
var realtime = start();
var { connect, live, list, value, unread, call: call2, presence, send: send2, on, pause, resume, status, RealtimeError: RealtimeError2, codes: codes2 } = realtime;
var realtime_default = realtime;
export {
  RealtimeError2 as RealtimeError,
  call2 as call,
  codes2 as codes,
  connect,
  realtime_default as default,
  list,
  live,
  on,
  pause,
  presence,
  resume,
  send2 as send,
  status,
  unread,
  value
};
