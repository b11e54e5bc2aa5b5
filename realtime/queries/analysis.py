"""Analysis: whether other rows may change a row, or add it to a QuerySet.

Where this is correct, a live query reads only the changed rows. It is not correct if a row shows something of other
rows (a rank), or if a row may enter because others changed (a slice).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.models.expressions import Func, RawSQL, Subquery, Value, Window
from django.db.models.functions import Now, Random
from django.db.models.sql import Query
from django.db.models.sql.where import ExtraWhere

from realtime.streams.relations import concrete
from realtime.streams.stream import ModelStream

_CLOCKS = re.compile(
    r"\b(current_(date|time|timestamp)|local_?time(stamp)?|now|sysdate|getdate|curdate|curtime|utc_(date|time|timestamp)"
    r"|unix_timestamp|(clock|statement|transaction)_timestamp|timeofday)\b",
    re.IGNORECASE,
)
_RANDOM = re.compile(r"\b(rand|random\w*|uuid\w*|gen_random_uuid)\b", re.IGNORECASE)


class Analysis(NamedTuple):
    """`whole`: a row's content may change with other rows. `open`: a row may enter without a change of its own.

    `unseen`: it may also enter without any change that the stream follows. `around`: rows that are not in the QuerySet
    may change it when they change.
    """

    whole: bool
    open: bool
    unseen: bool
    around: bool


def analyze(queryset: Any, stream: type[ModelStream]) -> Analysis:
    """Return what may change a row of this QuerySet besides itself and the stream's dependencies."""
    query = queryset.query
    own = set() if follows_itself(stream) else tables_of(stream.model)
    conditions = list(expressions(query.where))

    unseen = not tables(query) <= known_tables(stream)
    unseen = unseen or (bool(own) and joins_itself(query))
    shown = [each for annotation in query.annotations.values() for each in expressions(annotation)]
    moving = bool(query.extra) or any(map(_is_volatile, shown))
    unseen = unseen or moving or any(map(_is_volatile, conditions))

    # a row of a group is never the group itself
    whole = moving or (query.distinct and query.is_sliced) or queryset._fields is not None
    whole = whole or any(isinstance(each, Window) for each in conditions)
    whole = whole or any(_looks_around(each, own) for each in shown)

    around = whole or unseen or any(_looks_around(each, own) for each in conditions)
    entering = query.is_sliced or bool(query.distinct_fields)
    return Analysis(whole, around or entering, unseen, around or query.low_mark > 0)


def tables(query: Any) -> set[str]:
    """Return the tables that a query reads, including its subqueries' tables."""
    found = {join.table_name for alias, join in query.alias_map.items() if query.alias_refcount[alias]}
    for expression in (query.where, *query.annotations.values()):
        for each in expressions(expression):
            if isinstance(each, Query):
                found |= tables(each)
    return found


def joins_of(query: Any) -> list[Any]:
    """Return the joins that a query uses."""
    _, *others = query.alias_map or [None]  # the first is the table itself
    return [query.alias_map[alias] for alias in others if query.alias_refcount[alias]]


def joins_itself(query: Any) -> bool:
    own = [join.table_name for join in query.alias_map.values()][:1]
    return any(join.table_name in own for join in joins_of(query))


def follows_itself(stream: type[ModelStream]) -> bool:
    return any(concrete(item.model) is concrete(stream.model) for item in stream.dependencies())


def known_tables(stream: type[ModelStream]) -> set[str]:
    others = [*(dependency.model for dependency in stream.dependencies()), *stream.row_models()]
    return tables_of(stream.model).union(*map(tables_of, others))


def tables_of(model: Any) -> set[str]:
    own = concrete(model)
    return {member._meta.db_table for member in [own, *own._meta.get_parent_list()]}


def _looks_around(expression: Any, own: set[str]) -> bool:
    """Return whether its value for a row depends on other rows, as far as can be determined."""
    if isinstance(expression, Window | RawSQL):
        return True
    if isinstance(expression, Query):
        return not expression.get_external_cols() or not own.isdisjoint(tables(expression))
    return False


def asks_for_time(expression: Any) -> bool:
    """Return whether a query or expression reads the database's clock, as far as can be determined."""
    if isinstance(expression, Query):
        texts = [sql for sql, _ in expression.extra.values()]
        return any(map(_CLOCKS.search, texts)) or any(map(asks_for_time, _all_in(expression)))
    if isinstance(expression, Now):
        return True
    if isinstance(expression, ExtraWhere):
        return any(map(_CLOCKS.search, expression.sqls))
    if isinstance(expression, RawSQL):
        return _CLOCKS.search(expression.sql) is not None
    if not isinstance(expression, Func):
        return False
    names = [expression.extra.get(name, getattr(expression, name)) for name in ("function", "template")]
    of_now = (isinstance(each, Value) and str(each.value).lower() == "now" for each in expression.source_expressions)
    return any(_CLOCKS.search(name or "") for name in names) or any(of_now)


def _is_volatile(expression: Any) -> bool:
    """Return whether its value may change at any moment, as far as can be determined; raw SQL may be anything."""
    if isinstance(expression, Query):
        return any(map(_is_volatile, _all_in(expression)))
    if isinstance(expression, ExtraWhere | RawSQL | Random):
        return True
    return asks_for_time(expression) or (
        isinstance(expression, Func) and _RANDOM.search(expression.function or "") is not None
    )


def _all_in(query: Any) -> Iterator[Any]:
    for part in (query.where, *query.annotations.values()):
        yield from expressions(part)


def expressions(root: Any) -> Iterator[Any]:
    """Yield an expression and all its parts; of a subquery, only the query itself."""
    waiting = [root]
    while waiting:
        expression = waiting.pop()
        if expression is None:
            continue
        yield expression
        if isinstance(expression, Subquery):  # Exists too
            waiting.append(expression.query)
        elif not isinstance(expression, Query) and hasattr(expression, "get_source_expressions"):
            waiting += expression.get_source_expressions()
