import assert from "node:assert/strict"
import {describe, test} from "node:test"
import {PageLinks} from "../src/dom/page_links.js"
import {openPage} from "./support.js"

const LAST = 4

function open(shown) {
  const link = (number, rel) => `<a href="?page=${number}" data-live-page="${number}" ${rel ? `rel="${rel}"` : ""}>${rel ?? number}</a>`
  const numbers = Array.from({length: LAST}, (_, index) => link(index + 1)).join("")
  const document = openPage(
    `<nav data-live="tasks" data-live-format="pages">${link(shown - 1, "nofollow prev")}${numbers}${link(shown + 1, "next")}</nav>`,
    {url: "https://example.org/"},
  )
  const links = {element: document.querySelector("nav"), name: "tasks", params: {page: shown}, isChanging: false}
  const gone = []
  const go = (_stream, page) => {
    gone.push(page)
    links.params = {page}
    links.isChanging = true
  }
  new PageLinks({document, containersOf: (stream) => (stream === "tasks" ? [links] : []), go}).start()
  const click = (text) => [...document.querySelectorAll("a")].find((each) => each.textContent === text).dispatchEvent(new window.MouseEvent("click", {bubbles: true, cancelable: true}))
  return {links, gone, click}
}

describe("a link to a page", () => {
  test("leads one page on with each click, also while it is still the link of the page before", () => {
    const {gone, click} = open(1)
    for (let clicks = 0; clicks < 2; clicks += 1) click("next")
    click("nofollow prev")
    assert.deepEqual(gone, ["2", "3", "2"])
  })

  test("leads no further than to the last page, nor before the first one", () => {
    const {gone, click} = open(3)
    for (let clicks = 0; clicks < 3; clicks += 1) click("next")
    for (let clicks = 0; clicks < 5; clicks += 1) click("nofollow prev")
    assert.deepEqual(gone, ["4", "4", "4", "3", "2", "1", "1", "1"])
  })

  test("leads to its own page if it has a number", () => {
    const {gone, click} = open(1)
    for (const text of ["next", "4"]) click(text)
    assert.deepEqual(gone, ["2", "4"])
  })

  test("leads to its own page once the links are those of the page", () => {
    const {links, gone, click} = open(2)
    links.params = {page: "9"} // which has become the second one
    click("next")
    assert.deepEqual(gone, ["3"])
  })

  test("leads to its own page while another list comes whose page has no number", () => {
    const {links, gone, click} = open(2)
    Object.assign(links, {params: {page: ""}, isChanging: true})
    click("next")
    assert.deepEqual(gone, ["3"])
  })
})
