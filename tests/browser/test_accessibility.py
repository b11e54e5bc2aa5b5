"""The demo, for everybody: axe-core's rules, a zoom of 400 %, the keyboard, an outage."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board import Board
from tests.browser.desk import Desk
from tests.support.axe import faults
from tests.support.pages import wait_for_state
from tests.support.waiting import seconds

DEMO = [
    "/",
    "/two/mia/",
    "/projects/",
    "/tasks/",
    "/assistant/",
    "/board/{pk}/",
    "/board/0/",
    "/board/{pk}/tasks/{task}/",
    "/chat/",
    "/dashboard/",
    "/reports/",
    "/login/",
]
# What zooming to 400 % leaves of a window of 1280 by 1024
ZOOMED = {"width": 320, "height": 256}


@pytest.mark.parametrize("path", DEMO)
def test_a_page_of_the_demo(desk: Desk, board: Board, path: str) -> None:
    path = path.format(pk=board.pk, task=board.key("One"))
    page = desk.alone("ada") if path == "/login/" else desk.blank("ada")
    if path == "/login/":
        page.context.clear_cookies()
    page.emulate_media(reduced_motion="reduce")
    page.goto(path)
    if path.endswith((f"board/{board.pk}/", "mia/", "projects/", "/tasks/", "assistant/", "chat/", "dashboard/")):
        page.wait_for_selector("html[data-realtime=live]", state="attached")

    assert faults(page) == []


def test_an_answer_while_it_is_written_and_when_it_is_whole(desk: Desk) -> None:
    page = desk.open_live("ada", "/assistant/", page=desk.alone("ada", reduced_motion="reduce"))
    page.get_by_label("Question").fill("Why?")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".is-streaming")).to_contain_text(" ")
    page.evaluate("realtime.pause()")
    expect(page.get_by_role("button", name="Stop")).to_have_count(1)
    found = faults(page)
    page.evaluate("realtime.resume()")
    expect(page.locator(".is-streaming")).to_have_count(0, timeout=seconds(30) * 1000)

    assert found + faults(page) == []
    page.set_viewport_size(ZOOMED)
    expect(page.locator(".answer pre")).to_have_count(1)  # a long line of code is wrapped
    assert page.evaluate("document.documentElement.scrollWidth") <= ZOOMED["width"]


def test_lists_with_pages_and_more(desk: Desk, board: Board) -> None:
    board.write("for number in range(30): Task.objects.create(project_id=pk, title=f'Filler {number}')")
    lists = """<style>
        .pages ul { display: flex; flex-wrap: wrap; gap: 0.5em; padding: 0; list-style: none }
        .pages a { display: inline-grid; place-items: center; min-width: 24px; min-height: 24px }
        li button { min-height: 24px }
      </style><main><h1>Tasks</h1>
      <form data-live-for="paged"><input type="search" name="q" aria-label="Search"></form>
      {% live "paged" project=PK page=request.GET.page container="ul" %}{% live_pages "paged" class="pages" %}
      <div data-live-autoload="off">{% live "paged" project=PK more=True container="ul" %}</div></main>"""
    page = desk.open_live("ada", board.page(lists, styles=""), page=desk.alone("ada"))
    page.get_by_role("link", name="Show more").click()
    expect(page.locator("[data-live-key] b")).to_have_count(30)
    page.get_by_role("link", name="Next").click()
    expect(page.locator("[aria-current=page]")).to_have_text("2")

    assert faults(page) == []


def test_the_board_with_its_menu_open(ada: Page) -> None:
    ada.locator(".card-more").first.click()

    assert faults(ada) == []


@pytest.mark.parametrize(
    "path", ["/board/{pk}/", "/chat/", "/dashboard/", "/assistant/", "/projects/", "/tasks/", "/", "/two/mia/"]
)
def test_a_page_at_four_hundred_per_cent(desk: Desk, board: Board, path: str) -> None:
    """Nothing is cut off, and the page scrolls in one direction; the board's columns scroll by themselves."""
    page = desk.blank("ada")
    page.set_viewport_size(ZOOMED)
    page.goto(path.format(pk=board.pk))

    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    hidden = "['html', 'body'].map((each) => getComputedStyle(document.querySelector(each)).overflowY)"
    assert "hidden" not in page.evaluate(hidden)


def test_the_board_is_used_at_four_hundred_per_cent(desk: Desk, board: Board) -> None:
    page = desk.blank("ada")
    page.set_viewport_size(ZOOMED)
    desk.open_live("ada", board.path, page=page)
    page.get_by_label("New task in Doing").fill("Large")
    page.get_by_role("button", name="Add to Doing").click()
    added = page.locator("[data-column=doing] [data-live-key]").last
    expect(added.locator(".card-title")).to_have_text("Large")
    added.scroll_into_view_if_needed()

    expect(added).to_be_in_viewport(ratio=0.9)
    added.get_by_role("button").click()
    delete = page.locator("#menu").get_by_role("button", name="Delete")
    delete.scroll_into_view_if_needed()
    expect(delete).to_be_in_viewport(ratio=1)


def test_a_card_is_two_stops_of_the_tab_key(ada: Page) -> None:
    """Its box and its menu, in which it is renamed too: the field of the name is not a stop."""
    ada.locator(".card-done").first.focus()
    stops = []
    for _ in range(3):
        ada.keyboard.press("Tab")
        stops.append(ada.evaluate("document.activeElement.className || document.activeElement.name"))

    assert stops == ["card-more", "card-done", "card-more"]


def test_the_focus_is_seen_wherever_it_goes(ada: Page) -> None:
    ada.locator(".card-done").last.focus()
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    seen = []
    for _ in range(4):
        ada.keyboard.press("Tab")
        seen.append(ada.evaluate(outline))

    assert "none" not in seen


def test_an_outage_is_announced_if_it_lasts(desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", board.path, page=desk.alone("ada"))
    notice = page.locator(".notice")
    expect(notice).to_have_role("status")
    page.clock.install()
    page.context.set_offline(True)
    wait_for_state(page, "offline")
    assert notice.inner_text() == ""
    page.clock.run_for(5000)

    expect(notice).to_have_text("Offline: this page may be out of date.")
    page.context.set_offline(False)
    expect(notice).to_have_text("Connected again.")
    page.clock.run_for(5000)
    expect(notice).to_have_text("")
