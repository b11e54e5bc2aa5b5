"""Writes through relations: reverse foreign keys and many-to-many, from both sides."""

from __future__ import annotations

import pytest

from realtime.testing import Viewer
from tests.capture.conftest import keys, linked, made, updated
from tests.capture.models import Atlas, Book, Loan, Mark, Reader, Shelf, Slot, Tag

Tagging = Book.tags.through


@pytest.fixture
def books(shelf, log):
    found = [Book.objects.create(title=title, shelf=shelf) for title in "ab"]
    log.clear()
    return found


@pytest.fixture
def tags(db, log):
    found = [Tag.objects.create(name=name) for name in ("red", "blue")]
    log.clear()
    return found


@pytest.fixture
def readers(db, log):
    found = [Reader.objects.create(name=name) for name in ("ada", "ben")]
    log.clear()
    return found


class TestReverseForeignKey:
    @pytest.mark.parametrize("bulk", [True, False])
    def test_add(self, log, books, shelf, other, bulk):
        other.books.add(*books, bulk=bulk)
        assert log.of(Book) == {updated(book, moved_from=shelf) for book in books}

    @pytest.mark.parametrize("bulk", [True, False])
    def test_remove(self, log, shelf, readers, bulk):
        shelf.readers.add(*readers)
        log.clear()
        shelf.readers.remove(readers[0], bulk=bulk)
        assert log.of(Reader) == {updated(Reader.objects.get(name="ada"), moved_from=shelf)}

    @pytest.mark.parametrize("bulk", [True, False])
    def test_clear(self, log, shelf, readers, bulk):
        shelf.readers.add(*readers)
        log.clear()
        shelf.readers.clear(bulk=bulk)
        assert log.of(Reader) == {updated(reader, moved_from=shelf) for reader in Reader.objects.all()}

    @pytest.mark.parametrize("bulk", [True, False])
    def test_set(self, log, shelf, readers, bulk):
        shelf.readers.add(readers[0])
        log.clear()
        shelf.readers.set([readers[1]], bulk=bulk)
        ada, ben = Reader.objects.order_by("name")
        assert log.of(Reader) == {updated(ada, moved_from=shelf), updated(ben, moved_from=None)}

    def test_create(self, log, shelf):
        assert log.of(Book) == set()
        book = shelf.books.create(title="x")
        assert log.of(Book) == {made(book)}


class TestManyToMany:
    def test_add(self, log, books, tags):
        books[0].tags.add(*tags)
        assert (log.of(Book), log.keys(Tag)) == ({linked(books[0])}, keys(*tags))

    def test_add_of_an_existing_link(self, log, books, tags):
        books[0].tags.add(tags[0])
        log.clear()
        books[0].tags.add(*tags)
        assert keys(books[0]) == log.keys(Book)
        assert keys(tags[1]) <= log.keys(Tag)

    def test_add_from_the_other_side(self, log, books, tags):
        tags[0].books.add(*books)
        assert (log.of(Book), log.keys(Tag)) == ({linked(book) for book in books}, keys(tags[0]))

    def test_remove(self, log, books, tags):
        books[0].tags.add(*tags)
        log.clear()
        books[0].tags.remove(tags[0])
        assert (log.of(Book), log.keys(Tag)) == ({linked(books[0])}, keys(tags[0]))

    def test_remove_from_the_other_side(self, log, books, tags):
        books[0].tags.add(*tags)
        log.clear()
        tags[0].books.remove(books[0])
        assert (log.of(Book), log.keys(Tag)) == ({linked(books[0])}, keys(tags[0]))

    def test_clear(self, log, books, tags):
        books[0].tags.add(*tags)
        log.clear()
        books[0].tags.clear()
        assert (log.of(Book), log.keys(Tag)) == ({linked(books[0])}, keys(*tags))

    def test_clear_from_the_other_side(self, log, books, tags):
        tags[0].books.add(*books)
        log.clear()
        tags[0].books.clear()
        assert (log.of(Book), log.keys(Tag)) == ({linked(book) for book in books}, keys(tags[0]))

    def test_set(self, log, books, tags):
        books[0].tags.add(tags[0])
        log.clear()
        books[0].tags.set([tags[1]])
        assert (log.of(Book), log.keys(Tag)) == ({linked(books[0])}, keys(*tags))

    def test_set_from_the_other_side(self, log, books, tags):
        tags[0].books.add(books[0])
        log.clear()
        tags[0].books.set([books[1]])
        assert (log.of(Book), log.keys(Tag)) == ({linked(book) for book in books}, keys(tags[0]))

    def test_create(self, log, books):
        tag = books[0].tags.create(name="green")
        assert (log.of(Book), log.keys(Tag)) == ({linked(books[0])}, keys(tag))

    def test_deletion_of_one_end(self, log, books, tags):
        books[0].tags.add(*tags)
        log.clear()
        Tag.objects.filter(pk=tags[0].pk).delete()
        assert (log.of(Book), log.keys(Tag)) == ({linked(books[0])}, keys(tags[0]))

    def test_link_to_its_own_model(self, log, books):
        books[0].similar.add(books[1])
        assert log.of(Book) == {linked(book) for book in books}

        log.clear()
        books[1].similar.clear()
        assert log.of(Book) == {linked(book) for book in books}


