"""SentRows: the rows last sent to all subscribers of a live query, so that only what differs is sent again."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from msgspec import Raw

from realtime.protocol.live_text import GrowingText
from realtime.protocol.patches import make_patch
from realtime.queries.text_field import Growth, growth, length

MOST_PATCHES = 200  # of one delta, since each takes up to some milliseconds; further rows are sent whole
WITHHELD_SECONDS = 5.0  # for which a row is not sent, while subscribers are sent what differs as live text
LATE_SECONDS = 0.1  # for which saved text is awaited as live text
ROW_BYTES = 300  # beside its JSON, about
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})  # shared by all live queries: most are idle


class SentRow(NamedTuple):
    """A row's JSON, and the number of the tick whose delta brought it."""

    row: Raw
    number: int


class Known(NamedTuple):
    """The rows that subscribers have in another version: the patch of each, None if it is the same.

    They have these versions if they have received all deltas from the tick `base` on.
    """

    base: int
    patches: dict[str, Raw | None]
    refers: bool  # a patch refers to live text
    whole: Collection[str]  # the keys of rows that subscribers who take no patches have in an unknown version


class Withheld(NamedTuple):
    """A row that is not sent, because subscribers are sent what differs as live text.

    Times are those of the monotonic clock. If text was saved before it has come as live text, `awaited` is the length
    that must come before `late`.
    """

    since: float
    cursor: str  # before its change
    awaited: int = 0
    late: float = math.inf

    @property
    def until(self) -> float:
        return min(self.since + WITHHELD_SECONDS, self.late)


class Pending(NamedTuple):
    """What a delta brings. Nothing of it counts until the delta was sent: a round may fail."""

    rows: Mapping[str, SentRow]
    gone: Collection[str]
    before: Mapping[str, str | None] | None  # the row before each, if only changed rows were read
    changed: Collection[str] = ()
    unmoved: Collection[str] = ()
    withheld: Mapping[str, Withheld] = NOTHING


