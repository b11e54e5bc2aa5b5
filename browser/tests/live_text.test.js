import assert from "node:assert/strict"
import {describe, test} from "node:test"

import {LiveTexts} from "../src/data/live_text.js"
import {cases} from "./support.js"

/** @param {(saved: string) => any} row @param {any} steps @param {(row: any) => string} read */
function play(row, steps, read) {
  const texts = new LiveTexts()
  let saved = ""
  for (const [step, shown] of steps) {
    if (step.save !== undefined) saved = step.save
    if (step.add) texts.add("7", "text", step.add[0], step.add[1])
    if (step.end !== undefined) texts.end("7", "text", step.end)
    assert.equal(read(texts.shown("7", row(saved))), shown)
  }
}

describe("a live text", () => {
  for (const {name, steps} of cases("live_text")) {
    test(`in data: ${name}`, () => play((text) => ({id: 7, text}), steps, ({text}) => text))
    test(`in HTML: ${name}`, () =>
      play(
        (text) => `<li class="a"><b>1 &lt; 2</b><p data-live-text="text" class="b">${text}</p> data-live-text="text"</li>`,
        steps,
        (html) => {
          const [, text] = /^<li class="a"><b>1 &lt; 2<\/b><p data-live-text="text" class="b">(.*)<\/p> data-live-text="text"<\/li>$/s.exec(html) ?? []
          return text
        },
      ))
  }

  test("is escaped in HTML, whatever it was escaped with before", () => {
    const texts = new LiveTexts()
    texts.add("7", "text", 11, "<i>\n")
    const shown = texts.shown("7", '<p data-live-text="text">a&amp;&lt;&gt;"\'&quot;&#x27;&#39;&nbsp;$</p>')
    assert.equal(shown, '<p data-live-text="text">a&amp;&lt;&gt;&quot;&#x27;&quot;&#x27;&#x27;\u00a0$&lt;i&gt;\n</p>')
  })

  test("leaves other fields and rows alone", () => {
    const texts = new LiveTexts()
    texts.add("7", "text", 0, "a")
    for (const row of ['<p data-live-text="title"></p>', "<p>text</p>", {title: ""}, {text: null}, null, 7]) assert.equal(texts.shown("7", row), row)
    assert.deepEqual(texts.shown("8", {text: ""}), {text: ""})
  })

  test("is not shown in the part of a text before another element", () => {
    const texts = new LiveTexts()
    texts.add("7", "text", 0, "a\nb")
    const row = '<p data-live-text="text">a<br>b</p>'
    assert.equal(texts.shown("7", row), row)
  })

  test("is forgotten when its row does not show it, so that a new one begins empty", () => {
    for (const [without, empty] of [["<div>Old.</div>", '<p data-live-text="text"></p>'], [{id: 7}, {id: 7, text: ""}]]) {
      const texts = new LiveTexts()
      texts.add("7", "text", 0, "Old.")
      texts.end("7", "text", 4)
      assert.equal(texts.shown("7", without), without)
      assert.equal(texts.shown("7", empty), empty)
    }
  })

  test("is forgotten with its row", () => {
    const texts = new LiveTexts()
    texts.add("7", "text", 0, "a")
    texts.keep((key) => key !== "7")
    assert.deepEqual(texts.shown("7", {text: ""}), {text: ""})
  })
})
