"""AudiencePath: the way from a row to the audiences that it is for, as `audience_by` names it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db.models import IntegerField, ManyToManyField, Model, QuerySet, UniqueConstraint, UUIDField

from realtime.exceptions import StreamDefinitionError
from realtime.streams.keys import cleaned, comparable, key_text, stored, target
from realtime.streams.relations import Dependency, across, concrete, has_known_through, through_model

WHOLE = (IntegerField, UUIDField)  # each of their values has one text, in the log too
_BLANK = frozenset({"Cc", "Cf", "Mc", "Me", "Mn", "Zl", "Zp", "Zs"})  # kinds of characters


class Links(NamedTuple):
    """A model whose rows each link a row to an audience, and the names of its fields for both."""

    model: type[Model]
    row: str
    audience: str

    @property
    def is_unique(self) -> bool:
        """Whether at most one row links a row to an audience."""
        meta, pair = self.model._meta, {self.row, self.audience}
        constraints = [each for each in meta.constraints if isinstance(each, UniqueConstraint)]
        total = [each.fields for each in constraints if each.condition is None and each.fields]
        return any(set(fields) <= pair for fields in [*meta.unique_together, *total])


@dataclass(frozen=True)
class AudiencePath:
    """The way from a row to its audiences.

    `lookup` is the path for the ORM from `model`, and `field` has the type of an audience. The log has former
    audiences if the row itself holds its audience, in `column`, or if rows of one other model link the two (`links`).
    Changes of the `dependencies` may change audiences. `has_one`: a row is for one audience at most.
    """

    model: type[Model]
    lookup: str
    field: Any
    column: str
    links: Links | None
    dependencies: tuple[Dependency, ...]
    has_one: bool

    @property
    def is_logged(self) -> bool:
        """Whether the log has former audiences. If not, only those of the present are known."""
        return bool(self.column or self.links)

    @property
    def links_once(self) -> bool:
        """Whether a row leads to an audience in one way at most, so that joining the two repeats nothing."""
        return self.has_one or (self.links is not None and self.links.is_unique)

    @cached_property
    def same(self) -> Callable[[str], str]:
        """A function that gives texts of one audience the same form."""
        return comparable(self.field)

    def value(self, audience: Any) -> Any:
        """Return what `audience` returned as rows name it; None if no row can, as "staff" for integer keys.

        A blank text names nobody: it stands for a missing name, in a row and for an anonymous user alike.
        """
        if audience is None:
            return None
        try:
            value = cleaned(self.field, audience)
        except (ValidationError, ValueError, TypeError, OverflowError):
            return None
        return None if isinstance(value, str) and _is_blank(value) else value

    def named(self, audience: Any) -> str | None:
        """Return the text of what `audience` returned; None if no row can name it."""
        value = self.value(audience)
        return None if value is None else self.text(value)

    def narrow(self, queryset: Any, audience: Any) -> Any:
        """Return those rows of a QuerySet that are for this audience, each once; a slice is one of these rows."""
        if problem := self.problem(queryset):
            raise problem
        value = self.value(audience)
        if value is None:
            return queryset.none()
        low, high = queryset.query.low_mark, queryset.query.high_mark
        rows = queryset.all()
        rows.query.clear_limits()
        # no join with links, which could repeat rows and change what annotations count
        own = value if self.has_one else self._keys(value)
        rows = rows.filter(**{self._condition: own})
        return rows[low:high] if low or high is not None else rows

    @property
    def _condition(self) -> str:
        return self.lookup if self.has_one else f"{self.model._meta.pk.name}__in"

    def problem(self, queryset: Any) -> StreamDefinitionError | None:
        """Return why the condition cannot be added to a QuerySet, with a remedy."""
        for name in queryset.query.annotations:
            if f"{self._condition}__".startswith(f"{name}__"):  # Django would compare the annotation
                return StreamDefinitionError(
                    f"get_queryset annotates {self.model.__name__} with {name!r}, by which audience_by finds the rows "
                    "of an audience.",
                    hint="Give the annotation another name.",
                )
        return None

    def _keys(self, value: Any) -> QuerySet[Any]:
        if self.links is None:
            return QuerySet(self.model).filter(**{self.lookup: value}).order_by().values("pk")
        return QuerySet(self.links.model).filter(**{self.links.audience: value}).order_by().values(self.links.row)

    def text(self, value: Any) -> str:
        """Return the text of an audience that a row names."""
        return str(value) if type(value) is int else self.same(key_text(stored(self.field, value)))


@cache  # a live query asks for it at each change
def audience_path(model: type[Model], path: str) -> AudiencePath:
    """Return the path that `audience_by` names. Raise `FieldDoesNotExist` or `FieldError`."""
    fields: list[Any] = []
    dependencies: list[Dependency] = []
    near: Any = model
    for name in path.replace(".", "__").split("__"):
        if near is None or isinstance(near, str):
            raise FieldDoesNotExist(f"{fields[-1].name} leads to no model")
        field: Any = near._meta.get_field(name)
        if not has_known_through(field):
            raise FieldDoesNotExist(f"the rows behind {near.__name__}.{name} are unknown")
        if not _points_back(field) and not field.concrete:
            raise FieldDoesNotExist(f"{near.__name__}.{name} leads to no model")
        if field.is_relation:
            dependencies += across(field, near, [each.name for each in fields])
        fields.append(field)
        near = field.related_model
    last = fields[-1]
    if last.is_relation and (last.many_to_many or not _points_back(last)):
        dependencies.pop()  # the audiences themselves: only their keys matter, which stand in the rows before
    end = _end(fields[-1])
    is_whole = isinstance(end, WHOLE)
    is_own = len(fields) == 1 and not _points_back(fields[0])
    return AudiencePath(
        model,
        "__".join(each.name for each in fields),
        end,
        fields[0].name if is_whole and is_own else "",
        _links(model, fields) if is_whole else None,
        tuple(dict.fromkeys(dependencies)),
        not any(_points_back(each) and not _is_single(each) for each in fields),
    )


def _is_blank(text: str) -> bool:
    """Return whether some collation holds a text for empty: it has only spaces, marks and invisible characters."""
    return all(unicodedata.category(character) in _BLANK for character in text)


def _points_back(field: Any) -> bool:
    """Return whether rows of another model than the one that has the relation hold it."""
    is_reverse = field.one_to_one and field.auto_created and not field.concrete
    return bool(field.many_to_many or field.one_to_many or is_reverse)


def _is_single(field: Any) -> bool:
    return bool(field.one_to_one)


def _end(field: Any) -> Any:
    """Return the field that has the values at the end of a path. Raise `FieldError` if it has several columns."""
    end = target(field.related_model._meta.pk if _points_back(field) else field)
    if end.column is None:
        raise FieldError(f"{field.name} ends in a composite key")
    return end


def _links(model: type[Model], fields: Sequence[Any]) -> Links | None:
    """Return how rows of one other model link rows and audiences, if the path leads through them alone."""
    first, *rest = fields
    if first.many_to_many and not rest:
        forward = getattr(first, "field", first) if first.auto_created else first
        if not isinstance(forward, ManyToManyField):  # a kind of its own
            return None
        through: Any = through_model(first)
        ends = [through._meta.get_field(name()) for name in (forward.m2m_field_name, forward.m2m_reverse_field_name)]
        row, audience = reversed(ends) if first.auto_created else ends
        is_key = _is_key(row) and _is_key(audience)
    elif not first.many_to_many and _points_back(first) and len(rest) == 1 and not _points_back(rest[0]):
        row, audience = getattr(first, "field", None), rest[0]
        is_key = row is not None and _is_key(row)
    else:
        return None
    if not is_key or concrete(row.related_model) is not concrete(model) or row.model is not audience.model:
        return None
    return Links(concrete(row.model), row.name, audience.name)


def _is_key(field: Any) -> bool:
    """Return whether a foreign key holds a primary key."""
    return len(field.foreign_related_fields) == 1 and bool(field.target_field.primary_key)
