"""SQLite: how the commits of other processes are noticed, and that readers and writers leave one another alone."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from realtime.changelog.sqlite import SQLiteChangeLog

pytestmark = pytest.mark.skipif("sqlite" not in connection.settings_dict["ENGINE"], reason="about SQLite")


@pytest.fixture
def log(committed):
    return SQLiteChangeLog("default")


def test_log_has_moved_when_it_is_asked_first(log):
    assert log.moved()


def test_log_has_moved_when_another_connection_has_committed(log, write, elsewhere):
    log.moved()
    assert not log.moved()
    elsewhere(write, 1)
    assert (log.moved(), log.moved()) == (True, False)


def test_transaction_under_way_has_not_moved_it(log, write, elsewhere):
    log.moved()
    elsewhere.begin()
    elsewhere(write, 1)
    assert not log.moved()
    elsewhere.commit()
    assert log.moved()


@pytest.mark.parametrize("commits", range(4))
def test_number_that_another_connection_saw_is_not_compared(log, write, elsewhere, commits):
    """The reader's thread is another one after all clients have left, and a broken connection is opened again."""
    log.head()
    for number in range(commits):
        write(number)
    elsewhere(log.moved)
    write("missed")
    assert log.moved()


def test_snapshot_takes_no_writers_lock_where_transactions_begin_with_it(log, write, elsewhere):
    assert connection.transaction_mode == "IMMEDIATE"
    elsewhere.begin()
    with log.snapshot():
        pass
    elsewhere.commit()
    assert connection.transaction_mode == "IMMEDIATE"


def test_mode_of_transactions_is_restored_after_a_failure(log):
    with pytest.raises(ZeroDivisionError), log.snapshot():
        1 / 0  # noqa: B018
    assert connection.transaction_mode == "IMMEDIATE"
    with transaction.atomic():
        log.head()
