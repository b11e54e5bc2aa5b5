"""Rows and log entries commit together: rollbacks log nothing, and no concurrent write is missed."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F

from realtime.capture import install, orm
from realtime.models import Change
from tests.capture.conftest import Log, made, updated
from tests.capture.models import Book, Page, Shelf
from tests.support.waiting import seconds


class TestRollback:
    def test_rollback_leaves_nothing(self, log, shelf):
        with transaction.atomic():
            Book.objects.create(shelf=shelf)
            Book.objects.update(title="x")
            transaction.set_rollback(True)
        assert log.of(Book) == set()

    def test_rollback_to_a_savepoint_keeps_earlier_changes(self, log, shelf):
        with transaction.atomic():
            book = Book.objects.create(shelf=shelf)
            with transaction.atomic():
                Book.objects.bulk_create([Book(shelf=shelf)])
                transaction.set_rollback(True)
        assert log.of(Book) == {made(book)}

    def test_statement_that_fails_leaves_nothing(self, log, shelf):
        Book.objects.create(isbn="1", shelf=shelf)
        log.clear()
        with pytest.raises(IntegrityError), transaction.atomic():
            Book.objects.create(isbn="1", shelf=shelf)
        with pytest.raises(IntegrityError), transaction.atomic():
            Book.objects.bulk_create([Book(isbn="2", shelf=shelf), Book(isbn="1", shelf=shelf)])
        assert log.of(Book) == set()
        assert Book.objects.count() == 1


class TestCommit:
    def test_each_statement_commits_with_its_changes(self, shelves):
        log = Log()
        book = Book.objects.create(shelf=shelves[0])
        assert log.of(Book) == {made(book)}
        assert not connection.in_atomic_block

    def test_log_that_cannot_be_written_undoes_the_statement(self, shelves, capture, vendor):
        """No row is stored without its log entry."""
        if (capture, vendor) == ("triggers", "sqlite"):
            pytest.skip("SQLite also renames the table in triggers")
        book = Book.objects.create(title="a", shelf=shelves[0])
        table = connection.ops.quote_name(Change._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} RENAME TO realtime_elsewhere")
        try:
            with pytest.raises(Exception, match="realtime_change"):
                Book.objects.filter(pk=book.pk).update(title="x")
            with pytest.raises(Exception, match="realtime_change"):
                Book.objects.create(title="b", shelf=shelves[0])
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE realtime_elsewhere RENAME TO {table}")
        assert list(Book.objects.values_list("title", flat=True)) == ["a"]

    def test_lost_connection_raises_djangos_error(self, shelves, elsewhere, vendor):
        if vendor != "postgresql":
            pytest.skip("nothing is looked up on the connection before the statement")
        connection.close()
        connection.ensure_connection()  # on which the table was not looked up
        process = connection.connection.info.backend_pid

        def end() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])

        elsewhere(end)
        try:
            with pytest.raises(OperationalError):
                Book.objects.filter(shelf=shelves[0]).update(title="x")
            assert connection.errors_occurred  # so Django replaces the connection
        finally:
            connection.close()

    def test_hubs_are_woken_once_by_a_transaction(self, shelves, capture, vendor, monkeypatch):
        if capture == "triggers" and vendor == "postgresql":
            pytest.skip("the trigger sends NOTIFY")
        woken = []
        monkeypatch.setattr("realtime.changelog.base.commit_listeners", [woken.append])
        with transaction.atomic():
            Book.objects.create(shelf=shelves[0])
            Book.objects.update(title="x")
            assert woken == []
        assert woken == ["default"]

    def test_trigger_notifies(self, shelves, capture, vendor):
        if vendor != "postgresql":
            pytest.skip("only triggers on PostgreSQL send NOTIFY")
        listener = connection.copy()
        with listener.cursor() as cursor:
            cursor.execute("LISTEN realtime")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        Book.objects.create(shelf=shelves[0])
        [notified] = listener.connection.notifies(timeout=seconds(5), stop_after=1)
        listener.close()
        assert notified.channel == "realtime"


@pytest.mark.skipif("sqlite" in str(connection.settings_dict["ENGINE"]), reason="SQLite has one writer at a time")
class TestConcurrentWrites:
    """A statement that waits for a locked row logs the values that it finds after the wait."""

    def waiting(self, elsewhere, statement, *, then):
        """Run the statement while another transaction, in which `then` has written, is open and then commits."""
        elsewhere.begin()
        elsewhere(then)
        thread = threading.Thread(target=in_thread, args=(statement,))
        thread.start()
        thread.join(seconds(0.3))
        elsewhere.commit()
        thread.join(seconds(10))

    def test_row_that_moves_before_the_statement_locks_it(self, shelves, elsewhere):
        first, second = shelves
        third = Shelf.objects.create(name="third")
        book = Book.objects.create(shelf=first)
        log = Log()
        self.waiting(
            elsewhere,
            lambda: Book.objects.filter(pk=book.pk).update(shelf=third),
            then=lambda: Book.objects.filter(pk=book.pk).update(shelf=second),
        )
        assert log.of(Book) == {
            updated(Book(pk=book.pk, shelf=second), moved_from=first),
            updated(Book(pk=book.pk, shelf=third), moved_from=second),
        }

    def test_row_that_leaves_the_filter_is_not_written(self, shelves, elsewhere):
        first, second = shelves
        book = Book.objects.create(shelf=first, pages=1)
        log = Log()
        self.waiting(
            elsewhere,
            lambda: Book.objects.filter(pages=1).update(shelf=second),
            then=lambda: Book.objects.filter(pk=book.pk).update(pages=2),
        )
        book.refresh_from_db()
        assert book.shelf == first
        assert log.of(Book) == {updated(book)}

    def test_concurrent_increments_are_all_counted(self, shelves, elsewhere):
        book = Book.objects.create(shelf=shelves[0])
        self.waiting(
            elsewhere,
            lambda: Book.objects.update(pages=F("pages") + 1, shelf=shelves[1]),
            then=lambda: Book.objects.update(pages=F("pages") + 1),
        )
        book.refresh_from_db()
        assert (book.pages, book.shelf) == (2, shelves[1])

    def test_every_write_is_logged(self, shelves, capture, vendor):
        """Two writers move rows back and forth: each written row is logged."""
        first, _ = shelves
        Book.objects.bulk_create([Book(shelf=first) for _ in range(20)])
        log = Log()
        counts = []

        def move(here, there):
            for _ in range(15):
                with transaction.atomic():
                    count = Book.objects.filter(shelf=here).update(shelf=there, pages=F("pages") + 1)
                counts.append(count)

        writers = [
            threading.Thread(target=in_thread, args=(lambda a=a, b=b: move(a, b),))
            for a, b in (shelves, shelves[::-1])
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(seconds(60))
        written = sum(Book.objects.values_list("pages", flat=True))
        entry = Change.objects.filter(model="capture.book", pk__gt=log._last).count()
        assert written == sum(counts)
        statements = sum(count > 0 for count in counts)
        assert entry >= (statements if (capture, vendor) == ("orm", "mysql") else written)

    def test_foreign_key_to_a_row_under_update_does_not_wait(self, shelves, elsewhere, vendor):
        """Capture takes the lock of UPDATE itself, which is weaker than FOR UPDATE."""
        if vendor != "postgresql":
            pytest.skip("only PostgreSQL has the weaker lock")
        book = Book.objects.create(shelf=shelves[0])
        elsewhere.begin()
        elsewhere(lambda: Book.objects.filter(pk=book.pk).update(title="x", shelf=shelves[1]))
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
            Book.objects.create(shelf=shelves[0], sequel=book)
            cursor.execute("RESET lock_timeout")
        elsewhere.commit()


@pytest.mark.skipif("sqlite" not in str(connection.settings_dict["ENGINE"]), reason="about SQLite")
class TestOneWriterAtATime:
    def test_deferred_transaction_that_begins_with_an_update_waits_for_the_lock(self, shelves, elsewhere, monkeypatch):
        """If capture read before the first write, SQLite would refuse the write after another writer's commit."""
        book = Book.objects.create(shelf=shelves[0])
        monkeypatch.setattr(connection, "transaction_mode", "DEFERRED")
        elsewhere.begin()
        elsewhere(lambda: Book.objects.update(title="x"))
        release = threading.Timer(0.3, elsewhere.commit)
        release.start()
        with transaction.atomic():
            Book.objects.filter(pk=book.pk).update(pages=F("pages") + 1)
        release.join()
        book.refresh_from_db()
        assert (book.title, book.pages) == ("x", 1)


