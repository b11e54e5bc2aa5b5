"""Nature: what may change a row of a QuerySet, or let it in, besides the row itself.

A live query asks the database for changed rows alone wherever that is right. It is not where a row shows something of
others (a rank), or where a row may enter because others changed (a slice).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models.expressions import RawSQL, Subquery, Window
from django.db.models.functions import Now, Random
from django.db.models.sql import Query
from django.db.models.sql.where import ExtraWhere

from realtime.queries.shown import shown_relations
from realtime.streams.dependencies import concrete
from realtime.streams.stream import ModelStream


class Nature(NamedTuple):
    """`whole`: what a row shows may change with other rows. `open`: a row may enter without a change of its own.

    `unseen`: it may also enter with no change that the stream follows.
    """

    whole: bool
    open: bool
    unseen: bool


def nature(queryset: Any, stream: type[ModelStream]) -> Nature:
    """What may change a row of this QuerySet besides itself and what the stream depends on."""
    query = queryset.query
    own = set() if _follows_itself(stream) else _tables_of(stream.model)
    conditions = list(_expressions(query.where))

    unseen = not _tables(query) <= _known_tables(stream)
    unseen = unseen or (bool(own) and _joins_itself(query))
    unseen = unseen or any(isinstance(each, ExtraWhere | RawSQL | Now | Random) for each in conditions)

    whole = bool(query.extra) or (query.distinct and query.is_sliced)
    whole = whole or any(isinstance(each, Window) for each in conditions)
    shown = (each for annotation in query.annotations.values() for each in _expressions(annotation))
    whole = whole or any(_looks_around(each, own) for each in shown)

    entering = query.is_sliced or bool(query.distinct_fields) or any(_looks_around(each, own) for each in conditions)
    return Nature(whole, whole or entering or unseen, unseen)


def unknown_models(queryset: Any, stream: type[ModelStream]) -> list[str]:
    """The labels of models that the stream reads, and whose changes it does not follow.

    It reads them in its QuerySet (None where there is none to look at), for `fields`, or in its serializer.
    """
    found = {model._meta.label for model in _unfollowed(stream)}
    if queryset is None:
        return sorted(found)
    query = queryset.query.clone()
    query.get_compiler(using=queryset.db).pre_sql_setup()  # joins for the order and for select_related too
    labels = {model._meta.db_table: model._meta.label for model in apps.get_models(include_auto_created=True)}
    found |= {labels[name] for name in _tables(query) - _known_tables(stream) if name in labels}
    if _joins_itself(query) and not _follows_itself(stream):
        found.add(concrete(stream.model)._meta.label)
    return sorted(found)


def _unfollowed(stream: type[ModelStream]) -> Iterator[Any]:
    """The models of rows that are shown along relations which `depends_on` does not name."""
    followed = {tuple(path.replace(".", "__").split("__")) for path in stream.depends_on}
    own = _tables_of(stream.model)
    for steps, model in shown_relations(stream):
        is_parent = own >= _tables_of(model) and concrete(model) is not concrete(stream.model)
        if not is_parent and not any(path[: len(steps)] == steps for path in followed):
            yield concrete(model)


def _tables(query: Any) -> set[str]:
    """The tables that a query reads, those of its subqueries included."""
    found = {join.table_name for alias, join in query.alias_map.items() if query.alias_refcount[alias]}
    for expression in (query.where, *query.annotations.values()):
        for each in _expressions(expression):
            if isinstance(each, Query):
                found |= _tables(each)
    return found


def _joins_itself(query: Any) -> bool:
    base, *joins = query.alias_map or [None]  # the first is the table itself
    return any(
        query.alias_map[alias].table_name == query.alias_map[base].table_name and query.alias_refcount[alias]
        for alias in joins
    )


def _follows_itself(stream: type[ModelStream]) -> bool:
    return any(concrete(item.model) is concrete(stream.model) for item in stream.dependencies())


def _known_tables(stream: type[ModelStream]) -> set[str]:
    return _tables_of(stream.model).union(*(_tables_of(dependency.model) for dependency in stream.dependencies()))


def _tables_of(model: Any) -> set[str]:
    own = concrete(model)
    return {member._meta.db_table for member in [own, *own._meta.get_parent_list()]}


def _looks_around(expression: Any, own: set[str]) -> bool:
    """Whether its value for a row depends on other rows, as far as can be seen."""
    if isinstance(expression, Window | RawSQL):
        return True
    if isinstance(expression, Query):
        return not expression.get_external_cols() or not own.isdisjoint(_tables(expression))
    return False


def _expressions(root: Any) -> Iterator[Any]:
    """An expression and all in it; of a subquery only the query itself."""
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
