"""Fixtures of the fault suite: a site per test, its clients, and the line that says what was tried and lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import give_up
from tests.settings import BACKEND
from tests.support import services
from tests.support.faults_clients import Clients
from tests.support.faults_proxy import Balancer, Proxy
from tests.support.faults_scene import Scene
from tests.support.faults_site import Site
from tests.support.servers import Server

LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "short: a fault that is tried in every run of the tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without REALTIME_TEST_FAULTS only the short ones are tried, those with the marker `once` on one database."""
    left_out = []
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            long = os.environ.get("REALTIME_TEST_FAULTS")
            if long or not item.get_closest_marker("once"):
                item.add_marker("databases")
            if not long and not item.get_closest_marker("short"):
                left_out.append(item)
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(LINES, []):
        terminalreporter.write_line(line)


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Iterator[Callable[[str], None]]:
    """`report("what was tried")`: one line in the summary, which says too whether anything was lost."""
    tried: list[str] = []
    yield tried.append
    failed = getattr(request.node, "failed", True)
    lost = "something: see the failure" if failed else "nothing"
    what = "; ".join(tried) or request.node.name
    request.config.stash.setdefault(LINES, []).append(f"{BACKEND}: {what}. Lost: {lost}.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    if call.when == "call":
        item.failed = outcome.failed  # type: ignore[attr-defined]
    return outcome


@pytest.fixture
def make_site(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Iterator[Callable[..., Site]]:
    """Makes sites on the database of the run; `own_server=True` gives one a database server that it may kill."""
    sites: list[Site] = []

    def make(*, own_server: bool = False, **settings: Any) -> Site:
        try:
            server = services.start(BACKEND) if own_server else None
            sites.append(Site(BACKEND, server=server, **settings))
        except services.Missing as missing:
            give_up(pytestconfig, str(missing))
        return sites[-1]

    yield make
    for site in sites:
        if getattr(request.node, "failed", True):
            print(*(server.output() for server in site.servers), sep="\n")
        site.close()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


@pytest.fixture
def clients() -> Iterator[Clients]:
    clients = Clients()
    yield clients
    clients.close()


@pytest.fixture
def redis(pytestconfig: pytest.Config) -> Iterator[Server]:
    """A Redis of the test's own, which it may kill."""
    try:
        server = services.start("redis")
    except services.Missing as missing:
        give_up(pytestconfig, str(missing))
    yield server
    server.remove()


@pytest.fixture
def make_proxy() -> Iterator[Callable[[int], Proxy]]:
    """Makes proxies in front of a port."""
    proxies: list[Proxy] = []

    def make(port: int) -> Proxy:
        proxies.append(Proxy(port))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


@pytest.fixture
def make_balancer() -> Iterator[Callable[[list[int]], Balancer]]:
    """Makes one proxy in front of several ports."""
    balancers: list[Balancer] = []

    def make(ports: list[int]) -> Balancer:
        balancers.append(Balancer(ports))
        return balancers[-1]

    yield make
    for balancer in balancers:
        balancer.close()


@pytest.fixture
def scene(site: Site, clients: Clients) -> Scene:
    """A site with a box of items."""
    return Scene(site, clients)
