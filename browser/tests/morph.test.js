import assert from "node:assert/strict"
import {beforeEach, describe, test} from "node:test"
import {contents} from "../src/dom/form_fields.js"
import {morph, settle, watchFields} from "../src/dom/morph.js"
import {openPage} from "./support.js"

let document, row

beforeEach(() => {
  document = openPage('<div id="place"></div><button id="elsewhere"></button>')
  watchFields(document)
})

function show(html) {
  document.getElementById("place").innerHTML = html
  row = document.getElementById("place").firstElementChild
}

function push(html) {
  const template = document.createElement("template")
  template.innerHTML = html
  row = morph(row, template.content.firstElementChild)
  return row
}

const find = (selector) => document.querySelector(selector)

/** Types as a user does, whose text replaces the field's own. */
function type(field, text) {
  field.focus()
  field.value = text
  field.setSelectionRange?.(1, 1)
  field.dispatchEvent(new Event("input", {bubbles: true}))
}

const leave = () => find("#elsewhere").focus()

function choose(field, checked = true) {
  field.checked = checked
  field.dispatchEvent(new Event("input", {bubbles: true}))
}

describe("elements", () => {
  test("the result is what was sent", () => {
    show('<li class="a" title="x"><b>one</b> two <i>three</i></li>')
    const sent = '<li class="b" lang="en"><p>new</p><b>ONE</b> 2 <i>three</i><u></u></li>'
    assert.equal(push(sent).outerHTML, sent)
  })

  test("what is alike stays the same node", () => {
    show("<li><b>one</b><i>two</i></li>")
    const [bold, italic] = row.children
    push("<li><p></p><b>ONE</b><i>two</i></li>")
    assert.deepEqual([find("b") === bold, find("i") === italic], [true, true])
  })

  test("children are known by their id", () => {
    show('<li><p id="a">a</p><p id="b">b</p></li>')
    const b = find("#b")
    push('<li><p id="b">b</p></li>')
    assert.equal(find("#b"), b)
  })

  test("children are known by their key", () => {
    show('<li><p data-live-key="1">a</p><p data-live-key="2">b</p></li>')
    const second = find('[data-live-key="2"]')
    push('<li><p data-live-key="2">b</p><p data-live-key="1">a</p></li>')
    assert.equal(row.firstChild, second)
  })

  test("an element of another kind takes the place", () => {
    show("<li>a</li>")
    assert.equal(push("<div>a</div>"), document.getElementById("place").firstElementChild)
  })

  test("an attribute that did not change is not set", () => {
    show('<li class="a"></li>')
    row.setAttribute = () => assert.fail("set")
    push('<li class="a"></li>')
  })

  test("a script does not run", () => {
    show("<li></li>")
    push("<li><script>window.ran = true</script></li>")
    assert.equal(window.ran, undefined)
  })

  test("an open <details> stays open, and a closed one closed", () => {
    show('<li><details id="a" open></details><details id="b"></details></li>')
    push('<li><details id="a"></details><details id="b" open></details></li>')
    assert.deepEqual([find("#a").open, find("#b").open], [true, false])
  })

  test("aria-busy stays on an element whose call is under way", () => {
    show('<li><button data-live-call="x" aria-busy="true"></button><p aria-busy="true"></p></li>')
    push('<li><button data-live-call="x"></button><p></p></li>')
    assert.equal(row.innerHTML, '<button data-live-call="x" aria-busy="true"></button><p></p>')
  })
})

