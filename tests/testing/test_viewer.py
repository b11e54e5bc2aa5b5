"""A viewer sees what a user's page would show, whether the test commits or not."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import TestCase

from realtime.exceptions import BadParameters, Forbidden, RealtimeError, UnknownStream
from realtime.testing import Push, Viewer
from tests.models import Book, Shelf
from tests.support.elsewhere import Elsewhere

pytestmark = pytest.mark.databases


def titles(viewer: Viewer) -> list[str]:
    return [row["title"] for row in viewer.rows]


class InATransactionTests(TestCase):
    """Nothing is committed, and the log's position does not move with the transaction's."""

    def setUp(self) -> None:
        self.ann = User.objects.create_user("ann")
        self.shelf = Shelf.objects.create(name="one")

    def test_first_look_has_all_rows_in_their_order(self):
        for title in ("b", "a"):
            Book.objects.create(shelf=self.shelf, title=title)
        viewer = Viewer("books", {"shelf": self.shelf}, user=self.ann)

        push = viewer.refresh()

        assert (push.reset, [row["title"] for row in push.puts.values()]) == (True, ["a", "b"])
        assert titles(viewer) == ["a", "b"]
        assert viewer.keys == list(viewer.row)

    def test_next_look_has_what_changed_in_between(self):
        old = Book.objects.create(shelf=self.shelf, title="b")
        viewer = Viewer("books", {"shelf": self.shelf}, user=self.ann)
        viewer.refresh()

        gone = str(old.pk)
        new = Book.objects.create(shelf=self.shelf, title="a")
        old.delete()

        row = {"id": new.pk, "title": "a", "pages": 0, "owner.username": None}
        assert viewer.refresh() == Push(puts={str(new.pk): row}, drops=[gone])
        assert viewer.rows == [row]

    def test_nothing_changed_is_false(self):
        viewer = Viewer("books", {"shelf": self.shelf}, user=self.ann)
        viewer.refresh()
        Book.objects.create(shelf=Shelf.objects.create(name="two"), title="elsewhere")

        assert not viewer.refresh()

    def test_what_is_rolled_back_is_not_seen(self):
        viewer = Viewer("books", {"shelf": self.shelf}, user=self.ann)
        viewer.refresh()
        with transaction.atomic():
            Book.objects.create(shelf=self.shelf, title="a")
            transaction.set_rollback(True)

        assert viewer.refresh() == Push()

    def test_rows_that_change_places_have_moved(self):
        for title in ("a", "b"):
            Book.objects.create(shelf=self.shelf, title=title)
        viewer = Viewer("books", {"shelf": self.shelf}, user=self.ann)
        viewer.refresh()

        Book.objects.filter(title="a").update(title="c")

        assert (viewer.refresh().moved, titles(viewer)) == (True, ["b", "c"])

    def test_html_and_values_are_formats(self):
        Book.objects.create(shelf=self.shelf, title="a")

        assert "a" in Viewer("books", {"shelf": self.shelf}, user=self.ann, format="html").rows[0]
        with pytest.raises(BadParameters, match=r"The stream 'mine' does not serve 'html'\. Set `template_name` in"):
            Viewer("mine", user=self.ann, format="html").refresh()

    def test_first_look_raises_what_the_server_would_refuse_with(self):
        with pytest.raises(Forbidden):
            Viewer("books", {"shelf": self.shelf}).refresh()
        with pytest.raises(UnknownStream):
            Viewer("nowhere", user=self.ann).refresh()
        self.ann.is_active = False
        self.ann.save()
        with pytest.raises(Forbidden, match=r"The user does not exist or is inactive\."):
            Viewer("mine", user=self.ann).refresh()

    def test_access_that_ends_drops_the_rows(self):
        staff = User.objects.create_user("sam", is_staff=True)
        viewer = Viewer("staffroom", user=staff)
        assert viewer.rows == [{"id": self.shelf.pk, "name": "one"}]

        User.objects.filter(pk=staff.pk).update(is_staff=False)
        push = viewer.refresh()

        assert isinstance(push.refusal, Forbidden)
        assert (push.drops, viewer.rows) == ([str(self.shelf.pk)], [])
        assert viewer.refresh() == Push()

    def test_another_audience_resets_the_rows(self):
        book = Book.objects.create(shelf=self.shelf, title="a", pages=7)
        viewer = Viewer("priced", {"shelf": self.shelf}, user=self.ann)
        assert viewer.rows == [{"id": book.pk, "title": "a"}]

        User.objects.filter(pk=self.ann.pk).update(is_staff=True)
        push = viewer.refresh()

        assert push.reset
        assert viewer.rows[0]["pages"] == 7

    def test_failure_of_a_stream_reaches_the_test(self):
        with pytest.raises(RuntimeError, match="secret"):
            Viewer("broken", user=self.ann).refresh()

    def test_waiting_is_over_at_once_where_nobody_else_can_write(self):
        viewer = Viewer("books", {"shelf": self.shelf}, user=self.ann)

        with pytest.raises(AssertionError, match="What was waited for is not there: <Viewer of 'books'"):
            viewer.wait_for(lambda rows: rows, within=3600)

    async def test_async_twins(self):
        viewer = Viewer("books", {"shelf": self.shelf}, user=self.ann)
        await viewer.arefresh()
        await Book.objects.acreate(shelf=self.shelf, title="a")

        assert len(await viewer.await_for(lambda rows: rows)) == 1


def test_viewer_waits_for_what_others_commit(elsewhere: Elsewhere) -> None:
    shelf = Shelf.objects.create(name="one")
    viewer = Viewer("top", {"shelf": shelf})
    assert viewer.rows == []

    elsewhere(Book.objects.create, shelf=shelf, title="a")
    viewer.wait_for(lambda rows: [row["title"] for row in rows] == ["a"])

    elsewhere.begin()
    elsewhere(Book.objects.create, shelf=shelf, title="b")
    assert not viewer.refresh()
    elsewhere.commit()
    viewer.wait_for(lambda rows: len(rows) == 2)


def test_viewer_waits_no_longer_than_it_is_told(committed: None) -> None:
    viewer = Viewer("top", {"shelf": 1})

    with pytest.raises(AssertionError, match=r"Waited 0\.1 s in vain"):
        viewer.wait_for(lambda rows: rows, within=0.1)


def test_viewer_from_outside_a_transaction_cannot_look_within(committed: None) -> None:
    viewer = Viewer("top", {"shelf": 1})
    viewer.refresh()

    with transaction.atomic(), pytest.raises(RealtimeError, match="had its first look outside of the transaction"):
        viewer.refresh()


def test_viewer_within_a_transaction(committed: None) -> None:
    with transaction.atomic():
        shelf: Any = Shelf.objects.create(name="one")
        viewer = Viewer("top", {"shelf": shelf})
        viewer.refresh()
        Book.objects.create(shelf=shelf, title="a")

        assert list(viewer.refresh().puts) == [str(Book.objects.get().pk)]
        assert not viewer.refresh()
