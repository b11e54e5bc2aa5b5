"""Triggers of one database: which ones are needed, which ones exist, and how to create and drop them."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db import connections, router

from realtime.capture.rows import DELETE, INSERT, REREAD, UPDATE
from realtime.capture.sql.log import LogSQL
from realtime.capture.tables import Link, Table

PREFIX = "realtime_"
EVENTS = ((INSERT, "INSERT", "NEW", None), (UPDATE, "UPDATE", "NEW", "OLD"), (DELETE, "DELETE", "OLD", None))


class Trigger(NamedTuple):
    """A trigger and the SQL that creates it. Its name has a digest of the SQL, so a new definition has a new name."""

    name: str
    table: str
    sql: str


class Triggers(ABC):
    """The triggers of one database."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.quote = self.connection.ops.quote_name
        self.log = LogSQL(alias)
        self.sql = self.log.sql

    @property
    def connection(self) -> Any:
        return connections[self.alias]

    def needed(self, tables: Iterable[Table]) -> list[Trigger]:
        """Return the triggers that these tables need, as far as the tables are in this database."""
        known = self.tables()
        found = [table for table in self._captured(tables) if table.name in known]
        return [trigger for table in found for trigger in self.triggers_of(table)]

    def unsupported(self, tables: Iterable[Table]) -> list[Table]:
        """Return the tables without triggers: views, virtual and foreign tables, and names of an unknown schema."""
        known, views = self.tables(), self.views()
        return [
            table
            for table in self._captured(tables)
            if table.name not in known and (table.name in views or table.name[0] in '"`')
        ]

    def tables(self) -> set[str]:
        """Return the names that models may use for the tables of this database."""
        return set(self.connection.introspection.table_names()) - self.without_triggers()

    def without_triggers(self) -> set[str]:
        """Return the tables that the database refuses to give triggers, though Django lists them as tables."""
        return set()

    def views(self) -> set[str]:
        """Return the names that models may use for the views of this database."""
        return set(self.connection.introspection.table_names(include_views=True)) - self.tables()

    def _captured(self, tables: Iterable[Table]) -> Iterator[Table]:
        for table in tables:
            if table.labels and router.allow_migrate_model(self.alias, table.model):
                yield table

    def trigger_name(self, table: Table, kind: str, definition: str) -> str:
        place, digest = (hashlib.sha256(text.encode()).hexdigest()[:10] for text in (table.name, definition))
        return f"{PREFIX}{place}_{kind}_{digest}"

    @abstractmethod
    def triggers_of(self, table: Table) -> Sequence[Trigger]:
        """Return the triggers of one table."""

    @abstractmethod
    def existing(self) -> dict[str, str]:
        """Return the names of realtime's triggers in this database, each with the name of its table."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Drop a trigger."""

    def create(self, trigger: Trigger) -> None:
        self.execute(trigger.sql)

    def execute(self, sql: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def fetch(self, sql: str) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())


class RowTriggers(Triggers):
    """Row triggers of SQLite and MySQL: three for each table, which run once for each row.

    They do not know how many rows a statement writes, so they log each one.
    """

    def triggers_of(self, table: Table) -> Sequence[Trigger]:
        found = []
        for operation, event, row, old in EVENTS:
            statements = "\n".join(f"{statement};" for statement in self._statements(table, operation, row, old))
            timing = f"AFTER {event} ON {self.quote(table.name)} FOR EACH ROW\nBEGIN\n{statements}\nEND"
            name = self.trigger_name(table, operation, timing)
            found.append(Trigger(name, table.name, f"CREATE TRIGGER {self.quote(name)} {timing}"))
        return found

    def _statements(self, table: Table, operation: str, row: str, old: str | None) -> Iterator[str]:
        log, rereads = self.log, self.log.rereads(table)
        for label in rereads:
            yield log.insert_one(log.values(label, "''", REREAD, "NULL"))
        key = self.sql.key(table.keys, row)
        for own in table.own:
            if own.label in rereads:
                continue
            routing = self.sql.routing(table.model, own.routing, row, old, deleted=operation == DELETE)
            yield log.insert_one(log.values(own.label, key, operation, routing, table.keys))
            if old is not None:  # log a changed key too
                old_key = self.sql.key(table.keys, old)
                routing = self.sql.routing(table.model, own.routing, old, deleted=True)
                values = log.values(own.label, old_key, operation, routing, table.keys)
                yield from self.insert_if(f"{old_key} <> {key}", values)
        for link in table.links:
            if link.label not in rereads:
                yield from self.insert_links(link, [name for name in (row, old) if name])

    @abstractmethod
    def insert_if(self, condition: str, values: str) -> Iterator[str]:
        """Yield statements that log a change if a condition on the row is true."""

    @abstractmethod
    def insert_links(self, link: Link, rows: Sequence[str]) -> Iterator[str]:
        """Yield statements that log a change of each object that these rows link."""

    def drop(self, name: str) -> None:
        self.execute(f"DROP TRIGGER IF EXISTS {self.quote(name)}")
