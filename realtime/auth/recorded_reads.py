"""Recorded reads: the SELECTs of an authorization check and their rows, to find out if they still return the same.

A changed row of a model in `authorize_depends_on` may affect every user, but it usually affects few. Sending a user's
SELECTs again takes a tenth of the time of the check. If they return the same rows, the answer stands.

That holds only if the check depends on nothing else that changes with these models. So a check proves nothing if it
sends any other statement, calls database functions beyond the usual, uses a database backend that is not Django's (it
may switch schemas), or has not read each of these models. Nor does one that reads a date or time, or asks with one: it
may compare it with the present, and give another answer for the same rows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import Error, connections

from realtime.auth.statements import watch_statements

MAX_READS = 16  # of one check
MAX_ROWS = 500  # of one read
VALUES = (str, int, float, bool, type(None), bytes, Decimal, UUID)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d")  # as SQLite stores it, and as MySQL gets it
SELECT = re.compile(r"SELECT\b(?!.*(?:\bFOR (?:UPDATE|SHARE|NO KEY|KEY)\b|\bLOCK IN\b|\bINTO\b|;))", re.DOTALL)
FUNCTION = re.compile(r"\b(\w+)\(")
KNOWN_FUNCTIONS = {"AVG", "COALESCE", "COUNT", "EXISTS", "LOWER", "MAX", "MIN", "SUM", "UPPER"}


class Read(NamedTuple):
    """A SELECT, and what the check has fetched of its result."""

    alias: str
    sql: str
    params: tuple[Any, ...]
    rows: int
    is_all: bool  # the check has seen that there are no more rows
    digest: bytes  # of the rows


class RecordedReads:
    """The reads of one user's checks."""

    def __init__(self) -> None:
        self._fetched: list[tuple[str, str, tuple[Any, ...], _FetchedRows]] = []
        self._is_void = False

    def watch(self) -> AbstractContextManager[None]:
        """Record the statements that this thread sends in this context."""
        return watch_statements(self._execute)

    def _execute(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        connection, given = context["connection"], tuple(params or ())
        if (
            not many
            and len(self._fetched) < MAX_READS
            and isinstance(sql, str)
            and SELECT.match(sql)
            and all(name.upper() in KNOWN_FUNCTIONS for name in FUNCTION.findall(sql))
            and not any(isinstance(value, float) or _may_be_moment(value) for value in given)
            and type(connection).__module__.startswith("django.db.backends.")
        ):
            result = execute(sql, params, many, context)
            cursor = context["cursor"]
            cursor.cursor = fetched = _FetchedRows(cursor.cursor)
            self._fetched.append((connection.alias, sql, given, fetched))
            return result
        self._is_void = True
        return execute(sql, params, many, context)

    def reads(self, tables: Collection[str]) -> tuple[Read, ...] | None:
        """Return all reads so far; None if they do not prove that the answer depends on these tables' rows alone."""
        if self._is_void or not all(fetched.is_certain for *_, fetched in self._fetched):
            return None
        if not all(any(_names(sql, table) for _, sql, _, _ in self._fetched) for table in tables):
            return None
        return tuple(
            Read(alias, sql, params, len(fetched.rows), fetched.is_all, _digest(fetched.rows))
            for alias, sql, params, fetched in self._fetched
        )


class _FetchedRows:
    """Stands before a database cursor, and keeps the rows that are fetched from it."""

    def __init__(self, cursor: Any) -> None:
        self.rows: list[Sequence[Any]] = []
        self.is_all = self.is_void = False
        self._cursor = cursor

    def __getattr__(self, name: str) -> Any:
        self.is_void = self.is_void or name not in ("close", "description")  # rowcount says something too
        return getattr(self._cursor, name)

    def __iter__(self) -> Iterator[Any]:
        self.is_void = True
        return iter(self._cursor)

    @property
    def is_certain(self) -> bool:
        """Return whether `rows` is all that the check knows of the result."""
        return not self.is_void and (self.is_all or bool(self.rows))

    def fetchone(self) -> Any:
        row = self._cursor.fetchone()
        self._keep([] if row is None else [row], is_all=row is None)
        return row

    def fetchmany(self, *size: int) -> Any:
        rows = self._cursor.fetchmany(*size)
        self._keep(rows, is_all=not rows or len(rows) < (size or (1,))[0])
        return rows

    def fetchall(self) -> Any:
        rows = self._cursor.fetchall()
        self._keep(rows, is_all=True)
        return rows

    def _keep(self, rows: Sequence[Sequence[Any]], *, is_all: bool) -> None:
        self.is_all = self.is_all or is_all
        if len(self.rows) + len(rows) > MAX_ROWS or any(_may_be_moment(value) for row in rows for value in row):
            self.is_void = True
        else:
            self.rows += rows


class RepeatedReads:
    """Sends recorded reads again, each distinct one once."""

    def __init__(self) -> None:
        self._digests: dict[Any, bytes] = {}

    def are_same(self, reads: Sequence[Read]) -> bool:
        """Return whether each of these reads returns the same rows as before."""
        return all(self._digest(read) == read.digest for read in reads)

    def _digest(self, read: Read) -> bytes:
        key = (read[:-1], tuple(map(type, read.params)))  # 1 equals True
        if key not in self._digests:
            try:
                with connections[read.alias].cursor() as cursor:
                    cursor.execute(read.sql, read.params)
                    self._digests[key] = _digest(cursor.fetchmany(read.rows + read.is_all))
            except Error:  # the check itself will report it
                self._digests[key] = b""
        return self._digests[key]


def _digest(rows: Sequence[Sequence[Any]]) -> bytes:
    return hashlib.blake2b(repr([tuple(row) for row in rows]).encode(), digest_size=16).digest()


def _may_be_moment(value: Any) -> bool:
    """Return whether a value may be a date or a time, or is of a type that is not known."""
    return not isinstance(value, VALUES) or (isinstance(value, str) and MOMENT.match(value) is not None)


def _names(sql: str, table: str) -> bool:
    return f'"{table}"' in sql or f"`{table}`" in sql
