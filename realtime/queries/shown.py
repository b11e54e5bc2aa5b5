"""Shown: the relations along which `fields` and a serializer read rows of other models, told before there are rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist

from realtime.streams.stream import ModelStream
from realtime.streams.validation import sample


class Step(NamedTuple):
    """Relations ("person", "team"), and the model that they lead to."""

    path: tuple[str, ...]
    model: Any


def shown_relations(stream: type[ModelStream]) -> Iterator[Step]:
    """Each relation whose rows are shown, as far as can be seen: not what methods of a model or serializer read."""
    start = Step((), stream.model)
    for path in stream.fields:
        yield from _along(start, path.split(".")[:-1], _by_field)
    if stream.serializer_class is not None:
        try:
            found = list(_serialized(new_serializer(stream), start))
        except Exception:  # it has no fields without real parameters, as `probe` has no QuerySet
            return
        yield from found


def new_serializer(stream: type[ModelStream]) -> Any:
    """The stream's serializer, for some parameters."""
    return stream.serializer_class(context={"stream": sample(stream)})


def _serialized(serializer: Any, start: Step, above: tuple[type, ...] = ()) -> Iterator[Step]:
    if not hasattr(serializer, "fields") or type(serializer) in above:  # one that nests itself does so without end
        return
    for field in serializer.fields.values():
        if field.write_only:
            continue
        part = getattr(field, "child_relation", None) or getattr(field, "child", field)  # many=True
        attributes = [] if field.source == "*" else field.source.split(".")
        way = [start, *_along(start, attributes, _by_accessor)]
        if len(way) <= len(attributes):  # it ends at a value, or at an attribute that tells nothing
            yield from way[1:]
        elif attributes and _shows_key_alone(part, _by_accessor(way[-2].model, attributes[-1])):
            yield from way[1:-1]
        else:
            yield from way[1:]
            slug = str(getattr(part, "slug_field", None) or "")
            yield from _along(way[-1], slug.split("__")[:-1], _by_accessor)
            yield from _serialized(part, way[-1], (*above, type(serializer)))


def _shows_key_alone(part: Any, relation: Any) -> bool:
    """Whether keys are shown that stand in the row's own column, or in the rows between: those change with the row."""
    optimized = getattr(part, "use_pk_only_optimization", None)
    return optimized is not None and optimized() and bool(relation.many_to_many or relation.concrete)


def _along(start: Step, names: Sequence[str], find: Callable[[Any, str], Any]) -> Iterator[Step]:
    for name in names:
        relation = find(start.model, name)
        if relation is None or not relation.is_relation or relation.related_model is None:
            return
        start = Step((*start.path, relation.name), relation.related_model)
        yield start


def _by_field(model: Any, name: str) -> Any:
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def _by_accessor(model: Any, name: str) -> Any:
    """The relation behind an attribute: `comment_set`, where `get_field` has `comment`."""
    for field in model._meta.get_fields():
        reverse = field.auto_created and not field.concrete
        if (field.get_accessor_name() if reverse else field.name) == name:
            return field
    return None
