"""Writes to one object."""

from __future__ import annotations

import pytest
from django.core import serializers
from django.db.models import F, Value
from django.db.models.functions import Concat

from realtime.testing import Viewer
from tests.capture.conftest import deleted, linked, made, updated
from tests.capture.models import Book, BookProxy, Card, Loan, Reader, Shelf, Slot


@pytest.fixture
def book(shelf, log):
    book = Book.objects.create(title="a", shelf=shelf)
    log.clear()
    return book


def test_save_of_a_new_object(log, shelf):
    book = Book(title="a", shelf=shelf)
    book.save()
    assert log.of(Book) == {made(book)}


def test_create(log, shelf):
    book = Book.objects.create(title="a", shelf=shelf)
    assert log.of(Book) == {made(book)}


def test_save_of_a_new_object_with_a_key(log, shelf):
    book = Book(pk=77, title="a", shelf=shelf)
    book.save()
    assert log.of(Book) == {made(book)}


def test_save_of_a_new_object_with_a_key_as_text(log, shelf):
    Book(pk="78", title="a", shelf_id=str(shelf.pk)).save(force_insert=True)
    assert log.of(Book) == {made(Book.objects.get(pk=78))}


def test_save(log, book):
    book.title = "b"
    book.save()
    assert log.of(Book) == {updated(book)}


def test_save_to_another_partition(log, book, shelf, other):
    book.shelf = other
    book.save()
    assert log.of(Book) == {updated(book, moved_from=shelf)}


def test_save_with_update_fields(log, book):
    book.title = "new"
    book.save(update_fields=["title"])
    assert log.of(Book) == {updated(book)}


def test_save_of_a_stale_object(log, book, shelf, other):
    """The routing values are those of the row, not those of the object."""
    stale = Book.objects.get(pk=book.pk)
    Book.objects.filter(pk=book.pk).update(shelf=other)
    log.clear()
    stale.title = "stale"
    stale.save(update_fields=["title"])
    assert log.of(Book) == {updated(Book.objects.get())}

    log.clear()
    stale.save()
    assert log.of(Book) == {updated(stale, moved_from=other)}


def test_save_of_an_object_with_deferred_fields(log, book):
    deferred = Book.objects.only("title").get()
    deferred.title = "new"
    deferred.save()
    assert log.of(Book) == {updated(book)}


def test_save_with_an_expression(log, book):
    book.pages = F("pages") + 1
    book.save()
    assert log.of(Book) == {updated(book)}


def test_save_with_an_expression_for_the_partition(log, shelf, other, book):
    book.shelf_id = F("shelf_id") + (other.pk - shelf.pk)
    book.save()
    assert log.of(Book) == {updated(Book.objects.get(), moved_from=shelf)}


def test_create_with_an_expression_for_the_partition(log, shelf):
    Book.objects.create(shelf_id=Value(shelf.pk) + 0)
    assert log.of(Book) == {made(Book.objects.get())}


def test_save_by_a_deserializer(log, shelf):
    plain = {"model": "capture.book", "pk": 5, "fields": {"shelf": shelf.pk}}
    [deserialized] = serializers.deserialize("python", [plain])
    deserialized.save()
    assert log.of(Book) == {made(Book.objects.get())}


def test_delete(log, book):
    before = deleted(book)
    book.delete()
    assert log.of(Book) == {before}


def test_get_or_create(log, shelf):
    book, _ = Book.objects.get_or_create(isbn="1", defaults={"shelf": shelf})
    assert log.of(Book) == {made(book)}

    log.clear()
    Book.objects.get_or_create(isbn="1", defaults={"shelf": shelf})
    assert log.of(Book) == set()


def test_update_or_create(log, shelf, other):
    book, _ = Book.objects.update_or_create(isbn="1", defaults={"shelf": shelf})
    assert log.of(Book) == {made(book)}

    log.clear()
    book, _ = Book.objects.update_or_create(isbn="1", defaults={"shelf": other})
    assert log.of(Book) == {updated(book, moved_from=shelf)}


