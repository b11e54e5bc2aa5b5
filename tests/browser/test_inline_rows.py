"""Rows whose HTML stands in the page's own template."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board import Board
from tests.browser.desk import Desk
from tests.support.pages import wait_for_state

BODY = '{% include "site/inline.html" with project=PK %}'
EMPTY = ["To do", "Nothing to do.", "Doing", "Nobody works."]


def expect_lists(page: Page, texts: list[str]) -> None:
    """The headings, rows and texts of the element that has two lists."""
    expect(page.locator("section > :is(h2, p)")).to_contain_text(texts)


@pytest.fixture
def page(open_body: Callable[..., Page]) -> Page:
    return open_body(BODY)


def test_rows_follow_where_they_stand(page: Page, board: Board) -> None:
    board.write("""
with transaction.atomic():
    tasks.filter(title="One").update(column="doing")
    tasks.get(title="Two").delete()
    Task.objects.create(project_id=pk, title="New", column="todo", position=1)
""")
    expect(page.locator("tbody > tr > td:first-child")).to_have_text(["New", "One", "Four", "Five", "Three"])
    expect_lists(page, ["To do", "New", "Three", "Doing", "One", "Four", "Five"])
    page.get_by_role("button").first.click()
    expect(page.locator("tbody > tr").first).to_contain_text("Renamed")


def test_text_stands_where_no_row_is(page: Page, board: Board) -> None:
    board.write("tasks.all().delete()")
    expect(page.locator("tbody > tr > td[colspan='2']")).to_have_text("No lines.")
    expect_lists(page, EMPTY)
    board.write("task = Task.objects.create(project_id=pk, title='First', column='doing')")
    expect(page.locator("tbody > tr")).to_have_text(["FirstFalse"])
    expect_lists(page, ["To do", "Nothing to do.", "Doing", "First"])


def test_rows_survive_a_restart(page: Page, board: Board) -> None:
    board.server.stop()
    board.write("tasks.exclude(title='Four').delete()")
    board.server.start()
    expect(page.locator("tbody > tr")).to_have_text(["FourFalse"])
    expect_lists(page, ["To do", "Nothing to do.", "Doing", "Four"])
    board.write("tasks.update(title='Fourth')")
    expect(page.locator("tbody > tr")).to_have_text(["FourthFalse"])


def test_page_is_whole_without_javascript(desk: Desk, board: Board) -> None:
    board.write("tasks.filter(column='doing').delete()")
    page = desk.open("ada", board.page(BODY), page=desk.alone("ada", java_script_enabled=False))
    expect_lists(page, ["To do", "One", "Two", "Three", "Doing", "Nobody works."])


def test_list_that_a_script_loads_is_live(page: Page, board: Board) -> None:
    page.evaluate(
        """async (body) => {
            const answer = await fetch("/part/?body=" + encodeURIComponent(body))
            document.body.innerHTML = await answer.text()
        }""",
        BODY.replace("PK", str(board.pk)),
    )
    wait_for_state(page)
    board.write("tasks.filter(title='One').update(title='First')")
    expect(page.locator("tbody > tr").first).to_have_text("FirstFalse")
