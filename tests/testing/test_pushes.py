"""What a block of code pushes, and whom it reaches."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import TestCase

from realtime import send_event, send_user_event
from realtime.testing import Changed, SentEvent, Viewer, capture_pushes
from tests.models import Book, Shelf

pytestmark = pytest.mark.databases


class InATransactionTests(TestCase):
    def setUp(self) -> None:
        self.ann, self.ben = User.objects.create_user("ann"), User.objects.create_user("ben")
        self.shelf = Shelf.objects.create(name="one")

    def mine(self, user: Any) -> Viewer:
        return Viewer("mine", user=user)

    def test_those_who_see_the_row_are_reached(self):
        ann, ben = self.mine(self.ann), self.mine(self.ben)

        with capture_pushes(ann, ben) as pushed:
            book = Book.objects.create(shelf=self.shelf, title="a", owner=self.ann)

        assert pushed.reached == [ann]
        assert pushed[ann].puts == {str(book.pk): {"id": book.pk, "title": "a"}}
        assert not pushed[ben]
        assert pushed.changes == [Changed("tests.book", str(book.pk), "i")]

    def test_row_that_changes_hands_reaches_both(self):
        book = Book.objects.create(shelf=self.shelf, title="a", owner=self.ann)
        ann, ben = self.mine(self.ann), self.mine(self.ben)

        with capture_pushes(ann, ben) as pushed:
            Book.objects.filter(pk=book.pk).update(owner=self.ben)

        assert pushed.reached == [ann, ben]
        assert pushed[ann].drops == [str(book.pk)] == list(pushed[ben].puts)

    def test_nothing_is_pushed_by_what_is_rolled_back(self):
        ann = self.mine(self.ann)
        with capture_pushes(ann) as pushed, transaction.atomic():
            Book.objects.create(shelf=self.shelf, title="a", owner=self.ann)
            transaction.set_rollback(True)

        assert (pushed.reached, pushed.changes, pushed.events) == ([], [], [])

    def test_callbacks_of_the_commit_run_and_count(self):
        ann = self.mine(self.ann)

        with capture_pushes(ann) as pushed:
            transaction.on_commit(lambda: Book.objects.create(shelf=self.shelf, title="late", owner=self.ann))
            assert not Book.objects.exists()

        assert [row["title"] for row in pushed[ann].puts.values()] == ["late"]

    def test_events_reach_those_they_are_for(self):
        shelf = {"shelf": self.shelf.pk}
        books, mine = Viewer("books", shelf, user=self.ann), self.mine(self.ben)

        with capture_pushes(books, mine) as pushed:
            transaction.on_commit(lambda: send_event("books", shelf, "swept", {"dust": 1}))
            send_user_event(self.ben, "toast")
            send_event("books", {"shelf": 4711}, "swept")

        assert pushed[books].events == [("swept", {"dust": 1})]
        assert pushed[mine].events == [("toast", None)]
        assert pushed.events == [
            SentEvent("toast", None, "", {}, str(self.ben.pk)),
            SentEvent("swept", None, "books", {"shelf": 4711}, None),
            SentEvent("swept", {"dust": 1}, "books", shelf, None),
        ]

    def test_event_for_one_audience_reaches_no_other(self):
        User.objects.filter(pk=self.ben.pk).update(is_staff=True)
        shelf = {"shelf": self.shelf.pk}
        ann, ben = (Viewer("priced", shelf, user=user) for user in (self.ann, self.ben))

        with capture_pushes(ann, ben) as pushed:
            send_event("priced", shelf, "sale", audience="staff")

        assert pushed.reached == [ben]

    def test_exception_of_the_block_passes(self):
        with pytest.raises(ZeroDivisionError), capture_pushes(self.mine(self.ann)):
            raise ZeroDivisionError

        with capture_pushes() as pushed:
            send_event("books", {"shelf": 1}, "heard once")
        assert len(pushed.events) == 1

    async def test_async_block(self):
        ann = self.mine(self.ann)

        async with capture_pushes(ann) as pushed:
            await Book.objects.acreate(shelf=self.shelf, title="a", owner=self.ann)

        assert pushed.reached == [ann]


def test_block_that_commits(committed: None) -> None:
    top = Viewer("top", {"shelf": 1})
    called = []

    with capture_pushes(top) as pushed, transaction.atomic():
        Book.objects.create(shelf=Shelf.objects.create(pk=1, name="one"), title="a")
        transaction.on_commit(lambda: called.append(True))

    assert pushed.reached == [top]
    assert called == [True]
