"""The log on PostgreSQL. Ids are not in commit order, so a position is a snapshot.

A change is new if its transaction was not visible in the cursor's snapshot and is visible now. See "Transaction ID
and Snapshot Information Functions" in PostgreSQL's manual.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, transaction

from realtime.changelog.base import ROWS_PER_PRUNE, ChangeLog, Mark, Reading, origin
from realtime.exceptions import CursorExpired
from realtime.models import Change

POSTGRESQL_CHANNEL = "realtime"  # of NOTIFY
QUIET_SECONDS = 0.005  # between two NOTIFY of one process
IDLE = 0  # libpq's PQTRANS_IDLE
REPEATABLE_READ = 3  # psycopg's IsolationLevel
_SNAPSHOT = re.compile("([0-9]{1,18}):([0-9]{1,18}):([0-9]{1,18}(?:,[0-9]{1,18})*)?")


class PostgreSQLChangeLog(ChangeLog):
    """The log of one PostgreSQL database, version 13 and up."""

    triggers_wake = True
    errors_end_transactions = True
    row_stamps = ("pg_current_xact_id()::text::bigint", "(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    transaction_sql = f"(SELECT {row_stamps[0]})"  # a subquery is evaluated once per statement
    now_sql = f"(SELECT {row_stamps[1]})"
    exists_sql = (
        "SELECT quote_ident(nspname) || '.' FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        f" WHERE pg_class.oid = to_regclass('{Change._meta.db_table}')"
    )

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        self._notified = -QUIET_SECONDS  # monotonic time of the last NOTIFY

    def head(self, *, rows: int | None = None) -> str:
        epoch, pruned, _ = self._state()
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT pg_current_snapshot()::text, c.id, c.at FROM (SELECT 1) one"
                f" LEFT JOIN LATERAL (SELECT id, at FROM {self.table} ORDER BY id DESC LIMIT 1) c ON true"
            )
            snapshot, id, at = cursor.fetchone()
        mark = Mark(pruned, 0) if id is None else Mark(id, at)
        return self._text(epoch, f"{snapshot}~{mark}")

    def mark(self, cursor: str) -> Mark:
        return Mark.parse(self._position(cursor)[1].partition("~")[2])

    def oldest(self, cursors: Sequence[str]) -> str:
        epoch = self._position(cursors[0])[0]
        found = [(_parse_snapshot(self._position(cursor)[1].partition("~")[0]), cursor) for cursor in cursors]
        ends = min(xmax for (_, xmax, _), _ in found)
        unseen = {xid for (_, _, running), _ in found for xid in running if xid < ends}
        mark = min(map(self.mark, cursors))
        for (_, xmax, running), cursor in found:
            if xmax == ends and unseen <= set(running) and self.mark(cursor) == mark:
                return cursor
        between = ",".join(map(str, sorted(unseen)))
        return self._text(epoch, f"{min(unseen, default=ends)}:{ends}:{between}~{mark}")

    def _confirms(self, cursor: str, mark: Mark, row: tuple[int, int | None] | None) -> bool:
        if row is None or row[0] != mark.at or row[1] is None:
            return False
        _, xmax, running = _parse_snapshot(self._position(cursor)[1].partition("~")[0])
        return row[1] < xmax and row[1] not in running  # it has seen its own mark

    def read(self, after: str, *, limit: int) -> Reading:
        epoch, position = self._position(after)
        snapshot, _, marked = position.partition("~")
        mark = Mark.parse(marked)
        xmin, xmax, running = _parse_snapshot(snapshot)

        sql = (
            f"SELECT l.epoch, l.pruned, l.pruned_transaction, pg_current_snapshot()::text, {self.read_columns}"
            f" FROM {self.log_table} l LEFT JOIN {self.table} c ON c.id = %s"
            # not visible in the snapshot: transactions that were running then, and those that began since
            f" OR c.transaction = ANY(%s)"
            # a restored dump has transaction ids that this server has yet to reach
            f" OR (c.transaction >= %s AND c.transaction < pg_snapshot_xmax(pg_current_snapshot())::text::bigint)"
            f" WHERE l.id = 1 ORDER BY c.id LIMIT %s"
        )
        with self.connection.cursor() as cursor:
            cursor.execute(sql, [mark.id, running, xmax, limit + 2])
            rows = cursor.fetchall()
        if not rows or rows[0][0] != epoch:
            raise CursorExpired
        _, _, pruned_transaction, now = rows[0][:4]
        next_xid = int(now.split(":")[1])
        if next_xid < xmax:  # transactions that this database has not seen yet
            raise CursorExpired
        if xmin <= pruned_transaction < next_xid:
            raise CursorExpired

        found = self._after(mark, [row[4:] for row in rows if row[4] is not None], rows[0][1])
        if len(found) > limit:
            return Reading((), self.head(), complete=False)
        last = max((Mark(row[0], row[-1]) for row in found), default=mark)
        return Reading([self._logged(row[:-1]) for row in found], self._text(epoch, f"{now}~{max(last, mark)}"))

    def _prune_some(self, cursor: Any, horizon: int) -> tuple[int, bool]:
        # the row's lock lets one process prune at a time
        cursor.execute(f"SELECT 1 FROM {self.log_table} WHERE id = 1 FOR UPDATE SKIP LOCKED")
        if cursor.fetchone() is None:
            return 0, False
        cursor.execute("SELECT pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text FROM pg_current_snapshot() s")
        oldest, next_xid = map(int, cursor.fetchone())
        # changes after the oldest running transaction stay, because cursors taken meanwhile start there
        cursor.execute(
            f"WITH gone AS (DELETE FROM {self.table} WHERE id IN (SELECT id FROM {self.old_rows})"
            f" AND (transaction < %s OR transaction >= %s) RETURNING id, transaction)"
            f" SELECT COUNT(*), MAX(id), MAX(transaction) FILTER (WHERE transaction < %s) FROM gone",
            [ROWS_PER_PRUNE, horizon, oldest, next_xid, next_xid],
        )
        count, last, last_transaction = cursor.fetchone()
        if count:
            # a restored dump has transaction ids that this server has yet to reach, which must not count here
            cursor.execute(
                f"UPDATE {self.log_table} SET pruned = GREATEST(pruned, %s), pruned_transaction = GREATEST("
                f"CASE WHEN pruned_transaction < %s THEN pruned_transaction ELSE 0 END, %s) WHERE id = 1",
                [last, next_xid, last_transaction or 0],
            )
        return int(count), count == ROWS_PER_PRUNE

    def _wake_hubs(self) -> None:
        super()._wake_hubs()
        now = time.monotonic()
        if now < self._notified + QUIET_SECONDS:
            return
        # after the commit, because NOTIFY in a transaction makes all commits of the database wait for one lock
        notify = f"NOTIFY {POSTGRESQL_CHANNEL}, '{origin()}'"
        pgconn = getattr(self.connection.connection, "pgconn", None)
        if pgconn is None or pgconn.pipeline_status:  # another driver, or a pipeline
            if not self.connection.get_autocommit():
                return  # NOTIFY would begin a transaction; polling finds the change
            with self.connection.cursor() as cursor:
                cursor.execute(notify)
            return
        # psycopg 3: through libpq, because a cursor costs more than the NOTIFY
        result = pgconn.exec_(notify.encode())
        if result.error_message:
            raise DatabaseError(result.error_message.decode(errors="replace").strip())
        if pgconn.transaction_status == IDLE:  # otherwise a transaction that Django does not know delays it
            self._notified = now

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        connection = self.connection
        connection.ensure_connection()
        driver = connection.connection
        if not hasattr(driver, "pgconn"):  # another driver than psycopg 3
            with transaction.atomic(using=self.alias):
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                yield
            return
        level, driver.isolation_level = driver.isolation_level, REPEATABLE_READ  # BEGIN says it: one statement less
        try:
            with transaction.atomic(using=self.alias):
                yield
        finally:
            if connection.connection is driver and driver.pgconn.transaction_status == IDLE:  # not if it was lost
                driver.isolation_level = level


def _parse_snapshot(snapshot: str) -> tuple[int, int, list[int]]:
    """Return xmin, xmax and the running transactions of a snapshot. Raise `CursorExpired` if it is invalid."""
    match = _SNAPSHOT.fullmatch(snapshot)
    if match is None:
        raise CursorExpired
    xmin, xmax = int(match[1]), int(match[2])
    running = [int(xid) for xid in match[3].split(",")] if match[3] else []
    # in ascending order and within the bounds; for anything else, PostgreSQL raises an error
    ranks = [xmin - 1, *running, xmax]
    if not 0 < xmin <= xmax or ranks != sorted(set(ranks)):
        raise CursorExpired
    return xmin, xmax, running
