"""Serialization: whether JSON can represent the values of `fields`, found from their types without any rows."""

from __future__ import annotations

import dataclasses
import datetime
import inspect
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any, get_type_hints
from uuid import UUID

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import connections

from realtime.checks.related_models import new_serializer
from realtime.exceptions import StreamDefinitionError
from realtime.queries.rendering import ENCODABLE, sendable
from realtime.streams.stream import ModelStream
from realtime.streams.validation import probe

# values that a database may return, to try a field's from_db_value with
SAMPLES: tuple[Any, ...] = (
    "1", 1, 1.5, True, Decimal("1.5"), "{}", {}, [], "[1, 2]", "a,b", b"1", UUID(int=1),
    datetime.date(2000, 1, 1), datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC), datetime.time(1),
    datetime.timedelta(1),
)  # fmt: skip

HINT = (
    "Give the field a value_to_string(), or list a property in `fields` that returns text, a number, a list or a "
    "dictionary."
)


def unsendable(stream: type[ModelStream]) -> Iterator[StreamDefinitionError]:
    """Yield an error for each of `fields` whose type shows that JSON cannot represent it."""
    for path in stream.fields:
        kind, type_name = _unsendable(stream, path) or ("", "")
        if kind:
            yield StreamDefinitionError(
                f"{stream.__name__}.fields names {path!r}, {kind} with values of type {type_name}, which JSON "
                "cannot represent.",
                hint=HINT,
            )


def serializer_problem(stream: type[ModelStream]) -> StreamDefinitionError | None:
    """Return an error for an invalid `serializer_class`, or None."""
    serializer = stream.serializer_class
    if serializer is None:
        return None
    if not (inspect.isclass(serializer) and hasattr(serializer, "data") and hasattr(serializer, "to_representation")):
        return StreamDefinitionError(
            f"{stream.__name__}.serializer_class is {serializer!r}, which is not a serializer.",
            hint="Set it to a subclass of rest_framework.serializers.BaseSerializer.",
        )
    model = getattr(getattr(serializer, "Meta", None), "model", None)
    if model is not None and not issubclass(stream.model, model):
        return StreamDefinitionError(
            f"{stream.__name__}.serializer_class is {serializer.__name__}, which serializes {model.__name__}.",
            hint=f"Set it to a serializer for {stream.model.__name__}, the stream's model.",
        )
    return _serializer_fields_problem(stream)


def _serializer_fields_problem(stream: type[ModelStream]) -> StreamDefinitionError | None:
    try:
        getattr(new_serializer(stream), "fields", None)
    except (AssertionError, ImproperlyConfigured) as error:  # raised by Django REST framework for wrong declarations
        return StreamDefinitionError(
            f"{stream.__name__}.serializer_class is {stream.serializer_class.__name__}, whose fields cannot be "
            f"created: {error}",
            hint="Fix the serializer; until then no row of the stream can be sent.",
        )
    except Exception:  # its fields need real parameters
        return None
    return None


def _unsendable(stream: type[ModelStream], path: str) -> tuple[str, str] | None:
    model: Any = stream.model
    *steps, last = path.split(".")
    try:
        for step in steps:
            model = model._meta.get_field(step).related_model
        field = model._meta.get_field(last)
    except (FieldDoesNotExist, AttributeError):
        return _unsendable_attribute(stream, model, last)
    return _unsendable_field(stream, field)


def _unsendable_field(stream: type[ModelStream], field: Any) -> tuple[str, str] | None:
    convert = getattr(field, "from_db_value", None)
    # ask the instance, not the class: ArrayField has the method only if its base field has it
    if convert is None or convert.__module__.startswith("django."):
        return None
    for sample in SAMPLES:
        try:
            value = convert(sample, None, connections[stream.database()])
        except Exception:  # noqa: S112 - the column never has such a value
            continue
        owner = field.model()
        vars(owner)[field.attname] = value
        if not sendable(field, owner, value):
            return f"a {type(field).__name__}", type(value).__name__
    return None


def _unsendable_attribute(stream: type[ModelStream], model: Any, name: str) -> tuple[str, str] | None:
    queryset = probe(stream) if model is stream.model else None
    if queryset is not None and name in queryset.query.annotations:
        output = getattr(queryset.query.annotations[name], "_output_field_or_none", None)
        custom = output is not None and hasattr(output, "model")
        return _unsendable_field(stream, output) if custom else None
    found = inspect.getattr_static(model, name, None)
    if inspect.isfunction(found):
        return "a method", "method"
    function = getattr(found, "fget", None) or (found.func if isinstance(found, cached_property) else None)
    try:
        hint = get_type_hints(function).get("return") if function else None
    except (NameError, TypeError):  # names that exist only for type checkers
        return None
    if not inspect.isclass(hint) or hint in (object, type(None)):
        return None
    known = issubclass(hint, (*ENCODABLE, Mapping, frozenset)) or dataclasses.is_dataclass(hint)
    return None if known or hasattr(hint, "__struct_fields__") else ("a property", hint.__name__)
