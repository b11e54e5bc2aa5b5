"""Statement: a write of the ORM. It runs exactly once, even if recording its changes fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError

from realtime.capture.rows import rereads
from realtime.capture.tables import Table
from realtime.capture.transactions import together
from realtime.changelog import get_changelog

logger = logging.getLogger("realtime.capture")

Record = Callable[..., Any]


class Statement:
    """A compiler's method that executes a write: Django's own, or another app's wrapper around it."""

    def __init__(self, execute: Callable[..., Any]) -> None:
        self.execute = execute
        self.has_run = False
        self.failed: BaseException | None = None
        self.result: Any = None
        self.args: tuple[Any, ...] = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.args = args
        try:
            self.result = self.execute(*args, **kwargs)
        except BaseException as error:
            self.failed = error
            raise
        self.has_run = True
        return self.result

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result of a call with these arguments; run the statement only if it has not run yet."""
        if not self.has_run:
            return self(*args, **kwargs)
        asked, given = (list(found[0] or ()) if found else [] for found in (self.args, args))
        if args and isinstance(args[0], list | tuple | None) and len(asked) > len(given):
            return [row[: len(given)] for row in self.result] if given else []  # without the columns added for the log
        return self.result


def recorded(record: Record, table: Table, compiler: Any, statement: Statement, *args: Any, **kwargs: Any) -> Any:
    """Let `record` run the statement and log its changes, in one transaction.

    If `record` itself fails, log that the whole model may have changed: capture must not break the writer's statement.
    Errors of the statement or the database are raised.
    """
    alias = compiler.connection.alias
    with together(compiler.connection):
        try:
            return record(table, compiler, statement, *args, **kwargs)
        except Exception as error:
            if error is statement.failed:
                raise
            if isinstance(error, DatabaseError):
                if compiler.connection.in_atomic_block:
                    compiler.connection.needs_rollback = True  # no row without its log entry
                raise
            say_once(table, error)
            return as_a_whole(table, alias, statement, *args, **kwargs)


def as_a_whole(table: Table, alias: str, statement: Statement, *args: Any, **kwargs: Any) -> Any:
    """Run the statement if it has not run, and log that the table's models may have changed."""
    result = statement.answer(*args, **kwargs)
    get_changelog(alias).append(rereads(table))
    return result


def as_a_whole_together(table: Table, compiler: Any, statement: Statement, *args: Any, **kwargs: Any) -> Any:
    """Like `as_a_whole`, in one transaction."""
    with together(compiler.connection):
        return as_a_whole(table, compiler.connection.alias, statement, *args, **kwargs)


_said: set[str] = set()


def say_once(table: Table, error: Exception) -> None:
    if table.name not in _said:
        _said.add(table.name)
        logger.error(
            "A write to the table %s could not be recorded row by row; its live queries are read afresh.",
            table.name,
            exc_info=error,
            extra={"table": table.name},
        )
