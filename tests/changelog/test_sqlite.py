"""SQLite: commits of other processes are noticed, and readers and writers do not block each other."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from realtime.changelog.sqlite import SQLiteChangeLog

pytestmark = pytest.mark.skipif("sqlite" not in connection.settings_dict["ENGINE"], reason="about SQLite")


@pytest.fixture
def log(committed):
    return SQLiteChangeLog("default")


def test_first_call_reports_changes(log):
    assert log.moved()


def test_commit_of_another_connection_is_reported(log, write, elsewhere):
    log.moved()
    assert not log.moved()
    elsewhere(write, 1)
    assert (log.moved(), log.moved()) == (True, False)


def test_open_transaction_is_not_reported(log, write, elsewhere):
    log.moved()
    elsewhere.begin()
    elsewhere(write, 1)
    assert not log.moved()
    elsewhere.commit()
    assert log.moved()


@pytest.mark.parametrize("commits", range(4))
def test_data_version_of_another_connection_is_not_compared(log, write, elsewhere, commits):
    """The reader's thread changes after all clients have left, and a broken connection is reopened."""
    log.head()
    for number in range(commits):
        write(number)
    elsewhere(log.moved)
    write("missed")
    assert log.moved()


def test_snapshot_takes_no_write_lock_in_immediate_mode(log, write, elsewhere):
    assert connection.transaction_mode == "IMMEDIATE"
    elsewhere.begin()
    with log.snapshot():
        pass
    elsewhere.commit()
    assert connection.transaction_mode == "IMMEDIATE"


def test_transaction_mode_is_restored_after_a_failure(log):
    with pytest.raises(ZeroDivisionError), log.snapshot():
        1 / 0  # noqa: B018
    assert connection.transaction_mode == "IMMEDIATE"
    with transaction.atomic():
        log.head()
