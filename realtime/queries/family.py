"""Family: live queries that are read together, because their QuerySets differ only in their partition or audience."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from django.db.models.lookups import Exact
from django.db.models.sql.where import AND

from realtime.queries.livequery import KEYS_PER_QUERY, LiveQuery, key_before, row_key
from realtime.queries.ordering import is_whole
from realtime.queries.plan import BEFORE, Plan, attributes, parts
from realtime.queries.queryset import is_same, unsliced
from realtime.streams.keys import key_text, parse_keys
from realtime.streams.relations import concrete
from realtime.streams.stream import ModelStream

AUDIENCE = "realtime_audience"  # a row's attribute with the audience that it is for
MOST_AUDIENCES = 500  # of one statement: below every database's parameter limit, beside the keys
MOST_ALIKE = 8  # families with the same parameters; beyond this, audiences have their own rows

Values = tuple[Any, ...]


class Family:
    """Live queries of one stream with the same QuerySet in different partitions, or for different audiences."""

    def __init__(self, plan: Plan, params: Mapping[str, Any]) -> None:
        self._plan = plan
        model = plan.queryset.model
        fields: list[Any] = [model._meta.get_field(name) for name in plan.stream.routing_fields()]
        own = [field for field in fields if concrete(field.model) is concrete(model) and is_whole(field)]
        self._fields = {field.name: field for field in own}
        self._places = _places(plan.queryset.query.where, self._fields, params)
        self._names = [self._fields[name].attname for name in self._places]
        self._of_any = plan.place  # of the condition that names an audience
        if self._of_any is not None:
            self._names.append(AUDIENCE)
        self.usable = True  # False after reading them together has failed

    def has(self, plan: Plan, params: Mapping[str, Any]) -> bool:
        """Return whether a plan, made for these values, belongs to this family."""
        mine, theirs = self._plan.queryset, plan.queryset
        if not is_same(parts(mine), parts(theirs)):
            return False
        if _places(theirs.query.where, self._fields, params) != self._places:
            return False
        if plan.place != self._of_any:
            return False
        one, other = attributes(mine), attributes(theirs)
        places = [*self._places.values(), *(() if self._of_any is None else (self._of_any,))]
        return _is_like(one.pop("where"), other.pop("where"), places) and is_same(one, other)

    def values(self, stream: ModelStream) -> Values:
        """Return the partition, and the audience, of a stream."""
        params = stream.routing_values()
        partition = [self._fields[name].get_prep_value(params[name]) for name in self._places]
        if self._of_any is not None:
            partition.append(stream.audience_path().field.get_prep_value(stream.audience_key))
        return tuple(partition)

    @cached_property
    def _placed(self) -> Any:
        return self._plan.placed(self._of_all, self._names)

    @cached_property
    def _of_all(self) -> Any:
        """The rows of all partitions and audiences."""
        rows = unsliced(self._plan.queryset)
        where = rows.query.where = rows.query.where.clone()
        left = {*self._places.values(), self._of_any}
        if self._of_any is not None:
            rows.query.add_annotation(where.children[self._of_any].lhs, AUDIENCE)
        where.children = [each for at, each in enumerate(where.children) if at not in left]
        return rows

    def look_up(self, wanted: Mapping[LiveQuery, Collection[str]]) -> None:
        """Read the changed rows of these live queries together."""
        rendered: dict[Any, Any] = {}  # rows shared by several of them
        for some in _chunks(wanted, MOST_AUDIENCES if self._of_any is not None else None):
            by_place: defaultdict[tuple[str, Values], list[LiveQuery]] = defaultdict(list)
            found: dict[LiveQuery, dict[str, Any]] = {query: {} for query in some}
            before: dict[LiveQuery, dict[str, str | None]] = {query: {} for query in some}
            values = {query: self.values(query.stream) for query in some}
            for query, keys in some.items():
                for key in keys:
                    by_place[key, values[query]].append(query)
            for key, own, instance, previous in self._read({key for key, _ in by_place}, {*values.values()}):
                for query in by_place.get((key, own), ()):
                    found[query].setdefault(key, instance)
                    before[query].setdefault(key, previous)
            for query, instances in found.items():
                query.take(some[query], instances, before[query], rendered)

    def _read(
        self, keys: Collection[str], values: Collection[Values]
    ) -> Iterator[tuple[str, Values, Any, str | None]]:
        """Yield the rows with these keys, each with its partition and audience, and the key of the row before it."""
        model = self._plan.queryset.model
        chosen = parse_keys(model, sorted(keys))
        if self._of_any is None:
            for instance in self._placed.filter(pk__in=chosen):
                own = tuple(getattr(instance, name) for name in self._names)
                yield row_key(instance), own, instance, key_before(instance)
            return
        audiences = {own[-1] for own in values}
        pairs = self._placed.filter(pk__in=chosen, **{f"{AUDIENCE}__in": audiences})
        rows = list(pairs.values_list("pk", BEFORE, *self._names))
        instances: dict[Any, Any] = {}
        some_audience = {pk: own[-1] for pk, _, *own in rows}  # a row is the same for each of its audiences
        if rows:
            found = self._of_all.filter(pk__in=some_audience, **{f"{AUDIENCE}__in": {*some_audience.values()}})
            instances = {instance.pk: instance for instance in found}
        for pk, previous, *own in rows:
            yield key_text(pk), tuple(own), instances[pk], None if previous is None else key_text(previous)


class Families:
    """The families of one stream's live queries."""

    def __init__(self, stream: type[ModelStream]) -> None:
        self._routing = set(stream.routing_fields())
        self._found: defaultdict[Any, list[Family]] = defaultdict(list)  # by what distinguishes most of them
        self.plans_of_any: WeakValueDictionary[Any, Plan] = WeakValueDictionary()  # those that name no audience
        self._of: WeakKeyDictionary[Plan, Family | None] = WeakKeyDictionary()

    def of(self, query: LiveQuery) -> Family | None:
        """Return the family of a live query in this tick; None if it is read alone."""
        plan = query.plan()
        if plan is None or (plan.place is not None and plan.queryset.query.annotations):
            return None
        if plan not in self._of:
            self._of[plan] = self._find(query, plan)
        family = self._of[plan]
        return family if family is not None and family.usable else None

    def _find(self, query: LiveQuery, plan: Plan) -> Family | None:
        if plan.queryset.query.deferred_loading != (frozenset(), True):
            return None
        params = query.stream.routing_values()
        others = sorted((name, repr(value)) for name, value in params.items() if name not in self._routing)
        alike = self._found[tuple(others), query.key.surroundings]
        for family in alike:
            if family.has(plan, params):
                return family
        if len(alike) >= MOST_ALIKE:
            return None
        alike.append(Family(plan, params))
        return alike[-1]


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
