"""Writes to objects with rows in several tables. An atlas is a book, so it is logged as both."""

from __future__ import annotations

import pytest
from django.db.models import F

from tests.capture.conftest import Entry, deleted, keys, linked, made, updated
from tests.capture.models import Atlas, Book, Lot, Print


@pytest.fixture
def atlas(shelf, log):
    atlas = Atlas.objects.create(title="a", shelf=shelf)
    log.clear()
    return atlas


def test_create(log, shelf):
    atlas = Atlas.objects.create(title="a", shelf=shelf)
    assert (log.of(Book), log.of(Atlas)) == ({made(atlas)}, {made(atlas)})


def test_save(log, atlas, shelf, other):
    atlas.shelf = other
    atlas.save()
    assert log.of(Book) == {updated(atlas, moved_from=shelf)}
    assert updated(atlas, moved_from=shelf) in log.of(Atlas)


def test_update_of_the_childs_fields(log, atlas):
    Atlas.objects.update(scale=2)
    assert (log.of(Book), log.of(Atlas)) == (set(), {updated(atlas)})


def test_update_of_the_parents_fields(log, atlas):
    Atlas.objects.update(title="x")
    assert (log.of(Book), log.of(Atlas)) == ({updated(atlas)}, {updated(atlas)})


def test_update_of_both(log, atlas):
    Atlas.objects.filter(title="a").update(title="x", scale=2)
    assert (log.of(Book), log.of(Atlas)) == ({updated(atlas)}, {updated(atlas)})


def test_update_to_another_partition(log, atlas, shelf, other):
    Atlas.objects.update(shelf=other)
    atlas.refresh_from_db()
    assert (log.of(Book), log.of(Atlas)) == ({updated(atlas, moved_from=shelf)}, {updated(atlas, moved_from=shelf)})


def test_update_by_the_parent(log, atlas):
    Book.objects.update(pages=F("pages") + 1)
    assert (log.of(Book), log.of(Atlas)) == ({updated(atlas)}, {updated(atlas)})


def test_bulk_update(log, atlas):
    atlas.title, atlas.scale = "x", 5
    Atlas.objects.bulk_update([atlas], ["title", "scale"])
    assert (log.of(Book), log.of(Atlas)) == ({updated(atlas)}, {updated(atlas)})


def test_delete(log, atlas):
    before = deleted(atlas)
    atlas.delete()
    assert (log.of(Book), log.of(Atlas)) == ({before}, {before})


def test_delete_by_the_parent(log, atlas):
    before = deleted(atlas)
    Book.objects.all().delete()
    assert (log.of(Book), log.of(Atlas)) == ({before}, {before})


def test_delete_that_keeps_the_parent(log, atlas):
    atlas.delete(keep_parents=True)
    assert {entry.operation for entry in log.of(Atlas)} == {"d"}
    assert log.of(Book) == set()


def test_links_of_the_parent(log, atlas):
    atlas.tags.create(name="red")
    assert (log.of(Book), log.of(Atlas)) == ({linked(atlas)}, {linked(atlas)})


def test_parent_row_without_a_child_row(log, shelf):
    """It is logged for atlases too, because the parent's row does not show whether there is a child row."""
    book = Book.objects.create(shelf=shelf)
    assert (log.of(Book), log.keys(Atlas)) == ({made(book)}, keys(book))
    assert log.of(Atlas) == {Entry("i", str(book.pk), (str(shelf.pk),))}


def test_tables_and_columns_with_the_names_of_captures_statements(log):
    item, other = Print.objects.create(realtime_number=7), Lot.objects.create()
    item.lots.add(other)
    of_prints = Lot.objects.filter(pk__in=Print.objects.filter(realtime_number__gte=7).values("pk"))

    def is_logged():
        found = log.keys(Print)  # a lot that is no print is logged too, with its own key
        return found == keys(item) or found >= keys(item)

    def save():
        item.realtime_number = 9
        item.save()

    for write in (
        lambda: Print.objects.filter(realtime_number__gte=7).update(realtime_number=8, text="a"),
        lambda: of_prints.update(realtime_number=F("id") + 7),
        save,
        lambda: Lot.objects.filter(pk=other.pk).delete(),
        lambda: Print.objects.filter(pk=item.pk).delete(),
    ):
        assert is_logged()
        log.clear()
        write()
    assert is_logged()