describe("identity below wrappers", () => {
  const same = (selector, html) => {
    const element = find(selector)
    push(html)
    assert.equal(find(selector), element)
    return element
  }

  test("a field is the same behind an element that comes, and when that goes", () => {
    show('<li><div><input id="n" name="note"></div></li>')
    type(find("#n"), "half")
    same("#n", '<li><div>Overdue</div><div><input id="n" name="note"></div></li>')
    same("#n", '<li><div><input id="n" name="note"></div></li>')
    assert.equal(find("#n").value, "half")
  })

  test("it is the same in a wrapper that is put around it and taken off", () => {
    show('<li><label><input name="note"></label></li>')
    type(find("input"), "half")
    const label = find("label")
    same("input", '<li><fieldset><div><label><input name="note"></label></div></fieldset></li>')
    assert.equal(find("fieldset label"), label)
    same("input", '<li><label><input name="note"></label></li>')
    assert.deepEqual([find("label") === label, find("input").value, find("fieldset"), document.activeElement === find("input")], [true, "half", null, true])
  })

  test("what holds an id is the same behind others of its kind", () => {
    show('<li><div class="box"><p id="p">text</p></div></li>')
    same(".box", '<li><div>one</div><div>two</div><div class="box"><p id="p">text</p></div></li>')
  })

  test("a key is known wherever it stands", () => {
    show('<li><ul><li data-live-key="1">a</li><li data-live-key="2">b</li></ul><ol></ol></li>')
    same('[data-live-key="2"]', '<li><ul><li data-live-key="1">a</li></ul><ol><li data-live-key="2">b</li></ol></li>')
    assert.equal(row.innerHTML, '<ul><li data-live-key="1">a</li></ul><ol><li data-live-key="2">b</li></ol>')
  })

  test("two that change places with one in the other", () => {
    show('<li><div id="a"><div id="b">x</div></div></li>')
    const [a, b] = [find("#a"), find("#b")]
    push('<li><div id="b"><div id="a">y</div></div></li>')
    assert.deepEqual([row.innerHTML, find("#a") === a, find("#b") === b], ['<div id="b"><div id="a">y</div></div>', true, true])
  })

  test("of those without a name, the one that says the same stays", () => {
    show("<li><p>one</p><p>two</p></li>")
    const two = row.children[1]
    push("<li><p>two</p></li>")
    assert.equal(row.firstChild, two)
  })

  test("the root is replaced by one of another kind, and a field in it stays", () => {
    show('<li><input name="note"></li>')
    const field = find("input")
    push('<div><p>new</p><input name="note"></div>')
    assert.deepEqual([row.outerHTML, find("input") === field], ['<div><p>new</p><input name="note"></div>', true])
  })

  test("what is in a template follows the server", () => {
    show("<li><template><i>a</i></template></li>")
    push("<li><template><i>b</i></template></li>")
    assert.equal(row.innerHTML, "<template><i>b</i></template>")
  })

  test("random rows become what was sent", () => {
    let seed = 7
    const random = (n) => (seed = (seed * 48271) % 2147483647) % n
    const tree = (depth) =>
      Array.from({length: random(4)}, () => {
        const kind = ["div", "p", "span", "b"][random(depth ? 4 : 1)]
        const mark = ["", "", ` id="${"abcdefgh"[random(8)]}"`, ` data-live-key="${random(4)}"`, ` class="${random(3)}"`][random(5)]
        return random(4) === 0 ? `t${random(9)}` : `<${kind === "p" ? "i" : kind}${mark}>${depth < 3 ? tree(depth + 1) : ""}</${kind === "p" ? "i" : kind}>`
      }).join("")
    show("<li></li>")
    for (let round = 0; round < 400; round++) {
      const sent = `<li>${tree(0)}</li>`
      assert.equal(push(sent).outerHTML, sent)
    }
  })
})

describe("data-live-keep", () => {
  test("an element is left wholly alone", () => {
    show('<li><div data-live-keep class="a">mine</div></li>')
    push('<li><div data-live-keep class="b">yours</div></li>')
    assert.equal(row.innerHTML, '<div data-live-keep="" class="a">mine</div>')
  })

  test("an element that the server does not send stays, and takes nobody's place", () => {
    show('<li><div data-live-keep="">mine</div><div>old</div></li>')
    push("<li><div>new</div></li>")
    assert.equal(row.innerHTML, '<div data-live-keep="">mine</div><div>new</div>')
  })

  test("an element marked by the page's own code is not doubled", () => {
    show("<li><p>old</p></li>")
    find("p").setAttribute("data-live-keep", "")
    push("<li><p>new</p></li>")
    assert.equal(row.innerHTML, '<p data-live-keep="">old</p>')
  })
})

const form = (value, attributes = "") => `<li><input name="title" value="${value}" ${attributes}><b>${value}</b></li>`

