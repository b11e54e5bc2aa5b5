"""Pages of other origins: refused by default on each transport; where they are listed, let in as the user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.board import Board
from tests.browser.desk import Desk
from tests.support import transports
from tests.support.demo import DemoServer, DemoServers
from tests.support.pages import wait_for_state
from tests.support.waiting import wait_until

NOTE_STATES = """
    window.states = []
    document.addEventListener("realtime:state", ({detail}) => window.states.push(detail))
"""
OPEN = """([options, token, project]) => {
    realtime.connect({...options, token: token && (() => token)})
    window.query = realtime.live("tasks", {project})
}"""


@pytest.fixture(scope="package")
def listing(server: DemoServer, servers: DemoServers) -> DemoServer:
    """Another server, on another port and so of another origin, which lists the first one's pages."""
    return servers(SITE_ORIGINS=server.url)


@pytest.fixture(params=transports.TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    if request.param == "websocket" and transports.wanted() != "websocket":
        pytest.skip("REALTIME_TEST_TRANSPORT names another transport.")
    return request.param


@pytest.fixture
def window(desk: Desk, transport: str) -> Page:
    """Ada's, in which only this transport gets through. Her cookie goes to all servers of the machine."""
    return noting(desk, transport)


@pytest.fixture
def whole_window(whole_browser: Browser, server: DemoServer, transport: str) -> Iterator[Page]:
    """The same in a browser that has rules for cookies."""
    desk = Desk(whole_browser, server.url)
    yield noting(desk, transport)
    desk.close()
    assert desk.errors == []


def noting(desk: Desk, transport: str) -> Page:
    page = desk.alone("ada", transport=transport)
    page.add_init_script(NOTE_STATES)
    return page


def open_foreign(page: Page, origin: str) -> None:
    page.goto(f"{origin}/foreign/")
    page.wait_for_function("() => window.realtime")


def connect(page: Page, server: DemoServer, transport: str, board: Board, token: str | None = None) -> None:
    road = {"url": server.websocket_url} if transport == "websocket" else {"http": f"{server.url}/realtime/"}
    page.evaluate(OPEN, [road, token, board.pk])


@pytest.mark.parametrize("site", ["localhost", "127.0.0.1"])  # another site, and another port of the same
def test_page_of_another_origin_is_refused_and_the_setting_is_named(
    window: Page, server: DemoServer, listing: DemoServer, transport: str, board: Board, site: str
) -> None:
    origin = f"http://{site}:{server.port if site == 'localhost' else listing.port}"
    before = len(server.log.read_text())
    open_foreign(window, origin)
    connect(window, server, transport, board)
    if transport == "websocket":
        wait_for_state(window, "refused")
        told = window.evaluate("window.states.at(-1)")
        assert (told["code"], "their origin to REALTIME_ALLOWED_ORIGINS" in told["reason"]) == (4210, True)
    else:  # the browser keeps the answer from the page
        wait_for_state(window, "offline")
    said = server.log.read_text()[before:]
    assert f"Refused: Pages of {origin} may not connect to this server." in said
    assert "their origin to REALTIME_ALLOWED_ORIGINS" in said
    assert window.evaluate("window.query.rows.length") == 0


def test_page_of_a_listed_origin_is_live_as_the_user(
    window: Page, server: DemoServer, listing: DemoServer, transport: str, board: Board
) -> None:
    open_foreign(window, server.url)
    connect(window, listing, transport, board)
    wait_for_state(window)
    wait_until(lambda: window.evaluate("window.query.rows.length") == 5, what="the rows")
    board.write("tasks.get(title='One').delete()")
    wait_until(lambda: window.evaluate("window.query.rows.length") == 4, what="the change")
    window.evaluate("window.query.call('add', {title: 'From elsewhere'})")
    assert "From elsewhere" in board.titles("todo")


@pytest.fixture(scope="package")
def listing_a_site(server: DemoServer, servers: DemoServers) -> DemoServer:
    """Another server that lists pages of another site: to a browser, `localhost` and `127.0.0.1` are two sites."""
    return servers(SITE_ORIGINS=f"http://localhost:{server.port}", SITE_TOKENS="tests.support.passes.aauthenticate")


def open_on_another_site(page: Page, server: DemoServer) -> None:
    """With a cookie that may travel between sites, as far as the server is concerned."""
    cookies = [{**cookie, "sameSite": "None", "secure": True} for cookie in page.context.cookies()]
    page.context.clear_cookies()
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    open_foreign(page, f"http://localhost:{server.port}")


def test_page_of_a_listed_site_is_nobodys_as_browsers_keep_cookies_of_other_sites(
    whole_window: Page, server: DemoServer, listing_a_site: DemoServer, transport: str, board: Board
) -> None:
    open_on_another_site(whole_window, server)
    connect(whole_window, listing_a_site, transport, board)
    wait_until(lambda: whole_window.evaluate("window.query.error?.code") == 4214, what="the refusal")
    assert whole_window.evaluate("window.query.rows.length") == 0


def test_page_of_a_listed_site_is_live_as_the_user_of_its_token(
    window: Page, server: DemoServer, listing_a_site: DemoServer, transport: str, board: Board
) -> None:
    open_on_another_site(window, server)
    connect(window, listing_a_site, transport, board, token="ada")
    wait_for_state(window)
    wait_until(lambda: window.evaluate("window.query.rows.length") == 5, what="the rows")
    window.evaluate("window.query.call('add', {title: 'From another site'})")
    assert "From another site" in board.titles("todo")
