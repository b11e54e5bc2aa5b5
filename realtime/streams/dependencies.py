"""Dependency: a model whose changes make rows of a stream change, and the way that leads to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist

if TYPE_CHECKING:
    from django.db.models import Model


class Dependency(NamedTuple):
    """A model whose changes make rows of a stream change.

    `lookup` leads from the stream's rows to the model's ("comments"); it is empty for the rows between the two ends of
    a many-to-many relation. Where the model's rows are those that point, `points` is the name of their field ("card"),
    and `origin` leads from the stream's rows to the value that it holds ("id"): so the rows of one that is gone, or
    points elsewhere now, are found too. A generic relation has its content type in the field `kind`: that of `near`.
    """

    lookup: str
    model: type[Model]
    points: str = ""
    origin: str = ""
    kind: str = ""
    near: type[Model] | None = None


def follow(model: type[Model], path: str) -> Iterator[Dependency]:
    """The dependencies along a path of relations ("project__owner"). Raise `FieldDoesNotExist`."""
    steps: list[str] = []
    near: Any = model
    for step in path.replace(".", "__").split("__"):
        field: Any = near._meta.get_field(step)
        far = field.related_model
        if far is None or isinstance(far, str):
            raise FieldDoesNotExist(f"{near.__name__}.{step} leads to no model")
        if field.many_to_many:
            yield _through(field, steps)
        yield Dependency("__".join([*steps, step]), concrete(far), **_pointing(field, near, steps))
        steps.append(step)
        near = far


def concrete(model: Any) -> Any:
    return model._meta.concrete_model or model


def _through(field: Any, steps: list[str]) -> Dependency:
    if field.auto_created:  # seen from the other side
        through, points = field.through, field.field.m2m_reverse_field_name()
    else:
        through, points = field.remote_field.through, field.m2m_field_name()
    value = through._meta.get_field(points).target_field.name
    return Dependency("", concrete(through), points=points, origin="__".join([*steps, value]))


def _pointing(field: Any, near: Any, steps: list[str]) -> dict[str, Any]:
    """How rows of the other model point to the near one, where it is they that do."""
    if field.many_to_many:
        return {}
    if field.auto_created:  # the other side of a foreign key, or of a one-to-one field
        pointer = field.field
        return {"points": pointer.name, "origin": "__".join([*steps, pointer.target_field.name])}
    if field.one_to_many:  # a generic relation
        origin = "__".join([*steps, "pk"])
        kind = {"kind": field.content_type_field_name, "near": near}
        return {"points": field.object_id_field_name, "origin": origin, **kind}
    return {}
