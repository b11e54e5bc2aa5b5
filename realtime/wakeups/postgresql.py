"""Wake-ups by PostgreSQL: LISTEN on a connection of its own. The log sends NOTIFY when a writer has committed.

A process that writes much sends one in `QUIET_SECONDS`, and whoever hears it looks again when these are over: what was
committed meanwhile was committed before that.

A pooler in transaction mode loses LISTEN; `REALTIME_LISTEN_DSN` names a way round it. See "NOTIFY" in PostgreSQL's
manual.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any

from django.db import connections

from realtime.conf import settings
from realtime.wakeups.outages import hints_outage

POSTGRESQL_CHANNEL = "realtime"
QUIET_SECONDS = 0.005  # after a NOTIFY, in which the process that has sent it sends no other
AGAIN_SECONDS = 2 * QUIET_SECONDS  # timers are not exact

KEEPALIVES = {"keepalives": 1, "keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 3}


@cache
def is_usable() -> bool:
    """Whether psycopg 3 is there; with psycopg2 changes are found by polling."""
    return importlib.util.find_spec("psycopg") is not None


async def listen(alias: str, wake: Callable[[], None]) -> None:
    """Call `wake` at each NOTIFY, until cancelled; connect again whenever the connection is lost."""
    import psycopg  # an optional dependency

    outage = hints_outage(f"LISTEN on the database {alias!r}")
    again: asyncio.TimerHandle | None = None

    def hear() -> None:
        nonlocal again
        wake()
        if again is not None:
            again.cancel()
        again = asyncio.get_running_loop().call_later(AGAIN_SECONDS, wake)

    try:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**connection_params(alias)) as connection:
                    await connection.execute(f"LISTEN {POSTGRESQL_CHANNEL}")
                    outage.over()
                    hear()  # what was committed while nobody listened
                    async for _ in connection.notifies():
                        hear()
            except (psycopg.Error, OSError) as error:
                await asyncio.sleep(outage.failed(error))
    finally:
        if again is not None:
            again.cancel()


def connection_params(alias: str) -> dict[str, Any]:
    """How to connect for LISTEN: by `REALTIME_LISTEN_DSN` where the alias has one there, else as Django does."""
    if alias in settings.LISTEN_DSN:
        return {"conninfo": settings.LISTEN_DSN[alias], "autocommit": True}
    params = dict(connections[alias].get_connection_params())
    for name in ("cursor_factory", "context", "prepare_threshold"):  # for synchronous connections
        params.pop(name, None)
    return {**KEEPALIVES, **params, "autocommit": True}
