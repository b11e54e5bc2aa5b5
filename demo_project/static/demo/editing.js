// Shows to all other users who edits which card.
// Rows belong to `realtime`, so the marks are rules of a style sheet, not elements in the rows.

const board = document.getElementById("board")
const people = window.realtime.presence("tasks", JSON.parse(board.dataset.liveParams))
const signs = new CSSStyleSheet()
document.adoptedStyleSheets.push(signs)
let editing = null // the key of the card whose title this user is changing

people.subscribe((rows) => {
  const others = rows.filter(({user, data}) => String(user) !== board.dataset.me && Number.isInteger(data.card))
  const editors = Map.groupBy ? Map.groupBy(others, ({data}) => data.card) : group(others)
  signs.replaceSync([...editors].map(([card, names]) => rule(card, names.map(({name}) => name))).join("\n"))
})

function group(rows) {
  const groups = new Map()
  for (const row of rows) groups.set(row.data.card, [...(groups.get(row.data.card) ?? []), row])
  return groups
}

function rule(card, names) {
  const verb = names.length > 1 ? "are" : "is"
  const text = `${names.map((name) => name.split(" ")[0]).join(" and ")} ${verb} editing`
  // users choose their names: written as code points, a name cannot end the string
  const escaped = Array.from(text, (letter) => `\\${letter.codePointAt(0).toString(16)} `).join("")
  return `.board .card[data-live-key="${card}"] { --editor: "${escaped}"; border-color: var(--accent); }`
}

function say(card) {
  if (card === editing) return
  editing = card
  people.set(card === null ? {} : {card})
}

board.addEventListener("focusin", ({target}) => {
  if (target.matches(".card-rename input")) say(Number(target.closest(".card").dataset.liveKey))
})

board.addEventListener("focusout", ({target}) => {
  // if the window loses the focus, the input stays active: the user is still editing
  if (target.matches(".card-rename input") && document.activeElement !== target) say(null)
})
