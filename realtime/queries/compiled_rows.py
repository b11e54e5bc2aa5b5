"""CompiledRows: a QuerySet that Django compiles once, and that is asked for other rows each time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import BooleanField, F, QuerySet
from django.db.models.expressions import Func
from django.db.models.query import ModelIterable, ValuesListIterable
from django.db.models.sql import Query

from realtime.queries.analysis import expressions
from realtime.streams.keys import target

MOST_COMPILED = 256  # in a process; each takes about 10 KiB
_PLAIN = (ModelIterable, ValuesListIterable)
_CALLED = ("all", "filter", "_chain", "_clone", "_fetch_all", "_filter_or_exclude")  # of QuerySets


class _Slot(NamedTuple):
    """The place of a value among the parameters of a statement; `number` None: of all values, as an array."""

    name: str
    number: int | None = None

    def value(self, values: Mapping[str, list[Any]]) -> Any:
        found = values[self.name]
        return found if self.number is None else found[self.number]


class _OneOf(Func):
    """The condition that a column has one of so many values, which are filled in later; 0: of an array."""

    output_field = BooleanField()

    def __init__(self, name: str, most: int) -> None:
        super().__init__(F(name))
        self.slots = [_Slot(name, number) for number in range(most)] or [_Slot(name)]

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> Any:
        [column] = self.source_expressions
        sql, params = compiler.compile(column)
        return f"{sql} IN ({', '.join(['%s'] * len(self.slots))})", [*params, *self.slots]

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        [column] = self.source_expressions
        sql, params = compiler.compile(column)
        return f"{sql} = ANY (%s)", [*params, *self.slots]


class _Compiled:
    """A QuerySet that is compiled for so many values of each column."""

    def __init__(self, queryset: Any, sizes: Iterable[tuple[str, int]]) -> None:
        self._rows = queryset.filter(*(_OneOf(name, size) for name, size in sizes))
        self._compiler = self._rows.query.get_compiler(using=self._rows.db)
        self._sql, params = self._compiler.as_sql()
        self._params = tuple(params)

    def rows(self, values: Mapping[str, list[Any]]) -> Any:
        compiler, sql = copy(self._compiler), self._sql
        compiler.connection = connections[self._rows.db]  # that of this thread
        params = tuple(each.value(values) if type(each) is _Slot else each for each in self._params)
        compiler.as_sql = lambda *args, **options: (sql, params)
        rows = self._rows.all()
        rows.query.get_compiler = lambda *args, **options: compiler
        return rows


@lru_cache(MOST_COMPILED)
def _compiled(rows: CompiledRows, sizes: tuple[tuple[str, int], ...]) -> _Compiled:
    return _Compiled(rows.queryset, sizes)


class CompiledRows:
    """The rows of a QuerySet that have given values in some columns. `fields` are those of the columns, by name.

    Compiling takes Django as long as most of what a changed row costs beside it. So the SQL is kept: on PostgreSQL for
    all numbers of values, elsewhere for each power of two, and the last value is repeated. It is not kept if code of
    the project takes part in compiling.
    """

    def __init__(self, queryset: Any, fields: Mapping[str, Any], *, most: int) -> None:
        self.queryset = queryset
        self._fields = {name: target(field) for name, field in fields.items()}
        self._most = most
        kind = type(queryset)
        self._lasts = (
            queryset._iterable_class in _PLAIN
            and all(getattr(kind, name) is getattr(QuerySet, name) for name in _CALLED)
            and _is_djangos(queryset.query)
        )

    def rows(self, **values: Collection[Any]) -> Any:
        """Return a QuerySet of the rows with one of these values in each column. It takes no further conditions."""
        if not all(values.values()):
            return self.queryset.none()
        if not self._lasts:
            return self.queryset.filter(**{f"{name}__in": wanted for name, wanted in values.items()})
        connection = connections[self.queryset.db]
        found = {
            name: [self._fields[name].get_db_prep_value(value, connection) for value in wanted]
            for name, wanted in values.items()
        }
        sizes = {name: 0 if connection.vendor == "postgresql" else self._size(len(found[name])) for name in found}
        for name, size in sizes.items():
            found[name] += found[name][-1:] * (size - len(found[name]))
        try:
            return _compiled(self, tuple(sizes.items())).rows(found)
        except EmptyResultSet:  # whatever the values are
            return self.queryset.none()

    def _size(self, number: int) -> int:
        return min(1 << (number - 1).bit_length(), max(self._most, number))


def _is_djangos(query: Any) -> bool:
    """Return whether all that is compiled is Django's, and so compiled alike each time."""
    parts = (query.where, *query.annotations.values())
    return type(query).__module__.startswith("django.") and all(
        type(each).__module__.startswith("django.") and (not isinstance(each, Query) or _is_djangos(each))
        for part in parts
        for each in expressions(part)
    )
