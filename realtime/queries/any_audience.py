"""AnyAudience: stands for the audience, to find out where a QuerySet names it without asking once for each."""

from __future__ import annotations

import abc
import inspect
import os
from pathlib import Path
from typing import Any, Final, NoReturn
from weakref import WeakSet

from django.db import models
from django.db.models import IntegerField, QuerySet
from django.db.models.expressions import Col
from django.db.models.lookups import Exact
from django.db.models.sql.where import AND

from realtime.queries.ordering import is_whole
from realtime.queries.probe import queryset_with
from realtime.streams.keys import target
from realtime.streams.stream import ModelStream

_ORM = str(Path(models.__file__).parents[1]) + os.sep
_ABC = frozenset({"<frozen abc>", abc.__file__})
IN_PLACE: Final = 6_172_839_450_617_283  # in a QuerySet, where an audience's key would be


# Streams whose `get_queryset` cannot be called without a real audience.
_looking: WeakSet[type[ModelStream]] = WeakSet()


class _AudienceLookedAt(Exception):
    """The value of the audience was looked at by something other than the ORM."""


class AnyAudience:
    """An audience that shows its value, the number `IN_PLACE`, only to the ORM.

    If a QuerySet was made with it, nothing has depended on its value, so the QuerySet of each audience is the same one
    with its key in place of this number. `uses` counts how often the ORM asked for it.
    """

    def __init__(self) -> None:
        object.__setattr__(self, "uses", 0)

    def __getattribute__(self, name: str) -> Any:
        _caller(inspect.currentframe())
        return object.__getattribute__(self, name)

    def __int__(self) -> int:
        if _caller(inspect.currentframe()) != "get_prep_value":
            raise _AudienceLookedAt
        object.__setattr__(self, "uses", uses_of(self) + 1)
        return IN_PLACE

    def _refuse(self, *args: Any) -> NoReturn:
        raise _AudienceLookedAt

    __eq__ = __hash__ = __bool__ = __str__ = __repr__ = __format__ = _refuse


def uses_of(audience: AnyAudience) -> int:
    uses: int = object.__getattribute__(audience, "uses")
    return uses


def _caller(frame: Any) -> str:
    """Return which function of the ORM called that of this frame. Raise `_AudienceLookedAt` if none did."""
    frame = frame.f_back
    while frame.f_code.co_filename in _ABC:  # isinstance(), of whoever called it
        frame = frame.f_back
    if not frame.f_code.co_filename.startswith(_ORM):
        raise _AudienceLookedAt
    return str(frame.f_code.co_name)


def queryset_of_any(stream: ModelStream) -> Any:
    """Return a stream's QuerySet with `IN_PLACE` as the audience; None if it may differ in more than that."""
    if type(stream) in _looking:
        return None
    audience = AnyAudience()
    try:
        queryset = queryset_with(stream, audience)
    except Exception:  # it looks at the audience, or gives it to a statement of its own
        _looking.add(type(stream))
        return None
    if not isinstance(queryset, QuerySet) or any(value is audience for value in vars(queryset).values()):
        return None
    return queryset if uses_of(audience) == 1 else None


def audience_place(queryset: Any, stream: type[ModelStream]) -> int | None:
    """Return the index of the condition that keeps the rows of one audience; None if there is no such condition.

    A QuerySet with it has each row once: only one row of the linking model links a row to an audience.
    """
    links = stream.audience_path().links if stream.audience_by else None
    query = queryset.query
    if links is None or not links.is_unique or query.where.connector != AND or query.where.negated:
        return None
    row, audience = (links.model._meta.get_field(name) for name in (links.row, links.audience))
    if not is_whole(audience) or not isinstance(target(audience), IntegerField):
        return None
    found = [
        at
        for at, each in enumerate(query.where.children)
        if isinstance(each, Exact) and isinstance(each.lhs, Col) and each.lhs.target == audience
    ]
    if len(found) != 1:
        return None
    condition = query.where.children[found[0]]
    join = query.alias_map[condition.lhs.alias]
    columns = [tuple(pair) for pair in getattr(join, "join_cols", ())]
    own = [(queryset.model._meta.pk.column, row.column)]  # type: ignore[union-attr]
    is_link = join.table_name == links.model._meta.db_table and columns == own
    if not is_link or join.parent_alias != query.get_initial_alias() or join.filtered_relation is not None:
        return None
    return None if hasattr(condition.rhs, "resolve_expression") else found[0]


def is_link(join: Any, queryset: Any, stream: type[ModelStream]) -> bool:
    """Return whether a join leads to the one row that links a row to the audience of the QuerySet."""
    place = audience_place(queryset, stream)
    return place is not None and queryset.query.where.children[place].lhs.alias == join.table_alias
