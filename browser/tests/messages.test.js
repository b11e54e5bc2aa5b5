import assert from "node:assert/strict"
import {readFileSync} from "node:fs"
import {describe, test} from "node:test"
import {RealtimeError, codes, reactionTo} from "../src/protocol/messages.js"

describe("codes", () => {
  test("are those of the reference", () => {
    const reference = readFileSync(new URL("../../docs/reference/protocol.md", import.meta.url), "utf8")
    const rows = [...reference.matchAll(/^\| (\d{4}) \| `(\w+)` \|/gm)].map(([, code, name]) => [name, Number(code)])
    assert.deepEqual(Object.entries(codes), rows)
  })

  for (const [code, expected] of [[4000, "reconnect"], [4099, "reconnect"], [4100, "renew"], [4199, "renew"], [4200, "stop"], [4299, "stop"], [1006, "reconnect"]]) {
    test(`${code} means: ${expected}`, () => assert.equal(reactionTo(code), expected))
  }
})

test("an error has the name of its code", () => {
  assert.equal(String(new RealtimeError(4216, "Wrong.")), "invalid: Wrong.")
})

test("an error with an unknown code has a name too", () => {
  assert.equal(new RealtimeError(4290, "No.").name, "code_4290")
})
