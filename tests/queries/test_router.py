"""Routing: a change that concerns one live query costs the same, however many others there are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from realtime.queries.tail import Tail
from realtime.queries.tick import Want
from tests.models import Book, Shelf, Tag
from tests.shapes.desk import statements

FEW, MANY = 3, 100

pytestmark = pytest.mark.once


@contextmanager
def calls() -> Iterator[list[int]]:
    """How many functions of this package are called, but for the log's: it has more work while others write."""
    count = [0]

    def profile(frame: Any, event: str, arg: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and "/realtime/" in name and "/realtime/changelog/" not in name:
            count[0] += 1

    sys.setprofile(profile)
    try:
        yield count
    finally:
        sys.setprofile(None)


def cost(live: Any, stream: str, number: int, change: Callable[[], Any]) -> tuple[int, int, int]:
    """Open so many live queries, each of a shelf with a book; what the tick after a change takes at the least.

    Statements, calls of functions, and live queries that were told something.
    """
    shelves = Shelf.objects.bulk_create([Shelf(name=str(place)) for place in range(number)])
    Book.objects.bulk_create([Book(title="a", shelf=shelf) for shelf in shelves])
    live.tail = Tail(live.log, max_changes=1000)
    viewers = [live.viewer(stream, shelf=shelf.pk) for shelf in shelves]
    live.tail.tick({Want(viewer.key, None): viewer.stream for viewer in viewers}, [])
    change()
    live.tail.tick({}, [])  # what is made once has been made
    costs = []
    for _ in range(3):
        change()
        with statements() as captured, calls() as called:
            tick = live.tail.tick({}, [])
        costs.append((len(captured.only), called[0], len(tick.deltas)))
    return min(costs)


def last() -> Book:
    return Book.objects.latest("pk")


def update() -> None:
    book = last()
    book.pages += 1
    book.save()


def move() -> None:
    """To another shelf, which has its live query too."""
    book = last()
    book.shelf = Shelf.objects.exclude(pk=book.shelf_id).latest("pk")
    book.save()


def tag() -> None:
    last().tags.add(Tag.objects.create(name="new"))


CHANGES = {
    "update": update,
    "update of many": lambda: Book.objects.filter(pk=last().pk).update(pages=7),
    "insert": lambda: Book.objects.create(title="b", shelf=last().shelf),
    "move": move,
    "many-to-many": tag,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_costs_the_same_with_many_live_queries(live, change, monkeypatch):
    monkeypatch.setattr("realtime.queries.router.MOST_PARTITIONS", MANY // 2)
    few, many = cost(live, "books", FEW, change), cost(live, "books", MANY, change)
    assert (many[0], many[2]) == (few[0], few[2])
    assert many[1] <= few[1]  # rows of dependants are narrowed down to a few partitions, and not to many


def test_change_of_what_nobody_sees_costs_the_same_with_many_live_queries(live):
    elsewhere = Shelf.objects.create(name="elsewhere")

    def change() -> None:
        Book.objects.create(title="unseen", shelf=elsewhere)

    few = cost(live, "books", FEW, change)
    many = cost(live, "books", MANY, change)
    assert many == few
    assert many[2] == 0


def test_slice_costs_the_same_with_many_live_queries(live):
    few = cost(live, "top", FEW, update)
    assert cost(live, "top", MANY, update) == few
