"""Rendering: a row as HTML or as data, encoded once for all who see it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Field, Model
from django.db.models.fields.files import FieldFile
from django.template.loader import get_template
from django.utils.functional import Promise
from django.utils.html import escape

from realtime.exceptions import StreamDefinitionError
from realtime.protocol.codec import encode_value
from realtime.streams.stream import ModelStream

Renderer = Callable[[Model, str], Any]

_OPENING = re.compile(r"\s*(?:<!--.*?-->\s*)*<[A-Za-z][^\s/>]*", re.DOTALL)
_django_encoder = DjangoJSONEncoder()

ENCODABLE = (
    str, int, float, bytes, list, tuple, dict, set, Decimal, UUID, Enum, Promise, Model, FieldFile,
    datetime.date, datetime.time, datetime.timedelta,
)  # fmt: skip


def renderer(stream: ModelStream, format: str) -> Renderer:
    """A function from a row and its key to what clients get: HTML text, or a dictionary."""
    return _html_renderer(stream) if format == "html" else _data_renderer(stream)


def encode_row(row: Any, stream: ModelStream) -> msgspec.Raw:
    """The JSON of a rendered row. Raise `StreamDefinitionError` for a value that JSON does not have."""
    try:
        return msgspec.Raw(encode_value(row, default=plain))
    except (UnicodeEncodeError, OverflowError):  # half of a character, or an integer of more than 64 bits
        return msgspec.Raw(encode_value(_unusual(row), default=plain))
    except TypeError as error:
        raise _not_json(row, stream, error) from None


def _unusual(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_unusual(key): _unusual(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_unusual(item) for item in value]
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, int) and abs(value) >= 2**63:
        return msgspec.Raw(str(value).encode())
    return value


def _not_json(row: Any, stream: ModelStream, error: TypeError) -> StreamDefinitionError:
    for name, value in row.items() if isinstance(row, Mapping) else ():
        try:
            encode_value(value, default=plain)
        except TypeError:
            return StreamDefinitionError(
                f"The field {name!r} of the stream {stream.name!r} has a value of type {type(value).__name__}, which "
                f"JSON cannot hold.",
                hint="Name a property in `fields` that returns text, a number, a list or a dictionary.",
            )
        except (UnicodeEncodeError, OverflowError):
            continue
    return StreamDefinitionError(
        f"A row or value of the stream {stream.name!r} is nothing that JSON can hold: {error}.",
        hint="Return text, a number, a list or a dictionary.",
    )


def _html_renderer(stream: ModelStream) -> Renderer:
    name = str(stream.get_template_name())
    template = get_template(name)
    own_name = stream.model._meta.model_name or "row"

    def render(instance: Model, key: str) -> str:
        html = template.render({"object": instance, own_name: instance, "stream": stream}).strip()
        opening = _OPENING.match(html)
        if opening is None:
            raise StreamDefinitionError(
                f"The template {name!r} of the stream {stream.name!r} does not begin with an element.",
                hint="Give each row one root element: it bears the row's key in the page.",
            )
        return f'{html[: opening.end()]} data-live-key="{escape(key)}"{html[opening.end() :]}'

    return render


def _data_renderer(stream: ModelStream) -> Renderer:
    if stream.serializer_class:  # one for all rows, as Django REST framework has it with many=True
        serializer = stream.serializer_class(context={"stream": stream})

        def serialize(instance: Model, key: str) -> Any:
            return serializer.to_representation(instance)

        return serialize

    fields = stream.get_fields()
    if unknown := [path for path in fields if path not in stream.fields]:
        raise StreamDefinitionError(
            f"get_fields of the stream {stream.name!r} returned {unknown[0]!r}, which is not one of its fields.",
            hint="Name in `fields` all that any audience sees.",
        )
    paths = [(path, path.split("."), _final_field(stream.model, path)) for path in fields]

    def render(instance: Model, key: str) -> dict[str, Any]:
        return {path: _value(instance, steps, field) for path, steps, field in paths}

    return render


def _value(instance: Any, steps: list[str], field: Any) -> Any:
    owner, value = None, instance
    for step in steps:
        try:
            owner, value = value, getattr(value, step)
        except ObjectDoesNotExist:  # the other side of a one-to-one relation may be missing
            return None
        if value is None:
            return None
    if field is not None and not isinstance(value, ENCODABLE):
        # a custom field's own text, as Django's serializers have it
        return field.value_to_string(owner) if sendable(field, owner, value) else value
    return value


def sendable(field: Any, owner: Any, value: Any) -> bool:
    """Whether JSON can hold this value of a field, or the text that the field makes of it."""
    if value is None or isinstance(value, ENCODABLE):
        return True
    if type(field).value_to_string is not Field.value_to_string:
        return isinstance(field.value_to_string(owner), str)
    # Django's own takes str(), which is the object's address in memory where its class says nothing else
    kind: Any = type(value)
    return kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__


def _final_field(model: Any, path: str) -> Any:
    field = None
    for step in path.split("."):
        try:
            field = model._meta.get_field(step)
        except FieldDoesNotExist:  # a property or an annotation
            return None
        model = field.related_model or model
    return field


def plain(value: Any) -> Any:
    """What JSON can have in place of a value that it cannot. Raise `TypeError` where there is nothing."""
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, FieldFile):
        return value.url if value else None
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str):  # a safe string, or another kind of str
        return "".join(value)
    return _django_encoder.default(value)
