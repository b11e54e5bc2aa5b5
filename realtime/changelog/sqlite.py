"""The log on SQLite. One transaction writes at a time, so ids are in commit order, and a position is an id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from realtime.changelog.base import ROWS_PER_PRUNE, ChangeLog, Mark, Reading
from realtime.exceptions import CursorExpired
from realtime.models import Change


class SQLiteChangeLog(ChangeLog):
    """The log of one SQLite file."""

    poll_seconds = 0.1  # `moved` costs microseconds
    flow_poll_seconds = 0.05
    now_sql = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"
    exists_sql = f"SELECT '' FROM sqlite_master WHERE type = 'table' AND name = '{Change._meta.db_table}'"

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        self._version: tuple[object, int] | None = None  # the connection, and its data_version

    def head(self, *, rows: int | None = None) -> str:
        epoch, pruned, _ = self._state()
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT id, at FROM {self.table} ORDER BY id DESC LIMIT 1")
            row = cursor.fetchone()
        return self._text(epoch, str(Mark(*row) if row else Mark(pruned, 0)))

    def mark(self, cursor: str) -> Mark:
        return Mark.parse(self._position(cursor)[1])

    def oldest(self, cursors: Sequence[str]) -> str:
        return min(cursors, key=self.mark)

    def read(self, after: str, *, limit: int) -> Reading:
        epoch, position = self._position(after)
        mark = Mark.parse(position)

        # one statement reads one state of the file: the log's row, the mark, and the changes after it
        sql = (
            f"SELECT l.epoch, l.pruned, {self.read_columns} FROM {self.log_table} l"
            f" LEFT JOIN {self.table} c ON c.id >= %s WHERE l.id = 1 ORDER BY c.id LIMIT %s"
        )
        with self.connection.cursor() as cursor:
            cursor.execute(sql, [mark.id, limit + 2])
            rows = cursor.fetchall()
        if not rows or rows[0][0] != epoch or mark.id < rows[0][1]:
            raise CursorExpired

        found = self._after(mark, [row[2:] for row in rows if row[2] is not None], rows[0][1])
        if len(found) > limit:
            return Reading((), self.head(), complete=False)
        last = Mark(found[-1][0], found[-1][-1]) if found else mark
        return Reading([self._logged(row[:-1]) for row in found], self._text(epoch, str(last)))

    def _prune_some(self, cursor: Any, horizon: int) -> tuple[int, bool]:
        cursor.execute(f"SELECT MAX(id) FROM {self.old_rows}", [ROWS_PER_PRUNE, horizon])
        (last,) = cursor.fetchone()
        if last is None:
            return 0, False
        cursor.execute(f"UPDATE {self.log_table} SET pruned = %s WHERE id = 1", [last])
        cursor.execute(f"DELETE FROM {self.table} WHERE id <= %s", [last])
        count = int(cursor.rowcount)
        return count, count == ROWS_PER_PRUNE

    def moved(self) -> bool:
        # data_version changes when another connection has committed: https://www.sqlite.org/pragma.html#pragma_data_version
        with self.connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            (version,) = cursor.fetchone()
        # each connection has its own count
        now = (self.connection.connection, version)
        before, self._version = self._version, now
        return before != now

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        # a reader must not take the write lock, even if the project's transaction mode is IMMEDIATE
        connection = self.connection
        connection.ensure_connection()
        mode, connection.transaction_mode = connection.transaction_mode, "DEFERRED"
        try:
            with transaction.atomic(using=self.alias):
                yield
        finally:
            connection.transaction_mode = mode
