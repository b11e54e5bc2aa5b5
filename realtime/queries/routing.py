"""Router: the live queries that a change affects, found without visiting the others."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db import DatabaseError

from realtime.changelog.base import LoggedChange, Routing
from realtime.queries.expansion import Expansion, Logged, Own, OwnChange, Partitions, Within, by_model, combinations
from realtime.queries.family import Families
from realtime.queries.livequery import ALL_ROWS, AllRows, Changed, LiveQuery, Members, Present, members_of
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.log")


MOST_PARTITIONS = 200  # that narrow down the rows depending on a change


class Holders:
    """The live queries that have a row, by its key. A single one, the usual case, is stored without a set."""

    def __init__(self) -> None:
        self._by_key: dict[str, LiveQuery | set[LiveQuery]] = {}

    def add(self, key: str, query: LiveQuery) -> None:
        held = self._by_key.setdefault(key, query)
        if isinstance(held, set):
            held.add(query)
        elif held is not query:
            self._by_key[key] = {held, query}

    def discard(self, key: str, query: LiveQuery) -> None:
        held = self._by_key.get(key)
        if isinstance(held, set):
            held.discard(query)
        if held is query or held == set():
            del self._by_key[key]

    def of(self, key: str) -> set[LiveQuery]:
        held = self._by_key.get(key)
        if held is None:
            return set()
        return set(held) if isinstance(held, set) else {held}


class StreamIndex:
    """The live queries of one stream, by partition and by the keys of their rows."""

    def __init__(self, stream: type[ModelStream]) -> None:
        self.stream = stream
        self.queries: set[LiveQuery] = set()
        self._by_values: dict[tuple[str, ...], dict[tuple[str | None, ...], set[LiveQuery]]] = {}
        self._holders = Holders()
        self.families = Families()
        self._by_format: defaultdict[str, set[LiveQuery]] = defaultdict(set)  # live values
        self.expansion = Expansion(stream)
        self.row_labels = {model._meta.label_lower for model in stream.row_models()}
        self._same, self._same_key = self.expansion.same, self.expansion.same_key

    def add(self, query: LiveQuery) -> None:
        self.queries.add(query)
        names, values = self._partition(query)
        self._by_values.setdefault(names, {}).setdefault(values, set()).add(query)
        if query.key.format.startswith("value:"):
            self._by_format[query.key.format].add(query)
        for key in query.members:
            self._holders.add(self._same_key(key), query)

    def discard(self, query: LiveQuery) -> None:
        self.queries.discard(query)
        self._by_format[query.key.format].discard(query)
        names, values = self._partition(query)
        group = self._by_values[names]
        group[values].discard(query)
        if not group[values]:
            del group[values]
        self._forget(query, query.members)

    def update(self, query: LiveQuery, present: Present) -> Members:
        """Update the rows of a live query; return what has entered and left."""
        changed = members_of(query, present)
        query.store(present)
        self._forget(query, changed.removed)
        for key in changed.added:
            self._holders.add(self._same_key(key), query)
        return changed

    def _forget(self, query: LiveQuery, keys: Iterable[str]) -> None:
        for key in map(self._same_key, keys):
            self._holders.discard(key, query)

    def _partition(self, query: LiveQuery) -> tuple[tuple[str, ...], tuple[str, ...]]:
        values = query.stream.partition_values(query.stream.params)
        return tuple(values), tuple(self._same[name](value) for name, value in values.items() if value is not None)

    def partitions(self) -> Partitions | None:
        """Return the partitions that have subscribers, by field names; None if they are all, or many."""
        if len(self._by_values) != 1:
            return None
        [(names, group)] = self._by_values.items()
        if not names or len(group) > MOST_PARTITIONS:
            return None
        streams = [next(iter(queries)).stream for queries in group.values() if queries]
        # a stream may have partitions that its parameters do not name, as presence has
        given = [{**stream.partition_values(stream.params), **stream.params} for stream in streams]
        return {name: [values[name] for values in given] for name in names}

    def concerned(self, change: OwnChange) -> Collection[LiveQuery]:
        """Return the live queries that have this row, or may have it now."""
        found = self._holders.of(change.key)
        if change.routing is not None:
            found |= self.within(change.routing)
        if not change.settled:
            found.update(query for query in self.queries if query.is_open)  # keys do not find these
        return found

    def within(self, routing: Routing) -> set[LiveQuery]:
        """Return the live queries of the partitions that these values name."""
        found: set[LiveQuery] = set()
        for names, group in self._by_values.items():
            for values in combinations(routing, names):
                found |= group.get(values, set())
        return found

    def computed(self, own: Own) -> Iterable[LiveQuery]:
        """Return the live values that depend on a changed model."""
        return [query for format in own.formats for query in self._by_format.get(format, ())]

    def since(self, query: LiveQuery, own: Own | AllRows) -> Changed:
        """Return the keys that may have changed in, entered or left one live query, or `ALL_ROWS`."""
        if own is ALL_ROWS or query.key.format in own.formats:
            return ALL_ROWS
        partition = dict(zip(*self._partition(query), strict=True))
        if any(_matches(partition, routing) for routing in own.partitions):
            return ALL_ROWS
        return own.keys_in(partition)


class Router:
    """The live queries of one log, and the routing of its changes to them."""

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

    def route(self, changes: Sequence[LoggedChange]) -> dict[LiveQuery, set[str] | AllRows]:
        """Return the live queries that these changes affect, each with the affected keys, or `ALL_ROWS`."""
        routed: dict[LiveQuery, set[str] | AllRows] = {}
        logged = by_model(changes)
        for index in self._indexes.values():
            if not index.queries:
                continue
            own = self.expand(index, logged, index.partitions)
            if own is ALL_ROWS:
                routed.update(dict.fromkeys(index.queries, ALL_ROWS))
                continue
            routed.update(dict.fromkeys(index.computed(own), ALL_ROWS))
            for routing in own.partitions:
                routed.update(dict.fromkeys(index.within(routing), ALL_ROWS))
            for change in own.changes:
                for query in index.concerned(change):
                    keys = routed.setdefault(query, set())
                    if keys is not ALL_ROWS:
                        keys.add(change.key)
                        if len(keys) > self.limit:  # reading all of it costs less
                            routed[query] = ALL_ROWS
        return routed

    def affected_by_row_models(self, changes: Sequence[LoggedChange]) -> set[LiveQuery]:
        """Return the live queries in which these changes may affect any row."""
        labels = {change.model for change in changes}
        found = [index.queries for index in self._indexes.values() if not labels.isdisjoint(index.row_labels)]
        return set().union(*found)

    def expand(self, index: StreamIndex, logged: Logged, within: Within | None = None) -> Own | AllRows:
        """Return the effect of changes on one stream. If this fails, only this stream is read completely."""
        try:
            return index.expansion.expand(logged, self.limit, within)
        except DatabaseError:  # the transaction is aborted
            raise
        except Exception:
            name = index.stream.name
            logger.exception(
                "What concerns the stream %r cannot be told; reading all of it.", name, extra={"stream": name}
            )
            return ALL_ROWS

    def everything(self) -> dict[LiveQuery, set[str] | AllRows]:
        """Return every live query, each to be read completely."""
        return {query: ALL_ROWS for index in self._indexes.values() for query in index.queries}


def _matches(values: Mapping[str, str], routing: Routing) -> bool:
    return all(value in routing[name] for name, value in values.items())
