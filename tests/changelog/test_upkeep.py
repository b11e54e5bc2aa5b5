"""Upkeep: writers prune the log after some commits, without counted queries and without waiting for locks."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from django.db import connection, transaction
from django.db.utils import ConnectionHandler
from django.test.utils import CaptureQueriesContext

from realtime.changelog import get_changelog, upkeep
from realtime.models import Change, Log
from tests.models import Book, Shelf
from tests.support.transactions import wait_for_older_transactions


@pytest.fixture
def shelf(committed) -> Shelf:
    """Create a shelf after many old changes."""
    shelf = Shelf.objects.create(name="one")
    for number in range(20):
        Book.objects.create(shelf=shelf, title=str(number))
    Change.objects.update(at=1)
    wait_for_older_transactions()
    return shelf


@pytest.fixture(autouse=True)
def always(monkeypatch, shelf):
    monkeypatch.setattr(upkeep, "COMMITS_PER_PRUNE", 0)
    monkeypatch.setattr(upkeep, "MAX_SECONDS", 60)  # enough on a busy machine


def test_writer_prunes_old_changes_without_counted_queries(shelf):
    before = Change.objects.count()
    with CaptureQueriesContext(connection) as queries:
        Book.objects.create(shelf=shelf, title="new")
    assert (before >= 20, Change.objects.count(), Log.objects.get().pruned > 0) == (True, 1, True)
    assert not [query["sql"] for query in queries.captured_queries if "DELETE" in query["sql"]]


def test_changes_within_the_retention_stay(shelf, settings):
    settings.REALTIME_RETENTION_SECONDS = 1e10
    before = Change.objects.count()
    Book.objects.create(shelf=shelf, title="new")
    assert Change.objects.count() > before


def test_nothing_is_pruned_before_the_commit(shelf):
    before = Change.objects.count()
    with transaction.atomic():
        Book.objects.create(shelf=shelf, title="new")
        assert Change.objects.count() > before
    assert Change.objects.count() == 1


def test_one_commit_in_many_prunes(shelf, monkeypatch):
    monkeypatch.setattr(upkeep, "COMMITS_PER_PRUNE", 2)
    draws = iter([0.6, 0.4])
    monkeypatch.setattr("realtime.changelog.upkeep.random.random", lambda: next(draws))
    Book.objects.create(shelf=shelf, title="new")
    assert Change.objects.count() > 20
    Book.objects.create(shelf=shelf, title="newer")
    assert Change.objects.count() <= 2


def test_pruning_continues_after_the_next_commit(shelf, monkeypatch):
    monkeypatch.setattr(upkeep, "MAX_SECONDS", 0)
    Book.objects.create(shelf=shelf, title="new")
    assert Change.objects.count() > 20
    monkeypatch.undo()
    monkeypatch.setattr(upkeep, "MAX_SECONDS", 60)
    Book.objects.create(shelf=shelf, title="newer")
    assert Change.objects.count() <= 2


def test_pruning_does_not_wait_for_a_lock(shelf, elsewhere):
    log = get_changelog("default")
    before = Change.objects.count()
    elsewhere.begin()
    elsewhere(Log.objects.update, epoch="locked")
    log._prune_after_commit()
    assert Change.objects.count() == before
    elsewhere.commit()
    log._prune_after_commit()
    assert Change.objects.count() == 1


def test_commit_that_fails_leaves_no_transaction_open(tmp_path):
    name = str(tmp_path / "no_wal.sqlite3")  # in SQLite's own journal mode, a reader blocks the COMMIT
    writer = ConnectionHandler({"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": name}})["default"]
    with closing(writer), closing(sqlite3.connect(name, isolation_level=None)) as reader:
        with writer.cursor() as cursor:
            cursor.execute("CREATE TABLE log (id)")
            cursor.execute("INSERT INTO log VALUES (1)")
        reader.execute("BEGIN")
        assert reader.execute("SELECT id FROM log").fetchall() == [(1,)]
        kept = upkeep.Upkeep()
        kept.after_commit(writer, lambda cursor: (cursor.execute("DELETE FROM log").rowcount, False))
        assert not writer.connection.in_transaction
        reader.execute("COMMIT")
        with writer.cursor() as cursor:
            cursor.execute("INSERT INTO log VALUES (2)")
        assert reader.execute("SELECT id FROM log ORDER BY id").fetchall() == [(1,), (2,)]


def test_transaction_of_raw_sql_is_not_ended(shelf):
    before = Change.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        Book.objects.create(shelf=shelf, title="new")
        cursor.execute("ROLLBACK")
    assert (Book.objects.filter(title="new").exists(), Change.objects.count()) == (False, before)


def test_no_pruning_if_the_driver_does_not_report_transactions(shelf, monkeypatch):
    before = Change.objects.count()
    monkeypatch.setattr(upkeep, "reports_transactions", lambda driver: False)
    Book.objects.create(shelf=shelf, title="new")
    assert Change.objects.count() == before + 1
