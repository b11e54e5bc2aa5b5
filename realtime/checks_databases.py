"""Checks of the databases' settings: whether the threads of a server process get their connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Warning, register
from django.db import connections

from realtime.capture.tracking import log_databases
from realtime.conf import settings
from realtime.hub import CHECK_THREADS
from realtime.streams.grounds import access_database

DEFAULT_POOL = 4  # of psycopg_pool, which grows no further by itself


def _aliases() -> list[str]:
    return sorted({*log_databases(), access_database()})


def connections_needed() -> int:
    """Connections of a server process to a database: of actions, checks, presence, and of the log."""
    return int(settings.THREADS) + CHECK_THREADS + 2


@register("realtime")
def check_connections(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W011: persistent connections under ASGI. W012: a pool that is too small."""
    found: list[CheckMessage] = []
    for alias in _aliases():
        values = connections[alias].settings_dict
        pool, age = values.get("OPTIONS", {}).get("pool"), values.get("CONN_MAX_AGE")
        if age != 0 and not pool:
            found.append(
                Warning(
                    f"CONN_MAX_AGE of the database {alias!r} is {age!r}: under ASGI the connections of requests stay "
                    "open in threads that no request uses again.",
                    hint="Set it to 0, or take PostgreSQL's pool; realtime's threads keep theirs anyway.",
                    id="realtime.W011",
                )
            )
        if pool:
            given = pool if isinstance(pool, dict) else {}
            size, needed = given.get("max_size") or given.get("min_size", DEFAULT_POOL), connections_needed()
            if size <= needed:
                found.append(
                    Warning(
                        f"The pool of the database {alias!r} has up to {size} connections, of which a server process "
                        f"of realtime keeps {needed}.",
                        hint=f'Set OPTIONS["pool"]["max_size"] to {needed} and as many as requests need.',
                        id="realtime.W012",
                    )
                )
    return found
