"""Fingerprint: a short text that shows whether a QuerySet, or its rows, have changed between two moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet

FINGERPRINT_BYTES = 6


def of_queryset(queryset: Any) -> str:
    """Return the fingerprint of the statement, which changes with the time or other values that Python reads."""
    try:
        sql, params = queryset.query.clone().get_compiler(using=queryset.db).as_sql()
    except (EmptyResultSet, FullResultSet) as error:
        return _digest([type(error).__name__])
    return _digest([sql, *map(_text, params)])


def of_keys(keys: Iterable[str]) -> str:
    """Return the fingerprint of the keys, in order."""
    return _digest(keys)


def of_rows(rows: Mapping[str, Any]) -> str:
    """Return the fingerprint of rows by key, each encoded as it is sent."""
    return _digest(part for key, row in rows.items() for part in (key, bytes(row)))


def _digest(parts: Iterable[str | bytes]) -> str:
    digest = blake2b(digest_size=FINGERPRINT_BYTES)
    for part in parts:
        data = part.encode(errors="surrogatepass") if isinstance(part, str) else part
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


def _text(param: Any) -> str:
    if isinstance(param, memoryview | bytearray):
        param = bytes(param)
    elif hasattr(param, "obj"):  # psycopg's JSON wrappers, whose repr() is truncated
        param = param.obj
    return f"{type(param).__name__} {param!r}"
