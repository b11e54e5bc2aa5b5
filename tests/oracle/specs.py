"""Specs: a random QuerySet as JSON, so that it can be the parameter of a stream.

A spec has `where` (a condition), `order` (a list), `slice` (two numbers) and `distinct`, all of them optional. A
condition is `[lookup, value]`, `["F", lookup, column]`, `["and" | "or", condition, …]` or `["not", condition]`.
"""

import functools
import json
import operator
from typing import Any

from django.db.models import F, Q, QuerySet

COMBINE = {"and": operator.and_, "or": operator.or_}


def queryset(rows: QuerySet[Any], text: str, *, total: bool = False) -> QuerySet[Any]:
    """The rows that the spec wants; with `total`, in an order that has no ties."""
    spec = json.loads(text)
    if "where" in spec:
        rows = rows.filter(condition(spec["where"]))
    if spec.get("distinct"):
        rows = rows.distinct()
    order = [ordering(item) for item in spec.get("order", ())]
    if order or total:
        rows = rows.order_by(*order, *(["pk"] if total else []))
    if "slice" in spec:
        rows = rows[slice(*spec["slice"])]
    return rows


def condition(tree: list[Any]) -> Q:
    match tree:
        case ["not", inner]:
            return ~condition(inner)
        case ["and" | "or" as name, *inner]:
            return functools.reduce(COMBINE[name], map(condition, inner))
        case ["F", lookup, column]:
            return Q(**{lookup: F(column)})
        case [lookup, value]:
            return Q(**{lookup: value})
    raise ValueError(f"{tree!r} is no condition.")


def ordering(item: str) -> Any:
    """`title`, `-title`, or with a place for nulls: `title<` (first), `-title>` (last)."""
    if item[-1] not in "<>":
        return item
    name = F(item.strip("-<>"))
    nulls = {"nulls_first": True} if item.endswith("<") else {"nulls_last": True}
    return name.desc(**nulls) if item.startswith("-") else name.asc(**nulls)
