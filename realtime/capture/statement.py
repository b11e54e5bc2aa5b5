"""Statement: what the writer has Django execute. It runs once, whatever becomes of what is recorded of it."""

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
    """Django's own method of a compiler, or that of whoever has wrapped it before."""

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
        """What the writer gets who calls with these arguments, whether it has run or not."""
        if not self.has_run:
            return self(*args, **kwargs)
        asked, given = (list(found[0] or ()) if found else [] for found in (self.args, args))
        if args and isinstance(args[0], list | tuple | None) and len(asked) > len(given):
            return [row[: len(given)] for row in self.result] if given else []  # more columns were read than asked for
        return self.result


def recorded(record: Record, table: Table, compiler: Any, statement: Statement, *args: Any, **kwargs: Any) -> Any:
    """Have `record` run the statement and write down what it did, in one transaction.

    Where capture itself cannot, for a value that it does not know or a fault of its own, it says that the whole model
    may have changed: the writer's statement is not to suffer.
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
                    compiler.connection.needs_rollback = True  # a row must not be there without its change
                raise
            say_once(table, error)
            return as_a_whole(table, alias, statement, *args, **kwargs)


def as_a_whole(table: Table, alias: str, statement: Statement, *args: Any, **kwargs: Any) -> Any:
    """Run the statement, if it has not run, and say that the models of the table may have changed."""
    result = statement.answer(*args, **kwargs)
    get_changelog(alias).append(rereads(table))
    return result


def as_a_whole_together(table: Table, compiler: Any, statement: Statement, *args: Any, **kwargs: Any) -> Any:
    """The same, in one transaction."""
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
