"""PostgreSQL: a position is a snapshot, which clients return as text."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from realtime.changelog.base import NewChange
from realtime.exceptions import CursorExpired
from realtime.models import Change, Log
from tests.support.transactions import wait_for_older_transactions

pytestmark = pytest.mark.skipif("postgresql" not in connection.settings_dict["ENGINE"], reason="about PostgreSQL")


@pytest.mark.parametrize(
    "snapshot",
    ["0:5:", "5:3:", "3:5:9", "3:5:5", "3:9:2", "3:9:5,4", "3:9:4,4", "3:9:4,", "3:9", "\u0663:9:", "3:9: 4", ""],
)
def test_invalid_snapshot_has_expired(log, write, snapshot):
    write(1)
    epoch, _, position = log.head().partition(".")
    mark = position.partition("~")[2]
    with transaction.atomic(), pytest.raises(CursorExpired):
        log.read(f"{epoch}.{snapshot}~{mark}", limit=10)


def test_cursor_contains_transactions_in_progress(log, write, read, elsewhere):
    elsewhere.begin()
    elsewhere(write, "early")
    write("late")
    cursor = log.head()
    snapshot = cursor.partition(".")[2].partition("~")[0]
    elsewhere.commit()

    early = Change.objects.get(key="early").transaction
    assert str(early) in snapshot.split(":")[2].split(",")
    assert read(cursor)[0] == ["early"]


def test_savepoint_counts_as_its_transaction(log, write, read, elsewhere):
    elsewhere.begin()

    def inside_a_savepoint():
        with transaction.atomic():
            write("early")

    elsewhere(inside_a_savepoint)
    write("late")
    cursor = log.head()
    elsewhere.commit()
    assert read(cursor)[0] == ["early"]


def test_changes_of_a_restored_dump_are_not_read_repeatedly(log, write, read):
    """A restored dump has transaction ids that this server has not reached."""
    write("dumped", "too")
    Change.objects.update(transaction=10**15)
    cursor = log.head()
    write("new")
    assert read(cursor)[0] == ["new"]


def test_cursors_of_a_server_with_higher_transaction_ids_expire(log, write):
    write(1)
    epoch, _, position = log.head().partition(".")
    mark = position.partition("~")[2]
    with pytest.raises(CursorExpired):
        log.read(f"{epoch}.{10**15}:{10**15}:~{mark}", limit=10)


def test_cursor_taken_during_an_old_transaction_survives_pruning(log, write, read, elsewhere):
    elsewhere.begin()
    elsewhere(write, "early")
    write(1, 2, 3)
    cursor = log.head()
    Change.objects.filter(key__in=["1", "2"]).update(at=1)  # the newest is the cursor's mark
    log.prune(older_than=60)
    assert read(cursor)[0] == []
    elsewhere.commit()
    assert read(cursor)[0] == ["early"]


def test_changes_are_pruned_after_an_old_transaction_has_ended(log, write, elsewhere):
    elsewhere.begin()
    elsewhere(write, "early")
    write(1, 2, 3)
    Change.objects.update(at=1)
    assert log.prune(older_than=60) == 0
    elsewhere.commit()
    wait_for_older_transactions()
    assert log.prune(older_than=60) == 2


def test_log_works_after_a_restore_from_a_server_with_higher_transaction_ids(log, write, read):
    write("dumped", "too")
    Change.objects.update(transaction=10**15, at=1)
    Log.objects.update(pruned_transaction=10**15 - 1)
    cursor = log.head()
    write("new")
    assert read(cursor)[0] == ["new"]

    wait_for_older_transactions()
    assert log.prune(older_than=60) == 2
    assert Log.objects.get().pruned_transaction == 0
    cursor = log.head()
    write("newer")
    assert read(cursor)[0] == ["newer"]


def test_read_fetches_only_new_changes_during_an_old_transaction(log, elsewhere):
    """It does not fetch all changes since the old transaction began."""
    with connection.cursor() as cursor:
        elsewhere.begin()
        elsewhere(Log.objects.filter(pk=2).delete)  # takes a transaction id
        for _ in range(3):  # separate transactions
            cursor.execute(
                "INSERT INTO realtime_change (model, key, operation, transaction, at) SELECT 'tests.book', n, 'u',"
                " pg_current_xact_id()::text::bigint, 0 FROM generate_series(1, 1000) n"
            )
        cursor.execute("ANALYZE realtime_change")
        head = log.head()
        log.append([NewChange("tests.book", "new", "u")])
        with transaction.atomic():
            fetched = _fetched(cursor)
            assert [change.key for change in log.read(head, limit=100).changes] == ["new"]
            assert _fetched(cursor) - fetched < 100


def _fetched(cursor) -> int:
    """Return the number of rows of the log that this transaction has read."""
    cursor.execute(
        "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
        " WHERE relname = 'realtime_change'"
    )
    return cursor.fetchone()[0]


def test_snapshot_is_of_one_moment_and_leaves_the_connection_as_it_was(log):
    def level() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            return str(cursor.fetchone()[0])

    with log.snapshot():
        assert level() == "repeatable read"
    with pytest.raises(ZeroDivisionError), log.snapshot():
        raise ZeroDivisionError(level())
    with transaction.atomic():
        assert level() == "read committed"


def test_snapshot_takes_no_statement_beside_those_of_its_transaction(log):
    with CaptureQueriesContext(connection) as queries, log.snapshot():
        log.head()
    assert not [query["sql"] for query in queries if "ISOLATION" in query["sql"]]


def test_snapshot_of_a_lost_connection_fails_as_its_statement_does(log):
    with pytest.raises(OperationalError), log.snapshot(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    connection.close()
    with log.snapshot():
        assert log.head()
