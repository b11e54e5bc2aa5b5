"""`touch` reports writes that capture does not see."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections, transaction

import realtime
from realtime.models import Change
from realtime.testing import Viewer
from tests.capture.conftest import REREAD, Entry
from tests.capture.models import Atlas, Book, Page, Slot, Tag


@pytest.fixture(scope="module", autouse=True)
def capture():
    """Replace the suite's fixture: with triggers, raw SQL would be captured."""


def raw(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def test_rows_moved_by_raw_sql(shelf, other, log):
    book = Book.objects.create(shelf=shelf, title="a")
    here, there = (Viewer("capture.touched", {"shelf": place}) for place in (shelf, other))
    assert (len(here.rows), len(there.rows)) == (1, 0)
    log.clear()

    raw("UPDATE capture_book SET title = 'raw', shelf_id = %s WHERE id = %s", other.pk, book.pk)
    realtime.touch(Book.objects.filter(pk=book.pk))

    assert log.of(Book) == {Entry("u", str(book.pk), None)}
    assert list(there.refresh().puts) == [str(book.pk)]
    assert here.refresh().drops == [str(book.pk)]


def test_queryset_of_all_rows_includes_deleted_rows(shelf, log):
    Book.objects.create(shelf=shelf)
    viewer = Viewer("capture.touched", {"shelf": shelf})
    assert len(viewer.rows) == 1
    log.clear()

    raw("DELETE FROM capture_book")
    realtime.touch(Book.objects)

    assert log.of(Book) == REREAD
    viewer.refresh()
    assert viewer.rows == []


def test_too_many_rows_reload_the_model(shelf, log, monkeypatch):
    monkeypatch.setattr("realtime.capture.touch.MAX_ROWS", 2)
    Book.objects.bulk_create([Book(shelf=shelf) for _ in range(3)])
    log.clear()
    realtime.touch(Book.objects.filter(shelf=shelf))
    assert log.of(Book) == REREAD


def test_child_row_is_logged_for_its_parent_too(shelf, log):
    atlas = Atlas.objects.create(shelf=shelf)
    log.clear()
    realtime.touch(Atlas.objects.filter(shelf=shelf))
    assert log.keys(Atlas) == log.keys(Book) == {str(atlas.pk)}


def test_rows_of_a_through_model(shelf, log):
    book = Book.objects.create(shelf=shelf)
    book.tags.add(Tag.objects.create())
    log.clear()
    realtime.touch(Book.tags.through.objects.filter(book=book))
    assert log.of(Book) == REREAD


def test_sliced_composite_and_empty_querysets(shelf, log):
    realtime.touch(Slot.objects.order_by("number")[:3])
    realtime.touch(Book.objects.none())
    realtime.touch(Book.objects.filter(title="no such"))
    assert (log.of(Slot), log.of(Book)) == (set(), set())


def test_model_without_streams_logs_nothing(db):
    before = Change.objects.count()
    realtime.touch(Page.objects.all())
    assert Change.objects.count() == before


def test_argument_must_be_a_queryset(shelf):
    with pytest.raises(TypeError) as raised:
        realtime.touch(shelf)
    assert str(raised.value) == (f"touch needs a QuerySet, such as Task.objects.filter(project=7), and got {shelf!r}.")


def test_rollback_undoes_it(shelf, log):
    Book.objects.create(shelf=shelf)
    log.clear()
    with transaction.atomic():
        realtime.touch(Book.objects.filter(shelf=shelf))
        transaction.set_rollback(True)
    assert log.of(Book) == set()


@pytest.mark.django_db(transaction=True)
async def test_async_twin():
    before = await Change.objects.acount()
    await realtime.atouch(Book.objects.all())
    assert await Change.objects.acount() > before
    await sync_to_async(connections.close_all)()
