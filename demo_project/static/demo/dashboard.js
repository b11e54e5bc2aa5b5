// The dashboard's charts, drawn by hand from live values and rows.

const SVG = "http://www.w3.org/2000/svg"
const SPAN_SECONDS = 120
const FRAME_SECONDS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 0.1
const COLUMNS = ["todo", "doing", "done"]
const LABELS = {todo: "To do", doing: "Doing", done: "Done"}
const MOMENTS = [[0, "Now"], [30, "30 seconds ago"], [60, "A minute ago"], [120, "Two minutes ago"]]

const flow = document.getElementById("flow")
const bars = document.getElementById("bars")
const lines = {open: [], done: []} // {at, value}: the value from that time on
const paths = {}

for (const name of Object.keys(lines)) {
  window.realtime.value("overview", {}, name).subscribe((value) => {
    lines[name].push({at: Date.now() / 1000, value})
    drawFlow()
    showNumbers()
  })
  paths[name] = {area: svg("path", {class: `area area-${name}`}), line: svg("path", {class: `line line-${name}`})}
  paths[name].dot = svg("circle", {class: `dot dot-${name}`, r: 4})
}
const grid = svg("g", {class: "grid"})
flow.append(grid, ...Object.values(paths).flatMap(({area, line, dot}) => [area, line, dot]))

window.realtime.value("overview", {}, "projects").subscribe(drawBars)
window.realtime.live("visitors").subscribe((rows) => {
  document.getElementById("visitor-count").textContent = new Set(rows.map(({user}) => user)).size
})

setInterval(showNumbers, 10_000)
setInterval(() => document.visibilityState === "visible" && drawFlow(), FRAME_SECONDS * 1000)
new ResizeObserver(drawFlow).observe(flow)

/** Draws the lines, with the current time at the right edge. */
function drawFlow() {
  const {width, height} = flow.getBoundingClientRect()
  if (!width) return
  const now = Date.now() / 1000
  const most = Math.max(4, ...Object.values(lines).flat().map(({value}) => value))
  const top = Math.ceil(most / 5) * 5
  const x = (at) => Math.max(0, (1 - (now - at) / SPAN_SECONDS) * (width - 10))
  const y = (value) => height - 8 - (value / top) * (height - 20)

  grid.replaceChildren(...[0, 0.5, 1].flatMap((part) => {
    const at = y(part * top)
    const label = svg("text", {x: 2, y: at - 4})
    label.textContent = Math.round(part * top)
    return [svg("line", {x1: 0, x2: width, y1: at, y2: at}), label]
  }))
  for (const [name, points] of Object.entries(lines)) {
    while (points.length > 1 && points[1].at < now - SPAN_SECONDS) points.shift()
    if (!points.length) continue
    let path = `M 0 ${y(points[0].value)}`
    for (const {at, value} of points.slice(1)) path += ` H ${x(at)} V ${y(value)}`
    path += ` H ${x(now)}`
    paths[name].line.setAttribute("d", path)
    paths[name].area.setAttribute("d", `${path} V ${y(0)} H 0 Z`)
    paths[name].dot.setAttribute("cx", x(now))
    paths[name].dot.setAttribute("cy", y(points.at(-1).value))
  }
}

/** The chart as a table, for those who cannot see it. Cells that stay the same are left alone. */
function showNumbers() {
  const body = document.getElementById("flow-numbers")
  const now = Date.now() / 1000
  const valueAt = (points, at) => (points.findLast((point) => point.at <= at) ?? points[0])?.value ?? ""
  MOMENTS.forEach(([seconds, label], index) => {
    const row = body.rows[index] ?? newRow(body, label)
    Object.values(lines).forEach((points, column) => {
      const text = String(valueAt(points, now - seconds))
      const cell = row.cells[column + 1]
      if (cell.textContent !== text) cell.textContent = text
    })
  })
}

function newRow(body, label) {
  const row = body.insertRow()
  const head = document.createElement("th")
  head.scope = "row"
  head.textContent = label
  row.append(head)
  row.insertCell()
  row.insertCell()
  return row
}

/** Draws one bar per project. The elements are kept, so that changes of their widths are animated. */
function drawBars(projects) {
  const known = new Map([...bars.children].map((item) => [item.dataset.project, item]))
  bars.replaceChildren(...projects.map((project) => {
    const item = known.get(String(project.id)) ?? newBar(project.id)
    const total = COLUMNS.reduce((sum, column) => sum + project[column], 0)
    item.querySelector("a").textContent = project.name
    item.querySelector(".bar-count").textContent = `${project.done} of ${total} done`
    let start = 0
    for (const column of COLUMNS) {
      const share = total ? (100 * project[column]) / total : 0
      const part = item.querySelector(`.part-${column}`)
      part.style.x = `${start}%`
      part.style.width = `${share}%`
      part.querySelector("title").textContent = `${LABELS[column]}: ${project[column]}`
      start += share
    }
    item.querySelector("svg").setAttribute("aria-label", COLUMNS.map((column) => `${LABELS[column]}: ${project[column]}`).join(", "))
    return item
  }))
}

function newBar(id) {
  const item = document.createElement("li")
  item.dataset.project = id
  const head = document.createElement("p")
  const link = document.createElement("a")
  link.href = `/board/${Number(id)}/`
  const count = document.createElement("span")
  count.className = "bar-count"
  head.append(link, count)
  const chart = svg("svg", {class: "stack", role: "img"})
  for (const column of COLUMNS) {
    const part = svg("rect", {class: `part-${column}`, height: "100%"})
    part.append(svg("title", {}))
    chart.append(part)
  }
  item.append(head, chart)
  return item
}

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  return element
}
