// Made from browser/src by `npm run build`; change it there.

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
    for (const { element: element2, top, left } of scrolled) Object.assign(element2, { scrollTop: top, scrollLeft: left });
  }
}
function scrollPositions(node) {
  if (!(node instanceof Element)) return [];
  return [node, ...node.querySelectorAll("*")].map((element2) => ({ element: element2, top: element2.scrollTop, left: element2.scrollLeft })).filter(({ top, left }) => top || left);
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
function isField(element2) {
  if (element2 instanceof HTMLInputElement) return !PLAIN_INPUTS.has(element2.type);
  return element2 instanceof HTMLTextAreaElement || element2 instanceof HTMLSelectElement;
}
function isUsersAttribute(element2, name) {
  if (name === "open") return element2 instanceof HTMLDetailsElement || element2 instanceof HTMLDialogElement;
  if (name === "aria-busy") return element2.hasAttribute("data-live-call");
  if (element2 instanceof HTMLInputElement && isField(element2)) return name === (isToggle(element2) ? "checked" : "value");
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
function isEdited(field) {
  return !isInitial(field, contentOf(field));
}
function takeWithheld(element2) {
  if (holdsFocus(element2)) return null;
  const to = withheld.get(element2);
  if (!edited.delete(element2)) return to ?? null;
  withheld.delete(element2);
  return null;
}
function noteEdit({ target }) {
  if (!(target instanceof Element)) return;
  taken.delete(target);
  const host = target.closest(EDITABLE);
  if (host) edited.add(host);
}
function isToggle(element2) {
  return element2 instanceof HTMLInputElement && (element2.type === "checkbox" || element2.type === "radio");
}
function isRadio(element2) {
  return element2 instanceof HTMLInputElement && element2.type === "radio";
}
function hasFocus(element2) {
  const root = element2.getRootNode();
  return (root instanceof Document || root instanceof ShadowRoot) && root.activeElement === element2;
}
function holdsFocus(element2) {
  return element2.contains(element2.ownerDocument.activeElement);
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
  document2.addEventListener("focusout", ({ target }) => {
    for (let element2 = target instanceof Element ? target : null; element2; element2 = element2.parentElement) catchUp(element2);
  });
}
function catchUp(element2) {
  const to = takeWithheld(element2);
  if (to) morph(element2, to);
}
function isKept(element2) {
  return element2.hasAttribute("data-live-keep") || element2.hasAttribute("data-live");
}
function kind(element2) {
  return element2 instanceof HTMLInputElement ? `${element2.nodeName} ${element2.type}` : element2.nodeName;
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

// src/admin/page.js
function aboutOf(page) {
  const tag = page.querySelector("script[data-realtime-admin]");
  return tag && JSON.parse(tag.getAttribute("data-realtime-admin") ?? "");
}
function parse(html) {
  return new DOMParser().parseFromString(html, "text/html");
}
async function read(url) {
  const answer = await fetch(url, { headers: { "Realtime-Refresh": "1" }, cache: "no-store" });
  if (answer.status === 401 || answer.status === 403) return "denied";
  if (answer.status === 404 || answer.status === 410) return "gone";
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  const page = parse(await answer.text());
  const about2 = aboutOf(page);
  if (about2) return { page, about: about2, url: answer.url };
  return page.querySelector("#login-form, input[type=password]") ? "denied" : "gone";
}
function container(document2, { live }) {
  const element2 = document2.createElement("span");
  element2.hidden = true;
  for (const [name, value] of Object.entries(live)) element2.setAttribute(name, value);
  return element2;
}
function element(document2, name, attributes, ...children) {
  const made = document2.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// src/admin/refresher.js
var PAUSE = 1e3;
var RETRY = 5e3;
var SHARE = 4;
var Refresher = class {
  #due = false;
  #running = false;
  #ended = false;
  #document;
  #work;
  /** @param {{document: Document, work: () => Promise<void>}} options work: what fails is tried again */
  constructor({ document: document2, work }) {
    this.#document = document2;
    this.#work = work;
    document2.addEventListener("visibilitychange", () => void this.#run());
  }
  /** There is something new. */
  wake() {
    this.#due = true;
    void this.#run();
  }
  end() {
    this.#ended = true;
  }
  async #run() {
    if (this.#running) return;
    this.#running = true;
    while (this.#due && !this.#ended && !this.#document.hidden) {
      this.#due = false;
      const began = performance.now();
      let pause = RETRY;
      try {
        await this.#work();
        pause = Math.max(PAUSE, SHARE * (performance.now() - began));
      } catch (error) {
        console.warn(error);
        this.#due = true;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    this.#running = false;
  }
};

// src/admin/status.js
var QUIET = 3e3;
var ListStatus = class {
  #counts = { added: 0, changed: 0, gone: 0 };
  #heard = "";
  #line;
  #message;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #quiet;
  #state;
  #texts;
  #total = "";
  /** @param {{document: Document, about: About}} options */
  constructor({ document: document2, about: about2 }) {
    this.#texts = about2.texts;
    this.#state = element(document2, "span", { class: "realtime-state" });
    this.#message = element(document2, "span", { role: "status" });
    this.#line = element(document2, "p", { class: "realtime-line", hidden: "" }, this.#state, " ", this.#message);
    document2.querySelector("#changelist")?.before(this.#line);
  }
  /** @param {string} state of the connection */
  show(state) {
    if (this.#heard === "ended") return;
    if (state === "live") this.#set("live", this.#texts.live, this.#heard === "offline" ? "" : void 0);
    else if (state === "offline") this.#set("offline", "", this.#texts.offline);
  }
  stopped() {
    this.#end(this.#texts.stopped);
  }
  denied() {
    this.#end(this.#texts.denied);
  }
  paused() {
    this.#set("ended", "", this.#texts.paused);
  }
  /**
   * @param {Record<"added" | "changed" | "gone", unknown[]>} found
   * @param {string} total how many rows there are in the whole list, if that has changed
   */
  changed(found, total) {
    this.#counts.added += found.added.length;
    this.#counts.changed += found.changed.length;
    this.#counts.gone += found.gone.length;
    this.#total = total || this.#total;
    this.#announce();
  }
  #announce() {
    const { added, changed, gone } = this.#counts;
    if (this.#quiet || this.#heard === "ended" || !(added || changed || gone || this.#total)) return;
    const counted = (
      /** @type {const} */
      ["added", "changed", "gone"].filter((name) => this.#counts[name])
    );
    const parts = counted.map((name) => this.#texts[name].replace("%s", String(this.#counts[name])));
    this.#message.textContent = [this.#total && `${this.#total}.`, ...parts].filter(Boolean).join(" ");
    this.#counts = { added: 0, changed: 0, gone: 0 };
    this.#total = "";
    this.#quiet = setTimeout(() => {
      this.#quiet = void 0;
      this.#announce();
    }, QUIET);
  }
  /** @param {string} message */
  #end(message) {
    this.#set("ended", "", message);
    this.#message.append(" ", element(document, "a", { href: location.href }, this.#texts.again));
  }
  /** @param {string} state @param {string} label @param {string} [message] undefined: as it is */
  #set(state, label, message) {
    this.#heard = state;
    this.#line.hidden = false;
    this.#line.setAttribute("data-state", state);
    this.#state.textContent = label;
    if (message !== void 0) this.#message.textContent = message;
  }
};
var FormNotices = class {
  #document;
  #people;
  #texts;
  #warning;
  /** @param {{document: Document, form: Element | null, about: About}} options */
  constructor({ document: document2, form, about: about2 }) {
    this.#document = document2;
    this.#texts = about2.texts;
    this.#warning = element(document2, "p", { class: "realtime-warning", hidden: "" });
    this.#people = element(document2, "p", { class: "realtime-people", hidden: "" });
    const notices = element(document2, "div", { class: "realtime-notices", role: "status" }, this.#warning, this.#people);
    form?.before(notices);
  }
  /** @param {string[]} names of what differs; none: that is not known */
  changed(names) {
    const what = names.length ? ` ${this.#texts.fields} ${names.join(", ")}.` : "";
    this.#warn(`${this.#texts.changed}${what}`, this.#texts.again);
  }
  /** What was changed has been changed back. */
  unchanged() {
    this.#warning.hidden = true;
    this.#warning.replaceChildren();
  }
  deleted() {
    this.#warn(this.#texts.deleted);
  }
  denied() {
    this.#warn(this.#texts.denied, this.#texts.again);
  }
  /** @param {{name: string, data: {editing?: boolean}}[]} people the others who have this form open */
  here(people) {
    const names = people.map(({ name, data }) => {
      const person = element(this.#document, "span", { class: "realtime-person" }, name);
      if (data.editing) person.append(" ", element(this.#document, "em", {}, `(${this.#texts.editing})`));
      return person;
    });
    this.#people.replaceChildren(`${this.#texts.people} `, ...names.flatMap((name, index) => index ? [", ", name] : [name]));
    this.#people.hidden = !names.length;
  }
  /** @param {string} sentence @param {string} [link] leads to this page as it is now */
  #warn(sentence, link) {
    this.#warning.hidden = false;
    const parts = link ? [" ", element(this.#document, "a", { href: location.href }, link)] : [];
    this.#warning.replaceChildren(sentence, ...parts);
  }
};

// src/admin/changeform.js
var TOKEN = "#content-main form [name=csrfmiddlewaretoken]";
var ChangeForm = class {
  #document;
  #form;
  #notices;
  #refresher;
  #submitted = false;
  /** What the form showed when it came; null: it shows what was posted. @type {Map<string, string> | null} */
  #shown;
  /** @param {{document: Document, source: Document, about: About}} options source: the page as it came */
  constructor({ document: document2, source: source2, about: about2 }) {
    this.#document = document2;
    this.#form = formOf(document2);
    this.#notices = new FormNotices({ document: document2, form: this.#form, about: about2 });
    this.#shown = about2.posted ? null : contents(source2);
    this.#refresher = new Refresher({ document: document2, work: () => this.#refresh() });
    this.#form?.append(element(document2, "input", { type: "hidden", name: about2.since.name, value: about2.since.cursor }));
    this.#form?.addEventListener("submit", (event) => this.#submitted ||= !event.defaultPrevented);
    addEventListener("pageshow", ({ persisted }) => persisted && (this.#submitted = false));
  }
  /** Tells the others that this user is here, and who they are. @param {any} realtime @param {About} about */
  meet(realtime2, { stream, live, user }) {
    const people = realtime2.presence(stream, JSON.parse(live["data-live-params"]));
    people.subscribe((rows) => this.#notices.here(rows.filter((person) => String(person.user) !== user)));
    this.#form?.addEventListener("input", () => people.set({ editing: true }), { once: true });
  }
  /** The object may be different now. */
  changed() {
    this.#refresher.wake();
  }
  /** The server has refused to tell of changes. */
  async refused() {
    const found = await read(location.href).catch(() => "denied");
    if (found === "denied") this.#deny();
    else if (found === "gone") this.#notices.deleted();
  }
  async #refresh() {
    const found = await read(location.href);
    if (this.#submitted) return;
    if (found === "denied") return this.#deny();
    if (found === "gone") return this.#notices.deleted();
    if (!this.#shown) return this.#notices.changed([]);
    const names = differences(this.#shown, contents(found.page));
    if (names.length) this.#notices.changed(names);
    else this.#notices.unchanged();
  }
  #deny() {
    this.#refresher.end();
    this.#form?.remove();
    for (const tool of this.#document.querySelectorAll("#content > h2, .object-tools")) tool.remove();
    this.#notices.denied();
  }
};
function formOf(page) {
  return page.querySelector(TOKEN)?.closest("form") ?? null;
}
function contents(page) {
  const found = /* @__PURE__ */ new Map();
  const add = (name, text) => found.set(name, `${found.get(name) ?? ""}${text}
`);
  for (const part of formOf(page)?.querySelectorAll("input, select, textarea, .readonly, .file-upload a") ?? []) {
    const name = nameOf(part);
    if (isField(part)) add(name, contentOf(part));
    else if (!(part instanceof HTMLInputElement)) add(name, part.textContent ?? "");
  }
  return found;
}
function nameOf(part) {
  const group2 = part.closest(".inline-group")?.querySelector(".inline-heading, h2");
  const label = group2 ?? part.closest(".fieldBox, .form-row")?.querySelector("label, legend");
  return (label?.textContent ?? "").replace(/\s+/g, " ").trim().replace(/:$/, "");
}
function differences(before, now) {
  return [.../* @__PURE__ */ new Set([...before.keys(), ...now.keys()])].filter((name) => before.get(name) !== now.get(name));
}

// src/admin/actions.js
var BOXES = "tr input.action-select";
var boxes = {
  get length() {
    return document.querySelectorAll(BOXES).length;
  },
  /** @param {(box: Element) => void} callback */
  forEach(callback) {
    document.querySelectorAll(BOXES).forEach(callback);
  },
  [Symbol.iterator]() {
    return [...document.querySelectorAll(BOXES)].values();
  }
};
function followBoxes() {
  const global = (
    /** @type {any} */
    window
  );
  const original = global.Actions;
  if (original) global.Actions = (_, options) => original(boxes, options);
}
function begin() {
  const { Actions } = (
    /** @type {any} */
    window
  );
  if (Actions && boxes.length) Actions(boxes);
}
function follow2(list, bars) {
  const shown = [...list.querySelectorAll("div.actions")];
  shown.forEach((bar, index) => {
    const now = bars[index];
    const counter = bar.querySelector(".action-counter");
    const count = now?.querySelector(".action-counter")?.getAttribute("data-actions-icnt");
    if (!counter || !count) return;
    counter.setAttribute("data-actions-icnt", count);
    for (const part of ["span.all", "span.question a"]) copyText(bar.querySelector(part), now.querySelector(part));
    const [select, wanted] = [bar, now].map((each) => each.querySelector("select"));
    if (select && wanted) morph(select, wanted);
  });
  const across = list.querySelector("input.select-across");
  const box = list.querySelector(BOXES);
  if (shown.length && box && !(across instanceof HTMLInputElement && across.value === "1")) {
    box.dispatchEvent(new Event("change", { bubbles: true }));
  }
}
function copyText(to, from) {
  if (to && from && to.textContent !== from.textContent) to.textContent = from.textContent;
}

// src/admin/rows.js
var BODY = "#result_list > tbody";
var NUMBER = /(?<![a-z])form-\d+-/g;
var NUMBERED = ["id", "name", "for", "aria-describedby", "aria-labelledby"];
var MARK = "\0";
var ADDED = ".datetimeshortcuts, .timezonewarning, .select2-container";
var widgets = 0;
function keyRows(root, keys) {
  const rows = [...root.querySelector(BODY)?.children ?? []];
  if (rows.length !== keys.length) return null;
  rows.forEach((row, index) => row.setAttribute("data-live-key", keys[index]));
  return new Map(rows.map((row, index) => [keys[index], row]));
}
function keyedRows(root) {
  return new Map([...root.querySelectorAll(`${BODY} > [data-live-key]`)].map((row) => [row.getAttribute("data-live-key") ?? "", row]));
}
function markup(row) {
  return row.outerHTML.replace(NUMBER, "form-");
}
function isInUse(row) {
  const fields = [...row.querySelectorAll("input:not(.action-select), select, textarea")].filter(isField);
  return fields.some((field) => isEdited(field) || field === field.ownerDocument.activeElement);
}
function renumber(rows) {
  const moved = [...rows];
  for (const [row, number] of moved) rename(row, (text) => text.replace(NUMBER, `${MARK}form-${number}-`));
  for (const [row] of moved) rename(row, (text) => text.replaceAll(MARK, ""));
}
function rename(row, change2) {
  for (const element2 of row.querySelectorAll(NUMBERED.map((name) => `[${name}]`).join())) {
    for (const name of NUMBERED) {
      const text = element2.getAttribute(name);
      if (text !== null && change2(text) !== text) element2.setAttribute(name, change2(text));
    }
  }
}
function change(row, to) {
  const $ = (
    /** @type {any} */
    window.django?.jQuery
  );
  const box = row.querySelector("input.action-select");
  if (box instanceof HTMLInputElement && box.checked) to.classList.add("selected");
  for (const select of row.querySelectorAll("select.select2-hidden-accessible")) {
    if (isField(select) && isEdited(select)) select.setAttribute("data-live-keep", "");
    else $?.(select).select2("destroy");
  }
  for (const added of row.querySelectorAll(ADDED)) added.setAttribute("data-live-keep", "");
  const changed = morph(row, to);
  for (const kept of changed.querySelectorAll("[data-live-keep]")) kept.removeAttribute("data-live-keep");
  enliven(changed);
  return changed;
}
function enliven(row) {
  const { DateTimeShortcuts: shortcuts, django } = (
    /** @type {any} */
    window
  );
  for (const select of row.querySelectorAll(".admin-autocomplete:not([data-select2-id])")) {
    select.setAttribute("data-select2-id", `realtime-${++widgets}`);
  }
  row.dispatchEvent(new CustomEvent("formset:added", { bubbles: true, detail: { formsetName: "form" } }));
  for (const input of row.querySelectorAll("input.vDateField, input.vTimeField")) {
    if (!shortcuts || input.nextElementSibling?.matches(".datetimeshortcuts")) continue;
    if (input.classList.contains("vDateField")) shortcuts.addCalendar(input);
    else shortcuts.addClock(input);
  }
  django?.jQuery(row).find(".related-widget-wrapper select").trigger("change");
}

// src/admin/changelist.js
var LIST = "#changelist";
var FORMS = ["TOTAL_FORMS", "INITIAL_FORMS"].map((name) => `input[name="form-${name}"]`);
var FLASH = { duration: 1500, easing: "ease-out" };
var ChangeList = class {
  #count;
  #document;
  #pk;
  #left = false;
  // rows are kept that are not of this list any more
  #list;
  /** The markup of each row as the server has rendered it last. @type {Map<string, string>} */
  #markup;
  #refresher;
  #status;
  #texts;
  /** @param {{document: Document, source: Document, about: About, status: import("./status.js").ListStatus}} options source: the page as it came */
  constructor({ document: document2, source: source2, about: about2, status }) {
    this.#document = document2;
    this.#list = /** @type {Element} */
    document2.querySelector(LIST);
    this.#markup = markups(source2, about2.keys);
    this.#count = about2.count;
    this.#pk = about2.pk;
    this.#status = status;
    this.#texts = about2.texts;
    this.#refresher = new Refresher({ document: document2, work: () => this.#refresh() });
    keyRows(this.#list, about2.keys);
    followBoxes();
    this.#list.addEventListener("focusout", () => this.#left && this.changed());
  }
  /** Something may be different now. */
  changed() {
    this.#refresher.wake();
  }
  /** The server has refused to tell of changes: whether the user may see the list still, the list itself says. */
  async refused() {
    const found = await this.#read(location.href).catch(() => "denied");
    if (typeof found === "string") this.#deny();
    else this.#status.stopped();
  }
  async #refresh() {
    const found = await this.#readPage();
    if (typeof found === "string") return this.#deny();
    if (found.url !== location.href.split("#")[0]) history.replaceState(history.state, "", found.url);
    this.#paint(found);
  }
  #deny() {
    this.#refresher.end();
    this.#list.replaceChildren();
    this.#status.denied();
  }
  /** The list as it is now; or, where this page of it is no more, the one before, or the first. */
  async #readPage() {
    let found = await this.#read(location.href);
    const url = new URL(location.href);
    const number = Number(url.searchParams.get("p"));
    for (const before of number > 2 ? [number - 1, null] : [null]) {
      if (!number || typeof found === "string" || !new URL(found.url).searchParams.has("e")) break;
      if (before) url.searchParams.set("p", String(before));
      else url.searchParams.delete("p");
      found = await this.#read(url.href);
    }
    return found;
  }
  /** @param {string} url */
  async #read(url) {
    const found = await read(url);
    return typeof found === "string" || found.page.querySelector(LIST) ? found : "gone";
  }
  /** @param {import("./page.js").Reading} reading */
  #paint({ page, about: about2 }) {
    const next = (
      /** @type {Element} */
      page.querySelector(LIST)
    );
    const fresh = markups(page, about2.keys);
    const rows = keyRows(next, about2.keys);
    const here = keyedRows(this.#list);
    const kept = [...here].filter(([key, row]) => !rows?.has(key) && isInUse(row)).map(([, row]) => row);
    if (kept.length && !next.querySelector(BODY)) this.#lend(next);
    const body = this.#list.querySelector(BODY);
    const bars = [...next.querySelectorAll("div.actions")].map((bar) => (
      /** @type {Element} */
      bar.cloneNode(true)
    ));
    const inPlace = (root) => root.querySelectorAll(`${BODY}, div.actions`);
    const left = body && rows && next.querySelector(BODY) ? [...inPlace(this.#list)] : [];
    for (const each of left.length ? [...left, ...inPlace(next)] : []) each.setAttribute("data-live-keep", "");
    morph(this.#list, next);
    for (const each of left) each.removeAttribute("data-live-keep");
    if (body && rows && left.length) this.#tell(this.#place(body, rows, here, kept, fresh), about2);
    else this.#tell({ added: [...rows?.values() ?? []], changed: [], gone: [...here.values()] }, about2);
    if (left.length) follow2(this.#list, bars);
    else begin();
    this.#markup = fresh;
    this.#left = kept.length > 0;
  }
  /**
   * @param {Element} body
   * @param {Map<string, Element>} rows as they are to be
   * @param {Map<string, Element>} here as they are
   * @param {Element[]} kept those that are not in the list any more, and in which the user is changing something
   * @param {Map<string, string>} fresh
   * @returns {Difference}
   */
  #place(body, rows, here, kept, fresh) {
    const found = { added: [], changed: [], gone: [] };
    const keys = [...rows.keys()];
    const stay = [...keys.flatMap((key) => here.get(key) ?? []), ...kept];
    const numbers = new Map([...keys.map((key) => here.get(key) ?? null), ...kept].map((row, number) => [row, number]));
    renumber(stay.map((row) => [row, numbers.get(row) ?? 0]));
    const order = [...rows].map(([key, row]) => {
      const shown = here.get(key);
      if (shown && this.#markup.get(key) === fresh.get(key)) return shown;
      found[shown ? "changed" : "added"].push(shown ?? row);
      return shown ? change(shown, row) : row;
    });
    for (const row of here.values()) {
      if (!stay.includes(row)) found.gone.push(row);
    }
    this.#remove(body, found.gone);
    arrange(body, [...order, ...kept]);
    found.added.forEach(enliven);
    for (const row of stay) row.classList.toggle("realtime-left", kept.includes(row));
    for (const row of kept) row.setAttribute("title", this.#texts.kept);
    this.#keepForms(kept, rows.size);
    return found;
  }
  /** Lets the form know of rows that are not in the list any more. @param {Element[]} kept @param {number} first their first number */
  #keepForms(kept, first) {
    const form = this.#list.querySelector("#changelist-form");
    for (const name of FORMS) form?.querySelector(name)?.setAttribute("value", String(first + kept.length));
    kept.forEach((row, index) => {
      const name = `form-${first + index}-${this.#pk}`;
      if (row.querySelector(`[name="${name}"]`)) return;
      const value = row.getAttribute("data-live-key") ?? "";
      const hidden = element(this.#document, "input", { type: "hidden", name, id: `id_${name}`, value });
      const place2 = form?.querySelector(".hiddenfields") ?? form;
      place2?.append(hidden);
    });
  }
  /** Removes rows; the focus goes to the row that comes to stand in its place. @param {Element} body @param {Element[]} gone */
  #remove(body, gone) {
    const focused = gone.find((row) => row.contains(this.#document.activeElement));
    const next = focused?.nextElementSibling ?? focused?.previousElementSibling;
    for (const row of gone) row.remove();
    const target = next?.isConnected && body.contains(next) ? next.querySelector("a, input:not([type=hidden])") : null;
    if (focused && target instanceof HTMLElement) target.focus();
  }
  /** The list is empty, but for rows in which the user is changing something: they stay in this form. @param {Element} next */
  #lend(next) {
    const form = this.#list.querySelector("#changelist-form")?.cloneNode(true);
    if (!(form instanceof Element)) return;
    for (const part of form.querySelectorAll(`${BODY}, .hiddenfields`)) part.replaceChildren();
    next.querySelector("#changelist-form")?.replaceWith(form);
  }
  /** @param {Difference} found @param {About} about */
  #tell(found, about2) {
    this.#status.changed(found, about2.count === this.#count ? "" : about2.count);
    this.#count = about2.count;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const color = getComputedStyle(this.#list).getPropertyValue("--realtime-flash").trim();
    for (const row of color ? [...found.added, ...found.changed] : []) row.animate([{ backgroundColor: color }, {}], FLASH);
  }
};
function markups(page, keys) {
  const rows = [...page.querySelectorAll(`${BODY} > tr`)];
  return new Map(rows.length === keys.length ? rows.map((row, index) => [keys[index], markup(row)]) : []);
}

// src/admin/admin.js
var about = aboutOf(document);
var source = parse(document.documentElement.outerHTML);
var { realtime } = (
  /** @type {any} */
  window
);
if (about?.kind === "list" && about.paused) {
  new ListStatus({ document, about }).paused();
} else if (about?.kind === "list") {
  const status = new ListStatus({ document, about });
  watchFields(document);
  follow3(about, new ChangeList({ document, source, about, status }));
  document.addEventListener("realtime:state", () => status.show(realtime.state));
} else if (about) {
  const form = new ChangeForm({ document, source, about });
  follow3(about, form);
  form.meet(realtime, about);
}
function follow3(about2, page) {
  const watched = container(document, about2);
  watched.addEventListener("realtime:change", () => page.changed());
  watched.addEventListener("realtime:error", () => page.refused());
  document.body.append(watched);
}
