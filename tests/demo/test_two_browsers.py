"""The front page in a browser: two users side by side, and a network that is switched off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.demo.frames import Both
from tests.support.axe import faults
from tests.support.demo import DemoServer, DemoServers, copy_database
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def servers(demo_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServers]:
    directory = tmp_path_factory.mktemp("two")
    servers = DemoServers(copy_database(demo_database, directory / "demo.sqlite3"), directory=directory)
    yield servers
    servers.stop()
    assert servers.trouble() == []


@pytest.fixture(scope="module")
def server(servers: DemoServers) -> DemoServer:
    return servers()


@pytest.fixture
def both(login: Callable[..., Page]) -> Both:
    page = login("ada")  # whose cookie both frames have
    page.goto("/")
    return Both(page)


def card(frame: FrameLocator, title: str) -> Locator:
    return frame.locator(".card").filter(has=frame.get_by_text(title, exact=True))


def add(frame: FrameLocator, title: str) -> None:
    frame.get_by_label("New task in Doing").fill(title)
    frame.get_by_label("New task in Doing").press("Enter")


def test_what_one_does_the_other_sees(both: Both) -> None:
    add(both.mia, "Buy balloons")
    card(both.noah, "Buy balloons").get_by_role("checkbox").check()

    expect(card(both.mia, "Buy balloons").get_by_role("checkbox")).to_be_checked()
    for frame in (both.mia, both.noah):
        expect(frame.locator(".person .avatar")).to_have_count(2)
        assert {person.get_attribute("title") for person in frame.locator(".person .avatar").all()} == {
            "Mia Berg",
            "Noah Adeyemi",
        }


def test_visitor_without_a_session_sees_the_same(both: Both, login: Callable[..., Page]) -> None:
    page = login("nobody")
    page.context.clear_cookies()
    page.goto("/")
    other = Both(page)
    add(both.mia, "Count the chairs")

    expect(card(other.noah, "Count the chairs")).to_have_count(1)


def test_network_of_one_is_switched_off_by_keyboard_and_nothing_is_lost(both: Both) -> None:
    switch = both.noah.get_by_role("switch")
    expect(switch).to_have_accessible_name(re.compile("^Noah.s network$"))
    switch.focus()
    both.page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(both.noah.locator(".state")).to_have_text("Offline", use_inner_text=True)
    expect(both.mia.locator(".state")).to_have_text("Live", use_inner_text=True)

    add(both.mia, "Written by Mia")
    expect(card(both.mia, "Written by Mia")).to_have_count(1)
    card(both.noah, "Print posters").get_by_role("checkbox").check()
    expect(both.noah.locator("#waiting")).to_have_text("1 change waits for the network.")
    assert card(both.noah, "Written by Mia").count() == 0
    expect(card(both.mia, "Print posters").get_by_role("checkbox")).not_to_be_checked()

    switch.focus()
    both.page.keyboard.press("Space")
    expect(both.noah.locator(".state")).to_have_text("Live", use_inner_text=True)
    expect(card(both.noah, "Written by Mia")).to_have_count(1)
    expect(card(both.mia, "Print posters").get_by_role("checkbox")).to_be_checked()
    wait_until(lambda: both.titles(both.mia) == both.titles(both.noah), what="both frames to be equal")


@pytest.mark.excused(firefox="its driver cannot switch JavaScript off")
def test_page_reads_without_javascript(login: Callable[..., Page], server: DemoServer) -> None:
    page = login("ada", java_script_enabled=False)
    page.goto("/")
    frame = page.frame_locator("iframe").first

    expect(frame.locator(".card").first).to_be_visible()
    expect(frame.get_by_role("switch")).to_be_hidden()
    expect(page.get_by_text("Without JavaScript")).to_be_visible()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.excused(firefox="its driver sets no color scheme")
def test_frame_breaks_no_rule_for_accessibility(login: Callable[..., Page], color_scheme: str) -> None:
    page = login("ada", color_scheme=color_scheme, reduced_motion="reduce")
    page.goto("/two/mia/")
    expect(page.locator("html")).to_have_attribute("data-realtime", "live")
    page.get_by_role("switch").click()
    page.locator(".card-done").first.click()
    expect(page.locator("#waiting")).to_have_text("1 change waits for the network.")

    assert faults(page) == []
