"""The log on MySQL and MariaDB. Ids are not in commit order, so a position is an id and the gaps before it.

A gap is a range of ids that were not visible while a later id was. Their transaction was still open, or rolled back.
Readers keep a gap until the change after it is older than `GAP_SECONDS`. If the server counts in steps
(`auto_increment_increment`), each change follows a gap; such gaps are merged into one that excludes every n-th id.

The text of a cursor has few gaps: gaps close to each other are joined, and the changes between them are read again.
The process that made a cursor remembers its exact gaps for a while.

`head` starts at a checkpoint, a position in the log's own row, which busy writers and readers advance. Because the
checkpoint is in the database, a transaction that sees it also sees every change that it has seen.
"""

from __future__ import annotations

import re
import threading
import time
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from heapq import nlargest
from itertools import pairwise
from typing import Any, NamedTuple

from django.db import DatabaseError, transaction

from realtime.changelog.base import ROWS_PER_PRUNE, ChangeLog, Mark, NewChange, Reading
from realtime.exceptions import CursorExpired
from realtime.models import Change

GAP_SECONDS = 60  # a transaction that stays open longer after its first live write may be missed
LOCKED = ((1205,), (3572,))  # error codes of a locked row: MariaDB, MySQL
INCORRECT_VALUE = (1366,)  # an OperationalError in mysqlclient
MAX_GAPS = 100  # of a position; more are joined, and the changes between them are read again
TEXT_GAPS = 2  # in the text of a cursor
MAX_REMEMBERED = 256  # cursors whose gaps are remembered
ROWS_PER_STEP = 2000  # changes of which ids and times are read at once
CHECKPOINT_ROWS = 1000  # changes read by ticks before the checkpoint is advanced
CHECKPOINT_STEPS = 5  # in one transaction

MAX_CELLS = 1000  # gaps of one width that are merged; this bounds how long the first one is kept

_GAP = "[0-9]{1,18}-[0-9]{1,18}-[0-9]{1,18}(?:-[0-9]{1,4})?"
_GAPS = re.compile(f"{_GAP}(?:_{_GAP})*")
DIGEST = 8  # characters
_DIGEST = re.compile(f"[0-9a-f]{{{DIGEST}}}")


class Gap(NamedTuple):
    """Ids from `first` to `last`, except each `step`-th (0: none); `at` is the time of the change after them."""

    first: int
    last: int
    at: int
    step: int = 0

    def __str__(self) -> str:
        return "-".join(map(str, self if self.step else self[:3]))

    @classmethod
    def parse(cls, text: str) -> Gap:
        """Parse a gap. Raise `CursorExpired` if it is invalid; cursors come from clients."""
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

    def split(self) -> Iterator[Gap]:
        """Yield the gaps that were merged into this one."""
        for first in range(self.first, self.last + 1, self.step or self.last - self.first + 1):
            yield Gap(first, first + self.width - 1, self.at)


