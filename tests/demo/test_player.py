"""The built-in player in a browser: the server of these tests has one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.demo.frames import Both
from tests.support.demo import DemoServer, DemoServers, copy_database
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def server(demo_database: Path, tmp_path: Path) -> Iterator[DemoServer]:
    servers = DemoServers(copy_database(demo_database, tmp_path / "demo.sqlite3"), directory=tmp_path)
    yield servers(DEMO_PLAYER="1")
    servers.stop()
    assert servers.trouble() == []


def test_player_moves_cards_until_it_is_paused(login: Callable[..., Page], server: DemoServer) -> None:
    page = login("ada")
    page.goto("/")
    both = Both(page)
    before = both.titles(both.mia)
    wait_until(lambda: both.titles(both.mia) != before, what="the player to move a card", timeout=30)
    page.get_by_role("button", name="Pause Robin").click()
    expect(page.get_by_text("Robin, a built-in player, has paused.")).to_be_visible()

    page.get_by_role("button", name="Let Robin play").click()
    before = both.titles(both.noah)
    wait_until(lambda: both.titles(both.noah) != before, what="the player to move a card", timeout=30)
