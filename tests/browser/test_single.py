"""Pages of one object: not found, gone, and different for its owner and for others."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.board import Board, wait_until_equal
from tests.browser.desk import Desk

BODY = """
{% live "single" pk=KEY class="task" %}
<template data-live-when-gone><p>This task is gone.</p></template>
<script nonce="{{ request.csp_nonce }}">
addEventListener("realtime:gone", (event) => { window.gone = event.detail.key })
</script>"""


def test_a_page_says_that_its_object_is_gone(desk: Desk, board: Board) -> None:
    key = board.key("One")
    page = desk.open_live("ada", board.page(BODY.replace("KEY", key)))
    expect(page.locator("article b")).to_have_text("One")
    expect(page.get_by_text("This task is gone.")).to_have_count(0)
    board.write("tasks.filter(title='One').update(column='done')")
    expect(page.get_by_text("This task is gone.")).to_be_visible()
    expect(page.locator(".task")).to_have_attribute("data-live-gone", "")
    assert page.evaluate("window.gone") == key
    board.write("tasks.filter(title='One').update(column='todo')")
    expect(page.get_by_text("This task is gone.")).to_have_count(0)
    expect(page.locator("article b")).to_have_text("One")
    board.write("tasks.filter(title='One').delete()")
    expect(page.get_by_text("This task is gone.")).to_be_visible()
    assert page.reload().status == 404


def test_shared_rows_differ_for_their_owner_from_the_start_and_after_changes(
    open_body: Callable[..., Page], desk: Desk, board: Board
) -> None:
    board.write("tasks.filter(title='One').update(assignee=User.objects.get(username='ada'))")
    body = BODY.replace("KEY", board.key("One")).partition("<template")[0]
    owner, other = open_body(body, user="ada"), open_body(body, user="ben")
    plain = desk.alone("ada", java_script_enabled=False)
    plain.goto(board.page(body))
    for page in (owner, plain):
        expect(page.get_by_role("button", name="Edit")).to_be_visible()
        expect(page.get_by_role("button", name="Watch")).to_be_hidden()
        expect(page.locator("article")).to_have_attribute("data-live-own", "")
    expect(other.get_by_role("button", name="Edit")).to_be_hidden()
    board.write("tasks.filter(title='One').update(title='First')")
    for page in (owner, other):
        expect(page.locator("article b")).to_have_text("First")
    expect(owner.get_by_role("button", name="Edit")).to_be_visible()
    expect(other.get_by_role("button", name="Edit")).to_be_hidden()
    board.write("tasks.filter(title='First').update(assignee=User.objects.get(username='ben'))")
    expect(other.get_by_role("button", name="Edit")).to_be_visible()
    expect(owner.get_by_role("button", name="Edit")).to_be_hidden()
    expect(owner.locator("article")).not_to_have_attribute("data-live-own", "")
    wait_until_equal(owner, other)
