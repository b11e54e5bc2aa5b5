"""Keys: primary keys as text, for the log, the protocol and the page."""

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
from django.core.validators import validate_ipv46_address
from django.db import connection
from django.db.backends.utils import format_number
from django.db.models import (
    BooleanField,
    CompositePrimaryKey,
    DecimalField,
    FloatField,
    GenericIPAddressField,
    IntegerField,
    Model,
)

MAX_INTEGER = 2**63 - 1  # what every database can hold


def key_text(value: Any) -> str:
    """Return the text of a primary key or routing value: "3" for `3`, a JSON array for a composite key.

    Values that a database treats as equal have one text: datetimes in UTC, decimals without trailing zeros.
    """
    if type(value) is int:
        return str(value)
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return "".join(value)  # a safe string, or another kind of str
    if isinstance(value, tuple | list):
        return msgspec.json.encode([key_text(item) for item in value]).decode()
    if isinstance(value, float | Decimal):
        value = value or abs(value)  # of minus zero
    if isinstance(value, datetime.datetime) and value.tzinfo:
        with suppress(OverflowError):  # near the first or the last moment that Python has
            value = value.astimezone(datetime.UTC)
    elif isinstance(value, Decimal):
        text = format(value, "f")  # normalize() would round it to 28 digits
        return text.rstrip("0").rstrip(".") if "." in text else text
    elif isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return str(value)


#: Types whose text is complete. The field of another type knows how to store it.
KNOWN = (
    *(int, float, Decimal, str, bytes, bytearray, memoryview, uuid.UUID, Enum, NoneType, tuple, list),
    *(datetime.date, datetime.time, datetime.timedelta),
)


def stored(field: Any, value: Any) -> Any:
    """Return the stored form of a value, if its field wraps values in a class of its own.

    The type may differ from the field's: 1 for True, "07" for 7. A value that no row can have is returned unchanged.
    """
    field = target(field)
    with suppress(ValidationError, TypeError, ValueError):
        value = field.to_python(value)
    return value if isinstance(value, KNOWN) else field.get_db_prep_value(value, connection, prepared=False)


def key_of(instance: Model) -> str:
    """Return the key of an object, whatever type the attribute has."""
    pk: Any = type(instance)._meta.pk
    if isinstance(pk, CompositePrimaryKey):
        parts: Any = pk.fields
        return key_text([_plain(part, getattr(instance, part.attname)) for part in parts])
    return key_text(_plain(pk, getattr(instance, pk.attname)))


def key_names(model: type[Model]) -> list[str]:
    """Return the key's attributes, to read instead of `pk`: Django does not convert values of composite keys."""
    field: Any = model._meta.pk
    parts: Any = field.fields if isinstance(field, CompositePrimaryKey) else ()
    return [part.attname for part in parts] or ["pk"]


def key_of_values(model: type[Model], values: Sequence[Any]) -> str:
    """Return the key whose `key_names` have these values."""
    if len(values) == 1 and isinstance(values[0], KNOWN):  # the usual case, for each row of a large live query
        return key_text(values[0])
    if not all(isinstance(value, KNOWN) for value in values):
        pk: Any = model._meta.pk
        fields = pk.fields if isinstance(pk, CompositePrimaryKey) else [pk]
        values = [stored(field, value) for field, value in zip(fields, values, strict=True)]
    return key_text(values) if len(values) > 1 else key_text(values[0])


def parse_key(model: type[Model], text: str) -> Any:
    """Return the primary key for a text from `key_text`. Raise `ValidationError` or `ValueError`."""
    field: Any = model._meta.pk
    if isinstance(field, CompositePrimaryKey):
        parts = msgspec.json.decode(text, type=list[str])
        return tuple(_converted(part, item) for part, item in zip(field.fields, parts, strict=True))
    return _converted(field, text)


def _converted(field: Any, value: Any) -> Any:
    field = target(field)
    try:
        value = field.to_python(value)
        if isinstance(value, Decimal) and getattr(field, "max_digits", None):
            format_number(value, field.max_digits, field.decimal_places)  # as Django does for some databases
    except ArithmeticError:  # too large for the field, or for Python's own type
        raise ValueError from None
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError
    if isinstance(field, GenericIPAddressField) and value is not None:
        validate_ipv46_address(value)  # PostgreSQL refuses the statement
    return value


def parse_keys(model: type[Model], texts: Iterable[str]) -> list[Any]:
    """Return the primary keys for several texts, without those that no row can have."""
    found = []
    for text in texts:
        with suppress(ValidationError, ValueError, TypeError):
            found.append(parse_key(model, text))
    return found


def cleaned(field: Any, value: Any) -> Any:
    """Return a given value as one of this field. Raise `ValidationError`, `ValueError` or `TypeError`."""
    field = target(field)
    # do not convert True or 1.5 to the key 1
    fitting = {bool: BooleanField, float: FloatField | DecimalField}.get(type(value))
    if fitting is not None and not isinstance(field, fitting):
        raise ValueError
    return _converted(field, value)


def comparable_key(model: type[Model], *, fold: bool = True) -> Callable[[str], str]:
    """Return a function that normalizes texts of a primary key, which differ by who has logged them."""
    field: Any = model._meta.pk
    if not isinstance(field, CompositePrimaryKey):
        return comparable(field, fold=fold)
    parts = [comparable(part, fold=fold) for part in field.fields]

    def convert(text: str) -> str:
        try:
            items = msgspec.json.decode(text, type=list[str])
            return key_text([part(item) for part, item in zip(parts, items, strict=True)])
        except (msgspec.DecodeError, ValueError):
            return text

    return convert


def comparable(field: Any, *, fold: bool = True) -> Callable[[str], str]:
    """Return a function that normalizes texts of this field's values, which differ by who has logged them.

    With `fold`, texts that some database treats as equal become one, by which no row can be read.
    """
    field = target(field)
    if isinstance(field, IntegerField):
        return str

    def convert(text: str) -> str:
        try:
            value = field.to_python(text)
        except (ValidationError, ValueError, TypeError):
            return text
        if isinstance(value, datetime.datetime) and value.tzinfo is None and settings.USE_TZ:
            value = value.replace(tzinfo=datetime.UTC)  # as in databases without time zones
        return _fold(value) if fold and isinstance(value, str) else key_text(value)

    return convert


def target(field: Any) -> Any:
    """Return the field that a foreign key refers to, over any number of steps; another field itself."""
    while field.remote_field:
        field = field.target_field
    return field


def _plain(field: Any, value: Any) -> Any:
    return value if type(value) is int else stored(field, value)


def _fold(text: str) -> str:
    # in some collations "É" equals "e": values that may be equal in a database need one form, and too few do no harm
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(part for part in parts if not unicodedata.combining(part))
    return text.casefold().rstrip(" ")
