"""Ways to write many objects at once."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.db.models import Count, F, OuterRef, Subquery

from realtime.capture import rows
from tests.capture.conftest import REREAD, Entry, deleted, keys, made, updated
from tests.capture.models import Book, Reader, Shelf, Slot
from tests.support.upserts import upsert


def awaited(method, *args, **kwargs):
    """Call an async method of Django, which `iscoroutinefunction` does not recognize."""

    async def call():
        return await method(*args, **kwargs)

    return async_to_sync(call)()


@pytest.fixture
def without_returning(vendor, monkeypatch):
    """Make MySQL return only the first key of an INSERT."""
    if vendor != "mysql":
        pytest.skip("returns keys")
    for feature in ("can_return_rows_from_bulk_insert", "can_return_columns_from_insert"):
        monkeypatch.setattr(type(connection.features), feature, False)


@pytest.fixture
def books(shelf, other, log):
    """Create three books: two on the first shelf, one on the second."""
    found = [
        Book.objects.create(title=title, shelf=place, pages=pages, isbn=title)
        for title, place, pages in [("a", shelf, 1), ("b", shelf, 2), ("c", other, 200)]
    ]
    log.clear()
    return found


class TestUpdate:
    def test_update(self, log, books):
        assert Book.objects.update(title="x") == 3
        assert log.of(Book) == {updated(book) for book in books}

    def test_update_of_some_rows(self, log, books, shelf):
        assert Book.objects.filter(shelf=shelf).update(title="x") == 2
        assert log.of(Book) == {updated(book) for book in books[:2]}

    def test_update_of_no_rows(self, log, books):
        assert Book.objects.filter(title="nothing").update(title="x") == 0
        assert log.of(Book) == set()

    def test_update_of_one_by_its_key(self, log, books):
        Book.objects.filter(pk=books[0].pk).update(title="x")
        assert log.of(Book) == {updated(books[0])}

    def test_update_that_makes_its_own_filter_false(self, log, books):
        assert Book.objects.filter(title="a").update(title="x") == 1
        assert log.of(Book) == {updated(books[0])}

    def test_update_to_another_partition(self, log, books, shelf, other):
        assert Book.objects.filter(shelf=shelf).update(shelf=other) == 2
        for book in books:
            book.refresh_from_db()
        assert log.of(Book) == {updated(book, moved_from=shelf) for book in books[:2]}

    def test_update_to_another_partition_by_id(self, log, books, shelf, other):
        Book.objects.filter(title="a").update(shelf_id=other.pk)
        assert log.of(Book) == {updated(Book.objects.get(title="a"), moved_from=shelf)}

    def test_update_with_an_expression(self, log, books):
        Book.objects.update(pages=F("pages") + 1)
        assert log.of(Book) == {updated(book) for book in books}

    def test_update_of_the_partition_with_an_expression(self, log, books, shelf, other):
        fullest = Shelf.objects.annotate(number=Count("books")).order_by("-number").values("pk")[:1]
        Book.objects.filter(title="c").update(shelf=Subquery(fullest))
        assert log.of(Book) == {updated(Book.objects.get(title="c"), moved_from=other)}

    def test_update_with_a_join(self, log, books, shelf):
        assert Book.objects.filter(shelf__name="first").update(title="x") == 2
        assert log.of(Book) == {updated(book) for book in books[:2]}

    def test_update_with_a_join_and_custom_column_names(self, log, shelf, other):
        reader = Reader.objects.create(shelf=shelf)
        log.clear()
        assert Reader.objects.filter(shelf__name="first").update(shelf=other) == 1
        assert log.of(Reader) == {updated(Reader.objects.get(), moved_from=shelf)}
        assert Reader.objects.filter(shelf__name="second").delete()[0] == 1
        assert Entry("d", str(reader.pk), (str(other.pk),)) in log.of(Reader)

    def test_update_with_a_join_to_many(self, log, books):
        for book in books[:2]:
            book.tags.create(name="red")
            book.tags.create(name="blue")
        log.clear()
        assert Book.objects.filter(tags__name__in=["red", "blue"]).update(title="x") == 2
        assert log.of(Book) == {updated(book) for book in books[:2]}

    def test_update_with_an_aggregate_in_the_filter(self, log, shelf, books):
        books[0].tags.create(name="red")
        log.clear()
        assert Book.objects.annotate(number=Count("tags")).filter(number__gt=0).update(title="x") == 1
        assert log.of(Book) == {updated(books[0])}

    def test_update_with_an_annotation(self, log, books):
        Book.objects.annotate(more=F("pages") + 10).filter(more=11).update(pages=F("more"))
        assert log.of(Book) == {updated(books[0])}

    def test_update_with_a_subquery_that_its_own_writes_change(self, log, books, capture, vendor):
        """SQLite evaluates the subquery again for each row, after the first book has become "x"."""
        first = Book.objects.filter(shelf=OuterRef("shelf")).order_by("title").values("pk")[:1]
        written = books if (capture, vendor) == ("orm", "sqlite") else [books[0], books[2]]
        assert Book.objects.filter(pk=Subquery(first)).update(title="x") == len(written)
        reread = capture == "orm" and vendor == "sqlite"
        assert log.of(Book) == (REREAD if reread else {updated(book) for book in written})

    def test_update_with_a_subquery(self, log, books):
        first = Book.objects.order_by("title").values("pk")[:1]
        assert Book.objects.filter(pk=Subquery(first)).update(pages=9) == 1
        assert log.of(Book) == {updated(books[0])}

    def test_update_of_a_slice_by_its_keys(self, log, books, vendor):
        chosen = list(Book.objects.order_by("-title").values_list("pk", flat=True)[:1])
        Book.objects.filter(pk__in=chosen).update(title="x")
        assert log.of(Book) == {updated(books[2])}

    def test_ordered_update(self, log, books):
        Book.objects.order_by("-title").update(title="x")
        assert log.of(Book) == {updated(book) for book in books}

    def test_update_of_distinct_rows(self, log, books):
        Book.objects.distinct().filter(shelf__name="first").update(title="x")
        assert log.of(Book) == {updated(book) for book in books[:2]}

    def test_update_of_the_key(self, log, books, capture):
        Book.objects.filter(title="a").update(id=1000)
        if capture == "orm":
            assert log.of(Book) == REREAD
            return
        assert log.keys(Book) == keys(books[0], Book.objects.get(pk=1000))
        assert all(str(books[0].shelf_id) in (entry.values or [str(books[0].shelf_id)]) for entry in log.of(Book))

    def test_update_of_the_key_with_an_expression(self, log, books, capture):
        Book.objects.filter(title="a").update(id=F("id") + 1000)
        if capture == "orm":
            assert log.of(Book) >= REREAD
        else:
            assert log.keys(Book) == keys(books[0], Book.objects.get(title="a"))

    def test_update_of_a_part_of_the_key(self, log, capture):
        reader = Reader.objects.create()
        Slot.objects.create(reader=reader, number=3)
        log.clear()
        Slot.objects.update(number=4)
        if capture == "orm":
            assert log.of(Slot) == REREAD
            return
        assert log.keys(Slot) == {f'["{reader.pk}","3"]', f'["{reader.pk}","4"]'}

    def test_update_of_rows_with_a_key_of_two_columns(self, log):
        reader = Reader.objects.create()
        Slot.objects.create(reader=reader, number=3)
        log.clear()
        Slot.objects.filter(number=3).update(text="x")
        assert log.of(Slot) == {Entry("u", f'["{reader.pk}","3"]', (str(reader.pk),))}

    def test_update_with_a_join_on_custom_column_names(self, log):
        reader = Reader.objects.create(name="ada")
        Slot.objects.create(reader=reader, number=3)
        log.clear()
        assert Slot.objects.filter(reader__name="ada").update(text="x") == 1
        assert log.of(Slot) == {Entry("u", f'["{reader.pk}","3"]', (str(reader.pk),))}

    def test_aupdate(self, log, books):
        awaited(Book.objects.filter(title="a").aupdate, title="x")
        assert log.of(Book) == {updated(books[0])}

    @pytest.mark.parametrize("manager", ["objects", "short", "loud", "_base_manager", "_default_manager"])
    def test_update_by_any_manager(self, log, books, manager):
        getattr(Book, manager).filter(title="a").update(title="x")
        assert log.of(Book) == {updated(books[0])}

    def test_update_by_a_related_manager(self, log, books, shelf):
        shelf.books.update(title="x")
        assert log.of(Book) == {updated(book) for book in books[:2]}

    def test_update_by_a_filtering_manager(self, log, books):
        Book.short.update(title="x")
        assert log.of(Book) == {updated(book) for book in books[:2]}


class TestBulkUpdate:
    def test_bulk_update(self, log, books):
        for book in books:
            book.title += "x"
        assert Book.objects.bulk_update(books, ["title"]) == 3
        assert log.of(Book) == {updated(book) for book in books}

    def test_bulk_update_to_other_partitions(self, log, books, shelf, other):
        for book in books:
            book.shelf, book.title = other, "moved"
        Book.objects.bulk_update(books, ["shelf", "title"])
        assert log.of(Book) == {
            updated(books[0], moved_from=shelf),
            updated(books[1], moved_from=shelf),
            updated(books[2]),
        }

    def test_bulk_update_in_batches(self, log, books):
        for book in books:
            book.title += "x"
        Book.objects.bulk_update(books, ["title"], batch_size=1)
        assert log.of(Book) == {updated(book) for book in books}

    def test_abulk_update(self, log, books):
        for book in books:
            book.title += "x"
        awaited(Book.objects.abulk_update, books, ["title"])
        assert log.of(Book) == {updated(book) for book in books}


class TestBulkCreate:
    def test_bulk_create(self, log, shelf, other):
        Book.objects.bulk_create([Book(title="a", shelf=shelf), Book(title="b", shelf=other)])
        assert log.of(Book) == {made(book) for book in Book.objects.all()}

    def test_bulk_create_of_one(self, log, shelf):
        Book.objects.bulk_create([Book(title="a", shelf=shelf)])
        assert log.of(Book) == {made(Book.objects.get())}

    def test_bulk_create_of_no_objects(self, log):
        Book.objects.bulk_create([])
        assert log.of(Book) == set()

    def test_bulk_create_with_keys(self, log, shelf):
        Book.objects.bulk_create([Book(pk=70, title="a", shelf=shelf), Book(title="b", shelf=shelf)])
        assert log.of(Book) == {made(book) for book in Book.objects.all()}

    def test_bulk_create_in_batches(self, log, shelf):
        Book.objects.bulk_create([Book(title=str(number), shelf=shelf) for number in range(5)], batch_size=2)
        assert log.of(Book) == {made(book) for book in Book.objects.all()}

    def test_bulk_create_with_keys_that_are_uuids(self, log, shelf):
        Reader.objects.bulk_create([Reader(shelf=shelf), Reader()])
        assert log.of(Reader) == {made(reader) for reader in Reader.objects.all()}

    def test_bulk_create_by_a_related_manager(self, log, shelf):
        shelf.books.bulk_create([Book(title="a", shelf=shelf)])
        assert log.of(Book) == {made(Book.objects.get())}

    def test_bulk_create_by_a_custom_queryset(self, log, shelf):
        Book.loud.bulk_create([Book(title="a", shelf=shelf)])
        assert log.of(Book) == {made(Book.objects.get())}

    def test_abulk_create(self, log, shelf):
        awaited(Book.objects.abulk_create, [Book(title="a", shelf=shelf)])
        assert log.of(Book) == {made(Book.objects.get())}

    @pytest.mark.parametrize("count", [1, 2])
    def test_bulk_create_that_ignores_conflicts(self, log, shelf, other, count):
        Book.objects.create(isbn="0", shelf=shelf)
        log.clear()
        created = [Book(isbn=str(number), shelf=other) for number in range(count)]
        Book.objects.bulk_create(created, ignore_conflicts=True)
        assert log.of(Book) == {made(book) for book in Book.objects.exclude(isbn="0")}

    def test_bulk_create_of_keys_that_ignores_conflicts(self, log, shelf):
        reader = Reader.objects.create(shelf=shelf)
        log.clear()
        Reader.objects.bulk_create([Reader(pk=reader.pk), new := Reader(shelf=shelf)], ignore_conflicts=True)
        assert made(new) in log.of(Reader)
        assert log.of(Reader) <= {made(new), made(reader)}

    def test_bulk_create_that_updates_on_conflict(self, log, shelf):
        Book.objects.create(isbn="0", shelf=shelf)
        log.clear()
        books = [Book(isbn=str(number), title="x", shelf=shelf) for number in range(2)]
        upsert(*books, fields=["title"], on="isbn")
        assert log.keys(Book) == keys(*Book.objects.all())
        assert {entry.values for entry in log.of(Book)} == {(str(shelf.pk),)}

    def test_bulk_create_that_moves_on_conflict(self, log, shelf, other, capture):
        book = Book.objects.create(isbn="0", shelf=shelf)
        log.clear()
        upsert(Book(isbn="0", shelf=other), fields=["shelf"], on="isbn")
        values = None if capture == "orm" else (str(other.pk), str(shelf.pk))
        assert log.of(Book) == {Entry("u", str(book.pk), values)}

    def test_bulk_create_without_returned_keys(self, log, shelf, without_returning):
        Book.objects.bulk_create([Book(title=str(number), shelf=shelf) for number in range(5)])
        Book.objects.bulk_create([Book(title="single", shelf=shelf)])
        assert log.of(Book) == {made(book) for book in Book.objects.all()}

    @pytest.mark.parametrize("conflicts", ["ignore", "update"])
    def test_conflicts_without_returned_keys(self, log, shelf, capture, without_returning, conflicts):
        options = {"update_fields": ["title"]} if conflicts == "update" else {}
        books = [Book(isbn=str(number), shelf=shelf) for number in range(2)]
        Book.objects.bulk_create(books, **{f"{conflicts}_conflicts": True}, **options)
        assert log.of(Book) == (REREAD if capture == "orm" else {made(book) for book in Book.objects.all()})


class TestDelete:
    def test_delete(self, log, books):
        before = {deleted(book) for book in books}
        Book.objects.all().delete()
        assert log.of(Book) == before

    def test_delete_of_some_rows(self, log, books, shelf):
        before = {deleted(book) for book in books[:2]}
        Book.objects.filter(shelf__name="first").delete()
        assert log.of(Book) == before

    def test_delete_of_no_rows(self, log, books):
        assert Book.objects.filter(title="nothing").delete()[0] == 0
        assert log.of(Book) == set()

    def test_raw_delete(self, log, books):
        before = deleted(books[0])
        Book.objects.filter(title="a")._raw_delete("default")
        assert log.of(Book) == {before}

    def test_adelete(self, log, books):
        before = deleted(books[0])
        awaited(Book.objects.filter(title="a").adelete)
        assert log.of(Book) == {before}

    def test_delete_by_a_custom_queryset(self, log, books):
        before = deleted(books[0])
        Book.loud.filter(title="a").delete()
        assert log.of(Book) == {before}

    def test_delete_of_rows_with_a_key_of_two_columns(self, log):
        reader = Reader.objects.create()
        Slot.objects.bulk_create([Slot(reader=reader, number=number) for number in range(2)])
        log.clear()
        Slot.objects.filter(number=1).delete()
        assert log.of(Slot) == {Entry("d", f'["{reader.pk}","1"]', (str(reader.pk),))}

    def test_fast_delete_by_a_cascade(self, log):
        """Nothing depends on slots, so Django deletes them with one statement, without reading them."""
        reader = Reader.objects.create()
        Slot.objects.bulk_create([Slot(reader=reader, number=number) for number in range(2)])
        log.clear()
        reader.delete()
        assert {entry.operation for entry in log.of(Slot)} == {"d"}
        assert len(log.of(Slot)) == 2


class TestVeryLargeStatements:
    """A statement with more than `MAX_ROWS` rows logs one change."""

    @pytest.fixture(autouse=True)
    def few(self, monkeypatch, capture, vendor):
        if capture == "triggers" and vendor != "postgresql":
            pytest.skip("triggers for each row do not see the statement")
        self.count = rows.MAX_ROWS + 1 if vendor == "postgresql" else 3  # PostgreSQL has the limit in its SQL
        if vendor != "postgresql":
            monkeypatch.setattr("realtime.capture.rows.MAX_ROWS", 2)
            monkeypatch.setattr("realtime.capture.orm.MAX_ROWS", 2)
            monkeypatch.setattr("realtime.capture.insert_select.MAX_ROWS", 2)

    @pytest.fixture
    def many(self, log, shelf):
        Book.objects.bulk_create([Book(title="a", shelf=shelf) for _ in range(self.count)])
        entry = log.of(Book)
        log.clear()
        return entry

    def test_bulk_create(self, many):
        assert many == REREAD

    def test_update(self, log, many):
        assert Book.objects.update(title="b") == self.count
        assert log.of(Book) == REREAD
        assert set(Book.objects.values_list("title", flat=True)) == {"b"}

    def test_raw_delete(self, log, many):
        assert Book.objects.filter(title="a")._raw_delete("default") == self.count
        assert log.of(Book) == REREAD
