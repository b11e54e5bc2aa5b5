import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {warnIfScriptIsMissing} from "../src/debug.js"
import {openPage} from "./support.js"

const MESSAGE =
  "This page shows live rows and does not load realtime, so they stay as they are. Put {% load realtime %}{% realtime_script %} into its <head>."

function said(html, loaded = false) {
  const document = openPage(html)
  const errors = []
  warnIfScriptIsMissing({document, console: {error: (text) => errors.push(text)}, loaded: () => loaded})
  const places = [...document.querySelectorAll("[data-realtime-overlay]")]
  return {errors, document, places}
}

describe("a page without {% realtime_script %}", () => {
  test("says so in the console and over the page, until it is closed", () => {
    const {errors, document, places} = said("<ul data-live></ul>")
    assert.deepEqual(errors, [MESSAGE])
    assert.deepEqual(places.map((place) => [place.getAttribute("role"), place.firstChild.data]), [["alert", MESSAGE]])
    document.querySelector("button").click()
    assert.equal(document.querySelector("[data-realtime-overlay]"), null)
  })

  test("says nothing where the script comes later, or a module has loaded it", () => {
    assert.deepEqual(said('<script type="module" data-realtime-url="/realtime/ws/"></script>').errors, [])
    assert.deepEqual(said("<ul data-live></ul>", true).errors, [])
  })
})
