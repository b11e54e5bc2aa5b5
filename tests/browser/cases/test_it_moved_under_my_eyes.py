"""Cases: rows change faster than a reader likes, or unheard."""

from __future__ import annotations

import pytest

from tests.browser.cases.conftest import Case
from tests.support.pages import expect

COUNT_GROUPS = """() => {
    const start = document.startViewTransition
    document.startViewTransition = Document.prototype.startViewTransition = function (paint) {
        const transition = start.call(this, paint)
        transition.ready.then(() => {
            const effects = document.getAnimations().map(({effect}) => effect.pseudoElement ?? "")
            window.groups = effects.filter((each) => each.includes("-group(")).length
        })
        return transition
    }
}"""


def test_i_could_not_stop_the_list(case: Case) -> None:
    page = case.open("<li>a</li>", "<li>b</li>")
    page.evaluate("realtime.pause()")
    case.write("snippets.filter(position=0).update(html='<li>c</li>')")
    expect(page.locator("[data-live]")).to_have_attribute("data-live-held", "1")
    assert page.locator("[data-live] > li").all_inner_texts() == ["a", "b"]
    page.evaluate("realtime.resume()")

    assert page.locator("[data-live] > li").all_inner_texts() == ["c", "b"]


@pytest.mark.excused(webkit="without compositing, WebKitGTK crashes in a view transition")
def test_rows_jumped_without_showing_where(case: Case) -> None:
    """A picture is taken of the rows as they were: each has one of its own, and the page is not held up."""
    page = case.open("<li>a</li>", "<li>b</li>", styles="")
    page.evaluate("document.querySelector('[data-live]').setAttribute('data-live-animate', '')")
    page.evaluate(COUNT_GROUPS)
    case.write("snippets.filter(position=0).update(position=5)")
    expect(page.locator("[data-live] > li")).to_have_text(["b", "a"])

    page.wait_for_function("() => window.groups !== undefined")
    assert page.evaluate("window.groups") == 2
    expect(page.locator("[data-live]")).not_to_have_attribute("data-live-moving", "")


@pytest.mark.excused(webkit="without compositing, WebKitGTK crashes in a view transition")
def test_only_one_list_showed_where_its_rows_went(case: Case) -> None:
    other = '{% live "snippets" project=PK container="ol" %}'
    page = case.open("<li>a</li>", "<li>b</li>", before="<div data-live-animate>", after=f"{other}</div>", styles="")
    page.evaluate(COUNT_GROUPS)
    case.write("snippets.filter(position=0).update(position=5)")
    expect(page.locator("[data-live] > li")).to_have_text(["b", "a", "b", "a"])

    page.wait_for_function("() => window.groups !== undefined")
    assert page.evaluate("window.groups") == 4
    expect(page.locator("[data-live-moving]")).to_have_count(0)


@pytest.mark.excused(firefox="its driver cannot reduce motion", webkit="its driver cannot reduce motion")
def test_rows_moved_though_i_want_no_motion(case: Case) -> None:
    page = case.open("<li>a</li>", "<li>b</li>")
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("""() => {
        document.querySelector('[data-live]').setAttribute('data-live-animate', '')
        Document.prototype.startViewTransition = () => { window.moved = true }
    }""")
    case.say("<li>c</li>")

    assert page.evaluate("window.moved") is None


def test_nobody_told_me_that_there_is_more(case: Case) -> None:
    page = case.open("<li>a</li>")
    page.evaluate("document.querySelector('[data-live]').setAttribute('data-live-announce', '')")
    case.write("Snippet.objects.create(project_id=pk, position=1, html='<li>b</li>')")

    expect(page.get_by_role("status")).to_have_text("1 added")


@pytest.mark.excused(webkit="its driver runs no script before those of the page")
def test_no_cookies_and_no_socket_left_me_with_a_refusal(case: Case) -> None:
    """Scripts may not read the cookie; the browser sends it all the same."""
    page = case.page = case.desk.alone("ada", transport="longpoll")
    page.add_init_script("""Object.defineProperty(Document.prototype, "cookie", {get() { throw new Error("no") }})""")
    case.open("<li>a</li>", page=page)
    case.say("<li>b</li>")

    assert page.locator("[data-live] > li").inner_text() == "b"
