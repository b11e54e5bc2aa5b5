"""Keys: a primary key as the text that the log, the wire and the page hold."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models import CompositePrimaryKey, Model


def key_text(value: Any) -> str:
    """The text of a primary key (or of a routing value): `3` is "3", a composite one is a JSON array."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple | list):
        return msgspec.json.encode([key_text(item) for item in value]).decode()
    return str(value)


def parse_key(model: type[Model], text: str) -> Any:
    """The primary key that `key_text` made this text from. Raise `ValidationError` or `ValueError`."""
    field: Any = model._meta.pk
    if isinstance(field, CompositePrimaryKey):
        parts = msgspec.json.decode(text, type=list[str])
        return tuple(_target(part).to_python(item) for part, item in zip(field.fields, parts, strict=True))
    return _target(field).to_python(text)


def _target(field: Any) -> Any:
    while field.remote_field:
        field = field.target_field
    return field
