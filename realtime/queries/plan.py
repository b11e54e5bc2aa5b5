"""Plan: how to follow the rows of a QuerySet, computed once while its stream returns the same one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from enum import Enum
from functools import cached_property
from itertools import zip_longest
from typing import Any
from weakref import WeakKeyDictionary

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.sql import Query

from realtime.queries import ordering
from realtime.queries.analysis import analyze, expressions, joins_of
from realtime.queries.fingerprint import of_queryset
from realtime.queries.queryset import is_same, live_queryset, unsliced
from realtime.streams.relations import concrete
from realtime.streams.stream import ModelStream

BEFORE = "realtime_before"  # a row's attribute with the key of the row before


_OF_DJANGO = frozenset(vars(QuerySet()))  # the attributes of every QuerySet


class Maintenance(Enum):
    """What is read to find how a live query has changed."""

    CHANGED_ROWS = "changed rows"  # and the row before each: the cost does not grow with the number of rows
    KEYS = "keys"  # of all its rows, and the changed rows
    ALL_ROWS = "all rows"
    VALUE = "value"  # it is computed again


class Plan:
    """What a stream's `get_queryset` returned, prepared to be live, with what is known about it.

    It does not have the condition of `audience_by`: `rows_for` adds it. `method` is the `get_queryset` that always
    returns it; None if it may return another one.
    """

    def __init__(self, queryset: Any, stream: ModelStream, method: Any = None) -> None:
        self.method = method
        self._source = _compact(_description(queryset), type(stream))
        self.all_rows = live_queryset(queryset, stream)
        self.queryset = self.all_rows if stream.window is None else stream.window.cut(self.all_rows)
        self.analysis = analyze(self.queryset, type(stream))
        self.stream = type(stream)
        self.family: tuple[Any, Any] | None = None  # of `Families`: what it has found for this plan

    @cached_property
    def question(self) -> str:
        """The fingerprint of the statement."""
        return of_queryset(self.queryset)

    def rows_for(self, stream: ModelStream) -> Any:
        """Return the rows that the audience of a stream sees."""
        if not stream.audience_by:
            return self.queryset
        rows = stream.narrowed(self.all_rows)
        return rows if stream.window is None else stream.window.cut(rows)

    @cached_property
    def columns(self) -> Sequence[ordering.OrderColumn] | None:
        """The ordering columns, if reading the changed rows and the row before each is enough."""
        query = self.queryset.query
        model = self.queryset.model
        if self.analysis.open or query.distinct or query.group_by is not None or query.extra:
            return None
        if concrete(model) is not concrete(self.stream.model) or not ordering.has_plain_key(model):
            return None
        if any(isinstance(each, Query) for each in expressions(query.where)):
            return None
        if not all(map(_leads_to_one, joins_of(query))):
            return None
        if self.stream.audience_by and not self.stream.audience_path().links_once:
            return None
        found = ordering.columns_of(self.queryset)
        known = _last_columns.get(self.stream)
        if found == known:  # as for most live queries of a stream
            return known
        _last_columns[self.stream] = found
        return found

    def is_of(self, queryset: Any) -> bool:
        """Return whether the QuerySet is certainly the same as this plan's."""
        if queryset._known_related_objects:  # objects that may be outdated
            return False
        return is_same(_description(queryset), self._source)

    def placed(self, queryset: Any, same: Iterable[str] = ()) -> Any:
        """Return the QuerySet's rows in this order, each with the key of the row before it among the `same`."""
        assert self.columns is not None
        rows = unsliced(queryset)
        placed = rows.annotate(**{BEFORE: ordering.before(rows, self.columns, same)})
        compiler = placed.query.get_compiler(using=placed.db)
        compiler.setup_query()
        # compiled to SQL once, not for each change
        pk = queryset.model._meta.pk
        try:
            sql, params = compiler.compile(placed.query.annotations[BEFORE])
        except EmptyResultSet:  # the QuerySet has no rows
            return rows.annotate(**{BEFORE: Value(None, output_field=pk)})
        place = RawSQL(sql, params, output_field=pk)  # noqa: S611 - from Django's compiler
        return rows.annotate(**{BEFORE: place})


def _description(queryset: Any) -> tuple[Any, ...]:
    """Return a value that is equal for two QuerySets that are the same."""
    named = attributes(queryset)
    return type(queryset), *parts(queryset), tuple(named), *named.values()


# The description of each stream's last QuerySet: those of its other live queries differ in few parts.
_last: WeakKeyDictionary[type[ModelStream], tuple[Any, ...]] = WeakKeyDictionary()
_last_columns: WeakKeyDictionary[type[ModelStream], Sequence[ordering.OrderColumn] | None] = WeakKeyDictionary()


def _compact(description: tuple[Any, ...], stream: type[ModelStream]) -> tuple[Any, ...]:
    """Return an equal description that shares its parts with other live queries of the stream."""
    found = tuple(
        known if is_same(part, known) else copy(part) if isinstance(part, dict | list | set) else part
        for part, known in zip_longest(description, _last.get(stream, ())[: len(description)])
    )
    _last[stream] = found
    return found


def attributes(queryset: QuerySet[Any]) -> dict[str, Any]:
    """Return the attributes of a QuerySet's query."""
    # the last two are derived from the others, and may be missing
    return {name: value for name, value in queryset.query.__dict__.items() if name not in ("table_map", "base_table")}


def parts(queryset: QuerySet[Any]) -> tuple[Any, ...]:
    """Return the parts of a QuerySet besides its query."""
    rows: Any = queryset
    prefetched = rows._prefetch_related_lookups
    plain = all(isinstance(lookup, str) for lookup in prefetched)
    own = {name: value for name, value in vars(rows).items() if name not in _OF_DJANGO}  # of a class of its own
    return rows.model, rows._db, rows._fields, rows._iterable_class, prefetched if plain else object(), own


def _leads_to_one(join: Any) -> bool:
    field = getattr(join, "join_field", None)
    one = getattr(field, "many_to_one", False) or getattr(field, "one_to_one", False)
    return bool(one) and getattr(join, "filtered_relation", None) is None
