"""Interruption: a statement that runs in one thread is cancelled from another one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, connections

from realtime.changelog.interruption import interruption
from tests.support.waiting import seconds

LONG = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n",
    "postgresql": "SELECT pg_sleep(600)",
    "mysql": "SELECT COUNT(*) FROM seq_1_to_1000000000000 WHERE SHA2(seq, 512) = 'a'",
}


@pytest.mark.usefixtures("committed")
def test_statement_of_another_thread_is_cancelled():
    ready, interrupts = threading.Event(), []

    def work() -> type[Exception] | None:
        try:
            interrupts.append(interruption("default"))
            ready.set()
            with connection.cursor() as cursor:
                cursor.execute(LONG[connection.vendor])
                cursor.fetchall()
        except DatabaseError:
            return DatabaseError
        finally:
            connections.close_all()
        return None

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(work)
        assert ready.wait(seconds(10))
        while not working.done():  # the statement may not have begun yet
            interrupts[0]()
            threading.Event().wait(0.05)
        assert working.result() is DatabaseError
    interrupts[0]()  # its connection is closed, so nothing happens
