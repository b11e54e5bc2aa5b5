import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {arrange} from "../src/arrange.js"
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
