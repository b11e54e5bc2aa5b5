"""Family: live queries that are read together, because their QuerySets differ only in their partition or audience."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from copy import copy
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

from django.db.models import F
from django.db.models.lookups import Exact
from django.db.models.sql.where import AND
from msgspec import Raw

from realtime.queries.compiled_rows import CompiledRows
from realtime.queries.livequery import LiveQuery
from realtime.queries.membership import LookedUp
from realtime.queries.ordering import is_whole
from realtime.queries.plan import BEFORE, Plan, attributes, parts
from realtime.queries.queryset import is_same, unsliced
from realtime.queries.row_reader import KEYS_PER_QUERY, key_before, row_key
from realtime.streams.keys import key_text, parse_keys
from realtime.streams.relations import concrete
from realtime.streams.stream import ModelStream

AUDIENCE = "realtime_audience"  # an annotation with an audience that links lead a row to
MOST_AUDIENCES = 500  # of one statement: below every database's parameter limit, beside the keys
MOST_ALIKE = 8  # families with the same parameters; beyond this, audiences have their own rows

Values = tuple[Any, ...]
Place = tuple[str, Values, Any, str | None]
"""A row's key, its partition and audience, the row, and the key of the row before it."""

Found = dict[str, tuple[Any, str | None]]
"""Rows by key, in order, each with the key of the row before it."""


