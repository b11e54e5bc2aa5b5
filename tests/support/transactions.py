"""Transactions of the other tests on a database server."""

from django.db import connection

from tests.support.waiting import wait_until


def wait_for_older_transactions() -> None:
    """PostgreSQL prunes nothing that is newer than a running transaction, also one of other tests on the server."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        [now] = cursor.fetchone()

        def have_ended() -> bool:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            return cursor.fetchone()[0] > now

        wait_until(have_ended, what="older transactions to end")
