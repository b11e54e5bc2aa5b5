"""Rows that grow leave the reader alone: the selection stays, and so does the place in a log."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.board import Board

LIST = '<ul id="log" data-live-follow>{% live "notes" project=PK column="todo" %}</ul>'
SELECT = """(text) => {
    getSelection().setBaseAndExtent(text.firstChild, 0, text.firstChild, 3)
    window.selected = text.firstChild
}"""
SELECTED = "(text) => [String(getSelection()), text.firstChild === window.selected]"
SMALL = "(log) => Object.assign(log.style, {height: '100px', overflow: 'auto', scrollBehavior: 'smooth'})"
SCROLL = "(log, top) => log.scrollTo({top, behavior: 'instant'})"
END = 100_000
LEFT = "(log) => Math.round(log.scrollHeight - log.scrollTop - log.clientHeight)"


@pytest.fixture
def log(open_body: Callable[..., Page]) -> Locator:
    """A list of texts, half of which is visible."""
    log = open_body(LIST).locator("#log")
    log.evaluate(SMALL)
    return log


def test_selection_in_a_text_stays_while_it_grows(log: Locator, board: Board) -> None:
    text = log.locator("b", has_text="Two")
    text.evaluate(SELECT)
    assert text.evaluate(SELECTED) == ["Two", True]
    for words in ("Two and", "Two and a half"):
        board.write("tasks.filter(title__startswith='Two').update(title=words)", words=words)
        expect(text).to_have_text(words)
    assert text.evaluate(SELECTED) == ["Two", True]


def test_log_is_followed_until_the_reader_scrolls_away(log: Locator, board: Board) -> None:
    def add(title: str) -> None:
        board.write("Task.objects.create(project_id=pk, column='todo', title=title).pk", title=title)
        expect(log.locator("b", has_text=re.compile(f"^{title}$"))).to_be_attached()

    log.evaluate(SCROLL, END)
    add("Followed")
    assert log.evaluate(LEFT) == 0

    log.evaluate(SCROLL, 5)
    add("Unseen")
    assert log.evaluate("(log) => log.scrollTop") == 5

    log.evaluate(SCROLL, END)
    add("Followed again")
    assert log.evaluate(LEFT) == 0


def test_log_that_comes_into_the_page_starts_at_its_end(log: Locator) -> None:
    assert log.evaluate(LEFT) > 0
    log.evaluate("(log) => log.replaceWith(log.cloneNode(true))")
    log.page.wait_for_function(f"({LEFT})(document.getElementById('log')) === 0")
