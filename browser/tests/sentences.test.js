import assert from "node:assert/strict"
import {afterEach, describe, test} from "node:test"
import {sentence, translate} from "../src/protocol/sentences.js"

describe("a sentence", () => {
  afterEach(() => translate({}))

  test("is in English where the page says nothing", () => {
    assert.equal(sentence("{number} calls wait.", {number: 3}), "3 calls wait.")
  })

  test("is in the language of the page, with its values wherever they stand", () => {
    translate({"{number} calls of {name} wait.": "Von {name} warten {number} Aufrufe."})
    assert.equal(sentence("{number} calls of {name} wait.", {number: 3, name: "{number}"}), "Von {number} warten 3 Aufrufe.")
  })

  test("keeps braces that are no value", () => {
    assert.equal(sentence("{this}"), "{this}")
  })
})
