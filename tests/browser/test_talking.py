"""What a user does is shown at once, happens once, and is said when it is refused, whatever breaks in the middle."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.board import Board, card, titles, wait_until_equal
from tests.browser.desk import Desk
from tests.support import transports
from tests.support.demo import DemoServer
from tests.support.pages import wait_for_state
from tests.support.waiting import wait_until

BODY = '<ul>{% live "notes" project=PK column="todo" %}</ul>'

# Opens the rows as data, and notes each thing that they show.
WATCH = """(project) => {
    window.notes = window.realtime.live("notes", {project})
    window.shown = []
    window.notes.subscribe((rows) => window.shown.push(rows.map(({title}) => title).join(" ")))
}"""
# Adds a note, shown at once; what becomes of it is noted.
ADD = """([action, args]) => {
    const optimistic = (rows) => [...rows, {title: args.title}]
    window.called = window.notes.call(action, args, {optimistic})
    window.called.then((result) => (window.result = result), ({message}) => (window.refusal = message))
}"""


class Wire:
    """What carries a window's calls, between the page and the server: its WebSocket, or its requests."""

    def __init__(self, page: Page) -> None:
        self.cut_at = ""  # "call": it does not reach the server; "reply" or "frame": the page does not get it
        self.holding = False
        self.held: list[Callable[[], None]] = []
        self.called = False
        if transports.wanted() == "websocket":
            page.route_web_socket("**/realtime/ws/", self._open)
        else:
            page.route("**/realtime/call/", self._request)

    def release(self) -> None:
        self.holding = False
        for pass_on in self.held:
            pass_on()
        self.held.clear()

    def _open(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        page.on_message(lambda text: self._take(page, server, str(text), server))
        server.on_message(lambda text: self._take(page, server, str(text), page))

    def _take(self, page: WebSocketRoute, server: WebSocketRoute, text: str, to: WebSocketRoute) -> None:
        message = json.loads(text)
        kind = "frame" if isinstance(message, list) else message["type"]
        self.called = self.called or kind == "call"
        if kind == self.cut_at and self.called and (kind != "frame" or "calls" in message):
            self.cut_at = ""
            server.close()
            page.close(code=1011)
        elif self.holding and kind == "call":
            self.held.append(lambda: to.send(text))
        else:
            to.send(text)

    def _request(self, route: Route) -> None:
        cut_at, self.cut_at = self.cut_at, ""
        if cut_at == "reply":
            route.fetch()
        if cut_at:
            route.abort()
        elif self.holding:
            self.held.append(route.continue_)
        else:
            route.continue_()


@pytest.fixture(autouse=True)
def running(server: DemoServer) -> Iterator[None]:
    """Leaves the server running, also where a test fails while it does not."""
    yield
    if not server.running:
        server.start()


def open_wired(desk: Desk, path: str) -> tuple[Page, Wire]:
    page = desk.blank("ada")
    wire = Wire(page)
    desk.open_live("ada", path, page=page)
    return page, wire


@pytest.fixture
def ada_on_the_wire(desk: Desk, board: Board) -> tuple[Page, Wire]:
    page, wire = open_wired(desk, board.page(BODY))
    page.evaluate(WATCH, board.pk)
    wait_until(lambda: page.evaluate("window.shown.length"), what="the rows")
    return page, wire


def notes(page: Page) -> list[str]:
    """What the page shows, as HTML."""
    found: list[str] = page.get_by_role("textbox", name="Title").evaluate_all("(all) => all.map(({value}) => value)")
    return found


@pytest.mark.parametrize("step", ["call", "reply", pytest.param("frame", marks=pytest.mark.websocket)])
def test_a_call_whose_connection_is_cut_runs_once(
    ada_on_the_wire: tuple[Page, Wire], step: str, board: Board, desk: Desk
) -> None:
    page, wire = ada_on_the_wire
    ben = desk.open_live("ben", board.page(BODY))
    wire.cut_at = step
    page.evaluate(ADD, ["add", {"title": "New"}])
    page.evaluate("window.called.settled")

    assert wire.cut_at == ""
    assert page.evaluate("window.result") == int(board.key("New"))
    assert page.evaluate("window.called.state") == "settled"
    for window in (page, ben):
        wait_until(lambda window=window: notes(window) == ["One", "Two", "Three", "New"], what="the new note, once")
    assert board.titles("todo") == ["One", "Two", "Three", "New"]
    # from the first moment on there was one new note, and it never went away
    [first, *later] = page.evaluate("window.shown")
    counts = {shown.split().count("New") for shown in later}
    # over HTTP the page hears with its next request that the call is done; until then both may be shown
    assert counts == {1} or (transports.wanted() != "websocket" and counts == {1, 2}), later
    assert "New" not in first


def test_a_server_that_is_killed_between_action_and_reply_has_run_it_once(
    ada_on_the_wire: tuple[Page, Wire], board: Board, desk: Desk, server: DemoServer
) -> None:
    page, _ = ada_on_the_wire
    ben = desk.open_live("ben", board.page(BODY))
    page.evaluate(ADD, ["add_and_die", {"title": "New"}])
    # Playwright passes a request on only while it is asked something
    wait_until(lambda: page.evaluate("1") and not server.running, what="the server to be gone")
    wait_for_state(page, "offline")
    server.restart()

    page.evaluate("window.called.settled")
    assert board.titles("todo") == ["One", "Two", "Three", "New"]
    assert page.evaluate("window.result") == int(board.key("New"))
    for window in (page, ben):
        wait_until(lambda window=window: notes(window) == ["One", "Two", "Three", "New"], what="the new note, once")


def test_what_is_refused_is_taken_back_with_the_reason(
    ada_on_the_wire: tuple[Page, Wire], board: Board, desk: Desk
) -> None:
    page, _ = ada_on_the_wire
    page.evaluate(ADD, ["refuse", {"title": "New"}])
    wait_until(lambda: page.evaluate("window.refusal"), what="the refusal")

    assert page.evaluate("window.refusal") == "Not today."
    before, during, after = page.evaluate("window.shown")
    assert (during, after) == (f"{before} New", before)
    assert board.titles("todo") == ["One", "Two", "Three"]


def test_another_user_s_change_meanwhile_is_kept(ada_on_the_wire: tuple[Page, Wire], board: Board) -> None:
    page, wire = ada_on_the_wire
    wire.holding = True
    changed = page.evaluate("window.shown.at(-1)").replace("Two", "Second")
    page.evaluate(ADD, ["refuse", {"title": "New"}])
    board.write("task = tasks.get(title='Two'); task.title = 'Second'; task.save()")
    wait_until(lambda: page.evaluate("window.shown.at(-1)") == f"{changed} New", what="both changes")
    wire.release()
    wait_until(lambda: page.evaluate("window.shown.at(-1)") == changed, what="ben's change alone")


def test_calls_made_offline_are_shown_wait_and_say_so(
    ada_on_the_wire: tuple[Page, Wire], board: Board, server: DemoServer
) -> None:
    page, _ = ada_on_the_wire
    server.kill()
    wait_for_state(page, "offline")
    page.evaluate(ADD, ["add", {"title": "New"}])

    expect(page.locator("html")).to_have_attribute("data-realtime-waiting", "1")
    assert page.evaluate("[window.called.state, window.realtime.waiting]") == ["waiting", 1]
    assert page.evaluate("window.notes.rows.at(-1).title") == "New"
    server.restart()
    page.evaluate("window.called.settled")
    assert page.locator("html").get_attribute("data-realtime-waiting") is None
    assert board.titles("todo") == ["One", "Two", "Three", "New"]


def drag(page: Page, title: str, column: str) -> None:
    start = card(page, title).locator(".card-title").bounding_box()
    end = page.locator(f"[data-column={column}] .cards").bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 10, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 40, end["y"] + 5, steps=8)
    expect(page.locator(".drop-line")).to_be_visible()
    page.mouse.up()


