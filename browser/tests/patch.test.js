import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {patched} from "../src/data/patch.js"
import {cases} from "./support.js"

describe("a patch", () => {
  for (const {name, row, patch, result} of cases("patches")) {
    test(name, () => {
      const before = structuredClone(row)
      assert.deepEqual(patched(row, patch), result ?? undefined)
      assert.deepEqual(row, before)
    })
  }
})
