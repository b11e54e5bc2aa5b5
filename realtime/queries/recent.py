"""Recent: the changes of the last ticks, so that clients that come back at once do not each have the log read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import chain, islice

from realtime.changelog.base import LoggedChange

MAX_TICKS = 1000


class Recent:
    """The changes that came after each of the last cursors, up to so many changes in all."""

    def __init__(self, max_changes: int) -> None:
        self.max_changes = max_changes
        self._ticks: OrderedDict[str, Sequence[LoggedChange]] = OrderedDict()  # by the cursor before
        self._count = 0

    def add(self, before: str, changes: Sequence[LoggedChange]) -> None:
        """These changes came after the cursor, and before the next one that is added."""
        self._ticks[before] = [*self._ticks.pop(before, ()), *changes]
        self._count += len(changes)
        while self._count > self.max_changes or len(self._ticks) > MAX_TICKS:
            _, forgotten = self._ticks.popitem(last=False)
            self._count -= len(forgotten)

    def since(self, cursor: str) -> Sequence[LoggedChange] | None:
        """All changes after a cursor up to the last tick, or None where they are not remembered."""
        if cursor not in self._ticks:
            return None
        start = list(self._ticks).index(cursor)
        return list(chain.from_iterable(islice(self._ticks.values(), start, None)))

    def clear(self) -> None:
        self._ticks.clear()
        self._count = 0
