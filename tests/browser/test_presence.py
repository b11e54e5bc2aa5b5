"""Who is here: over reloads, several pages, and a server that is killed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board import Board
from tests.browser.desk import Desk
from tests.support.demo import DemoServers
from tests.support.pages import wait_for_state

ADA, BEN = "Ada Novak", "Ben Okafor"
PEOPLE = '{% presence "notes" project=PK %}'
COUNT_LEAVES = """() => {
    window.leaves = 0
    const count = ({detail}) => (window.leaves += detail.drops.length)
    document.querySelector("ul").addEventListener("realtime:change", count)
}"""
SIGNED = """(name) => [...document.querySelectorAll(".card")]
    .filter((card) => getComputedStyle(card, "::after").content.includes(name))
    .map((card) => card.querySelector(".card-title").textContent)"""


def people(page: Page):
    return page.locator(".realtime-person")


def test_everyone_is_seen_once_and_leaves_with_their_last_page(desk: Desk, board: Board) -> None:
    path = board.page(PEOPLE)
    ada = desk.open_live("ada", path)
    expect(people(ada)).to_have_text([ADA])
    first, second = (desk.open_live("ben", path) for _ in range(2))
    expect(people(ada)).to_have_text([ADA, BEN])
    expect(people(second)).to_have_text([ADA, BEN])
    ada.evaluate(COUNT_LEAVES)
    first.close()
    ada.wait_for_timeout(2000)  # longer than the grace: what must not happen
    assert ada.evaluate("window.leaves") == 0
    second.close()
    expect(people(ada)).to_have_text([ADA])


def test_reload_does_not_flicker(desk: Desk, board: Board, servers: DemoServers) -> None:
    patient = servers(SITE_GRACE="60")  # a reload is quicker than that, however busy the machine is
    path = board.page(PEOPLE)
    ada, ben = (desk.open_live(user, path, page=desk.alone(user, url=patient.url)) for user in ("ada", "ben"))
    expect(people(ada)).to_have_text([ADA, BEN])
    ada.evaluate(COUNT_LEAVES)
    for _ in range(3):
        ben.reload()
        wait_for_state(ben)
    expect(people(ben)).to_have_text([ADA, BEN])
    assert ada.evaluate("window.leaves") == 0
    patient.stop()


def test_page_can_look_on_and_draw_itself(desk: Desk, board: Board) -> None:
    ada = desk.open("ada", board.page("<p>Nothing</p>"))
    ada.evaluate(f"() => {{ window.people = realtime.presence('notes', {{project: {board.pk}}}, {{watch: true}}) }}")
    ben = desk.open("ben", board.page("<p>Nothing</p>"))
    ben.evaluate(
        f"() => {{ window.people = realtime.presence('notes', {{project: {board.pk}}}, {{data: {{page: 1}}}}) }}"
    )
    ada.wait_for_function("() => window.people.rows.length === 1")
    row = ada.evaluate("window.people.rows[0]")
    assert (row["name"], row["data"]) == (BEN, {"page": 1})
    ben.evaluate("window.people.set({page: 2})")
    ada.wait_for_function("() => window.people.rows[0].data.page === 2")


def test_people_of_a_killed_server_are_gone_within_its_lease_and_come_back(
    desk: Desk, board: Board, servers: DemoServers
) -> None:
    path = board.page(PEOPLE)
    ada = desk.open_live("ada", path)
    expect(people(ada)).to_have_text([ADA])  # each server writes in its own time
    other = servers(SITE_LEASE="4")
    ben = desk.alone("ben", url=other.url)
    desk.open_live("ben", path, page=ben)
    expect(people(ada)).to_have_text([ADA, BEN])
    other.kill()
    wait_for_state(ben, "offline")
    expect(people(ada)).to_have_text([ADA])
    other.start()
    expect(people(ada)).to_have_text([ADA, BEN])
    expect(people(ben)).to_have_text([ADA, BEN])
    ben.close()
    other.kill()


def test_whoever_is_removed_from_the_project_is_gone(desk: Desk, board: Board) -> None:
    path = board.page(PEOPLE)
    ada, ben = (desk.open_live(user, path) for user in ("ada", "ben"))
    expect(people(ada)).to_have_text([ADA, BEN])
    board.write("Project.objects.get(pk=pk).members.remove(User.objects.get(username='ben'))")
    expect(people(ada)).to_have_text([ADA])
    expect(people(ben)).to_have_count(0)


@pytest.mark.excused(firefox="its driver sends no double click")
def test_board_shows_who_edits_which_card(ada: Page, ben: Page) -> None:
    expect(ada.locator(".person")).to_have_count(2)
    title = ben.locator(".card-title").first
    name = title.text_content()
    title.dblclick()
    ada.wait_for_function(f"() => ({SIGNED})('Ben is editing').length")
    assert ada.evaluate(SIGNED, "Ben is editing") == [name]
    assert ben.evaluate(SIGNED, "editing") == []
    ben.keyboard.press("Escape")
    ada.wait_for_function(f"() => !({SIGNED})('Ben is editing').length")


def test_dashboard_follows_tasks_messages_and_people(desk: Desk, board: Board) -> None:
    page = desk.open_live("ada", "/dashboard/")
    tiles = page.locator(".tile b")
    expect(page.locator("#flow .line-done")).to_have_attribute("d", re.compile(r"^M 0 "))
    opened, done = (int(tiles.nth(place).text_content() or "") for place in (0, 1))
    bar = page.locator(f"[data-project='{board.pk}'] .bar-count")
    before = bar.text_content()
    board.write("tasks.filter(title='One').update(done=True, column='done')")
    expect(tiles.nth(0)).to_have_text(str(opened - 1))
    expect(tiles.nth(1)).to_have_text(str(done + 1))
    expect(bar).not_to_have_text(before or "")
    desk.open_live("ben", board.path)
    expect(page.locator(".visitor").filter(has_text=BEN)).to_have_count(1)
