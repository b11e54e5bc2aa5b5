"""A write that changes nothing is no change, where capture knows the values before and after."""

from __future__ import annotations

import itertools

import pytest
from django.db import connection
from django.db.models import F

from realtime.capture import orm
from tests.capture.conftest import keys, updated
from tests.capture.models import Atlas, Book, Shelf, Tag

pytestmark = pytest.mark.databases


@pytest.fixture
def book(db: None) -> Book:
    return Book.objects.create(title="one", shelf=Shelf.objects.create(name="first"))


@pytest.fixture(autouse=True)
def only_if_known(capture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if (connection.vendor, capture) not in {("sqlite", "orm"), ("postgresql", "triggers")}:
        pytest.skip("this capture does not know all values before and after")
    for table in orm._tables.values():
        monkeypatch.setattr(table, "is_followed", True)


def test_save_that_changes_nothing(log, book):
    log.clear()
    Book.objects.get().save()
    Book.objects.get().save(update_fields=["title", "shelf"])
    Book.objects.only("title").get().save()
    Shelf.objects.get().save()
    assert Book.objects.filter(title="one").update(title="one", pages=0, shelf=book.shelf) == 1
    assert log.of(Book) == log.of(Shelf) == set()
    Book.objects.filter(title="one").update(title="one", pages=1)
    assert log.of(Book) == {updated(book)}


def test_rows_of_one_statement_are_told_apart(log, book):
    other = Book.objects.create(title="other", shelf=book.shelf, isbn="0")
    log.clear()
    assert Book.objects.update(title="one") == 2
    assert log.of(Book) == {updated(other)}
    log.clear()
    assert Book.objects.update(isbn=None) == 2
    assert log.of(Book) == {updated(other)}


def test_move_is_a_change(log, book):
    new = Shelf.objects.create(name="second")
    log.clear()
    old, book.shelf = book.shelf, new
    book.save()
    assert log.of(Book) == {updated(book, moved_from=old)}


def test_value_that_the_database_computes_is_a_change(log, book):
    log.clear()
    Book.objects.update(pages=F("pages") + 1)
    assert log.keys(Book) == keys(book)


def test_parent_alone_is_changed(log, book):
    atlas = Atlas.objects.create(title="atlas", shelf=book.shelf)
    log.clear()
    atlas.save()
    assert log.of(Atlas) == set()
    atlas.title = "new"
    atlas.save()
    assert log.keys(Atlas) == log.keys(Book) == keys(atlas)


def test_text_that_differs_in_case_alone_is_a_change(log, book, vendor):
    """Also in a column whose collation finds both equal."""
    if vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE capture_tag RENAME TO before")
            cursor.execute("CREATE TABLE capture_tag (id integer PRIMARY KEY AUTOINCREMENT, name text COLLATE NOCASE)")
    tag = Tag.objects.create(name="news")
    log.clear()
    tag.name = "News"
    tag.save()
    assert log.keys(Tag) == keys(tag)


def test_row_that_a_trigger_of_the_project_changes_is_logged(log, book, vendor):
    if vendor == "sqlite":
        sql = ["CREATE TRIGGER own AFTER UPDATE ON CAPTURE_BOOK BEGIN UPDATE capture_book SET pages = pages + 1; END"]
    else:
        body = "BEGIN NEW.pages := OLD.pages + 1; RETURN NEW; END"
        sql = [
            f"CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS '{body}'",
            "CREATE TRIGGER own BEFORE UPDATE ON capture_book FOR EACH ROW EXECUTE FUNCTION own()",
        ]
    with connection.cursor() as cursor:
        for each in sql:
            cursor.execute(each)
    log.clear()
    Book.objects.filter(title="one").update(title="one")
    assert Book.objects.get().pages == 1
    assert log.keys(Book) == keys(book)


def test_schema_is_read_for_triggers_only_if_a_row_stays_the_same(book, vendor):
    if vendor != "sqlite":
        pytest.skip("about SQLite's own tables")

    def steps(title: str) -> int:
        count = itertools.count()
        connection.connection.set_progress_handler(lambda: next(count) and None, 1)
        Book.objects.filter(pk=book.pk).update(title=title)
        connection.connection.set_progress_handler(None, 1)
        return next(count)

    def measure() -> tuple[int, int]:
        steps("prepared after the schema has changed")
        return steps("another"), steps("another")

    few = measure()
    with connection.cursor() as cursor:
        for number in range(50):
            cursor.execute(f"CREATE TABLE further_{number} (id integer PRIMARY KEY)")
    many = measure()
    assert many[0] == few[0]
    assert many[1] > few[1]
