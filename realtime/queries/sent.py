"""SentRows: the rows last sent to all subscribers of a live query, so that only what differs is sent again."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from msgspec import Raw

from realtime.protocol.live_text import GrowingText
from realtime.protocol.patches import make_patch
from realtime.queries.text_field import growth

MOST_PATCHES = 200  # of one delta, since each takes up to some milliseconds; further rows are sent whole
MOST_BYTES = 16 * 1024 * 1024  # of the rows that are remembered for one log
WITHHELD_SECONDS = 5.0  # for which a row is not sent, while subscribers are sent what differs as live text
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
    refers: bool  # a patch refers to live text
    whole: Collection[str]  # the keys of rows that subscribers who take no patches have in an unknown version


class _Pending(NamedTuple):
    """What a delta brings. Nothing of it counts until the delta was sent: a round may fail."""

    rows: Mapping[str, Raw]
    gone: Collection[str]
    before: Mapping[str, str | None] | None  # the row before each, if only changed rows were read
    changed: Collection[str]
    unmoved: Collection[str]
    withheld: Collection[str] = ()


class RowMemory:
    """Bounds the rows that the live queries of one log remember. Those that were sent longest ago are forgotten."""

    def __init__(self) -> None:
        self.texts: Mapping[tuple[str, str], Mapping[str, GrowingText]] = {}  # by model and key, then by field
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

    def __init__(self, memory: RowMemory, model: str = "") -> None:
        self.number = 0  # of the last delta
        self.withheld: dict[str, float] = {}  # rows that were not sent, and since when, by the monotonic clock
        self.texts: Collection[tuple[str, str]] = ()  # the live texts that subscribers are sent, by key and field
        self._model = model
        self._withheld_now: set[str] = set()
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
        base, patches, whole = 0, dict[str, Raw | None](), set[str]()
        compared, refers = 0, False
        self._withheld_now = set()
        for key, row in rows.items():
            if (sent := self._rows.get(key)) is None:
                continue
            if key in self.withheld:
                whole.add(key)
            if sent.row == row:
                patches[key] = None
            elif (grown := growth(sent.row, row, self._texts_of(key))) is not None:
                if grown.is_all and self._may_withhold(key):
                    self._withheld_now.add(key)
                    whole.add(key)
                patches[key] = None if key in self._withheld_now else grown.patch
                refers = refers or key not in self._withheld_now
            elif compared == MOST_PATCHES:
                continue
            else:
                compared += 1
                if (patch := make_patch(bytes(sent.row), bytes(row))) is None:
                    continue
                patches[key] = Raw(patch)
            base = min(base or sent.number, sent.number)
        return Known(base, patches, refers, whole)

    def _texts_of(self, key: str) -> Mapping[str, GrowingText]:
        """Return the live texts of a row that subscribers are sent, by field."""
        texts = self._memory.texts.get((self._model, key), {})
        return {field: text for field, text in texts.items() if (key, field) in self.texts}

    def _may_withhold(self, key: str) -> bool:
        if any(text.is_complete for text in self._texts_of(key).values()):
            return False
        return time.monotonic() < self.withheld.get(key, math.inf) + WITHHELD_SECONDS

    def overdue(self) -> list[str]:
        """Return the keys of rows that were withheld for long enough, or whose live text has ended."""
        return [key for key in self.withheld if not self._may_withhold(key) or not self._texts_of(key)]

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
        self._pending = _Pending(rows, gone, before, changed, unmoved, self._withheld_now)
        self._withheld_now = set()

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
            if key in pending.withheld:
                self.withheld.setdefault(key, time.monotonic())
                continue
            self.withheld.pop(key, None)
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

    def row(self, key: str) -> Raw | None:
        """Return the JSON of a row as it was sent last; None if that is not remembered."""
        sent = self._rows.get(key)
        return None if sent is None else sent.row

    def drop(self, key: str) -> None:
        """Forget a row."""
        self._displace(key)
        self._rows.pop(key, None)
        self.withheld.pop(key, None)
        self._memory.release(self, key)

    def forget(self) -> None:
        """Forget all rows."""
        for key in list(self._rows):
            self.drop(key)
