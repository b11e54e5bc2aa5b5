"""Cases: a list shows one page, or more when asked, and its reader loses the place, or hears what is not news."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.board import Board
from tests.browser.cases.conftest import Case
from tests.support.pages import expect

pytestmark = pytest.mark.engines

FILL = """
for task in Task.objects.filter(project=pk):
    task.delete()
Task.objects.bulk_create([Task(project_id=pk, title=f"Task {number:03}") for number in range(rows)]) and None
"""
PAGES = '{% live "paged" project=PK page=request.GET.page container="ul" %}{% live_pages "paged" %}'
MORE = '<div data-live-autoload="off" data-live-announce>{% live "paged" project=PK more=True container="ul" %}</div>'
UP = '<div id="log" data-live-autoload="off">{% live "paged" project=PK more="up" container="ul" %}</div>'
FOCUSED = """() => {
    const {activeElement} = document
    const focused = activeElement.closest("li") ?? activeElement
    return focused === document.body ? "the page" : focused.innerText.trim()
}"""


@pytest.fixture
def open_list(case: Case, board: Board) -> Callable[..., Page]:
    def open_list(body: str, rows: int, **policy: str) -> Page:
        board.write(FILL, rows=rows)
        case.page = case.desk.open_live("ada", board.page(body, **policy))
        return case.page

    return open_list


def test_the_keyboard_was_at_the_top_again_after_the_last_page(open_list: Callable[..., Page]) -> None:
    page = open_list(PAGES, 25)
    page.locator("a[rel=next]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-live-key] b").first).to_have_text("Task 010")
    expect(page.locator("a[aria-current=page]")).to_have_text("2")  # which may come a frame after the rows
    assert page.evaluate(FOCUSED) == "Next"
    page.keyboard.press("Enter")
    expect(page.locator("[data-live-key] b").first).to_have_text("Task 020")

    expect(page.locator("a[rel=next]")).to_have_count(0)
    assert page.evaluate(FOCUSED) == "3"


def test_the_keyboard_was_at_the_top_again_when_all_was_shown(open_list: Callable[..., Page]) -> None:
    page = open_list(MORE, 15)
    page.locator("[data-live-load] a").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-live-key] b")).to_have_count(15)
    expect(page.locator("[data-live-load]")).to_be_hidden()

    assert "Task 010" in page.evaluate(FOCUSED)


def test_i_was_told_of_rows_that_i_asked_for(open_list: Callable[..., Page], board: Board) -> None:
    page = open_list(MORE, 25)
    page.locator("[data-live-load] a").click()
    expect(page.locator("[data-live-key] b")).to_have_count(20)
    board.write("Task.objects.create(project_id=pk, title='Task 000.5').pk")
    expect(page.locator("[data-live-announcer]")).to_have_text("1 added, 1 removed")


def test_a_policy_for_scripts_left_me_with_the_first_rows(open_list: Callable[..., Page]) -> None:
    page = open_list(MORE + UP, 25, types="realtime")
    for link, rows in [("Show more", 30), ("Show earlier", 40)]:
        page.get_by_role("link", name=link).click()
        expect(page.locator("[data-live-key] b")).to_have_count(rows)


def test_i_went_back_and_all_that_i_had_loaded_was_gone(open_list: Callable[..., Page], board: Board) -> None:
    page = open_list(MORE, 35)
    for count in (20, 30):
        page.locator("[data-live-load] a").click()
        expect(page.locator("[data-live-key] b")).to_have_count(count)
    page.goto("/login/")
    board.write("Task.objects.create(project_id=pk, title='Task 000.5').pk")
    page.go_back()

    expect(page.locator("[data-live-key] b").nth(1)).to_have_text("Task 000.5")
    expect(page.locator("[data-live-key] b")).to_have_count(30)


SHADOWING = """() => {
    const names = new Set()
    for (let each = Document.prototype; each; each = Object.getPrototypeOf(each)) {
        for (const name of Object.getOwnPropertyNames(each)) names.add(name)
    }
    return [...names].filter((name) => !name.startsWith("_"))
}"""
FIND = "[...Document.prototype.querySelectorAll.call(document, '[data-live-key] b')]"


def test_an_image_that_somebody_had_named_stopped_the_page(case: Case, board: Board) -> None:
    """What sanitizers leave in shadows members of the document: all at once, in a page with every kind of list."""
    names: list[str] = case.desk.blank("ada").evaluate(SHADOWING)
    assert len(names) > 200
    images = '{% for name in request.GET.names.split %}<img name="{{ name }}" alt="">{% endfor %}'
    board.write(FILL, rows=25)
    lists = f"{PAGES}{MORE}{UP}" + '{% include "site/paged_in_place.html" with project=PK %}'
    page = case.desk.open("ada", board.page(images + lists, names=" ".join(names)))
    root = "Reflect.get(Document.prototype, 'documentElement', document)"
    page.wait_for_function(f"() => {root}.dataset.realtime === 'live'")
    count = f"(rows) => {FIND}.length === rows"
    page.wait_for_function(count, arg=40)
    click = "(link) => Document.prototype.querySelector.call(document, link).click()"
    page.wait_for_function(count, arg=40)
    page.wait_for_function(
        "() => Object.getOwnPropertyDescriptor(Document.prototype, 'documentElement') && "
        "Reflect.get(Document.prototype, 'documentElement', document).dataset.realtime === 'live'"
    )
    page.evaluate(click, "[data-live-load] a")
    page.wait_for_function(count, arg=50)
    page.evaluate(click, "#log [data-live-load] a")
    page.wait_for_function(count, arg=60)
    page.evaluate(click, "a[rel=next]")
    page.wait_for_function(f"() => {FIND}[0].textContent === 'Task 010'")
    board.write("Task.objects.filter(project=pk, title='Task 010').update(title='Task 010.5')")
    page.wait_for_function(f"() => {FIND}[0].textContent === 'Task 010.5'")
