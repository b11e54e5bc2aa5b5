import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {Rows} from "../src/dom/row_list.js"
import {bindPage, settled} from "./support.js"

let document, server, revision

/** A page with one row, whose content this is. */
function show(content, attributes = "") {
  const html = `<ul data-live="tasks" data-live-token="t" data-live-cursor="e.1"><li data-live-key="1" ${attributes}>${content}</li></ul>`
  ;({document, server} = bindPage(html))
  server.accept()
  server.subscribe()
  server.frame("e.1")
  revision = 2
}

const push = (content, attributes = "") =>
  server.frame(`e.${revision++}`, {query: 1, puts: [{key: "1", row: `<li ${attributes}>${content}</li>`, after: null}]})

const row = () => document.querySelector("li")
const find = (selector) => document.querySelector(selector)
const make = (name, text) => Object.assign(document.createElement(name), {textContent: text})

describe("an attribute that page code has set", () => {
  beforeEach(() => show("<p>a</p>"))

  test("stays while the server says nothing of it", () => {
    find("p").setAttribute("hidden", "")
    push("<p>b</p>")
    push("<p>c</p>")
    assert.equal(row().innerHTML, '<p hidden="">c</p>')
  })

  test("stays also where the observer has told already", async () => {
    find("p").setAttribute("hidden", "")
    await settled()
    push("<p>b</p>")
    assert.equal(row().innerHTML, '<p hidden="">b</p>')
  })

  test("gives way when the server sets it, and goes when the server takes it away", () => {
    find("p").title = "mine"
    push('<p title="yours">a</p>')
    assert.equal(find("p").title, "yours")
    push("<p>a</p>")
    assert.equal(find("p").hasAttribute("title"), false)
  })
})

test("what Alpine has uncovered is not covered again", () => {
  show("<p>a</p>", 'x-data="{}"')
  push("<p>b</p>", 'x-data="{}" x-cloak')
  assert.deepEqual([row().hasAttribute("x-cloak"), row().textContent], [false, "b"])
})

describe("an attribute of the server's that page code has changed", () => {
  test("stays changed, or away, until the server changes it", () => {
    show('<p title="a" lang="en">x</p>')
    find("p").title = "mine"
    find("p").removeAttribute("lang")
    push('<p title="a" lang="en">y</p>')
    assert.equal(row().innerHTML, '<p title="mine">y</p>')
    push('<p title="b" lang="de">y</p>')
    assert.equal(row().innerHTML, '<p title="b" lang="de">y</p>')
  })

  test("classes are kept one by one", () => {
    show('<p class="card todo"></p>')
    find("p").classList.add("open")
    push('<p class="card done"></p>')
    assert.deepEqual([...find("p").classList].sort(), ["card", "done", "open"])
    push('<p class="card"></p>')
    assert.deepEqual([...find("p").classList].sort(), ["card", "open"])
  })

  test("properties of a style are kept one by one", () => {
    show('<p style="width: 10%">a</p>')
    find("p").style.display = "none"
    push('<p style="width: 20%">a</p>')
    assert.deepEqual([find("p").style.width, find("p").style.display], ["20%", "none"])
  })

  test("an attribute with a name that setAttribute refuses is set", () => {
    show("<p>a</p>")
    push('<p @click="open = true">a</p>')
    assert.equal(find("p").getAttribute("@click"), "open = true")
  })
})

test("an id, a class or a type that page code has set makes no other element of it", () => {
  show('<p>a</p><input type="password" name="secret">')
  const [text, field] = row().children
  text.id = "generated-1"
  text.className = "ready"
  field.type = "text"
  field.value = "half"
  push('<i>new</i><p>a</p><input type="password" name="secret">')
  assert.deepEqual([row().children[1] === text, row().children[2] === field, field.value], [true, true, "half"])
})

