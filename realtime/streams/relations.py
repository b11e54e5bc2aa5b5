"""Dependencies: models whose changes affect rows of a stream, and the relations that lead to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db.models import ManyToManyField, Model


class Dependency(NamedTuple):
    """A model whose changes affect rows of a stream.

    `lookup` leads from the stream's rows to the model's ("comments"). It is empty for the intermediate rows of a
    many-to-many relation. If the model has the foreign key, `points` is its name ("card"), and `origin` leads from the
    stream's rows to the referenced value ("id"). So the affected rows are found even if the object was deleted, or now
    refers to another row. A generic relation has the content type of `near` in the field `kind`. `whole`: a change
    affects all rows, because it is unknown which ones.
    """

    lookup: str
    model: type[Model]
    points: str = ""
    origin: str = ""
    kind: str = ""
    near: type[Model] | None = None
    whole: bool = False


def follow(model: type[Model], path: str) -> Iterator[Dependency]:
    """Yield the dependencies along a path of relations ("project__owner"). Raise `FieldDoesNotExist`."""
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
    """Yield the dependencies of one relation of `near`, which `steps` lead to; the last is the model it leads to."""
    if field.many_to_many:
        yield from through_dependencies(field, near, steps)
    name = "__".join([*steps, field.name])
    yield Dependency(name, concrete(field.related_model), **_reverse_relation(field, near, steps))


def last_field(model: Any, path: str) -> Any:
    """Return the model's field in which a path like "author.name" ends; None for a property or an annotation."""
    field: Any = None
    for step in path.split("."):
        try:
            field = model._meta.get_field(step)
        except (FieldDoesNotExist, AttributeError):
            return None
        model = field.related_model
    return field


def concrete(model: Any) -> Any:
    return model._meta.concrete_model or model


def through_dependencies(field: Any, near: Any, steps: Sequence[str] = ()) -> Iterator[Dependency]:
    """Yield the dependency on the intermediate rows of a many-to-many relation of `near`, which `steps` lead to."""
    through: Any = through_model(field)
    if through is None:
        return
    pointers = through_foreign_keys(field, near)
    for pointer in pointers:
        yield Dependency("", concrete(through), **_foreign_key(pointer, steps))
    if not pointers:
        yield Dependency("", concrete(through), **_generic_key(through, near, steps))


def through_model(field: Any) -> type[Model] | None:
    """Return the intermediate model of a many-to-many relation; None if a custom kind of relation has none."""
    through = getattr(field, "through", None) or getattr(field.remote_field, "through", None)
    return through if isinstance(through, type) and issubclass(through, Model) else None


def through_foreign_keys(field: Any, near: Any) -> list[Any]:
    """Return the foreign keys from the intermediate model to `near`: the ones that Django names, or all."""
    through: Any = through_model(field)
    if through is None:
        return []
    forward = getattr(field, "field", field) if _is_reverse(field) else field
    if isinstance(forward, ManyToManyField):
        with suppress(Exception):  # a custom kind that derives from Django's may have no intermediate rows
            name = forward.m2m_reverse_field_name() if _is_reverse(field) else forward.m2m_field_name()
            return [through._meta.get_field(name)]
    ours = {concrete(near), *near._meta.get_parent_list()}
    return [item for item in through._meta.local_fields if item.many_to_one and item.related_model in ours]


def has_known_through(field: Any) -> bool:
    """Return whether the intermediate rows of a relation are known."""
    return not field.many_to_many or through_model(field) is not None


def unknown_relations(model: Any, paths: Iterable[str]) -> set[str]:
    """Return the relations of a model, and along paths from it, that `has_known_through` does not know."""
    found = {f"{model.__name__}.{field.name}" for field in model._meta.get_fields() if not has_known_through(field)}
    for path in paths:
        near = model
        for step in path.replace(".", "__").split("__"):
            field = near._meta.get_field(step)
            if not has_known_through(field):
                found.add(f"{near.__name__}.{step}")
            near = field.related_model
    return found


def is_generic(field: Any, near: Any) -> bool:
    """Return whether the intermediate rows refer to objects by content type, as those of django-taggit do."""
    through = through_model(field)
    return through is not None and not through_foreign_keys(field, near) and "kind" in _generic_key(through, near, ())


def _is_reverse(field: Any) -> bool:
    return bool(field.auto_created and not field.concrete)  # Django also creates parent links, which are forward


def _foreign_key(pointer: Any, steps: Sequence[str]) -> dict[str, Any]:
    """Return the fields of `Dependency` for a foreign key of one column; none for others."""
    try:
        return {"points": pointer.name, "origin": "__".join([*steps, pointer.target_field.name])}
    except (FieldError, AttributeError):  # a ForeignObject has several columns, and custom kinds may have none
        return {"whole": True}


def _generic_key(model: Any, near: Any, steps: Sequence[str]) -> dict[str, Any]:
    """Return the fields of `Dependency` for a generic foreign key."""
    for item in model._meta.private_fields:
        if hasattr(item, "ct_field") and hasattr(item, "fk_field"):
            return {"points": item.fk_field, "origin": "__".join([*steps, "pk"]), "kind": item.ct_field, "near": near}
    return {"whole": True}


def _reverse_relation(field: Any, near: Any, steps: Sequence[str]) -> dict[str, Any]:
    """Return the fields of `Dependency` if the other model refers to the near one."""
    if field.many_to_many:
        return {} if has_known_through(field) else {"whole": True}
    if _is_reverse(field):  # the other side of a foreign key, or of a one-to-one field
        return _foreign_key(getattr(field, "field", None), steps)
    if field.one_to_many:  # a generic relation
        if not hasattr(field, "content_type_field_name"):
            return {"whole": True}
        origin = "__".join([*steps, "pk"])
        kind = {"kind": field.content_type_field_name, "near": near}
        return {"points": field.object_id_field_name, "origin": origin, **kind}
    return {}
