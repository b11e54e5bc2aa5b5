"""Writes outside the ORM: raw SQL, and actions of the database itself. Only triggers see them.

DDL and TRUNCATE end the transaction on MySQL. Their tests commit, and delete their rows.
"""

from __future__ import annotations

import pytest
from django.db import connection

from tests.capture import models
from tests.capture.conftest import REREAD, Log, deleted, keys, linked, made, updated
from tests.capture.models import Book, Reader, Shelf, Slot, Tag


def execute(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


@pytest.fixture
def book(shelf, log):
    book = Book.objects.create(title="a", shelf=shelf)
    log.clear()
    return book


@pytest.fixture
def seen(capture):
    """`seen(entry)` returns the expected entries: this one with triggers, none with the ORM."""
    return lambda *entry: set(entry) if capture == "triggers" else set()


def test_insert(log, shelf, seen):
    execute("INSERT INTO capture_book (title, pages, shelf_id) VALUES ('x', 1, %s)", shelf.pk)
    assert log.of(Book) == seen(made(Book.objects.get()))


def test_insert_of_several(log, shelf, seen):
    execute(
        "INSERT INTO capture_book (title, pages, shelf_id) SELECT title, pages, shelf_id FROM"
        " (SELECT 'x' AS title, 1 AS pages, %s AS shelf_id UNION ALL SELECT 'y', 2, %s) rows_to_copy",
        shelf.pk,
        shelf.pk,
    )
    assert log.of(Book) == seen(*(made(book) for book in Book.objects.all()))


def test_update(log, book, seen):
    execute("UPDATE capture_book SET title = 'x'")
    assert log.of(Book) == seen(updated(book))


def test_update_to_another_partition(log, book, shelf, other, seen):
    execute("UPDATE capture_book SET shelf_id = %s", other.pk)
    assert log.of(Book) == seen(updated(Book.objects.get(), moved_from=shelf))


def test_update_of_nothing(log, book):
    execute("UPDATE capture_book SET title = 'x' WHERE title = 'nothing'")
    assert log.of(Book) == set()


def test_delete(log, book, seen):
    execute("DELETE FROM capture_book")
    assert log.of(Book) == seen(deleted(book))


def test_link(log, book, seen):
    tag = book.tags.create(name="red")
    log.clear()
    execute("DELETE FROM capture_book_tags")
    assert log.of(Book) == seen(linked(book))
    assert log.keys(type(tag)) == (keys(tag) if seen(1) else set())


def test_upsert(log, shelf, vendor, seen):
    Book.objects.create(isbn="1", title="a", shelf=shelf)
    log.clear()
    conflict = "DUPLICATE KEY UPDATE" if vendor == "mysql" else "CONFLICT (isbn) DO UPDATE SET"
    execute(
        f"INSERT INTO capture_book (isbn, title, pages, shelf_id) VALUES ('1', 'x', 1, %s) ON {conflict} title = 'y'",
        shelf.pk,
    )
    assert log.of(Book) == seen(updated(Book.objects.get()))


def test_replace(log, shelf, vendor, capture):
    """REPLACE deletes a conflicting row; SQLite fires no trigger for it."""
    if vendor == "postgresql":
        pytest.skip("PostgreSQL has no REPLACE")
    book = Book.objects.create(isbn="1", title="a", shelf=shelf)
    before = deleted(book)
    log.clear()
    execute("REPLACE INTO capture_book (isbn, title, pages, shelf_id) VALUES ('1', 'x', 1, %s)", shelf.pk)
    now = made(Book.objects.get())
    assert (
        log.of(Book)
        == {
            ("orm", "sqlite"): set(),
            ("orm", "mysql"): set(),
            ("triggers", "sqlite"): {now},
            ("triggers", "mysql"): {before, now},
        }[capture, vendor]
    )


def test_key_that_is_a_uuid(log, shelf, seen):
    reader = Reader.objects.create(shelf=shelf)
    log.clear()
    execute("UPDATE capture_reader SET name = 'x'")
    assert log.of(Reader) == seen(updated(reader))


def test_key_of_two_columns(log):
    reader = Reader.objects.create()
    Slot.objects.create(reader=reader, number=3)
    orm_alone = log.keys(Slot)
    log.clear()
    execute("UPDATE capture_slot SET text = 'x'")
    assert log.keys(Slot) <= orm_alone


def test_query_with_raw_reads_only(log, book):
    assert len(Book.objects.raw("SELECT * FROM capture_book")) == 1
    assert log.of(Book) == set()


def test_copy(log, shelf, vendor, seen):
    if vendor != "postgresql":
        pytest.skip("only PostgreSQL has COPY")
    with connection.cursor() as cursor, cursor.copy("COPY capture_book (title, pages, shelf_id) FROM STDIN") as copy:
        copy.write_row(("x", 1, shelf.pk))
    assert log.of(Book) == seen(made(Book.objects.get()))


def test_writer_without_rights_to_the_log(log, shelf, vendor, seen):
    if vendor != "postgresql":
        pytest.skip("only PostgreSQL runs triggers with the rights of their creator")
    execute("CREATE ROLE realtime_capture_test")
    execute("GRANT USAGE ON SCHEMA public TO realtime_capture_test")
    execute("GRANT INSERT ON capture_book TO realtime_capture_test")
    execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO realtime_capture_test")
    execute("SET LOCAL ROLE realtime_capture_test")
    execute("INSERT INTO capture_book (title, pages, shelf_id) VALUES ('x', 1, %s)", shelf.pk)
    execute("RESET ROLE")
    assert log.of(Book) == seen(made(Book.objects.get()))


def test_cascade_of_the_database_that_django_declares(log, vendor, capture):
    """With DB_CASCADE (Django 6.1), the ORM capture reloads the model, and MySQL fires no triggers."""
    if not hasattr(models, "Shadow"):
        pytest.skip("from Django 6.1")
    tag = Tag.objects.create()
    shadow = models.Shadow.objects.create(tag=tag)
    gone = deleted(shadow)
    log.clear()
    tag.delete()
    assert not models.Shadow.objects.exists()
    by_triggers = set() if vendor == "mysql" else {gone}
    assert log.of(models.Shadow) == (REREAD if capture == "orm" else by_triggers)


class TestCommitted:
    """Statements that end a transaction on MySQL."""

    @pytest.fixture
    def log(self, committed):
        log = Log()
        yield log
        for model in (Slot, Book, Reader, Shelf):
            model.objects.all().delete()

    @pytest.fixture
    def shelf(self, log):
        shelf = Shelf.objects.create()
        Book.objects.create(title="a", shelf=shelf)
        log.clear()
        return shelf

    @pytest.mark.usefixtures("shelf")
    def test_truncate(self, log, vendor, capture):
        """TRUNCATE fires triggers, except on MySQL."""
        if vendor == "sqlite":
            pytest.skip("SQLite has no TRUNCATE")
        if vendor == "mysql":
            execute("SET FOREIGN_KEY_CHECKS = 0")
            execute("TRUNCATE capture_book")
            execute("SET FOREIGN_KEY_CHECKS = 1")
        else:
            execute("TRUNCATE capture_book CASCADE")
        assert Book.objects.count() == 0
        assert log.of(Book) == (REREAD if (capture, vendor) == ("triggers", "postgresql") else set())

    def test_cascade_of_the_database(self, log, vendor, capture):
        """MySQL fires no triggers for cascades of foreign keys."""
        parent = Shelf._meta.db_table
        if vendor == "sqlite":
            pytest.skip("SQLite cannot add a constraint to an existing table")
        drop_constraint(Reader._meta.db_table, "place")
        execute(
            f"ALTER TABLE capture_reader ADD CONSTRAINT realtime_cascade FOREIGN KEY (place)"
            f" REFERENCES {parent} (id) ON DELETE SET NULL"
        )
        try:
            shelf = Shelf.objects.create()
            reader = Reader.objects.create(shelf=shelf)
            log.clear()
            execute(f"DELETE FROM {parent} WHERE id = %s", shelf.pk)
            reader.refresh_from_db()
            assert reader.shelf is None
            entry = {updated(reader, moved_from=shelf)} if (capture, vendor) == ("triggers", "postgresql") else set()
            assert log.of(Reader) == entry
        finally:
            kind = "FOREIGN KEY" if vendor == "mysql" else "CONSTRAINT"
            execute(f"ALTER TABLE capture_reader DROP {kind} realtime_cascade")


def drop_constraint(table, column):
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table)
    with connection.schema_editor() as editor:
        for name, constraint in constraints.items():
            if constraint["foreign_key"] and constraint["columns"] == [column]:
                editor.execute(editor.sql_delete_fk % {"table": table, "name": name})