class RowMemory:
    """Bounds the rows that the live queries of one log remember. Those that were sent longest ago are forgotten."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.texts: Mapping[tuple[str, str], Mapping[str, GrowingText]] = {}  # by model and key, then by field
        self.cursor = ""  # before the changes of this tick
        self.number = 1  # of this tick
        self.deltas: dict[Any, Any] = {}  # of this tick, by what they were made of
        self._bytes = 0
        self._sizes: OrderedDict[tuple[SentRows, str], int] = OrderedDict()

    def begin(self, cursor: str) -> None:
        """Begin a tick, after this cursor."""
        self.cursor = cursor
        self.number += 1

    def keep(self, sent: SentRows, key: str, size: int) -> None:
        place = sent, key
        self._bytes += size - self._sizes.pop(place, 0)
        self._sizes[place] = size
        while self._bytes > self.max_bytes:
            oldest, oldest_key = next(iter(self._sizes))
            oldest.evict(oldest_key)

    def release(self, sent: SentRows, key: str) -> None:
        self._bytes -= self._sizes.pop((sent, key), 0)


class SentRows:
    """The rows that deltas have sent to all subscribers, and the place of each that has not moved since.

    Every tick has a number. A subscriber has a row as it is here if it has received all deltas from the row's number
    on. Other subscribers may have a version of another moment ("two minutes ago"), or of a page that another process
    rendered.
    """

    __slots__ = (
        "_before",
        "_behind",
        "_caught_up",
        "_memory",
        "_model",
        "_pending",
        "_rows",
        "_withheld_now",
        "texts",
        "withheld",
    )

    def __init__(self, memory: RowMemory, model: str = "") -> None:
        self.withheld: Mapping[str, Withheld] = NOTHING  # by key
        self.texts: Collection[tuple[str, str]] = ()  # the live texts that subscribers are sent, by key and field
        self._model = model
        self._withheld_now: Mapping[str, Withheld] = NOTHING  # in this tick
        self._memory = memory
        self._rows: dict[str, SentRow] = {}
        # by key and field: if the saved text has become shorter, the length up to which clients have dropped live text
        self._caught_up: Mapping[Any, int] = NOTHING
        self._before: dict[str, str | None] = {}  # the row before each
        self._behind: dict[str | None, str] = {}  # the row after each of those
        self._pending: Pending | None = None

    def unmoved(
        self, rows: Collection[str], before: Mapping[str, str | None], changed: Collection[str]
    ) -> frozenset[str]:
        """Return the changed rows that are still at the place where they were sent last."""
        # a row after a changed one may have moved with it
        return frozenset(
            key
            for key in rows
            if key in self._before and self._before[key] == before[key] and before[key] not in changed
        )

    @property
    def deltas(self) -> dict[Any, Any]:
        """The deltas of this tick's live queries, by what they were made of."""
        return self._memory.deltas

    def last(self, rows: Collection[str]) -> tuple[SentRow | None, ...] | None:
        """Return these rows as they were sent last; None if live texts decide what is sent of them."""
        if self.withheld or self._memory.texts:
            return None
        return tuple(map(self._rows.get, rows))

    def known(self, rows: Mapping[str, Raw]) -> Known:
        """Return the patches of these rows, as far as their last versions are remembered and patches are shorter."""
        base, patches, whole = 0, dict[str, Raw | None](), set[str]()
        compared, refers = 0, False
        withheld: dict[str, Withheld] = {}
        for key, row in rows.items():
            if (sent := self._rows.get(key)) is None:
                continue
            if key in self.withheld:
                whole.add(key)
            if sent.row == row:
                patches[key] = None
            elif (grown := self._growth(key, sent.row, row)) is not None:
                if (found := self._withhold(key, grown)) is not None:
                    withheld[key] = found
                    whole.add(key)
                    patches[key] = None
                else:
                    patches[key], refers = grown.patch, True
            elif compared == MOST_PATCHES:
                continue
            else:
                compared += 1
                if (patch := make_patch(bytes(sent.row), bytes(row))) is None:
                    continue
                patches[key] = Raw(patch)
            base = min(base or sent.number, sent.number)
        self._withheld_now = withheld
        return Known(base, patches, refers, whole)

    def _growth(self, key: str, old: Raw, new: Raw) -> Growth | None:
        if not (texts := self._texts_of(key)):
            return None
        caught_up = {field: self._caught_up.get((key, field), 0) for field in texts} if self._caught_up else {}
        texts = {field: text for field, text in texts.items() if length(old, field) >= caught_up.get(field, 0)}
        found = growth(old, new, texts)
        if found is None:
            for field in texts:
                if length(new, field) < (was := length(old, field)):
                    self._caught_up = {**self._caught_up, (key, field): was}
        return found

    def _texts_of(self, key: str) -> Mapping[str, GrowingText]:
        """Return the live texts of a row that subscribers are sent, by field."""
        if not self._memory.texts:
            return NOTHING
        texts = self._memory.texts.get((self._model, key), {})
        return {field: text for field, text in texts.items() if (key, field) in self.texts}

    def _withhold(self, key: str, grown: Growth) -> Withheld | None:
        """Return how long the row is withheld; None if it must be sent."""
        if not grown.is_all or self._has_ended(key):
            return None
        now = time.monotonic()
        before = self.withheld.get(key) or Withheld(now, self._memory.cursor)
        if grown.sent >= before.awaited:
            waits = grown.length > grown.sent
            before = before._replace(
                awaited=grown.length if waits else 0, late=now + LATE_SECONDS if waits else math.inf
            )
        return before if now < before.until else None

    def _has_ended(self, key: str) -> bool:
        texts = self._texts_of(key)
        return not texts or any(text.is_complete for text in texts.values())

    def overdue(self) -> list[str]:
        """Return the keys of rows that were withheld for long enough, or whose live text has ended."""
        now = time.monotonic()
        return [key for key, withheld in self.withheld.items() if now >= withheld.until or self._has_ended(key)]

    def seconds(self) -> float:
        """Return the seconds until a row that was withheld must be sent; infinity if there is none."""
        return min((withheld.until for withheld in self.withheld.values()), default=math.inf) - time.monotonic()

    def note(
        self,
        rows: Mapping[str, Raw],
        gone: Collection[str],
        *,
        before: Mapping[str, str | None] | None = None,
        changed: Collection[str] = (),
        unmoved: Collection[str] = (),
    ) -> Pending:
        """Note the rows of the next delta, and those that leave. Call `confirm` when it was sent."""
        sent = {key: SentRow(row, self._memory.number) for key, row in rows.items()}
        self._pending = Pending(sent, gone, before, changed, unmoved, self._withheld_now)
        self._withheld_now = NOTHING
        return self._pending

    def note_alike(self, pending: Pending) -> None:
        """Note the same as another live query has noted, whose delta is shared."""
        self._pending = pending

    def note_reset(self) -> None:
        """Note that the next delta sends all rows."""
        self._pending = Pending({}, tuple({**self._rows, **self.withheld}), None)

    def confirm(self) -> None:
        """Remember what was noted in this tick."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        if pending.before is None:
            self._before.clear()
            self._behind.clear()
        elif len(pending.unmoved) < len(pending.changed):
            self._place(pending.before, pending)
        for key in pending.gone:
            self.drop(key)
        for key, sent in pending.rows.items():
            if key in pending.withheld:
                continue
            self._rows[key] = sent
            self._memory.keep(self, key, len(sent.row) + ROW_BYTES)
        if self.withheld or pending.withheld:
            left = {key: withheld for key, withheld in self.withheld.items() if key not in pending.rows}
            self.withheld = {**left, **pending.withheld}

    def _place(self, before: Mapping[str, str | None], pending: Pending) -> None:
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
        """Forget a row, which has left or is sent whole."""
        self._forget(key)
        if key in self.withheld:
            self.withheld = {other: withheld for other, withheld in self.withheld.items() if other != key}

    def evict(self, key: str) -> None:
        """Forget a row, because all rows take too much memory. If it was withheld, it is sent soon."""
        self._forget(key)
        if key in self.withheld:
            self.withheld = {**self.withheld, key: self.withheld[key]._replace(late=-math.inf)}

    def _forget(self, key: str) -> None:
        self._displace(key)
        self._rows.pop(key, None)
        if self._caught_up:
            self._caught_up = {name: at for name, at in self._caught_up.items() if name[0] != key}
        self._memory.release(self, key)

    def separate(self) -> SentRows:
        """Return what is sent to some of the subscribers from now on. Rows that were withheld are sent soon."""
        sent = SentRows(self._memory, self._model)
        sent.withheld = {key: withheld._replace(late=-math.inf) for key, withheld in self.withheld.items()}
        return sent

    def forget(self) -> None:
        """Forget all rows."""
        self.withheld = NOTHING
        for key in list(self._rows):
            self.drop(key)
