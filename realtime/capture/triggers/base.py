"""Triggers of one database: which there should be, which there are, and how the second become the first."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connections, router

from realtime.capture.rows import LINK, REREAD
from realtime.capture.tracking import Column, Link, Table, column
from realtime.capture.triggers.expressions import Expressions
from realtime.changelog import get_changelog
from realtime.changelog.base import MAX_KEY

PREFIX = "realtime_"


class Trigger(NamedTuple):
    """A trigger, and the SQL that makes it. Its name holds a digest of it, so that another definition has another."""

    name: str
    table: str
    sql: str


class Triggers(ABC):
    """The triggers of one database."""

    expressions_class: type[Expressions]

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.quote = self.connection.ops.quote_name
        self.sql = self.expressions_class(self.connection)
        self.log = get_changelog(alias)
        self.stamps = f"{self.log.transaction_sql}, {self.log.now_sql}"  # of a change: its transaction and time

    @property
    def connection(self) -> Any:
        return connections[self.alias]

    def wanted(self, tables: Iterable[Table]) -> list[Trigger]:
        """The triggers that capture the changes of these tables, as far as the tables are in this database."""
        there = set(self.connection.introspection.table_names())
        found: list[Trigger] = []
        for table in tables:
            if table.labels and table.name in there and router.allow_migrate_model(self.alias, table.model):
                found += self.of(table)
        return found

    def named(self, table: Table, kind: str, definition: str) -> str:
        place, digest = (hashlib.sha256(text.encode()).hexdigest()[:10] for text in (table.name, definition))
        return f"{PREFIX}{place}_{kind}_{digest}"

    @abstractmethod
    def of(self, table: Table) -> Sequence[Trigger]:
        """The triggers of one table."""

    @abstractmethod
    def present(self) -> dict[str, str]:
        """The names of realtime's triggers in this database, each with its table's."""

    @abstractmethod
    def drop(self, name: str, table: str) -> None:
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

    # what the log is told, in SQL

    def insert(self, select: str) -> str:
        names = ("model", "key", "operation", "routing", "transaction", "at")
        columns = ", ".join(self.log.columns[name] for name in names)
        return f"INSERT INTO {self.log.table} ({columns}) {select}"

    def change(self, label: str, key: str | None, operation: str, routing: str, keys: Sequence[Column] = ()) -> str:
        """SELECT of a change, but for its FROM; `keys` are the columns that the key is made of."""
        told = f"'{operation}'"
        if self.sql.may_be_long(keys):  # what the log cannot hold has the model read afresh
            is_long = f"{self.sql.length(str(key))} > {MAX_KEY}"
            told = f"CASE WHEN {is_long} THEN '{REREAD}' ELSE '{operation}' END"
            key, routing = (f"CASE WHEN {is_long} THEN {n} ELSE {v} END" for n, v in (("''", key), ("NULL", routing)))
        return f"SELECT {self.sql.literal(label)}, {key}, {told}, {routing}, {self.stamps}"

    def reread(self, label: str) -> str:
        return self.insert(self.change(label, "''", REREAD, "NULL"))

    def rereads(self, table: Table) -> list[str]:
        """The models to be read afresh at any change of the table, since SQL cannot say which objects it concerns."""
        found = set(table.rereads)
        if self.sql.key(table.keys, "x") is None:
            found |= {own.label for own in table.own}
        found |= {link.label for link in table.links if self._linked_by(link) is None}
        return sorted(found)

    def link_changes(self, link: Link, condition: str) -> str:
        """SELECT of changes of the objects that `condition` finds: one on the column `{}`."""
        model = link.model._meta
        keys = [column(field) for field in model.pk_fields]
        routing = self.sql.routing(link.model, link.routing, "m")
        select = self.change(link.label, self.sql.key(keys, "m"), LINK, routing, keys)
        return f"{select} FROM {self.quote(model.db_table)} m WHERE {condition.format(f'm.{self._linked_by(link)}')}"

    def _linked_by(self, link: Link) -> str | None:
        """The column of the live model's own table that the link refers to."""
        target, model = link.column.field.target_field, link.model._meta
        if self.sql.key([column(field) for field in model.pk_fields], "m") is None:
            return None
        if target.primary_key:
            return str(self.quote(str(model.pk.column)))
        return str(self.quote(target.column)) if target.model._meta.concrete_model is link.model else None
