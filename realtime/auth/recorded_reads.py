"""Recorded reads: the SELECTs of an authorization check and their rows, to find out if they still return the same.

A changed row of a model in `authorize_depends_on` may affect every user, but it usually affects few. Sending a user's
SELECTs again, together with those of other users, takes a small part of the time of the check. If they return the same
rows, the answer stands.

That holds only if the check depends on nothing else that changes with these models. So a check proves nothing if it
sends any other statement, calls database functions beyond the usual, uses a database backend that is not Django's (it
may switch schemas), or has not read each of these models. Nor does one that reads a date or time, or asks with one: it
may compare it with the present, and give another answer for the same rows.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db import Error, connections

from realtime.auth.statements import watch_statements

MAX_READS = 16  # of one check
MAX_ROWS = 500  # of one read
MAX_PARAMS = 900  # of one statement, which has at most 90 reads
TOGETHER_SECONDS = 0.05  # for one statement
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

    @property
    def order_matters(self) -> bool:
        """Whether its rows may differ in their order alone, which databases do not keep within another statement."""
        return "ORDER BY" in self.sql and (self.rows > 1 or not self.is_all)


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
            and (params is not None or "%" not in sql)  # which means itself without parameters only
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
    """Sends recorded reads again, each distinct one once. Those that differ only in their parameters go together."""

    def __init__(self, reads: Iterable[Read] = ()) -> None:
        self._alike: defaultdict[Hashable, _AlikeReads] = defaultdict(_AlikeReads)
        for read in reads:
            if not read.order_matters:
                self._like(read).waiting[_key(read)] = read

    def are_same(self, reads: Sequence[Read]) -> bool:
        """Return whether each of these reads returns the same rows as before."""
        return all(self._like(read).is_same(read) for read in reads)

    def are_under_way(self, reads: Sequence[Read]) -> bool:
        """Return whether one of these reads is being sent together with others. Any thread may ask."""
        return any(_key(read) in self._like(read).under_way for read in reads)

    def _like(self, read: Read) -> _AlikeReads:
        return self._alike[read.alias, read.sql, tuple(map(type, read.params))]  # 1 equals True


class _AlikeReads:
    """Reads with the same SQL. The first one, sent alone, tells how many of the others fit into one statement."""

    def __init__(self) -> None:
        self.waiting: dict[Hashable, Read] = {}
        self.under_way: frozenset[Hashable] = frozenset()  # sent together at the moment
        self._digests: dict[Hashable, bytes] = {}
        self._alone: set[Hashable] = set()
        self._most = 1  # that fit into one statement

    def is_same(self, read: Read) -> bool:
        key = _key(read)
        if self._most > 1 and key in self.waiting:
            some = [key, *islice((other for other in self.waiting if other != key), self._most - 1)]
            self._send_together([self.waiting.pop(each) for each in some])
        # a part of a larger statement may have its rows in another order, or as values of other types
        if self._digests.get(key) != read.digest and key not in self._alone:
            self._send_alone(read)
        return self._digests[key] == read.digest

    def _send_alone(self, read: Read) -> None:
        key, begun = _key(read), time.monotonic()
        self.waiting.pop(key, None)
        self._alone.add(key)
        try:
            with connections[read.alias].cursor() as cursor:
                cursor.execute(read.sql, read.params)
                self._digests[key] = _digest(cursor.fetchmany(read.rows + read.is_all))
                names = [column[0] for column in cursor.description]
        except Error:  # the check itself will report it
            self._digests[key] = b""
            return
        if len(set(names)) == len(names):  # MySQL has no subqueries with equal names of columns
            self._fit(read, time.monotonic() - begun)

    def _fit(self, read: Read, seconds: float) -> None:
        """Set how many reads fit into one statement, by the seconds that this one took."""
        self._most = min(int(TOGETHER_SECONDS / max(seconds, 1e-6)), MAX_PARAMS // max(len(read.params), 10))

    def _send_together(self, reads: Sequence[Read]) -> None:
        begun, self.under_way = time.monotonic(), frozenset(map(_key, reads))
        parts = [f"SELECT {number}, t.* FROM (\n{read.sql}\n) t" for number, read in enumerate(reads)]  # noqa: S608 - as sent before
        rows: list[list[Sequence[Any]]] = [[] for _ in reads]
        try:
            with connections[reads[0].alias].cursor() as cursor:
                cursor.execute(" UNION ALL ".join(parts), [value for read in reads for value in read.params])
                for number, *row in cursor.fetchall():
                    rows[number].append(row)
        except Error:
            self._most = 1
            return
        finally:
            self.under_way = frozenset()
        for read, found in zip(reads, rows, strict=True):
            self._digests[_key(read)] = _digest(found[: read.rows + read.is_all])
        self._fit(reads[0], (time.monotonic() - begun) / len(reads))


def _key(read: Read) -> Hashable:
    return read.params, read.rows, read.is_all


def _digest(rows: Sequence[Sequence[Any]]) -> bytes:
    return hashlib.blake2b(repr([tuple(row) for row in rows]).encode(), digest_size=16).digest()


def _may_be_moment(value: Any) -> bool:
    """Return whether a value may be a date or a time, or is of a type that is not known."""
    return not isinstance(value, VALUES) or (isinstance(value, str) and MOMENT.match(value) is not None)


def _names(sql: str, table: str) -> bool:
    return f'"{table}"' in sql or f"`{table}`" in sql
