"""Related models: those that `fields` and a serializer read, found without any rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models.sql import Query

from realtime.queries.analysis import expressions, follows_itself, joins_itself, known_tables, tables, tables_of
from realtime.streams.groups import is_grouped
from realtime.streams.relations import concrete
from realtime.streams.stream import ModelStream
from realtime.streams.validation import probe, sample


class Step(NamedTuple):
    """A path of relations ("assignee", "team"), and the model at its end."""

    path: tuple[str, ...]
    model: Any


def shown_relations(stream: type[ModelStream]) -> Iterator[Step]:
    """Yield each relation whose rows are shown. Reads in methods of models and serializers are not found."""
    start = Step((), stream.model)
    for path in stream.fields:
        yield from _along(start, path.split(".")[:-1], _by_field)
    if stream.serializer_class is not None:
        try:
            found = list(_serialized(new_serializer(stream), start))
        except Exception:  # its fields need real parameters
            return
        yield from found


def new_serializer(stream: type[ModelStream]) -> Any:
    """Return the stream's serializer, with sample parameters."""
    return stream.serializer_class(context={"stream": sample(stream)})


def _serialized(serializer: Any, start: Step, above: tuple[type, ...] = ()) -> Iterator[Step]:
    if not hasattr(serializer, "fields") or type(serializer) in above:  # a recursive serializer never ends
        return
    for field in serializer.fields.values():
        if field.write_only:
            continue
        part = getattr(field, "child_relation", None) or getattr(field, "child", field)  # many=True
        attributes = [] if field.source == "*" else field.source.split(".")
        way = [start, *_along(start, attributes, _by_accessor)]
        if len(way) <= len(attributes):  # it ends at a value or an opaque attribute
            yield from way[1:]
        elif attributes and _shows_key_alone(part, _by_accessor(way[-2].model, attributes[-1])):
            yield from way[1:-1]
        else:
            yield from way[1:]
            slug = str(getattr(part, "slug_field", None) or "")
            yield from _along(way[-1], slug.split("__")[:-1], _by_accessor)
            yield from _serialized(part, way[-1], (*above, type(serializer)))


def _shows_key_alone(part: Any, relation: Any) -> bool:
    """Return whether only keys are shown, which change with the row itself."""
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
    """Return the relation behind an accessor: `comment_set`, which `get_field` knows as `comment`."""
    for field in model._meta.get_fields():
        reverse = field.auto_created and not field.concrete
        if (field.get_accessor_name() if reverse else field.name) == name:
            return field
    return None


def unknown_models(queryset: Any, stream: type[ModelStream]) -> list[str]:
    """Return the labels of models that the stream reads but does not track.

    It reads them in its QuerySet (None if unknown), in `fields`, or in its serializer.
    """
    found = {model._meta.label for model in _unfollowed(stream)}
    if queryset is None:
        return sorted(found)
    query = queryset.query.clone()
    query.get_compiler(using=queryset.db).pre_sql_setup()  # adds the joins of order_by and select_related
    labels = {model._meta.db_table: model._meta.label for model in apps.get_models(include_auto_created=True)}
    found |= {labels[name] for name in tables(query) - known_tables(stream) if name in labels}
    if joins_itself(query) and not follows_itself(stream):
        found.add(concrete(stream.model)._meta.label)
    return sorted(found)


def asks_for(stream: type[ModelStream], field: Any) -> bool:
    """Return whether the stream's QuerySet filters, orders, groups or computes by a field, as far as it is known."""
    queryset = probe(stream)
    if queryset is None:
        return False
    query = queryset.query.clone()
    try:
        _, order, _ = query.get_compiler(using=queryset.db).pre_sql_setup()
    except Exception:  # another check reports it
        return False
    columns = [resolved for resolved, _ in order] + [query.where, *query.annotations.values()]
    columns += query.select if is_grouped(queryset) else ()
    return any(getattr(each, "target", None) == field for column in columns for each in _parts(column))


def _parts(root: Any) -> Iterator[Any]:
    """Yield an expression with all its parts, those of its subqueries too."""
    for each in expressions(root):
        yield each
        if isinstance(each, Query):
            for part in (each.where, *each.annotations.values()):
                yield from _parts(part)


def _unfollowed(stream: type[ModelStream]) -> Iterator[Any]:
    """Yield the models of shown relations that `depends_on` does not list."""
    followed = {tuple(path.replace(".", "__").split("__")) for path in stream.depends_on}
    own = tables_of(stream.model)
    for steps, model in shown_relations(stream):
        is_parent = own >= tables_of(model) and concrete(model) is not concrete(stream.model)
        if not is_parent and not any(path[: len(steps)] == steps for path in followed):
            yield concrete(model)
