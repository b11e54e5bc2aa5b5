"""Forms in live rows that know nothing of realtime: the row is everyone's, and the CSRF token is each user's own."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.board import Board
from tests.browser.desk import Desk

ROWS = '<ul>{% live "plain" project=PK %}</ul>'
FORM = '<form method="post" action="/delete/" id="delete">{% csrf_token %}</form>'
SENT = """(row) => new FormData(row.querySelector("form")).get("csrfmiddlewaretoken")"""


def field(page: Page, title: str):
    return page.locator(f"[data-live-key] input[value='{title}']")


def test_form_of_a_row_that_was_pushed_is_taken_from_each_user(desk: Desk, board: Board) -> None:
    ada, ben = (desk.open_live(user, board.page(ROWS)) for user in ("ada", "ben"))
    board.write("task = Task.objects.create(project_id=pk, title='New', column='todo')")
    for page, title, renamed in ((ada, "New", "By Ada"), (ben, "By Ada", "By Ben")):
        field(page, title).fill(renamed)
        with page.expect_response("**/rename/") as answer:
            field(page, title).press("Enter")
        assert answer.value.status == 204
        assert renamed in board.titles("todo")


def test_token_stays_in_the_site_and_out_of_the_row(desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", board.page(ROWS))
    row = page.locator("[data-live-key]").first
    assert row.evaluate(SENT)
    assert row.locator("[name=csrfmiddlewaretoken]").count() == 0
    row.locator("form").evaluate("(form) => form.setAttribute('action', 'http://localhost:1/')")
    assert row.evaluate(SENT) is None


def test_button_of_a_row_sends_a_form_of_the_page_without_javascript(desk: Desk, board: Board) -> None:
    page = desk.alone("ada", java_script_enabled=False)
    page.goto(board.page(FORM + ROWS))
    page.get_by_role("button", name="Delete One").click()
    expect(page.get_by_text("Deleted.")).to_be_visible()
    assert board.titles("todo") == ["Two", "Three"]
