"""PostgreSQL: a NOTIFY follows each commit with changes for the log, and no other commit."""

from __future__ import annotations

import logging

import pytest
from django.db import IntegrityError, connection, transaction

from tests.changelog.conftest import change
from tests.models import Book, Shelf
from tests.support.waiting import seconds

pytestmark = pytest.mark.skipif("postgresql" not in connection.settings_dict["ENGINE"], reason="about PostgreSQL")


@pytest.fixture(autouse=True)
def quiet(log, monkeypatch):
    """Send a NOTIFY for each commit, unless a test sets another interval."""
    monkeypatch.setattr("realtime.changelog.postgresql.QUIET_SECONDS", 0.0)
    monkeypatch.setattr(log, "_notified", 0.0)
    return lambda seconds: monkeypatch.setattr("realtime.changelog.postgresql.QUIET_SECONDS", seconds)


@pytest.fixture
def notified_count(committed):
    """`notified_count()` returns the number of NOTIFYs since the last call."""
    listener = connection.copy()
    with listener.cursor() as cursor:
        cursor.execute("LISTEN realtime")

    def count():
        with connection.cursor() as cursor:
            cursor.execute("NOTIFY realtime, 'end'")
        for number, notified in enumerate(listener.connection.notifies(timeout=seconds(5))):
            if notified.payload == "end":
                return number
        raise AssertionError("The end did not arrive.")

    yield count
    listener.close()


def test_one_for_each_statement_outside_a_transaction(notified_count):
    shelf = Shelf.objects.create(name="a")
    notified_count()
    book = Book.objects.create(title="a", shelf=shelf)
    assert notified_count() == 1
    book.save()
    Book.objects.filter(title="a").update(title="b")
    book.delete()
    assert notified_count() == 3
    Book.objects.filter(title="b").update(title="c")
    assert notified_count() == 0
    shelf.delete()


def test_one_for_a_transaction_of_many_changes(notified_count, log):
    with transaction.atomic():
        log.append([change(1)])
        log.append([change(2)])
        with transaction.atomic():
            log.append([change(3)])
    assert notified_count() == 1


def test_one_after_a_rollback_to_a_savepoint(notified_count, log):
    with transaction.atomic():
        with transaction.atomic():
            log.append([change(1)])
            transaction.set_rollback(True)
        log.append([change(2)])
    assert notified_count() == 1


def test_none_after_a_rollback(notified_count, log):
    with transaction.atomic():
        log.append([change(1)])
        transaction.set_rollback(True)
    with pytest.raises(IntegrityError):
        Book.objects.create(title="a", shelf_id=0)
    assert notified_count() == 0


def test_one_for_commits_in_quick_succession(notified_count, log, quiet):
    quiet(60.0)
    for key in range(3):
        log.append([change(key)])
    assert notified_count() == 1
    quiet(0.0)
    log.append([change(4)])
    assert notified_count() == 1


def test_delayed_notify_does_not_replace_another_one(notified_count, log, quiet):
    """Django does not know a transaction that raw SQL has begun."""
    quiet(60.0)
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        log.append([change(1)])
        log.append([change(2)])
        cursor.execute("COMMIT")
    assert notified_count() == 1  # PostgreSQL merges two in one transaction
    assert log._notified == 0.0


def test_pipeline_notifies_through_a_cursor(notified_count, log):
    connection.ensure_connection()
    with connection.connection.pipeline():
        log.append([change(1)])
    assert notified_count() == 1


def test_commit_succeeds_even_if_notify_fails(notified_count, log, caplog, monkeypatch):
    monkeypatch.setattr("realtime.changelog.postgresql.POSTGRESQL_CHANNEL", "no channel")
    with caplog.at_level(logging.ERROR, "django"):
        log.append([change(1)])
    assert 'syntax error at or near "channel"' in caplog.text
    assert not connection.in_atomic_block
    monkeypatch.undo()
    log.append([change(1)])
    assert notified_count() == 1
