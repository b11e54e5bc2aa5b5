"""Dependencies: which live queries a change concerns, found without visiting the others."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db import DatabaseError

from realtime.changelog.base import LoggedChange, Routing
from realtime.queries.expansion import Expansion, Logged, Own, OwnChange, by_model
from realtime.queries.livequery import ALL, LiveQuery
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.log")


class StreamIndex:
    """The live queries of one stream, by the values of their partition and by the keys of their rows."""

    def __init__(self, stream: type[ModelStream]) -> None:
        self.stream = stream
        self.queries: set[LiveQuery] = set()
        self._by_values: dict[tuple[str, ...], dict[tuple[str | None, ...], set[LiveQuery]]] = {}
        self._by_key: defaultdict[str, set[LiveQuery]] = defaultdict(set)
        self._by_format: defaultdict[str, set[LiveQuery]] = defaultdict(set)  # live values
        self.expansion = Expansion(stream)
        self._same, self._same_key = self.expansion.same, self.expansion.same_key

    def add(self, query: LiveQuery) -> None:
        self.queries.add(query)
        names, values = self._partition(query)
        self._by_values.setdefault(names, {}).setdefault(values, set()).add(query)
        if query.key.format.startswith("value:"):
            self._by_format[query.key.format].add(query)
        for key in query.members:
            self._by_key[self._same_key(key)].add(query)

    def discard(self, query: LiveQuery) -> None:
        self.queries.discard(query)
        self._by_format[query.key.format].discard(query)
        names, values = self._partition(query)
        group = self._by_values[names]
        group[values].discard(query)
        if not group[values]:
            del group[values]
        self._forget(query, query.members)

    def update(self, query: LiveQuery, keys: list[str]) -> None:
        """The live query has these rows now."""
        before = set(query.members)
        query.keys = keys
        after = set(query.members)
        self._forget(query, before - after)
        for key in after - before:
            self._by_key[self._same_key(key)].add(query)

    def _forget(self, query: LiveQuery, keys: Iterable[str]) -> None:
        for key in map(self._same_key, keys):
            self._by_key[key].discard(query)
            if not self._by_key[key]:
                del self._by_key[key]

    def _partition(self, query: LiveQuery) -> tuple[tuple[str, ...], tuple[str, ...]]:
        values = query.stream.partition_values(query.stream.params)
        return tuple(values), tuple(self._same[name](value) for name, value in values.items() if value is not None)

    def concerned(self, change: OwnChange) -> Collection[LiveQuery]:
        """The live queries that have this row, or may have it now."""
        found = set(self._by_key.get(change.key, ()))
        if change.routing is not None:
            for names, group in self._by_values.items():
                for values in _combinations(change.routing, names):
                    found |= group.get(values, set())
        if not change.settled:
            found.update(query for query in self.queries if query.is_open)  # its keys do not find such a one
        return found

    def computed(self, own: Own) -> Iterable[LiveQuery]:
        """The live values that depend on a model that has changed."""
        return [query for format in own.formats for query in self._by_format.get(format, ())]

    def since(self, query: LiveQuery, own: Own | None) -> Collection[str] | None:
        """The keys that may have changed in, entered or left one live query, or `ALL`."""
        if own is ALL or query.key.format in own.formats:
            return ALL
        partition = dict(zip(*self._partition(query), strict=True))
        return {
            change.key
            for change in own.changes
            # an update with other values may have been the one that took the row away
            if change.update or change.routing is None or _matches(partition, change.routing)
        }


class Dependencies:
    """The live queries of one log, and the way from its changes to them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._indexes: dict[type[ModelStream], StreamIndex] = {}

    def index(self, query: LiveQuery) -> StreamIndex:
        stream = type(query.stream)
        if stream not in self._indexes:
            self._indexes[stream] = StreamIndex(stream)
        return self._indexes[stream]

    def discard(self, query: LiveQuery) -> None:
        index = self.index(query)
        index.discard(query)
        if not index.queries:
            del self._indexes[type(query.stream)]

    def route(self, changes: Sequence[LoggedChange]) -> dict[LiveQuery, set[str] | None]:
        """The live queries that these changes concern, each with the keys concerned, or `ALL`."""
        routed: dict[LiveQuery, set[str] | None] = {}
        logged = by_model(changes)
        for index in self._indexes.values():
            if not index.queries:
                continue
            own = self.expand(index, logged)
            if own is ALL:
                routed.update(dict.fromkeys(index.queries, ALL))
                continue
            routed.update(dict.fromkeys(index.computed(own), ALL))
            for change in own.changes:
                for query in index.concerned(change):
                    keys = routed.setdefault(query, set())
                    if keys is not ALL:
                        keys.add(change.key)
        return routed

    def expand(self, index: StreamIndex, logged: Logged) -> Own | None:
        """What changes mean to one stream; a failure has this stream read afresh, and no other."""
        try:
            return index.expansion.expand(logged, self.limit)
        except DatabaseError:  # the transaction is void
            raise
        except Exception:
            name = index.stream.name
            logger.exception(
                "What concerns the stream %r cannot be told; reading all of it.", name, extra={"stream": name}
            )
            return ALL

    def everything(self) -> dict[LiveQuery, set[str] | None]:
        """Every live query, to be read afresh."""
        return {query: ALL for index in self._indexes.values() for query in index.queries}


def _combinations(routing: Routing, names: Sequence[str]) -> Iterable[tuple[str | None, ...]]:
    # old and new value both route; a row that moves in two fields at once is found in each pairing
    found: list[tuple[str | None, ...]] = [()]
    for name in names:
        found = [(*start, value) for start in found for value in routing[name]]
    return found


def _matches(values: Mapping[str, str], routing: Routing) -> bool:
    return all(value in routing[name] for name, value in values.items())
