"""Databases: the logs that a test reads in its own thread, also within the transaction of a `TestCase`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction

from realtime.changelog import get_changelog
from realtime.changelog.base import ChangeLog
from realtime.changelog.sqlite import SQLiteChangeLog
from realtime.conf import limits
from realtime.exceptions import RealtimeError
from realtime.queries.livequery import LiveQuery
from realtime.queries.round import Round
from realtime.queries.tail import Tail
from realtime.queries.tick import Tick
from realtime.streams.registry import registry


class OwnTransactionLog(SQLiteChangeLog):
    """The log as one open transaction sees it, on any database. Nothing else writes there, so a position is an id.

    A snapshot is a savepoint, so an error in it does not abort the test's transaction.
    """

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with transaction.atomic(using=self.alias):
            yield


class StrictRound(Round):
    """A round that raises a live query's exception in the test."""

    def guarded(self, query: LiveQuery, read: Any, *args: Any) -> Any:
        self.touched.add(query)
        query.reader.strict = True
        return read(*args)


class StrictTail(Tail):
    """A tail of such rounds."""

    def tick(self, *args: Any, **options: Any) -> Tick:
        options.setdefault("round", StrictRound())
        return super().tick(*args, **options)


def log_of(alias: str) -> ChangeLog:
    """Return the log of a database as this thread sees it now."""
    return OwnTransactionLog(alias) if connections[alias].in_atomic_block else get_changelog(alias)


def tail_of(alias: str) -> StrictTail:
    """Return a tail of that log."""
    return StrictTail(log_of(alias), max_changes=limits.changes)


def in_test_transaction(alias: str) -> bool:
    """Return whether the open transaction is that of a `TestCase`, in which `on_commit` never runs by itself."""
    blocks: Any = connections[alias].atomic_blocks
    return bool(blocks) and blocks[0]._from_testcase


def check_databases(subject: str) -> None:
    """Raise `RealtimeError` if other connections cannot see the test's writes.

    Call it in the thread in which the test writes.
    """
    for alias in {stream.database() for stream in registry}:
        connection: Any = connections[alias]
        if connection.in_atomic_block:
            raise RealtimeError(
                f"{subject} cannot see what this test writes: the test runs in a transaction, and a hub reads over "
                "connections of its own. Use TransactionTestCase (django_db(transaction=True)), or a Viewer."
            )
        if connection.vendor == "sqlite" and connection.is_in_memory_db():
            raise RealtimeError(
                f"{subject} cannot share the database {alias!r}, which is in memory: there SQLite refuses to write "
                "while another connection reads. Name a file in the settings: "
                f'DATABASES[{alias!r}]["TEST"] = {{"NAME": BASE_DIR / "test.sqlite3"}}.'
            )
