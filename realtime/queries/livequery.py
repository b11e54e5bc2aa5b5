"""LiveQuery: a QuerySet that is kept equal in browsers. Its delta is the one function of this package.

The database is asked for everything that decides: which rows belong (the QuerySet itself), and in which order they
stand (its own ordering, in the database's own collation). Nothing of that is imitated here.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from django.db.models import QuerySet

from realtime.protocol.messages import Delta, Put
from realtime.queries.nature import Nature, nature
from realtime.queries.rendering import encode_row, renderer
from realtime.queries.shape import shape, unsliced
from realtime.streams.keys import comparable_key, key_names, key_of_values, key_text, parse_key
from realtime.streams.stream import ModelStream

KEYS_PER_QUERY = 250  # below every database's limit of parameters, also where a key has several columns
DIGEST_BYTES = 16

_ids = itertools.count(1)  # one connection may have live queries of several logs

ALL = None  # in place of changed keys: any row may have changed


class QueryKey(NamedTuple):
    """What makes two subscribers share a live query."""

    stream: str
    params: bytes
    audience: Any
    kind: str  # the audience's type: True and 1 are two audiences
    format: str


def query_key(stream: ModelStream, format: str) -> QueryKey:
    return QueryKey(stream.name, stream.params_key(), stream.audience_key, type(stream.audience_key).__name__, format)


def live_query(stream: ModelStream, format: str) -> LiveQuery:
    """The live query of this stream in this format: "html", "data", or "value:" with a value's name."""
    kind, _, name = format.partition(":")
    return ValueQuery(stream, format, name) if kind == "value" else LiveQuery(stream, format)


class LiveQuery:
    """A stream with bound parameters, an audience and a format.

    `id` is its name on the wire. `keys` are the keys of its rows, in order, at the cursor of its last delta; whoever
    takes a delta stores the keys that come with it, once the whole tick has succeeded.
    """

    def __init__(self, stream: ModelStream, format: str) -> None:
        self.id = next(_ids)
        self.key = query_key(stream, format)
        self.seconds = 0.0  # for which it has been read and rendered
        self.stream = stream
        self.is_open = True  # whether rows that it does not have may change it, as far as is known
        self._keys: list[str] = []
        self._shown: Mapping[str, bytes] = {}  # where rows show something of others: a digest of each, with `keys`
        self._read: Mapping[str, bytes] = {}  # the same, of keys that are not stored yet
        self._encoded: dict[str, msgspec.Raw] = {}  # the rows that this tick has read
        self._asked: tuple[QuerySet[Any], Nature] | None = None  # this tick's QuerySet
        self._render = renderer(stream, format)
        self._same_key = comparable_key(stream.model)

    @property
    def keys(self) -> list[str]:
        return self._keys

    @keys.setter
    def keys(self, keys: list[str]) -> None:
        self._keys, self._shown = keys, self._read

    @property
    def members(self) -> Sequence[str]:
        """The keys by which changes find this live query."""
        return self.keys

    def rows(self) -> dict[str, Any]:
        """The rendered rows by key, in order."""
        queryset, _ = self._ask()
        return {key: self._render(instance, key) for key, instance in _by_key(queryset).items()}

    def drifts(self) -> bool:
        """Whether its rows may have changed without any change that it was told of."""
        _, kind = self._ask()
        return kind.unseen

    def read_keys(self) -> list[str]:
        """The keys of the present, in order."""
        queryset, kind = self._ask()
        if kind.whole:
            return self._read_whole(queryset)
        self._read = {}
        return _keys(queryset)

    def delta(self, changed: Collection[str] | None) -> tuple[Delta, list[str]]:
        """What takes those who have the rows of `keys` to the present, and the keys of the present.

        `changed` are keys of rows that may have changed (as `comparable_key` has them), or `ALL`.
        """
        _, kind = self._ask()
        keys, was = self.read_keys(), set(self.keys)
        if kind.whole:
            wanted = [key for key in keys if key not in was or self._shown.get(key) != self._read[key]]
        elif changed is ALL:
            return self.resume(keys, ALL), keys
        else:
            wanted = [key for key in keys if key not in was or self._same_key(key) in changed]
        rows = self._encode(wanted, keys)
        keys = _without_lost(keys, wanted, rows)

        members = set(keys)
        stayed = [key for key in keys if key not in rows]
        kept_order = stayed == [key for key in self.keys if key in members and key not in rows]
        delta = Delta(
            query=self.id,
            puts=tuple(_places(rows, keys) if kept_order else _puts(rows)),
            drops=tuple(key for key in self.keys if key not in members) if kept_order else (),
            order=None if kept_order else tuple(keys),
        )
        return delta, keys

    def resume(self, keys: Sequence[str], changed: Collection[str] | None) -> Delta:
        """What takes a client from an older cursor to the present, whose keys are `keys`; `changed` are those since.

        Which rows the client has is not known here, so it gets the keys of the present and drops what is not among
        them: that tells it of no row that it may not see. Where rows may have come in without a change of their own,
        it gets all rows.
        """
        changed = self._missed(changed)
        if changed is ALL:
            return Delta(query=self.id, reset=True, puts=tuple(_puts(self._encode(keys, keys))))
        if not changed:
            return Delta(query=self.id)
        wanted = [key for key in keys if self._same_key(key) in changed]
        rows = self._encode(wanted, keys)
        return Delta(query=self.id, puts=tuple(_puts(rows)), order=tuple(_without_lost(keys, wanted, rows)))

    def prepare(self, keys: Sequence[str], changed: Collection[str] | None) -> None:
        """Read the rows that several `resume` of one tick need, in one go."""
        changed = self._missed(changed)
        self._encode(keys if changed is ALL else [key for key in keys if self._same_key(key) in changed], keys)

    def end_tick(self) -> None:
        """What was read is of the tick's own state of the database, and not of the next one's."""
        self._encoded.clear()
        self._asked = None

    def _missed(self, changed: Collection[str] | None) -> Collection[str] | None:
        _, kind = self._ask()
        return ALL if kind.unseen or (kind.open and changed) else changed

    def _encode(self, wanted: Sequence[str], keys: Sequence[str]) -> dict[str, msgspec.Raw]:
        """The rows of the wanted keys, in their order."""
        missing = [key for key in wanted if key not in self._encoded]
        if missing:
            instances = self._read_instances(missing, everything=len(missing) == len(keys))
            for key in missing:
                if key in instances:
                    self._encoded[key] = self._row(instances[key], key)
        return {key: self._encoded[key] for key in wanted if key in self._encoded}

    def _read_instances(self, keys: Sequence[str], *, everything: bool) -> dict[str, Any]:
        queryset, _ = self._ask()
        if everything:  # the QuerySet says so in fewer words
            return _by_key(queryset)
        queryset = unsliced(queryset)
        instances: dict[str, Any] = {}
        for start in range(0, len(keys), KEYS_PER_QUERY):
            chunk = [parse_key(self.stream.model, key) for key in keys[start : start + KEYS_PER_QUERY]]
            instances.update(_by_key(queryset.filter(pk__in=chunk)))
        return instances

    def _read_whole(self, queryset: Any) -> list[str]:
        """Read all rows, with digests by which the next delta tells those that differ; return their keys."""
        self._encoded = {key: self._row(instance, key) for key, instance in _by_key(queryset).items()}
        self._read = {key: blake2b(row, digest_size=DIGEST_BYTES).digest() for key, row in self._encoded.items()}
        return list(self._encoded)

    def _row(self, instance: Any, key: str) -> msgspec.Raw:
        return encode_row(self._render(instance, key), self.stream)

    def _ask(self) -> tuple[QuerySet[Any], Nature]:
        if self._asked is None:
            queryset = shape(self.stream.get_queryset(**self.stream.params), self.stream)
            self._asked = queryset, nature(queryset, type(self.stream))
            self.is_open = self._asked[1].open
        return self._asked


