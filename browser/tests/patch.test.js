import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {LiveTexts} from "../src/data/live_text.js"
import {patched} from "../src/data/patch.js"
import {cases} from "./support.js"

describe("a patch", () => {
  for (const {name, row, patch, texts, result} of cases("patches")) {
    test(name, () => {
      const before = structuredClone(row)
      const live = new LiveTexts()
      for (const [field, text] of Object.entries(texts ?? {})) live.add("7", field, 0, text)
      assert.deepEqual(patched(row, patch, (...place) => live.read("7", ...place)), result ?? undefined)
      assert.deepEqual(row, before)
    })
  }
})
