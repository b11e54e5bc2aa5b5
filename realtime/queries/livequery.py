"""LiveQuery: a QuerySet that browsers mirror. Computing its delta is the purpose of this package.

The database decides everything: which rows belong (by the QuerySet itself), and their order (by its own ordering, in
the database's own collation). Nothing of this is reimplemented in Python.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from realtime.conf import limits
from realtime.exceptions import StreamDefinitionError, TooManyRows
from realtime.protocol.codec import encode_puts
from realtime.protocol.live_text import TextName
from realtime.protocol.messages import Delta, Put
from realtime.queries import broken_rows
from realtime.queries.analysis import Analysis
from realtime.queries.fingerprint import of_keys, of_rows
from realtime.queries.membership import ALL_ROWS, Changed, LookedUp, Members, Past, Present
from realtime.queries.moves import befores, keys_in_place, keys_to_move
from realtime.queries.opening import PART_BYTES, PART_ROWS, Progress, RowsPart
from realtime.queries.plan import Maintenance, Plan
from realtime.queries.planner import Planner
from realtime.queries.query_key import query_key
from realtime.queries.rendering import Renderer, encode_row
from realtime.queries.row_reader import RowReader, check_size
from realtime.queries.sent import NOTHING, RowMemory, SentRows
from realtime.queries.shared_delta import SharedDelta
from realtime.queries.text_field import shows_text
from realtime.streams.keys import comparable_key
from realtime.streams.stream import ModelStream

FEW_ROWS = 32  # changed rows whose places are queried; for more, the keys of all rows are read
SMALL = 1000  # rows: reading all their keys is cheaper than querying many places
DIGEST_BYTES = 16
NO_ROWS: Final = LookedUp(frozenset(), NOTHING, NOTHING)  # likewise
UNCHANGED: Final = Members()

_ids = itertools.count(1)  # one connection may have live queries of several logs


class LiveQuery:
    """A stream with bound parameters, an audience and a format.

    `id` is its name in the protocol. `keys` are the keys of its rows at the cursor of its last delta, in order if that
    is needed. Callers of `delta` store its second result once the whole tick has succeeded.
    """

    def __init__(
        self,
        stream: ModelStream,
        format: str,
        memory: RowMemory | None = None,
        *,
        planner: Planner | None = None,
        render: Renderer | None = None,
    ) -> None:
        self.id = next(_ids)
        self.key = query_key(stream, format)
        self.seconds = 0.0  # spent on reading and rendering it
        self.stream = stream
        self.planner = planner or Planner(stream)
        self.reader = RowReader(self.planner, self.key, render or Renderer(stream, format))
        self.sent = SentRows(memory or RowMemory(limits.row_memory_bytes), stream.model._meta.label_lower)
        self.reordered = False  # unchanged rows have changed places in this tick
        self.opened = 0  # the number of the tick since which entering and leaving rows are known
        self.place: tuple[Any, Any] | None = None  # a family, and what it has found for this live query
        self._names: Collection[str] = ()  # of a live value, in place of keys
        self._keys: list[str] | set[str] = []
        self._keeps_digests = stream.compares_rows()  # of all rows, to find those that have changed
        self._shown: Mapping[str, bytes] = NOTHING  # if rows depend on other rows: a digest of each, with `keys`
        self._read: Mapping[str, bytes] = NOTHING  # the same, for keys that are not stored yet
        self._looked_up = NO_ROWS  # the changed rows that this tick has read, with their places
        self._same_key = comparable_key(stream.model)

    @property
    def keys(self) -> Collection[str]:
        return self._keys

    def store(self, present: Present) -> None:
        """Store what a tick has read as the current state."""
        if isinstance(present, Members):
            if present.removed or present.added:
                assert isinstance(self._keys, set)
                self._keys.difference_update(present.removed)
                self._keys.update(present.added)
        else:
            self._keys = set(present) if self.maintenance is Maintenance.CHANGED_ROWS else present
        self._shown, self.reordered = self._read, False
        self.sent.confirm()
        self.reader.forget_broken(self._names or self._keys)
        self.planner.store()

    @property
    def look(self) -> tuple[Any, ...] | None:
        """What two live queries that render rows alike have in common; None if that is unknown."""
        return self.reader.renderer.look

    def separate(self, number: int, stream: ModelStream) -> LiveQuery:
        """Return a live query in the same state, with this number, for one of the audiences that it was read for."""
        # not by the stream's own methods, which may fail or answer otherwise by now
        render = self.reader.renderer.for_stream(stream)
        own = LiveQuery(stream, self.key.format, planner=self.planner.separate(stream), render=render)
        own.id, own.reader.careful = number, self.reader.careful
        own._keys, own._shown = self._keys.copy(), self._shown
        own.sent = self.sent.separate()
        return own

    @property
    def members(self) -> Collection[str]:
        """The keys by which changes are routed to this live query."""
        return () if self.planner.has_groups else self.keys

    def members_with(self, present: Present) -> Members:
        """Return what enters and leaves with this new state."""
        if isinstance(present, Members):
            return present
        before, after = set(self.members), set(present) if self.members is self.keys else set()
        return Members(after - before, before - after, self.reordered)

    @property
    def maintenance(self) -> Maintenance:
        """What is read to find how it has changed, as far as is known."""
        plan = self.planner.plan
        if self._keeps_digests or (plan is not None and plan.analysis.whole):
            return Maintenance.ALL_ROWS
        return Maintenance.CHANGED_ROWS if self.planner.finds_places() else Maintenance.KEYS

    def comparable_keys(self, keys: Iterable[str]) -> list[str]:
        """Return these keys in the form of `Changed`."""
        return [self._same_key(key) for key in keys]

    def shown_texts(self, texts: Mapping[str, Collection[TextName]]) -> set[TextName]:
        """Return which live texts the rows have that subscribers were sent last; `texts` are of this model, by key."""
        found: set[TextName] = set()
        keeps_text = self.reader.renderer.keeps_text
        if self.planner.has_groups:
            return found
        for key in self.sent.common(texts.keys()):
            row = self.sent.row(key)
            assert row is not None
            found.update(text for text in texts[key] if keeps_text(text.field) and shows_text(row, text.field))
        return found

    def rows(self) -> dict[str, Any]:
        """The rendered rows by key, in order."""
        read = self.reader
        rows = {key: read.make(instance, key, read.renderer) for key, instance in read.objects().items()}
        errors = [error for error in read.broken.values() if isinstance(error, StreamDefinitionError)]
        if errors and len(errors) == len(rows):  # the stream is at fault, not a row
            raise errors[0]
        return {
            key: broken_rows.placeholder(key, self.key.format) if key in read.broken else row
            for key, row in rows.items()
        }

    def drifts(self) -> bool:
        """Return whether its rows may have changed without a logged change since its keys were read."""
        return self._looks_at_rows(self.planner.ask()) or self.planner.has_drifted()

    def fingerprint(self, present: Present) -> str:
        """Return a text that shows a reconnecting client whether it missed more than the log has.

        It is computed from the QuerySet, if that is stable. If it is not, as with
        `filter(ends__gt=timezone.now())`, it is computed from the keys, and from the rows if these may differ.
        """
        if self._looks_at_rows(self.planner.ask()):
            keys = self._keys_of(present)
            return of_rows(self._encode(keys, keys))
        return of_keys(self._keys_of(present)) if self.planner.is_timed() else self.planner.take_question()

    def page_fingerprint(self, rows: Mapping[str, Any]) -> str:
        """Return the same for a page with these rendered rows."""
        if self._looks_at_rows(self.planner.ask()):
            return of_rows({key: encode_row(row, self.stream) for key, row in rows.items()})
        return self.fingerprint(list(rows))

    def missed(self, changed: Changed, *, theirs: str | None, mine: str, past: Past | None = None) -> Changed:
        """Return what a client has missed whose rows had the fingerprint `theirs` (None: unknown), now `mine`.

        `changed` are the keys that have changed since its cursor, or `ALL_ROWS`. `past` has the rows that have entered
        and left since then, if known.
        """
        analysis = self.planner.ask()
        if theirs is not None and theirs != mine:
            return ALL_ROWS
        if self._looks_at_rows(analysis):
            return ALL_ROWS if theirs is None or changed is ALL_ROWS else ()
        if theirs is None and self.planner.is_timed():
            return ALL_ROWS
        told = past is not None and not analysis.whole and not analysis.unseen
        return ALL_ROWS if analysis.open and changed and not told else changed

    def read_keys(self) -> list[str]:
        """The keys of the present, in order."""
        return self._read_whole() if self.planner.ask().whole or self._keeps_digests else self._read_keys()

    def _read_keys(self) -> list[str]:
        self._read = NOTHING
        return self.reader.keys()

    def delta(self, changed: Changed, *, whole: bool = False) -> tuple[SharedDelta, Present]:
        """Return the delta from the rows of `keys` to the current state, and this state.

        `whole` reads all rows, and compares them with their previous versions.
        """
        whole = self.planner.ask().whole or whole
        was = self.keys
        by_row = self.maintenance is Maintenance.CHANGED_ROWS
        if isinstance(was, set) and by_row and not whole and changed is not ALL_ROWS:
            self.reordered = False
            return self._delta_of(changed, was)
        if isinstance(was, set) or (changed is ALL_ROWS and not whole):
            return self.reset(whole=whole)
        keys = self._read_whole() if whole else self._read_keys()
        was = list(was)
        had = set(was)
        if whole:
            wanted = [key for key in keys if key not in had or self._shown.get(key) != self._read[key]]
        else:
            assert changed is not ALL_ROWS
            wanted = [key for key in keys if key not in had or self._same_key(key) in changed]
        rows = self._encode(wanted, keys)
        keys = _without_lost(keys, wanted, rows)
        if not whole:
            self._note_digests(keys, rows)
        members = set(keys)
        drops = tuple(key for key in was if key not in members)
        kept = [key for key in was if key in members and key not in rows]
        moving = keys_to_move(kept, [key for key in keys if key not in rows])
        self.reordered = bool(moving)
        puts = {key: rows.get(key, UNSET) for key in keys if key in rows or key in moving}
        before = befores(keys)
        unmoved = keys_in_place(puts, befores([key for key in was if key in members]), before) if puts else ()
        delta = self._shared(puts, before, drops, unmoved)
        self.sent.note(rows, drops)
        return delta, keys

    def delta_of_read(self, changed: Changed) -> tuple[SharedDelta, Members] | None:
        """Return `delta` if a family has read all that it needs, without a call of the user's code; None if not."""
        if changed is ALL_ROWS or self.reader.order is not None or not self._looked_up.keys.issuperset(changed):
            return None
        try:
            return self._delta_of(changed, self._keys)
        except TooManyRows:
            return None
        finally:
            self.reordered = False

    def catch_up(self, changed: Changed) -> tuple[SharedDelta, Present]:
        """Return a delta for subscribers with the rows of any moment since the stored state, and the current state.

        `changed` are the keys that have changed since that state.
        """
        analysis = self.planner.ask()
        others_vary = analysis.open or self.planner.is_timed()  # unchanged rows may have left and come back
        if not changed or changed is ALL_ROWS or analysis.whole or others_vary or self._looks_at_rows(analysis):
            return self.reset()
        delta = self.resume(self._read_keys(), changed)
        self.reordered = True
        self.sent.note_reset()
        return SharedDelta(delta), list(delta.order or ())

    def reset(self, *, whole: bool = False) -> tuple[SharedDelta, Present]:
        """Return a delta with all rows, for subscribers with the rows of any moment, and the current state.

        `whole` keeps what later deltas need to compare all rows.
        """
        whole = self.planner.ask().whole or (whole and isinstance(self._keys, list))
        keys = self._read_whole() if whole else self._read_keys()
        self.reordered = True
        self.sent.note_reset()
        delta = SharedDelta(self.resume(keys, ALL_ROWS))
        if not whole:
            self._note_digests(keys, self.reader.encoded)
        return delta, keys

    def _shared(
        self,
        puts: Mapping[str, msgspec.Raw | UnsetType],
        before: Mapping[str, str | None],
        drops: tuple[str, ...],
        unmoved: Collection[str],
    ) -> SharedDelta:
        """Return the delta with these puts and drops, in all forms; `unmoved` puts leave their rows in place."""
        whole = Delta(query=self.id, puts=tuple(_placed(puts, before)), drops=drops)
        sent = self.sent.known({key: row for key, row in puts.items() if not isinstance(row, UnsetType)})
        base, patches = sent.base, sent.patches
        if not patches:
            return SharedDelta(whole)
        same = {key for key in unmoved if puts[key] is UNSET or patches.get(key, UNSET) is None}
        known = {key: row for key, row in puts.items() if key not in same or key in sent.whole}
        patched = {
            key: UNSET if key in patches else row
            for key, row in puts.items()
            if key not in same and (key not in unmoved or key not in patches)
        }
        return SharedDelta(
            whole,
            base=base,
            refers=sent.refers,
            known=Delta(query=self.id, puts=tuple(_placed(known, before)), drops=drops),
            patched=Delta(
                query=self.id,
                puts=tuple(_placed(patched, before)),
                drops=drops,
                patches={key: patch for key, patch in patches.items() if patch is not None},
            ),
        )

    def _delta_of(self, changed: Collection[str], was: Collection[str]) -> tuple[SharedDelta, Members]:
        """Return the delta of changed rows, if all others are unchanged."""
        rows, before = self._look_up(changed)
        left = [key for key in changed if key not in rows and key in was] if len(rows) < len(changed) else []
        gone = tuple(sorted(left))
        added = [key for key in rows if key not in was]
        if added:
            check_size(len(was) + len(added) - len(gone))
        delta = self._alike(rows, before, gone, changed)
        return delta, Members(added, gone) if added or gone else UNCHANGED

    def _alike(
        self,
        rows: Mapping[str, msgspec.Raw],
        before: Mapping[str, str | None],
        gone: tuple[str, ...],
        changed: Collection[str],
    ) -> SharedDelta:
        """Return the delta, made once for all live queries that share these rows and were sent the same ones last."""
        unmoved = self.sent.unmoved(rows, before, changed)
        last = self.sent.last(rows)
        made_of = None if last is None else (id(rows), id(before), *map(id, last), gone, unmoved)
        if made_of is not None and (found := self.sent.deltas.get(made_of)) is not None:
            shared: SharedDelta
            shared, pending, _ = found
            self.sent.note_alike(pending)
            return shared.for_query(self.id)
        delta = self._shared(rows, before, gone, unmoved)
        pending = self.sent.note(rows, gone, before=before, changed=changed, unmoved=unmoved)
        if made_of is not None:  # with what it is made of, so that no other object gets the same ids
            self.sent.deltas[made_of] = delta, pending, (rows, before, last)
        return delta

    def _look_up(self, changed: Collection[str]) -> tuple[Mapping[str, msgspec.Raw], Mapping[str, str | None]]:
        """Return the changed rows that belong, in order, and the key of the row before each."""
        if self.reader.order is None and not self._looked_up.keys.issuperset(changed):
            self._ask_places(changed)
        if self.reader.order is not None:
            wanted = [key for key in self.reader.order if key in changed]
            rows = self._encode(wanted, self.reader.order)
            keys = _without_lost(self.reader.order, wanted, rows)
            return rows, befores(keys)
        known, found, before = self._looked_up
        return found if known == changed else {key: row for key, row in found.items() if key in changed}, before

    def _narrowed(self, changed: Collection[str]) -> Collection[str]:
        """Return the changed keys; if they are many, and the rows many more, only the keys that belong."""
        if len(changed) <= FEW_ROWS or len(self.keys) <= SMALL or len(changed) * 10 > len(self.keys):
            return changed
        return self.reader.matching(list(changed))

    def _ask_places(self, changed: Collection[str]) -> None:
        """Read rows with the row before each; if they are many, read the keys of all rows in order."""
        keys = self._narrowed(changed)
        if len(keys) > FEW_ROWS:
            self._read_keys()
            return
        placed = self.reader.encode_placed(keys)
        if placed is None:
            self._read_keys()
            return
        self.take(LookedUp(frozenset(changed), *placed))

    @property
    def asks_of_rows(self) -> bool:
        """Return whether its next delta likely reads only the changed rows, and so can be read with others."""
        return isinstance(self._keys, set) and self.maintenance is Maintenance.CHANGED_ROWS and not self.reader.careful

    def plan(self) -> Plan | None:
        """Return the plan of this tick's QuerySet; None if more than the changed rows are read."""
        self.planner.ask()
        return self.planner.plan if self.asks_of_rows else None

    def take(self, looked_up: LookedUp) -> None:
        """Take changed rows that were read in this tick."""
        self._looked_up = looked_up

    def _note_digests(self, keys: Sequence[str], rows: Mapping[str, msgspec.Raw]) -> None:
        if self._keeps_digests:
            self._read = {key: _digest(rows[key]) if key in rows else self._shown.get(key, b"") for key in keys}

    def resume(self, present: Present, changed: Changed, past: Past | None = None) -> Delta:
        """Return the delta from an older cursor to the current state; `changed` are the keys changed since then.

        If `past` says which rows the client has, it is sent the difference. If this is unknown, it gets the current
        keys and drops all others. This reveals no row that it may not see.
        """
        if changed is ALL_ROWS:
            keys = self._keys_of(present)
            return Delta(query=self.id, reset=True, puts=tuple(_puts(self._encode(keys, keys))))
        if not changed and not past:
            return Delta(query=self.id)
        if past is not None and self.maintenance is Maintenance.CHANGED_ROWS:
            rows, before = self._look_up(changed)
            gone = tuple(sorted(key for key, was in past.items() if was and key not in rows))
            return Delta(query=self.id, puts=tuple(_placed(rows, before)), drops=gone)
        keys = self._keys_of(present)
        entered = {key for key, was in past.items() if not was} if past else ()
        wanted = [key for key in keys if self._same_key(key) in changed or key in entered]
        rows = self._encode(wanted, keys)
        keys = _without_lost(keys, wanted, rows)
        if past is None:
            return Delta(query=self.id, puts=tuple(_puts(rows)), order=tuple(keys))
        members = set(keys)
        gone = tuple(key for key, was in past.items() if was and key not in members)
        return Delta(query=self.id, puts=tuple(_placed(rows, befores(keys))), drops=gone)

    def keys_to_divide(self, present: Present) -> list[str] | None:
        """Return the keys of all rows, in order, if these are sent in parts; None if they are few or read together."""
        analysis = self.planner.ask()
        if (len(present) if isinstance(present, list) else len(self._keys)) <= PART_ROWS:
            return None
        together = (
            analysis.whole or self._looks_at_rows(analysis) or self.planner.has_groups or self.planner.is_timed()
        )
        return None if together else self._keys_of(present)

    def part(self, progress: Progress) -> RowsPart:
        """Return the next rows of an opening, as they are now."""
        opening, step, lost = progress
        puts: list[Put] = []
        size = read = 0
        while step < len(opening) and size < PART_BYTES and read < PART_ROWS:
            keys = opening.keys(step)
            read += len(keys)  # also of rows that are gone: a part is few statements
            rows = self._encode(keys, ())
            puts += _puts(rows)
            size += sum(map(len, rows.values()))
            lost = lost.union(key for key in keys if key not in rows)
            step += 1
        return RowsPart(encode_puts(puts), progress.step == 0, Progress(opening, step, lost))

    def prepare(self, present: Present, changed: Changed, *, told: bool = False) -> None:
        """Read the rows for several `resume` calls of a tick at once; `told`: the rows of each client are known."""
        if told and changed is not ALL_ROWS and self.maintenance is Maintenance.CHANGED_ROWS:
            self._look_up(changed)
            return
        if changed is ALL_ROWS and not isinstance(present, list):
            self.reader.encode_all()
            return
        keys = self._keys_of(present)
        self._encode(keys if changed is ALL_ROWS else [key for key in keys if self._same_key(key) in changed], keys)

    def _keys_of(self, present: Present) -> list[str]:
        """The keys of the present, in order."""
        return present if isinstance(present, list) else self._read_keys()

    def end_tick(self) -> None:
        """Forget what was read: the next tick sees another state of the database."""
        self._looked_up = NO_ROWS
        self.reader.end_tick()
        self.planner.end_tick()

    def _encode(self, wanted: Sequence[str], keys: Sequence[str]) -> dict[str, msgspec.Raw]:
        """Return the rows of the wanted keys, in order."""
        self.reader.take(self._looked_up.rows)
        return self.reader.encode(wanted, keys)

    def _read_whole(self) -> list[str]:
        """Read all rows, with digests that the next delta compares; return their keys."""
        rows = self.reader.encode_anew()
        self._read = {key: _digest(row) for key, row in rows.items()}
        return list(rows)

    def _looks_at_rows(self, analysis: Analysis) -> bool:
        """Return whether rows may differ without a logged change, so that only reading them shows it."""
        return analysis.unseen or self._keeps_digests


def _digest(row: msgspec.Raw) -> bytes:
    return blake2b(row, digest_size=DIGEST_BYTES).digest()


def _puts(rows: Mapping[str, msgspec.Raw]) -> Iterable[Put]:
    return (Put(key=key, row=row) for key, row in rows.items())


def _placed(rows: Mapping[str, msgspec.Raw | UnsetType], before: Mapping[str, str | None]) -> Iterator[Put]:
    """Yield puts with their place, unless it is right after the put before them."""
    previous = None
    for key, row in rows.items():
        yield Put(key=key, row=row) if before[key] == previous else Put(key=key, row=row, after=before[key])
        previous = key


def _without_lost(keys: Sequence[str], wanted: Sequence[str], rows: Mapping[str, msgspec.Raw]) -> list[str]:
    # a filter by the clock may drop a row between the statements for keys and rows
    lost = set(wanted) - set(rows)
    return [key for key in keys if key not in lost]
