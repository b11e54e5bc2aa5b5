"""The log on MySQL and MariaDB: ids with the gaps before them, since ids are not in the order of commits.

A gap is an id that was not visible while a later one was: a transaction still under way, or one rolled back. It is
waited for until a change behind it is older than `GAP_SECONDS`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from realtime.changelog.base import ROWS_PER_PRUNE, ChangeLog, Mark, Reading
from realtime.exceptions import CursorExpired

GAP_SECONDS = 60  # a transaction that stays open for longer after its first live write may be missed
MAX_GAPS = 200  # ids that a cursor carries; more, and it is taken for expired


class MySQLChangeLog(ChangeLog):
    """The log of one MySQL or MariaDB database."""

    now_sql = "CAST(ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000) AS SIGNED)"

    def head(self) -> str:
        epoch, pruned, _ = self._state()
        with self.connection.cursor() as cursor:
            # what is missing among the recent ids may still commit
            cursor.execute(
                f"SELECT id, at FROM {self.table} WHERE at >= %s"
                f" OR id = (SELECT MAX(id) FROM {self.table}) ORDER BY id",
                [self._gap_horizon()],
            )
            rows = cursor.fetchall()
        if not rows:
            return self._text(epoch, str(Mark(pruned, 0)))
        return self._text(epoch, self._join(Mark(*rows[-1]), self._gaps(rows[0][0], rows)))

    def read(self, after: str, *, limit: int) -> Reading:
        epoch, position = self._position(after)
        try:
            marked, _, listed = position.partition("~")
            mark = Mark.parse(marked)
            gaps = [int(gap) for gap in listed.split("_")] if listed else []
        except ValueError:
            raise CursorExpired from None
        if len(gaps) > MAX_GAPS:
            raise CursorExpired

        names = ("id", "model", "key", "operation", "routing", "call", "at")
        columns = ", ".join(f"c.{self.columns[name]}" for name in names)
        among = f"c.id IN ({', '.join(['%s'] * len(gaps))})" if gaps else "FALSE"
        sql = (
            f"SELECT l.epoch, l.pruned, {columns} FROM {self.log_table} l"
            f" LEFT JOIN {self.table} c ON c.id >= %s OR {among} WHERE l.id = 1 ORDER BY c.id LIMIT %s"
        )
        with self.connection.cursor() as cursor:
            cursor.execute(sql, [mark.id, *gaps, limit + 2])
            rows = cursor.fetchall()
        if not rows or rows[0][0] != epoch or mark.id < rows[0][1]:
            raise CursorExpired

        found = [row[2:] for row in rows if row[2] is not None]
        known = [row for row in found if row[0] == mark.id]
        if known and known[0][-1] == mark.at:
            found.remove(known[0])
        elif mark.id > rows[0][1]:
            raise CursorExpired
        if len(found) > limit:
            return Reading((), self.head(), complete=False)

        horizon = self._gap_horizon()
        behind = [(row[0], row[-1]) for row in [*known, *found]]
        seen = {id for id, _ in behind}
        still = [gap for gap in gaps if gap not in seen] if mark.at >= horizon else []
        opened = self._gaps(mark.id, [row for row in behind if row[0] >= mark.id])
        late = [gap for gap in opened if any(at >= horizon for id, at in behind if id > gap)]
        last = Mark(*max([*behind, mark]))
        return Reading([self._logged(row[:-1]) for row in found], self._text(epoch, self._join(last, [*still, *late])))

    @staticmethod
    def _gaps(first: int, rows: list[tuple[int, int]]) -> list[int]:
        present = {id for id, _ in rows}
        return [id for id in range(first, max(present, default=first)) if id not in present][-MAX_GAPS:]

    @staticmethod
    def _join(mark: Mark, gaps: list[int]) -> str:
        return f"{mark}~{'_'.join(map(str, gaps))}" if gaps else str(mark)

    def _prune_some(self, horizon: int) -> int:
        horizon = min(horizon, self._gap_horizon())  # what is in a gap may still come
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT MAX(id) FROM (SELECT id FROM {self.table} WHERE at < %s"
                f" AND id < (SELECT MAX(id) FROM {self.table}) ORDER BY id LIMIT %s) old",
                [horizon, ROWS_PER_PRUNE],
            )
            (last,) = cursor.fetchone()
            if last is None:
                return 0
            cursor.execute(f"UPDATE {self.log_table} SET pruned = GREATEST(pruned, %s) WHERE id = 1", [last])
            cursor.execute(f"DELETE FROM {self.table} WHERE id <= %s", [last])
            return int(cursor.rowcount)

    @staticmethod
    def _gap_horizon() -> int:
        return int((time.time() - GAP_SECONDS) * 1000)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self.connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with transaction.atomic(using=self.alias):
            yield
