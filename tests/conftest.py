"""Fixtures of the whole suite: services, the demo's server, browser windows."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from unittest import mock

import pytest
from django.db import connections
from django.test.utils import setup_databases, teardown_databases

from tests.support import engines, forkserver, services, transports
from tests.support.demo import DemoServer, DemoServers, copy_database, prepare
from tests.support.elsewhere import Elsewhere
from tests.support.sessions import wait_until_alone
from tests.support.tables import empty_tables

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pytest_django import DjangoDbBlocker

    from tests.models import Book, Shelf
    from tests.support.pages import Windows

# Tests in these folders bear the marker without saying so.
MARKED_FOLDERS = {
    "capture": "databases",
    "changelog": "databases",
    "packaging": "packaging",
    "queries": "databases",
}

# All tests with a browser are in these, where `scripts/test` looks for them.
BROWSER_FOLDERS = {"browser", "demo", "docs", "packaging", "testing"}

MISSING = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MISSING] = set()
    forkserver.allow()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    folders = {Path(__file__).parent / folder: marker for folder, marker in MARKED_FOLDERS.items()}
    for item in items:
        for folder, marker in folders.items():
            if item.path.is_relative_to(folder) and not item.get_closest_marker("once"):
                item.add_marker(marker)
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        if item.get_closest_marker("websocket") and transports.wanted() != "websocket":
            item.add_marker(pytest.mark.skip("REALTIME_TEST_TRANSPORT names another transport."))
        excuse(item, engines.wanted())
    refuse_mixed_modules(items)
    refuse_other_folders(items)


def excuse(item: pytest.Item, engine: str) -> None:
    """Skip a test with a browser that cannot be run in this one, with the reason."""
    if engine != "chromium" and item.get_closest_marker("websocket"):
        item.add_marker(pytest.mark.skip(f"Excused in {engine}: its driver tells nothing of WebSockets."))
    for excused in item.iter_markers("excused"):
        if reason := excused.kwargs.get(engine):
            item.add_marker(pytest.mark.skip(f"Excused in {engine}: {reason}"))


def refuse_mixed_modules(items: list[pytest.Item]) -> None:
    """The `browser` fixture keeps an event loop running, on which async tests and Django's ORM fail obscurely."""
    with_browser = {item.path for item in items if "browser" in getattr(item, "fixturenames", ())}
    for item in items:
        uses_orm = item.get_closest_marker("django_db") or {"db", "committed"} & set(getattr(item, "fixturenames", ()))
        is_async = inspect.iscoroutinefunction(getattr(item, "obj", None))
        if item.path in with_browser and (uses_orm or is_async):
            raise pytest.UsageError(
                f"{item.nodeid} is async or uses the database in this process, and its module has tests with a "
                "browser, whose event loop is running meanwhile. Move it to another module, or let it write with "
                "server.shell() and read with server.query()."
            )


def refuse_other_folders(items: list[pytest.Item]) -> None:
    for item in items:
        if not item.get_closest_marker("browser"):
            continue
        if item.path.relative_to(Path(__file__).parent).parts[0] not in BROWSER_FOLDERS:
            raise pytest.UsageError(
                f"{item.nodeid} needs a browser, and `make test` looks for such tests in {sorted(BROWSER_FOLDERS)}. "
                "Move it there, or name its folder in BROWSER_FOLDERS of tests/conftest.py and in scripts/test."
            )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for reason in sorted(config.stash[MISSING]):
        terminalreporter.write_line(f"NOT TESTED: {reason}", red=True, bold=True)


def give_up(config: pytest.Config, reason: str) -> NoReturn:
    """Something that a test needs is not there: a failure on CI, a loud skip elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    config.stash[MISSING].add(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """The test databases. pytest-django's own makes none where no test bears its marker."""
    with django_db_blocker.unblock():
        created = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        wait_until_alone()
        teardown_databases(created, verbosity=0)


