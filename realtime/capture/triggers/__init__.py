"""Trigger capture: database triggers record every write, including raw SQL and writes of other programs.

The triggers of a database follow the streams: missing ones are created, and others are dropped.
"""

from __future__ import annotations

from importlib import import_module

from django.db import connections, transaction

from realtime.capture.tables import Table, watched_tables
from realtime.capture.triggers.base import Triggers
from realtime.conf import settings
from realtime.streams.registry import registry

CLASSES = {"sqlite": "SQLiteTriggers", "postgresql": "PostgreSQLTriggers", "mysql": "MySQLTriggers"}


def get_triggers(alias: str) -> Triggers:
    vendor = connections[alias].vendor
    module = import_module(f"realtime.capture.triggers.{vendor}")
    triggers: Triggers = getattr(module, CLASSES[vendor])(alias)
    return triggers


def install(alias: str) -> int:
    """Create and drop triggers so that they match the streams; return how many were created or dropped."""
    triggers = get_triggers(alias)
    needed = {trigger.name: trigger for trigger in triggers.needed(watched_tables().values())}
    existing = triggers.existing()
    with transaction.atomic(using=alias):
        for name in existing.keys() - needed.keys():
            triggers.drop(name)
        for name in needed.keys() - existing.keys():
            triggers.create(needed[name])
    return len(existing.keys() ^ needed.keys())


def remove(alias: str) -> int:
    """Drop all triggers of realtime in this database; return their number."""
    triggers = get_triggers(alias)
    existing = triggers.existing()
    with transaction.atomic(using=alias):
        for name in existing:
            triggers.drop(name)
    return len(existing)


def unsupported_tables(alias: str) -> list[Table]:
    """Return the tables that need triggers and cannot have them, except views whose streams set `rows_depend_on`."""
    if settings.CAPTURE != "triggers":
        return []
    triggers = get_triggers(alias)
    unsupported = triggers.unsupported(watched_tables().values())
    declared = {stream.model._meta.concrete_model for stream in registry if stream.rows_depend_on is not None}
    followed = {stream.model._meta.concrete_model for stream in registry if stream.rows_depend_on}
    written = triggers.without_triggers()  # `rows_depend_on = []` does not say who writes to them
    return [table for table in unsupported if table.model not in (followed if table.name in written else declared)]


def outdated_tables(alias: str) -> list[str]:
    """Return the tables whose triggers are missing, left over, or outdated."""
    triggers = get_triggers(alias)
    tables = watched_tables().values() if settings.CAPTURE == "triggers" else ()
    needed = {trigger.name: trigger.table for trigger in triggers.needed(tables)}
    existing = triggers.existing()
    return sorted({{**needed, **existing}[name] for name in needed.keys() ^ existing.keys()})
