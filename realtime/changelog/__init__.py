"""The record of changes: append, head, read, prune; one file per database."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from realtime.changelog.base import ChangeLog

BACKENDS = {"sqlite": "SQLiteChangeLog", "postgresql": "PostgreSQLChangeLog", "mysql": "MySQLChangeLog"}


@cache
def get_changelog(alias: str) -> ChangeLog:
    """The log of a database. Raise `ImproperlyConfigured` for a database that has none."""
    vendor = connections[alias].vendor
    if vendor not in BACKENDS:
        raise ImproperlyConfigured(
            f"realtime keeps its log on {', '.join(sorted(BACKENDS))}; the database {alias!r} is {vendor}."
        )
    module = import_module(f"realtime.changelog.{vendor}")
    log: ChangeLog = getattr(module, BACKENDS[vendor])(alias)
    return log


def log_number(alias: str) -> int:
    """What a database's log is called on the wire: its place among the aliases, which says nothing of their names."""
    return sorted(connections).index(alias)