describe("a text field", () => {
  test("follows the server", () => {
    show(form("a"))
    push(form("b"))
    assert.equal(find("input").value, "b")
  })

  test("follows the server after it was set by it", () => {
    show(form("a"))
    push(form("b"))
    push(form("c"))
    assert.equal(find("input").value, "c")
  })

  test("keeps what the user types, with the caret, while all round it changes", () => {
    show(form("a"))
    const input = find("input")
    type(input, "mine")
    push(form("b", 'class="new"'))
    assert.deepEqual(
      [input.value, input.selectionStart, document.activeElement === input, input.className, find("b").textContent],
      ["mine", 1, true, "new", "b"],
    )
  })

  test("keeps what the user has typed after the focus has gone", () => {
    show(form("a"))
    type(find("input"), "mine")
    leave()
    push(form("b"))
    assert.equal(find("input").value, "mine")
  })

  test("that has the focus is not changed under the user's eyes", () => {
    show(form("a"))
    find("input").focus()
    push(form("b"))
    assert.equal(find("input").value, "a")
  })

  test("that the user leaves as it was follows what came meanwhile", () => {
    show(form("a"))
    find("input").focus()
    push(form("b"))
    push(form("c"))
    leave()
    assert.equal(find("input").value, "c")
  })

  test("that the user changed after a push keeps that when it is left", () => {
    show(form("a"))
    find("input").focus()
    push(form("b"))
    type(find("input"), "mine")
    leave()
    assert.equal(find("input").value, "mine")
  })

  test("goes to the server's newest value when its form is reset", () => {
    show(`<form>${form("a")}</form>`)
    type(find("input"), "mine")
    push(`<form>${form("b")}</form>`)
    find("form").reset()
    assert.equal(find("input").value, "b")
  })

  test("follows the server again when it says what the user typed", () => {
    show(form("a"))
    type(find("input"), "mine")
    leave()
    push(form("mine"))
    push(form("b"))
    assert.equal(find("input").value, "b")
  })

  test("follows the server again when an action has taken its value", () => {
    show(form("a"))
    type(find("input"), "mine ")
    leave()
    settle(contents(find("input")))
    assert.equal(find("input").value, "mine ")
    push(form("mine"))
    assert.equal(find("input").value, "mine")
  })

  test("shows what came before the action's reply", () => {
    show(form("a"))
    type(find("input"), "mine ")
    leave()
    const held = contents(find("input"))
    push(form("mine"))
    settle(held)
    assert.equal(find("input").value, "mine")
  })

  test("whose value was taken while it has the focus follows when it is left", () => {
    show(form("a"))
    type(find("input"), "mine ")
    settle(contents(find("input")))
    push(form("mine"))
    assert.equal(find("input").value, "mine ")
    leave()
    assert.equal(find("input").value, "mine")
  })

  test("keeps what the user typed after the action was called", () => {
    show(form("a"))
    type(find("input"), "mine")
    const held = contents(find("input"))
    type(find("input"), "mine too")
    settle(held)
    push(form("mine"))
    leave()
    assert.equal(find("input").value, "mine too")
  })

  test("keeps what the user types anew after the same was taken", () => {
    show(form(""))
    type(find("input"), "mine")
    settle(contents(find("input")))
    find("input").value = ""
    type(find("input"), "mine")
    push(form("b"))
    leave()
    assert.equal(find("input").value, "mine")
  })

  test("is still in use when the window alone loses the focus", () => {
    show(form("a"))
    find("input").focus()
    push(form("b"))
    find("input").dispatchEvent(new Event("focusout", {bubbles: true}))
    assert.equal(find("input").value, "a")
  })

  test("of a type that corrects its value follows the server", () => {
    show('<li><input type="color"></li>')
    push('<li><input type="color" value="#ff0000"></li>')
    assert.equal(find("input").value, "#ff0000")
  })

  test("is known by its name when another comes before it", () => {
    show('<li><input name="b"></li>')
    type(find("input"), "mine")
    push('<li><input name="a" value="x"><input name="b"></li>')
    assert.deepEqual([...document.querySelectorAll("input")].map(({value}) => value), ["x", "mine"])
  })

  test("that is hidden follows the server always", () => {
    show('<li><input type="hidden" name="v" value="1"></li>')
    find("input").value = "9"
    push('<li><input type="hidden" name="v" value="2"></li>')
    assert.equal(find("input").value, "2")
  })
})

describe("a textarea", () => {
  test("follows the server", () => {
    show("<li><textarea>a</textarea></li>")
    push("<li><textarea>b</textarea></li>")
    assert.equal(find("textarea").value, "b")
  })

  test("keeps what the user types", () => {
    show("<li><textarea>a</textarea></li>")
    type(find("textarea"), "mine")
    push("<li><textarea>b</textarea></li>")
    assert.deepEqual([find("textarea").value, find("textarea").defaultValue], ["mine", "b"])
  })
})

