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
    wanted = {trigger.name: trigger for trigger in triggers.wanted(watched_tables().values())}
    present = triggers.present()
    with transaction.atomic(using=alias):
        for name in present.keys() - wanted.keys():
            triggers.drop(name, present[name])
        for name in wanted.keys() - present.keys():
            triggers.create(wanted[name])
    return len(present.keys() ^ wanted.keys())


def remove(alias: str) -> int:
    """Drop all triggers of realtime in this database; return their number."""
    triggers = get_triggers(alias)
    present = triggers.present()
    with transaction.atomic(using=alias):
        for name, table in present.items():
            triggers.drop(name, table)
    return len(present)


def without_triggers(alias: str) -> list[Table]:
    """Return the tables that need triggers and cannot have them, except views whose streams set `rows_depend_on`."""
    if settings.CAPTURE != "triggers":
        return []
    told = {stream.model._meta.concrete_model for stream in registry if stream.rows_depend_on is not None}
    return [table for table in get_triggers(alias).without(watched_tables().values()) if table.model not in told]


def out_of_step(alias: str) -> list[str]:
    """Return the tables whose triggers are missing, left over, or outdated."""
    triggers = get_triggers(alias)
    tables = watched_tables().values() if settings.CAPTURE == "triggers" else ()
    wanted = {trigger.name: trigger.table for trigger in triggers.wanted(tables)}
    present = triggers.present()
    return sorted({{**wanted, **present}[name] for name in wanted.keys() ^ present.keys()})
