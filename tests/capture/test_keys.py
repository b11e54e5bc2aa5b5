"""A key that is too long for the log: the write succeeds, and the model's live queries are reloaded."""

import pytest
from django.db import connection

from realtime.changelog import get_changelog
from realtime.changelog.base import NewChange
from realtime.models import Change
from realtime.testing import Viewer
from tests.capture.conftest import REREAD, Entry
from tests.capture.models import Document, Part, Ticket

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

SHORT, LONG = "ä" * 500, "ä" * 501


def test_key_of_the_maximum_length_is_logged(log):
    Document.objects.create(path=SHORT)
    assert log.of(Document) == {Entry("i", SHORT, ())}


def test_insert(log):
    Document.objects.create(path=LONG)
    assert log.of(Document) == REREAD


def test_insert_of_many(log):
    Document.objects.bulk_create([Document(path=LONG), Document(path="short")])
    assert log.of(Document) == {*REREAD, Entry("i", "short", ())}


def test_update(log):
    document = Document.objects.create(path=LONG)
    log.clear()
    document.title = "new"
    document.save()
    assert log.of(Document) == REREAD


def test_update_of_many(log):
    Document.objects.create(path=LONG)
    log.clear()
    Document.objects.update(title="new")
    assert log.of(Document) == REREAD


def test_delete(log):
    Document.objects.create(path=LONG)
    log.clear()
    Document.objects.all().delete()
    assert log.of(Document) == REREAD


def test_composite_key(log):
    Part.objects.create(path='"' * 300, number=1)  # each has a backslash in JSON
    assert log.of(Part) == REREAD


def test_composite_key_of_the_maximum_length_is_logged(log):
    Part.objects.create(path="a", number=1)
    assert log.of(Part) == {Entry("i", '["a","1"]', ())}


def test_append_by_hand(log):
    with connection.cursor():
        get_changelog("default").append([NewChange("a.model", LONG, Change.Kind.UPDATE, {})])
    assert list(Change.objects.values_list("model", "key", "operation", "routing")) == [("a.model", "", "r", None)]


class TestKeysOfACustomClass:
    """An AutoField with wrapped values: `create` and `bulk_create` work, and rows are found."""

    def test_rows_are_live(self, log):
        viewer = Viewer("capture.tickets")
        assert viewer.rows == []
        ticket = Ticket.objects.create(text="a")
        Ticket.objects.bulk_create([Ticket(text="b"), Ticket(text="c")])
        viewer.refresh()
        assert sorted(row["text"] for row in viewer.rows) == ["a", "b", "c"]

        ticket.text = "d"
        ticket.save()
        Ticket.objects.filter(text="b").update(text="e")
        viewer.refresh()
        assert sorted(row["text"] for row in viewer.rows) == ["c", "d", "e"]

        ticket.delete()
        Ticket.objects.filter(text="c")._raw_delete("default")
        viewer.refresh()
        assert [row["text"] for row in viewer.rows] == ["e"]
