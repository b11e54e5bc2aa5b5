"""A round that takes long hands out the deltas of what it has read, and makes up for it if it fails afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from realtime import ModelStream, live_value
from realtime.protocol.live_text import GrowingText, TextName
from realtime.queries.round import Round
from realtime.queries.tick import Tick, Want
from tests.models import Book, Shelf
from tests.support.forms import form_for

EARLY_SECONDS = "realtime.queries.round.EARLY_SECONDS"


class Newest(ModelStream):
    """The newest book of a shelf, which is read apart from other live queries."""

    name = "newest"
    model = Book
    fields = ["title"]
    partition_by = ["shelf"]

    def get_queryset(self, shelf: Any) -> Any:
        return Book.objects.filter(shelf=shelf).order_by("-pk")[:1]

    @live_value
    def number(self) -> int:
        return Book.objects.filter(shelf=self.params["shelf"]).count()


class HandedOut:
    """What rounds have handed out: the titles of each part's rows, and the live queries that were still to be read."""

    def __init__(self, live: Any) -> None:
        self.live = live
        self.parts: list[tuple[Tick, set[int]]] = []

    def tick(self, **options: Any) -> Tick:
        """Take a tick, and give viewers what was handed out at once, and the rest of it in the end."""
        tick: Tick = self.live.tail.tick({}, (), round=Round(self._take), **options)
        for viewer in self.live.viewers:
            if all(viewer.query not in part.deltas for part, _ in self.parts):
                viewer.take(form_for(tick.deltas.get(viewer.query), viewer.received, viewer.replica))
            viewer.cursor = tick.cursor
        return tick

    def _take(self, part: Tick, left: Collection[int]) -> None:
        self.parts.append((part, set(left)))
        for viewer in self.live.viewers:
            if viewer.query in part.deltas:
                viewer.take(form_for(part.deltas[viewer.query], viewer.received, viewer.replica))
                viewer.cursor = part.cursor


@pytest.fixture
def always(monkeypatch) -> None:
    monkeypatch.setattr(EARLY_SECONDS, 0)


@pytest.fixture
def handed_out(live) -> HandedOut:
    return HandedOut(live)


@contextmanager
def failing_end(live: Any) -> Iterator[None]:
    """The transactions of ticks fail when everything has been read."""
    snapshot = live.log.snapshot

    @contextmanager
    def failing() -> Iterator[None]:
        with snapshot():
            yield
        raise ConnectionError

    live.log.snapshot = failing
    try:
        with pytest.raises(ConnectionError):
            yield
    finally:
        live.log.snapshot = snapshot


def test_deltas_leave_while_others_are_read(live, shelf, other_shelf, handed_out, always):
    books, newest = live("books", shelf=shelf.pk), live(Newest, shelf=shelf.pk)
    live("books", shelf=other_shelf.pk)
    before = books.cursor
    Book.objects.create(shelf=shelf, title="a")
    tick = handed_out.tick()
    (first, left), (second, nothing) = handed_out.parts
    assert (set(first.deltas), left) == ({books.query}, {newest.query})
    assert (set(second.deltas), nothing) == ({newest.query}, set())
    assert (first.before, first.cursor, second.cursor) == (before, tick.cursor, tick.cursor)
    assert set(tick.deltas) == {books.query, newest.query}
    assert books.titles == newest.titles == ["a"]


def test_live_queries_read_together_leave_portion_by_portion(live, handed_out, always, monkeypatch):
    monkeypatch.setattr("realtime.queries.family.KEYS_PER_QUERY", 2)
    shelves = [Shelf.objects.create(name=str(number)) for number in range(5)]
    viewers = [live("books", shelf=shelf.pk) for shelf in shelves]
    Book.objects.bulk_create(Book(shelf=shelf, title="a") for shelf in shelves)
    handed_out.tick()
    assert [(len(part.deltas), len(left)) for part, left in handed_out.parts] == [(2, 3), (2, 1), (1, 0)]
    assert [viewer.titles for viewer in viewers] == [["a"]] * 5


def test_quick_round_hands_out_nothing(live, shelf, handed_out, monkeypatch):
    monkeypatch.setattr(EARLY_SECONDS, 3600)
    live("books", shelf=shelf.pk)
    Book.objects.create(shelf=shelf, title="a")
    assert handed_out.tick().deltas
    assert handed_out.parts == []


def test_live_queries_that_are_requested_wait_for_the_answers(live, shelf, other_shelf, always):
    """Answering may show that they have changed by time alone."""
    live("books", shelf=shelf.pk)
    number = live(Newest, format="value:number", shelf=other_shelf.pk)
    newcomer = live.viewer(Newest, format="value:number", shelf=other_shelf.pk)
    parts: list[Collection[int]] = []

    def tick() -> Tick:
        parts.clear()
        Book.objects.create(shelf=shelf, title="a")
        wants = {Want(newcomer.key, None): newcomer.stream}
        return live.tail.tick(wants, (), round=Round(lambda part, left: parts.append(left)))

    live.tail.seconds = 3600
    assert (bool(tick().answers), [set(left) for left in parts]) == (False, [set()])  # the changes come first
    assert (bool(tick().answers), [set(left) for left in parts]) == (True, [{number.query}])


def test_round_with_live_texts_hands_out_nothing(live, shelf, handed_out, always):
    viewer = live("books", shelf=shelf.pk)
    book = Book.objects.create(shelf=shelf, title="a")
    name = TextName("default", "tests.book", str(book.pk), "title")
    handed_out.tick(texts={name: GrowingText(0, 1000)})
    assert handed_out.parts == []
    book.title = "ab"
    book.save()
    handed_out.tick()  # rows may be withheld since the last one
    assert handed_out.parts == []
    assert viewer.titles == ["ab"]


def test_round_that_fails_after_that_is_made_up_for(live, shelf, other_shelf, handed_out, always):
    books, newest = live("books", shelf=shelf.pk), live(Newest, shelf=shelf.pk)
    number = live(Newest, format="value:number", shelf=shelf.pk)
    other = live("books", shelf=other_shelf.pk)
    Book.objects.create(shelf=shelf, title="old")
    live.tick()
    passing = Book.objects.create(shelf=shelf, title="a")
    with failing_end(live):
        handed_out.tick()
    assert (books.titles, newest.titles, number.rows) == (["a", "old"], ["a"], [2])
    handed_out.parts.clear()
    passing.delete()  # nobody has had it, as far as successful rounds know
    Book.objects.create(shelf=other_shelf, title="b")
    tick = handed_out.tick()
    assert (books.titles, newest.titles, number.rows, other.titles) == (["old"], ["old"], [1], ["b"])
    assert {query for query, delta in tick.deltas.items() if delta.reset} == {newest.query}
    assert books.delta == {"order": books.keys}  # but no row
    Book.objects.create(shelf=shelf, title="c")
    handed_out.parts.clear()
    handed_out.tick()
    assert "order" not in books.delta
    assert books.titles == ["c", "old"]


def test_viewer_of_a_failed_round_resumes_from_its_cursor(live, shelf, handed_out, always):
    books = live("books", shelf=shelf.pk)
    passing = Book.objects.create(shelf=shelf, title="a")
    with failing_end(live):
        handed_out.tick()
    live.viewers.clear()
    passing.delete()
    Book.objects.create(shelf=shelf, title="b")
    live.tick()
    live.tick(books)
    assert books.titles == ["b"]
