"""Who else has a session in the test database: PostgreSQL drops none that is in use, and waits for 5 seconds."""

from typing import Any

from django.db import connections

from tests.support.waiting import wait_until


def wait_until_alone() -> None:
    """Wait until the backends of processes that have ended are gone too; say who is left where they are not."""
    for connection in connections.all():
        if connection.vendor == "postgresql":
            wait_until(lambda: not others(connection), what=f"the sessions of others to end: {others(connection)}")  # noqa: B023
            connection.close()


def others(connection: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, application_name, state, query, backend_start::text FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        found: list[Any] = cursor.fetchall()
        return found
