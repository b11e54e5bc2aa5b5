"""Threads: work for a pool, leaving the thread's database connections fit for the next piece."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")

IDLE_SECONDS = 30.0  # a connection that rested for longer is tried before it is used

_local = threading.local()


def in_thread(function: Callable[..., Result], *args: object) -> Result:
    """Call the function. Connections stay open between calls, unless they are broken."""
    rested = time.monotonic() - getattr(_local, "used", 0.0)
    if rested > IDLE_SECONDS:
        _close_broken(all_of_them=True)
    try:
        return function(*args)
    finally:
        _close_broken(all_of_them=False)
        _local.used = time.monotonic()


def close_all(*args: object) -> None:
    """Close the thread's connections."""
    connections.close_all()


def _close_broken(*, all_of_them: bool) -> None:
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None and (all_of_them or connection.errors_occurred):
            if connection.is_usable():
                connection.errors_occurred = False
            else:
                connection.close()
