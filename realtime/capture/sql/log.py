"""LogSQL: the INSERT statements that write changes of rows into the log."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

from django.db import connections

from realtime.capture.rows import LINK, REREAD, empty_routing
from realtime.capture.sql.expressions import Expressions
from realtime.capture.tables import Column, Link, Table, column
from realtime.changelog import get_changelog
from realtime.changelog.base import MAX_KEY, encode_routing

EXPRESSIONS = {"sqlite": "SQLiteExpressions", "postgresql": "PostgreSQLExpressions", "mysql": "MySQLExpressions"}
COLUMNS = ("model", "key", "operation", "routing", "transaction", "at")


def writers_log(alias: str) -> LogSQL:
    """Return the statements of writers, which may have left the log's schema."""
    return _log(alias, get_changelog(alias).qualified_table)


@cache
def _log(alias: str, table: str) -> LogSQL:
    return LogSQL(alias, table=table)


class LogSQL:
    """Builds the statements for the log of one database.

    `table` is how they name its table; by default, by its plain name.
    """

    def __init__(self, alias: str, *, table: str = "") -> None:
        self.alias = alias
        connection = connections[alias]
        self.quote = connection.ops.quote_name
        module = import_module(f"realtime.capture.sql.{connection.vendor}")
        self.sql: Expressions = getattr(module, EXPRESSIONS[connection.vendor])(connection)
        self.changelog = get_changelog(alias)
        self.stamps = f"{self.changelog.transaction_sql}, {self.changelog.now_sql}"  # transaction and time of a change
        columns = ", ".join(self.changelog.columns[name] for name in COLUMNS)
        self.into = f"INSERT INTO {table or self.changelog.table} ({columns})"

    def values(self, label: str, key: str | None, operation: str, routing: str, keys: Sequence[Column] = ()) -> str:
        """Return the values of one change; `keys` are the columns of its key."""
        kind = f"'{operation}'"
        if self.sql.may_be_long(keys):  # a key too long for the log reloads the model
            is_long = f"{self.sql.length(str(key))} > {MAX_KEY}"
            kind = f"CASE WHEN {is_long} THEN '{REREAD}' ELSE '{operation}' END"
            key = f"CASE WHEN {is_long} THEN '' ELSE {key} END"
            routing = f"CASE WHEN {is_long} THEN NULL ELSE {routing} END"
        return f"{self.sql.literal(label)}, {key}, {kind}, {routing}, {self.stamps}"

    def insert_select(self, values: str, source: str = "") -> str:
        """Return the INSERT of one change, or of one change for each row of `source`."""
        return f"{self.into} SELECT {values}{source and f' FROM {source}'}"

    def insert_one(self, values: str) -> str:
        """Return the INSERT of one change with VALUES, so that the database knows the number of rows in advance."""
        return f"{self.into} VALUES ({values})"

    def insert_reread(self, label: str) -> str:
        return self.insert_select(self.values(label, "''", REREAD, "NULL"))

    def rereads(self, table: Table) -> list[str]:
        """Return the models to reload on any change of the table: SQL cannot identify their changed objects."""
        found = set(table.rereads)
        if self.sql.key(table.keys, "x") is None:
            found |= {own.label for own in table.own}
        found |= {link.label for link in table.links if self.link_target(link) is None}
        return sorted(found)

    def insert_links(self, link: Link, condition: str) -> str:
        """Return the INSERT of a change for each linked object that `condition` finds; its `{}` is the column."""
        model = link.model._meta
        keys = [column(field) for field in model.pk_fields]
        routing = self.sql.routing(link.model, link.routing, "m")
        values = self.values(link.label, self.sql.key(keys, "m"), LINK, routing, keys)
        source = f"{self.quote(model.db_table)} m WHERE {condition.format(f'm.{self.link_target(link)}')}"
        return self.insert_select(values, source)

    def link_target(self, link: Link) -> str | None:
        """Return the column of the live model's own table that the link refers to, or None."""
        target, model = link.column.field.target_field, link.model._meta
        if self.sql.key([column(field) for field in model.pk_fields], "m") is None:
            return None
        if target.primary_key:
            return str(self.quote(str(model.pk.column)))
        return str(self.quote(target.column)) if target.model._meta.concrete_model is link.model else None

    def link_values(self, link: Link, row: str) -> str:
        """Return the values of a change of the object that a row links by key; its own row has the routing values."""
        routing = "NULL" if link.routing is None else self.sql.literal(encode_routing(empty_routing(link.routing)))
        return self.values(link.label, self.sql.key([link.column], row), LINK, routing, [link.column])

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Execute one of these statements; return the number of changes written."""
        with connections[self.alias].cursor() as cursor:
            cursor.execute(sql, params or None)
            return int(cursor.rowcount)