@pytest.fixture(autouse=True)
def _nothing_by_chance() -> Iterator[None]:
    """A hub of this process ends with its last client, and no commit prunes the log because its turn has come."""
    # not by `monkeypatch`, which would then be undone after `committed` in every test
    with (
        mock.patch("realtime.hub.hub.LINGER_SECONDS", 0.0),
        mock.patch("realtime.changelog.upkeep.COMMITS_PER_PRUNE", math.inf),
    ):
        yield


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database, for tests that commit and use several connections; its tables are emptied afterwards."""
    with django_db_blocker.unblock():
        yield
        empty_tables()
        connections.close_all()


@pytest.fixture
def elsewhere(committed: None) -> Iterator[Elsewhere]:
    """Someone else with a connection of their own."""
    elsewhere = Elsewhere()
    yield elsewhere
    elsewhere.close()


@pytest.fixture
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """A shelf: committed by another connection, or in the test's own transaction where it has one."""
    from tests.models import Shelf  # needs Django

    if request.node.get_closest_marker("django_db"):
        return Shelf.objects.create(name="one")
    created: Shelf = request.getfixturevalue("elsewhere")(Shelf.objects.create, name="one")
    return created


@pytest.fixture
def add(elsewhere: Elsewhere, shelf: Shelf) -> Callable[..., Any]:
    """`await add("a", "b")`: books on the shelf, each committed by itself."""
    from tests.models import Book  # needs Django

    async def add(*titles: str) -> list[Book]:
        return [await elsewhere.soon(Book.objects.create, shelf=shelf, title=title) for title in titles]

    return add


@pytest.fixture(scope="session")
def redis_url(pytestconfig: pytest.Config) -> str:
    """The address of a Redis that is shared with others: use keys that nobody else has, flush nothing."""
    try:
        return services.url("redis")
    except services.Missing as missing:
        give_up(pytestconfig, str(missing))


@pytest.fixture(scope="session")
def demo_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file of the demo as it is seeded; tests copy it."""
    database = tmp_path_factory.mktemp("demo") / "seeded.sqlite3"
    prepare(database)
    return database


@pytest.fixture
def make_server(demo_database: Path, tmp_path: Path) -> Iterator[DemoServers]:
    """Makes servers of the demo on one fresh database; fails the test when a log shows trouble."""
    servers = DemoServers(copy_database(demo_database, tmp_path / "demo.sqlite3"), directory=tmp_path)
    yield servers
    servers.stop()
    if trouble := servers.trouble():
        pytest.fail("A server's log shows trouble:\n" + "\n".join(trouble), pytrace=False)


@pytest.fixture
def server(make_server: DemoServers) -> DemoServer:
    """A server of the demo, started."""
    return make_server()


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A browser, for the tests of one module.

    Playwright runs an event loop in this thread as long as the browser is open. So it is closed at the module's
    end, before other tests need the thread, and a module with browser tests leaves the ORM to other processes:
    `server.shell` writes, `server.query` reads.
    """
    yield from own_or_shared_browser(request)


def own_or_shared_browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A browser for as long as a fixture lasts. In a run of browser tests alone, it is the same for all."""
    if request.config.option.markexpr.startswith("browser"):
        yield request.getfixturevalue("shared_browser")
        return
    with started_browser(request.config) as browser:
        yield browser


@pytest.fixture(scope="session")
def shared_browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    with started_browser(pytestconfig) as browser:
        yield browser


def started_browser(config: pytest.Config) -> AbstractContextManager[Browser]:
    name = engines.wanted()
    return engines.ENGINES[name].running(browser_program(config, name))


def browser_program(config: pytest.Config, engine: str) -> str:
    program = engines.ENGINES[engine].find()
    if program is None:
        give_up(config, engines.REMEDIES[engine])
    return program


@pytest.fixture
def windows(browser: Browser) -> Iterator[Windows]:
    """Opens windows, and fails the test when a script in one of them throws."""
    from tests.support.pages import Windows

    windows = Windows(browser)
    yield windows
    windows.close()
    assert windows.errors == []


@pytest.fixture
def login(windows: Windows, server: DemoServer) -> Callable[..., Page]:
    """`login("ada")`: a new window on the server, in which the user is logged in."""
    return lambda user, **options: windows.login(user, url=options.pop("url", server.url), **options)