def test_a_dragged_card_is_in_its_place_before_the_server_knows(desk: Desk, board: Board, ben: Page) -> None:
    ada, wire = open_wired(desk, board.path)
    wire.holding = True
    drag(ada, "Two", "doing")

    expect(titles(ada, "todo")).to_have_text(["One", "Three"])
    expect(titles(ada, "doing")).to_have_text(["Two", "Four", "Five"])
    expect(titles(ben, "todo")).to_have_text(["One", "Two", "Three"])
    wire.release()
    expect(titles(ben, "doing")).to_have_text(["Two", "Four", "Five"])
    wait_until_equal(ada, ben)


def test_a_dragged_card_that_is_refused_goes_back(desk: Desk, board: Board) -> None:
    ada, wire = open_wired(desk, board.path)
    wire.holding = True
    drag(ada, "Two", "doing")
    expect(titles(ada, "doing")).to_have_text(["Two", "Four", "Five"])
    board.write("tasks.get(title='Two').delete()")
    wire.release()

    expect(ada.locator("#message")).to_have_text("The object of this call does not exist.")
    expect(titles(ada, "todo")).to_have_text(["One", "Three"])
    expect(titles(ada, "doing")).to_have_text(["Four", "Five"])


def form_path(board: Board, title: str) -> str:
    return f"{board.path}tasks/{board.key(title)}/"


