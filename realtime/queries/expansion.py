"""Expansion: what the changes of a log mean to one stream: which of its rows, and which of its live values."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from realtime.changelog.base import LoggedChange, Routing
from realtime.models import Change
from realtime.queries.livequery import ALL, KEYS_PER_QUERY
from realtime.streams.dependencies import Dependency, concrete
from realtime.streams.keys import comparable, comparable_key, key_names, key_of_values, key_text, parse_key, target
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.log")

UPDATES = (Change.Operation.UPDATE, Change.Operation.LINK)

Logged = Mapping[str, Sequence[LoggedChange]]
"""Changes by the label of their model."""


def by_model(changes: Iterable[LoggedChange]) -> Logged:
    found: defaultdict[str, list[LoggedChange]] = defaultdict(list)
    for change in changes:
        found[change.model].append(change)
    return found


class OwnChange(NamedTuple):
    """A change of a row of the stream's own model.

    A routing of None: the row is gone, and where it was is not known. `settled` says whether the routing names each
    partition that the row was in.
    """

    key: str
    routing: Routing | None
    update: bool
    settled: bool = True


class Own(NamedTuple):
    """What changes mean to one stream: changed rows, and live values (their formats) that are to be computed."""

    changes: Sequence[OwnChange]
    formats: Collection[str]


class Expansion:
    """Follows the changes of a log to the rows of one stream.

    `same` and `same_key` give texts of one value, or of one key, the same form, whoever has logged them.
    """

    def __init__(self, stream: type[ModelStream]) -> None:
        self.stream = stream
        self._fields = {name: stream.model._meta.get_field(name) for name in stream.partition_by}
        self.same = {name: comparable(field) for name, field in self._fields.items()}
        self.same_key = comparable_key(stream.model)
        self._own = concrete(stream.model)._meta.label_lower
        self._dependencies: defaultdict[str, list[Dependency]] = defaultdict(list)
        for dependency in stream.dependencies():
            self._dependencies[dependency.model._meta.label_lower].append(dependency)
        self._values: defaultdict[str, set[str]] = defaultdict(set)  # formats of live values by what they depend on
        for name, models in stream.value_models().items():
            for needed in models:
                self._values[needed._meta.label_lower].add(f"value:{name}")

    def expand(self, logged: Logged, limit: int) -> Own | None:
        """What the changes mean to this stream: its own rows, those that dependencies lead to, its live values."""
        changes: list[OwnChange] = []
        unsettled: dict[str, bool] = {}  # whether a row was updated, by key
        silent: dict[str, bool] = {}  # the same of the rows of parents, which say nothing of it
        for change in logged.get(self._own, ()):
            if change.operation == Change.Operation.REREAD:
                return ALL
            key, update = self.same_key(change.key), change.operation in UPDATES
            routing = self._routing(change)
            if routing is not None:
                changes.append(OwnChange(key, routing, update))
            else:
                unknown = silent if self._is_silent(change) else unsettled
                unknown[key] = unknown.get(key, False) or update
        for settled in changes:  # one of the tables that a row is in tells its partition
            silent.pop(settled.key, None)
        if unsettled or silent:
            changes += self._located(silent | unsettled)

        for label, dependencies in self._dependencies.items():
            if label in logged:
                for dependency in dependencies:
                    found = self._related(dependency, logged[label], limit)
                    if found is ALL:
                        return ALL
                    changes += found
        formats = {format for label, formats in self._values.items() if label in logged for format in formats}
        return Own(changes, formats)

    def _routing(self, change: LoggedChange) -> Routing | None:
        routing = change.routing
        if routing is None or any(name not in routing for name in self._fields):
            return None if self._fields else {}
        return {
            name: [None if value is None else self.same[name](value) for value in routing[name]]
            for name in self._fields
        }

    def _is_silent(self, change: LoggedChange) -> bool:
        return change.routing is not None and self._fields.keys().isdisjoint(change.routing)

    def _located(self, keys: Mapping[str, bool]) -> list[OwnChange]:
        """Changes whose log says nothing of their partition, with the one that the row is in."""
        parsed = _parsed(keys, lambda key: parse_key(self.stream.model, key), self.stream.model)
        found = {change.key: change for change in self._read("pk", parsed)}
        return [
            found[key]._replace(settled=False) if key in found else OwnChange(key, None, update, settled=False)
            for key, update in keys.items()
        ]

    def _related(
        self, dependency: Dependency, changes: Sequence[LoggedChange], limit: int
    ) -> Sequence[OwnChange] | None:
        """The rows that the dependency leads from."""
        keys: set[str] = set()
        pointed: set[str] = set()
        told = {change.key for change in changes if _tells(change, dependency)}
        for change in changes:
            if change.operation == Change.Operation.REREAD:
                return ALL
            if change.operation == Change.Operation.LINK:
                continue  # it shows in the row's own relations, which are dependencies of their own
            if change.routing is not None and _tells(change, dependency):
                if self._is_kind(dependency, change.routing):
                    pointed.update(value for value in change.routing[dependency.points] if value is not None)
            elif not dependency.points or (dependency.lookup and _stands_where_it_was(change)):
                keys.add(change.key)
            elif change.key not in told or _may_have_moved(change):
                return ALL  # nothing tells which rows these were

        found: list[OwnChange] = []
        if keys:
            parsed = _parsed(keys, lambda key: parse_key(dependency.model, key), dependency.model)
            found += self._read(dependency.lookup, parsed, limit)
        if pointed:
            field: Any = dependency.model._meta.get_field(dependency.points)
            convert = (dependency.near._meta.pk if dependency.near else target(field)).to_python
            found += self._read(dependency.origin, _parsed(pointed, convert, dependency.model), limit)
        return ALL if len(found) > limit else found

    def _is_kind(self, dependency: Dependency, routing: Routing) -> bool:
        if dependency.near is None:
            return True
        from django.contrib.contenttypes.models import ContentType  # only installed where there are generic relations

        types = ContentType.objects.db_manager(self.stream.database())
        kinds = {types.get_for_model(dependency.near, for_concrete_model=each).pk for each in (True, False)}
        return not kinds.isdisjoint(int(kind) for kind in routing.get(dependency.kind, ()) if kind)

    def _read(self, lookup: str, values: Sequence[Any], limit: int | None = None) -> list[OwnChange]:
        # not by a manager, which may hide rows
        rows: QuerySet[Any] = QuerySet(self.stream.model, using=self.stream.database())
        columns = [field.attname for field in self._fields.values()]  # type: ignore[union-attr]
        names = key_names(self.stream.model)
        found: list[OwnChange] = []
        for start in range(0, len(values), KEYS_PER_QUERY):
            chunk = values[start : start + KEYS_PER_QUERY]
            query = rows.filter(Q((f"{lookup}__in", chunk))).order_by().values_list(*names, *columns)
            for row in query[: limit and limit + 1]:
                key, partition = key_of_values(row[: len(names)]), row[len(names) :]
                routing = {
                    name: [None if value is None else self.same[name](key_text(value))]
                    for name, value in zip(self._fields, partition, strict=True)
                }
                found.append(OwnChange(self.same_key(key), routing, update=True))
            if limit and len(found) > limit:
                break
        return found


def _tells(change: LoggedChange, dependency: Dependency) -> bool:
    """Whether the change says what the row pointed to."""
    return bool(dependency.points) and change.routing is not None and dependency.points in change.routing


def _may_have_moved(change: LoggedChange) -> bool:
    """Whether a row was updated, and nothing is known of where it was: by an upsert, which reads no old row."""
    return change.routing is None and change.operation == Change.Operation.UPDATE


def _stands_where_it_was(change: LoggedChange) -> bool:
    return change.operation != Change.Operation.DELETE and not _may_have_moved(change)


def _parsed(texts: Iterable[str], convert: Any, model: type) -> list[Any]:
    parsed = []
    for text in sorted(texts):
        try:
            parsed.append(convert(text))
        except (ValidationError, ValueError, TypeError):
            logger.warning("The log names a key that %s cannot have: %r.", model.__name__, text)
    return parsed
