"""Fixtures of the browser tests: one server for all of them, a process that writes, a project for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.board import Board
from tests.browser.desk import Desk
from tests.browser.writer import Writer
from tests.conftest import own_or_shared_browser
from tests.support import chromium, engines
from tests.support.demo import DemoServer, DemoServers, Site, copy_database

SITE = Site("tests.browser.site.settings", "tests.asgi:application")


@pytest.fixture(scope="package")
def writer(demo_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    """Another process, which writes to the servers' database."""
    directory = tmp_path_factory.mktemp("site")
    writer = Writer(copy_database(demo_database, directory / "demo.sqlite3"), SITE)
    yield writer
    writer.close()


@pytest.fixture(scope="package")
def servers(writer: Writer) -> Iterator[DemoServers]:
    writer("call_command('collectstatic', interactive=False, verbosity=0)")
    directory = writer.database.parent
    (directory / "static" / "realtime" / "realtime.js").unlink()  # a page that asks for it without the hash gets a 404
    servers = DemoServers(writer.database, directory=directory, site=SITE)
    yield servers
    servers.stop()
    assert servers.trouble() == []


@pytest.fixture(scope="package")
def server(servers: DemoServers) -> DemoServer:
    """One server for all tests: a start for each would take most of the time."""
    return servers()


@pytest.fixture(scope="package")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """One browser for all modules here, none of which uses the loop or the ORM."""
    yield from own_or_shared_browser(request)


@pytest.fixture(scope="package")
def whole_browser(browser: Browser) -> Iterator[Browser]:
    """A browser as users have it, for what is decided around the engine, as which cookies of other sites are kept."""
    if engines.wanted() != "chromium":
        yield browser
        return
    whole = browser.browser_type.launch(executable_path=chromium.whole(), args=list(chromium.ARGUMENTS))
    yield whole
    whole.close()


@pytest.fixture(scope="package")
def shared_desk(browser: Browser, server: DemoServer) -> Iterator[Desk]:
    with closing(Desk(browser, server.url)) as desk:
        yield desk


@pytest.fixture
def desk(shared_desk: Desk) -> Iterator[Desk]:
    """Opens the windows of a test; it fails when a script in one of them throws, or breaks the policy for scripts."""
    yield shared_desk
    shared_desk.end_test()


@pytest.fixture
def board(writer: Writer, server: DemoServer) -> Board:
    """A new project, of which ada and ben are members, with three tasks to do and two that are being done."""
    return Board.create(writer, server)


@pytest.fixture
def ada(desk: Desk, board: Board) -> Page:
    """Ada's window, in which the board is live."""
    return desk.open_live("ada", board.path)


@pytest.fixture
def ben(desk: Desk, board: Board) -> Page:
    return desk.open_live("ben", board.path)


@pytest.fixture
def open_body(desk: Desk, board: Board) -> Callable[..., Page]:
    """`open_body("…")`: a page of the test's own, in Django's template language; `PK` in it is the project."""

    def open_body(body: str, *, user: str = "ada", live: bool = True) -> Page:
        path = board.page(body)
        return desk.open_live(user, path) if live else desk.open(user, path)

    return open_body
