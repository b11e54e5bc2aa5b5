"""RecentChanges: the changes of the last ticks, for clients that resume from one of their cursors."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from enum import Enum
from itertools import chain, islice
from typing import Final

from realtime.changelog.base import LoggedChange

MAX_TICKS = 1000  # ticks whose changes are remembered
LOOKS = 3  # comparisons of a cursor with others before it counts as different from them


class TooMany(Enum):
    """Stands for changes that exceed the limit, or that the log no longer has."""

    TOO_MANY = "too many"


TOO_MANY: Final = TooMany.TOO_MANY

Changes = Sequence[LoggedChange] | TooMany

IsOlder = Callable[[str, str], bool]
"""Returns whether the second cursor includes everything that the first one does."""


class RecentChanges:
    """Cursors in order of age, and the changes between them, up to a total number of changes.

    `is_older` compares the ages of two cursors. A cursor's `mark` is the id of the newest change that it includes.
    """

    def __init__(self, max_changes: int, is_older: IsOlder) -> None:
        self.max_changes = max_changes
        self._is_older = is_older
        # by cursor: the changes after it, up to the next one
        self._ticks: OrderedDict[str, Sequence[LoggedChange]] = OrderedDict()
        self._marks: list[int] = []  # of these cursors
        self._count = 0

    def add(self, before: str, mark: int, changes: Sequence[LoggedChange]) -> None:
        """Add the changes after a cursor, up to the next cursor to be added."""
        if before not in self._ticks:
            self._marks.append(mark)
        self._ticks[before] = [*self._ticks.get(before, ()), *changes]
        self._count += len(changes)
        self._forget()

    def insert(self, cursor: str, mark: int, changes: Sequence[LoggedChange]) -> None:
        """Insert an older cursor with all changes after it."""
        place = bisect_right(self._marks, mark)
        cursors = list(self._ticks)
        before, after = cursors[:place], cursors[place:]
        if cursor in self._ticks or (before and not self._is_older(before[-1], cursor)):
            return
        if after and not self._is_older(cursor, after[0]):
            return
        since = self.since(after[0]) if after else ()
        known = set() if since is TOO_MANY else {change.id for change in since}
        own = [change for change in changes if change.id not in known]
        ticks = list(self._ticks.items())
        if before:
            ids = {change.id for change in changes}
            ticks[place - 1] = before[-1], [change for change in ticks[place - 1][1] if change.id not in ids]
        self._ticks = OrderedDict([*ticks[:place], (cursor, own), *ticks[place:]])
        self._marks.insert(place, mark)
        self._count = sum(map(len, self._ticks.values()))
        self._forget()

    def before(self, cursor: str, mark: int) -> str | None:
        """Return the newest known cursor that is older than this one."""
        place = bisect_right(self._marks, mark)
        for known in reversed(list(islice(self._ticks, max(0, place - LOOKS), place))):
            if self._is_older(known, cursor):
                return known
        return None

    def mark(self, cursor: str) -> int:
        """Return the mark of a known cursor."""
        return self._marks[list(self._ticks).index(cursor)]

    def knows(self, cursor: str) -> bool:
        """Return whether the changes after it are remembered."""
        return cursor in self._ticks

    def since(self, cursor: str) -> Changes:
        """Return all changes from a cursor to the last tick; `TOO_MANY` if they are not remembered."""
        if cursor not in self._ticks:
            return TOO_MANY
        start = list(self._ticks).index(cursor)
        return list(chain.from_iterable(islice(self._ticks.values(), start, None)))

    def clear(self) -> None:
        self._ticks.clear()
        self._marks.clear()
        self._count = 0

    def _forget(self) -> None:
        while self._count > self.max_changes or len(self._ticks) > MAX_TICKS:
            _, forgotten = self._ticks.popitem(last=False)
            self._count -= len(forgotten)
            del self._marks[0]
