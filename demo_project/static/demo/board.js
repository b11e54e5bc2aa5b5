// The board's own code, besides `data-live-call`: rename in place, the card's menu, counts, messages, and what waits.

import {dragCards} from "./drag.js"

const board = document.getElementById("board")
const menu = document.getElementById("menu")
const message = document.getElementById("message")
const params = JSON.parse(board.dataset.liveParams)
const sent = new WeakMap() // form -> the last title that was sent
let known = new Map() // pk -> the last version of the row, as text
let menuKey = null // the card whose menu is open
let followKey = null // the card to focus when the current one is removed
const WAIT_SECONDS = 3600 // for the network; data-live-timeout says the same in the templates

const cardOf = (key) => board.querySelector(`[data-live-key="${key}"]`)
const titleOf = (card) => card.querySelector(".card-title").textContent

// The cards are HTML. Counts, progress and the flash of changed cards use the same rows as data.

window.realtime.live("tasks", params).subscribe((rows) => {
  for (const count of board.querySelectorAll("[data-count]")) {
    count.textContent = rows.filter((row) => row.column === count.dataset.count).length
  }
  const done = rows.filter((row) => row.done).length
  const progress = document.getElementById("progress")
  progress.max = rows.length || 1
  progress.value = done
  document.getElementById("progress-text").textContent = `${done} of ${rows.length} done`

  const now = new Map(rows.map((row) => [row.id, JSON.stringify(row)]))
  if (known.size) [...now.keys()].filter((pk) => now.get(pk) !== known.get(pk)).forEach(flash)
  known = now
})

function flash(pk) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return
  cardOf(pk)?.animate([{boxShadow: "0 0 0 2px var(--accent)"}, {}], {duration: 900, easing: "ease-in"})
}

// Rename: the input is always there, and is visible while it has the focus, so the row needs no state.

function startRename(card) {
  card.querySelector(".card-rename input").focus()
}

board.addEventListener("dblclick", (event) => {
  const title = event.target.closest(".card-title")
  if (title) startRename(title.closest(".card"))
})

board.addEventListener("focusin", (event) => {
  if (!event.target.matches(".card-rename input")) return
  sent.delete(event.target.form)
  event.target.value = titleOf(event.target.closest(".card"))
  event.target.select()
})

board.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.matches(".card-rename input")) return
  event.target.value = titleOf(event.target.closest(".card"))
  event.target.closest(".card").querySelector(".card-more").focus()
})

board.addEventListener("focusout", (event) => {
  const input = event.target
  // if the window loses the focus, the input stays active: the user is still editing
  if (!input.matches(".card-rename input") || document.activeElement === input || !input.isConnected) return
  if (input.value !== titleOf(input.closest(".card")) && input.value !== sent.get(input.form)) {
    input.form.requestSubmit()
  }
})

board.addEventListener("submit", (event) => sent.set(event.target, event.target.elements.title.value), true)

board.addEventListener("realtime:reply", (event) => {
  const form = event.target
  if (form.matches(".card-rename") && form.contains(document.activeElement)) {
    form.closest(".card").querySelector(".card-more").focus()
  }
})

// All cards share one menu. Its buttons get the arguments of the card that has opened it.

board.addEventListener("click", (event) => {
  const more = event.target.closest(".card-more")
  if (!more) return
  menuKey = more.closest("[data-live-key]").dataset.liveKey
  fillMenu()
})