describe("a child that page code has put there", () => {
  test("stays in its place, and takes no child of the server's", () => {
    show("<template></template><span>total</span>")
    find("template").after(make("span", "one"), make("span", "two"))
    push("<template></template><span>sum</span>")
    assert.equal(row().textContent, "onetwosum")
  })

  test("goes along with the child behind which it stands", () => {
    show('<p id="a"></p><p id="b"></p>')
    find("#a").after(make("i", "mine"))
    push('<p id="b"></p><p id="a"></p>')
    assert.equal(row().innerHTML, '<p id="b"></p><p id="a"></p><i>mine</i>')
  })

  test("in place of a text stays until the server changes the text", () => {
    show("<time>2026-01-03</time>")
    find("time").textContent = "yesterday"
    push("<time>2026-01-03</time><b></b>")
    assert.equal(row().textContent, "yesterday")
    push("<time>2026-01-04</time><b></b>")
    assert.equal(row().textContent, "2026-01-04")
  })

  test("a selection in a text stays while the text grows", () => {
    show("<p>some words</p>")
    const text = find("p").firstChild
    document.getSelection().setBaseAndExtent(text, 5, text, 10)
    push("<p>some words and more</p>")
    assert.deepEqual([row().textContent, String(document.getSelection()), find("p").firstChild === text], ["some words and more", "words", true])
  })

  test("a text that page code has written into stays until the server changes it", () => {
    show("<time>2026-01-03</time>")
    find("time").firstChild.nodeValue = "yesterday"
    push("<time>2026-01-03</time><b></b>")
    assert.equal(row().textContent, "yesterday")
    push("<time>2026-01-04</time>")
    assert.equal(row().textContent, "2026-01-04")
  })
})

describe("a child of the server's that page code has removed", () => {
  test("stays away until the server changes it", () => {
    show("<b>one</b><i>tip</i><u>two</u>")
    find("i").remove()
    push("<b>ONE</b><i>tip</i><u>two</u>")
    assert.equal(row().innerHTML, "<b>ONE</b><u>two</u>")
    push("<b>ONE</b><i>new tip</i><u>two</u>")
    assert.equal(row().innerHTML, "<b>ONE</b><i>new tip</i><u>two</u>")
  })

  test("stays away though it has an id, and comes back once", () => {
    show('<b>one</b><i id="tip">tip</i>')
    const tip = find("#tip")
    tip.remove()
    push('<b>two</b><i id="tip">tip</i>')
    assert.equal(row().innerHTML, "<b>two</b>")
    push('<b>two</b><i id="tip">new tip</i>')
    assert.deepEqual([row().innerHTML, find("#tip") === tip], ['<b>two</b><i id="tip">new tip</i>', true])
  })

  for (const id of ["", ' id="d"']) {
    test(`stays where page code has put it, with what that has made of it: <p${id}>`, async () => {
      show(`<b>one</b><p${id} class="dialog">Sure?</p>`)
      const dialog = find("p")
      document.body.append(dialog)
      await settled()
      dialog.classList.add("open")
      push(`<b>two</b><p${id} class="dialog">Sure?</p>`)
      assert.deepEqual([row().innerHTML, dialog.parentNode === document.body, dialog.className], ["<b>two</b>", true, "dialog open"])
    })
  }

  test("is not missed when the server takes it away too", () => {
    show("<b>one</b><i>tip</i>")
    find("i").remove()
    push("<b>one</b>")
    push("<b>two</b><i>tip</i>")
    assert.equal(row().innerHTML, "<b>two</b><i>tip</i>")
  })
})

test("the server's copy of a row is without what page code has made of it", () => {
  show('<p title="a">x</p><template><i></i></template><b>total</b>')
  find("p").setAttribute("title", "mine")
  find("p").setAttribute("hidden", "")
  find("p").textContent = "y"
  find("template").after(make("span", "mine"))
  const [copy] = new Rows(document.querySelector("ul"), {}).read().values()
  assert.equal(copy, '<li data-live-key="1"><p title="a">x</p><template><i></i></template><b>total</b></li>')
})
