"""Broken rows: the placeholder of a row that cannot be read or rendered, and its log message."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from django.utils.html import escape

logger = logging.getLogger("realtime.log")

MEMORY_SECONDS = 600.0  # how long a logged row is not logged again
MOST_NAMED = 20  # rows of one stream that fail in the same way


class NeedsCare(Exception):
    """A row's database error has aborted the transaction: read again, with a savepoint for each row."""


class _Named:
    """The rows of one stream that have failed in the same way, and since when."""

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.keys: set[str] = set()


_named: dict[tuple[str, str], _Named] = {}
_lock = threading.Lock()


def is_html(format: str) -> bool:
    """Return whether rows in this format are HTML."""
    return format.partition(":")[0] == "html"


def placeholder(key: str, format: str) -> Any:
    """Return the placeholder for such a row: an empty element with its key, or null."""
    return f'<template data-live-key="{escape(key)}" data-live-broken></template>' if is_html(format) else None


def log_broken_row(stream: str, params: str, key: str, error: Exception) -> None:
    """Log the row with its exception, but not again for a while."""
    kind = (stream, type(error).__name__)
    with _lock:
        named = _named.get(kind)
        if named is None or time.monotonic() - named.since > MEMORY_SECONDS:
            named = _named[kind] = _Named()
        if key in named.keys or len(named.keys) >= MOST_NAMED:
            return
        named.keys.add(key)
        last = len(named.keys) == MOST_NAMED
    text = "The row %s of the stream %s %s cannot be shown; it is left out."
    if last:
        text += " More rows of this stream that fail in the same way are not named for a while."
    fields = {"stream": stream, "params": params, "key": key}
    logger.error(text, key, stream, params, exc_info=error, extra=fields)
