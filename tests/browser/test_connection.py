"""Connections that are lost: what the page shows meanwhile, and that only what was missed travels afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.board import Board, titles, wait_until_equal
from tests.browser.desk import Desk, Traffic
from tests.support import chromium
from tests.support.demo import DemoServer
from tests.support.pages import wait_for_state
from tests.support.waiting import wait_until

ROUNDS = 3

# Every kind of write, one after the other, until the test ends them; a crash of the server must not hold them up.
STREAM = """
import random
dice = random.Random(pk)
columns = ["todo", "doing", "done"]
for number in until_told():
    task = dice.choice(tasks.all())
    with transaction.atomic():
        match number % 6:
            case 0: Task.objects.create(project_id=pk, title=f"New {number}", column=dice.choice(columns))
            case 1: task.move(dice.choice(columns), before=dice.choice(tasks.all()).pk)
            case 2: task.title = f"Renamed {number}"; task.save()
            case 3: task.done = not task.done; task.save()
            case 4: task.delete()
            case 5: Task.objects.create(project_id=pk, title="Undone"); transaction.set_rollback(True)
"""

# Notes what the document says of its state.
WATCH_STATES = """
    window.states = []
    document.addEventListener("realtime:state", () => window.states.push(document.documentElement.dataset.realtime))
"""


@pytest.fixture(autouse=True)
def running(server: DemoServer) -> Iterator[None]:
    """Leaves the server running, also where a test fails while it does not."""
    yield
    if not server.running:
        server.start()


def hurry(*pages: Page) -> None:
    """Let the windows try again now, as they do when the network comes back, instead of after a random delay."""
    for page in pages:
        page.evaluate("window.dispatchEvent(new Event('online'))")


def changes(server: DemoServer) -> int:
    [(number,)] = server.query("SELECT MAX(id) FROM realtime_change")
    return number or 0


def test_killed_server_costs_no_change(ada: Page, ben: Page, board: Board, server: DemoServer) -> None:
    for page in (ada, ben):
        page.evaluate("window.sameDocument = true")
    with board.writing(STREAM):
        for round in range(ROUNDS):
            expect(titles(ada, "todo")).not_to_have_text(titles(ada, "todo").all_text_contents())  # writes are seen
            server.kill()
            for page in (ada, ben):
                wait_for_state(page, "offline")
            written = changes(server)
            wait_until(lambda written=written: changes(server) > written + 20, what="writes without a server")
            server.start()
            if round:
                hurry(ada, ben)
            for page in (ada, ben):
                wait_for_state(page, timeout=20)

    wait_until_equal(ada, ben)
    assert ada.evaluate("window.sameDocument")
    assert ben.evaluate("window.sameDocument")
    for column in ("todo", "doing", "done"):
        expect(titles(ada, column)).to_have_text(board.titles(column))
        assert "Undone" not in board.titles(column)


@pytest.mark.websocket
def test_reconnect_without_a_missed_change_brings_no_row(board: Board, desk: Desk) -> None:
    lists = '<ul>{% live "notes" project=PK column="todo" %}</ul><ul>{% live "notes" project=PK column="doing" %}</ul>'
    page, traffic = watched(desk, board.page(lists))
    go_offline(page)
    come_back(page)

    hello, *subscribes = [message for message in traffic.sent if message["type"] != "ack"]
    assert hello == {"type": "hello", "version": 2}
    assert len(subscribes) == 2
    assert all(message["cursor"] for message in subscribes)
    assert traffic.frames
    assert traffic.deltas == []


@pytest.mark.websocket
def test_reconnect_brings_the_one_row_that_was_missed(board: Board, desk: Desk) -> None:
    page, traffic = watched(desk, board.page('<ul>{% live "notes" project=PK column="todo" %}</ul>'))
    go_offline(page)
    board.write("task = tasks.get(title='Two'); task.title = 'Second'; task.save()")
    come_back(page)

    expect(page.get_by_role("textbox", name="Title").nth(1)).to_have_value("Second")
    [delta] = traffic.deltas
    [put] = delta["puts"]
    assert put["key"] == board.key("Second")
    # a server that still has the live query knows that the order is the same, and says nothing of it
    assert delta.get("order") in (None, [board.key(title) for title in ("One", "Second", "Three")])
    assert traffic.received_bytes < len(put["row"]) + 800
    wait_until_equal(page)


@pytest.mark.websocket
def test_reconnect_brings_a_hundred_changes_of_a_row_as_one(board: Board, desk: Desk) -> None:
    page, traffic = watched(desk, board.page('<ul>{% live "notes" project=PK column="todo" %}</ul>'))
    go_offline(page)
    board.write("""
