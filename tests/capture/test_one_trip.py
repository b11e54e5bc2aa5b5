"""PostgreSQL: a statement that is a transaction of its own goes out with its COMMIT and the NOTIFY, in one query."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from tests.capture.conftest import Log, made, updated
from tests.capture.models import Book, Shelf
from tests.support.waiting import seconds

pytestmark = pytest.mark.skipif("postgresql" not in connection.settings_dict["ENGINE"], reason="about PostgreSQL")


@pytest.fixture(autouse=True)
def by_orm(capture):
    if capture == "triggers":
        pytest.skip("the trigger sends NOTIFY")


@pytest.fixture
def book(committed):
    book = Book.objects.create(isbn="1", shelf=Shelf.objects.create(name="first"))
    yield book
    connection.rollback()
    Book.objects.all().delete()
    Shelf.objects.all().delete()


@pytest.fixture
def heard():
    """The number of NOTIFYs since the last call."""
    listener = connection.copy()
    with listener.cursor() as cursor:
        cursor.execute("LISTEN realtime")

    def count():
        with connection.cursor() as cursor:
            cursor.execute("NOTIFY realtime, 'end'")
        for number, notified in enumerate(listener.connection.notifies(timeout=seconds(5))):
            if notified.payload == "end":
                return number
        raise AssertionError("The end was not told.")

    yield count
    listener.close()


def queries_of(way):
    with CaptureQueriesContext(connection) as captured:
        way()
    return [query["sql"] for query in captured]


def test_each_way_is_one_query_and_heard_once(book, heard):
    ways = {
        "save": book.save,
        "create": lambda: Book.objects.create(shelf=book.shelf),
        "update": lambda: Book.objects.filter(pages=0).update(title="x"),
        "move": lambda: Book.objects.filter(pages=0).update(shelf=book.shelf),
        "delete": lambda: Book.objects.filter(isbn=None)._raw_delete("default"),
    }
    found = {}
    for name, way in ways.items():
        [sql] = queries_of(way)
        found[name] = (sql[:7], sql[-25:], heard())
    assert found == dict.fromkeys(ways, ("BEGIN; ", "; COMMIT; NOTIFY realtime", 1))


def test_answers_are_those_of_the_statement(book):
    log = Log()
    second = Book.objects.create(shelf=book.shelf, pages=3)
    assert Book.objects.get(pk=second.pk).pages == 3
    assert Book.objects.filter(pages=3).update(pages=F("pages") + 1) == 1
    assert Book.objects.filter(pages=3).update(pages=5) == 0
    assert Book.objects.filter(pk=second.pk)._raw_delete("default") == 1
    assert {made(second), updated(second)} < log.of(Book)


def test_statement_that_fails_leaves_a_connection_to_go_on_with(book, heard):
    log = Log()
    with pytest.raises(IntegrityError):
        Book.objects.create(isbn="1", shelf=book.shelf)
    assert not connection.in_atomic_block
    assert heard() == 0
    Book.objects.filter(pk=book.pk).update(title="x")
    with transaction.atomic():
        assert Book.objects.get().title == "x"
    assert log.of(Book) == {updated(book)}
    assert heard() == 1


def test_commit_that_fails_leaves_nothing(book, heard):
    """A foreign key is looked at by COMMIT."""
    log = Log()
    with pytest.raises(IntegrityError):
        Book.objects.filter(pk=book.pk).update(shelf_id=0)
    with pytest.raises(IntegrityError):
        Book.objects.create(shelf_id=0)
    assert Book.objects.get().shelf == book.shelf
    assert log.of(Book) == set()
    assert heard() == 0


def test_connection_that_is_lost_raises_what_django_raises(book):
    with connection.copy().cursor() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
        other.db.close()
    with pytest.raises(OperationalError):
        book.save()
    connection.close()
    book.save()


def test_within_a_transaction_nothing_is_put_round_a_statement(book, heard):
    with transaction.atomic():
        [sql] = queries_of(book.save)
        assert "COMMIT" not in sql
        transaction.set_rollback(True)
    assert heard() == 0


def test_parameters_that_the_server_binds_take_two_queries(book, heard, monkeypatch):
    ServerBindingCursor = pytest.importorskip("django.db.backends.postgresql.base").ServerBindingCursor
    monkeypatch.setattr(connection.connection, "cursor_factory", ServerBindingCursor)
    log = Log()
    assert queries_of(book.save)[1:] == ["NOTIFY realtime"]
    assert log.of(Book) == {updated(book)}
    assert heard() == 1
