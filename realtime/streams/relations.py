"""Dependency: a model whose changes make rows of a stream change, and the way that leads to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db.models import ManyToManyField, Model


class Dependency(NamedTuple):
    """A model whose changes make rows of a stream change.

    `lookup` leads from the stream's rows to the model's ("comments"); it is empty for the rows between the two ends of
    a many-to-many relation. Where the model's rows are those that point, `points` is the name of their field ("card"),
    and `origin` leads from the stream's rows to the value that it holds ("id"): so the rows of one that is gone, or
    points elsewhere now, are found too. A generic relation has its content type in the field `kind`: that of `near`.
    `whole`: nothing tells which rows a change concerns, so each concerns all of them.
    """

    lookup: str
    model: type[Model]
    points: str = ""
    origin: str = ""
    kind: str = ""
    near: type[Model] | None = None
    whole: bool = False


def follow(model: type[Model], path: str) -> Iterator[Dependency]:
    """The dependencies along a path of relations ("project__owner"). Raise `FieldDoesNotExist`."""
    steps: list[str] = []
    near: Any = model
    for step in path.replace(".", "__").split("__"):
        field: Any = near._meta.get_field(step)
        far = field.related_model
        if far is None or isinstance(far, str):
            raise FieldDoesNotExist(f"{near.__name__}.{step} leads to no model")
        yield from across(field, near, steps)
        steps.append(step)
        near = far


def across(field: Any, near: Any, steps: Sequence[str]) -> Iterator[Dependency]:
    """The dependencies of one relation, seen from `near`, which `steps` lead to; the last is the model it leads to."""
    if field.many_to_many:
        yield from between(field, near, steps)
    name = "__".join([*steps, field.name])
    yield Dependency(name, concrete(field.related_model), **_pointing(field, near, steps))


def concrete(model: Any) -> Any:
    return model._meta.concrete_model or model


def between(field: Any, near: Any, steps: Sequence[str] = ()) -> Iterator[Dependency]:
    """The rows between the two ends of a many-to-many relation, seen from `near`, which `steps` lead to."""
    through: Any = through_model(field)
    if through is None:
        return
    pointers = pointers_between(field, near)
    for pointer in pointers:
        yield Dependency("", concrete(through), **_points(pointer, steps))
    if not pointers:
        yield Dependency("", concrete(through), **_generic(through, near, steps))


def through_model(field: Any) -> type[Model] | None:
    """The model of the rows between the ends of a relation of many to many; None where a kind of its own has none."""
    through = getattr(field, "through", None) or getattr(field.remote_field, "through", None)
    return through if isinstance(through, type) and issubclass(through, Model) else None


def pointers_between(field: Any, near: Any) -> list[Any]:
    """The foreign keys by which the rows between point to `near`: those that Django names, or all that there are."""
    through: Any = through_model(field)
    if through is None:
        return []
    forward = getattr(field, "field", field) if _is_reverse(field) else field
    if isinstance(forward, ManyToManyField):
        with suppress(Exception):  # a kind that derives from Django's, and has no such rows
            name = forward.m2m_reverse_field_name() if _is_reverse(field) else forward.m2m_field_name()
            return [through._meta.get_field(name)]
    ours = {concrete(near), *near._meta.get_parent_list()}
    return [item for item in through._meta.local_fields if item.many_to_one and item.related_model in ours]


def follows(field: Any) -> bool:
    """Whether the rows between the ends of a relation are known."""
    return not field.many_to_many or through_model(field) is not None


def unknown_relations(model: Any, paths: Iterable[str]) -> set[str]:
    """The relations of a model, and along paths from it, that `follows` does not know."""
    found = {f"{model.__name__}.{field.name}" for field in model._meta.get_fields() if not follows(field)}
    for path in paths:
        near = model
        for step in path.replace(".", "__").split("__"):
            field = near._meta.get_field(step)
            if not follows(field):
                found.add(f"{near.__name__}.{step}")
            near = field.related_model
    return found


def is_generic(field: Any, near: Any) -> bool:
    """Whether the rows between name their objects by content type, as those of django-taggit do."""
    through = through_model(field)
    return through is not None and not pointers_between(field, near) and "kind" in _generic(through, near, ())


def _is_reverse(field: Any) -> bool:
    return bool(field.auto_created and not field.concrete)  # a link to a parent is made by Django too, and forward


def _points(pointer: Any, steps: Sequence[str]) -> dict[str, Any]:
    """How rows say which others they point to: by one column, as far as it can be told."""
    try:
        return {"points": pointer.name, "origin": "__".join([*steps, pointer.target_field.name])}
    except (FieldError, AttributeError):  # a ForeignObject has several columns, and another kind may have none
        return {"whole": True}


def _generic(model: Any, near: Any, steps: Sequence[str]) -> dict[str, Any]:
    """How rows point by content type."""
    for item in model._meta.private_fields:
        if hasattr(item, "ct_field") and hasattr(item, "fk_field"):
            return {"points": item.fk_field, "origin": "__".join([*steps, "pk"]), "kind": item.ct_field, "near": near}
    return {"whole": True}


def _pointing(field: Any, near: Any, steps: Sequence[str]) -> dict[str, Any]:
    """How rows of the other model point to the near one, where it is they that do."""
    if field.many_to_many:
        return {} if follows(field) else {"whole": True}
    if _is_reverse(field):  # the other side of a foreign key, or of a one-to-one field
        return _points(getattr(field, "field", None), steps)
    if field.one_to_many:  # a generic relation
        if not hasattr(field, "content_type_field_name"):
            return {"whole": True}
        origin = "__".join([*steps, "pk"])
        kind = {"kind": field.content_type_field_name, "near": near}
        return {"points": field.object_id_field_name, "origin": origin, **kind}
    return {}
