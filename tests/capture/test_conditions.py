"""Conditions: the entries that capture derives from a statement's WHERE alone, on MySQL."""

from __future__ import annotations

import json

import pytest
from django.db import connection, connections
from django.db.models import F, Q

from realtime.models import Change
from tests.capture.models import Book, Loan, Reader, Slot

pytestmark = pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite and PostgreSQL log each row")


@pytest.fixture(autouse=True)
def orm_only(capture):
    if capture != "orm":
        pytest.skip("triggers see each row")


@pytest.fixture
def books(shelf, other, log):
    places = {"a": shelf, "b": shelf, "c": other}
    found = [Book.objects.create(title=title, shelf=place) for title, place in places.items()]
    log.clear()
    return found


@pytest.fixture
def logged(log):
    """`logged(Book)` returns operation, key and routing of each change, as stored in the log."""

    def read(model):
        changes = Change.objects.filter(pk__gt=log._last, model=model._meta.label_lower).order_by("pk")
        routings = (change.routing and json.loads(change.routing) for change in changes)
        return [(change.operation, change.key, routing) for change, routing in zip(changes, routings, strict=True)]

    return read


def test_rows_of_one_partition(logged, books, shelf):
    Book.objects.filter(shelf=shelf, title__startswith="a").update(pages=F("pages") + 1)
    assert logged(Book) == [("r", "", {"shelf": [str(shelf.pk)]})]


def test_rows_that_leave_a_partition(logged, books, shelf, other):
    Book.objects.filter(shelf=shelf, title="a").update(shelf=other)
    assert logged(Book) == [("r", "", {"shelf": [str(shelf.pk), str(other.pk)]})]


def test_rows_of_several_partitions(logged, books, shelf, other):
    Book.objects.filter(shelf__in=[shelf, other]).update(pages=1)
    assert logged(Book) == [("r", "", {"shelf": [str(shelf.pk), str(other.pk)]})]


@pytest.mark.parametrize(
    "condition",
    [Q(title="a"), ~Q(shelf=1), Q(shelf=1) | Q(title="a"), Q(shelf__gt=0), Q(shelf__name="first")],
    ids=["another column", "negated", "either", "compared", "of another table"],
)
def test_rows_of_an_unknown_partition(logged, books, shelf, condition):
    Book.objects.filter(condition).exclude(title="z").update(pages=1)
    found = logged(Book)
    assert found in ([("r", "", None)], [("u", str(book.pk), {"shelf": []}) for book in books[: len(found)]])


def test_rows_by_key_and_another_condition(logged, books):
    Book.objects.filter(pk__in=[book.pk for book in books], title="a").update(pages=1)
    assert logged(Book) == [("u", str(book.pk), {"shelf": []}) for book in books]


def test_moving_rows_by_key_have_their_old_partition(logged, books, shelf, other):
    Book.objects.filter(pk__in=[books[0].pk, books[2].pk]).update(shelf=shelf)
    assert logged(Book) == [
        ("u", str(books[0].pk), {"shelf": [str(shelf.pk)]}),
        ("u", str(books[2].pk), {"shelf": [str(shelf.pk), str(other.pk)]}),
    ]


def test_key_of_two_columns(logged, log):
    reader = Reader.objects.create()
    slot = Slot.objects.create(reader=reader, number=1)
    log.clear()
    slot.text = "x"
    slot.save()
    assert logged(Slot) == [("u", f'["{reader.pk}","1"]', {"reader": [str(reader.pk)]})]


def test_links_of_an_update_by_foreign_key(logged, log, shelf):
    book, reader = Book.objects.create(shelf=shelf), Reader.objects.create(shelf=shelf)
    Loan.objects.create(book=book, reader=reader)
    log.clear()
    Loan.objects.filter(book=book).update(days=3)
    assert logged(Book) == [("l", str(book.pk), {"shelf": []})]
    assert logged(Reader) == [("r", "", None)]


def test_deleted_rows_that_mariadb_returns(logged, books, shelf, other):
    if not connection.mysql_is_mariadb:
        pytest.skip("only MariaDB returns them")
    Book.objects.filter(title__in=["a", "c"])._raw_delete("default")
    assert logged(Book) == [
        ("d", str(books[0].pk), {"shelf": [str(shelf.pk)]}),
        ("d", str(books[2].pk), {"shelf": [str(other.pk)]}),
    ]


def test_deleted_rows_that_mysql_does_not_return(logged, books, shelf, monkeypatch):
    monkeypatch.setitem(vars(connections["default"]), "mysql_is_mariadb", False)
    Book.objects.filter(pk=books[0].pk)._raw_delete("default")
    Book.objects.filter(shelf=shelf)._raw_delete("default")
    assert logged(Book) == [("d", str(books[0].pk), None), ("r", "", {"shelf": [str(shelf.pk)]})]