class TestThroughModel:
    def test_create(self, log, books, tags):
        Tagging.objects.create(book=books[0], tag=tags[0])
        assert (log.of(Book), log.keys(Tag)) == ({linked(books[0])}, keys(tags[0]))

    def test_bulk_create(self, log, books, tags):
        Tagging.objects.bulk_create([Tagging(book=book, tag=tags[0]) for book in books])
        assert (log.of(Book), log.keys(Tag)) == ({linked(book) for book in books}, keys(tags[0]))

    def test_delete(self, log, books, tags):
        books[0].tags.add(*tags)
        log.clear()
        Tagging.objects.filter(tag=tags[0]).delete()
        assert (log.of(Book), log.keys(Tag)) == ({linked(books[0])}, keys(tags[0]))

    def test_delete_of_a_link(self, log, books, tags):
        books[0].tags.add(*tags)
        log.clear()
        Tagging.objects.get(tag=tags[0]).delete()
        assert (log.of(Book), log.keys(Tag)) == ({linked(books[0])}, keys(tags[0]))

    def test_update(self, log, books, tags):
        books[0].tags.add(tags[0])
        log.clear()
        Tagging.objects.update(book=books[1])
        assert (log.of(Book), log.keys(Tag)) == ({linked(book) for book in books}, keys(tags[0]))


class TestCustomThroughModel:
    def test_create(self, log, books, readers):
        Loan.objects.create(book=books[0], reader=readers[0])
        assert (log.of(Book), log.of(Reader)) == ({linked(books[0])}, {linked(readers[0])})

    def test_bulk_create(self, log, books, readers):
        Loan.objects.bulk_create([Loan(book=book, reader=readers[0]) for book in books])
        assert (log.of(Book), log.of(Reader)) == ({linked(book) for book in books}, {linked(readers[0])})

    def test_add(self, log, books, readers):
        books[0].readers.add(readers[0], through_defaults={"days": 3})
        assert (log.of(Book), log.of(Reader)) == ({linked(books[0])}, {linked(readers[0])})

    def test_add_from_the_other_side(self, log, books, readers):
        readers[0].books.add(*books)
        assert (log.of(Book), log.of(Reader)) == ({linked(book) for book in books}, {linked(readers[0])})

    def test_remove(self, log, books, readers):
        books[0].readers.add(*readers)
        log.clear()
        books[0].readers.remove(readers[0])
        assert (log.of(Book), log.of(Reader)) == ({linked(books[0])}, {linked(readers[0])})

    def test_clear_from_the_other_side(self, log, books, readers):
        readers[0].books.add(*books)
        log.clear()
        readers[0].books.clear()
        assert (log.of(Book), log.of(Reader)) == ({linked(book) for book in books}, {linked(readers[0])})

    def test_save_of_a_link(self, log, books, readers):
        loan = Loan.objects.create(book=books[0], reader=readers[0])
        log.clear()
        loan.reader = readers[1]
        loan.save()
        assert (log.of(Book), log.of(Reader)) == ({linked(books[0])}, {linked(reader) for reader in readers})

    def test_update(self, log, books, readers):
        Loan.objects.create(book=books[0], reader=readers[0])
        log.clear()
        Loan.objects.update(days=9)
        assert (log.of(Book), log.of(Reader)) == ({linked(books[0])}, {linked(readers[0])})

    def test_delete(self, log, books, readers):
        books[0].readers.add(*readers)
        log.clear()
        Loan.objects.filter(reader__name="ada").delete()
        assert (log.of(Book), log.of(Reader)) == ({linked(books[0])}, {linked(readers[0])})


def test_related_rows_that_no_stream_needs_are_not_logged(log, shelf):
    Shelf.objects.update(name="x")
    assert log.of(Shelf) == set()


class TestForeignObject:
    """A reference to a key of several columns."""

    @pytest.fixture
    def slot(self, shelf):
        reader = Reader.objects.create()
        return Slot.objects.create(reader=reader, number=1, text="a")

    def test_change_of_the_target_row(self, slot):
        mark = Mark.objects.create(slot=slot)
        marks = Viewer("capture.marks")
        assert marks.rows == [{"id": mark.pk, "slot_text": "a"}]
        Slot.objects.update(text="b")
        assert marks.refresh().puts == {str(mark.pk): {"id": mark.pk, "slot_text": "b"}}

    def test_change_of_the_referring_rows(self, slot):
        slots = Viewer("capture.marked")
        assert slots.rows == [{"number": 1, "mark_count": 0}]
        mark = Mark.objects.create(slot=slot)
        slots.refresh()
        assert slots.rows == [{"number": 1, "mark_count": 1}]
        mark.delete()
        slots.refresh()
        assert slots.rows == [{"number": 1, "mark_count": 0}]


def test_link_to_a_parent_can_be_named(shelf):
    atlases = Viewer("capture.places")
    assert atlases.rows == []
    atlas = Atlas.objects.create(shelf=shelf)
    assert list(atlases.refresh().puts) == [str(atlas.pk)]


def test_each_linked_object_is_logged_if_links_exceed_the_limit(log, shelf, monkeypatch):
    """There are nine links of three books, and the first four do not contain the third book."""
    monkeypatch.setattr("realtime.capture.insert_select.MAX_ROWS", 3)
    books = [Book.objects.create(shelf=shelf) for _ in range(3)]
    similar = Book.similar.through
    places = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (1, 2), (2, 0), (2, 1), (2, 2)]
    similar.objects.bulk_create([similar(from_book=books[one], to_book=books[other]) for one, other in places])
    log.clear()
    assert similar.objects.all()._raw_delete("default") == len(places)
    assert log.of(Book) == {linked(book) for book in books}
