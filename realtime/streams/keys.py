"""Keys: a primary key as the text that the log, the wire and the page hold."""

from __future__ import annotations

import base64
import datetime
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import BooleanField, CompositePrimaryKey, DecimalField, FloatField, IntegerField, Model


def key_text(value: Any) -> str:
    """The text of a primary key (or of a routing value): `3` is "3", a composite one is a JSON array.

    Values that a database holds for equal have one text: a moment is in UTC, a decimal without trailing zeros.
    """
    if type(value) is int:
        return str(value)
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return "".join(value)  # a safe string, or another kind of str
    if isinstance(value, tuple | list):
        return msgspec.json.encode([key_text(item) for item in value]).decode()
    if isinstance(value, datetime.datetime) and value.tzinfo:
        value = value.astimezone(datetime.UTC)
    elif isinstance(value, Decimal):
        return format(value.normalize(), "f")
    elif isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return str(value)


#: What has a text of its own that says all of it; another type is a project's, and its field knows what it stores.
KNOWN = (
    *(int, float, Decimal, str, bytes, bytearray, memoryview, uuid.UUID, Enum, NoneType, tuple, list),
    *(datetime.date, datetime.time, datetime.timedelta),
)


def stored(field: Any, value: Any) -> Any:
    """The value as a type that is known: of a field that wraps its values in a class of its own, what it stores.

    It may be of another type than its field's: 1 for True, "07" for 7. What no row can have stays what it is.
    """
    field = target(field)
    with suppress(ValidationError, TypeError, ValueError):
        value = field.to_python(value)
    return value if isinstance(value, KNOWN) else field.get_db_prep_value(value, connection, prepared=False)


def key_of(instance: Model, model: type[Model] | None = None) -> str:
    """The key of an object, or of its row in the table of a parent model; whatever type its attribute has."""
    pk: Any = (model or type(instance))._meta.pk
    if isinstance(pk, CompositePrimaryKey):
        parts: Any = pk.fields
        return key_text([_plain(part, getattr(instance, part.attname)) for part in parts])
    return key_text(_plain(pk, getattr(instance, pk.attname)))


def key_names(model: type[Model]) -> list[str]:
    """The attributes of the key, to read in place of `pk`: Django converts no values of a composite one."""
    field: Any = model._meta.pk
    parts: Any = field.fields if isinstance(field, CompositePrimaryKey) else ()
    return [part.attname for part in parts] or ["pk"]


def key_of_values(model: type[Model], values: Sequence[Any]) -> str:
    """The text of the key whose `key_names` have these values."""
    if not all(isinstance(value, KNOWN) for value in values):
        pk: Any = model._meta.pk
        fields = pk.fields if isinstance(pk, CompositePrimaryKey) else [pk]
        values = [stored(field, value) for field, value in zip(fields, values, strict=True)]
    return key_text(values) if len(values) > 1 else key_text(values[0])


def parse_key(model: type[Model], text: str) -> Any:
    """The primary key that `key_text` made this text from. Raise `ValidationError` or `ValueError`."""
    field: Any = model._meta.pk
    if isinstance(field, CompositePrimaryKey):
        parts = msgspec.json.decode(text, type=list[str])
        return tuple(target(part).to_python(item) for part, item in zip(field.fields, parts, strict=True))
    return target(field).to_python(text)


def parse_keys(model: type[Model], texts: Iterable[str]) -> list[Any]:
    """The same of several, without those that no row can have."""
    found = []
    for text in texts:
        with suppress(ValidationError, ValueError, TypeError):
            found.append(parse_key(model, text))
    return found


def cleaned(field: Any, value: Any) -> Any:
    """A given value as one of this field. Raise `ValidationError`, `ValueError` or `TypeError`."""
    field = target(field)
    # do not convert True or 1.5 to the key 1
    fitting = {bool: BooleanField, float: FloatField | DecimalField}.get(type(value))
    if fitting is not None and not isinstance(field, fitting):
        raise ValueError
    return field.to_python(value)


def comparable_key(model: type[Model]) -> Callable[[str], str]:
    """A function that gives texts of one primary key, whoever wrote them, the same form."""
    field: Any = model._meta.pk
    if not isinstance(field, CompositePrimaryKey):
        return comparable(field)
    parts = [comparable(part) for part in field.fields]

    def convert(text: str) -> str:
        try:
            items = msgspec.json.decode(text, type=list[str])
            return key_text([part(item) for part, item in zip(parts, items, strict=True)])
        except (msgspec.DecodeError, ValueError):
            return text

    return convert


def comparable(field: Any) -> Callable[[str], str]:
    """A function that gives texts of one value of this field, whoever wrote them, the same form."""
    field = target(field)
    if isinstance(field, IntegerField):
        return str

    def convert(text: str) -> str:
        try:
            value = field.to_python(text)
        except (ValidationError, ValueError, TypeError):
            return text
        if isinstance(value, datetime.datetime) and value.tzinfo is None and settings.USE_TZ:
            value = value.replace(tzinfo=datetime.UTC)  # as databases without time zones hold it
        return _fold(value) if isinstance(value, str) else key_text(value)

    return convert


def target(field: Any) -> Any:
    """The field that a foreign key has its values from, also over several steps; another field is its own."""
    while field.remote_field:
        field = field.target_field
    return field


def _plain(field: Any, value: Any) -> Any:
    return value if type(value) is int else stored(field, value)


def _fold(text: str) -> str:
    # to some collations "É" equals "e": what a database may hold for equal has one form, at worst too much does
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(part for part in parts if not unicodedata.combining(part))
    return text.casefold().rstrip(" ")
