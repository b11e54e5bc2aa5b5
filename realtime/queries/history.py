"""History: rows that entered or left live queries in recent ticks, for clients that reconnect."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from itertools import islice

from realtime.queries.livequery import LiveQuery
from realtime.queries.membership import Members, Past

MAX_TICKS = 1000
MAX_KEYS = 10_000  # keys of rows that have entered or left, in total


class History:
    """Members that entered and left after each recent cursor."""

    def __init__(self) -> None:
        self.number = 0  # of the next tick
        self._ticks: OrderedDict[str, tuple[int, Mapping[int, Members]]] = OrderedDict()  # by the cursor before
        self._keys = 0

    def add(self, before: str, members: Mapping[int, Members]) -> None:
        """Record the members that entered and left after the cursor, by live query id."""
        if before in self._ticks:  # the cursor has occurred again, so it no longer identifies a tick
            self.clear()
        self._ticks[before] = self.number, members
        self.number += 1
        self._keys += _size(members)
        while self._keys > MAX_KEYS or len(self._ticks) > MAX_TICKS:
            _, (_, forgotten) = self._ticks.popitem(last=False)
            self._keys -= _size(forgotten)

    def opened(self, query: LiveQuery) -> None:
        """Note that the history of this live query is complete from now on."""
        query.opened = self.number

    def past(self, cursor: str | None, query: LiveQuery, now: Members) -> Past | None:
        """Return what has entered and left since a cursor, including `now`; None if unknown.

        A cursor of None means the last tick's.
        """
        found = [now]
        if cursor is not None:
            if cursor not in self._ticks or self._ticks[cursor][0] < query.opened:
                return None
            start = list(self._ticks).index(cursor)
            later = [members for _, members in islice(self._ticks.values(), start, None)]
            found = [*(members[query.id] for members in later if query.id in members), now]
        if any(members.reordered for members in found):
            return None
        past: dict[str, bool] = {}
        for members in found:
            for key in members.added:
                past.setdefault(key, False)
            for key in members.removed:
                past.setdefault(key, True)
        return past

    def clear(self) -> None:
        self._ticks.clear()
        self._keys = 0


def _size(members: Mapping[int, Members]) -> int:
    return sum(len(each.added) + len(each.removed) for each in members.values())
