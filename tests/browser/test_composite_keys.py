"""Rows whose primary key has several columns, as HTML and as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board import Board, wait_until_equal
from tests.browser.writer import Writer
from tests.support.pages import keys, wait_for_state
from tests.support.waiting import wait_until

ROOM = "<i>\"Hall\" 'A' & \\ [ä]"

CREATE_TABLE = """
from django.db import connection
from tests.browser.site.models import Booking
if Booking._meta.db_table not in connection.introspection.table_names():
    with connection.schema_editor() as editor:
        editor.create_model(Booking)
"""

OPEN = """(project) => {
    window.bookings = window.realtime.live("bookings", {project})
    window.bookings.subscribe(() => {})
}"""


@pytest.fixture
def book(writer: Writer, board: Board) -> Callable[..., None]:
    """Runs code that writes bookings; `bookings` in it are those of the test's project."""
    writer(CREATE_TABLE)

    def book(code: str) -> None:
        board.write(
            "from tests.browser.site.models import Booking\n"
            "bookings = Booking.objects.filter(project=pk)\n"
            f"with transaction.atomic():\n    {code}",
            room=ROOM,
        )

    book(
        "bookings.bulk_create(Booking(room=room, place=n, project_id=pk, name='new', position=n * 10) for n in (1, 2))"
    )
    return book


def names(page: Page) -> list[list[Any]]:
    """The place and the name in each row of the data, with the key."""
    return page.evaluate(
        "window.bookings.keys.map((key, n) => [Number(JSON.parse(key)[1]), window.bookings.rows[n].name])"
    )


def test_rows_appear_change_move_and_leave(
    open_body: Callable[..., Page], board: Board, book: Callable[..., None]
) -> None:
    page = open_body('<ul>{% live "bookings" project=PK %}</ul>')
    page.evaluate(OPEN, board.pk)
    steps = [
        (
            "bookings.create(pk=(room, 3), project_id=pk, name='third', position=15)",
            [(1, "new"), (3, "third"), (2, "new")],
        ),
        ("bookings.filter(pk=(room, 3)).update(name='changed')", [(1, "new"), (3, "changed"), (2, "new")]),
        ("bookings.filter(pk=(room, 2)).update(position=1)", [(2, "new"), (1, "new"), (3, "changed")]),
        ("bookings.filter(pk=(room, 1)).delete()", [(2, "new"), (3, "changed")]),
        ("bookings.filter(pk=(room, 2)).update(place=7)", [(7, "new"), (3, "changed")]),
    ]
    for code, expected in steps:
        book(code)
        expect(page.locator("[data-live] li")).to_have_text([f"{ROOM} {place}: {name}" for place, name in expected])
        wanted = [list(row) for row in expected]
        wait_until(lambda wanted=wanted: names(page) == wanted, what="the data to equal the database")
        wait_until_equal(page)
    assert keys(page) == page.evaluate("window.bookings.keys")


def test_rows_that_others_deleted_meanwhile_are_gone_when_the_page_comes_back(
    open_body: Callable[..., Page], book: Callable[..., None]
) -> None:
    page = open_body('<ul>{% live "bookings" project=PK %}</ul>')
    page.context.set_offline(True)
    wait_for_state(page, "offline")
    book("bookings.filter(pk=(room, 1)).delete()")
    page.context.set_offline(False)
    expect(page.locator("[data-live] li")).to_have_text([f"{ROOM} 2: new"])
    wait_until_equal(page)