describe("a checkbox", () => {
  const box = (checked) => `<li><input type="checkbox" name="done" ${checked ? "checked" : ""}></li>`

  test("follows the server, also with the focus", () => {
    show(box(false))
    find("input").focus()
    push(box(true))
    assert.equal(find("input").checked, true)
    push(box(false))
    assert.equal(find("input").checked, false)
  })

  test("keeps the user's choice until the server says the same", () => {
    show(box(false))
    choose(find("input"))
    push(box(false))
    assert.equal(find("input").checked, true)
    push(box(true))
    push(box(false))
    assert.equal(find("input").checked, false)
  })
})

describe("radio buttons", () => {
  const radios = (chosen) =>
    `<li>${[..."abc"].map((value) => `<input type="radio" name="r" value="${value}" ${value === chosen ? "checked" : ""}>`).join("")}</li>`
  const chosen = () => find("input:checked").value

  test("follow the server", () => {
    show(radios("a"))
    push(radios("c"))
    assert.equal(chosen(), "c")
  })

  test("keep the user's choice, whichever the server sends", () => {
    show(radios("a"))
    choose(find('[value="b"]'))
    push(radios("c"))
    assert.equal(chosen(), "b")
  })

  test("follow the server after an action has taken the choice", () => {
    show(radios("a"))
    choose(find('[value="b"]'))
    settle(contents(find('[value="b"]')))
    push(radios("c"))
    assert.equal(chosen(), "c")
  })
})

describe("a select", () => {
  const select = (chosen, values = "abc", attributes = "") =>
    `<li><select name="s" ${attributes}>${[...values].map((v) => `<option value="${v}" ${[...chosen].includes(v) ? "selected" : ""}>${v}</option>`).join("")}</select></li>`
  const chosen = () => [...find("select").selectedOptions].map(({value}) => value).join("")
  const pick = (value) => {
    find("select").value = value
    find("select").dispatchEvent(new Event("input", {bubbles: true}))
  }

  test("follows the server, with new options", () => {
    show(select("a"))
    push(select("d", "abcd"))
    assert.equal(chosen(), "d")
  })

  test("without a chosen option shows the first", () => {
    show(select("b"))
    push(select(""))
    assert.equal(chosen(), "a")
  })

  test("keeps the user's choice among new options", () => {
    show(select("a"))
    pick("b")
    push(select("c", "xabc"))
    assert.deepEqual([chosen(), find("select").options.length], ["b", 4])
  })

  test("that has the focus is left alone, and follows when it is left", () => {
    show(select("a"))
    find("select").focus()
    push(select("d", "abcd"))
    assert.deepEqual([chosen(), find("select").options.length], ["a", 3])
    leave()
    assert.deepEqual([chosen(), find("select").options.length], ["d", 4])
  })

  test("keeps all its options when an action has taken the choice", () => {
    show(select("a"))
    pick("b")
    const held = contents(find("select"))
    push(select("d", "abcd"))
    settle(held)
    assert.deepEqual([chosen(), find("select").options.length], ["d", 4])
  })

  test("of several follows the server", () => {
    show(select("ab", "abc", "multiple"))
    push(select("bc", "abc", "multiple"))
    assert.equal(chosen(), "bc")
  })
})

describe("an editable element", () => {
  const editable = (text) => `<li><div contenteditable tabindex="0">${text}</div><b>${text}</b></li>`

  test("is left alone while the user is in it", () => {
    show(editable("a"))
    find("div [contenteditable]").focus()
    push(editable("<i>b</i>"))
    assert.deepEqual([find("[contenteditable]").innerHTML, find("b").innerHTML], ["a", "<i>b</i>"])
  })

  test("that was not changed follows when the user leaves it", () => {
    show(editable("a"))
    find("[contenteditable]").focus()
    push(editable("b"))
    leave()
    assert.equal(find("[contenteditable]").textContent, "b")
  })

  test("that was changed keeps that, also when the window has lost the focus meanwhile", () => {
    show(editable("a"))
    const element = find("[contenteditable]")
    element.focus()
    element.textContent = "mine"
    element.dispatchEvent(new Event("input", {bubbles: true}))
    element.dispatchEvent(new Event("focusout", {bubbles: true}))
    push(editable("b"))
    leave()
    assert.equal(element.textContent, "mine")
  })

  test("that was changed keeps that when the user leaves it, until the next push", () => {
    show(editable("a"))
    const element = find("[contenteditable]")
    element.focus()
    element.textContent = "mine"
    element.dispatchEvent(new Event("input", {bubbles: true}))
    push(editable("b"))
    leave()
    assert.equal(element.textContent, "mine")
    push(editable("c"))
    assert.equal(element.textContent, "c")
  })
})