class MySQLChangeLog(ChangeLog):
    """The log of one MySQL or MariaDB database."""

    # UTC, because an hour of local time may occur twice
    now_sql = "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)"
    exists_sql = (
        "SELECT CONCAT('`', REPLACE(DATABASE(), '`', '``'), '`.') FROM information_schema.tables"
        f" WHERE table_schema = DATABASE() AND table_name = '{Change._meta.db_table}'"
    )

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        self._exact_gaps: OrderedDict[str, list[Gap]] = OrderedDict()  # by cursor, the most recently used last
        self._lock = threading.Lock()
        self._since_checkpoint = 0  # changes that ticks have read since the last checkpoint

    def _is_value_error(self, error: DatabaseError) -> bool:
        return super()._is_value_error(error) or error.args[:1] == INCORRECT_VALUE

    def head(self, *, rows: int | None = None) -> str:
        epoch, pruned, checkpoint = self._state()
        with self.connection.cursor() as cursor:
            position, _ = self._advance(cursor, checkpoint, pruned, rows)
        return self._cursor(epoch, position)

    def _advance(self, cursor: Any, checkpoint: str, pruned: int, rows: int | None) -> tuple[Position, bool]:
        """Advance from the checkpoint over `rows` changes, or all; return the position, and whether it is the end."""
        position = _checkpoint_position(checkpoint, pruned)
        ids = set[int]()
        while rows is None or len(ids) <= rows:
            condition, bounds = _gap_condition(position.gaps)
            cursor.execute(
                f"SELECT id, at, {self.now_sql} FROM {self.table} WHERE id >= %s{condition} ORDER BY id LIMIT %s",
                [position.mark.id, *bounds, ROWS_PER_STEP + 1],
            )
            found = cursor.fetchall()
            at_end = len(found) <= ROWS_PER_STEP
            from_mark = [row[:2] for row in found if row[0] >= position.mark.id]
            if position.mark.id > pruned and (from_mark or at_end) and from_mark[:1] != [position.mark]:
                position = Position(Mark(pruned, 0), [])  # the log was restored or emptied
                continue
            if found:
                position = position.advance([row[:2] for row in found if row[:2] != position.mark], found[0][2])
            if at_end:
                return position, True
            ids.update(row[0] for row in found)
        return position, False

    def mark(self, cursor: str) -> Mark:
        return Mark.parse(self._position(cursor)[1].partition("~")[0])

    def oldest(self, cursors: Sequence[str]) -> str:
        epoch = self._position(cursors[0])[0]
        found = [self._exact_position(cursor) for cursor in cursors]
        mark = min(position.mark for position in found)
        # everything after the mark is read again, gaps or not
        missing = {gap for position in found for gap in position.gaps if gap.first <= mark.id}
        for own, cursor in zip(found, cursors, strict=True):
            if own.mark == mark and missing <= set(own.gaps):
                return cursor
        return self._cursor(epoch, Position(mark, sorted(missing)))

    def _exact_position(self, cursor: str) -> Position:
        """Return the position of a cursor, with its exact gaps if they are remembered, or those of its text."""
        position = Position.parse(self._position(cursor)[1])
        with self._lock:
            if cursor in self._exact_gaps:
                self._exact_gaps.move_to_end(cursor)
                return Position(position.mark, self._exact_gaps[cursor])
        return position

    def _cursor(self, epoch: str, position: Position) -> str:
        gaps = _join_gaps(position.gaps, MAX_GAPS)
        text = self._text(epoch, str(Position(position.mark, gaps)))
        if len(gaps) <= TEXT_GAPS:
            return text
        # the digest distinguishes cursors that differ only in joined gaps
        brief = Position(position.mark, _join_gaps(gaps, TEXT_GAPS))
        cursor = self._text(epoch, f"{brief}~{sha256(text.encode()).hexdigest()[:DIGEST]}")
        with self._lock:
            self._exact_gaps[cursor] = gaps
            self._exact_gaps.move_to_end(cursor)
            while len(self._exact_gaps) > MAX_REMEMBERED:
                self._exact_gaps.popitem(last=False)
        return cursor

    def read(self, after: str, *, limit: int) -> Reading:
        epoch, _ = self._position(after)
        position = self._exact_position(after)
        mark, gaps = position

        condition, bounds = _gap_condition(gaps, "c.id")
        sql = (
            f"SELECT l.epoch, l.pruned, {self.now_sql}, {self.read_columns} FROM {self.log_table} l"
            f" LEFT JOIN {self.table} c ON c.id >= %s{condition} WHERE l.id = 1 ORDER BY c.id LIMIT %s"
        )
        with self.connection.cursor() as cursor:
            cursor.execute(sql, [mark.id, *bounds, limit + 2])
            rows = cursor.fetchall()
        # a change in a gap may have been committed and pruned
        if not rows or rows[0][0] != epoch or min([mark.id, *(gap.first - 1 for gap in gaps)]) < rows[0][1]:
            raise CursorExpired
        if len(rows) == limit + 2:
            return Reading((), self.head(), complete=False)

        found = self._after(mark, [row[3:] for row in rows if row[3] is not None], rows[0][1])
        if len(found) > limit:
            return Reading((), self.head(), complete=False)

        now = position.advance([(row[0], row[-1]) for row in found], rows[0][2])
        self._since_checkpoint += len(found)
        return Reading([self._logged(row[:-1]) for row in found], self._cursor(epoch, now))

    def _insert(self, changes: Sequence[NewChange]) -> None:
        super()._insert(changes)
        self._upkeep.count(len(changes))

    def _prune_some(self, cursor: Any, horizon: int) -> tuple[int, bool]:
        horizon = min(horizon, int((time.time() - GAP_SECONDS) * 1000))  # changes in a gap may still be committed
        if not self._lock_log_row(cursor):
            return 0, False
        cursor.execute(f"SELECT MAX(id) FROM {self.old_rows}", [ROWS_PER_PRUNE, horizon])
        (last,) = cursor.fetchone()
        count = 0
        if last is not None:
            cursor.execute(f"UPDATE {self.log_table} SET pruned = GREATEST(pruned, %s) WHERE id = 1", [last])
            cursor.execute(f"DELETE FROM {self.table} WHERE id <= %s", [last])
            count = int(cursor.rowcount)
        at_end = self._advance_checkpoint(cursor)
        return count, count == ROWS_PER_PRUNE or not at_end

    def _lock_log_row(self, cursor: Any) -> bool:
        """Lock the log's row, so that one process prunes at a time; return whether it could be locked."""
        try:
            cursor.execute(f"SELECT 1 FROM {self.log_table} WHERE id = 1 FOR UPDATE NOWAIT")
        except Exception as error:
            if error.args[:1] in LOCKED:
                return False
            raise
        return True

    def _advance_checkpoint(self, cursor: Any) -> bool:
        """Advance the checkpoint, with the log's row locked; return whether it reached the end."""
        cursor.execute(f"SELECT pruned, checkpoint FROM {self.log_table} WHERE id = 1")
        pruned, checkpoint = cursor.fetchone() or (0, "")
        position, at_end = self._advance(cursor, checkpoint, pruned, CHECKPOINT_STEPS * ROWS_PER_STEP)
        text = str(Position(position.mark, _join_gaps(position.gaps, MAX_GAPS)))
        cursor.execute(f"UPDATE {self.log_table} SET checkpoint = %s WHERE id = 1", [text])
        return at_end

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self.connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with transaction.atomic(using=self.alias):
            yield
        if self._since_checkpoint >= CHECKPOINT_ROWS:
            self._since_checkpoint = 0
            with transaction.atomic(using=self.alias), self.connection.cursor() as cursor:
                if self._lock_log_row(cursor):
                    self._advance_checkpoint(cursor)


