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

// src/dom/overlay.js
var STYLE = "position:fixed;inset:auto 1rem 1rem;z-index:2147483647;margin:0;padding:1rem 3rem 1rem 1rem;border-radius:.5rem;background:#7f1d1d;color:#fff;font:1rem/1.4 system-ui,sans-serif;box-shadow:0 4px 16px #0006";
function overlay(document2, text) {
  const place = (
    /** @type {HTMLParagraphElement} */
    call(document2, "createElement", "p")
  );
  place.setAttribute("role", "alert");
  place.dataset.realtimeOverlay = "";
  place.style.cssText = STYLE;
  place.append(text);
  const close = (
    /** @type {HTMLButtonElement} */
    call(document2, "createElement", "button")
  );
  close.type = "button";
  close.style.cssText = "position:absolute;top:.5rem;right:.5rem;border:0;background:none;color:inherit;font-size:1.25rem";
  close.setAttribute("aria-label", "Close");
  close.append("×");
  close.addEventListener("click", () => place.remove());
  place.append(close);
  call(get(document2, "body"), "append", place);
}

// src/debug.js
var MESSAGE = "This page shows live rows and does not load realtime, so they stay as they are. Put {% load realtime %}{% realtime_script %} into its <head>.";
function warnIfScriptIsMissing({ document: document2, console: console2, loaded }) {
  if (loaded() || call(document2, "querySelector", "script[data-realtime-url]")) return;
  console2.error(MESSAGE);
  overlay(document2, MESSAGE);
}
if (typeof document !== "undefined") {
  const warn = () => warnIfScriptIsMissing({ document, console, loaded: () => "realtime" in globalThis });
  if (get(document, "readyState") === "complete") warn();
  else addEventListener("load", warn, { once: true });
}
export {
  warnIfScriptIsMissing
};
