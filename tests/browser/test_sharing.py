"""Pages of one session that share a connection."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.board import Board
from tests.browser.desk import POLICY, Desk
from tests.support import transports
from tests.support.demo import session_cookie
from tests.support.pages import wait_for_state
from tests.support.waiting import wait_until

BODY = '<ul>{% live "notes" project=PK %}</ul>'
ALLOWED = "&share=1&workers='self'"

# Gives the array of the states to come.
NOTE_STATES = """() => {
    const seen = []
    document.addEventListener("realtime:state", ({detail}) => seen.push(detail))
    return seen
}"""

pytestmark = pytest.mark.skipif(
    transports.wanted() != "websocket",
    reason="The shared connection is a WebSocket; another transport is each page's own.",
)


@pytest.fixture
def clients(board: Board, desk: Desk) -> Callable[[], int]:
    """How many clients the server has, when those of other tests have gone."""
    page = desk.alone("cleo")
    page.goto("/page/?body=")

    def clients() -> int:
        number: int = page.evaluate("fetch('/clients/').then((answer) => answer.json())")
        return number

    wait_until(lambda: clients() == 0, what="the pages of other tests to be gone")
    return clients


@pytest.fixture
def context(desk: Desk) -> BrowserContext:
    return desk.alone("ada").context


class Shared:
    """A page of the context that may share, and how many WebSockets it has opened itself."""

    def __init__(self, context: BrowserContext, board: Board, options: str = ALLOWED) -> None:
        self.page: Page = context.new_page()
        self.sockets = 0
        self.page.on("websocket", self._count)
        self.page.goto(board.page(BODY) + options)
        wait_for_state(self.page)

    def _count(self, socket: object) -> None:
        self.sockets += 1

    def shows(self, title: str) -> None:
        expect(self.page.locator("[data-live-key]").filter(has_text=title)).to_have_count(1)


def test_pages_share_one_connection_and_none_of_them_has_to_stay(
    context: BrowserContext, board: Board, clients: Callable[[], int]
) -> None:
    first, second = Shared(context, board), Shared(context, board)
    assert (first.sockets, second.sockets, clients()) == (0, 0, 1)

    board.write("Task.objects.create(project_id=pk, title='For both') and None")
    first.shows("For both")
    second.shows("For both")

    states = second.page.evaluate_handle(NOTE_STATES)
    first.page.close()
    board.write("Task.objects.create(project_id=pk, title='For one') and None")
    second.shows("For one")
    assert states.json_value() == []

    second.page.close()
    wait_until(lambda: clients() == 0, what="the connection to end with the last page")


def test_sessions_of_two_users_never_meet(
    context: BrowserContext, board: Board, desk: Desk, clients: Callable[[], int]
) -> None:
    ada = Shared(context, board)
    context.add_cookies([session_cookie("ben", board.server.url)])  # logged in as another one, in the same browser
    ben = Shared(context, board)

    names = [
        each.page.locator("script[data-realtime-share]").get_attribute("data-realtime-share") for each in (ada, ben)
    ]
    assert len(set(names)) == 2
    assert (ada.sockets, ben.sockets, clients()) == (0, 0, 2)


@pytest.mark.excused(firefox="its driver tells nothing of WebSockets")
def test_page_that_may_have_no_worker_has_a_connection_of_its_own(
    context: BrowserContext, board: Board, desk: Desk
) -> None:
    page = Shared(context, board, "&share=1")

    board.write("Task.objects.create(project_id=pk, title='All the same') and None")
    page.shows("All the same")
    assert page.sockets == 1
    desk.errors = [error for error in desk.errors if POLICY not in error]  # as it was meant to be


def test_lost_connection_is_resumed_by_all(context: BrowserContext, board: Board) -> None:
    pages = [Shared(context, board), Shared(context, board)]
    board.server.restart()
    board.write("Task.objects.create(project_id=pk, title='Meanwhile') and None")
    for page in pages:
        page.page.evaluate("window.dispatchEvent(new Event('online'))")  # no reason to wait for the delay
    for page in pages:
        page.shows("Meanwhile")
        wait_for_state(page.page)
