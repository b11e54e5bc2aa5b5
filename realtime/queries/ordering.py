"""Ordering: the columns that a QuerySet is ordered by, and the row before each row, as the database sorts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple

from django.db import connections, models
from django.db.models import F, OuterRef, Subquery
from django.db.models.expressions import Col, OrderBy
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact, GreaterThan, IsNull, LessThan

from realtime.streams.keys import target

MOST_COLUMNS = 4
MOST_NULLABLE = 2  # nullable columns, each of which doubles the conditions
SORTED_LENGTH = 255  # characters that MySQL and MariaDB compare at least

# Django's own fields that a database compares in the same way as it sorts.
_PLAIN = frozenset(
    {
        *(models.AutoField, models.BigAutoField, models.SmallAutoField, models.BooleanField, models.UUIDField),
        *(models.IntegerField, models.BigIntegerField, models.SmallIntegerField, models.PositiveIntegerField),
        *(models.PositiveBigIntegerField, models.PositiveSmallIntegerField, models.FloatField, models.DecimalField),
        *(models.DateField, models.DateTimeField, models.TimeField, models.DurationField),
        *(models.CharField, models.SlugField, models.EmailField, models.URLField, models.TextField),
    }
)
_WHOLE = (models.IntegerField, models.UUIDField)


class OrderColumn(NamedTuple):
    """An ordering column of the rows' own table."""

    name: str
    descending: bool
    nullable: bool
    nulls_first: bool | None  # None: the database's default

    def before(self, *, nulls_low: bool) -> list[list[Any]]:
        """Return the conditions of rows before another one in this column, the nearest first."""
        own, other = F(self.name), OuterRef(self.name)
        found: list[list[Any]] = [[(GreaterThan if self.descending else LessThan)(own, other)]]
        if self.nullable:
            nulls_first = nulls_low != self.descending if self.nulls_first is None else self.nulls_first
            found.append([IsNull(own, nulls_first), IsNull(other, not nulls_first)])
        return found

    def equal(self) -> list[list[Any]]:
        """Return the conditions of rows with the same value as another one."""
        own, other = F(self.name), OuterRef(self.name)
        equal = [[Exact(own, other)]]
        return [*equal, [IsNull(own, True), IsNull(other, True)]] if self.nullable else equal

    def reversed(self) -> OrderBy:
        nulls_first = None if self.nulls_first is None else not self.nulls_first
        return OrderBy(F(self.name), not self.descending, nulls_first or None, nulls_first is False or None)


def has_plain_key(model: Any) -> bool:
    """Return whether each row has a single key, whose text never varies."""
    return not isinstance(model._meta.pk, models.CompositePrimaryKey) and is_whole(model._meta.pk)


def is_whole(field: Any) -> bool:
    """Return whether a field's values are equal in the database exactly if they are in Python: numbers, not texts."""
    kind = target(field)
    return type(kind) in _PLAIN and isinstance(kind, _WHOLE)


def columns_of(queryset: Any) -> Sequence[OrderColumn] | None:
    """Return the columns that order a totally ordered QuerySet; None if anything else orders it."""
    query = queryset.query.clone()
    compiler = query.get_compiler(using=queryset.db)
    compiler.setup_query()
    found: list[OrderColumn] = []
    for item, _ in compiler.get_order_by():
        column = item.expression
        if not isinstance(column, Col) or column.alias != query.get_initial_alias():
            return None
        field: Any = column.target
        if not _is_plain(field, queryset.db):
            return None
        nulls_first = True if item.nulls_first else False if item.nulls_last else None
        found.append(OrderColumn(field.attname, item.descending, field.null, nulls_first))
        if field.primary_key:
            break
    else:
        return None
    few = len(found) <= MOST_COLUMNS and sum(column.nullable for column in found) <= MOST_NULLABLE
    return found if few else None


def before(queryset: Any, columns: Sequence[OrderColumn], same: Iterable[str] = ()) -> Coalesce | Subquery:
    """Return an expression for the key of the row before each row of an outer query; null for the first.

    `queryset` has all rows, and `same` names the columns that must equal the outer row's. Each possible place of the
    row before is a query of its own, the nearest first, so that an index on the ordering can be used.
    """
    nulls_low = connections[queryset.db].features.order_by_nulls_first
    rows = queryset.filter(*(Exact(F(name), OuterRef(name)) for name in same))
    rows.query.standard_ordering = True  # the columns already include reverse()
    places = []
    for depth in reversed(range(len(columns))):
        order = [column.reversed() for column in columns[depth:]]
        for equal in product(*(column.equal() for column in columns[:depth])):
            for earlier in columns[depth].before(nulls_low=nulls_low):
                conditions = [condition for group in (*equal, earlier) for condition in group]
                place = rows.filter(*conditions).order_by(*order).values("pk")[:1]
                # a subquery's aliases are renamed in these lists, which its clones share
                place.query.table_map = {name: [*aliases] for name, aliases in place.query.table_map.items()}
                places.append(Subquery(place))
    return Coalesce(*places) if len(places) > 1 else places[0]


def _is_plain(field: Any, alias: str) -> bool:
    kind = target(field)
    if type(kind) not in _PLAIN:
        return False
    if connections[alias].vendor != "mysql" or not isinstance(kind, models.CharField | models.TextField):
        return True
    return isinstance(kind, models.CharField) and (kind.max_length or SORTED_LENGTH + 1) <= SORTED_LENGTH