def test_a_form_saves_over_the_wire_and_goes_back_to_the_board(desk: Desk, board: Board, ben: Page) -> None:
    page = desk.open("ada", form_path(board, "Two"))
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if "/realtime/form/" in request.url else None)
    page.get_by_label("Title").fill("Second")
    page.get_by_role("button", name="Save").click()

    page.wait_for_url(f"**{board.path}")
    expect(titles(ben, "todo")).to_have_text(["One", "Second", "Three"])
    assert posts == []


def test_what_is_wrong_in_a_form_stands_at_its_field(desk: Desk, board: Board) -> None:
    page = desk.open("ada", form_path(board, "Two"))
    title = page.get_by_label("Title")
    title.fill("   ")
    page.get_by_role("button", name="Save").click()

    expect(page.locator("[data-live-error=title]")).to_have_text("This field is required.")
    expect(title).to_have_attribute("aria-invalid", "true")
    expect(title).to_be_focused()
    expect(title).to_have_accessible_description("This field is required.")


@pytest.mark.parametrize("script", [True, False])
def test_a_stale_form_is_told_and_overwrites_when_it_is_saved_again(desk: Desk, board: Board, script: bool) -> None:
    page = desk.alone("ada", java_script_enabled=script)
    page.goto(form_path(board, "Two"))
    board.write("task = tasks.get(title='Two'); task.title = 'By Ben'; task.save()")
    page.get_by_label("Title").fill("By Ada")
    page.get_by_role("button", name="Save").click()

    error = page.locator("[data-live-error='']")
    expect(error).to_contain_text("Someone else has changed this. Save again to overwrite it.")
    expect(page.locator("[data-live-error=title]")).to_have_text(
        "This has changed since you opened the form, to “By Ben”."
    )
    expect(page.get_by_label("Title")).to_have_value("By Ada")
    assert board.titles("todo") == ["One", "By Ben", "Three"]
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**{board.path}")
    assert board.titles("todo") == ["One", "By Ada", "Three"]


def test_a_form_works_without_javascript(desk: Desk, board: Board, ben: Page) -> None:
    page = desk.alone("ada", java_script_enabled=False)
    page.goto(form_path(board, "Two"))
    page.get_by_label("Title").fill("   ")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-live-error=title]")).to_have_text("This field is required.")
    page.get_by_label("Title").fill("Second")
    page.get_by_role("button", name="Save").click()

    page.wait_for_url(f"**{board.path}")
    expect(titles(ben, "todo")).to_have_text(["One", "Second", "Three"])