task = tasks.get(title="Two")
for number in range(100):
    task.title = f"Title {number}"
    task.save()
""")
    come_back(page)

    [delta] = traffic.deltas
    assert len(delta["puts"]) == 1
    wait_until_equal(page)


def watched(desk: Desk, path: str) -> tuple[Page, Traffic]:
    """A live window in a context of its own, and what travels to it and from it from now on."""
    page = desk.alone("ada")
    traffic = Traffic(page)
    desk.open_live("ada", path, page=page)
    traffic.clear()
    return page, traffic


def go_offline(page: Page) -> None:
    page.context.set_offline(True)
    wait_for_state(page, "offline")


def come_back(page: Page) -> None:
    page.context.set_offline(False)
    wait_for_state(page)


def test_killed_server_is_shown_as_offline_and_its_return_as_live(
    board: Board, desk: Desk, server: DemoServer
) -> None:
    page = desk.blank("ada")
    page.add_init_script(WATCH_STATES)
    desk.open_live("ada", board.page('{% live "notes" project=PK %}'), page=page)
    server.kill()
    wait_for_state(page, "offline")
    server.start()
    wait_for_state(page, timeout=20)

    assert page.evaluate("window.states") == ["connecting", "catching-up", "live", "offline", "catching-up", "live"]


def test_network_that_is_gone_is_shown_as_offline(board: Board, desk: Desk) -> None:
    page = desk.alone("ada")
    page.add_init_script(WATCH_STATES)
    desk.open_live("ada", board.page('{% live "notes" project=PK %}'), page=page)
    go_offline(page)
    come_back(page)

    assert page.evaluate("window.states") == ["connecting", "catching-up", "live", "offline", "catching-up", "live"]


@pytest.mark.excused(firefox="starts a Chromium of its own")
def test_page_from_the_back_forward_cache_is_live_and_equal(
    browser: Browser, board: Board, server: DemoServer
) -> None:
    caching = browser.browser_type.launch(
        executable_path=chromium.whole(),
        args=list(chromium.ARGUMENTS),
        ignore_default_args=["--disable-back-forward-cache"],  # which Playwright gives
    )
    with closing(caching):  # also after a failure: its page would stay a client of the server
        page = Desk(caching, server.url).open_live("ada", board.path)
        page.evaluate("window.addEventListener('pageshow', (event) => { window.cached = event.persisted })")
        page.goto("/")
        board.write("tasks.get(title='One').delete(); Task.objects.create(project_id=pk, title='Meanwhile')")
        page.evaluate("history.back()")  # page.go_back() waits for a load event, which such a page does not have

        expect(titles(page, "todo")).to_have_text(["Two", "Three", "Meanwhile"])
        assert page.evaluate("window.cached")
        wait_for_state(page)
        wait_until_equal(page)


def test_reload_of_an_old_page_shows_the_present(board: Board, desk: Desk) -> None:
    page = desk.open_live("ada", board.path)
    board.write("tasks.get(title='One').delete()")
    expect(titles(page, "todo")).to_have_text(["Two", "Three"])
    page.reload()

    wait_for_state(page)
    wait_until_equal(page)
