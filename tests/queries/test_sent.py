"""A row whose bytes are those that all subscribers were sent last is not sent again."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError

from realtime import ModelStream
from realtime.queries.sent import MOST, Sent
from tests.models import Book, Shelf

pytestmark = pytest.mark.databases


class Titles(ModelStream):
    name = "titles"
    model = Book
    fields = ["id", "title"]

    def get_queryset(self) -> Any:
        return Book.objects.order_by("title", "pages")


@pytest.fixture
def books(shelf: Shelf) -> list[Book]:
    return [Book.objects.create(shelf=shelf, title=title) for title in "bdf"]


def save(book: Book, **changed: Any) -> None:
    Book.objects.filter(pk=book.pk).update(**changed)


def test_save_that_shows_nothing_is_sent_once(live, books):
    viewer = live(Titles)
    save(books[1], pages=1)
    live.tick()
    assert [put["key"] for put in viewer.delta["puts"]] == [str(books[1].pk)]
    save(books[1], pages=2)
    live.tick()
    assert viewer.delta is None


def test_newcomer_may_have_a_row_of_another_moment(live, books):
    viewer = live(Titles)
    save(books[1], pages=1)
    live.tick()
    live(Titles)
    save(books[1], pages=2)
    live.tick()
    assert viewer.delta is not None


def test_row_that_moves_is_put_although_it_shows_the_same(live, shelf, books):
    [first, second] = [Book.objects.create(shelf=shelf, title="same", pages=pages) for pages in (1, 2)]
    viewer = live(Titles)
    save(second, pages=3)
    live.tick()
    save(second, pages=0)
    live.tick()
    assert viewer.keys == [*(str(book.pk) for book in books), str(second.pk), str(first.pk)]


def test_row_that_moves_with_the_one_before_it_is_put(live, shelf, books):
    pair = [Book.objects.create(shelf=shelf, title="x", pages=pages) for pages in (1, 2)]
    last = Book.objects.create(shelf=shelf, title="x", pages=5)
    viewer = live(Titles)
    for book, pages in zip(pair, (1, 2), strict=True):
        save(book, pages=pages, owner=None)
    live.tick()
    save(pair[1], pages=3)
    live.tick()
    save(pair[0], pages=8)
    save(pair[1], pages=9)
    live.tick()
    assert viewer.keys[-3:] == [str(book.pk) for book in (last, *pair)]


def test_row_before_which_another_was_put_is_put_in_its_place(live, shelf, books):
    """That its new neighbour is its old one says nothing of where it stands."""
    viewer = live(Titles)
    save(books[2], pages=1)  # f, behind d
    live.tick()
    between = Book.objects.create(shelf=shelf, title="e")
    live.tick()
    save(books[2], title="f", pages=2)
    save(between, title="g")
    live.tick()
    assert viewer.keys == [str(book.pk) for book in (books[0], books[1], books[2], between)]


def test_what_a_failed_round_would_have_sent_is_sent(live, books, monkeypatch):
    viewer = live(Titles)
    save(books[1], title="e")
    store = type(live.tail)._read

    def fail(self: Any, *args: Any) -> Any:
        store(self, *args)
        raise DatabaseError("planned")

    with monkeypatch.context() as patch:
        patch.setattr(type(live.tail), "_read", fail)
        with pytest.raises(DatabaseError):
            live.tick()
    live.tick()
    assert viewer.titles == ["b", "e", "f"]


def test_as_many_rows_are_remembered_as_memory_is_bounded_by():
    sent = Sent()
    rows = {str(number): b"row" for number in range(MOST + 3)}
    before = dict(zip(rows, [None, *rows], strict=False))
    assert sent.news(rows, before, (), rows) == rows
    sent.confirm()
    again = dict.fromkeys(("1", str(MOST + 2)), b"row")
    assert list(sent.news(again, before, again, again)) == ["1"]
