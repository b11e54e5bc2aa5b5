"""Cases: a library has put something into rows, and the next change of the row takes it away."""

from __future__ import annotations

import pytest

from tests.browser.cases.conftest import Case
from tests.support.pages import expect

NONCE = 'nonce="{{ request.csp_nonce }}"'
ALPINE = f'<script defer {NONCE} src="/vendor/alpinejs/dist/cdn.min.js"></script>'
HTMX = f'<script defer {NONCE} src="/vendor/htmx.org/dist/htmx.min.js"></script>'
STIMULUS = f"""<script type="module" {NONCE}>
    import {{Application, Controller}} from "/vendor/@hotwired/stimulus/dist/stimulus.js"
    const application = Application.start()
    application.register("counter", class extends Controller {{
        static targets = ["out"]
        connect() {{ this.element.dataset.connects = Number(this.element.dataset.connects ?? 0) + 1 }}
        add() {{ this.outTarget.textContent = Number(this.outTarget.textContent) + 1 }}
    }})
</script>"""
SHOELACE = "".join(
    f'<script type="module" {NONCE} src="/vendor/@shoelace-style/shoelace/cdn/components/{name}/{name}.js"></script>'
    for name in ("details", "tab-group", "tab", "tab-panel", "rating")
)


def test_alpine_forgot_what_was_open(case: Case) -> None:
    row = """<li x-data="{open: false, more: ['x', 'y']}"><b>%s</b>
        <button @click="open = !open">toggle</button><p x-show="open">details</p>
        <template x-if="open"><em>if</em></template>
        <template x-for="each in more"><i x-text="each"></i></template>
        <span x-text="open ? 'yes' : 'no'"></span></li>"""
    page = case.open(row % "one", after=ALPINE, eval="", styles="")
    page.get_by_text("toggle").click()
    expect(page.locator("em")).to_have_text("if")
    case.say(row % "two")

    assert page.locator("b").inner_text() == "two"
    expect(page.locator("p")).to_be_visible()
    assert page.locator("em, i, span").all_inner_texts() == ["if", "x", "y", "yes"]
    page.get_by_text("toggle").click()
    expect(page.locator("p")).to_be_hidden()
    assert page.locator("em, i, span").all_inner_texts() == ["x", "y", "no"]


def test_alpine_was_dead_in_new_rows(case: Case) -> None:
    row = '<li x-data="{n: 0}"><button @click="n++">add</button><span x-text="n"></span></li>'
    page = case.open(row, after=ALPINE, eval="", styles="")
    case.write("Snippet.objects.create(project_id=pk, position=1, html=html)", html=row)
    page.locator("button").nth(1).click()

    expect(page.locator("span")).to_have_text(["0", "1"])


def test_stimulus_lost_its_count(case: Case) -> None:
    row = """<li data-controller="counter"><b>%s</b><button data-action="counter#add">add</button>
        <span data-counter-target="out">0</span></li>"""
    page = case.open(row % "one", after=STIMULUS)
    expect(page.locator("li")).to_have_attribute("data-connects", "1")
    page.get_by_text("add").click()
    case.say(row % "two")
    page.get_by_text("add").click()

    expect(page.locator("b, span")).to_have_text(["two", "2"])
    expect(page.locator("li")).to_have_attribute("data-connects", "1")


def test_web_components_closed_themselves(case: Case) -> None:
    row = """<li><b>%s</b><sl-details summary="More">text</sl-details><sl-rating value="2"></sl-rating>
        <sl-tab-group><sl-tab slot="nav" panel="a">A</sl-tab><sl-tab slot="nav" panel="b">B</sl-tab>
        <sl-tab-panel name="a">a</sl-tab-panel><sl-tab-panel name="b">b</sl-tab-panel></sl-tab-group></li>"""
    page = case.open(row % "one", after=SHOELACE, styles="", eval="", icons="")
    expect(page.locator("sl-tab[panel=a]")).to_have_attribute("active", "")
    page.locator("sl-details").click()
    page.locator("sl-tab[panel=b]").click()
    expect(page.locator("sl-tab[panel=b]")).to_have_attribute("active", "")
    page.evaluate("document.querySelector('sl-rating').value = 4")
    before = page.evaluate(
        "[...document.querySelectorAll('[data-live] *')].map((each) => [each.localName, each.id, each.className])"
    )
    case.say(row % "two")

    after = page.evaluate(
        "[...document.querySelectorAll('[data-live] *')].map((each) => [each.localName, each.id, each.className])"
    )
    assert after == before
    state = "[document.querySelector('sl-details').open, document.querySelector('sl-rating').value]"
    assert page.evaluate(state) == [True, 4]
    expect(page.locator("sl-tab-panel[name=b]")).to_be_visible()


def test_a_component_that_draws_itself_was_emptied(case: Case) -> None:
    source = """>customElements.define("own-badge", class extends HTMLElement {
        connectedCallback() {
            this.setAttribute("role", "status")
            this.insertAdjacentHTML("beforeend", "<i>drawn</i>")
        }
    })"""
    page = case.open("<li>a</li>", before=f"<script {NONCE}{source}</script>")
    case.say("<li>b<own-badge>7</own-badge></li>")
    case.say("<li>c<own-badge>7</own-badge></li>")
    case.say("<li>c<own-badge>8</own-badge></li>")

    assert (
        page.evaluate("document.querySelector('own-badge').outerHTML")
        == '<own-badge role="status">8<i>drawn</i></own-badge>'
    )


def test_htmx_was_dead_in_pushed_rows(case: Case) -> None:
    row = '<li>%s<button hx-get="/part/?body=loaded" hx-target="next span">load</button><span></span></li>'
    page = case.open("<li>a</li>", before=HTMX, styles="", eval="")
    case.say(row % "b")
    page.get_by_text("load").click()
    expect(page.locator("span")).to_have_text("loaded")
    case.say(row % "c")

    expect(page.locator("span")).to_have_text("loaded")


@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_shadow_tree_in_a_row_did_not_follow(case: Case, state: str) -> None:
    row = f'<li><div id="host"><template shadowrootmode="{state}"><b>%s</b></template>light</div></li>'
    page = case.open("<li>a</li>")
    case.say(row % "one")
    case.say(row % "two")

    if state == "open":
        assert page.evaluate("document.getElementById('host').shadowRoot.innerHTML") == "<b>two</b>"
    else:
        assert page.evaluate("document.getElementById('host').shadowRoot") is None
        expect(page.locator("#host")).to_have_text("light")
