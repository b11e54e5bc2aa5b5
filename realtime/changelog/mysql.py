"""The log on MySQL and MariaDB: ids with the gaps between them, since ids are not in the order of commits.

A gap is a range of ids that were not visible while a later one was: of a transaction still under way, or of one rolled
back. It is waited for until the change behind it is older than `GAP_SECONDS`. Where the server counts in steps
(`auto_increment_increment`), as many gaps as there are changes become one, which leaves out every so many ids.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from django.db import transaction

from realtime.changelog.base import ROWS_PER_PRUNE, ChangeLog, Mark, Reading
from realtime.exceptions import CursorExpired

GAP_SECONDS = 60  # a transaction that stays open for longer after its first live write may be missed
MAX_GAPS = 100  # gaps that a cursor carries; more are joined, so that what is between them is read again

MAX_CELLS = 1000  # gaps of one width that become one; a bound for how long the first of them is waited for

_GAP = "[0-9]{1,18}-[0-9]{1,18}-[0-9]{1,18}(?:-[0-9]{1,4})?"
_GAPS = re.compile(f"{_GAP}(?:_{_GAP})*")


class Gap(NamedTuple):
    """Ids from `first` to `last`, but each `step`-th where it is not 0; `at` is the time of the change behind them."""

    first: int
    last: int
    at: int
    step: int = 0

    def __str__(self) -> str:
        return "-".join(map(str, self if self.step else self[:3]))

    @classmethod
    def parse(cls, text: str) -> Gap:
        """Raise `CursorExpired` for what is no gap; cursors come from clients."""
        gap = cls(*map(int, text.split("-")))
        if text.count("-") == 3 and (
            gap.step < 2 or (gap.last - gap.first + 2) % gap.step or not 2 <= gap.cells <= MAX_CELLS
        ):
            raise CursorExpired
        return gap

    @property
    def width(self) -> int:
        return self.step - 1 if self.step else self.last - self.first + 1

    @property
    def cells(self) -> int:
        return (self.last - self.first) // self.step + 1 if self.step else 1

    def plain(self) -> Iterator[Gap]:
        """The gaps that have become this one."""
        for first in range(self.first, self.last + 1, self.step or self.last - self.first + 1):
            yield Gap(first, first + self.width - 1, self.at)


class MySQLChangeLog(ChangeLog):
    """The log of one MySQL or MariaDB database."""

    # from UTC, since an hour of local time may come twice
    now_sql = "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)"

    def head(self) -> str:
        epoch, pruned = self._state()
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id, at FROM {self.table} WHERE at < {self.now_sql} - %s ORDER BY id DESC LIMIT 1",
                [GAP_SECONDS * 1000],
            )
            mark = Mark(*(cursor.fetchone() or (pruned, 0)))
            # what is missing among the younger ids may still commit
            cursor.execute(
                f"SELECT id, at, previous FROM (SELECT id, at, COALESCE(LAG(id) OVER (ORDER BY id), %s) AS previous"
                f" FROM {self.table} WHERE id > %s) c"
                f" WHERE id > previous + 1 OR id = (SELECT MAX(id) FROM {self.table}) ORDER BY id",
                [mark.id, mark.id],
            )
            rows = cursor.fetchall()
        gaps = [Gap(previous + 1, id - 1, at) for id, at, previous in rows if id > previous + 1]
        if rows:
            mark = Mark(*rows[-1][:2])
        return self._text(epoch, self._join(mark, gaps))

    def read(self, after: str, *, limit: int) -> Reading:
        epoch, position = self._position(after)
        marked, _, listed = position.partition("~")
        mark = Mark.parse(marked)
        if listed and not _GAPS.fullmatch(listed):
            raise CursorExpired
        gaps = [Gap.parse(part) for part in listed.split("_") if part]

        names = ("id", "model", "key", "operation", "routing", "at")
        columns = ", ".join(f"c.{self.columns[name]}" for name in names)
        among, bounds = "", list[int]()
        for gap in gaps:
            among += " OR c.id BETWEEN %s AND %s" + (" AND MOD(c.id - %s, %s) <> 0" if gap.step else "")
            bounds += [gap.first, gap.last, *([gap.first - 1, gap.step] if gap.step else [])]
        sql = (
            f"SELECT l.epoch, l.pruned, {self.now_sql}, {columns} FROM {self.log_table} l"
            f" LEFT JOIN {self.table} c ON c.id >= %s{among} WHERE l.id = 1 ORDER BY c.id LIMIT %s"
        )
        with self.connection.cursor() as cursor:
            cursor.execute(sql, [mark.id, *bounds, limit + 2])
            rows = cursor.fetchall()
        # what was in a gap may have come, and gone with the pruning
        if not rows or rows[0][0] != epoch or min([mark.id, *(gap.first - 1 for gap in gaps)]) < rows[0][1]:
            raise CursorExpired
        if len(rows) == limit + 2:
            return Reading((), self.head(), complete=False)

        found = [row[3:] for row in rows if row[3] is not None]
        known = [row for row in found if row[0] == mark.id]
        if known and known[0][-1] == mark.at:
            found.remove(known[0])
        elif mark.id > rows[0][1]:
            raise CursorExpired
        if len(found) > limit:
            return Reading((), self.head(), complete=False)

        seen = [(row[0], row[-1]) for row in found]
        left = [*_without(gaps, [id for id, _ in seen]), *_between(mark, seen)]
        horizon = rows[0][2] - GAP_SECONDS * 1000
        cursor_now = self._join(Mark(*max([*seen, mark])), [gap for gap in left if gap.at >= horizon])
        return Reading([self._logged(row[:-1]) for row in found], self._text(epoch, cursor_now))

    @staticmethod
    def _join(mark: Mark, gaps: Sequence[Gap]) -> str:
        joined = _merged(gaps)
        while len(joined) > MAX_GAPS:
            joined = [
                Gap(one.first, max(one.last, other.last), max(one.at, other.at))
                for one, other in zip(joined[::2], [*joined[1::2], joined[-1]], strict=False)
            ]
        return f"{mark}~{'_'.join(map(str, joined))}" if joined else str(mark)

    def _prune_some(self, horizon: int) -> int:
        horizon = min(horizon, int((time.time() - GAP_SECONDS) * 1000))  # what is in a gap may still come
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT MAX(id) FROM {self.old_rows}", [ROWS_PER_PRUNE, horizon])
            (last,) = cursor.fetchone()
            if last is None:
                return 0
            cursor.execute(f"UPDATE {self.log_table} SET pruned = GREATEST(pruned, %s) WHERE id = 1", [last])
            cursor.execute(f"DELETE FROM {self.table} WHERE id <= %s", [last])
            return int(cursor.rowcount)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self.connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with transaction.atomic(using=self.alias):
            yield


def _between(mark: Mark, seen: Sequence[tuple[int, int]]) -> Iterator[Gap]:
    """The gaps behind the mark, among ids in their order."""
    previous = mark.id
    for id, at in seen:
        if id > previous + 1:
            yield Gap(previous + 1, id - 1, at)
        previous = max(previous, id)


def _without(gaps: Iterable[Gap], ids: Sequence[int]) -> Iterator[Gap]:
    """What is left of gaps when these ids, in their order, have come."""
    for gap in gaps:
        came = ids[bisect_left(ids, gap.first) : bisect_right(ids, gap.last)]
        if gap.step:
            yield from _without(gap.plain(), came) if came else [gap]
            continue
        first = gap.first
        for id in came:
            if id > first:
                yield Gap(first, id - 1, gap.at)
            first = id + 1
        if first <= gap.last:
            yield Gap(first, gap.last, gap.at)


def _merged(gaps: Iterable[Gap]) -> list[Gap]:
    """Gaps of one width with a single id between them become one."""
    merged: list[Gap] = []
    for gap in gaps:
        last = merged[-1] if merged else None
        if (
            last is not None
            and gap.first == last.last + 2
            and gap.width == last.width < MAX_CELLS
            and gap.cells + last.cells <= MAX_CELLS
        ):
            merged[-1] = Gap(last.first, gap.last, max(last.at, gap.at), gap.width + 1)
        else:
            merged.append(gap)
    return merged
