"""Rows stand where the database has them, also while they move, and each is on the page exactly once."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board import Board, card, titles, wait_until_equal
from tests.browser.desk import Desk, Traffic

# How often the card is on the board, whenever the page could show it or a script see it.
COUNT_CARDS = """(key) => {
    const board = document.getElementById("board")
    const count = () => board.querySelectorAll(`[data-live-key="${key}"]`).length
    window.counts = new Set([count()])
    new MutationObserver(() => window.counts.add(count())).observe(board, {childList: true, subtree: true})
    const look = () => {
        window.counts.add(count())
        requestAnimationFrame(look)
    }
    look()
}"""


def moves(frame: dict[str, Any], key: str) -> list[str]:
    """What a frame does with the card of this key: nothing, where it is about people, or about rows as data."""
    drops = [dropped for delta in frame["deltas"] for dropped in delta.get("drops", ()) if dropped == key]
    puts = [put for delta in frame["deltas"] for put in delta.get("puts", ()) if put["key"] == key]
    return ["drop" for _ in drops] + ["put" for put in puts if isinstance(put.get("row"), str)]


def test_rows_move_to_where_they_belong(ada: Page, ben: Page, board: Board) -> None:
    board.write("tasks.get(title='Three').move('todo', before=tasks.get(title='One').pk)")
    for page in (ada, ben):
        expect(titles(page, "todo")).to_have_text(["Three", "One", "Two"])

    board.write("tasks.get(title='Three').move('todo', after=tasks.get(title='One').pk)")
    for page in (ada, ben):
        expect(titles(page, "todo")).to_have_text(["One", "Three", "Two"])
    wait_until_equal(ada, ben)


def test_whole_column_is_turned_round_in_a_transaction(ada: Page, board: Board) -> None:
    board.write("""
with transaction.atomic():
    for number, task in enumerate(tasks.filter(column="todo").order_by("-position")):
        task.position = number
        task.save()
""")

    expect(titles(ada, "todo")).to_have_text(["Three", "Two", "One"])
    wait_until_equal(ada)


def test_ties_are_broken_as_the_database_does(ada: Page, board: Board) -> None:
    board.write("""
for title in ["Three", "One", "Two"]:
    task = tasks.get(title=title)
    task.position = 7
    task.save()
Task.objects.create(project_id=pk, title="Four more", position=7)
""")

    expect(titles(ada, "todo")).to_have_text(["One", "Two", "Three", "Four more"])
    wait_until_equal(ada)


@pytest.mark.websocket
def test_card_is_in_exactly_one_column_at_every_moment(board: Board, desk: Desk) -> None:
    page = desk.blank("ada")
    traffic = Traffic(page)
    desk.open_live("ada", board.path, page=page)
    key = board.key("Two")
    page.evaluate(COUNT_CARDS, key)
    traffic.clear()
    for column in ("doing", "done", "todo"):
        board.write(f"tasks.get(title='Two').move('{column}')")
        expect(titles(page, column).last).to_have_text("Two")

    assert page.evaluate("[...window.counts]") == [1]
    assert list(filter(None, (moves(frame, key) for frame in traffic.frames))) == [["drop", "put"]] * 3
    wait_until_equal(page)


def test_card_of_another_project_leaves_and_comes_back(ada: Page, board: Board) -> None:
    other = Board.create(board.writer, board.server)
    board.write(f"""
task = tasks.get(title="Two")
task.project_id = {other.pk}
task.save()
""")
    expect(titles(ada, "todo")).to_have_text(["One", "Three"])
    board.write(f"""
task = Task.objects.filter(project={other.pk}, title="Two").earliest("pk")
task.project_id = pk
task.save()
""")

    expect(titles(ada, "todo")).to_have_text(["One", "Two", "Three"])
    expect(card(ada, "Two")).to_have_count(1)


def test_sliced_rows_are_always_the_first(board: Board, desk: Desk) -> None:
    page = desk.open_live("ada", board.page('<ol>{% live "first-three" project=PK container="div" %}</ol>'))
    items = page.locator("li")
    expect(items).to_have_text(["One", "Four", "Two"])
    board.write("tasks.get(title='Four').delete()")
    expect(items).to_have_text(["One", "Two", "Five"])
    board.write("Task.objects.create(project_id=pk, title='Zero', position=0) and None")

    expect(items).to_have_text(["Zero", "One", "Two"])
    wait_until_equal(page)
