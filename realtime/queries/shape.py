"""Shape: the user's QuerySet made fit to be live: on the log's database, in a total order, its rows as objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.functions import Random
from django.db.models.query import ModelIterable

from realtime.exceptions import StreamDefinitionError
from realtime.streams.stream import ModelStream


def shape(queryset: Any, stream: ModelStream, *, sliced: bool) -> Any:
    """The QuerySet to read rows from, with or without its slice.

    Raise `StreamDefinitionError` for what cannot be live.
    """
    if problem := shape_problem(queryset, type(stream)):
        raise problem
    queryset = queryset.using(stream.database())
    query = queryset.query
    low, high = query.low_mark, query.high_mark
    query.clear_limits()

    if queryset._fields is not None:  # values(): what is sent is up to the stream's `fields`
        query.clear_select_clause()
        query.default_cols = True
        query.values_select = ()
        queryset._fields = None
        queryset._iterable_class = ModelIterable
    if not _is_total(ordering := _ordering(query)):
        queryset = queryset.order_by(*ordering, "pk")  # ties would stand in any order
    fields, deferred = query.deferred_loading
    if (related := _related_paths(stream)) and deferred and not fields:
        queryset = queryset.select_related(*related)
    if sliced and (low or high is not None):
        queryset = queryset[low:high]
    return queryset


def shape_problem(queryset: Any, stream: type[ModelStream]) -> StreamDefinitionError | None:
    """Why this QuerySet cannot be live, and what can."""
    where = f"get_queryset of {stream.__name__}"
    if not isinstance(queryset, QuerySet):
        return StreamDefinitionError(
            f"{where} returned {type(queryset).__name__}.", hint=f"Return a QuerySet of {stream.model.__name__}."
        )
    if not issubclass(queryset.model, stream.model):
        return StreamDefinitionError(
            f"{where} returned a QuerySet of {queryset.model.__name__}.",
            hint=f"Return one of {stream.model.__name__}, the stream's model.",
        )
    query = queryset.query
    if query.combinator:
        return StreamDefinitionError(
            f"{where} returned a {query.combinator}(), whose rows cannot be filtered by key.",
            hint="Join the conditions with Q objects: filter(Q(...) | Q(...)).",
        )
    if isinstance(query.group_by, tuple):
        return StreamDefinitionError(
            f"{where} returned groups (values() with an aggregate), which have no key.",
            hint="Compute them in a method with @live_value.",
        )
    if any(_is_random(item) for item in _ordering(query)):
        return StreamDefinitionError(
            f"{where} orders at random, anew with every query.",
            hint="Order by a field, and store a random number in it.",
        )
    if query.select_for_update:
        return StreamDefinitionError(
            f"{where} locks its rows with select_for_update().", hint="Leave that to actions; live rows are only read."
        )
    return None


def _ordering(query: Any) -> Sequence[Any]:
    return list(
        query.extra_order_by or query.order_by or (query.get_meta().ordering if query.default_ordering else ())
    )


def _is_total(ordering: Sequence[Any]) -> bool:
    return any(item in ("pk", "-pk") for item in ordering if isinstance(item, str))


def _is_random(item: Any) -> bool:
    expression = item.expression if isinstance(item, OrderBy) else item
    return item == "?" or isinstance(expression, Random)


def _related_paths(stream: ModelStream) -> list[str]:
    paths = set()
    for field in stream.fields:
        steps = field.split(".")[:-1]
        model: Any = stream.model
        try:
            for step in steps:
                relation = model._meta.get_field(step)
                if not (relation.many_to_one or relation.one_to_one):
                    raise FieldDoesNotExist(step)
                model = relation.related_model
        except (FieldDoesNotExist, AttributeError):
            continue
        if steps:
            paths.add("__".join(steps))
    return sorted(paths)
