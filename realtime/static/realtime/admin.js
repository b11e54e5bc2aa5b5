// Made from browser/src by `npm run build`; change it there.

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
function set(node, name, value) {
  Reflect.set(membersOf(node), name, value, node);
}
var attribute = (element2, name) => Element.prototype.getAttribute.call(element2, name);
function show(element2, name, value) {
  if (value === null) call(element2, "removeAttribute", name);
  else if (attribute(element2, name) !== value) call(element2, "setAttribute", name, value);
}
var isForeign = (element2) => call(element2, "closest", "[data-live-ignore]") !== null;
var isSigned = (element2) => attribute(element2, "data-live") !== null && attribute(element2, "data-live-token") !== null;
function focused(node) {
  const document2 = (
    /** @type {Document} */
    get(node, "ownerDocument") ?? node
  );
  const active = get(document2, "activeElement");
  return active === get(document2, "body") ? null : active;
}

// src/dom/html.js
var POLICY = "realtime";
var HELD = /* @__PURE__ */ Symbol.for("realtime.policy");
function parsePage(html) {
  return new DOMParser().parseFromString(
    /** @type {string} */
    trusted("createHTML", html),
    "text/html"
  );
}
function trusted(kind2, text) {
  const scope = globalThis;
  if (!scope.trustedTypes) return text;
  if (scope[HELD] === void 0) scope[HELD] = newPolicy(scope.trustedTypes);
  return scope[HELD] ? scope[HELD][kind2](text) : text;
}
function newPolicy(trustedTypes) {
  const pass = (text) => text;
  try {
    return trustedTypes.createPolicy(POLICY, { createHTML: pass, createScriptURL: pass });
  } catch {
    console.warn(`The Content-Security-Policy of this page does not allow the policy '${POLICY}': add it to trusted-types, or rows cannot be shown.`);
    return null;
  }
}

