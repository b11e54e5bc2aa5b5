"""Change log: records the changes of live models in their database. One module per kind of database."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from realtime.changelog.base import ChangeLog

BACKENDS = {"sqlite": "SQLiteChangeLog", "postgresql": "PostgreSQLChangeLog", "mysql": "MySQLChangeLog"}


@cache
def get_changelog(alias: str) -> ChangeLog:
    """Return the log of a database. Raise `ImproperlyConfigured` if its kind is not supported."""
    vendor = connections[alias].vendor
    if vendor not in BACKENDS:
        raise ImproperlyConfigured(
            f"realtime supports {', '.join(sorted(BACKENDS))}; the database {alias!r} is {vendor}."
        )
    module = import_module(f"realtime.changelog.{vendor}")
    log: ChangeLog = getattr(module, BACKENDS[vendor])(alias)
    return log


def log_number(alias: str) -> int:
    """Return the number of a database's log on the wire: the place of its alias, which does not reveal the name."""
    return sorted(connections).index(alias)
