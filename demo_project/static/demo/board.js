// The board's own code, besides `data-live-call`: rename in place, the card's menu, counts, and messages.

import {dragCards} from "./drag.js"

const board = document.getElementById("board")
const menu = document.getElementById("menu")
const message = document.getElementById("message")
const params = JSON.parse(board.dataset.liveParams)
const sent = new WeakMap() // form -> the last title that was sent
let known = new Map() // pk -> the last version of the row, as text
let menuKey = null // the card whose menu is open
let followKey = null // the card to focus when the current one is removed

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
    if (button.dataset.move === "column") args = {pk, column: button.dataset.to}
    if (button.dataset.move === "up") args = {pk, column, before: Number(previous?.dataset.liveKey)}
    if (button.dataset.move === "down") args = {pk, column, after: Number(next?.dataset.liveKey)}
    if ("assign" in button.dataset) args = {pk, assignee: Number(button.dataset.assign) || null}
    button.dataset.liveArgs = JSON.stringify(args)
  }
  menu.querySelector("[data-edit]").href = `tasks/${pk}/`
  menu.querySelector("[data-move=up]").disabled = !previous
  menu.querySelector("[data-move=down]").disabled = !next
  for (const button of menu.querySelectorAll("[data-to]")) button.disabled = button.dataset.to === column
}

menu.addEventListener("click", (event) => {
  const button = event.target.closest("button")
  if (!button || ["up", "down"].includes(button.dataset.move)) return
  const card = cardOf(menuKey)
  if (button.dataset.move === "column") followKey = menuKey
  if ("delete" in button.dataset) {
    followKey = (card?.nextElementSibling ?? card?.previousElementSibling)?.dataset.liveKey
  }
  menu.hidePopover()
  if ("rename" in button.dataset && card) startRename(card)
})

document.addEventListener("realtime:change", () => {
  if (menu.matches(":popover-open")) fillMenu()
  if (followKey && document.activeElement === document.body) {
    cardOf(followKey)?.querySelector(".card-more").focus()
    followKey = null
  }
})

// Drag and drop, and errors.

dragCards(board, move)

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
    const next = others.findIndex((row) => row.dataset.liveKey === String(args.before))
    others.splice(next < 0 ? others.length : next, 0, rows.find((row) => row.dataset.liveKey === key) ?? card)
    return others
  }
  const optimistic = from === to ? [[to, inPlace]] : [[from, without], [to, inPlace]]
  window.realtime.call("tasks", params, "move", args, {optimistic}).then(() => say(""), complain)
}

document.addEventListener("realtime:reply", () => say(""))
document.addEventListener("realtime:error", (event) => complain(event.detail))

function complain(error) {
  const sentences = Object.values(error.details ?? {}).flat()
  say(sentences.join(" ") || error.message)
}

function say(text) {
  message.textContent = text
}
