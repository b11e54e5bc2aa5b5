"""Networks that let no WebSocket through: the page takes another transport, and comes back when it is free."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board import Board, card, cards, titles, wait_until_equal
from tests.browser.desk import Desk
from tests.conftest import give_up
from tests.support.demo import DemoServer
from tests.support.nginx import Nginx, program
from tests.support.pages import wait_for_state
from tests.support.waiting import wait_until

# Lets WebSockets through while `free` is set, and counts the attempts.
SWITCH = """
    const Real = window.WebSocket
    window.attempts = 0
    window.WebSocket = function (url) {
        window.attempts += 1
        if (window.free) return new Real(url)
        setTimeout(() => this.onclose({code: 1006, reason: ""}))
        this.close = () => {}
    }
"""
NOTE_CHANGES = """
    window.changes = []
    document.addEventListener("realtime:change", ({target, detail}) => {
        window.changes.push({...detail, ofCards: target.closest("[data-column]") !== null})
    })
    window.states = []
    document.addEventListener("realtime:state", ({detail}) => window.states.push(detail.state))
"""
STREAM = """
for number in until_told():
    Task.objects.create(project_id=pk, title=f"New {number}", column="todo")
"""


# One column of the board, without the board's own scripts: these ask for more when they are there, and what a page
# shows of its state is then theirs.
COLUMN = '<div data-column="todo">{% live "tasks" project=PK column="todo" container="ul" %}</div>'


@pytest.fixture(params=["sse", "longpoll"])
def blocked(request, desk: Desk) -> Page:
    """Ada's window, still empty, behind a network that lets only this transport through."""
    page = desk.alone("ada", transport=request.param)
    page.add_init_script(NOTE_CHANGES)
    return page


@pytest.fixture
def page(blocked: Page, desk: Desk, board: Board) -> Page:
    """The same, in which the board is live."""
    return desk.open_live("ada", board.path, page=blocked)


def remembered_transport(page: Page) -> str | None:
    """The transport that the window remembers; none is the WebSocket."""
    return page.evaluate("JSON.parse(sessionStorage.getItem('realtime:transport'))?.name ?? null")


def puts(page: Page) -> list[str]:
    """The keys of the cards that came; the people of the board come and go beside them."""
    return page.evaluate("window.changes.filter(({ofCards}) => ofCards).flatMap(({puts}) => puts)")


def states(page: Page) -> list[str]:
    """What the page has shown of its state, one after the other."""
    return page.evaluate("window.states")


def test_text_with_line_separators_of_unicode_arrives(page: Page, board: Board) -> None:
    board.writer('task = Task.objects.create(project_id=pk, title="one\\u2028two", column="todo")', pk=board.pk)

    expect(page.get_by_text("one\u2028two")).to_be_visible()
    assert "offline" not in states(page)