def test_proxy_is_logged_as_its_concrete_model(log, shelf):
    book = BookProxy.objects.create(shelf=shelf)
    assert log.of(Book) == {made(book)}

    log.clear()
    BookProxy.objects.update(title="b")
    assert log.of(Book) == {updated(book)}

    log.clear()
    before = deleted(book)
    BookProxy.objects.all().delete()
    assert log.of(Book) == {before}


def test_key_that_is_a_uuid(log, shelf):
    reader = Reader.objects.create(shelf=shelf)
    assert log.of(Reader) == {made(reader)}

    log.clear()
    reader.shelf = None
    reader.save()
    assert log.of(Reader) == {updated(reader, moved_from=shelf)}

    log.clear()
    before = deleted(reader)
    reader.delete()
    assert log.of(Reader) == {before}


def test_key_of_two_columns(log):
    reader = Reader.objects.create()
    Slot.objects.create(reader=reader, number=3)
    [entry] = log.of(Slot)
    assert entry == ("i", f'["{reader.pk}","3"]', (str(reader.pk),))

    log.clear()
    slot = Slot.objects.get()
    slot.text = "b"
    slot.save()
    assert log.of(Slot) == {entry._replace(operation="u")}

    log.clear()
    slot.delete()
    assert log.of(Slot) == {entry._replace(operation="d")}


def test_cascade(log, book, shelf):
    before = deleted(book)
    shelf.delete()
    assert log.of(Book) == {before}


def test_cascade_over_two_steps(log, book, shelf):
    reader = Reader.objects.create()
    loan = Loan.objects.create(book=book, reader=reader)
    log.clear()
    before = deleted(loan)
    shelf.delete()
    assert before in log.of(Loan)
    assert linked(reader) in log.of(Reader)


def test_cascade_that_sets_null(log, book, shelf):
    prequel = Book.objects.create(shelf=shelf, sequel=book)
    log.clear()
    before = deleted(book)
    book.delete()
    assert log.of(Book) == {before, updated(prequel)}


def test_cascade_that_sets_the_default(log, other):
    reader = Reader.objects.create(shelf=other)
    log.clear()
    Shelf.objects.get(pk=other.pk).delete()
    reader.refresh_from_db()
    assert log.of(Reader) == {updated(reader, moved_from=other)}


def test_save_of_text_with_percent_signs(log, book):
    book.title = Concat(F("title"), Value("100 %s"))
    book.save()
    assert log.of(Book) == {updated(book)}


class TestValueOfTheField:
    """`pre_save` returns another value than the object has, so the object does not tell where its row is."""

    @pytest.fixture
    def drawers(self, db):
        drawers = {letter: Viewer("capture.cards", {"drawer": letter}) for letter in "ab"}
        assert self.names(drawers) == {"a": [], "b": []}
        return drawers

    @staticmethod
    def names(drawers):
        for viewer in drawers.values():
            viewer.refresh()
        return {letter: sorted(row["name"] for row in viewer.rows) for letter, viewer in drawers.items()}

    def test_create_and_delete(self, drawers):
        card = Card.objects.create(name="Ada")
        assert card.drawer == "?"
        assert self.names(drawers) == {"a": ["Ada"], "b": []}
        card.delete()
        assert self.names(drawers) == {"a": [], "b": []}

    def test_bulk_create(self, drawers):
        Card.objects.bulk_create([Card(name="Ada"), Card(name="Ben")])
        assert self.names(drawers) == {"a": ["Ada"], "b": ["Ben"]}

    def test_save_to_another_partition(self, drawers):
        card = Card.objects.create(name="Ada")
        assert self.names(drawers) == {"a": ["Ada"], "b": []}
        card.name = "Ben"
        card.save()
        assert self.names(drawers) == {"a": [], "b": ["Ben"]}
