"""Notifications in a page: they come from another process, go by themselves or wait, and are counted."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.board import Board, wait_until_equal
from tests.browser.desk import Desk
from tests.support.waiting import seconds

BASE = '<p>Unread: {% live_notification_count class="badge" %}</p>{% live_notifications %}'


def open_pages(desk: Desk, board: Board) -> list[Page]:
    board.write("Notification.objects.all().delete()")
    return [desk.open_live(user, board.page(BASE)) for user in ("ada", "ada", "ben")]


def notify(board: Board, text: str, options: str = "") -> None:
    board.write(f"realtime.notify(User.objects.get(username='ada'), {text!r}{options})")


def test_every_page_of_the_user_shows_it_until_one_dismisses_it(desk: Desk, board: Board) -> None:
    first, second, other = open_pages(desk, board)
    expect(first.locator(".badge")).to_have_text("")
    notify(board, "<b>Ready</b>", ", keep=True, url='/board/'")
    for page in (first, second):
        expect(page.get_by_role("status").get_by_role("link")).to_have_text("<b>Ready</b>")
        expect(page.locator(".badge")).to_have_text("1")
    wait_until_equal(first, second)
    second.reload()
    expect(second.get_by_role("status").get_by_role("link")).to_have_attribute("href", "/board/")
    expect(other.get_by_role("status")).to_have_text("")
    expect(other.locator(".badge")).to_have_text("")
    first.get_by_role("button", name="Dismiss: <b>Ready</b>").press("Enter")
    for page in (first, second):
        expect(page.get_by_role("status").get_by_role("link")).to_have_count(0)
        expect(page.locator(".badge")).to_have_text("")


def test_one_that_is_not_kept_goes_by_itself_and_survives_a_redirect(desk: Desk, board: Board) -> None:
    page, _, _ = open_pages(desk, board)
    notify(board, "Saved.", ", level='success'")
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    expect(page.locator(".badge")).to_have_text("")
    page.reload()
    expect(page.locator(".realtime-notification-success")).to_contain_text("Saved.")
    expect(page.get_by_role("status")).not_to_contain_text("Saved.", timeout=seconds(20) * 1000)
