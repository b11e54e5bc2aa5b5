"""Containers of every kind, which come and go while the page is open."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board import Board, wait_until_equal
from tests.browser.desk import Desk, Traffic
from tests.support.pages import keys, wait_for_state

# Puts markup that the server renders now into the element #here, as htmx does.
LOAD = """async ([id, body]) => {
    const answer = await fetch("/part/?body=" + encodeURIComponent(body))
    document.getElementById(id).innerHTML = await answer.text()
}"""


@pytest.fixture
def change(board: Board) -> Callable[[], None]:
    """Inserts, changes, moves and deletes a row each."""

    def change() -> None:
        board.write("""
with transaction.atomic():
    Task.objects.create(project_id=pk, title="New", position=1500)
    task = tasks.get(title="One"); task.title = "First"; task.save()
    task = tasks.get(title="Three"); task.position = 1; task.save()
    tasks.get(title="Two").delete()
""")

    return change


@pytest.mark.parametrize(
    "body",
    [
        '<table><thead><tr><th>Title</th></tr></thead>{% live "lines" project=PK container="tbody" %}</table>',
        '{% live "tasks" project=PK container="ul" class="cards" %}',
        '{% live "notes" project=PK container="section" %}',
    ],
    ids=["tbody", "ul", "section"],
)
def test_rows_of_any_kind_stay_equal(open_body: Callable[..., Page], change: Callable[[], None], body: str) -> None:
    page = open_body(body)
    change()

    expect(page.locator("[data-live]")).to_contain_text("New")
    wait_until_equal(page)


def test_two_containers_of_one_live_query_are_both_equal(
    open_body: Callable[..., Page], change: Callable[[], None]
) -> None:
    page = open_body('<ul>{% live "notes" project=PK %}</ul><ol>{% live "notes" project=PK %}</ol>')
    change()

    for name in ("ul", "ol"):
        expect(page.locator(f"{name} b")).to_have_text(["Three", "First", "Four", "New", "Five"])
    wait_until_equal(page)


@pytest.mark.websocket
def test_live_query_of_two_containers_travels_once(board: Board, desk: Desk, change: Callable[[], None]) -> None:
    page = desk.blank("ada")
    traffic = Traffic(page)
    body = '<ul>{% live "notes" project=PK %}</ul><ol>{% live "notes" project=PK %}</ol>'
    desk.open_live("ada", board.page(body), page=page)
    traffic.clear()
    change()
    expect(page.locator("ol b").first).to_have_text("Three")

    assert [len(frame["deltas"]) for frame in traffic.frames] == [1]


def test_page_without_a_container_opens_no_connection(board: Board, desk: Desk) -> None:
    page = desk.blank("ada")
    traffic = Traffic(page)
    desk.open("ada", board.page("<p>Nothing live</p>"), page=page)
    assert page.evaluate("window.realtime.state") is None
    assert page.evaluate("document.documentElement.dataset.realtime") is None
    assert traffic.sockets == 0


def test_container_that_is_loaded_later_is_live(
    board: Board, open_body: Callable[..., Page], change: Callable[[], None]
) -> None:
    page = open_body('<div id="here"></div>', live=False)
    page.evaluate(LOAD, ["here", f'<ul>{{% live "notes" project={board.pk} %}}</ul>'])
    wait_for_state(page)
    change()

    expect(page.locator("b")).to_have_text(["Three", "First", "Four", "New", "Five"])


@pytest.mark.websocket
def test_container_that_is_removed_is_left_and_another_takes_its_place(
    board: Board, desk: Desk, change: Callable[[], None]
) -> None:
    page = desk.blank("ada")
    traffic = Traffic(page)
    desk.open_live("ada", board.page('<ul id="here">{% live "notes" project=PK %}</ul>'), page=page)
    traffic.clear()
    page.evaluate(LOAD, ["here", f'{{% live "tasks" project={board.pk} container="ul" %}}'])
    expect(page.locator("[data-live=tasks][data-live-state=live]")).to_be_attached()
    change()
    expect(page.locator("[data-live=tasks]")).to_contain_text("New")

    assert [message["id"] for message in traffic.sent if message["type"] == "unsubscribe"] == [1]
    [query] = {delta["query"] for delta in traffic.deltas}
    assert query == traffic.wait_for("subscribed")[0]["query"]


def test_container_that_is_taken_out_and_put_back_catches_up(
    board: Board, open_body: Callable[..., Page], change: Callable[[], None]
) -> None:
    page = open_body('<ul id="here">{% live "notes" project=PK %}</ul><ol>{% live "first-three" project=PK %}</ol>')
    page.evaluate("() => { window.kept = document.querySelector('#here [data-live]'); window.kept.remove() }")
    change()
    expect(page.locator("ol li").first).to_have_text("Three")
    page.evaluate("() => document.getElementById('here').append(window.kept)")

    expect(page.locator("#here b")).to_have_text(["Three", "First", "Four", "New", "Five"])
    wait_until_equal(page)


def test_rows_that_were_rendered_by_the_server_are_not_rendered_again(board: Board, desk: Desk) -> None:
    page = desk.blank("ada")
    traffic = Traffic(page)
    desk.open_live("ada", board.page('<ul>{% live "notes" project=PK %}</ul>'), page=page)

    assert traffic.deltas == []
    assert len(keys(page)) == 5


def test_part_of_a_page_that_htmx_would_swap_keeps_what_is_typed_elsewhere(
    board: Board, open_body: Callable[..., Page], change: Callable[[], None]
) -> None:
    page = open_body('<ul>{% live "notes" project=PK %}</ul><div id="here"></div>')
    field = page.locator(f"[data-live-key='{board.key('Four')}']").get_by_label("Title", exact=True)
    field.fill("Mine")
    page.evaluate(LOAD, ["here", f'{{% live "tasks" project={board.pk} container="ul" %}}'])
    expect(page.locator("[data-live=tasks][data-live-state=live]")).to_be_attached()
    change()

    expect(page.locator("b").first).to_have_text("Three")
    expect(field).to_have_value("Mine")
    expect(field).to_be_focused()