class Family:
    """Live queries of one stream with the same QuerySet in different partitions, or for different audiences."""

    def __init__(self, plan: Plan, params: Mapping[str, Any]) -> None:
        self.stream = plan.stream.name
        self._plan = copy(plan)  # so that it is forgotten with the live queries that it was made for
        self._fields = _whole_fields(plan.stream)
        self._places = _places(plan.queryset.query.where, self._fields, params)
        self._names = [self._fields[name].attname for name in self._places]
        self._path = plan.stream.audience_path() if plan.stream.audience_by else None
        if self._path is not None:
            self._names.append(self._fields[self._path.column].attname if self._path.column else AUDIENCE)
        self._paused_until = -math.inf  # by the monotonic clock

    @property
    def usable(self) -> bool:
        """Whether its live queries are read together: not after this has failed or taken too long."""
        return time.monotonic() >= self._paused_until

    def pause(self, seconds: float = math.inf) -> None:
        """Let its live queries be read one by one, which shows which of them fails or is slow."""
        self._paused_until = time.monotonic() + seconds

    def has(self, plan: Plan, params: Mapping[str, Any]) -> bool:
        """Return whether a plan, made for these values, belongs to this family."""
        mine, theirs = self._plan.queryset, plan.queryset
        if not is_same(parts(mine), parts(theirs)):
            return False
        if _places(theirs.query.where, self._fields, params) != self._places:
            return False
        one, other = attributes(mine), attributes(theirs)
        return _is_like(one.pop("where"), other.pop("where"), self._places.values()) and is_same(one, other)

    def values(self, query: LiveQuery) -> Values | None:
        """Return the partition, and the audience, of a live query; None if no row can name its audience."""
        place = query.place
        if place is None or place[0] is not self:
            place = query.place = self, self._read_values(query.stream)  # which never changes
        values: Values | None = place[1]
        return values

    def _read_values(self, stream: ModelStream) -> Values | None:
        partition = [self._fields[name].get_prep_value(stream.params[name]) for name in self._places]
        if self._path is not None:
            audience = self._path.value(stream.audience_key)
            if audience is None:
                return None
            partition.append(self._path.field.get_prep_value(audience))
        return tuple(partition)

    @property
    def _is_linked(self) -> bool:
        return AUDIENCE in self._names

    @cached_property
    def _rows(self) -> Any:
        """The rows of all partitions and audiences, each once."""
        rows = unsliced(self._plan.queryset)
        where = rows.query.where = rows.query.where.clone()
        left = {*self._places.values()}
        where.children = [each for at, each in enumerate(where.children) if at not in left]
        return rows

    @cached_property
    def _placed(self) -> Any:
        """The rows, each once for each audience, with the key of the row before it."""
        rows = self._rows
        if self._is_linked:
            assert self._path is not None
            rows = rows.annotate(**{AUDIENCE: F(self._path.lookup)})
        return self._plan.placed(rows, self._names)

    @cached_property
    def _placed_rows(self) -> CompiledRows:
        columns = {"pk": self._plan.queryset.model._meta.pk}
        if not self._is_linked:
            return CompiledRows(self._placed, columns, most=KEYS_PER_QUERY)
        assert self._path is not None
        rows = self._placed.values_list("pk", BEFORE, *self._names)
        return CompiledRows(rows, {**columns, AUDIENCE: self._path.field}, most=MOST_AUDIENCES)

    @cached_property
    def _whole_rows(self) -> CompiledRows:
        return CompiledRows(self._rows, {"pk": self._plan.queryset.model._meta.pk}, most=KEYS_PER_QUERY)

    def portions(self, wanted: Mapping[LiveQuery, Collection[str]]) -> Iterator[dict[LiveQuery, Collection[str]]]:
        """Yield these live queries with their changed keys: as many at once as `read` takes."""
        return _chunks(wanted, MOST_AUDIENCES if self._is_linked else None)

    def read(self, wanted: Mapping[LiveQuery, Collection[str]], instances: dict[Any, Any]) -> dict[LiveQuery, Found]:
        """Return the changed rows of live queries, in order. `instances` are rows of an earlier `read` of the tick."""
        by_place: defaultdict[tuple[str, Values], list[LiveQuery]] = defaultdict(list)
        found: dict[LiveQuery, Found] = {query: {} for query in wanted}
        values: set[Values] = set()
        for query, keys in wanted.items():
            own_values = self.values(query)
            if own_values is None:
                continue
            values.add(own_values)
            for key in keys:
                by_place[key, own_values].append(query)
        keys = {key for key, _ in by_place}
        rows = self._read_linked(keys, values, instances) if self._is_linked else self._read(keys)
        for key, own, instance, previous in rows:
            for query in by_place.get((key, own), ()):
                found[query].setdefault(key, (instance, previous))
        return found

    def _read(self, keys: Collection[str]) -> Iterator[Place]:
        for instance in self._placed_rows.rows(pk=parse_keys(self._plan.queryset.model, sorted(keys))):
            own = tuple(getattr(instance, name) for name in self._names)
            yield row_key(instance), own, instance, key_before(instance)

    def _read_linked(
        self, keys: Collection[str], values: Collection[Values], instances: dict[Any, Any]
    ) -> Iterator[Place]:
        """Yield the same for rows that links lead to their audiences. `instances` are rows that were read before."""
        audiences = {own[-1] for own in values}
        pks = parse_keys(self._plan.queryset.model, sorted(keys))
        rows = list(self._placed_rows.rows(pk=pks, **{AUDIENCE: audiences}))
        if missing := {pk for pk, *_ in rows if pk not in instances}:
            instances.update((instance.pk, instance) for instance in self._whole_rows.rows(pk=missing))
        for pk, previous, *own in rows:
            if pk in instances:  # a filter by the clock may have dropped it meanwhile
                yield key_text(pk), tuple(own), instances[pk], None if previous is None else key_text(previous)


class SharedRows:
    """Rows that live queries of a family share in one tick, because they see the same ones alike."""

    def __init__(self) -> None:
        self._rendered: dict[Any, Raw] = {}  # by look and key
        self._looked_up: dict[Any, LookedUp] = {}

    def find(self, query: LiveQuery, keys: Collection[str], found: Found) -> LookedUp | None:
        """Return what another live query has taken that has found the same; None if there is none."""
        looked_up = self._looked_up.get(_likeness(query, keys, found))
        if looked_up is not None:
            query.reader.mark_sound(looked_up.rows)
        return looked_up

    def render(self, query: LiveQuery, keys: Collection[str], found: Found) -> LookedUp:
        """Render what a live query has found."""
        rows = query.reader.encode_objects({key: instance for key, (instance, _) in found.items()}, self._rendered)
        looked_up = LookedUp(frozenset(keys), rows, {key: before for key, (_, before) in found.items()})
        if all((query.look, key) in self._rendered for key in rows):
            self._looked_up[_likeness(query, keys, found)] = looked_up
        return looked_up


