"""`REALTIME_CAPTURE = "signals"`: which writes Django's public signals report, and which they do not."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.db.models.sql import compiler
from django.test import TestCase, override_settings

from realtime.capture import install, signals, statement
from realtime.models import Change
from realtime.testing import Viewer
from tests.capture.conftest import REREAD, Entry, made, updated
from tests.capture.models import Atlas, Book, BookProxy, Card, Loan, Page, Reader, Shelf, Slot, Tag


@pytest.fixture(scope="module", autouse=True)
def capture(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock(), override_settings(REALTIME_CAPTURE="signals"):
        install.install()
        yield "signals"
    with django_db_blocker.unblock():
        install.install()


@pytest.fixture
def book(shelf, log):
    found = Book.objects.create(title="a", shelf=shelf)
    log.clear()
    return found


def test_no_method_of_django_is_wrapped():
    methods = [each.execute_sql for each in vars(compiler).values() if hasattr(each, "execute_sql")]
    assert methods
    assert not any(hasattr(method, "__wrapped__") for method in methods)
    assert not hasattr(BaseDatabaseWrapper.set_autocommit, "__wrapped__")


def test_models_without_streams_have_no_receivers():
    """With a receiver, Django would read all rows before it deletes them."""
    assert not post_delete.has_listeners(Page)
    assert post_delete.has_listeners(Book)


class TestSeen:
    """After each of these writes, the live query equals the database."""

    @pytest.fixture
    def viewers(self, shelf, other):
        found = [Viewer("capture.touched", {"shelf": place}) for place in (shelf, other)]
        for viewer in found:
            viewer.refresh()
        return found

    def converge(self, viewers):
        for viewer in viewers:
            viewer.refresh()
            rows = Book.objects.filter(shelf=viewer.params["shelf"]).order_by("pk")
            assert sorted(row["title"] for row in viewer.rows) == sorted(rows.values_list("title", flat=True))

    def test_objects(self, viewers, shelf, other):
        one = Book.objects.create(title="a", shelf=shelf)
        two, _ = Book.objects.update_or_create(isbn="2", defaults={"title": "b", "shelf": shelf})
        self.converge(viewers)
        one.title, one.shelf = "c", other
        one.save()
        two.title = "d"
        two.save(update_fields=["title"])
        self.converge(viewers)
        BookProxy.objects.get(pk=two.pk).delete()
        Book.objects.filter(pk=one.pk).delete()
        self.converge(viewers)

    def test_child_of_multi_table_inheritance(self, viewers, shelf, other, log):
        atlas = Atlas.objects.create(title="a", shelf=shelf)
        assert log.keys(Atlas) == log.keys(Book) == {str(atlas.pk)}
        self.converge(viewers)
        atlas.shelf = other
        atlas.save()
        self.converge(viewers)
        atlas.delete()
        self.converge(viewers)

    def test_object_that_was_changed_before_it_is_deleted(self, viewers, shelf, other):
        book = Book.objects.create(title="a", shelf=shelf)
        self.converge(viewers)
        book.shelf = other
        book.delete()
        self.converge(viewers)

    def test_expression(self, viewers, book):
        book.pages = F("pages") + 1
        book.shelf_id = F("shelf_id")
        book.save()
        self.converge(viewers)

    def test_cascade(self, viewers, shelf):
        Book.objects.create(title="a", shelf=shelf)
        self.converge(viewers)
        shelf.delete()
        viewers[0].refresh()
        assert viewers[0].rows == []

    def test_fixture(self, viewers, shelf, tmp_path):
        Book.objects.create(title="a", shelf=shelf)
        file = tmp_path / "books.json"
        file.write_text(self.dumped())
        Book.objects.all().delete()
        self.converge(viewers)
        call_command("loaddata", str(file), verbosity=0)
        self.converge(viewers)

    @staticmethod
    def dumped():
        out = StringIO()
        call_command("dumpdata", "capture.Book", stdout=out)
        return out.getvalue()


class TestManyToMany:
    def test_add_remove_set_and_clear(self, book, log):
        tags = [Tag.objects.create() for _ in range(2)]
        for change in (
            lambda: book.tags.add(*tags),
            lambda: book.tags.remove(tags[0]),
            lambda: book.tags.set([tags[0]]),
            lambda: tags[0].books.clear(),
        ):
            log.clear()
            change()
            assert log.of(Book) & ({Entry("l", str(book.pk), None)} | REREAD)
            assert {entry.operation for entry in log.of(Tag)} <= {"l", "r"}

    def test_custom_through_model(self, book, log):
        reader = Reader.objects.create()
        loan = Loan.objects.create(book=book, reader=reader)
        assert Entry("l", str(book.pk), None) in log.of(Book)
        log.clear()
        loan.delete()
        assert Entry("l", str(book.pk), None) in log.of(Book)

    def test_rows_follow(self, shelf):
        """A dependency through a relation changes by the signal of the through model."""
        atlas = Slot(reader=Reader.objects.create(), number=1)
        atlas.save()
        viewer = Viewer("capture.marked")
        assert len(viewer.rows) == 1
        atlas.delete()
        viewer.refresh()
        assert viewer.rows == []


class TestNotSeen:
    """The writes that the table in the documentation lists as unseen; `touch` reports them."""

    @pytest.mark.parametrize(
        "write",
        [
            lambda book: Book.objects.filter(pk=book.pk).update(title="x"),
            lambda book: Book.objects.bulk_update([Book(pk=book.pk, title="x")], ["title"]),
            lambda book: Book.objects.bulk_create([Book(shelf=book.shelf)]),
            lambda book: Book.objects.filter(pk=book.pk)._raw_delete("default"),
            lambda book: connection.cursor().execute("UPDATE capture_book SET title = 'x'"),
        ],
        ids=["update", "bulk_update", "bulk_create", "raw delete", "raw SQL"],
    )
    def test_write_that_sends_no_signal(self, book, log, write):
        write(book)
        assert log.of(Book) == set()

    def test_set_null(self, book, log):
        sequel = Book.objects.create(shelf=book.shelf)
        Book.objects.filter(pk=book.pk).update(sequel=sequel)
        log.clear()
        sequel.delete()
        assert str(book.pk) not in log.keys(Book)


class TestHarmless:
    def test_statements_are_unchanged(self, book, django_assert_num_queries):
        ours = Change._meta.db_table
        with django_assert_num_queries(2) as captured:
            book.save()
        assert [ours in query["sql"] for query in captured.captured_queries] == [False, True]

    def test_failure_of_capture(self, book, log, monkeypatch):
        statement._logged_tables.clear()
        monkeypatch.setattr(signals, "_key", lambda *args: 1 / 0)
        book.save()
        assert log.of(Book) == REREAD

    @pytest.mark.parametrize(
        "said", [{}, {"created": False, "using": "default", "update_fields": ["pk", "no_field"]}, {"using": None}]
    )
    def test_signal_of_a_project_may_say_less_or_more_than_djangos(self, book, log, said):
        for signal in (post_save, post_delete, m2m_changed):
            sender = Book.tags.through if signal is m2m_changed else Book
            signal.send(sender=sender, instance=book, **said)
        assert log.keys(Book) <= {"", str(book.pk)}
        assert log.of(Book)

    def test_no_on_commit_hook_is_added(self, shelf):
        with TestCase.captureOnCommitCallbacks() as callbacks:
            Book.objects.create(shelf=shelf)
        assert callbacks == []

    def test_rollback(self, shelf, log):
        with transaction.atomic():
            Book.objects.create(shelf=shelf)
            transaction.set_rollback(True)
        assert log.of(Book) == set()

    def test_wakes_once_when_the_transaction_commits(self, committed, monkeypatch):
        woken = []
        monkeypatch.setattr("realtime.changelog.base.commit_listeners", [woken.append])
        with transaction.atomic():
            shelf = Shelf.objects.create()
            Book.objects.create(shelf=shelf)
            with transaction.atomic():
                Book.objects.create(shelf=shelf)
            assert woken == []
        assert woken == ["default"]
        Book.objects.all().delete()
        shelf.delete()

    def test_save_of_other_fields_logs_an_unmoved_row(self, book, log):
        book.title = "b"
        book.save(update_fields=["title"])
        assert log.of(Book) == {updated(book)}
        log.clear()
        book.save(update_fields=["shelf"])
        assert log.of(Book) == {Entry("u", str(book.pk), None)}

    def test_new_object_logs_its_partition(self, shelf, log):
        book = Book.objects.create(shelf=shelf)
        assert log.of(Book) == {made(book)}


def test_value_that_the_field_makes_names_the_partition(db):
    drawers = {letter: Viewer("capture.cards", {"drawer": letter}) for letter in "ab"}
    assert [viewer.rows for viewer in drawers.values()] == [[], []]
    card = Card.objects.create(name="Ada")
    drawers["a"].refresh()
    assert drawers["a"].rows == [{"name": "Ada"}]
    card.name = "Ben"
    card.save()
    for viewer in drawers.values():
        viewer.refresh()
    assert [viewer.rows for viewer in drawers.values()] == [[], [{"name": "Ben"}]]
