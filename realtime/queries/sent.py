"""SentRows: the rows last sent to all subscribers of a live query, so that only what differs is sent again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from msgspec import Raw

from realtime.protocol.patches import make_patch

MOST_PATCHES = 200  # of one delta, since each takes up to some milliseconds; further rows are sent whole
MOST_BYTES = 16 * 1024 * 1024  # of the rows that are remembered for one log
ROW_BYTES = 300  # beside its JSON, about


class SentRow(NamedTuple):
    """A row's JSON, and the number of the delta that brought it."""

    row: Raw
    number: int


class Known(NamedTuple):
    """The rows that subscribers have in another version: the patch of each, None if it is the same.

    They have these versions if they have received all deltas from number `base` on.
    """

    base: int
    patches: dict[str, Raw | None]


class _Pending(NamedTuple):
    """What a delta brings. Nothing of it counts until the delta was sent: a round may fail."""

    rows: Mapping[str, Raw]
    gone: Collection[str]
    before: Mapping[str, str | None] | None  # the row before each, if only changed rows were read
    changed: Collection[str]
    unmoved: Collection[str]


class RowMemory:
    """Bounds the rows that the live queries of one log remember. Those that were sent longest ago are forgotten."""

    def __init__(self) -> None:
        self._bytes = 0
        self._sizes: OrderedDict[tuple[SentRows, str], int] = OrderedDict()

    def keep(self, sent: SentRows, key: str, size: int) -> None:
        self.release(sent, key)
        self._sizes[sent, key] = size
        self._bytes += size
        while self._bytes > MOST_BYTES:
            oldest, oldest_key = next(iter(self._sizes))
            oldest.drop(oldest_key)

    def release(self, sent: SentRows, key: str) -> None:
        self._bytes -= self._sizes.pop((sent, key), 0)


class SentRows:
    """The rows that deltas have sent to all subscribers, and the place of each that has not moved since.

    Every delta has a number. A subscriber has a row as it is here if it has received all deltas from the row's number
    on. Other subscribers may have a version of another moment ("two minutes ago"), or of a page that another process
    rendered.
    """

    __slots__ = ("_before", "_behind", "_memory", "_pending", "_rows", "number")

    def __init__(self, memory: RowMemory) -> None:
        self.number = 0  # of the last delta
        self._memory = memory
        self._rows: dict[str, SentRow] = {}
        self._before: dict[str, str | None] = {}  # the row before each
        self._behind: dict[str | None, str] = {}  # the row after each of those
        self._pending: _Pending | None = None

    def unmoved(
        self, rows: Collection[str], before: Mapping[str, str | None], changed: Collection[str]
    ) -> Collection[str]:
        """Return the changed rows that are still at the place where they were sent last."""
        # a row after a changed one may have moved with it
        return {
            key
            for key in rows
            if key in self._before and self._before[key] == before[key] and before[key] not in changed
        }

    def known(self, rows: Mapping[str, Raw]) -> Known:
        """Return the patches of these rows, as far as their last versions are remembered and patches are shorter."""
        base, patches = 0, dict[str, Raw | None]()
        compared = 0
        for key, row in rows.items():
            if (sent := self._rows.get(key)) is None:
                continue
            if sent.row == row:
                patches[key] = None
            elif compared == MOST_PATCHES:
                continue
            else:
                compared += 1
                if (patch := make_patch(bytes(sent.row), bytes(row))) is None:
                    continue
                patches[key] = Raw(patch)
            base = min(base or sent.number, sent.number)
        return Known(base, patches)

    def note(
        self,
        rows: Mapping[str, Any],
        gone: Collection[str],
        *,
        before: Mapping[str, str | None] | None = None,
        changed: Collection[str] = (),
        unmoved: Collection[str] = (),
    ) -> None:
        """Note the rows of the next delta, and those that leave. Call `confirm` when it was sent."""
        self.number += 1
        self._pending = _Pending(rows, gone, before, changed, unmoved)

    def note_reset(self) -> None:
        """Note that the next delta sends all rows."""
        self.number += 1
        self._pending = _Pending({}, tuple(self._rows), None, (), ())

    def confirm(self) -> None:
        """Remember what `note` has noted in this tick."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        if pending.before is None:
            self._before.clear()
            self._behind.clear()
        else:
            self._place(pending.before, pending)
        for key in pending.gone:
            self.drop(key)
        for key, row in pending.rows.items():
            self._rows[key] = SentRow(row, self.number)
            self._memory.keep(self, key, len(bytes(row)) + ROW_BYTES)

    def _place(self, before: Mapping[str, str | None], pending: _Pending) -> None:
        moved = [key for key in pending.rows if key not in pending.unmoved]
        for key in {*pending.changed, *moved}:
            if key not in pending.unmoved:
                self._displace(self._behind.get(key))
                self._displace(key)
        for key in moved:
            self._displace(self._behind.get(before[key]))  # another row is there now
        for key in moved:
            self._before[key], self._behind[before[key]] = before[key], key

    def _displace(self, key: str | None) -> None:
        if key is not None and key in self._before:
            self._behind.pop(self._before.pop(key), None)

    def common(self, keys: Collection[str]) -> list[str]:
        """Return those of these keys whose rows are remembered."""
        if len(keys) < len(self._rows):
            return [key for key in keys if key in self._rows]
        return [key for key in self._rows if key in keys]

    def row(self, key: str) -> Raw | None:
        """Return the last JSON of a row that was sent; None if it is not remembered."""
        sent = self._rows.get(key)
        return None if sent is None else sent.row

    def drop(self, key: str) -> None:
        """Forget a row."""
        self._displace(key)
        self._rows.pop(key, None)
        self._memory.release(self, key)

    def forget(self) -> None:
        """Forget all rows."""
        for key in list(self._rows):
            self.drop(key)
