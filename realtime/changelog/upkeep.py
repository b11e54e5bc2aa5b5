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

from realtime.changelog.commits import has_begun, knows_transactions

logger = logging.getLogger("realtime.log")

COMMITS = 100  # average number of commits in a process between two prunings
CHANGES = 1000  # changes in a process after which the next commit prunes
MOST_SECONDS = 0.05  # for pruning after one commit
BEGIN = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN", "mysql": "START TRANSACTION"}

Prune = Callable[[Any], tuple[int, bool]]
"""Deletes some old changes with a cursor; returns how many, and whether there is more to do."""


class Upkeep:
    """Prunes the log of one database for the writers of one process."""

    def __init__(self) -> None:
        self._is_behind = False  # the last pruning ran out of time
        self._changes = 0  # logged since the last pruning

    def note(self, changes: int) -> None:
        """Count logged changes, which may still be rolled back."""
        self._changes += changes

    def after_commit(self, connection: Any, prune: Prune) -> None:
        """Prune if it is time to."""
        if not self._is_behind and self._changes < CHANGES and random.random() * COMMITS >= 1:  # noqa: S311 - processes take turns
            return
        pgconn = getattr(connection.connection, "pgconn", None)
        in_pipeline = pgconn is not None and pgconn.pipeline_status
        if not connection.get_autocommit() or connection.in_atomic_block or in_pipeline:
            return
        if not knows_transactions(connection.connection) or has_begun(connection.connection):
            return  # BEGIN would end a transaction that Django does not know
        self._changes = 0
        try:
            self._is_behind = self._prune(connection, prune)
        except Exception as error:  # most likely, another process prunes or writes
            self._is_behind = False
            logger.debug("A writer could not prune the log: %r.", error)

    def _prune(self, connection: Any, prune: Prune) -> bool:
        """Delete as much as there is time for; return whether there is more."""
        ends = time.monotonic() + MOST_SECONDS
        with closing(connection.create_cursor()) as cursor:
            patience = _stop_waiting(connection, cursor)
            try:
                while time.monotonic() < ends:
                    cursor.execute(BEGIN[connection.vendor])
                    try:
                        _, is_more = prune(cursor)
                    except BaseException:
                        cursor.execute("ROLLBACK")
                        raise
                    cursor.execute("COMMIT")
                    if not is_more:
                        return False
            finally:
                if patience is not None:
                    cursor.execute(f"PRAGMA busy_timeout = {patience}")
        return True


def _stop_waiting(connection: Any, cursor: Any) -> int | None:
    """Switch off SQLite's busy timeout and return it; return None on other databases, which skip locked rows."""
    if connection.vendor != "sqlite":
        return None
    cursor.execute("PRAGMA busy_timeout")
    (patience,) = cursor.fetchone()
    cursor.execute("PRAGMA busy_timeout = 0")
    return int(patience)
