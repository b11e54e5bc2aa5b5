"""LiveQuery: a QuerySet that browsers mirror. Computing its delta is the purpose of this package.

The database decides everything: which rows belong (by the QuerySet itself), and their order (by its own ordering, in
the database's own collation). Nothing of this is reimplemented in Python.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final, cast
from weakref import WeakSet

import msgspec
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connections, transaction
from msgspec import UNSET, UnsetType

from realtime.conf import limits
from realtime.exceptions import StreamDefinitionError, TooManyRows
from realtime.protocol.codec import encode_puts
from realtime.protocol.live_text import TextName
from realtime.protocol.messages import Delta, Put
from realtime.queries import broken_rows
from realtime.queries.analysis import Analysis
from realtime.queries.broken_rows import NeedsCare
from realtime.queries.constant import ask
from realtime.queries.fingerprint import of_keys, of_rows
from realtime.queries.membership import ALL_ROWS, Changed, LookedUp, Members, Past, Present
from realtime.queries.moves import befores, keys_in_place, keys_to_move
from realtime.queries.opening import PART_BYTES, PART_ROWS, Progress, RowsPart
from realtime.queries.plan import BEFORE, Maintenance, Plan
from realtime.queries.probe import ReadsAudience, may_be_for_all, note_reading, queryset_of_all
from realtime.queries.query_key import query_key
from realtime.queries.queryset import unsliced
from realtime.queries.rendering import Renderer, encode_row
from realtime.queries.sent import RowMemory, SentRows
from realtime.queries.shared_delta import SharedDelta
from realtime.queries.text_field import shows_text
from realtime.streams.groups import GroupKeys, value_names
from realtime.streams.keys import KNOWN, comparable_key, key_names, key_of, key_of_values, key_text, parse_keys
from realtime.streams.stream import ModelStream

KEYS_PER_QUERY = 250  # below every database's parameter limit, even if a key has several columns
FEW_ROWS = 32  # changed rows whose places are queried; for more, the keys of all rows are read
SMALL = 1000  # rows: reading all their keys is cheaper than querying many places
DIGEST_BYTES = 16
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})  # shared by all live queries: most are idle
NO_ROWS: Final = LookedUp(frozenset(), NOTHING, NOTHING)  # likewise
UNCHANGED: Final = Members()

# Streams whose QuerySets were seen to differ between two moments, for example by timezone.now().
_timed: WeakSet[type[ModelStream]] = WeakSet()

_ids = itertools.count(1)  # one connection may have live queries of several logs


class LiveQuery:
    """A stream with bound parameters, an audience and a format.

    `id` is its name in the protocol. `keys` are the keys of its rows at the cursor of its last delta, in order if that
    is needed. Callers of `delta` store its second result once the whole tick has succeeded.
    """

    # most live queries never have other values than these, so they do not store them
    is_for_all = False  # it is read for several audiences, and must not depend on them
    _has_groups = False  # its rows are groups, as far as is known
    _shares_plan = False  # its plan was made for several audiences, by the stream of one of them

    def __init__(
        self, stream: ModelStream, format: str, memory: RowMemory | None = None, render: Renderer | None = None
    ) -> None:
        self.id = next(_ids)
        self.key = query_key(stream, format)
        self.seconds = 0.0  # spent on reading and rendering it
        self.stream = stream
        self.broken: dict[str, Exception] = {}  # errors of rows that failed when last read, by key
        self.careful = False  # a row has failed in the database: each gets its own savepoint
        self.strict = False  # a row's error is raised, not replaced by a placeholder
        self.is_open = True  # whether changes of rows outside it may affect it, as far as is known
        self.looks_around = True  # whether rows that it does not have may change it, as far as is known
        self._names: Collection[str] = ()  # of a live value, in place of keys
        self.reordered = False  # unchanged rows have changed places in this tick
        self.opened = 0  # the number of the tick since which entering and leaving rows are known
        self._keys: list[str] | set[str] = []
        self._shown: Mapping[str, bytes] = NOTHING  # if rows depend on other rows: a digest of each, with `keys`
        self._read: Mapping[str, bytes] = NOTHING  # the same, for keys that are not stored yet
        self._encoded: dict[str, msgspec.Raw] = {}  # the rows that this tick has read
        self._asked: Analysis | None = None  # of this tick's QuerySet
        self._own: Any = None  # this tick's QuerySet, for the audience, once it is needed
        self._plan: Plan | None = None  # of the last QuerySet
        self._placed: Any = None  # the plan's rows, each with the one before it
        self._looked_up = NO_ROWS  # the changed rows that this tick has read, with their places
        self._order: list[str] | None = None  # the keys of all rows, if this tick has read them
        self.sent = SentRows(memory or RowMemory(limits.row_memory_bytes), stream.model._meta.label_lower)
        self._question = ""  # the fingerprint of the QuerySet that `keys` were read by, if computed
        self._new_question = ""  # the same, for this tick
        self._keeps_digests = stream.compares_rows()  # of all rows, to find those that have changed
        self._render = render or Renderer(stream, format)
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
        if self.broken:
            self.broken = {key: error for key, error in self.broken.items() if key in self._keys or key in self._names}
        self.careful = self.careful and bool(self.broken)
        self._question = self._new_question or self._question

    @property
    def look(self) -> tuple[Any, ...] | None:
        """What two live queries that render rows alike have in common; None if that is unknown."""
        return self._render.look

    def separate(self, number: int, stream: ModelStream) -> LiveQuery:
        """Return a live query in the same state, with this number, for one of the audiences that it was read for."""
        # not by the stream's own methods, which may fail or answer otherwise by now
        own = LiveQuery(stream, self.key.format, render=self._render.for_stream(stream))
        own.id, own.careful = number, self.careful
        own._keys, own._shown, own._question = self._keys.copy(), self._shown, self._question
        own.is_open, own.looks_around, own._has_groups = self.is_open, self.looks_around, self._has_groups
        own.sent = self.sent.separate()
        return own

    @property
    def members(self) -> Collection[str]:
        """The keys by which changes are routed to this live query."""
        return () if self._has_groups else self.keys

    def members_with(self, present: Present) -> Members:
        """Return what enters and leaves with this new state."""
        if isinstance(present, Members):
            return present
        before, after = set(self.members), set(present) if self.members is self.keys else set()
        return Members(after - before, before - after, self.reordered)

    @property
    def maintenance(self) -> Maintenance:
        """What is read to find how it has changed, as far as is known."""
        if self._keeps_digests or (self._plan is not None and self._plan.analysis.whole):
            return Maintenance.ALL_ROWS
        by_row = self._plan is not None and self._plan.columns is not None and not self._is_timed()
        return Maintenance.CHANGED_ROWS if by_row else Maintenance.KEYS

    def comparable_keys(self, keys: Iterable[str]) -> list[str]:
        """Return these keys in the form of `Changed`."""
        return [self._same_key(key) for key in keys]

    def shown_texts(self, texts: Mapping[str, Collection[TextName]]) -> set[TextName]:
        """Return which live texts the rows have that subscribers were sent last; `texts` are of this model, by key."""
        found: set[TextName] = set()
        if self._has_groups:
            return found
        for key in self.sent.common(texts.keys()):
            row = self.sent.row(key)
            assert row is not None
            found.update(
                text for text in texts[key] if self._render.keeps_text(text.field) and shows_text(row, text.field)
            )
        return found

    def rows(self) -> dict[str, Any]:
        """The rendered rows by key, in order."""
        instances = self._in_window(self._instances)
        rows = {key: self._made(instance, key, self._render) for key, instance in instances.items()}
        errors = [error for error in self.broken.values() if isinstance(error, StreamDefinitionError)]
        if errors and len(errors) == len(rows):  # the stream is at fault, not a row
            raise errors[0]
        return {
            key: broken_rows.placeholder(key, self.key.format) if key in self.broken else row
            for key, row in rows.items()
        }

    def drifts(self) -> bool:
        """Return whether its rows may have changed without a logged change since its keys were read."""
        return self._looks_at_rows(self._ask()) or self._is_timed() or self._take_question() != self._question

    def fingerprint(self, present: Present) -> str:
        """Return a text that shows a reconnecting client whether it missed more than the log has.

        It is computed from the QuerySet, if that is stable. If it is not, as with
        `filter(ends__gt=timezone.now())`, it is computed from the keys, and from the rows if these may differ.
        """
        if self._looks_at_rows(self._ask()):
            keys = self._keys_of(present)
            return of_rows(self._encode(keys, keys))
        return of_keys(self._keys_of(present)) if self._is_timed() else self._take_question()

    def page_fingerprint(self, rows: Mapping[str, Any]) -> str:
        """Return the same for a page with these rendered rows."""
        if self._looks_at_rows(self._ask()):
            return of_rows({key: encode_row(row, self.stream) for key, row in rows.items()})
        return self.fingerprint(list(rows))

    def missed(self, changed: Changed, *, theirs: str | None, mine: str, past: Past | None = None) -> Changed:
        """Return what a client has missed whose rows had the fingerprint `theirs` (None: unknown), now `mine`.

        `changed` are the keys that have changed since its cursor, or `ALL_ROWS`. `past` has the rows that have entered
        and left since then, if known.
        """
        analysis = self._ask()
        if theirs is not None and theirs != mine:
            return ALL_ROWS
        if self._looks_at_rows(analysis):
            return ALL_ROWS if theirs is None or changed is ALL_ROWS else ()
        if theirs is None and self._is_timed():
            return ALL_ROWS
        told = past is not None and not analysis.whole and not analysis.unseen
        return ALL_ROWS if analysis.open and changed and not told else changed

    def read_keys(self) -> list[str]:
        """The keys of the present, in order."""
        return self._read_whole() if self._ask().whole or self._keeps_digests else self._read_keys()

    def _read_keys(self) -> list[str]:
        self._read = NOTHING
        if self._order is None:
            keys = list(self._in_window(lambda queryset: dict.fromkeys(_keys(self._bounded(queryset)))))
            self._check_size(len(keys))
            self._order = keys
        return self._order

    def due(self, now: float) -> float | None:
        """Return when its rows change next by time alone, as its stream declares, in seconds since 1970."""
        return self.stream.next_change(now)

    def refresh(self, changed: Changed) -> tuple[SharedDelta, Present]:
        """Return `delta` when it is due: each row may have changed."""
        return self.delta(changed, whole=True)

    def delta(self, changed: Changed, *, whole: bool = False) -> tuple[SharedDelta, Present]:
        """Return the delta from the rows of `keys` to the current state, and this state.

        `whole` reads all rows, and compares them with their previous versions.
        """
        whole = self._ask().whole or whole
        was = self.keys
        by_row = self.maintenance is Maintenance.CHANGED_ROWS
        if isinstance(was, set):
            if by_row and not whole and changed is not ALL_ROWS:
                self.reordered = False
                return self._delta_of(changed, was)
            self.reordered = True
            keys = self._read_keys()
            return self._reset(keys), keys
        keys = self._read_whole() if whole else self._read_keys()
        if changed is ALL_ROWS and not whole:
            self.reordered = True
            reset = self._reset(keys)
            self._note_digests(keys, self._encoded)
            return reset, keys
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
        if changed is ALL_ROWS or self._order is not None or not self._looked_up.keys.issuperset(changed):
            return None
        try:
            return self._delta_of(changed, self._keys)
        except TooManyRows:
            return None
        finally:
            self.reordered = False

    def _reset(self, keys: Present) -> SharedDelta:
        self.sent.note_reset()
        return SharedDelta(self.resume(keys, ALL_ROWS))

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
        gone = tuple(sorted(key for key in changed if key in was and key not in rows))
        added = [key for key in rows if key not in was]
        if added:
            self._check_size(len(was) + len(added) - len(gone))
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
        if self._order is None and not self._looked_up.keys.issuperset(changed):
            self._ask_places(changed)
        if self._order is not None:
            wanted = [key for key in self._order if key in changed]
            rows = self._encode(wanted, self._order)
            keys = _without_lost(self._order, wanted, rows)
            return rows, befores(keys)
        known, found, before = self._looked_up
        return found if known == changed else {key: row for key, row in found.items() if key in changed}, before

    def _narrowed(self, changed: Collection[str]) -> Collection[str]:
        """Return the changed keys; if they are many, and the rows many more, only the keys that belong."""
        if len(changed) <= FEW_ROWS or len(self.keys) <= SMALL or len(changed) * 10 > len(self.keys):
            return changed
        rows = unsliced(self._own_rows()).order_by()
        keys = list(changed)
        chunks = (keys[start : start + KEYS_PER_QUERY] for start in range(0, len(keys), KEYS_PER_QUERY))
        return {key for chunk in chunks for key in _keys(rows.filter(pk__in=parse_keys(self.stream.model, chunk)))}

    def _ask_places(self, changed: Collection[str]) -> None:
        """Read rows with the row before each; if they are many, read the keys of all rows in order."""
        keys = self._narrowed(changed)
        if len(keys) > FEW_ROWS:
            self._read_keys()
            return
        if self._placed is None:
            assert self._plan is not None
            self._placed = self._plan.placed(self._own_rows())
        instances = self._some_instances(self._placed, sorted(keys)) if keys else {}
        if any(isinstance(instance, Exception) for instance in instances.values()):  # they have no order
            self._read_keys()
            return
        before = {key: key_before(instance) for key, instance in instances.items()}
        self.take(LookedUp(frozenset(changed), self.render(instances, {}), before))

    @property
    def asks_of_rows(self) -> bool:
        """Return whether its next delta likely reads only the changed rows, and so can be read with others."""
        return isinstance(self._keys, set) and self.maintenance is Maintenance.CHANGED_ROWS and not self.careful

    def plan(self) -> Plan | None:
        """Return the plan of this tick's QuerySet; None if more than the changed rows are read."""
        self._ask()
        return self._plan if self.asks_of_rows else None

    def render(self, instances: Mapping[str, Any], rendered: dict[Any, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        """Return these rows. `rendered` has those that live queries with the same look share, by look and key."""
        rows: dict[str, msgspec.Raw] = {}
        for key, instance in instances.items():
            alike = self.look, key
            if key in self._encoded:
                rows[key] = self._encoded[key]
            elif alike in rendered:
                rows[key] = rendered[alike]
                self.broken.pop(key, None)
            else:
                rows[key] = self._row(instance, key)
                if self.look is not None and key not in self.broken and not self._render.asked:
                    rendered[alike] = rows[key]
        return rows

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
        analysis = self._ask()
        if (len(present) if isinstance(present, list) else len(self._keys)) <= PART_ROWS:
            return None
        together = analysis.whole or self._looks_at_rows(analysis) or self._has_groups or self._is_timed()
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
            self._read_everything()
            return
        keys = self._keys_of(present)
        self._encode(keys if changed is ALL_ROWS else [key for key in keys if self._same_key(key) in changed], keys)

    def _read_everything(self) -> None:
        """Read all rows, and so their order."""
        instances = self._instances(self._bounded(self._own_rows()))
        self._check_size(len(instances))
        for key, instance in instances.items():
            if key not in self._encoded:
                self._encoded[key] = self._row(instance, key)
        self._order = list(instances)

    def _keys_of(self, present: Present) -> list[str]:
        """The keys of the present, in order."""
        return present if isinstance(present, list) else self._read_keys()

    def end_tick(self) -> None:
        """Forget what was read: the next tick sees another state of the database."""
        self._encoded.clear()
        self._looked_up, self._order = NO_ROWS, None
        self._asked = self._own = None

    def _encode(self, wanted: Sequence[str], keys: Sequence[str]) -> dict[str, msgspec.Raw]:
        """Return the rows of the wanted keys, in order."""
        self._encoded.update(self._looked_up.rows)
        missing = [key for key in wanted if key not in self._encoded]
        if missing:
            instances = self._read_instances(missing, everything=len(missing) == len(keys))
            for key in missing:
                if key in instances:
                    self._encoded[key] = self._row(instances[key], key)
        return {key: self._encoded[key] for key in wanted if key in self._encoded}

    def _read_instances(self, keys: Sequence[str], *, everything: bool) -> dict[str, Any]:
        analysis, queryset = self._ask(), self._own_rows()
        if self._has_groups or analysis.whole:  # a row's content depends on the rows read with it
            return self._in_window(self._instances)
        if everything and self.stream.window is None:  # the QuerySet alone is the shorter statement
            return self._instances(queryset)
        queryset = unsliced(queryset)
        instances: dict[str, Any] = {}
        for start in range(0, len(keys), KEYS_PER_QUERY):
            instances.update(self._some_instances(queryset, keys[start : start + KEYS_PER_QUERY]))
        return instances

    def _instances(self, queryset: Any) -> dict[str, Any]:
        """Return the objects by key, in order; an exception for each unreadable one."""
        try:
            return _by_key(queryset)
        except DatabaseError:
            raise
        except Exception:
            if self._ask().whole:  # a row's content depends on the rows read with it
                raise
        keys = self._read_keys()
        found: dict[str, Any] = {}
        for start in range(0, len(keys), KEYS_PER_QUERY):
            found.update(self._some_instances(unsliced(queryset), keys[start : start + KEYS_PER_QUERY]))
        return {key: found[key] for key in keys if key in found}

    def _some_instances(self, queryset: Any, keys: Sequence[str]) -> dict[str, Any]:
        """Return the same for these keys, halving them until unreadable rows are alone."""
        try:
            return _by_key(queryset.filter(pk__in=parse_keys(self.stream.model, keys)))
        except DatabaseError:
            raise
        except Exception as error:
            if len(keys) == 1:
                return {keys[0]: error}
            middle = len(keys) // 2
            return {**self._some_instances(queryset, keys[:middle]), **self._some_instances(queryset, keys[middle:])}

    def _in_window(self, read: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Return the rows that `read` finds in this tick's QuerySet, in order; behind the last page, that page's."""
        found = read(self._own_rows())
        window = self.stream.window
        if window is None:
            return found
        if not found and window.start > 0 and self._plan is not None:
            all_rows = self.stream.narrowed(self._plan.all_rows)
            last = window.last_page(all_rows.count())
            if last is not None:
                self._own = last.cut(all_rows)
                found = read(self._own)
        return dict(reversed(found.items())) if window.is_from_end else found

    def _read_whole(self) -> list[str]:
        """Read all rows, with digests that the next delta compares; return their keys."""
        instances = self._in_window(lambda queryset: self._instances(self._bounded(queryset)))
        self._check_size(len(instances))
        self._encoded = {key: self._row(instance, key) for key, instance in instances.items()}
        self._read = {key: _digest(row) for key, row in self._encoded.items()}
        return list(self._encoded)

    @staticmethod
    def _bounded(queryset: Any) -> Any:
        """Return the QuerySet, cut just beyond the limit of rows, so that an excess is detected."""
        low, high = queryset.query.low_mark, queryset.query.high_mark
        return queryset if high is not None and high - low <= limits.rows else queryset[: limits.rows + 1]

    @staticmethod
    def _check_size(rows: int) -> None:
        if rows > limits.rows:
            raise TooManyRows(limits.rows)

    def _row(self, instance: Any, key: str) -> msgspec.Raw:
        row = self._made(instance, key, lambda instance, key: encode_row(self._render(instance, key), self.stream))
        if self.is_for_all and self._render.asked:
            note_reading(type(self.stream), self.key.format)
            raise ReadsAudience(self)
        if key in self.broken:
            return encode_row(broken_rows.placeholder(key, self.key.format), self.stream)
        return cast("msgspec.Raw", row)

    def _made(self, instance: Any, key: str, make: Callable[[Any, str], Any]) -> Any:
        """Return what `make` makes of a row; None if it fails, with the reason in `broken`."""
        self.broken.pop(key, None)
        connection = connections[self.stream.database()]
        try:
            if isinstance(instance, Exception):
                raise instance
            if self.careful:
                with transaction.atomic(using=connection.alias):
                    return make(instance, key)
            return make(instance, key)
        except Exception as error:
            if self.strict or (instance is None and isinstance(error, ValidationError)):  # of a value: its parameters
                raise
            if isinstance(error, DatabaseError) and connection.in_atomic_block and not self.careful:
                raise NeedsCare from error
            self.broken[key] = error
            broken_rows.log_broken_row(self.stream.name, self.key.params.decode(), key, error)
            return None

    def _own_rows(self) -> Any:
        """Return this tick's QuerySet, for the audience."""
        self._ask()
        if self._own is None:
            assert self._plan is not None
            self._own = self._plan.rows_for(self.stream)
        return self._own

    def _ask(self) -> Analysis:
        """Ask the stream for its QuerySet, once in a tick; return what is known about it."""
        if self._asked is None:
            self.end_sharing()
            if not self.keeps_plan:
                self._renew_plan(*ask(self.stream, self._queryset))
            assert self._plan is not None
            self._take_plan(self._plan)
        assert self._asked is not None
        return self._asked

    @property
    def keeps_plan(self) -> bool:
        """Whether `get_queryset` would certainly return what its plan was made of."""
        return self._plan is not None and self._plan.method is type(self.stream).get_queryset

    def _renew_plan(self, queryset: Any, method: Any) -> None:
        if self._plan is None or not self._plan.is_of(queryset):
            self._plan, self._placed = Plan(queryset, self.stream, method), None

    def _queryset(self) -> Any:
        if not self.is_for_all:
            return self.stream.all_rows()
        queryset = queryset_of_all(self.stream)
        if queryset is None:
            raise ReadsAudience(self)
        self._shares_plan = True
        return queryset

    def check_sharing(self) -> None:
        """Raise `ReadsAudience` if the audience was read, although others share what was read."""
        if self._reads_audience():
            raise ReadsAudience(self)

    def read_watched(self, read: Callable[..., Any], *args: Any) -> Any:
        """Call a method; raise `ReadsAudience` if it read the audience, although others share what it reads."""
        try:
            found = read(*args)
        except Exception as error:
            if self._reads_audience():
                raise ReadsAudience(self) from error
            raise
        self.check_sharing()
        return found

    def _reads_audience(self) -> bool:
        return (self.is_for_all or self._shares_plan) and not may_be_for_all(type(self.stream))

    def end_sharing(self) -> None:
        """Forget the plan that other audiences share, if the stream has turned out to read the audience."""
        if self._shares_plan and not may_be_for_all(type(self.stream)):
            self._plan, self._placed, self._asked, self._own = None, None, None, None
            self._shares_plan = False

    def ask_for_all(self) -> bool:
        """Use one QuerySet for all audiences, if they share it; return whether they do."""
        if self._asked is not None:
            return False
        if not self.keeps_plan:
            queryset, method = ask(self.stream, partial(queryset_of_all, self.stream))
            if queryset is None:
                return False
            self._renew_plan(queryset, method)
        assert self._plan is not None
        self._shares_plan = True
        self._take_plan(self._plan)
        return True

    def ask_like(self, other: LiveQuery) -> bool:
        """Use the QuerySet that another audience got for all; return False if it has asked for its own before."""
        if self._asked is None and other._plan is not None:
            if self._plan is not other._plan:
                self._plan, self._placed = other._plan, None
            self._shares_plan = True
            self._take_plan(self._plan)
            return True
        return False

    def _take_plan(self, plan: Plan) -> None:
        self._new_question = ""
        if self._has_groups != (plan.queryset._fields is not None):
            self._has_groups = not self._has_groups
        self._asked, self._own = plan.analysis, None
        if self._question or plan.queryset.query.annotations:
            self._take_question()
        if plan.queryset.query.annotations and self._is_timed():
            # an annotation may depend on the time: each row may have changed
            self._asked = Analysis(whole=True, open=True, unseen=True, around=True)
        self.is_open, self.looks_around = self._asked.open, self._asked.around

    def _looks_at_rows(self, analysis: Analysis) -> bool:
        """Return whether rows may differ without a logged change, so that only reading them shows it."""
        return analysis.unseen or self._keeps_digests

    def _is_timed(self) -> bool:
        """Return whether this stream's QuerySets are known to differ between two moments."""
        return type(self.stream) in _timed

    def _take_question(self) -> str:
        if not self._new_question and self._plan is not None:
            self._new_question = self._plan.question
            if self._question and self._new_question != self._question:
                _timed.add(type(self.stream))
        return self._new_question


def _digest(row: msgspec.Raw) -> bytes:
    return blake2b(row, digest_size=DIGEST_BYTES).digest()


def _keys(queryset: Any) -> list[str]:
    model = queryset.model
    return list(dict.fromkeys(key_of_values(model, row) for row in queryset.values_list(*key_names(model))))


def row_key(instance: Any) -> str:
    """Return the key of a row that was read."""
    return key_text(instance.pk) if isinstance(instance.pk, KNOWN) else key_of(instance)


def _by_key(queryset: Any) -> dict[str, Any]:
    """Return the objects by key; the first, if joins repeat one."""
    if queryset._fields is not None:
        return _groups_by_key(queryset)
    found: dict[str, Any] = {}
    for instance in queryset.all():  # the QuerySet does not cache the rows
        found.setdefault(row_key(instance), instance)
    return found


def _groups_by_key(queryset: Any) -> dict[str, Any]:
    rows = list(queryset.all())
    found = dict(zip(GroupKeys(queryset).of(rows), rows, strict=True))
    if len(found) < len(rows):
        raise StreamDefinitionError(
            f"A QuerySet of {queryset.model.__name__} returned several groups with the same values.",
            hint=f"Order it by values of the groups only: {', '.join(value_names(queryset))}.",
        )
    return found


def _puts(rows: Mapping[str, msgspec.Raw]) -> Iterable[Put]:
    return (Put(key=key, row=row) for key, row in rows.items())


def _placed(rows: Mapping[str, msgspec.Raw | UnsetType], before: Mapping[str, str | None]) -> Iterator[Put]:
    """Yield puts with their place, unless it is right after the put before them."""
    previous = None
    for key, row in rows.items():
        yield Put(key=key, row=row) if before[key] == previous else Put(key=key, row=row, after=before[key])
        previous = key


def key_before(instance: Any) -> str | None:
    """Return the key of the row before a row that was read with its place."""
    before = getattr(instance, BEFORE)
    return None if before is None else key_of_values(type(instance), [before])


def _without_lost(keys: Sequence[str], wanted: Sequence[str], rows: Mapping[str, msgspec.Raw]) -> list[str]:
    # a filter by the clock may drop a row between the statements for keys and rows
    lost = set(wanted) - set(rows)
    return [key for key in keys if key not in lost]
