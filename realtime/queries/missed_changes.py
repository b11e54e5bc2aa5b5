"""MissedChanges: the changes since clients' cursors, read from the log once for cursors that are near each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

from realtime.changelog.base import ChangeLog, LoggedChange
from realtime.exceptions import CursorExpired
from realtime.queries.recent_changes import TOO_MANY, Changes, RecentChanges

CHEAP_CHANGES = 100  # so few are cheap to read from the log, and to follow


def _epoch(cursor: str) -> str:
    return cursor.partition(".")[0]


class MissedChanges:
    """The changes after older cursors of one log: those of recent ticks are remembered, others are read.

    `limit` is the number of changes beyond which all rows are read instead.
    """

    def __init__(self, log: ChangeLog, limit: int) -> None:
        self._log = log
        self._limit = limit
        self._recent = RecentChanges(limit, self._is_older)
        self._last: str | None = None  # the cursor of the last tick
        self._now = ""  # and of this one
        self._changes: Changes = TOO_MANY  # from there to this tick's
        self._here = 0  # the newest change that this tick has seen
        self._floor: int | None = None  # a cursor before it has missed too many changes
        self._starts: dict[str, str] = {}  # by cursor: the one that represents those near it
        self._readings: dict[str, Changes] = {}  # the changes after older cursors
        self._read_now: dict[str, Sequence[LoggedChange]] = {}  # those for which the log was read

    def begin(self, last: str | None, cursor: str, changes: Changes) -> None:
        """Begin a tick that has read the changes from the last tick's cursor to this one."""
        self._last, self._now, self._changes, self._here = last, cursor, changes, self._log.mark(cursor).id

    def end(self) -> None:
        """End a tick: the next one sees another state of the database."""
        self._starts.clear()
        self._readings.clear()
        self._read_now = {}
        self._floor = None

    @property
    def read_now(self) -> Mapping[str, Sequence[LoggedChange]]:
        """The changes after those cursors for which this tick has read the log."""
        return self._read_now

    def remember(self, cursor: str, older: Mapping[str, Sequence[LoggedChange]]) -> None:
        """Remember the changes of a successful tick, which ends at this cursor, and those after `older` cursors."""
        if self._last is None or self._changes is TOO_MANY:
            self._recent.clear()
        elif self._last != cursor:
            self._recent.add(self._last, self._log.mark(self._last).id, self._changes)
        for each, changes in older.items():
            self._recent.insert(each, self._log.mark(each).id, changes)

    def find_starts(self, present: str, cursors: set[str]) -> None:
        """Let clients that resume from nearby cursors share one of these, or a known one, as the start.

        Changes are followed once per group, and the log is read only for groups that are not remembered. A client
        is sent at most twice the changes that it has missed, because the distances in a group differ at most by a
        factor of two.
        """
        epoch = _epoch(present)
        groups: defaultdict[int, list[str]] = defaultdict(list)
        distances: dict[str, int] = {}
        for cursor in sorted(cursors - {self._last or ""}):
            self._readings[cursor] = TOO_MANY  # unless it is of this log
            with suppress(CursorExpired):
                self._log.oldest([cursor])
                distance = self._here - self._log.mark(cursor).id
                if _epoch(cursor) == epoch and distance >= 0:
                    distances[cursor] = distance
        unknown = [cursor for cursor in distances if not self._recent.knows(cursor)]
        invalid = self._log.invalid_cursors(unknown) if unknown else ()
        for cursor, distance in distances.items():
            if cursor not in invalid:
                del self._readings[cursor]
                groups[distance.bit_length()].append(cursor)
        for group in groups.values():
            start = self._log.oldest(group)
            mark = self._log.mark(start).id
            known = self._recent.before(start, mark) if self._here - mark > CHEAP_CHANGES else None
            if known is not None and self._here - self._recent.mark(known) <= 2 * (self._here - mark):
                start = known
            self._starts.update(dict.fromkeys(group, start))

    def is_read(self, cursor: str | None) -> bool:
        """Return whether a client can be updated from this cursor without reading the log."""
        return cursor is None or cursor == self._last or self._starts.get(cursor, cursor) in self._readings

    def knows(self, cursor: str) -> bool:
        """Return whether all changes since this cursor, of an earlier tick, are remembered."""
        remembered = cursor == self._last or self._recent.knows(cursor)
        return cursor == self._now or (self._changes is not TOO_MANY and remembered)

    def start(self, cursor: str | None) -> str | None:
        """Return the cursor from which to update a client: its own, or an older one that represents it."""
        start = None if cursor is None else self._starts.get(cursor, cursor)
        if start is not None and start != cursor and self.since(start) is TOO_MANY:
            return cursor  # the older one is too old
        return start

    def since(self, cursor: str) -> Changes:
        """Return all changes from a cursor to this tick."""
        if cursor not in self._readings:
            self._readings[cursor] = self._read_since(cursor)
        return self._readings[cursor]

    def _read_since(self, cursor: str) -> Changes:
        if self._changes is not TOO_MANY and cursor == self._last:
            return self._changes
        if self._changes is not TOO_MANY and (recent := self._recent.since(cursor)) is not TOO_MANY:
            return [*recent, *self._changes]
        try:
            if self._is_too_old(cursor):
                return TOO_MANY
            reading = self._log.read(cursor, limit=self._limit)
        except CursorExpired:
            return TOO_MANY
        if not reading.complete:
            return TOO_MANY
        self._read_now[cursor] = reading.changes
        return reading.changes

    def _is_too_old(self, cursor: str) -> bool:
        """Return whether too much has changed since then, as far as is known without reading the changes."""
        mark = self._log.mark(cursor).id
        if self._here - mark <= self._limit:
            return False
        if self._floor is None:
            self._floor = self._log.floor(self._limit)
        return mark < self._floor

    def _is_older(self, cursor: str, other: str) -> bool:
        try:
            return self._log.oldest([cursor, other]) == cursor
        except CursorExpired:
            return False
