"""Unread rows: counted on each page, marked in the list until the user has seen them, in whichever window."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.board import Board, wait_until_equal
from tests.browser.desk import Desk
from tests.support.demo import DemoServers
from tests.support.waiting import seconds, wait_until

COUNT = 'Unread: {% live_unread "fresh" project=PK class="badge" %}'
LIST = COUNT + '{% live "fresh" project=PK container="ul" class="list" %}'
SMALL = "(list) => Object.assign(list.style, {height: '6em', overflow: 'auto'})"
ADD = "Task.objects.create(project_id=pk, title=title, assignee=User.objects.filter(username=owner).first()).pk"
HIDE = """(state) => {
    Object.defineProperty(Document.prototype, "visibilityState", {get: () => state, configurable: true})
    document.dispatchEvent(new Event("visibilitychange"))
}"""
HIDDEN = """Object.defineProperty(Document.prototype, "visibilityState", {get: () => "hidden", configurable: true})"""


def add(board: Board, title: str, owner: str = "") -> str:
    return str(board.write(ADD, title=title, owner=owner))


def badge(page: Page) -> Locator:
    return page.locator(".badge")


def marked(page: Page) -> Locator:
    return page.locator(".list > [data-live-unread]")


def test_the_count_follows_rows_that_come_and_go_and_what_the_user_sees(desk: Desk, board: Board) -> None:
    counting, other = (desk.open_live(user, board.page(COUNT)) for user in ("ada", "ben"))
    expect(badge(counting)).to_have_text("5")
    key = add(board, "New")
    add(board, "Her own", "ada")
    expect(badge(counting)).to_have_text("6")
    expect(badge(other)).to_have_text("7")
    board.write("Task.objects.filter(pk=key).delete()[0]", key=key)
    expect(badge(counting)).to_have_text("5")

    reading = desk.open_live("ada", board.page(LIST))
    expect(badge(counting)).to_have_text("")  # in another window
    expect(badge(reading)).to_have_text("")
    expect(badge(other)).to_have_text("6")
    counting.reload()
    expect(badge(counting)).to_have_text("")


def test_marks_stay_while_the_user_looks_and_rows_that_are_seen_at_once_have_none(desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", board.page(LIST))
    expect(marked(page)).to_have_count(5)
    expect(badge(page)).to_have_text("")
    add(board, "Under her eyes")
    expect(page.get_by_text("Under her eyes")).to_be_visible()
    expect(badge(page)).to_have_text("")
    expect(marked(page)).to_have_count(5)
    board.write("tasks.filter(title='One').update(title='Another')")
    expect(marked(page).first).to_have_text("Another")
    page.reload()
    expect(page.get_by_text("Another")).to_be_visible()
    expect(marked(page)).to_have_count(0)
    wait_until_equal(page)


def test_a_hidden_page_sees_nothing_until_the_user_returns(desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", board.page(LIST))
    expect(badge(page)).to_have_text("")
    page.evaluate(HIDE, "hidden")
    add(board, "Meanwhile")
    expect(marked(page)).to_have_count(6)
    expect(badge(page)).to_have_text("1")
    page.evaluate(HIDE, "visible")
    expect(badge(page)).to_have_text("")
    expect(marked(page)).to_have_text(["Meanwhile"])


def test_rows_out_of_view_are_unread_until_the_user_scrolls_there(desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", board.page(LIST))
    expect(badge(page)).to_have_text("")
    page.locator(".list").evaluate(SMALL)
    for number in range(8):
        add(board, f"Row {number}")
    expect(badge(page)).not_to_have_text("")
    last = page.get_by_text("Row 7")
    expect(last).to_have_attribute("data-live-unread", "")
    last.scroll_into_view_if_needed()
    expect(badge(page)).to_have_text("")
    expect(last).to_have_attribute("data-live-unread", "")


def test_what_is_seen_elsewhere_loses_its_mark(desk: Desk, board: Board) -> None:
    hidden = desk.blank("ada")
    hidden.add_init_script(HIDDEN)
    desk.open_live("ada", board.page(LIST), page=hidden)
    expect(marked(hidden)).to_have_count(5)
    expect(badge(hidden)).to_have_text("5")
    desk.open_live("ada", board.page(LIST))
    expect(marked(hidden)).to_have_count(0)
    expect(badge(hidden)).to_have_text("")


def test_the_count_is_right_after_a_lost_connection_and_on_another_server(
    desk: Desk, board: Board, servers: DemoServers
) -> None:
    page = desk.open_live("ada", board.page(LIST))
    expect(badge(page)).to_have_text("")
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator("html")).to_have_attribute("data-realtime", "offline")
    page.evaluate(HIDE, "hidden")
    add(board, "While offline")
    page.context.set_offline(False)
    expect(badge(page)).to_have_text("1")
    second = servers()
    elsewhere = desk.alone("ada", url=second.url)
    desk.open_live("ada", board.page(LIST), page=elsewhere)
    expect(badge(page)).to_have_text("")


def test_access_that_ends_ends_the_count(desk: Desk, board: Board) -> None:
    page = desk.open_live("ben", board.page(COUNT))
    expect(badge(page)).to_have_text("5")
    board.write("Project.objects.get(pk=pk).members.remove(User.objects.get(username='ben'))")
    expect(badge(page)).to_have_text("", timeout=seconds(1) * 1000)


def test_a_count_in_a_row_is_that_of_its_viewer(desk: Desk, board: Board, open_body: Callable[..., Page]) -> None:
    desk.open_live("ben", board.page(LIST))
    page = open_body('{% live "counted" project=PK container="ul" %}')
    expect(page.get_by_role("listitem").first).to_have_text("One: 5")
    board.write("tasks.filter(title='One').update(title='Another')")
    expect(page.get_by_role("listitem").first).to_have_text("Another: 5")
    other = open_body('{% live "counted" project=PK container="ul" %}', user="ben")
    expect(other.get_by_role("listitem").first).to_have_text("Another:")


def test_a_reader_of_many_rows_writes_every_two_seconds_at_most(desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", board.page(LIST))
    expect(badge(page)).to_have_text("")
    before = page.evaluate("performance.now()")
    for number in range(20):
        add(board, f"Row {number}")
    expect(page.get_by_text("Row 19")).to_be_visible()
    key = board.key("Row 19")
    sql = "SELECT count(*) FROM realtime_readmarker WHERE value = ?"
    wait_until(lambda: board.server.query(sql, int(key)) == [(1,)], what="the marker")
    passed = page.evaluate("performance.now()") - before
    writes = "SELECT count(*) FROM realtime_change WHERE model = 'realtime.readmarker'"
    [(number,)] = board.server.query(writes)
    add(board, "Last")
    wait_until(lambda: board.server.query(sql, int(board.key("Last"))) == [(1,)], what="the marker")
    [(after,)] = board.server.query(writes)
    assert after - number <= 2 + passed / 2000


def test_a_script_has_the_count_and_marks_as_read(desk: Desk, board: Board, open_body: Callable[..., Page]) -> None:
    page = open_body("", live=False)
    wait_until(lambda: page.evaluate("Boolean(window.realtime)"), what="the script")
    page.evaluate(
        """(project) => {
        window.unread = realtime.unread("fresh", {project})
        window.counts = []
        unread.subscribe((count) => counts.push(count))
    }""",
        board.pk,
    )
    shown = "[counts.at(-1), unread.store.getSnapshot().state]"
    wait_until(lambda: page.evaluate(shown) == [5, "live"], what="the count")
    assert page.evaluate("unread.keys.length") == 5
    [first, *_] = page.evaluate("unread.keys.toReversed()")
    page.evaluate("(key) => unread.markRead(key)", first)
    assert page.evaluate("unread.count") == 4
    page.evaluate("unread.markRead()")
    assert page.evaluate("unread.count") == 0
    page.evaluate("unread.close()")
