// Who edits which card: said while the title is being changed, and shown to all others.
// Rows belong to `realtime`, so the signs are rules of a style sheet and not marks in the rows.

const board = document.getElementById("board")
const people = window.realtime.presence("tasks", JSON.parse(board.dataset.liveParams))
const signs = new CSSStyleSheet()
document.adoptedStyleSheets.push(signs)
let editing = null // the key of the card whose title is being changed here

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
  // A name is anybody's: as code points it cannot end the string.
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
  // A window that loses the focus leaves the input active: the user is not done with it.
  if (target.matches(".card-rename input") && document.activeElement !== target) say(null)
})
