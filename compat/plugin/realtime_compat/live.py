"""Live models: a stream for every model of a project, with all that makes capture look at more of a row."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from typing import Any

from django.db import models

from realtime import ModelStream, register
from realtime.streams.validation import problems

OWN = "realtime"
MAX_FIELDS = 2  # of `partition_by`
ROUTING = (models.ForeignKey, models.IntegerField, models.BooleanField, models.CharField, models.DateField)


def make_live(found: Iterable[type[models.Model]]) -> None:
    """Register a stream for each model, routed by some of its fields, and depending on all its relations."""
    for model in found:
        if model._meta.app_label != OWN:
            stream = stream_of(model)
            if any(
                problems(stream)
            ):  # a relation that cannot be followed, which a check says of a stream that names it
                stream = stream_of(model, plain=True)
            register(model._meta.label_lower)(stream)


def stream_of(model: type[models.Model], *, plain: bool = False) -> type[ModelStream]:
    plain = plain or os.environ.get("REALTIME_COMPAT_STREAMS") == "plain"
    fields = [field.name for field in model._meta.concrete_fields]
    partition_by = [] if plain else routing_fields(model)
    depends_on = [] if plain else relations(model)

    def get_queryset(self: ModelStream, **params: Any) -> models.QuerySet[Any]:
        return model._base_manager.filter(**params)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in ("self", *partition_by)]
    get_queryset.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    body = {
        "__module__": model.__module__,
        "model": model,
        "fields": fields,
        "partition_by": partition_by,
        "depends_on": depends_on,
        "get_queryset": get_queryset,
        "authorize": lambda self, user, **params: True,
    }
    return type(f"{model.__name__}Stream", (ModelStream,), body)


def routing_fields(model: Any) -> list[str]:
    """The first fields that could route changes."""
    names = [
        field.name for field in model._meta.concrete_fields if isinstance(field, ROUTING) and not field.primary_key
    ]
    # a model with two parents may have two fields of one name
    return [name for name in dict.fromkeys(names) if name not in ("self", "user")][:MAX_FIELDS]


def relations(model: Any) -> list[str]:
    """All forward relations: foreign keys and many-to-many relations."""
    fields = [*model._meta.fields, *model._meta.many_to_many]
    return [field.name for field in fields if field.is_relation and field.related_model]
