"""Statement: a write of the ORM. It runs exactly once, even if recording its changes fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any

from django.db import DatabaseError

from realtime.capture.tables import Table
from realtime.capture.transactions import ensure_transaction
from realtime.changelog import get_changelog
from realtime.changelog.base import rereads

logger = logging.getLogger("realtime.capture")

Record = Callable[..., Any]

MYSQL_DENIED = (1142, 1143)  # error codes: the role may not read the table, or a column


def has_code(error: BaseException, codes: Collection[int]) -> bool:
    """Return whether this is an error of MySQL or MariaDB with one of these codes."""
    return bool(error.args) and error.args[0] in codes


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

    def result_for(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result of a call with these arguments; run the statement only if it has not run yet."""
        if not self.has_run:
            return self(*args, **kwargs)
        read, wanted = (list(found[0] or ()) if found else [] for found in (self.args, args))
        if args and isinstance(args[0], list | tuple | None) and len(read) > len(wanted):
            return [row[: len(wanted)] for row in self.result] if wanted else []  # without added ones
        return self.result


def run_recorded(record: Record, table: Table, compiler: Any, statement: Statement, *args: Any, **kwargs: Any) -> Any:
    """Let `record` run the statement and log its changes, in one transaction.

    If `record` itself fails, log that the whole model may have changed: capture must not break the writer's statement.
    Errors of the statement or the database are raised.
    """
    alias = compiler.connection.alias
    with ensure_transaction(compiler.connection):
        try:
            return record(table, compiler, statement, *args, **kwargs)
        except Exception as error:
            if error is statement.failed:
                raise
            if isinstance(error, DatabaseError):
                if compiler.connection.in_atomic_block:
                    compiler.connection.needs_rollback = True  # no row without its log entry
                raise
            log_failure_once(table, error)
            return run_with_reread(table, alias, statement, *args, **kwargs)


def run_with_reread(table: Table, alias: str, statement: Statement, *args: Any, **kwargs: Any) -> Any:
    """Run the statement if it has not run, and log that the table's models may have changed."""
    result = statement.result_for(*args, **kwargs)
    get_changelog(alias).append(rereads(table.labels))
    return result


def run_with_reread_atomically(table: Table, compiler: Any, statement: Statement, *args: Any, **kwargs: Any) -> Any:
    """Like `run_with_reread`, in one transaction."""
    with ensure_transaction(compiler.connection):
        return run_with_reread(table, compiler.connection.alias, statement, *args, **kwargs)


_logged_tables: set[str] = set()


def log_failure_once(table: Table, error: Exception) -> None:
    if table.name not in _logged_tables:
        _logged_tables.add(table.name)
        logger.error(
            "A write to the table %s could not be recorded row by row; its live queries are reloaded.",
            table.name,
            exc_info=error,
            extra={"table": table.name},
        )
