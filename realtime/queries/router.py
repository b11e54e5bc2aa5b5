"""Router: the live queries that a change affects, found without visiting the others."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from django.db import DatabaseError

from realtime.changelog.base import LoggedChange, Routing
from realtime.queries.audiences import ANYONE, Anyone, Audiences
from realtime.queries.expansion import Expansion, Logged, Own, OwnChange, Partitions, Within, by_model, combinations
from realtime.queries.family import Families
from realtime.queries.livequery import LiveQuery
from realtime.queries.membership import ALL_ROWS, AllRows, Changed, Members, Present
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.log")


_ByAudience = dict[str | Anyone, set[LiveQuery]]  # of `ANYONE`: those that every change concerns

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


class RoutingKey(NamedTuple):
    """Where changes of rows find a live query: by the names and values of its partition, and by its audience."""

    names: tuple[str, ...]
    values: tuple[str, ...]
    audience: str | Anyone


class StreamIndex:
    """The live queries of one stream, by partition, by audience and by the keys of their rows."""

    def __init__(self, stream: type[ModelStream]) -> None:
        self.stream = stream
        self.queries: set[LiveQuery] = set()
        self._by_values: dict[tuple[str, ...], dict[tuple[str | None, ...], _ByAudience]] = {}
        self._routing_keys: dict[LiveQuery, RoutingKey] = {}
        self._looked_around: dict[LiveQuery, bool] = {}  # which may change the routing key
        self._path = stream.audience_path() if stream.audience_by else None
        self._holders = Holders()
        self.families = Families(stream)
        self._by_format: defaultdict[str, set[LiveQuery]] = defaultdict(set)  # live values
        self.expansion = Expansion(stream)
        self.row_labels = {model._meta.label_lower for model in stream.row_models()}
        self._same, self._same_key = self.expansion.same, self.expansion.same_key

    def add(self, query: LiveQuery) -> None:
        self.queries.add(query)
        self._put(query, self._routing_key(query))
        if query.key.format.startswith("value:"):
            self._by_format[query.key.format].add(query)
        for key in query.members:
            self._holders.add(self._same_key(key), query)

    def discard(self, query: LiveQuery) -> None:
        self.queries.discard(query)
        self._by_format[query.key.format].discard(query)
        self._remove(query)
        self._forget(query, query.members)

    def _put(self, query: LiveQuery, key: RoutingKey) -> None:
        self._routing_keys[query] = key
        if self._path is not None:
            self._looked_around[query] = query.planner.looks_around
        group = self._by_values.setdefault(key.names, {}).setdefault(key.values, {})
        group.setdefault(key.audience, set()).add(query)

    def _remove(self, query: LiveQuery) -> None:
        key = self._routing_keys.pop(query)
        self._looked_around.pop(query, None)
        groups = self._by_values[key.names]
        group = groups[key.values]
        group[key.audience].discard(query)
        if not group[key.audience]:
            del group[key.audience]
        if not group:
            del groups[key.values]

    def update(self, query: LiveQuery, present: Present) -> Members:
        """Update the rows of a live query; return what has entered and left."""
        changed = query.members_with(present)
        query.store(present)
        if changed.removed:
            self._forget(query, changed.removed)
        # a row that is left may have the same key but for its case, and so be forgotten too
        for key in query.members if changed.removed and not isinstance(present, Members) else changed.added:
            self._holders.add(self._same_key(key), query)
        if self._path is not None and query.planner.looks_around != self._looked_around.get(query):
            self._remove(query)
            self._put(query, self._routing_key(query))
        return changed

    def _forget(self, query: LiveQuery, keys: Iterable[str]) -> None:
        for key in map(self._same_key, keys):
            self._holders.discard(key, query)

    def _routing_key(self, query: LiveQuery) -> RoutingKey:
        values = query.stream.partition_values(query.stream.params)
        audience = None
        # a row that has left an audience unnoticed may have been counted
        if self._path is not None and (self._path.is_logged or not query.planner.looks_around):
            audience = self._path.named(query.stream.audience_key)
        same = tuple(self._same[name](value) for name, value in values.items() if value is not None)
        return RoutingKey(tuple(values), same, ANYONE if audience is None else audience)

    def partitions(self) -> Partitions | None:
        """Return the partitions that have subscribers, by field names; None if they are all, or many."""
        if len(self._by_values) != 1:
            return None
        [(names, group)] = self._by_values.items()
        if not names or len(group) > MOST_PARTITIONS:
            return None
        streams = [next(iter(next(iter(queries.values())))).stream for queries in group.values()]
        # a stream may have partitions that its parameters do not name, as presence has
        given = [{**stream.partition_values(stream.params), **stream.params} for stream in streams]
        return {name: [values[name] for values in given] for name in names}

    def concerned(self, change: OwnChange) -> Collection[LiveQuery]:
        """Return the live queries that have this row, or may have it now."""
        found = self._holders.of(change.key)
        if change.routing is not None:
            found |= self.within(change.routing, change.audiences)
        if not change.settled:
            found.update(query for query in self.queries if query.planner.is_open)  # keys do not find these
        return found

    def within(self, routing: Routing, audiences: Audiences) -> set[LiveQuery]:
        """Return the live queries of these audiences in the partitions that these values name."""
        found: set[LiveQuery] = set()
        for names, groups in self._by_values.items():
            for values in combinations(routing, names):
                group = groups.get(values, {})
                wanted: Iterable[str | Anyone] = group if audiences is ANYONE else (ANYONE, *audiences)
                found.update(*(group[audience] for audience in wanted if audience in group))
        return found

    def computed(self, own: Own) -> Iterable[LiveQuery]:
        """Return the live values that depend on a changed model."""
        return [query for format in own.formats for query in self._by_format.get(format, ())]

    def since(self, query: LiveQuery, own: Own | AllRows) -> Changed:
        """Return the keys that may have changed in, entered or left one live query, or `ALL_ROWS`."""
        if own is ALL_ROWS or query.key.format in own.formats:
            return ALL_ROWS
        names, values, audience = self._routing_key(query)
        partition = dict(zip(names, values, strict=True))
        if any(_matches(partition, each.routing, audience, each.audiences) for each in own.rereads):
            return ALL_ROWS
        return own.keys_in(partition, audience)


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
            for reread in own.rereads:
                routed.update(dict.fromkeys(index.within(*reread), ALL_ROWS))
            for change in own.changes:
                key = change.key
                for query in index.concerned(change):
                    keys = routed.get(query)
                    if keys is None:
                        routed[query] = {key}
                    elif keys is not ALL_ROWS:
                        keys.add(key)
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
            text = "Which rows of the stream %r have changed cannot be found out; all of them are read."
            logger.exception(text, name, extra={"stream": name})
            return ALL_ROWS

    def everything(self) -> dict[LiveQuery, set[str] | AllRows]:
        """Return every live query, each to be read completely."""
        return {query: ALL_ROWS for index in self._indexes.values() for query in index.queries}


def _matches(values: Mapping[str, str], routing: Routing, audience: str | Anyone, audiences: Audiences) -> bool:
    is_for = audience is ANYONE or audiences is ANYONE or audience in audiences
    return is_for and all(value in routing[name] for name, value in values.items())
