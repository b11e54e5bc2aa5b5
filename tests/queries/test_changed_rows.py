"""A change asks about changed rows alone where its QuerySet allows it; counted in statements, rows and bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream
from realtime.queries.plan import Maintenance
from tests.models import Book, Shelf

pytestmark = pytest.mark.databases

MANY = 400


class Plain(ModelStream):
    name = "plain"
    model = Book
    fields = ["id", "title"]

    def get_queryset(self) -> Any:
        return Book.objects.order_by("title")


def fill(shelf: Shelf, number: int) -> list[Book]:
    rows = [Book(shelf=shelf, title=f"{place:06}") for place in range(number)]
    return Book.objects.bulk_create(rows)


def only(title: str) -> Any:
    """The book by its key: MariaDB's log does not name the rows of other conditions."""
    return Book.objects.filter(pk=Book.objects.get(title=title).pk)


CHANGES = {
    "edit": lambda shelf: only("000005").update(pages=F("pages") + 1),
    "move": lambda shelf: only("000005").update(title="000009a"),
    "move to the front": lambda shelf: only("000005").update(title=""),
    "add": lambda shelf: Book.objects.create(shelf=shelf, title="000007a"),
    "delete": lambda shelf: only("000005").delete(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_changed_row_asks_one_statement_of_no_other_row(live, shelf, name):
    fill(shelf, MANY)
    viewer = live(Plain)
    CHANGES[name](shelf)
    with CaptureQueriesContext(connection) as queries:
        tick = live.tick()
    statements = [query["sql"] for query in queries.captured_queries if "tests_book" in query["sql"]]
    assert len(statements) == 1, statements
    assert (" = ANY (" if connection.vendor == "postgresql" else " IN (") in statements[0]
    assert viewer.keys == [str(pk) for pk in Book.objects.order_by("title", "pk").values_list("pk", flat=True)]
    delta = json.loads(tick.deltas[viewer.query].encoded("whole"))
    assert len(delta.get("puts", ())) + len(delta.get("drops", ())) == 1
    assert "order" not in delta
    assert len(tick.deltas[viewer.query].encoded("whole")) < 120


def test_a_few_changed_rows_are_put_in_their_order(live, shelf):
    books = fill(shelf, MANY)
    viewer = live(Plain)
    for place, title in ((3, "000200b"), (9, "000200a"), (300, ""), (4, "z"), (5, "z")):
        Book.objects.filter(pk=books[place].pk).update(title=title)
    books[7].delete()
    live.tick()
    assert viewer.keys == [str(pk) for pk in Book.objects.order_by("title", "pk").values_list("pk", flat=True)]


def test_many_changed_rows_have_the_keys_read_once(live, shelf):
    fill(shelf, MANY)
    viewer = live(Plain)
    Book.objects.filter(title__lt="000100").update(title=F("pages"))
    with CaptureQueriesContext(connection) as queries:
        live.tick()
    statements = [query["sql"] for query in queries.captured_queries if "tests_book" in query["sql"]]
    assert len(statements) <= 2
    assert viewer.keys == [str(pk) for pk in Book.objects.order_by("title", "pk").values_list("pk", flat=True)]


def test_ties_and_nulls_stand_where_the_database_has_them(live, shelf):
    orders = [
        (F("pages").asc(),),
        (F("pages").desc(),),
        (F("owner_id").asc(), "pages"),
        (F("owner_id").asc(nulls_first=True), "-pages"),
        (F("owner_id").desc(nulls_last=True), F("title").desc()),
        ("-pages", F("owner_id").asc(nulls_last=True)),
    ]
    viewers = []
    for number, order in enumerate(orders):
        kind = type(
            f"Ordered{number}",
            (ModelStream,),
            {
                "name": f"ordered{number}",
                "model": Book,
                "fields": ["id"],
                "get_queryset": lambda self, order=order: Book.objects.order_by(*order),
            },
        )
        viewers.append((live(kind), order))
    from django.contrib.auth import get_user_model

    owners = [None, *(get_user_model().objects.create(username=name) for name in "ab")]
    books = [
        Book.objects.create(shelf=shelf, title="eéEÉ"[place % 4], pages=place % 3, owner=owners[place % 3])
        for place in range(12)
    ]
    live.tick()
    for step in range(40):
        book = books[step * 7 % 12]
        Book.objects.filter(pk=book.pk).update(pages=step % 4, owner=owners[step * 5 % 3], title="aÀzZ"[step % 4])
        if step % 3:
            live.tick()
            for viewer, order in viewers:
                expected = [str(pk) for pk in Book.objects.order_by(*order, "pk").values_list("pk", flat=True)]
                assert viewer.keys == expected, order


def test_who_comes_back_is_sent_moves_and_drops_and_no_list_of_keys(live, shelf):
    books = fill(shelf, MANY)
    viewer = live(Plain)
    cursor, rows = viewer.cursor, dict(viewer.replica.rows)
    gone = str(books[5].pk)
    books[5].delete()
    live.tick()
    Book.objects.filter(pk=books[8].pk).update(title="000200a")
    live.tick()
    again = live(Plain, cursor=cursor, rows=rows)
    assert again.delta == {
        "puts": [
            {"key": str(books[8].pk), "row": {"id": books[8].pk, "title": "000200a"}, "after": str(books[200].pk)}
        ],
        "drops": [gone],
    }
    assert again.keys == viewer.keys


def test_who_comes_back_is_told_of_no_row_that_came_and_went(live, shelf):
    fill(shelf, 3)
    viewer = live(Plain)
    cursor, rows = viewer.cursor, dict(viewer.replica.rows)
    guest = Book.objects.create(shelf=shelf, title="guest")
    live.tick()
    key = str(guest.pk)
    assert key in viewer.keys
    guest.delete()
    live.tick()
    assert live(Plain, cursor=cursor, rows=rows).delta is None


def test_who_comes_back_from_between_two_ticks_gets_the_keys(live, shelf):
    """Which rows it has is not known."""
    books = fill(shelf, 3)
    viewer = live(Plain)
    books[0].delete()
    cursor = live.log.head()
    Book.objects.filter(pk=books[1].pk).update(title="z")
    live.tick()
    rows = dict(viewer.replica.rows)
    again = live(Plain, cursor=cursor, rows=rows)
    assert again.keys == viewer.keys == [str(books[2].pk), str(books[1].pk)]


def test_the_way_is_shown(live, shelf):
    class Top(Plain):
        name = "plain-top"

        def get_queryset(self):
            return Book.objects.order_by("title")[:3]

    live(Plain)
    live(Top)
    found = {cost.key.stream: cost.maintenance for cost in live.tail.costs()}
    assert found == {"plain": Maintenance.CHANGED_ROWS, "plain-top": Maintenance.KEYS}
