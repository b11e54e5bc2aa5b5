"""Tracking: which models are live, and the change that an object of theirs leaves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from realtime.changelog.base import NewChange
from realtime.streams.grounds import ground_models
from realtime.streams.keys import key_text
from realtime.streams.registry import registry
from realtime.streams.validation import problems

if TYPE_CHECKING:
    from django.db.models import Model


_UNKNOWN = object()  # the value of a deferred field: reading it would cost a query


class Tracked(NamedTuple):
    """A live model: its label in the log, and the fields by which its changes are routed."""

    label: str
    routing: dict[str, Any]


def tracked_models() -> dict[type[Model], Tracked]:
    """Every model whose changes some stream needs: those of streams, and those that streams depend on."""
    found: dict[type[Model], Tracked] = {}

    def track(model: type[Model]) -> Tracked:
        concrete = model._meta.concrete_model or model
        return found.setdefault(concrete, Tracked(concrete._meta.label_lower, {}))

    for stream in registry:
        if any(problems(stream)):
            continue
        own = track(stream.model)
        for name in stream.partition_by:
            own.routing[name] = stream.model._meta.get_field(name)
        for parent in stream.model._meta.get_parent_list():
            track(parent)
        for dependency in stream.dependencies():
            pointing = track(dependency.model)
            for name in filter(None, (dependency.points, dependency.kind)):
                pointing.routing[name] = dependency.model._meta.get_field(name)
        for models in stream.value_models().values():
            for model in models:
                track(model)
    for model in ground_models():
        track(model)
    return found


def change_of(tracked: Tracked, instance: Model, operation: str) -> NewChange:
    """The change that this object leaves. Its routing is left open where a value is known to the database only."""
    routing: dict[str, list[str | None]] = {}
    for name, field in tracked.routing.items():
        value = instance.__dict__.get(field.attname, _UNKNOWN)
        if value is _UNKNOWN or hasattr(value, "resolve_expression"):
            return NewChange(tracked.label, key_text(instance.pk), operation)
        routing[name] = [routing_text(field, value)]
    return NewChange(tracked.label, key_text(instance.pk), operation, routing)


def routing_text(field: Any, value: Any) -> str | None:
    """The text by which a field's value is compared with a stream's parameter."""
    while field.remote_field:
        field = field.target_field
    return None if value is None else key_text(field.to_python(value))


def family(model: type[Model]) -> Iterable[type[Model]]:
    """The concrete models that a row of this model has rows in: itself and the parents of multi-table inheritance."""
    concrete: Any = model._meta.concrete_model or model
    return [concrete, *concrete._meta.get_parent_list()]
