"""QuerySets: prepares the user's QuerySet to be live: on the log's database, totally ordered, of objects or groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import QuerySet
from django.db.models.expressions import OrderBy, Ref
from django.db.models.functions import Random
from django.db.models.query import ModelIterable, ValuesIterable

from realtime.exceptions import StreamDefinitionError
from realtime.streams.groups import foreign_order, group_names, hidden_groups, in_group_order, is_grouped, value_names
from realtime.streams.stream import ModelStream


def live_queryset(queryset: Any, stream: ModelStream) -> Any:
    """Return the QuerySet to read rows from. Raise `StreamDefinitionError` if it cannot be live."""
    if problem := queryset_problem(queryset, type(stream)):
        raise problem
    queryset = queryset.using(stream.database())
    query = queryset.query
    low, high = query.low_mark, query.high_mark
    query.clear_limits()

    if is_grouped(queryset):
        queryset._iterable_class = ValuesIterable  # not tuples, as of values_list()
        queryset = in_group_order(queryset)
        return queryset[low:high] if low or high is not None else queryset
    if queryset._fields is not None:  # values(): the stream's `fields` decide what is sent
        mask = {*query.annotation_select, *(name for name in stream.fields if name in query.annotations)}
        query.clear_select_clause()
        query.set_annotation_mask(mask)
        query.default_cols = True
        query.values_select = ()
        queryset._fields = None
        queryset._iterable_class = ModelIterable
    queryset = _in_total_order(queryset)
    fields, deferred = query.deferred_loading
    if (related := _related_paths(stream)) and deferred and not fields and queryset.query.select_related is not True:
        queryset = queryset.select_related(*related)
    return queryset[low:high] if low or high is not None else queryset


def unsliced(queryset: Any) -> Any:
    """Return the QuerySet without its slice."""
    queryset = queryset.all()
    queryset.query.clear_limits()
    return queryset


def is_same(one: Any, other: Any) -> bool:
    """Return whether two parts of QuerySets are equal, as far as can be determined."""
    try:
        return bool(one == other)
    except Exception:  # a custom type of value, such as an array
        return False


def queryset_problem(queryset: Any, stream: type[ModelStream]) -> StreamDefinitionError | None:
    """Return why this QuerySet cannot be live, with a remedy."""
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
    query: Any = queryset.query
    if query.combinator:
        return StreamDefinitionError(
            f"{where} returned a {query.combinator}(), whose rows cannot be filtered by key.",
            hint="Join the conditions with Q objects: filter(Q(...) | Q(...)).",
        )
    if stream.audience_by and (problem := stream.audience_path().problem(queryset)):
        return problem
    if is_grouped(queryset) and (problem := _group_problem(queryset, stream, where)):
        return problem
    if any(_is_random(item, query) for item in _ordering(query)):
        return StreamDefinitionError(
            f"{where} orders at random, differently in every query.",
            hint="Order by a field, and store a random number in it.",
        )
    if query.select_for_update:
        return StreamDefinitionError(
            f"{where} locks its rows with select_for_update().", hint="Leave that to actions; live rows are only read."
        )
    return None


def _group_problem(queryset: Any, stream: type[ModelStream], where: str) -> StreamDefinitionError | None:
    if queryset._fields is None or not group_names(queryset) or hidden_groups(queryset):
        return StreamDefinitionError(
            f"{where} returned groups without the values that they are grouped by, which make their key.",
            hint='Name them in values() before annotate(): values("column").annotate(total=Count("pk")).',
        )
    if foreign := foreign_order(queryset):
        return StreamDefinitionError(
            f"{where} orders groups by {foreign[0]!r}, so Django groups by it too, and the same group comes several "
            "times.",
            hint=f"Order by values of the groups: {', '.join(value_names(queryset))}.",
        )
    if stream.form_class is not None:
        return StreamDefinitionError(
            f"{where} returned groups, which the stream's form_class cannot change.",
            hint="Remove form_class, or give the form a stream of its own.",
        )
    return None


def _in_total_order(queryset: Any) -> Any:
    """Return the QuerySet with ties ordered by key, because a database returns them in any order."""
    query = queryset.query
    ordering = _ordering(query)
    if query.distinct_fields and not ordering:  # the columns of DISTINCT ON must come first
        ordering = query.distinct_fields
    elif any(item in ("pk", "-pk") for item in ordering if isinstance(item, str)):
        return queryset
    if query.extra_order_by:  # may name table columns, which order_by() refuses
        query.extra_order_by = (*query.extra_order_by, "pk")
        return queryset
    return queryset.order_by(*ordering, "pk")


def _ordering(query: Any) -> Sequence[Any]:
    return list(
        query.extra_order_by or query.order_by or (query.get_meta().ordering if query.default_ordering else ())
    )


def _is_random(item: Any, query: Any) -> bool:
    if isinstance(item, str):
        if item == "?":
            return True
        item = query.annotations.get(item.lstrip("-"))
    if isinstance(item, OrderBy):
        item = item.expression
    if name := getattr(item, "name", None) if not isinstance(item, Ref) else None:
        item = query.annotations.get(name, item)
    return any(isinstance(each, Random) for each in item.flatten()) if hasattr(item, "flatten") else False


def _related_paths(stream: ModelStream) -> list[str]:
    paths = set()
    for field in stream.fields:
        steps = field.split(".")[:-1]
        model: Any = stream.model
        try:
            for step in steps:
                relation = model._meta.get_field(step)
                if not (relation.many_to_one or relation.one_to_one) or relation.related_model is None:
                    raise FieldDoesNotExist(step)
                model = relation.related_model
        except (FieldDoesNotExist, AttributeError):
            continue
        if steps:
            paths.add("__".join(steps))
    return sorted(paths)
