"""Of a row that subscribers were sent before, only what differs is sent again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError
from django.db.models import F, Value
from django.db.models.functions import Repeat
from msgspec import Raw

from realtime import ModelStream
from realtime.models import Change, Log
from realtime.protocol.live_text import GrowingText, TextName
from realtime.queries import sent
from realtime.queries.sent import RowMemory, SentRows
from realtime.queries.tail import Tail
from tests.models import Book, Shelf
from tests.support.limits import limit

pytestmark = pytest.mark.once


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
    newcomer = live(Titles)
    save(books[1], pages=2)
    live.tick()
    assert (viewer.delta, newcomer.delta["puts"]) == (None, whole(books[1], after=books[0]))
    save(books[1], pages=3)
    live.tick()
    assert (viewer.delta, newcomer.delta) == (None, None)


def whole(book: Book, *, after: Book) -> list[Any]:
    return [{"key": str(book.pk), "row": {"id": book.pk, "title": book.title}, "after": str(after.pk)}]


class Texts(Titles):
    """Rows that are longer than their patches."""

    name = "texts"
    fields = ["id", "title", "pages", "shelf.name", "owner.username"]


class Windows(Texts):
    """Rows whose keys are read anew."""

    name = "windows"

    def get_queryset(self) -> Any:
        return super().get_queryset()[:5]


@pytest.mark.parametrize("stream", [Texts, Windows])
class TestPatches:
    def test_row_is_sent_whole_once_and_then_as_a_patch(self, live, books, stream):
        viewer = live(stream, form="patched")
        save(books[1], pages=1)
        live.tick()
        assert [put["key"] for put in viewer.delta["puts"]] == [str(books[1].pk)]
        save(books[1], pages=2)
        live.tick()
        assert viewer.delta == {"patches": {str(books[1].pk): {"set": {"pages": 2}}}}
        assert viewer.rows[1]["pages"] == 2

    def test_client_of_version_1_gets_the_row_whole(self, live, books, stream):
        viewer = live(stream, form="known")
        for pages in (1, 2):
            save(books[1], pages=pages)
            live.tick()
            assert viewer.delta["puts"][0]["row"]["pages"] == pages

    def test_newcomer_gets_the_row_whole(self, live, books, stream):
        viewer = live(stream, form="patched")
        save(books[1], pages=1)
        live.tick()
        newcomer = live(stream, form="patched")
        save(books[1], pages=2)
        live.tick()
        assert ("patches" in viewer.delta, newcomer.delta["puts"][0]["row"]["pages"]) == (True, 2)
        save(books[1], pages=3)
        live.tick()
        assert viewer.delta == newcomer.delta == {"patches": {str(books[1].pk): {"set": {"pages": 3}}}}

    def test_row_that_moves_is_put_without_its_content(self, live, books, stream):
        viewer = live(stream, form="patched")
        save(books[1], pages=1)
        live.tick()
        save(books[1], title="z")
        live.tick()
        key = str(books[1].pk)
        assert viewer.delta == {
            "puts": [{"key": key, "after": str(books[2].pk)}],
            "patches": {key: {"set": {"title": "z"}}},
        }
        assert viewer.titles == ["b", "f", "z"]

    def test_row_that_was_changed_and_changed_back_sends_nothing(self, live, books, stream):
        viewer = live(stream, form="patched")
        save(books[1], pages=1)
        live.tick()
        save(books[1], pages=2)
        save(books[1], pages=1)
        live.tick()
        assert viewer.delta is None

    def test_row_that_has_left_comes_again_whole(self, live, books, shelf, stream):
        viewer = live(stream, form="patched")
        save(books[1], pages=1)
        live.tick()
        key = books[1].pk
        books[1].delete()
        live.tick()
        Book.objects.create(pk=key, shelf=shelf, title="d", pages=2)
        live.tick()
        assert viewer.delta["puts"][0]["row"]["pages"] == 2

    def test_row_is_sent_whole_after_all_rows_were_sent(self, live, books, stream):
        viewer = live(stream, form="patched")
        save(books[1], pages=1)
        live.tick()
        Change.objects.all().delete()
        Log.objects.all().delete()
        live.tick()
        assert viewer.delta["reset"]
        save(books[1], pages=2)
        live.tick()
        assert "row" in viewer.delta["puts"][0]

    def test_what_a_failed_round_would_have_sent_is_no_version_of_a_row(self, live, books, stream, monkeypatch):
        viewer = live(stream, form="patched")
        save(books[1], pages=1)
        live.tick()
        save(books[1], pages=2)
        with failing(live, monkeypatch), pytest.raises(DatabaseError):
            live.tick()
        save(books[1], pages=3)
        live.tick()
        assert viewer.delta == {"patches": {str(books[1].pk): {"set": {"pages": 3}}}}
        assert viewer.rows[1]["pages"] == 3

    def test_row_that_was_forgotten_is_sent_whole(self, live, books, stream, settings):
        limit(settings, row_memory_bytes=800)  # two rows
        live.tail = Tail(live.log, max_changes=1000)
        viewer = live(stream, form="patched")
        for pages, whole in ((1, books), (2, books[:1])):
            for book in books:
                save(book, pages=pages)
            live.tick()
            assert [put["key"] for put in viewer.delta["puts"] if "row" in put] == [str(book.pk) for book in whole]

    def test_further_rows_of_a_large_delta_are_sent_whole(self, live, books, stream, monkeypatch):
        monkeypatch.setattr(sent, "MOST_PATCHES", 1)
        viewer = live(stream, form="patched")
        for pages in (1, 2):
            for book in books:
                save(book, pages=pages)
            live.tick()
        delta = viewer.delta
        assert (len(delta["patches"]), len([put for put in delta["puts"] if "row" in put])) == (1, 2)
        assert [row["pages"] for row in viewer.rows] == [2, 2, 2]


class Growing(Titles):
    """A text of 40 characters for each page."""

    name = "growing"
    fields = ["id", "title", "text"]
    template_name = "tests/text.html"

    def get_queryset(self) -> Any:
        return Book.objects.annotate(text=Repeat(Value("forty characters of a text that grows.\u2026 "), F("pages")))


@pytest.mark.parametrize("format", ["data", "html"])
def test_text_that_grows_costs_at_most_two_and_a_half_times_the_text(live, shelf, format):
    """As if it grew by 40 characters 20 times a second, and ten deltas a second were sent."""
    book = Book.objects.create(shelf=shelf, title="a")
    viewer = live(Growing, form="patched", format=format)
    size = 0
    for pages in range(2, 202, 2):
        save(book, pages=pages)
        tick = live.tick()
        size += len(tick.deltas[viewer.query].to(viewer.received))
    [row] = viewer.rows
    text = row if format == "html" else row["text"]
    assert text.count("forty") == 200
    assert size <= 2.5 * 200 * 40


def test_row_that_moves_although_it_shows_the_same_is_put(live, shelf, books):
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
    with failing(live, monkeypatch), pytest.raises(DatabaseError):
        live.tick()
    live.tick()
    assert viewer.titles == ["b", "e", "f"]


class Drafts(Titles):
    """A row whose title is a live text."""

    name = "drafts"


def test_who_missed_a_row_that_was_withheld_resumes_before_its_change(live, books):
    viewer = live(Drafts, form="patched")
    name = TextName("default", "tests.book", str(books[1].pk), "title")
    texts = {name: GrowingText(0, 1000)}
    save(books[1], pages=1)
    live.tail.tick({}, [], texts=texts)
    texts[name].append("d and more")
    save(books[1], title="d and")
    withheld = live.tail.tick({}, [], texts=texts)
    save(books[0], title="a")
    after = live.tail.tick({}, [], texts=texts)
    assert withheld.resume == after.before == after.resume == withheld.before != withheld.cursor
    late = live(Drafts, cursor=after.before, rows=dict(zip(viewer.keys, viewer.rows, strict=True)))
    assert late.titles == ["a", "d and", "f"]


def test_a_text_that_another_one_follows_at_once_is_new(live, books):
    live(Drafts, form="patched")
    name = TextName("default", "tests.book", str(books[1].pk), "title")
    save(books[1], pages=1)
    live.tail.tick({}, [], texts={name: GrowingText(0, 1000)})
    following = GrowingText(0, 1000)
    following.append("d and more")
    save(books[1], title="d and")
    tick = live.tail.tick({}, [], texts={name: following})
    [delta] = tick.deltas.values()
    assert (delta.refers, tick.withheld, list(*tick.texts.values())) == (False, None, [name])


@contextmanager
def failing(live: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rounds that fail after everything was read."""
    read = type(live.tail)._read

    def fail(self: Any, *args: Any) -> Any:
        read(self, *args)
        raise DatabaseError("planned")

    with monkeypatch.context() as patch:
        patch.setattr(type(live.tail), "_read", fail)
        yield


def test_rows_of_all_live_queries_share_one_bound():
    memory = RowMemory(3 * (sent.ROW_BYTES + 10))
    one, other = SentRows(memory), SentRows(memory)
    for number, query in enumerate((one, other, one, other)):
        query.note({str(number): Raw(b'"12345678"')}, ())
        query.confirm()
    assert (list(one._rows), list(other._rows)) == (["2"], ["1", "3"])
    other.forget()
    assert (list(memory._sizes), memory._bytes) == ([(one, "2")], sent.ROW_BYTES + 10)