function fillMenu() {
  const card = cardOf(menuKey)
  if (!card) return menu.hidePopover()
  const pk = Number(menuKey)
  const column = card.closest(".column").dataset.column
  const previous = card.previousElementSibling
  const next = card.nextElementSibling
  document.getElementById("menu-title").textContent = titleOf(card)
  for (const button of menu.querySelectorAll("button")) {
    let args = {pk}
    if (button.dataset.to) args = {pk, column: button.dataset.to}
    if (button.dataset.step === "up") args = {pk, column, before: Number(previous?.dataset.liveKey)}
    if (button.dataset.step === "down") args = {pk, column, after: Number(next?.dataset.liveKey)}
    if ("assign" in button.dataset) args = {pk, assignee: Number(button.dataset.assign) || null}
    button.value = JSON.stringify(args)
  }
  const edit = menu.querySelector("[data-edit]")
  if (edit) edit.href = `${board.dataset.path}tasks/${pk}/`
  menu.querySelector("[data-step=up]").disabled = !previous
  menu.querySelector("[data-step=down]").disabled = !next
  for (const button of menu.querySelectorAll("[data-to]")) button.disabled = button.dataset.to === column
}

menu.addEventListener("click", (event) => {
  const button = event.target.closest("button")
  const card = cardOf(menuKey)
  if (!button || !card) return
  const action = button.dataset.call
  if (button.dataset.to) followKey = menuKey
  if (action === "delete") followKey = (card.nextElementSibling ?? card.previousElementSibling)?.dataset.liveKey
  if (!button.dataset.step) menu.hidePopover()
  if ("rename" in button.dataset) startRename(card)
  else if (action) EFFECTS[action](JSON.parse(button.value))
  if (button.dataset.step) fillMenu()
  else follow()
})

document.addEventListener("realtime:change", () => {
  if (menu.matches(":popover-open")) fillMenu()
  follow()
})

function follow() {
  if (!followKey || document.activeElement !== document.body) return
  cardOf(followKey)?.querySelector(".card-more").focus()
  followKey = null
}

// Calls. All buttons of the menu share it, so the cards, not the buttons, show that a call waits.

const EFFECTS = {move, assign: (args) => call("assign", args), delete: remove}

dragCards(board, move)

function call(action, args, optimistic = []) {
  const made = window.realtime.call("tasks", params, action, args, {optimistic, timeout: WAIT_SECONDS})
  const card = cardOf(args.pk)
  if (!card) return
  count(card, 1)
  made.then(() => say(""), complain).finally(() => count(card, -1))
}

/** Counts the calls of a card that are not answered. */
function count(card, step) {
  const calls = Number(card.dataset.calls ?? 0) + step
  if (calls) card.dataset.calls = calls
  else delete card.dataset.calls
}

// The card is in its new place at once. The server's rows replace this when they arrive, or if the server refuses.
function move(args) {
  const key = String(args.pk)
  const card = cardOf(key)
  if (!card) return
  const from = card.closest(".cards")
  const to = board.querySelector(`[data-column="${args.column}"] .cards`)
  const without = (rows) => rows.filter((row) => row.dataset.liveKey !== key)
  const inPlace = (rows) => {
    const others = without(rows)
    const placeOf = (pk) => others.findIndex((row) => row.dataset.liveKey === String(pk))
    const next = args.after === undefined ? placeOf(args.before) : placeOf(args.after) + 1 || -1
    others.splice(next < 0 ? others.length : next, 0, rows.find((row) => row.dataset.liveKey === key) ?? card)
    return others
  }
  const optimistic = from === to ? [[to, inPlace]] : [[from, without], [to, inPlace]]
  call("move", args, optimistic)
}

function remove(args) {
  const list = cardOf(args.pk).closest(".cards")
  call("delete", args, [[list, (rows) => rows.filter((row) => row.dataset.liveKey !== String(args.pk))]])
}

// What waits for the network.

window.realtime.status.subscribe(({state, waiting}) => {
  const text = state === "live" || !waiting ? "" : `${waiting} ${waiting > 1 ? "changes wait" : "change waits"} for the network.`
  const line = document.getElementById("waiting")
  if (line.textContent !== text) line.textContent = text
})

// Messages.

document.addEventListener("realtime:reply", () => say(""))
document.addEventListener("realtime:error", (event) => complain(event.detail))

function complain(error) {
  const sentences = Object.values(error.details ?? {}).flat()
  say(sentences.join(" ") || error.message)
}

function say(text) {
  message.textContent = text
}
