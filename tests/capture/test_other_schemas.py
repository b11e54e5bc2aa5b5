"""A writer's own `search_path`, or `USE` of another database, hides the log from no write: they may be of a tenant."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from django.db import connection, transaction

from realtime.changelog import get_changelog
from tests.capture.conftest import Log
from tests.capture.models import Book, Document


@pytest.fixture
def elsewhere(capture, vendor):
    """A schema with a table of documents of its own, in the `search_path` without the log's schema."""
    if vendor != "postgresql" or capture != "orm":
        pytest.skip("about statements on PostgreSQL; triggers have a search_path of their own")
    assert get_changelog("default").exists()  # as each new connection looks
    table = connection.ops.quote_name(Document._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA elsewhere")
        cursor.execute(f"CREATE TABLE elsewhere.{table} (LIKE public.{table} INCLUDING ALL)")
        cursor.execute("SET search_path = elsewhere")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = DEFAULT")
        cursor.execute("DROP SCHEMA elsewhere CASCADE")


def write() -> None:
    document = Document.objects.create(path="a")
    document.title = "b"
    document.save()
    Document.objects.filter(title="b").update(title="c")
    Document.objects.bulk_create([Document(path="c")], ignore_conflicts=True)
    document.delete()


@pytest.mark.parametrize("in_transaction", [False, True])
def test_writes_are_logged_where_the_log_is(log, elsewhere, in_transaction):
    if in_transaction:
        with transaction.atomic():
            write()
    else:
        write()
    assert Document.objects.get().path == "c"
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = DEFAULT")
    found = {(entry.operation, entry.key) for entry in log.of(Document)}
    assert found == {("i", "a"), ("u", "a"), ("i", "c"), ("d", "a")}


@pytest.fixture
def run(shelves):
    def execute(sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)

    return execute


@pytest.fixture
def use(vendor, run):
    """Call it with "elsewhere" or "here" to use another database, with books of its own, or the log's."""
    if vendor != "mysql":
        pytest.skip("USE is a statement of MySQL")
    assert get_changelog("default").exists()  # as each new connection looks
    here, elsewhere = (connection.ops.quote_name(connection.settings_dict["NAME"] + end) for end in ("", "_elsewhere"))
    run(f"CREATE DATABASE {elsewhere}")
    run(f"CREATE TABLE {elsewhere}.capture_book LIKE {here}.capture_book")
    yield lambda name: run(f"USE {here if name == 'here' else elsewhere}")
    run(f"USE {here}")
    run(f"DROP DATABASE {elsewhere}")


@pytest.mark.parametrize("in_transaction", [False, True])
def test_writes_to_a_used_database_are_logged_where_the_log_is(shelves, capture, use, in_transaction):
    if capture != "orm":
        pytest.skip("triggers belong to a table of one database")
    log = Log()
    use("elsewhere")
    with transaction.atomic() if in_transaction else nullcontext():
        book = Book.objects.create(shelf=shelves[0])
        book.save()
        Book.objects.filter(pk=book.pk).update(title="b")
        Book.objects.filter(title="b").update(title="c")
        assert Book.objects.filter(pk__in=[book.pk, 404]).update(shelf=shelves[1]) == 1
        Book.objects.bulk_create([Book(shelf=shelves[0]), Book(shelf=shelves[1])])
        assert Book.objects.all()._raw_delete("default") == 3
    use("here")
    found = {(entry.operation, entry.key) for entry in log.of(Book)}
    assert found >= {("i", str(book.pk)), ("u", str(book.pk)), ("d", str(book.pk + 1))}


def test_trigger_logs_where_its_table_is(shelves, capture, use, run):
    if capture != "triggers":
        pytest.skip("about triggers")
    book = Book.objects.create(shelf=shelves[0])
    log = Log()
    use("elsewhere")
    run(f"UPDATE {connection.ops.quote_name(connection.settings_dict['NAME'])}.capture_book SET title = 'b'")
    use("here")
    assert log.keys(Book) == {str(book.pk)}


def test_log_of_a_database_named_anew_is_looked_for(shelves, use, vendor, monkeypatch):
    """As for tests that run in parallel, in copies of the database."""
    log = get_changelog("default")
    assert log.exists()
    here = log.qualified_table
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "NAME", connection.settings_dict["NAME"] + "_elsewhere")
        connection.close()
        connection.ensure_connection()
        assert not log.exists()
        connection.close()
    connection.ensure_connection()
    assert log.exists()
    assert log.qualified_table == here
