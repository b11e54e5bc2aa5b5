"""Interruption: how a statement that runs in one thread is ended from another one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from django.db import connections


def interruption(alias: str) -> Callable[[], None]:
    """What ends the statements of the calling thread's connection, when another thread calls it.

    It does nothing where no statement runs, and never raises. The connection is not to be used for anything else
    afterwards: it may be interrupted a moment late.
    """
    connection = connections[alias]
    connection.ensure_connection()
    raw: Any = connection.connection
    if connection.vendor == "mysql":
        return partial(_quietly, _kill_query, alias, raw.thread_id())
    # `interrupt` of sqlite3; `cancel` of psycopg, by a connection of its own
    return partial(_quietly, raw.interrupt if connection.vendor == "sqlite" else raw.cancel)


def _kill_query(alias: str, thread_id: int) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"KILL QUERY {int(thread_id)}")


def _quietly(interrupt: Callable[..., object], *args: object) -> None:
    with suppress(Exception):  # it has ended by itself, or the database is away
        interrupt(*args)
