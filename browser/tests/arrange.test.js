import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {arrange} from "../src/dom/reorder.js"
import {openPage} from "./support.js"

let document, list, moved

beforeEach(() => {
  document = openPage('<ul id="list"></ul>')
  list = document.getElementById("list")
})

function fill(text) {
  list.innerHTML = [...text].map((name) => `<li id="${name}"><input></li>`).join("")
}

/** Arranges the items so, and notes which were moved. */
function to(text, lead = null) {
  moved = []
  const insertBefore = list.insertBefore
  list.insertBefore = (node, before) => {
    moved.push(node.id)
    return insertBefore.call(list, node, before)
  }
  const nodes = [...text].map((name) => document.getElementById(name) ?? Object.assign(document.createElement("li"), {id: name}))
  arrange(list, nodes, lead)
  delete list.insertBefore
}

const order = () => [...list.children].map(({id}) => id).join("")

describe("arrange", () => {
  for (const [from, wanted, moves] of [
    ["abcde", "abcde", ""],
    ["abcde", "eabcd", "e"],
    ["abcde", "bcdea", "a"],
    ["abcde", "acbde", "b"],
    ["abcde", "xabyc", "xy"],
    ["", "ab", "ab"],
    ["abcdefgh", "hbcdefga", "ha"],
  ]) {
    test(`${from || "nothing"} to ${wanted} moves ${moves || "nothing"}`, () => {
      fill(from)
      to(wanted)
      assert.equal(order().slice(0, wanted.length), wanted)
      assert.deepEqual(new Set(moved).size, moves.length)
    })
  }

  test("the item with the focus is not moved: the others are moved round it", () => {
    fill("abcde")
    const input = document.querySelector("#e input")
    input.focus()
    to("eabcd")
    assert.deepEqual([order(), moved, document.activeElement === input], ["eabcd", ["a", "b", "c", "d"], true])
  })

  test("the item with the selection is not moved", () => {
    fill("abc")
    document.getElementById("c").textContent = "text"
    document.getSelection().setBaseAndExtent(document.getElementById("c").firstChild, 0, document.getElementById("c").firstChild, 2)
    to("cab")
    assert.deepEqual([order(), moved], ["cab", ["a", "b"]])
  })

  test("items stand behind the lead", () => {
    list.innerHTML = "<h2></h2><p></p>"
    to("ab", list.firstElementChild)
    assert.deepEqual([...list.children].map(({localName}) => localName), ["h2", "li", "li", "p"])
  })

  test("any order is reached", () => {
    let state = 7
    const random = (below) => Math.floor(((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32) * below)
    for (let round = 0; round < 200; round++) {
      fill("abcdefgh")
      const names = [..."abcdefghxyz"].map((name) => [random(1000), name]).sort(([a], [b]) => a - b).map(([, name]) => name)
      document.querySelector(`#${"abcdefgh"[random(8)]} input`).focus()
      to(names.join(""))
      assert.equal(order(), names.join(""))
    }
  })
})

describe("where a browser cannot move an element whole", () => {
  /** Notes what is read and what is moved, in its order. */
  function watch() {
    const done = []
    for (const {prototype} of [window.Element]) {
      Object.defineProperty(prototype, "scrollTop", {configurable: true, get: () => (done.push("read"), 0)})
    }
    const insertBefore = list.insertBefore
    list.insertBefore = (...args) => (done.push("move"), insertBefore.apply(list, args))
    return done
  }

  test("all scroll positions are read before the first row moves: each read after a move asks for a layout", () => {
    fill("abcdefgh")
    const done = watch()
    arrange(list, [..."hgfedcba"].map((name) => document.getElementById(name)))
    assert.deepEqual([done.indexOf("move") > done.lastIndexOf("read"), order()], [true, "hgfedcba"])
  })

  test("nothing is read where the browser keeps what an element holds", () => {
    fill("abc")
    const done = watch()
    list.moveBefore = (node, before) => window.Node.prototype.insertBefore.call(list, node, before)
    arrange(list, [..."cab"].map((name) => document.getElementById(name)))
    assert.deepEqual([done, order()], [[], "cab"])
  })

  test("what Firefox scrolls back is scrolled again", () => {
    fill("abc")
    const box = document.getElementById("c")
    box.scrollTop = 7
    list.moveBefore = (node, before) => {
      node.scrollTop = 0
      window.Node.prototype.insertBefore.call(list, node, before)
    }
    globalThis.CSS = {supports: (property) => property === "-moz-appearance"}
    arrange(list, [..."cab"].map((name) => document.getElementById(name)))
    delete globalThis.CSS
    assert.equal(box.scrollTop, 7)
  })

  test("a page that resets a field when it gets the focus does not hear of the focus that comes back", () => {
    const other = document.body.appendChild(document.createElement("ol"))
    fill("a")
    const field = document.querySelector("input")
    field.focus()
    field.value = "half"
    field.setSelectionRange(1, 2)
    const heard = []
    for (const type of ["focus", "focusin", "blur", "focusout"]) {
      document.addEventListener(type, ({target}) => (heard.push(type), (target.value = "")), true)
    }
    arrange(other, [document.getElementById("a")])
    assert.deepEqual([document.activeElement, field.value, field.selectionStart, heard], [field, "half", 1, []])
  })
})