// src/dom/form_fields.js
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
  if (name === "x-cloak") return true;
  if (name === "aria-busy") return attribute(element2, "data-live-call") !== null;
  if (element2 instanceof HTMLInputElement && isField(element2)) return name === (isToggle(element2) ? "checked" : "value");
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
  const shown = clean && !typing ? next : content2;
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
  const host = call(target, "closest", EDITABLE);
  if (host) edited.add(host);
}
function isToggle(element2) {
  return element2 instanceof HTMLInputElement && (element2.type === "checkbox" || element2.type === "radio");
}
function isRadio(element2) {
  return element2 instanceof HTMLInputElement && element2.type === "radio";
}
function hasFocus(element2) {
  const root = (
    /** @type {Document | ShadowRoot} */
    call(element2, "getRootNode")
  );
  return (root instanceof Document || root instanceof ShadowRoot) && get(root, "activeElement") === element2;
}
function holdsFocus(element2) {
  return call(element2, "contains", focused(element2));
}
function contentOf(field) {
  if (isToggle(field)) return String(field.checked);
  if (field instanceof HTMLSelectElement) return JSON.stringify([...field.selectedOptions].map(({ value }) => value));
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
    const value = to.getAttribute(name);
    if (value === null) field.removeAttribute(name);
    else field.setAttribute(name, value);
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
  for (const { name, value } of field.attributes) show(copy, name, value);
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
  attributeOf(element2, name) {
    return this.#attributes.get(element2)?.get(name);
  }
  /** Notes the server's value of an attribute. `differs`: the page shows another one. @param {Element} element @param {string} name @param {string | null} value @param {boolean} [differs] */
  noteAttribute(element2, name, value, differs = false) {
    if (differs) this.#attributesOf(element2).set(name, value);
    else this.#attributes.get(element2)?.delete(name);
    const names = this.#own?.attributes.get(element2);
    if (names) names.add(name);
    else this.#own?.attributes.set(element2, /* @__PURE__ */ new Set([name]));
  }
  /** Returns the server's last text of a node. @param {Node} node */
  textOf(node) {
    return this.#texts.has(node) ? this.#texts.get(node) : get(node, "nodeValue");
  }
  /** @param {Node} node @param {string | null} text */
  write(node, text) {
    this.#texts.delete(node);
    this.#own?.texts.add(node);
    const shown = get(node, "nodeValue") ?? "";
    if (text?.startsWith(shown)) node.appendData(text.slice(shown.length));
    else set(node, "nodeValue", text);
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
    for (const [name, value] of this.#attributes.get(node) ?? []) {
      if (value === null) call(
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
        value
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
  #attributesOf(element2) {
    let values = this.#attributes.get(element2);
    if (!values) this.#attributes.set(element2, values = /* @__PURE__ */ new Map());
    return values;
  }
  /** @param {Node} parent @param {Node[]} children */
  #keep(parent, children) {
    const shown = get(parent, "childNodes");
    if (shown.length === children.length && children.every((node, index) => shown[index] === node)) this.#children.delete(parent);
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
function serverAttribute(element2, name) {
  const own = pageChanges.attributeOf(element2, name);
  return own === void 0 ? attribute(element2, name) : own;
}
function pairNamed(from, to) {
  const pairs = /* @__PURE__ */ new Map();
  const named = /* @__PURE__ */ new Map();
  for (const element2 of withRemoved(from)) {
    const name = nameOf(element2);
    if (name) add(named, `${kind(element2)} ${name}`, element2);
  }
  const wanted = named.size ? elementsIn(to) : [];
  const taken2 = /* @__PURE__ */ new Set();
  const found = wanted.filter((element2) => {
    const name = nameOf(element2);
    const match = name && pick(named.get(`${kind(element2)} ${name}`), element2);
    if (match) pairs.set(element2, match);
    if (match) taken2.add(match);
    return match;
  });
  for (const element2 of found) pairHolders(pairs, taken2, { element: element2, from, to });
  return pairs;
}
function pairHolders(pairs, taken2, { element: element2, from, to }) {
  let match = (
    /** @type {Node | null} */
    pairs.get(element2) ?? null
  );
  for (let holder = get(element2, "parentNode"); holder && holder !== to && !pairs.has(holder); holder = get(holder, "parentNode")) {
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
function add(map, key, value) {
  const held = map.get(key);
  if (held) held.push(value);
  else map.set(key, [value]);
}

// src/dom/reorder.js
function arrange(parent, nodes, lead = null, standing = get(parent, "childNodes")) {
  const places = new Map(Array.from(standing, (node, index) => [node, index]));
  const placeOf = (node) => (
    /** @type {number} */
    places.get(node)
  );
  const present = nodes.filter((node) => places.has(node));
  const stay = isRise(present, placeOf) ? new Set(present) : longestRise(present, placeOf, childInUse(parent));
  if (stay.size === nodes.length) return;
  const restore = holdState(parent, nodes.filter((node) => !stay.has(node)));
  let previous = lead;
  for (const node of nodes) {
    if (!stay.has(node)) put(parent, node, previous ? get(previous, "nextSibling") : get(parent, "firstChild"));
    previous = node;
  }
  restore();
}
function place(parent, node, before) {
  const restore = holdState(parent, [node]);
  put(parent, node, before);
  restore();
}
function isRise(nodes, placeOf) {
  return nodes.every((node, index) => index === 0 || placeOf(nodes[index - 1]) < placeOf(node));
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
    for (const { element: element2, top, left } of scrolled) Object.assign(element2, { scrollTop: top, scrollLeft: left });
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
  const [start, end, direction] = active.selectionStart === void 0 ? [] : [active.selectionStart, active.selectionEnd, active.selectionDirection];
  const hush = (event) => event.stopImmediatePropagation();
  const heard = ["blur", "focusout", "focus", "focusin"];
  for (const type of heard) window2.addEventListener(type, hush, true);
  return () => {
    active.focus({ preventScroll: true });
    if (typeof start === "number") active.setSelectionRange(start, end ?? start, direction ?? void 0);
    for (const type of heard) window2.removeEventListener(type, hush, true);
  };
}
function scrollPositions(node) {
  if (!(node instanceof Element)) return [];
  return [node, ...call(node, "querySelectorAll", "*")].map((element2) => ({ element: element2, top: get(element2, "scrollTop"), left: get(element2, "scrollLeft") })).filter(({ top, left }) => top || left);
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

// src/dom/morph.js
function morph(from, to) {
  return isKept(from) ? from : pageChanges.during(() => new Morph(from, to).root(from, to));
}
function watchFields(document2) {
  call(document2, "addEventListener", "input", noteEdit);
  call(document2, "addEventListener", "focusout", ({ target }) => {
    for (let element2 = target instanceof Element ? target : null; element2; element2 = get(element2, "parentElement")) catchUp(element2);
  });
}
function catchUp(element2) {
  const to = takeWithheld(element2);
  if (to) morph(element2, to);
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
    const isSame = kind(from) === kind(to);
    if (isSame) this.#update(from, to);
    else this.#replace(from, to);
    this.#clear();
    return isSame ? from : to;
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
    const shown = new Set(get(from, "childNodes"));
    const taken2 = new Set(previous.filter((node) => !shown.has(
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
    const { name, value } = wanted;
    if (isUsersAttribute(from, name)) continue;
    const own = pageChanges.attributeOf(from, name);
    if (own === void 0 ? call(from, "getAttribute", name) === value : own === value) continue;
    if (own !== void 0 && merge(from, name, own ?? "", to)) continue;
    call(
      from,
      "setAttributeNode",
      /** @type {Attr} */
      wanted.cloneNode()
    );
    pageChanges.noteAttribute(from, name, value);
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
  const [own, before, wanted] = [from, old, to].map((element2) => get(
    /** @type {HTMLElement} */
    element2,
    "style"
  ));
  for (const property of /* @__PURE__ */ new Set([...before, ...wanted])) {
    const [value, priority] = [wanted.getPropertyValue(property), wanted.getPropertyPriority(property)];
    if (value === before.getPropertyValue(property) && priority === before.getPropertyPriority(property)) continue;
    if (value) own.setProperty(property, value, priority);
    else own.removeProperty(property);
  }
}

// src/admin/page.js
function aboutOf(page) {
  const tag = page.querySelector("script[data-realtime-admin]");
  return tag && JSON.parse(tag.getAttribute("data-realtime-admin") ?? "");
}
async function read(url) {
  const answer = await fetch(url, { headers: { "Realtime-Refresh": "1" }, cache: "no-store" });
  if (answer.status === 401 || answer.status === 403) return "denied";
  if (answer.status === 404 || answer.status === 410) return "gone";
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  const page = parsePage(await answer.text());
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
  /** @param {{document: Document, work: () => Promise<void>}} options work: retried if it fails */
  constructor({ document: document2, work }) {
    this.#document = document2;
    this.#work = work;
    document2.addEventListener("visibilitychange", () => void this.#run());
  }
  /** Requests a run. */
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

// src/dom/connection_notice.js
var OUTAGE_SECONDS = 5;

// src/admin/status.js
var QUIET = 3e3;
var ListStatus = class {
  #counts = { added: 0, changed: 0, gone: 0 };
  #heard = "";
  #line;
  #message;
  /** The timer after which a lost connection is reported. @type {ReturnType<typeof setTimeout> | undefined} */
  #outage;
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
    if (state === "live") {
      clearTimeout(this.#outage);
      this.#set("live", this.#texts.live, this.#message.textContent === this.#texts.offline ? "" : void 0);
    } else if (state === "offline" && this.#heard !== "offline") {
      this.#set("offline", "");
      this.#outage = setTimeout(() => this.#set("offline", "", this.#texts.offline), OUTAGE_SECONDS * 1e3);
    }
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
   * @param {string} total the number of rows in the whole list, if it has changed
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
    const changes = counted.map((name) => this.#texts[name].replace("{number}", String(this.#counts[name]))).join(", ");
    this.#message.textContent = [this.#total, changes].filter(Boolean).map((part) => `${part}.`).join(" ");
    this.#counts = { added: 0, changed: 0, gone: 0 };
    this.#total = "";
    this.#quiet = setTimeout(() => {
      this.#quiet = void 0;
      this.#announce();
    }, QUIET);
  }
  /** @param {string} message */
  #end(message) {
    clearTimeout(this.#outage);
    this.#set("ended", "", message);
    this.#message.append(" ", element(document, "a", { href: location.href }, this.#texts.again));
  }
  /** @param {string} state @param {string} label @param {string} [message] undefined: unchanged */
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
  /** @param {{document: Document, form: HTMLFormElement | null, about: About}} options */
  constructor({ document: document2, form, about: about2 }) {
    this.#document = document2;
    this.#texts = about2.texts;
    this.#warning = element(document2, "p", { class: "realtime-warning", hidden: "" });
    this.#people = element(document2, "p", { class: "realtime-people", hidden: "" });
    const notices = element(document2, "div", { class: "realtime-notices", role: "status" }, this.#warning, this.#people);
    if (form) call(form, "before", notices);
  }
  /** @param {string[]} names of the changed fields; none: unknown */
  changed(names) {
    const what = names.length ? ` ${this.#texts.fields} ${names.join(", ")}.` : "";
    this.#warn(`${this.#texts.changed}${what}`, this.#texts.again);
  }
  /** Removes the warning, because the object is again as the form shows it. */
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
  /** @param {{name: string, data: {editing?: boolean}}[]} people the other users who have this form open */
  here(people) {
    const names = people.map(({ name, data }) => {
      const person = element(this.#document, "span", { class: "realtime-person" }, name);
      if (data.editing) person.append(" ", element(this.#document, "em", {}, `(${this.#texts.editing})`));
      return person;
    });
    this.#people.replaceChildren(`${this.#texts.people} `, ...names.flatMap((name, index) => index ? [", ", name] : [name]));
    this.#people.hidden = !names.length;
  }
  /** @param {string} sentence @param {string} [link] reloads this page */
  #warn(sentence2, link) {
    this.#warning.hidden = false;
    const parts = link ? [" ", element(this.#document, "a", { href: location.href }, link)] : [];
    this.#warning.replaceChildren(sentence2, ...parts);
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
  /** The form's contents as loaded, by label; null: it shows posted data. @type {Map<string, string> | null} */
  #shown;
  /** @param {{document: Document, source: Document, about: About}} options source: the page as loaded */
  constructor({ document: document2, source: source2, about: about2 }) {
    this.#document = document2;
    this.#form = formOf(document2);
    this.#notices = new FormNotices({ document: document2, form: this.#form, about: about2 });
    this.#shown = about2.posted ? null : contents(source2);
    this.#refresher = new Refresher({ document: document2, work: () => this.#refresh() });
    if (this.#form) call(this.#form, "append", element(document2, "input", { type: "hidden", name: about2.since.name, value: about2.since.cursor }));
    if (this.#form) call(this.#form, "addEventListener", "submit", (event) => this.#submitted ||= !event.defaultPrevented);
    addEventListener("pageshow", ({ persisted }) => persisted && (this.#submitted = false));
  }
  /** Marks the user as present, and shows the other users. @param {any} realtime @param {About} about */
  meet(realtime2, { stream, live, user }) {
    const people = realtime2.presence(stream, JSON.parse(live["data-live-params"]));
    people.subscribe((rows) => this.#notices.here(rows.filter((person) => String(person.user) !== user)));
    if (this.#form) call(this.#form, "addEventListener", "input", () => people.set({ editing: true }), { once: true });
  }
  /** Handles a possible change of the object. */
  changed() {
    this.#refresher.wake();
  }
  /** Handles the refusal of the live value: the object is deleted, or the user may no longer see it. */
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
    if (this.#form) call(this.#form, "remove");
    for (const tool of this.#document.querySelectorAll("#content > h2, .object-tools")) tool.remove();
    this.#notices.denied();
  }
};
function formOf(page) {
  return page.querySelector(TOKEN)?.closest("form") ?? null;
}
function contents(page) {
  const found = /* @__PURE__ */ new Map();
  const form = formOf(page);
  const add2 = (name, text) => found.set(name, `${found.get(name) ?? ""}${text}
`);
  for (const part of form ? call(form, "querySelectorAll", "input, select, textarea, .readonly, .file-upload a") : []) {
    const name = nameOf2(part);
    if (isField(part)) add2(name, contentOf(part));
    else if (!(part instanceof HTMLInputElement)) add2(name, part.textContent ?? "");
  }
  return found;
}
function nameOf2(part) {
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
  // rows in use are kept that are no longer in the list
  #list;
  /** The server's last markup of each row, by key. @type {Map<string, string>} */
  #markup;
  #refresher;
  #status;
  #texts;
  /** @param {{document: Document, source: Document, about: About, status: import("./status.js").ListStatus}} options source: the page as loaded */
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
  /** Handles a possible change of the list. */
  changed() {
    this.#refresher.wake();
  }
  /** Handles the refusal of the live value: fetches the list to learn whether the user may still see it. */
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
  /** Fetches the current page of the list; if it no longer exists, the previous one or the first. */
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
   * @param {Map<string, Element>} rows the new ones
   * @param {Map<string, Element>} here the shown ones
   * @param {Element[]} kept those that are no longer in the list, and that the user is editing
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
  /** Adds rows that are no longer in the list to the formset. @param {Element[]} kept @param {number} first their first number */
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
  /** Removes rows, and moves the focus to the row that follows. @param {Element} body @param {Element[]} gone */
  #remove(body, gone) {
    const focused2 = gone.find((row) => row.contains(this.#document.activeElement));
    const next = focused2?.nextElementSibling ?? focused2?.previousElementSibling;
    for (const row of gone) row.remove();
    const target = next?.isConnected && body.contains(next) ? next.querySelector("a, input:not([type=hidden])") : null;
    if (focused2 && target instanceof HTMLElement) target.focus();
  }
  /** Keeps the form in an empty list, for rows that the user is editing. @param {Element} next */
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
var source = parsePage(document.documentElement.outerHTML);
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
