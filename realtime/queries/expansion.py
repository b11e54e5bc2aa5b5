"""Expansion: which rows and live values of one stream are affected by the changes of a log."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from realtime.changelog.base import LoggedChange, Routing
from realtime.models import Change
from realtime.queries.audiences import ANYONE, Anyone, AudienceReader, Audiences
from realtime.queries.membership import ALL_ROWS, AllRows
from realtime.queries.row_reader import in_chunks
from realtime.streams.keys import (
    cleaned,
    comparable,
    comparable_key,
    key_names,
    key_of_values,
    key_text,
    parse_key,
    stored,
)
from realtime.streams.relations import Dependency, concrete
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.log")

UPDATES = (Change.Kind.UPDATE, Change.Kind.LINK)
ANYWHERE, EVERY_AUDIENCE = object(), object()  # where the keys of a row are found that is in no known place

Logged = Mapping[str, Sequence[LoggedChange]]
"""Changes by the label of their model."""


Partitions = Mapping[str, Sequence[Any]]
Within = Callable[[], Partitions | None]  # called only if rows are read, because it costs time for each partition
"""The values of partitions, by field name."""


def by_model(changes: Iterable[LoggedChange]) -> Logged:
    found: defaultdict[str, list[LoggedChange]] = defaultdict(list)
    for change in changes:
        found[change.model].append(change)
    return found


class OwnChange(NamedTuple):
    """A change of a row of the stream's own model.

    If `routing` is None, the row is gone, and its former partition is unknown. `settled` says whether the routing,
    with the other changes, names every partition that the row was in. `audiences` are those that the row is for, and
    those that it was for as far as they are logged.
    """

    key: str
    routing: Routing | None
    update: bool
    settled: bool = True
    audiences: Audiences = ANYONE


class Reread(NamedTuple):
    """The partitions and audiences of changed rows that are not listed."""

    routing: Routing
    audiences: Audiences


@dataclass(frozen=True, slots=True, eq=False)
class Own:
    """The effect of changes on one stream: changed rows, and live values (their formats) to compute.

    Any row of `rereads` may have changed.
    """

    changes: Sequence[OwnChange]
    formats: Collection[str]
    rereads: Sequence[Reread] = ()
    _keys: dict[Sequence[str], dict[Any, set[str]]] = field(default_factory=dict)  # by partition and audience

    def keys_in(self, partition: Mapping[str, str], audience: str | Anyone) -> set[str]:
        """Return the keys that may have changed in, entered or left a partition, for one audience or for `ANYONE`.

        Computed once for all partitions and audiences.
        """
        names, values = tuple(partition), tuple(partition.values())
        if names not in self._keys:
            found = self._keys[names] = defaultdict(set)
            for change in self.changes:
                # an update to other values may have moved the row away
                if change.update or change.routing is None:
                    found[ANYWHERE].add(change.key)
                    continue
                audiences = [EVERY_AUDIENCE] if change.audiences is ANYONE else change.audiences
                for place in combinations(change.routing, names):
                    for each in (ANYONE, *audiences):
                        found[place, each].add(change.key)
        keys = self._keys[names]
        places = [(values, ANYONE)] if audience is ANYONE else [(values, audience), (values, EVERY_AUDIENCE)]
        return set().union(*(keys.get(place, ()) for place in (ANYWHERE, *places)))


def combinations(routing: Routing, names: Sequence[str]) -> Iterable[tuple[str | None, ...]]:
    """Return the partitions that a change routes to: all combinations of old and new values."""
    found: list[tuple[str | None, ...]] = [()]
    for name in names:
        found = [(*start, value) for start in found for value in routing[name]]
    return found


class Expansion:
    """Finds the rows of one stream that the changes of a log affect.

    `same` and `same_key` normalize the text of a value or a key, which depends on who logged it.
    """

    def __init__(self, stream: type[ModelStream]) -> None:
        self.stream = stream
        self._fields = {name: stream.model._meta.get_field(name) for name in stream.routing_fields()}
        path = self._path = stream.audience_path() if stream.audience_by else None
        self._reader = AudienceReader(stream) if path and not path.column else None
        self.same = {name: comparable(field) for name, field in self._fields.items()}
        self.same_key = comparable_key(stream.model)
        self._exact_key = comparable_key(stream.model, fold=False)
        self._own = concrete(stream.model)._meta.label_lower
        self._dependencies: defaultdict[str, list[Dependency]] = defaultdict(list)
        for dependency in stream.dependencies():
            if path and path.links and not dependency.lookup and dependency.model is path.links.model:
                continue  # the log tells its changes as those of the rows that it links
            self._dependencies[dependency.model._meta.label_lower].append(dependency)
        self._values: defaultdict[str, set[str]] = defaultdict(set)  # formats of live values, by dependency
        for name, models in stream.value_models().items():
            for needed in models:
                self._values[needed._meta.label_lower].add(f"value:{name}")

    def expand(self, logged: Logged, limit: int, within: Within | None = None) -> Own | AllRows:
        """Return the effect of the changes: on the stream's own rows, on rows found by dependencies, on live values.

        Rows found by dependencies only matter `within` the partitions that have subscribers.
        """
        changes: list[OwnChange] = []
        rereads: list[Reread] = []
        stayed: dict[str, tuple[Routing, bool]] = {}  # some values must be read from the row; whether it was updated
        unsettled: dict[str, bool] = {}  # whether a row was updated, by key
        silent: dict[str, bool] = {}  # the same for parent rows, which have no partition
        exact: defaultdict[str, set[str]] = defaultdict(set)  # the keys of these rows, as the database has them
        for change in logged.get(self._own, ()):
            routing = self._routing(change)
            if change.operation == Change.Kind.REREAD:
                if not routing or not all(routing.values()):
                    return ALL_ROWS
                rereads.append(Reread(routing, self._take_audiences(routing)))
                continue
            key, update = self.same_key(change.key), change.operation in UPDATES
            if routing is not None and all(routing.values()):
                changes.append(OwnChange(key, routing, update))
                continue
            exact[key].add(self._exact_key(change.key))
            if routing is not None:
                stayed[key] = _joined(stayed.get(key), routing, update)
            else:
                unknown = silent if self._is_silent(change) else unsettled
                unknown[key] = unknown.get(key, False) or update
        for settled in changes:  # one of a row's tables has its partition
            silent.pop(settled.key, None)
        if unsettled or silent or stayed:
            changes += self._located(silent | unsettled, stayed, exact)

        for label, dependencies in self._dependencies.items():
            if label in logged:
                for dependency in dependencies:
                    found = self._related(dependency, logged[label], limit, within)
                    if found is ALL_ROWS:
                        return ALL_ROWS
                    changes += found
        formats = {format for label, formats in self._values.items() if label in logged for format in formats}
        return Own(self._with_audiences(changes, logged), formats, rereads)

    def _with_audiences(self, changes: Sequence[OwnChange], logged: Logged) -> Sequence[OwnChange]:
        if self._path is None or not changes:
            return changes
        if self._reader is None:
            return [
                change if change.routing is None else change._replace(audiences=self._take_audiences(change.routing))
                for change in changes
            ]
        found = self._reader.audiences_of({change.key for change in changes}, logged)
        may_leave = not self._path.is_logged
        return [change._replace(audiences=found[change.key], update=change.update or may_leave) for change in changes]

    def _take_audiences(self, routing: Routing) -> Audiences:
        """Return the audiences in the routing of a change."""
        values = routing.get(self._path.column) if self._path else None
        return ANYONE if values is None else {value for value in values if value is not None}

    def _routing(self, change: LoggedChange) -> Routing | None:
        routing, names = change.routing, set(self._fields)
        if change.operation == Change.Kind.REREAD and self._path and self._path.column not in (routing or ()):
            names.discard(self._path.column)  # any audience of these partitions
        if routing is None or any(name not in routing for name in names):
            return None if self._fields else {}
        return {name: [None if value is None else self.same[name](value) for value in routing[name]] for name in names}

    def _is_silent(self, change: LoggedChange) -> bool:
        return change.routing is not None and self._fields.keys().isdisjoint(change.routing)

    def _located(
        self,
        keys: Mapping[str, bool],
        stayed: Mapping[str, tuple[Routing, bool]],
        exact: Mapping[str, Collection[str]],
    ) -> Iterator[OwnChange]:
        """Yield changes with an incomplete partition in the log, with the row's current partition."""
        texts = {text for key in (*keys, *stayed) for text in exact[key]}
        found: defaultdict[str, list[OwnChange]] = defaultdict(list)  # several, as of "a" and "A"
        for change in self._read("pk", _parsed(texts, partial(parse_key, self.stream.model), self.stream.model)):
            found[change.key].append(change)
        for key, update in keys.items():
            for change in found[key] or [OwnChange(key, None, update)]:
                yield change._replace(settled=False)
        for key, (routing, update) in stayed.items():
            if not found[key]:  # deleted, as another change shows
                yield OwnChange(key, None, update)
            for change in found[key]:
                now: Any = change.routing
                yield OwnChange(key, {name: [*values, *now[name]] for name, values in routing.items()}, update)

    def _related(
        self, dependency: Dependency, changes: Sequence[LoggedChange], limit: int, within: Within | None
    ) -> Sequence[OwnChange] | AllRows:
        """Return the rows that point to the changed ones."""
        if dependency.whole and changes:
            return ALL_ROWS
        keys: set[str] = set()
        pointed: set[str] = set()
        pointing: set[str] = set()  # keys of rows that still point to the same place
        told = {change.key for change in changes if _tells(change, dependency)}
        for change in changes:
            if change.operation == Change.Kind.REREAD:
                return ALL_ROWS
            if change.operation == Change.Kind.LINK:
                continue  # the row's own relations show it; they are separate dependencies
            if change.routing is not None and _tells(change, dependency):
                if not change.routing[dependency.points]:
                    pointing.add(change.key)
                elif self._is_kind(dependency, change.routing):
                    pointed.update(value for value in change.routing[dependency.points] if value is not None)
            elif not dependency.points or (dependency.lookup and _stands_where_it_was(change)):
                keys.add(change.key)
            elif change.key not in told or _may_have_moved(change):
                return ALL_ROWS  # these rows cannot be determined

        found: list[OwnChange] = []
        if pointing:
            pointed |= self._targets(dependency, pointing)
        if keys:
            parsed = _parsed(keys, lambda key: parse_key(dependency.model, key), dependency.model)
            found += self._read(dependency.lookup, parsed, limit, within)
        if pointed:
            field: Any = dependency.model._meta.get_field(dependency.points)
            convert = partial(cleaned, dependency.near._meta.pk if dependency.near else field)
            found += self._read(dependency.origin, _parsed(pointed, convert, dependency.model), limit, within)
        return ALL_ROWS if len(found) > limit else found

    def _targets(self, dependency: Dependency, keys: Collection[str]) -> set[str]:
        """Return the keys that these rows of the dependency refer to now, in the log's form."""
        parsed = _parsed(keys, lambda key: parse_key(dependency.model, key), dependency.model)
        field: Any = dependency.model._meta.get_field(dependency.points)
        rows: QuerySet[Any] = QuerySet(dependency.model, using=self.stream.database())
        found: set[str] = set()
        for chunk in in_chunks(parsed):
            values = rows.filter(pk__in=chunk).order_by().values_list(field.attname, flat=True)
            found.update(key_text(value) for value in values if value is not None)
        return found

    def _is_kind(self, dependency: Dependency, routing: Routing) -> bool:
        if dependency.near is None or not routing.get(dependency.kind):
            return True
        from django.contrib.contenttypes.models import ContentType  # only installed where there are generic relations

        types = ContentType.objects.db_manager(self.stream.database())
        kinds = {types.get_for_model(dependency.near, for_concrete_model=each).pk for each in (True, False)}
        return not kinds.isdisjoint(int(kind) for kind in routing.get(dependency.kind, ()) if kind)

    def _read(
        self, lookup: str, values: Sequence[Any], limit: int | None = None, within: Within | None = None
    ) -> list[OwnChange]:
        # not through a manager, which may hide rows
        rows: QuerySet[Any] = QuerySet(self.stream.model, using=self.stream.database())
        columns = [field.attname for field in self._fields.values()]  # type: ignore[union-attr]
        names = key_names(self.stream.model)
        looked_at = {f"{name}__in": wanted for name, wanted in ((within and within()) or {}).items()}
        found: list[OwnChange] = []
        for chunk in in_chunks(values):
            query = rows.filter(Q((f"{lookup}__in", chunk)), **looked_at).order_by().values_list(*names, *columns)
            for row in query[: limit and limit + 1]:
                key, partition = key_of_values(self.stream.model, row[: len(names)]), row[len(names) :]
                routing = {
                    name: [None if value is None else self.same[name](key_text(stored(self._fields[name], value)))]
                    for name, value in zip(self._fields, partition, strict=True)
                }
                found.append(OwnChange(self.same_key(key), routing, update=True))
            if limit and len(found) > limit:
                break
        return found


def _joined(before: tuple[Routing, bool] | None, routing: Routing, update: bool) -> tuple[Routing, bool]:
    """Combine two changes of one row: all partitions that it was in."""
    if before is None:
        return routing, update
    return {name: [*values, *before[0][name]] for name, values in routing.items()}, update or before[1]


def _tells(change: LoggedChange, dependency: Dependency) -> bool:
    """Return whether the change has the key that the row referred to."""
    return bool(dependency.points) and change.routing is not None and dependency.points in change.routing


def _may_have_moved(change: LoggedChange) -> bool:
    """Return whether a row was updated with an unknown old place, as by an upsert, which reads no old row."""
    return change.routing is None and change.operation == Change.Kind.UPDATE


def _stands_where_it_was(change: LoggedChange) -> bool:
    return change.operation != Change.Kind.DELETE and not _may_have_moved(change)


def _parsed(texts: Iterable[str], convert: Any, model: type) -> list[Any]:
    parsed = []
    for text in sorted(texts):
        try:
            parsed.append(convert(text))
        except (ValidationError, ValueError, TypeError):
            logger.warning("The log contains a key that %s cannot have: %r.", model.__name__, text)
    return parsed
