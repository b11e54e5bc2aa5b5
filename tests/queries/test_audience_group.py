"""Audiences that see the same share one live query, until something in it depends on the audience."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream
from realtime.queries.tail import Want
from tests.models import Book, Shelf
from tests.queries.conftest import Live

pytestmark = pytest.mark.databases

NUMBER = 6


def stream(**members: Any) -> type[ModelStream]:
    """A new stream: what is known of others counts for nothing."""

    class Alike(ModelStream):
        name = "alike"
        model = Book
        fields = ["id", "title"]
        template_name = "tests/family_row.html"

        def get_queryset(self) -> Any:
            return Book.objects.order_by("title")

    return type("Alike", (Alike,), {"__module__": __name__, **members})


@pytest.fixture
def books(committed: None) -> list[Book]:
    shelf = Shelf.objects.create(name="one")
    return [Book.objects.create(shelf=shelf, title=title) for title in "bdf"]


def statements(live: Live) -> int:
    with CaptureQueriesContext(connection) as queries:
        live.tick()
    return sum("tests_book" in query["sql"] for query in queries.captured_queries)


def titles() -> list[str]:
    return list(Book.objects.order_by("title").values_list("title", flat=True))


def rename(book: Book, title: str) -> None:
    Book.objects.filter(pk=book.pk).update(title=title)


def test_audiences_that_see_the_same_are_read_once(live, books):
    kind = stream()
    viewers = [live(kind, audience=number) for number in range(NUMBER)]
    assert len({viewer.query for viewer in viewers}) == NUMBER
    rename(books[0], "e")
    assert statements(live) == 1
    assert all(viewer.titles == titles() == ["d", "e", "f"] for viewer in viewers)
    assert all(viewer.delta == viewers[0].delta for viewer in viewers)


def test_audiences_that_open_together_are_read_once(live, books):
    kind = stream()
    viewers = [live.viewer(kind, audience=number) for number in range(NUMBER)]
    with CaptureQueriesContext(connection) as queries:
        live.tick(*viewers)
    assert sum("tests_book" in query["sql"] for query in queries.captured_queries) == 2  # its keys, and its rows
    assert all(viewer.titles == titles() for viewer in viewers)
    live.viewers += viewers
    books[0].delete()
    assert statements(live) == 1
    assert all(viewer.titles == ["d", "f"] for viewer in viewers)


def test_audience_after_which_a_live_query_is_named_leaves_and_returns(live, books):
    kind = stream()
    first, second = live(kind, audience=1), live(kind, audience=2)
    live.tick(gone=(first,))
    rename(books[0], "a")
    tick = live.tick()
    assert second.titles == ["a", "d", "f"]
    assert set(tick.deltas) == {second.query}
    third = live(kind, audience=1, cursor=first.cursor, rows=dict(first.replica.rows))
    assert third.query not in (first.query, second.query)
    rename(books[0], "g")
    live.tick()
    assert third.titles == second.titles == ["d", "f", "g"]
    live.tick(gone=(second, third))
    assert live.tail.costs() == []


def test_queryset_that_asks_for_the_audience_later_is_read_for_each(live, books):
    def get_queryset(self: Any) -> Any:
        rows = Book.objects.order_by("title")
        return rows.filter(pages=self.audience_key) if rows.filter(title="private").exists() else rows

    kind = stream(get_queryset=get_queryset)
    viewers = [live(kind, audience=number) for number in range(3)]
    rename(books[0], "a")
    live.tick()
    assert all(viewer.titles == ["a", "d", "f"] for viewer in viewers)
    for number, book in enumerate(books):
        Book.objects.filter(pk=book.pk).update(pages=number)
    rename(books[2], "private")
    live.tick()
    assert [viewer.titles for viewer in viewers] == [["a"], ["d"], ["private"]]
    rename(books[1], "b")
    tick = live.tick()
    assert set(tick.deltas) == {viewers[1].query}
    assert viewers[1].titles == ["b"]


def test_row_that_asks_for_the_audience_later_is_rendered_for_each(live, books):
    kind = stream()
    viewers = [live(kind, audience=number, format="html") for number in range(3)]
    rename(books[1], "c")
    assert statements(live) == 1
    rename(books[0], "for one")
    late = live.viewer(kind, audience=3, format="html")
    live.tick(late)
    shown = [[row.partition(">")[2] for row in viewer.rows] for viewer in (*viewers, late)]
    assert shown == [["c</li>", "f</li>", f"for one {number}</li>"] for number in range(4)]
    assert [cost.rows for cost in live.tail.costs()] == [3] * 4


def test_streams_that_differ_in_more_than_the_audience_share_nothing(live, books):
    kind = stream(get_queryset=lambda self: Book.objects.filter(title__gte=self.least).order_by("title"))
    viewers = []
    for number, least in enumerate("ac"):
        viewer = live.viewer(kind, audience=number)
        viewer.stream.least = least
        live.tick(viewer)
        viewers.append(viewer)
    live.viewers += viewers
    rename(books[0], "bb")
    live.tick()
    assert [viewer.titles for viewer in viewers] == [["bb", "d", "f"], ["d", "f"]]


def test_live_query_that_fails_fails_for_all_of_its_audiences(live, books):
    broken: list[bool] = []

    def get_queryset(self: Any) -> Any:
        if broken:
            raise RuntimeError("planned")
        return Book.objects.order_by("title")

    kind = stream(get_queryset=get_queryset)
    viewers = [live(kind, audience=number) for number in range(3)]
    broken.append(True)
    rename(books[0], "a")
    late = live.viewer(kind, audience=3)
    tick = live.tail.tick({Want(late.key, None): late.stream}, [])
    assert tick.failed == {viewer.key for viewer in (*viewers, late)}
    assert tick.answers == {}
    assert live.tail.costs() == []


def test_cost_of_a_shared_live_query_counts_once(live, books):
    kind = stream()
    viewers = [live(kind, audience=number) for number in range(4)]
    rename(books[0], "a")
    live.tick()
    costs = live.tail.costs()
    assert {cost.key for cost in costs} == {viewer.key for viewer in viewers}
    assert {cost.id for cost in costs} == {viewer.query for viewer in viewers}
    assert len({cost.seconds for cost in costs}) == 1