class Families:
    """The families of one stream's live queries."""

    def __init__(self, stream: type[ModelStream]) -> None:
        self._routing = set(stream.partition_by)
        self._path = stream.audience_path() if stream.audience_by else None
        self._fields = _whole_fields(stream)
        self._found: WeakValueDictionary[Any, Family] = WeakValueDictionary()  # by what distinguishes most of them

    def of(self, query: LiveQuery) -> Family | None:
        """Return the family of a live query in this tick; None if it is read alone."""
        plan = query.plan()
        if plan is None:
            return None
        if plan.family is None or plan.family[0] is not self:
            plan.family = self, self._find(query, plan) if self._tells_apart(plan) else None
        family: Family | None = plan.family[1]
        return family if family is not None and family.usable else None

    def _tells_apart(self, plan: Plan) -> bool:
        """Return whether one statement can read the rows of several audiences, each with those that it is for."""
        path = self._path
        if path is None:
            return True
        if path.column:
            return path.column in self._fields
        return path.links is not None and is_whole(path.field) and not plan.queryset.query.annotations

    def _find(self, query: LiveQuery, plan: Plan) -> Family | None:
        if plan.queryset.query.deferred_loading != (frozenset(), True):
            return None
        params = query.stream.params
        others = sorted((name, repr(value)) for name, value in params.items() if name not in self._routing)
        places = [(tuple(others), query.key.surroundings, number) for number in range(MOST_ALIKE)]
        for place in places:
            family = self._found.get(place)
            if family is not None and family.has(plan, params):
                return family
        for place in places:
            if place not in self._found:
                family = self._found[place] = Family(plan, params)
                return family
        return None


def _whole_fields(stream: type[ModelStream]) -> dict[str, Any]:
    """Return the fields of the model's own table that route changes and have numbers or UUIDs."""
    fields: list[Any] = [stream.model._meta.get_field(name) for name in stream.routing_fields()]
    own = [field for field in fields if concrete(field.model) is concrete(stream.model) and is_whole(field)]
    return {field.name: field for field in own}


def _likeness(query: LiveQuery, keys: Collection[str], found: Found) -> tuple[Any, ...]:
    if len(keys) == 1:  # the usual case
        [key] = keys
        return (query.look, key) if not found else (query.look, key, id(found[key][0]), found[key][1])
    return query.look, frozenset(keys), *((key, id(row), before) for key, (row, before) in found.items())


def _chunks(
    wanted: Mapping[LiveQuery, Collection[str]], most: int | None
) -> Iterator[dict[LiveQuery, Collection[str]]]:
    """Yield groups of up to `most` live queries with as many keys as one statement may have, never splitting one."""
    chunk: dict[LiveQuery, Collection[str]] = {}
    keys: set[str] = set()
    for query, changed in wanted.items():
        if chunk and (len(chunk) == most or len(keys.union(changed)) > KEYS_PER_QUERY):
            yield chunk
            chunk, keys = {}, set()
        chunk[query] = changed
        keys.update(changed)
    if chunk:
        yield chunk


def _places(where: Any, fields: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, int]:
    """Return the indexes of the conditions that name a partition, by field name."""
    if where.connector != AND or where.negated:
        return {}
    found: dict[str, int] = {}
    for name, field in fields.items():
        value = params.get(name)
        places = [at for at, each in enumerate(where.children) if _is_equal(each, field, value)]
        if value is not None and len(places) == 1:
            found[name] = places[0]
    return found


def _is_equal(condition: Any, field: Any, value: Any) -> bool:
    if not isinstance(condition, Exact) or getattr(condition.lhs, "target", None) != field:
        return False
    if condition.lhs.alias != field.model._meta.db_table or hasattr(condition.rhs, "resolve_expression"):
        return False
    return is_same(condition.rhs, field.get_prep_value(value))


def _is_like(one: Any, other: Any, places: Collection[int]) -> bool:
    if type(one) is not type(other) or one.connector != other.connector or one.negated != other.negated:
        return False
    if len(one.children) != len(other.children):
        return False
    pairs = zip(one.children, other.children, strict=True)
    return all(
        type(mine) is type(theirs) if at in places else is_same(mine, theirs)
        for at, (mine, theirs) in enumerate(pairs)
    )
