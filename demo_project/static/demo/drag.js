// Drag and drop of cards with pointer events: a mouse drags the whole card, a finger its grip.
// Nothing is added to the live lists, because their rows belong to `realtime`. A copy and a line float above them.

const START = 6 // pixels of movement that make a press a drag
const EDGE = 48 // pixels from an edge where scrolling begins
const SPEED = 10 // pixels scrolled per animation frame

/** Let cards of `board` be dragged; `drop({pk, column, before})` is called with a card's new place. */
export function dragCards(board, drop) {
  let drag = null

  board.addEventListener("pointerdown", (event) => {
    const card = event.target.closest(".card")
    const grip = event.target.closest(".card-grip")
    const free = event.pointerType === "mouse" && !event.target.closest("input, button, a")
    if (!card || event.button !== 0 || !(grip || free)) return
    const box = card.getBoundingClientRect()
    drag = {key: card.dataset.liveKey, id: event.pointerId, startX: event.clientX, startY: event.clientY}
    drag.offsetX = event.clientX - box.left
    drag.offsetY = event.clientY - box.top
  })

  board.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drag?.id) return
    drag.x = event.clientX
    drag.y = event.clientY
    if (!drag.ghost && Math.hypot(drag.x - drag.startX, drag.y - drag.startY) > START) lift()
  })

  board.addEventListener("pointerup", (event) => {
    if (event.pointerId !== drag?.id) return
    const {key, place} = drag
    end()
    if (place) drop({pk: Number(key), column: place.column, before: place.before})
  })

  board.addEventListener("pointercancel", end)
  document.addEventListener("keydown", (event) => event.key === "Escape" && end())

  function lift() {
    const card = board.querySelector(`[data-live-key="${drag.key}"]`)
    if (!card) return end()
    board.setPointerCapture(drag.id)
    board.classList.add("is-dragging")
    drag.ghost = card.cloneNode(true)
    drag.ghost.removeAttribute("data-live-key")
    drag.ghost.classList.add("ghost")
    drag.ghost.inert = true
    drag.ghost.style.width = `${card.offsetWidth}px`
    drag.line = document.createElement("div")
    drag.line.className = "drop-line"
    document.body.append(drag.ghost, drag.line)
    step()
  }

  function step() {
    if (!drag?.ghost) return
    drag.ghost.style.translate = `${drag.x - drag.offsetX}px ${drag.y - drag.offsetY}px`
    // rows may be added, removed and replaced at any time, so elements are looked up on each frame
    board.querySelector(`[data-live-key="${drag.key}"]`)?.classList.add("is-dragged")
    scrollNear(board, drag.x, "left")
    drag.place = findPlace()
    requestAnimationFrame(step)
  }

  function findPlace() {
    const columns = [...board.querySelectorAll(".column")]
    const column = columns.find((item) => {
      const box = item.getBoundingClientRect()
      return drag.x >= box.left && drag.x <= box.right
    })
    drag.line.hidden = !column
    if (!column) return null

    const list = column.querySelector(".cards")
    scrollNear(list, drag.y, "top")
    const cards = [...list.querySelectorAll(":scope > [data-live-key]")]
    const others = cards.filter((card) => card.dataset.liveKey !== drag.key)
    const next = others.find((card) => {
      const box = card.getBoundingClientRect()
      return drag.y < box.top + box.height / 2
    })
    drawLine(list, others, next)
    const own = cards.findIndex((card) => card.dataset.liveKey === drag.key)
    if (own >= 0 && cards[own + 1] === next) return null
    return {column: column.dataset.column, before: next ? Number(next.dataset.liveKey) : null}
  }

  function drawLine(list, others, next) {
    const box = list.getBoundingClientRect()
    const last = others.at(-1)?.getBoundingClientRect()
    const y = next ? next.getBoundingClientRect().top - 5 : (last?.bottom ?? box.top) + 3
    drag.line.style.width = `${box.width - 24}px`
    drag.line.style.translate = `${box.left + 12}px ${Math.max(box.top, Math.min(y, box.bottom - 2))}px`
  }

  function end() {
    if (drag?.ghost) {
      drag.ghost.remove()
      drag.line.remove()
      board.classList.remove("is-dragging")
      for (const card of board.querySelectorAll(".is-dragged")) card.classList.remove("is-dragged")
    }
    drag = null
  }
}

function scrollNear(element, at, side) {
  const box = element.getBoundingClientRect()
  const [low, high] = side === "left" ? [box.left, box.right] : [box.top, box.bottom]
  const by = at < low + EDGE ? -SPEED : at > high - EDGE ? SPEED : 0
  if (by) element.scrollBy({[side]: by, behavior: "instant"})
}
