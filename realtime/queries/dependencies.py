"""Dependencies: which live queries a change concerns, found without visiting the others."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import DatabaseError

from realtime.changelog.base import LoggedChange, Routing
from realtime.models import Change
from realtime.queries.livequery import ALL, KEYS_PER_QUERY, LiveQuery
from realtime.streams.dependencies import Dependency
from realtime.streams.keys import key_text, parse_key
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime")


class OwnChange(NamedTuple):
    """A change of a row of the stream's own model. A routing of None is not known: any live query may be concerned."""

    key: str
    routing: Routing | None
    update: bool


Own = Sequence[OwnChange] | None
"""The changes of one stream's rows, or `ALL` where more changed than are listed."""


class StreamIndex:
    """The live queries of one stream, by the values of their partition and by the keys of their rows."""

    def __init__(self, stream: type[ModelStream]) -> None:
        self.stream = stream
        self.queries: set[LiveQuery] = set()
        self._by_values: dict[tuple[str, ...], dict[tuple[str | None, ...], set[LiveQuery]]] = {}
        self._by_key: defaultdict[str, set[LiveQuery]] = defaultdict(set)

        model = stream.model
        self.own_labels = {
            member._meta.label_lower
            for member in [model._meta.concrete_model, *model._meta.get_parent_list()]
            if member
        }
        self.dependencies: defaultdict[str, list[Dependency]] = defaultdict(list)
        for dependency in stream.dependencies():
            self.dependencies[dependency.model._meta.label_lower].append(dependency)
        self.values: defaultdict[str, set[str]] = defaultdict(set)  # live values by the models they depend on
        for name, models in stream.value_models().items():
            for needed in models:
                self.values[needed._meta.label_lower].add(f"value:{name}")

    def add(self, query: LiveQuery) -> None:
        self.queries.add(query)
        values = query.stream.partition_values(query.stream.params)
        self._by_values.setdefault(tuple(values), {}).setdefault(tuple(values.values()), set()).add(query)
        for key in query.members:
            self._by_key[key].add(query)

    def discard(self, query: LiveQuery) -> None:
        self.queries.discard(query)
        values = query.stream.partition_values(query.stream.params)
        group = self._by_values[tuple(values)]
        group[tuple(values.values())].discard(query)
        if not group[tuple(values.values())]:
            del group[tuple(values.values())]
        self._forget(query, query.members)

    def update(self, query: LiveQuery, keys: list[str]) -> None:
        """The live query has these rows now."""
        before = set(query.members)
        query.keys = keys
        after = set(query.members)
        self._forget(query, before - after)
        for key in after - before:
            self._by_key[key].add(query)

    def _forget(self, query: LiveQuery, keys: Iterable[str]) -> None:
        for key in keys:
            self._by_key[key].discard(query)
            if not self._by_key[key]:
                del self._by_key[key]

    def concerned(self, change: OwnChange) -> Collection[LiveQuery]:
        """The live queries that have this row, or may have it now."""
        if change.routing is None or not change.routing.keys() >= set(self.stream.partition_by):
            return self.queries  # its values are not known, or not those of a partition that is newer than its writer
        found = set(self._by_key.get(change.key, ()))
        for names, group in self._by_values.items():
            for values in _combinations(change.routing, names):
                found |= group.get(values, set())
        return found

    def computed(self, changes: Iterable[LoggedChange]) -> Iterable[LiveQuery]:
        """The live values that depend on any row of a model among the changes."""
        formats = set().union(*(self.values.get(model, ()) for model in {change.model for change in changes}))
        return [query for query in self.queries if query.key.format in formats] if formats else ()

    def expand(self, changes: Iterable[LoggedChange], limit: int) -> Own:
        """The changes of this stream's own rows, those that its dependencies cause included."""
        own: list[OwnChange] = []
        related: defaultdict[Dependency, set[str]] = defaultdict(set)
        for change in changes:
            mine = change.model in self.own_labels
            if change.operation == Change.Operation.REREAD and (mine or change.model in self.dependencies):
                return ALL
            if mine:
                update = change.operation == Change.Operation.UPDATE
                own.append(OwnChange(change.key, change.routing, update))
            for dependency in self.dependencies.get(change.model, ()):
                related[dependency].add(change.key)
        for dependency, keys in related.items():
            found = self._related(dependency, sorted(keys), limit)
            if found is ALL:
                return ALL
            own += found
        return own

    def _related(self, dependency: Dependency, keys: list[str], limit: int) -> Own:
        rows = self.stream.model._base_manager.using(self.stream.database())
        fields = [self.stream.model._meta.get_field(name) for name in self.stream.partition_by]
        found: list[OwnChange] = []
        for start in range(0, len(keys), KEYS_PER_QUERY):
            chunk = list(_parsed(dependency.model, keys[start : start + KEYS_PER_QUERY]))
            query = rows.filter(**{f"{dependency.lookup}__in": chunk}).order_by()
            for pk, *values in query.values_list("pk", *(field.attname for field in fields))[: limit + 1]:  # type: ignore[union-attr]
                routing = {
                    field.name: [None if value is None else key_text(value)]
                    for field, value in zip(fields, values, strict=True)
                }
                found.append(OwnChange(key_text(pk), routing, update=True))
            if len(found) > limit:
                return ALL
        return found

    def since(self, query: LiveQuery, own: Own) -> Collection[str] | None:
        """The keys that may have changed in, entered or left one live query, or `ALL`."""
        if own is ALL:
            return ALL
        values = query.stream.partition_values(query.stream.params)
        return {
            change.key
            for change in own
            # an update with other values may have been the one that took the row away
            if change.update or change.routing is None or _matches(values, change.routing)
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
        for index in self._indexes.values():
            if not index.queries:
                continue
            for query in index.computed(changes):
                routed[query] = ALL
            own = self.expand(index, changes)
            if own is ALL:
                routed.update(dict.fromkeys(index.queries, ALL))
                continue
            for change in own:
                for query in index.concerned(change):
                    keys = routed.setdefault(query, set())
                    if keys is not ALL:
                        keys.add(change.key)
        return routed

    def expand(self, index: StreamIndex, changes: Iterable[LoggedChange]) -> Own:
        """The changes of one stream's rows; a failure has this stream read afresh, and no other."""
        try:
            return index.expand(changes, self.limit)
        except DatabaseError:  # the transaction is void
            raise
        except Exception:
            logger.exception("What concerns the stream %r cannot be told; reading all of it.", index.stream.name)
            return ALL

    def everything(self) -> dict[LiveQuery, set[str] | None]:
        """Every live query, to be read afresh."""
        return {query: ALL for index in self._indexes.values() for query in index.queries}


def _combinations(routing: Routing, names: Sequence[str]) -> Iterable[tuple[str | None, ...]]:
    # old and new value both route; a row that moves in two fields at once is found in each pairing
    found: list[tuple[str | None, ...]] = [()]
    for name in names:
        found = [(*start, value) for start in found for value in routing.get(name, [None])]
    return found


def _parsed(model: Any, keys: Iterable[str]) -> Iterable[Any]:
    for key in keys:
        try:
            yield parse_key(model, key)
        except (ValidationError, ValueError, TypeError):
            logger.warning("The log names a key that %s cannot have: %r.", model._meta.label, key)


def _matches(values: Mapping[str, str | None], routing: Routing) -> bool:
    return all(value in routing.get(name, [value]) for name, value in values.items())