class Position(NamedTuple):
    """A reader's position: it has seen all changes up to the mark, except those in the gaps."""

    mark: Mark
    gaps: Sequence[Gap]

    def __str__(self) -> str:
        return f"{self.mark}~{'_'.join(map(str, self.gaps))}" if self.gaps else str(self.mark)

    @classmethod
    def parse(cls, text: str) -> Position:
        """Parse a position. Raise `CursorExpired` if it is malformed; cursors come from clients."""
        mark, _, listed = text.partition("~")
        listed, _, digest = listed.partition("~")
        if (listed and not _GAPS.fullmatch(listed)) or (digest and not _DIGEST.fullmatch(digest)):
            raise CursorExpired
        return cls(Mark.parse(mark), [Gap.parse(part) for part in listed.split("_") if part])

    def advance(self, seen: Sequence[tuple[int, int]], now: int) -> Position:
        """Return the position after these changes have been seen too (ids with their times, in order)."""
        left = [*_remaining_gaps(self.gaps, [id for id, _ in seen]), *_gaps_between(self.mark, seen)]
        horizon = now - GAP_SECONDS * 1000
        return Position(Mark(*max([*seen, self.mark])), [gap for gap in left if gap.at >= horizon])


def _checkpoint_position(checkpoint: str, pruned: int) -> Position:
    """Return the position of a checkpoint, without gaps that have been pruned."""
    mark, gaps = Position.parse(checkpoint) if checkpoint else (Mark(0, 0), [])
    if mark.id <= pruned:
        return Position(Mark(pruned, 0), [])
    kept = [gap for gap in gaps if gap.last > pruned]
    return Position(mark, [gap if gap.first > pruned else Gap(pruned + 1, gap.last, gap.at) for gap in kept])


def _gap_condition(gaps: Iterable[Gap], column: str = "id") -> tuple[str, list[int]]:
    """Return SQL for ids in these gaps, which follows another condition, and its parameters."""
    condition, bounds = "", list[int]()
    for gap in gaps:
        condition += f" OR {column} BETWEEN %s AND %s" + (f" AND MOD({column} - %s, %s) <> 0" if gap.step else "")
        bounds += [gap.first, gap.last, *([gap.first - 1, gap.step] if gap.step else [])]
    return condition, bounds


def _join_gaps(gaps: Sequence[Gap], most: int) -> list[Gap]:
    """Return at most this many gaps, by joining those that are close to each other."""
    merged = _merge_gaps(gaps)
    if len(merged) <= most:
        return merged
    wide = nlargest(most - 1, range(1, len(merged)), key=lambda place: merged[place].first - merged[place - 1].last)
    parts = [merged[start:end] for start, end in pairwise([0, *sorted(wide), len(merged)])]
    return [
        part[0] if len(part) == 1 else Gap(part[0].first, max(gap.last for gap in part), max(gap.at for gap in part))
        for part in parts
    ]


def _gaps_between(mark: Mark, seen: Sequence[tuple[int, int]]) -> Iterator[Gap]:
    """Yield the gaps after the mark, between ids in order."""
    previous = mark.id
    for id, at in seen:
        if id > previous + 1:
            yield Gap(previous + 1, id - 1, at)
        previous = max(previous, id)


def _remaining_gaps(gaps: Iterable[Gap], ids: Sequence[int]) -> Iterator[Gap]:
    """Yield the parts of the gaps that remain after these ids, in order, have been seen."""
    for gap in gaps:
        seen = ids[bisect_left(ids, gap.first) : bisect_right(ids, gap.last)]
        if gap.step:
            yield from _remaining_gaps(gap.split(), seen) if seen else [gap]
            continue
        first = gap.first
        for id in seen:
            if id > first:
                yield Gap(first, id - 1, gap.at)
            first = id + 1
        if first <= gap.last:
            yield Gap(first, gap.last, gap.at)


def _merge_gaps(gaps: Iterable[Gap]) -> list[Gap]:
    """Merge gaps of the same width that have a single id between them."""
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
