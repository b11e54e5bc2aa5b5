// The chat's own code, besides `{% live %}`: typing indicators, and marks for own messages and the room.

const TYPING_SECONDS = 3 // how long an indicator is shown
const AGAIN_SECONDS = 2 // between two events of a user who keeps typing

const talk = document.getElementById("talk")
const text = document.getElementById("text")
const typing = document.getElementById("typing")
const params = JSON.parse(talk.dataset.liveParams)
const me = talk.dataset.me
const messages = window.realtime.live("messages", params)
const typists = new Map() // user -> {name, timer}
let told = 0 // when the last typing event was sent

// Rows are the same for all users, so a style sheet marks the user's own messages.
const own = new CSSStyleSheet()
own.replaceSync(`
  .message-row[data-author="${Number(me)}"] { flex-direction: row-reverse; }
  .message-row[data-author="${Number(me)}"] .bubble { background: var(--accent); color: var(--on-accent); --soft: var(--on-accent); }
  .room[data-room="${Number(talk.dataset.room)}"] a { background: var(--panel); color: var(--text); font-weight: 600; box-shadow: var(--shadow); }
`)
document.adoptedStyleSheets.push(own)

// Typing is an event, which may be lost, so an indicator disappears by itself.

text.addEventListener("input", () => {
  if (text.value && Date.now() - told > AGAIN_SECONDS * 1000 && messages.send("typing")) told = Date.now()
})

text.form.addEventListener("realtime:reply", () => (told = 0))

messages.on("typing", ({name}, {sender}) => {
  if (sender === me) return // another page of the same person
  clearTimeout(typists.get(sender)?.timer)
  typists.set(sender, {name, timer: setTimeout(() => stops(sender), TYPING_SECONDS * 1000)})
  showTypists()
})

function stops(sender) {
  clearTimeout(typists.get(sender)?.timer)
  typists.delete(sender)
  showTypists()
}

function showTypists() {
  const names = [...typists.values()].map(({name}) => name)
  typing.textContent = names.length ? `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} typing…` : ""
}

messages.subscribe((rows) => {
  if (rows[0]) stops(String(rows[0].author))
})
