"""Checks of database settings and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning
from django.db import connections, router

from realtime.capture.tables import database_of, log_databases, needed_databases
from realtime.checks import register
from realtime.conf import limits, settings
from realtime.hub.hub import CHECK_THREADS
from realtime.models import Change, Log
from realtime.queries.tail import WARN_PART
from realtime.streams.registry import registry
from realtime.streams.validation import valid_streams

DEFAULT_POOL = 4  # psycopg_pool's min_size, which is also its default max_size


TENANTS = ("django_tenants", "tenant_schemas", "django_pgschemas")


@register()
def check_tenants(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E064: live models in a database that selects a schema per request."""
    found: list[CheckMessage] = []
    models = [stream.model for stream in registry if getattr(stream, "model", None)]
    for alias in sorted(log_databases(model for model in models if model._meta.app_label != "realtime")):
        engine = connections[alias].settings_dict["ENGINE"]
        if engine.partition(".")[0] in TENANTS:
            found.append(
                Error(
                    f"The database {alias!r} uses the engine {engine!r}, which selects a schema per request. "
                    "realtime reads its log outside of requests, so it has no tenant: pages stay `catching-up`.",
                    hint="Keep live models in a database without tenants. Tenant schemas are not supported yet.",
                    id="realtime.E064",
                )
            )
    return found


@register()
def check_routers(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E065: a database router keeps the tables of realtime from a database that needs them."""
    return [
        Error(
            f"DATABASE_ROUTERS does not allow the tables of realtime in the database {alias!r}, which has live models "
            "or the users.",
            hint="Let allow_migrate return True or None for the app label 'realtime' there. Then run "
            f"`manage.py migrate --database {alias}`.",
            id="realtime.E065",
        )
        for alias in needed_databases()
        if not all(router.allow_migrate_model(alias, model) for model in (Change, Log))
    ]


def connections_needed() -> int:
    """Return how many pooled connections a server process keeps: actions, checks, presence, handshakes and the log."""
    return int(settings.THREADS) + CHECK_THREADS + 3


@register()
def check_connections(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W011: persistent connections under ASGI. W012: a pool that is too small."""
    found: list[CheckMessage] = []
    for alias in needed_databases():
        values = connections[alias].settings_dict
        pool, age = values.get("OPTIONS", {}).get("pool"), values.get("CONN_MAX_AGE")
        if age != 0 and not pool:
            found.append(
                Warning(
                    f"CONN_MAX_AGE of the database {alias!r} is {age!r}. Under ASGI, requests leave "
                    "connections open in threads that later requests do not reuse.",
                    hint="Set it to 0, or use PostgreSQL's pool; realtime's own threads keep their connections.",
                    id="realtime.W011",
                )
            )
        if pool:
            given = pool if isinstance(pool, dict) else {}
            size, needed = given.get("max_size") or given.get("min_size", DEFAULT_POOL), connections_needed()
            if size <= needed:
                found.append(
                    Warning(
                        f"The pool of the database {alias!r} has up to {size} connections; a realtime server process "
                        f"occupies {needed}.",
                        hint=f'Set OPTIONS["pool"]["max_size"] to {needed} plus the connections that requests need.',
                        id="realtime.W012",
                    )
                )
    return found


@register(Tags.database)
def check_sizes(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> Sequence[CheckMessage]:
    """W030: a stream without parameters has so many rows that each change is slow. Needs `--database`."""
    found: list[CheckMessage] = []
    most = limits.rows // WARN_PART
    for stream in valid_streams():
        if database_of(stream.model) not in (databases or ()):
            continue
        rows = 0
        with suppress(Exception):  # other checks report it, or it needs parameters or a user
            params = stream.clean_params({})
            queryset = stream(params).get_queryset(**params).using(stream.database())
            rows = len(queryset.order_by().values_list("pk")[: most + 1])
        if rows > most:
            found.append(
                Warning(
                    f"The stream {stream.name!r} has more than {most} rows in a single live query: each "
                    f"change is slow, and beyond {limits.rows} rows subscribers are refused.",
                    hint="Give get_queryset a parameter and list it in partition_by, or return a slice ([:100]).",
                    id="realtime.W030",
                )
            )
    return found