class TestNotLive:
    """A model without streams costs nothing."""

    def test_each_write_is_one_statement(self, db, django_assert_num_queries):
        page = Page.objects.create()
        with django_assert_num_queries(1):
            page.save()
        with django_assert_num_queries(1):
            Page.objects.update(text="x")
        with django_assert_num_queries(1):
            Page.objects.filter(text="x").delete()

    def test_live_rows_cost_no_extra_statement_on_postgresql(self, shelf, vendor, django_assert_num_queries):
        if vendor != "postgresql":
            pytest.skip("other databases cannot write the log within the statement")
        with django_assert_num_queries(1):
            book = Book.objects.create(shelf=shelf)
        with django_assert_num_queries(1):
            book.save()
        with django_assert_num_queries(1):
            Book.objects.filter(shelf__name="first").update(shelf=shelf)
        with django_assert_num_queries(1):
            Book.objects.filter(title="x")._raw_delete("default")

    def test_unwatch_restores_django(self, log, shelf, capture):
        orm.unwatch()
        try:
            assert not hasattr(orm.SQLUpdateCompiler.execute_sql, "__wrapped__")
            assert "execute_sql" not in vars(orm.SQLDeleteCompiler)
            Book.objects.create(shelf=shelf)
            assert bool(log.of(Book)) == (capture == "triggers")
        finally:
            install.install()

    def test_second_install_logs_no_change_twice(self, log, shelf):
        install.install()
        Book.objects.create(shelf=shelf)
        assert Change.objects.filter(pk__gt=log._last, model="capture.book").count() == 1


def in_thread(function):
    try:
        function()
    finally:
        connection.close()
