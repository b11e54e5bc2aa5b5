"""Upkeep: writers prune the log now and then, so that it does not grow while no server runs.

Pruning runs after a commit, on the writer's connection, with the driver's cursor, so Django counts no statements.
It waits for no lock, is limited in time, and raises nothing.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from realtime.changelog.commits import in_transaction, reports_transactions

logger = logging.getLogger("realtime.log")

COMMITS_PER_PRUNE = 100  # average number of commits in a process between two prunings
CHANGES_PER_PRUNE = 1000  # changes in a process after which the next commit prunes
MAX_SECONDS = 0.05  # for pruning after one commit
BEGIN = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN", "mysql": "START TRANSACTION"}

Prune = Callable[[Any], tuple[int, bool]]
"""Deletes some old changes with a cursor; returns how many, and whether there is more to do."""


class Upkeep:
    """Prunes the log of one database for the writers of one process."""

    def __init__(self) -> None:
        self._is_behind = False  # the last pruning ran out of time
        self._changes = 0  # logged since the last pruning

    def count(self, changes: int) -> None:
        """Count logged changes, which may still be rolled back."""
        self._changes += changes

    def after_commit(self, connection: Any, prune: Prune) -> None:
        """Prune if it is time to."""
        is_chosen = random.random() * COMMITS_PER_PRUNE < 1  # noqa: S311 - no secret
        if not self._is_behind and self._changes < CHANGES_PER_PRUNE and not is_chosen:
            return
        pgconn = getattr(connection.connection, "pgconn", None)
        in_pipeline = pgconn is not None and pgconn.pipeline_status
        if not connection.get_autocommit() or connection.in_atomic_block or in_pipeline:
            return
        if not reports_transactions(connection.connection) or in_transaction(connection.connection):
            return  # BEGIN would end a transaction that Django does not know
        self._changes = 0
        try:
            self._is_behind = self._prune(connection, prune)
        except Exception as error:  # most likely, another process prunes or writes
            self._is_behind = False
            logger.debug("A writer could not prune the log: %r.", error)

    def _prune(self, connection: Any, prune: Prune) -> bool:
        """Delete as much as there is time for; return whether there is more."""
        ends = time.monotonic() + MAX_SECONDS
        with closing(connection.create_cursor()) as cursor:
            timeout = _disable_busy_timeout(connection, cursor)
            try:
                while time.monotonic() < ends:
                    cursor.execute(BEGIN[connection.vendor])
                    try:
                        _, is_more = prune(cursor)
                        cursor.execute("COMMIT")
                    except BaseException:
                        cursor.execute("ROLLBACK")
                        raise
                    if not is_more:
                        return False
            finally:
                if timeout is not None:
                    cursor.execute(f"PRAGMA busy_timeout = {timeout}")
        return True


def _disable_busy_timeout(connection: Any, cursor: Any) -> int | None:
    """Switch off SQLite's busy timeout and return it; return None on other databases, which skip locked rows."""
    if connection.vendor != "sqlite":
        return None
    cursor.execute("PRAGMA busy_timeout")
    (timeout,) = cursor.fetchone()
    cursor.execute("PRAGMA busy_timeout = 0")
    return int(timeout)
