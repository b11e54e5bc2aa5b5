"""Interruption: cancels a statement that runs in one thread, from another thread."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from django.db import connections


def interruption(alias: str) -> Callable[[], None]:
    """Return a function with which another thread can cancel the statements of this thread's connection.

    It does nothing if no statement runs, and never raises. Do not use the connection afterwards: the interruption may
    arrive late.
    """
    connection = connections[alias]
    connection.ensure_connection()
    raw: Any = connection.connection
    if connection.vendor == "mysql":
        return partial(_quietly, _kill_query, alias, raw.thread_id())
    # `interrupt` of sqlite3; `cancel` of psycopg, which opens another connection
    return partial(_quietly, raw.interrupt if connection.vendor == "sqlite" else raw.cancel)


def _kill_query(alias: str, thread_id: int) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"KILL QUERY {int(thread_id)}")


def _quietly(interrupt: Callable[..., object], *args: object) -> None:
    with suppress(Exception):  # it has ended by itself, or the database is unreachable
        interrupt(*args)