def _keys(queryset: Any) -> list[str]:
    return list(dict.fromkeys(map(key_of_values, queryset.values_list(*key_names(queryset.model)))))


def _by_key(queryset: Any) -> dict[str, Any]:
    """The objects by key; of one that joins give several times, the first."""
    found: dict[str, Any] = {}
    for instance in queryset.all():  # the rows are not kept
        found.setdefault(key_text(instance.pk), instance)
    return found


def _puts(rows: Mapping[str, msgspec.Raw]) -> Iterable[Put]:
    return (Put(key=key, row=row) for key, row in rows.items())


def _places(rows: Mapping[str, msgspec.Raw], keys: Sequence[str]) -> Iterable[Put]:
    """Puts that say where they stand, unless it is behind the put before them."""
    before = dict(zip(keys, [None, *keys], strict=False))
    previous = None
    for key, row in rows.items():
        yield Put(key=key, row=row) if before[key] == previous else Put(key=key, row=row, after=before[key])
        previous = key


def _without_lost(keys: Sequence[str], wanted: Sequence[str], rows: Mapping[str, msgspec.Raw]) -> list[str]:
    # a filter by the clock may let go of a row between the statement for the keys and the one for the rows
    lost = set(wanted) - set(rows)
    return [key for key in keys if key not in lost]


class ValueQuery(LiveQuery):
    """A computed value of a stream: one row, whose key is the value's name, sent when the value differs.

    `keys` hold the JSON of the value, in place of keys.
    """

    def __init__(self, stream: ModelStream, format: str, name: str) -> None:
        super().__init__(stream, format)
        self.name = name

    @property
    def members(self) -> Sequence[str]:
        return ()

    def rows(self) -> dict[str, Any]:
        return {self.name: msgspec.json.decode(self._encode_value())}

    def drifts(self) -> bool:
        return False

    def read_keys(self) -> list[str]:
        return [self._encode_value().decode()]

    def delta(self, changed: Collection[str] | None) -> tuple[Delta, list[str]]:
        keys = self.read_keys()
        return (Delta(query=self.id) if keys == self.keys else self.resume(keys, ALL)), keys

    def resume(self, keys: Sequence[str], changed: Collection[str] | None) -> Delta:
        if changed is not ALL and not changed:
            return Delta(query=self.id)
        return Delta(query=self.id, puts=(Put(key=self.name, row=msgspec.Raw(keys[0].encode())),))

    def prepare(self, keys: Sequence[str], changed: Collection[str] | None) -> None:
        pass

    def _encode_value(self) -> bytes:
        return bytes(encode_row(getattr(self.stream, self.name)(), self.stream))
