"""Upkeep: writers prune the log now and then, so that it does not grow where no server runs.

It happens after a commit, in the writer's own connection and past Django, which does not count its statements.
It waits for no lock, takes a moment at most, and raises nothing.
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

COMMITS = 100  # of a process, between two looks on average
CHANGES = 1000  # of a process, after which the next commit looks
MOST_SECONDS = 0.05  # that a commit may be followed by
BEGIN = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN", "mysql": "START TRANSACTION"}

Prune = Callable[[Any], tuple[int, bool]]
"""Deletes some old changes with a cursor; returns their number, and whether there is more to do."""


class Upkeep:
    """How far the writers of one process have pruned the log of one database."""

    def __init__(self) -> None:
        self._is_behind = False  # there was more to do than there was time for
        self._changes = 0  # logged since the last look

    def note(self, changes: int) -> None:
        """So many changes are logged, which may be rolled back."""
        self._changes += changes

    def after_commit(self, connection: Any, prune: Prune) -> None:
        """Prune, if it is time to."""
        if not self._is_behind and self._changes < CHANGES and random.random() * COMMITS >= 1:  # noqa: S311 - processes take turns
            return
        pgconn = getattr(connection.connection, "pgconn", None)
        in_pipeline = pgconn is not None and pgconn.pipeline_status
        if not connection.get_autocommit() or connection.in_atomic_block or in_pipeline:
            return
        if not knows_transactions(connection.connection) or has_begun(connection.connection):
            return  # it would end a transaction that Django does not know of
        self._changes = 0
        try:
            self._is_behind = self._prune(connection, prune)
        except Exception as error:  # somebody else prunes or writes just now, most likely
            self._is_behind = False
            logger.debug("A writer could not prune the log: %r.", error)

    def _prune(self, connection: Any, prune: Prune) -> bool:
        """Delete what there is time for; return whether there is more."""
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
    """Have SQLite not wait for a lock; return for how many milliseconds it would have. Others skip what is locked."""
    if connection.vendor != "sqlite":
        return None
    cursor.execute("PRAGMA busy_timeout")
    (patience,) = cursor.fetchone()
    cursor.execute("PRAGMA busy_timeout = 0")
    return int(patience)
