"""Which live queries a change concerns: those with its values, those that have its row, and no others."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from realtime import ModelStream
from realtime.changelog import get_changelog
from realtime.changelog.base import NewChange
from realtime.models import Change
from tests.models import Book, Shelf


@pytest.fixture
def statements():
    """`with statements("tests_book") as found:` the statements about a table."""

    class Statements(CaptureQueriesContext):
        def about(self, text: str) -> list[str]:
            return [query["sql"] for query in self.captured_queries if text in query["sql"]]

    return Statements(connection)


def test_other_partitions_are_not_asked(live, shelf, other_shelf, statements):
    here, there = live("books", shelf=shelf.pk), live("books", shelf=other_shelf.pk)
    Book.objects.create(shelf=shelf, title="a")
    with statements:
        live.tick()

    assert (here.titles, there.delta) == (["a"], None)
    selects = statements.about("tests_book")
    assert len(selects) == 1


def test_work_of_a_tick_does_not_grow_with_partitions_that_do_not_change(live, shelf, statements):
    live("books", shelf=shelf.pk)
    for number in range(20):
        live("books", shelf=Shelf.objects.create(name=str(number)).pk)
    Book.objects.create(shelf=shelf, title="a")
    with statements:
        live.tick()
    assert len(statements.about("tests_book")) == 1


def test_quiet_tick_reads_the_log_alone(live, shelf, statements):
    live("books", shelf=shelf.pk)
    with statements:
        live.tick()
    assert statements.about("tests_") == []
    assert len(statements.about("realtime_change")) == 1


def test_change_of_a_model_that_no_live_query_shows_asks_none(live, shelf, statements):
    live("books", shelf=shelf.pk)
    Shelf.objects.create(name="new")
    with statements:
        live.tick()
    assert statements.about("tests_book") == []


def test_row_that_moves_leaves_the_one_and_enters_the_other(live, shelf, other_shelf):
    here, there = live("books", shelf=shelf.pk), live("books", shelf=other_shelf.pk)
    book = Book.objects.create(shelf=shelf, title="a")
    live.tick()
    book.shelf = other_shelf
    book.save()
    live.tick()
    assert (here.titles, there.titles) == ([], ["a"])


def test_change_whose_values_are_not_known_concerns_all(live, shelf, other_shelf):
    here = live("books", shelf=shelf.pk)
    book = Book.objects.create(shelf=other_shelf, title="a")
    live.tick()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tests_book SET shelf_id = %s WHERE id = %s", [shelf.pk, book.pk])
    live.log.append([NewChange("tests.book", str(book.pk), "u")])
    live.tick()
    assert here.titles == ["a"]


def test_change_without_a_value_of_the_partition_concerns_all(live, shelf):
    """It was written by a process of the last release, which did not know this partition."""
    here = live("books", shelf=shelf.pk)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO tests_book (title, shelf_id, pages) VALUES (%s, %s, %s)", ["a", shelf.pk, 1])
    key = str(Book.objects.get().pk)
    live.log.append([NewChange("tests.book", key, "i", {"colour": ["red"]})])
    live.tick()
    assert here.titles == ["a"]


def test_old_value_routes_too(live, shelf, other_shelf):
    here = live("books", shelf=shelf.pk)
    book = Book.objects.create(shelf=other_shelf, title="a")
    live.tick()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tests_book SET shelf_id = %s WHERE id = %s", [shelf.pk, book.pk])
    routing = {"shelf": [str(shelf.pk), str(other_shelf.pk)]}
    live.log.append([NewChange("tests.book", str(book.pk), "u", routing)])
    live.tick()
    assert here.titles == ["a"]


def test_parameter_of_none_matches_any_value(live, shelf, other_shelf):
    class Any(ModelStream):
        name = "any-shelf"
        model = Book
        fields = ["title"]
        partition_by = ["shelf"]

        def get_queryset(self, shelf=None):
            books = Book.objects.order_by("title")
            return books if shelf is None else books.filter(shelf=shelf)

    everything, one = live(Any), live(Any, shelf=shelf.pk)
    Book.objects.create(shelf=shelf, title="a")
    Book.objects.create(shelf=other_shelf, title="b")
    live.tick()
    assert (everything.titles, one.titles) == (["a", "b"], ["a"])


def test_rows_of_unknown_number_changed_and_all_is_read_afresh(live, shelf):
    viewer = live("books", shelf=shelf.pk)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO tests_book (title, shelf_id, pages) VALUES (%s, %s, %s)", ["a", shelf.pk, 1])
    live.log.append([NewChange("tests.book", "", Change.Kind.REREAD)])
    live.tick()
    assert (viewer.titles, viewer.delta["reset"]) == (["a"], True)


@pytest.mark.parametrize("key", ["", "x", "1.5", "9" * 30, '["1"]', "None"])
def test_key_that_the_model_cannot_have_harms_nobody(live, shelf, key, caplog):
    viewer = live("books", shelf=shelf.pk)
    Book.objects.create(shelf=shelf, title="a")
    live.log.append([NewChange("tests.book", key, "u"), NewChange("auth.user", key, "u")])
    live.tick()
    assert viewer.titles == ["a"]
    assert all("cannot have" in text or "all of them are read" in text for text in caplog.messages)


def test_burst_beyond_the_limit_is_a_reset(live, shelf, monkeypatch):
    monkeypatch.setattr("realtime.queries.tail.MOST_PARTS", 1)
    viewer = live("books", shelf=shelf.pk)
    live.tail.max_changes = 3
    for title in "abcde":
        Book.objects.create(shelf=shelf, title=title)
    live.tick()
    assert (viewer.titles, viewer.delta["reset"]) == (list("abcde"), True)


def test_nothing_is_kept_of_live_queries_that_are_gone(live, shelf):
    Book.objects.create(shelf=shelf, title="a")
    viewers = [
        live("books", shelf=shelf.pk),
        live("top", shelf=shelf.pk),
        live("books", shelf=shelf.pk, format="html"),
    ]
    live.tick(gone=tuple(viewers))
    assert (len(live.tail._queries), live.tail._router._indexes) == (0, {})


def test_log_of_the_test_is_the_one_of_the_default_database():
    assert get_changelog("default").alias == "default"
