import assert from "node:assert/strict"
import {readFileSync} from "node:fs"
import {describe, test} from "node:test"
import {RealtimeError, codes, remedy} from "../src/protocol/messages.js"

describe("codes", () => {
  test("are those of the reference", () => {
    const reference = readFileSync(new URL("../../docs/reference/protocol.md", import.meta.url), "utf8")
    const rows = [...reference.matchAll(/^\| (\d{4}) \| `(\w+)` \|/gm)].map(([, code, name]) => [name, Number(code)])
    assert.deepEqual(Object.entries(codes), rows)
  })

  for (const [code, expected] of [[4000, "come back"], [4099, "come back"], [4100, "ask anew"], [4199, "ask anew"], [4200, "stop"], [4299, "stop"], [1006, "come back"]]) {
    test(`${code} means: ${expected}`, () => assert.equal(remedy(code), expected))
  }
})

test("an error has the name of its code", () => {
  assert.equal(String(new RealtimeError(4216, "Wrong.")), "invalid: Wrong.")
})

test("an error with an unknown code has a name too", () => {
  assert.equal(new RealtimeError(4290, "No.").name, "code_4290")
})