def test_page_that_falls_back_is_shown_as_live_once_and_stays_so(blocked: Page, desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", board.page(COLUMN), page=blocked)
    with board.writing(STREAM):
        wait_until(lambda: cards(page, "todo").count() > 20, what="rows")
    wait_until_equal(page)
    assert states(page) == ["connecting", "catching-up", "live"]
    assert remembered_transport(page) in ("sse", "longpoll")


def test_window_with_a_socket_and_one_without_see_each_other(page: Page, desk: Desk, board: Board) -> None:
    ben = desk.open_live("ben", board.path)
    card(page, "One").get_by_role("checkbox").check()
    expect(card(ben, "One").get_by_role("checkbox")).to_be_checked()
    card(ben, "Two").get_by_role("checkbox").check()
    expect(card(page, "Two").get_by_role("checkbox")).to_be_checked()


def test_stream_of_writes_brings_each_row_once(page: Page, board: Board) -> None:
    with board.writing(STREAM):
        wait_until(lambda: len(puts(page)) > 60, what="rows")
    wait_until_equal(page)
    keys = puts(page)
    assert len(keys) == len(set(keys)) > 60
    assert page.evaluate("window.changes.filter(({ofCards, reset}) => ofCards && reset)") == []
    assert page.evaluate("window.states.at(-1)") == "live"


def test_subscription_that_comes_later_joins_the_others(page: Page, board: Board) -> None:
    page.evaluate("(project) => { window.query = realtime.live('tasks', {project}) }", board.pk)
    wait_until(lambda: page.evaluate("window.query.rows.length") == 5, what="the rows as data")
    board.write("tasks.get(title='One').delete()")
    wait_until(lambda: page.evaluate("window.query.rows.length") == 4, what="the change as data")
    expect(titles(page, "todo")).to_have_text(["Two", "Three"])
    page.evaluate("window.query.close()")
    board.write("tasks.get(title='Two').delete()")
    expect(titles(page, "todo")).to_have_text(["Three"])


def test_event_reaches_others_and_not_its_sender(page: Page, desk: Desk, board: Board) -> None:
    windows = [page, desk.open_live("ben", board.path)]
    for window in windows:
        window.evaluate("window.heard = []")
        window.evaluate("(project) => { window.notes = realtime.live('notes', {project}) }", board.pk)
        window.evaluate("void window.notes.on('pointing', ({x}) => window.heard.push(x))")
        window.wait_for_function("() => window.notes.state === 'live'")

    def heard() -> bool:  # between two long polls nobody hears an event
        page.evaluate("window.notes.send('pointing', {x: 3})")
        return windows[1].evaluate("window.heard.includes(3)")

    wait_until(heard, what="the event")
    assert page.evaluate("window.heard") == []


def test_call_that_is_refused_says_why(page: Page, board: Board) -> None:
    reason = page.evaluate(
        "(project) => realtime.call('notes', {project}, 'refuse').catch((e) => e.message)", board.pk
    )
    assert reason == "Not today."


def test_network_that_is_gone_for_a_while_costs_nothing(page: Page, board: Board) -> None:
    page.context.set_offline(True)
    wait_for_state(page, "offline")
    board.write("task = tasks.get(title='Two'); task.title = 'Second'; task.save()")
    page.evaluate("window.changes.length = 0")
    page.context.set_offline(False)
    expect(titles(page, "todo")).to_have_text(["One", "Second", "Three"])
    assert puts(page) == [board.key("Second")]


@pytest.fixture
def switched(desk: Desk) -> Page:
    """A window whose network lets WebSockets through or not, and whose clock can be set forward."""
    page = desk.alone("ada", transport="websocket")
    page.add_init_script(SWITCH)
    page.add_init_script(NOTE_CHANGES)
    page.clock.install()
    return page


def test_page_returns_to_the_socket_and_misses_nothing(switched: Page, desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", board.page(COLUMN), page=switched)
    assert remembered_transport(page) == "sse"
    with board.writing(STREAM):
        wait_until(lambda: cards(page, "todo").count() > 10, what="rows")
        page.evaluate("window.free = true")
        page.clock.fast_forward(16_000)
        wait_until(lambda: remembered_transport(page) is None, what="the WebSocket")
        count = cards(page, "todo").count()
        wait_until(lambda: cards(page, "todo").count() > count + 10, what="rows over the socket")
    wait_until_equal(page)
    keys = puts(page)
    assert len(keys) == len(set(keys))
    assert states(page) == ["connecting", "catching-up", "live"]
    assert page.evaluate(
        "(project) => realtime.call('tasks', {project}, 'add', {title: 'Called'}).then(() => 1)", board.pk
    )


def test_probe_of_a_socket_that_is_still_blocked_disturbs_nothing(switched: Page, desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", board.page(COLUMN), page=switched)
    attempts = page.evaluate("window.attempts")
    page.clock.fast_forward(16_000)
    wait_until(lambda: page.evaluate("window.attempts") > attempts, what="a probe")
    board.write("tasks.get(title='One').delete()")
    expect(titles(page, "todo")).to_have_text(["Two", "Three"])
    assert states(page) == ["connecting", "catching-up", "live"]


def test_next_page_of_the_window_begins_with_the_road_that_worked(switched: Page, desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", board.path, page=switched)
    assert page.evaluate("window.attempts") == 1
    desk.open_live("ada", board.path, page=page)
    assert page.evaluate("window.attempts") == 0


@pytest.fixture
def proxy(server: DemoServer, pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[Nginx]:
    """An nginx in front of the server, not started yet."""
    if program() is None:
        give_up(pytestconfig, "There is no nginx: install it (on Debian: apt-get install nginx).")
    proxy = Nginx(server.port, directory=tmp_path)
    yield proxy
    proxy.stop()


def show_and_change(proxy: Nginx, desk: Desk, board: Board, transport: str) -> Page:
    proxy.start()
    page = desk.open_live("ada", board.path, page=desk.alone("ada", url=proxy.url, transport=transport))
    board.write("tasks.get(title='One').delete()")
    expect(titles(page, "todo")).to_have_text(["Two", "Three"])
    card(page, "Two").get_by_role("checkbox").check()
    wait_until_equal(page)
    return page


@pytest.mark.parametrize(("transport", "taken"), [("websocket", None), ("sse", "sse"), ("longpoll", "longpoll")])
def test_nginx_of_the_documentation_carries_each_transport(
    proxy: Nginx, desk: Desk, board: Board, transport: str, taken: str | None
) -> None:
    assert remembered_transport(show_and_change(proxy, desk, board, transport)) == taken


def test_nginx_that_refuses_upgrades_is_gone_round(proxy: Nginx, desk: Desk, board: Board) -> None:
    proxy.refuse_upgrades()
    assert remembered_transport(show_and_change(proxy, desk, board, "websocket")) == "sse"


def test_nginx_that_swallows_upgrades_is_gone_round(proxy: Nginx, desk: Desk, board: Board) -> None:
    proxy.swallow_upgrades()
    assert remembered_transport(show_and_change(proxy, desk, board, "websocket")) == "sse"


EVENT_SOURCE = """(project) => {
    const wanted = new URLSearchParams({subscribe: JSON.stringify({stream: "tasks", params: {project}})})
    window.received = []
    window.source = new EventSource(`/realtime/sse/?${wanted}`)
    window.source.onmessage = ({data, lastEventId}) => window.received.push([JSON.parse(data), lastEventId])
}"""


def test_event_source_of_a_page_is_served(desk: Desk, board: Board) -> None:
    page = desk.open("ada", "/")
    page.evaluate(EVENT_SOURCE, board.pk)
    wait_until(lambda: page.evaluate("window.received.length") == 3, what="the rows")
    board.write("tasks.get(title='One').delete()")
    wait_until(lambda: page.evaluate("window.received.length") == 4, what="the change")
    frame, last = page.evaluate("window.received[3]")
    key = page.evaluate("window.received[2][0].deltas[0].puts[0].key")
    assert frame["deltas"][0]["drops"] == [key]
    assert last
    page.evaluate("window.source.close()")
