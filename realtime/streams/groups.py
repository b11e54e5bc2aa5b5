"""Groups: rows of `values()` with aggregates, or distinct ones, whose key is what they are grouped by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from django.core.exceptions import FieldError
from django.db.models import F, JSONField
from django.db.models.expressions import OrderBy

from realtime.streams.keys import KNOWN, key_text, stored


def is_grouped(queryset: Any) -> bool:
    """Return whether its rows are groups, not objects with a primary key."""
    query = queryset.query
    if isinstance(query.group_by, tuple):
        return not _has_key(query.group_by, query)
    distinct = query.distinct and not query.distinct_fields and queryset._fields is not None
    return distinct and not _has_key(query.select, query)


def value_names(queryset: Any) -> list[str]:
    """Return the names of all values of a group."""
    query = queryset.query
    return [*query.extra_select, *query.values_select, *query.annotation_select]


def group_names(queryset: Any) -> list[str]:
    """Return the names of the values that make the key of a group."""
    annotations = queryset.query.annotation_select
    return [
        name
        for name in value_names(queryset)
        if name not in annotations
        or not (annotations[name].contains_aggregate or annotations[name].contains_over_clause)
    ]


def hidden_groups(queryset: Any) -> list[Any]:
    """Return the expressions that it groups by but does not return, so that several groups may look alike."""
    query = queryset.query
    shown = [*query.select, *query.annotation_select.values()]
    return [
        each
        for each in query.group_by or ()
        if getattr(each, "refs", None) not in query.annotation_select and each not in shown
    ]


def foreign_order(queryset: Any) -> list[str]:
    """Return the names in `order_by` that are no values of a group, nor lead on from one: Django groups by them."""
    own = {end for name in value_names(queryset) for end in (name, *_same_names(name))}
    names = (name for item in queryset.query.order_by for name in _ordered_names(item))
    return [name for name in names if not any(start in own for start in _starts(name))]


def in_group_order(queryset: Any) -> Any:
    """Return the QuerySet with ties ordered by what its rows are grouped by."""
    query, names = queryset.query, group_names(queryset)
    if query.extra_order_by:
        query.extra_order_by = (*query.extra_order_by, *names)
        return queryset
    # not by name, which would follow the order of a related model
    return queryset.order_by(*query.order_by, *map(F, names))


class GroupKeys:
    """Makes the keys of a QuerySet's groups: JSON arrays with the text of each value, or null.

    The text of a JSON value is its JSON, so 1 and "1" are two groups. Some groups that a database distinguishes are
    equal in Python, such as those of JSON's null and of SQL's NULL; the second one gets a number.
    """

    def __init__(self, queryset: Any) -> None:
        query = queryset.query
        fields = dict(zip(query.values_select, (each.target for each in query.select), strict=False))
        names = group_names(queryset)
        self._names: Sequence[tuple[str, Any]] = [(name, fields.get(name)) for name in names]
        shown = {**dict(zip(query.values_select, query.select, strict=False)), **query.annotation_select}
        self._json = {name for name in names if name in shown and _is_json(shown[name])}

    def of(self, rows: Sequence[Any]) -> list[str]:
        """Return the keys of all groups, in order."""
        found: dict[str, int] = {}
        keys = []
        for row in rows:
            parts = [self._text(name, row[name], field) for name, field in self._names]
            key = msgspec.json.encode(parts).decode()
            found[key] = found.get(key, 0) + 1
            if found[key] > 1 and self._json:
                key = msgspec.json.encode([*parts, found[key]]).decode()
            keys.append(key)
        return keys

    def _text(self, name: str, value: Any, field: Any) -> str | None:
        if value is None:
            return None
        if name in self._json:
            return json.dumps(value, sort_keys=True, default=str)  # of integers of any size too
        return key_text(_plain(value, field))


def _is_json(expression: Any) -> bool:
    try:
        return isinstance(expression.output_field, JSONField)
    except (FieldError, AttributeError):  # it has none
        return False


def _plain(value: Any, field: Any) -> Any:
    return value if field is None or isinstance(value, KNOWN) else stored(field, value)


def _has_key(columns: Iterable[Any], query: Any) -> bool:
    base = next(iter(query.alias_map), None)
    pk = query.get_meta().pk
    wanted = {field.column for field in getattr(pk, "fields", [pk])}
    return wanted <= {item.target.column for item in columns if getattr(item, "alias", None) == base}


def _same_names(name: str) -> Iterator[str]:
    for end in ("_id", "__id", "__pk"):
        if name.endswith(end):
            yield name.removesuffix(end)


def _starts(name: str) -> Iterator[str]:
    steps = name.split("__")
    return ("__".join(steps[:count]) for count in range(1, len(steps) + 1))


def _ordered_names(item: Any) -> Iterator[str]:
    if isinstance(item, str):
        if item != "?":  # at random
            yield item.lstrip("-")
        return
    item = item.expression if isinstance(item, OrderBy) else item
    waiting: list[Any] = [item]
    while waiting:
        each = waiting.pop()
        if isinstance(each, F):
            yield str(each.name)  # type: ignore[attr-defined]
        elif hasattr(each, "get_source_expressions"):
            waiting += [part for part in each.get_source_expressions() if part is not None]
