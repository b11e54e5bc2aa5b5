"""`realtime.live()`: rows as data, equal to the database."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.board import Board
from tests.browser.desk import Desk, Traffic
from tests.support.pages import wait_for_state
from tests.support.waiting import wait_until

# Opens the live query, and notes the rows at each call of the subscriber.
OPEN = """(project) => {
    window.query = window.realtime.live("tasks", {project})
    window.seen = []
    window.stop = window.query.subscribe((rows) => window.seen.push(rows))
}"""

ROWS = """
SELECT task.id, title, done, "column", position, username FROM board_task task
LEFT JOIN auth_user ON auth_user.id = assignee_id WHERE project_id = ? ORDER BY position, task.id
"""


@pytest.fixture
def page(open_body: Callable[..., Page], board: Board) -> Page:
    """A page that draws by itself."""
    page = open_body("<p></p>", live=False)
    page.evaluate(OPEN, board.pk)
    wait_for_state(page)
    return page


def in_database(board: Board) -> list[dict[str, Any]]:
    names = ["id", "title", "done", "column", "position", "assignee.username"]
    rows = [dict(zip(names, row, strict=True)) for row in board.server.query(ROWS, board.pk)]
    return [{**row, "done": bool(row["done"])} for row in rows]


def wait_until_data_equals(page: Page, board: Board) -> None:
    wait_until(lambda: page.evaluate("window.query.rows") == in_database(board), what="the data to equal the database")


def test_rows_equal_the_database_through_every_kind_of_change(page: Page, board: Board) -> None:
    wait_until_data_equals(page, board)
    for code in (
        "Task.objects.create(project_id=pk, title='<New> & \"quoted\" \\u2028 ü', position=1500) and None",
        "task = tasks.get(title='One'); task.assignee = User.objects.get(username='ben'); task.save()",
        "task = tasks.get(title='Three'); task.position = 1; task.save()",
        "tasks.get(title='Two').delete()",
        "task = tasks.get(title='Four'); task.project_id = 1; task.save()",
    ):
        board.write(code)
        wait_until_data_equals(page, board)

    keys = [str(row["id"]) for row in in_database(board)]
    assert page.evaluate("window.query.keys") == keys


def test_array_of_rows_is_another_only_when_the_rows_are(page: Page, board: Board) -> None:
    wait_until_data_equals(page, board)
    page.evaluate("() => { window.before = window.query.rows }")
    board.write("Task.objects.create(project_id=1, title='Elsewhere') and None")
    assert page.evaluate(
        """async (project) => {
        const elsewhere = window.realtime.live("tasks", {project})
        const hasCome = (rows) => rows.some(({title}) => title === "Elsewhere")
        await new Promise((done) => elsewhere.subscribe((rows) => hasCome(rows) && done()))
        elsewhere.close()
        return window.query.rows === window.before && window.query.getSnapshot() === window.before
    }""",
        1,
    )
    board.write("tasks.get(title='Two').delete()")
    wait_until_data_equals(page, board)

    assert page.evaluate("window.query.rows !== window.before")
    assert page.evaluate("window.before.length") == 5
    assert page.evaluate("window.seen.length") == 2
    assert page.evaluate("window.seen[1].includes(window.seen[0][0])")  # a row that stays is the same object


def test_listener_that_has_unsubscribed_hears_nothing(page: Page, board: Board) -> None:
    wait_until_data_equals(page, board)
    page.evaluate("window.stop()")
    board.write("tasks.get(title='Two').delete()")
    wait_until_data_equals(page, board)

    assert page.evaluate("window.seen.length") == 1


@pytest.mark.websocket
def test_closed_query_is_left_when_its_last_user_closes(board: Board, desk: Desk) -> None:
    page = desk.blank("ada")
    traffic = Traffic(page)
    desk.open("ada", board.page("<p></p>"), page=page)
    page.evaluate(OPEN, board.pk)
    page.evaluate("(project) => { window.other = window.realtime.live('tasks', {project}) }", board.pk)
    wait_for_state(page)
    page.evaluate("window.query.close()")
    board.write("tasks.get(title='Two').delete()")
    wait_until(lambda: page.evaluate("window.other.rows.length") == 4, what="the other user's rows")
    assert [message["type"] for message in traffic.sent if message["type"] == "unsubscribe"] == []
    page.evaluate("window.other.close()")

    assert [message["type"] for message in traffic.sent if "subscribe" in message["type"]] == [
        "subscribe",
        "unsubscribe",
    ]
    assert page.evaluate("window.seen.length") == 1


def test_call_brings_the_result_and_then_the_row(page: Page, board: Board) -> None:
    result = page.evaluate("window.query.call('add', {title: 'Called'})")
    wait_until_data_equals(page, board)

    assert result == {"pk": int(board.key("Called"))}
    error = page.evaluate("window.query.call('add', {title: ''}).catch(({name, details}) => ({name, details}))")
    assert error == {"name": "invalid", "details": {"title": ["A task needs a title."]}}


def test_query_that_is_refused_says_why(open_body: Callable[..., Page], board: Board) -> None:
    page = open_body("<p></p>", user="cleo", live=False)
    page.evaluate(OPEN, board.pk)
    wait_for_state(page, "refused")

    assert page.evaluate("[window.query.state, window.query.error.name, window.query.rows]") == [
        "refused",
        "forbidden",
        [],
    ]


def test_data_is_equal_after_a_lost_connection(board: Board, desk: Desk) -> None:
    page = desk.alone("ada")
    desk.open("ada", board.page("<p></p>"), page=page)
    page.evaluate(OPEN, board.pk)
    wait_for_state(page)
    page.context.set_offline(True)
    wait_for_state(page, "offline")
    assert page.evaluate("window.query.state") == "offline"
    board.write("tasks.get(title='Two').delete(); Task.objects.create(project_id=pk, title='Meanwhile')")
    page.context.set_offline(False)

    wait_until_data_equals(page, board)
    assert page.evaluate("window.query.state") == "live"


SET = """async (texts) => {
    window.query.close()
    window.query = window.realtime.live("found", {project: PK})
    window.shown = []
    window.query.subscribe((rows) => window.shown.push([window.query.params.q ?? "", rows.map(({title}) => title)]))
    for (const q of texts) {
        window.query.set({q})
        await new Promise((done) => setTimeout(done, 5))
    }
}"""


def test_parameters_that_change_faster_than_the_server_answers_end_with_the_last(page: Page, board: Board) -> None:
    texts = [str(number) for number in range(50)] + ["o", "ou", "our"]
    page.evaluate(SET.replace("PK", str(board.pk)), texts)
    wait_until(lambda: page.evaluate("window.query.params.q") == "our", what="the last parameters to be shown")

    assert page.evaluate("window.query.rows.map(({title}) => title)") == ["Four"]
    shown = dict(page.evaluate("window.shown"))
    titles = ["Five", "Four", "One", "Three", "Two"]
    assert shown == {q: [title for title in titles if q in title.lower()] for q in shown}
    defaults = {"state": None, "least": 0, "sort": "title", "columns": [], "owners": []}
    assert found_queries(page, board) == [{"project": board.pk, "q": "our", **defaults}]


def test_parameter_takes_several_values(page: Page, board: Board) -> None:
    page.evaluate(SET.replace("PK", str(board.pk)), [])
    board.write("tasks.update(column='todo')")
    board.write("tasks.filter(title='Two').update(column='doing'); tasks.filter(title='Four').update(column='done')")
    page.evaluate("window.query.set({columns: ['doing', 'done']})")
    titles = "window.query.rows.map(({title}) => title)"
    wait_until(lambda: page.evaluate(titles) == ["Four", "Two"], what="the rows of both columns")
    page.evaluate("window.query.set({columns: ['doing', 'lost']})")
    wait_until(lambda: page.evaluate("window.query.error?.details"), what="the refusal")

    assert list(page.evaluate("window.query.error.details")) == ["columns"]
    assert page.evaluate(titles) == ["Four", "Two"]
    assert page.evaluate("window.query.params.columns") == ["doing", "done"]


def found_queries(page: Page, board: Board) -> list[dict[str, Any]]:
    """The parameters of the board's live query that the server keeps, once it has dropped those that were left."""

    def only_one() -> list[dict[str, Any]] | None:
        found = [json.loads(params) for stream, params in page.request.get("/queries/").json() if stream == "found"]
        mine = [params for params in found if params["project"] == board.pk]
        return mine if len(mine) == 1 else None

    return wait_until(only_one, what="the server to keep one live query")
