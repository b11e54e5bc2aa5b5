"""Specs: a random QuerySet as JSON, so that it can be the parameter of a stream.

A spec has `where` (a condition), `show` (what the annotation `shown` is), `having` (a condition on it), `order` (a
list), `slice` (two numbers), `distinct`, `values` and `only`, all of them optional; a stream of pages also takes
`page` or `window`. A condition is `[lookup, value]`,
`["F", lookup, column]`, `["and" | "or", condition, …]` or `["not", condition]`.

A spec of groups has `total` (what their `shown` is), `where`, `having`, `order` and `slice`.
"""

import functools
import json
import operator
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.functions import Length, RowNumber

from tests.oracle.models import Item

# by name; those of boxes begin with "box"
SHOWN: dict[str, Any] = {
    "tags": lambda: Count("tags", distinct=True),
    "children": lambda: Count("children"),
    "last child": lambda: Max("children__number"),
    "length": lambda: Length("title"),
    "region": lambda: F("person__region__rank"),
    "case": lambda: Case(When(done=True, then=F("number")), default=Value(-5)),
    "tagged": lambda: Exists(Item.tags.through.objects.filter(item=OuterRef("pk"), tag__name__gte="b")),
    "child": lambda: Subquery(Item.objects.filter(parent=OuterRef("pk")).order_by("-pk").values("number")[:1]),
    "place": lambda: Window(RowNumber(), order_by=[F("number").asc(nulls_first=True), F("pk").asc()]),
    "place in box": lambda: Window(RowNumber(), partition_by="box", order_by=["title", "pk"]),
    "box items": lambda: Count("items"),
    "box done": lambda: Count("items", filter=Q(items__done=True)),
    "box number": lambda: Max("items__number"),
}

# the values that streams group by
GROUPED = {
    "oracle.groups": ["number", "box__rank"],
    "oracle.groups_of_box": ["done"],
    "oracle.groups_for_reader": ["done", "person__region__rank"],
}
TOTALS: dict[str, Any] = {
    "items": lambda: Count("pk"),
    "tags": lambda: Count("tags", distinct=True),
    "sum": lambda: Sum("number"),
    "largest": lambda: Max("number"),
    "done": lambda: Count("pk", filter=Q(done=True)),
}

COMBINE = {"and": operator.and_, "or": operator.or_}


def queryset(rows: QuerySet[Any], text: str, *, total: bool = False, among: QuerySet[Any] | None = None) -> Any:
    """The rows that the spec wants, those with the keys `among`; with `total`, in an order that has no ties."""
    spec = json.loads(text)
    if "where" in spec:
        rows = rows.filter(condition(spec["where"]))
    shown = SHOWN[spec["show"]]() if "show" in spec else Value(0, output_field=IntegerField())
    rows = rows.annotate(shown=shown)
    if "having" in spec:
        rows = rows.filter(condition(spec["having"]))
    if among is not None:  # after the other conditions, as Django's answer may depend on the order of its joins
        rows = rows.filter(pk__in=among)
    if spec.get("distinct"):
        rows = rows.distinct()
    order = [ordering(item) for item in spec.get("order", ())]
    if order or total:
        rows = rows.order_by(*order, *(["pk"] if total else []))
    if not total and "only" in spec:
        rows = rows.only(*spec["only"])
    if not total and spec.get("values"):
        rows = rows.values("pk", "shown")
    if "slice" in spec:
        rows = rows[slice(*spec["slice"])]
    return rows


def groups(
    rows: QuerySet[Any], stream: str, text: str, *, total: bool = False, among: QuerySet[Any] | None = None
) -> QuerySet[Any, Any]:
    """The groups that the spec wants, of rows with the keys `among`; with `total`, in an order that has no ties."""
    spec, by = json.loads(text), GROUPED[stream]
    if "where" in spec:
        rows = rows.filter(condition(spec["where"]))
    if among is not None:
        rows = rows.filter(pk__in=among)
    found = rows.values(*by).annotate(shown=TOTALS[spec.get("total", "items")]())
    if "having" in spec:
        found = found.filter(condition(spec["having"]))
    found = found.order_by(*map(ordering, spec.get("order", ())), *(map(F, by) if total else ()))
    return found[slice(*spec["slice"])] if "slice" in spec else found


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
