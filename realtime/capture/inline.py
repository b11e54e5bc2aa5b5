"""Capture within the statement, on PostgreSQL: what the log is told is written by the statement itself.

    WITH old_rows AS (SELECT … FOR NO KEY UPDATE), new_rows AS (UPDATE … FROM old_rows … RETURNING …),
    told AS (INSERT INTO realtime_change SELECT … FROM new_rows)
    SELECT count(*) FROM new_rows

One round trip, no transaction of its own, and no rows that travel to Python. The SQL is that of the triggers. What
has no such form (an upsert, a new key, the row of a parent) is recorded as on the other databases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models.constants import OnConflict
from django.db.models.sql.subqueries import UpdateQuery

from realtime.capture.rows import DELETE, INSERT, MAX_ROWS, UPDATE, known_keys, select_matching
from realtime.capture.tracking import Table
from realtime.capture.triggers.postgresql import PostgreSQLTriggers
from realtime.changelog import get_changelog

Execute = Callable[..., Any]  # Django's own method


class Inline:
    """The parts of statements to one table that stay the same."""

    def __init__(self, table: Table, alias: str) -> None:
        self.table = table
        self.alias = alias
        self.triggers = triggers = PostgreSQLTriggers(alias)
        self.quote = quote = triggers.quote
        self.name = quote(table.name)
        self.columns = [quote(part.field.column) for part in table.own_columns]
        self.keys = [quote(part.field.column) for part in table.keys]
        self.was = {column: quote(f"was {place}") for place, column in enumerate(self.columns)}
        self.is_possible = bool(table.labels) and not triggers.rereads(table) and not table.cascades
        if self.is_possible:
            links = triggers.link_inserts(table, "new_rows")
            self.inserted = [*triggers.own_inserts(table, INSERT, "new_rows"), *links]
            self.updated = [*triggers.own_inserts(table, UPDATE, "new_rows"), *links]
            self.deleted = [*triggers.own_inserts(table, DELETE, "new_rows"), *links]
            self.moved = self._moved()
            self.many = [triggers.reread(label) for label in sorted(table.labels)]

    def _moved(self) -> list[str]:
        key = str(self.triggers.sql.key(self.table.keys, "n"))
        old = ", ".join(f"n.{was} AS {column}" for column, was in self.was.items())
        source = f"new_rows n CROSS JOIN LATERAL (SELECT {old}) o"
        links = self.triggers.link_inserts(self.table, "new_rows", "old_rows")
        return [*self.triggers.inserts_of(self.table, UPDATE, key, source, "o"), *links]

    def returning(self, *others: str) -> str:
        return ", ".join(f"{self.name}.{column}" for column in dict.fromkeys([*self.columns, *others]))

    def where_same(self) -> str:
        """How UPDATE finds the rows of `old_rows`, whose columns it returns too; no name of theirs is in its way."""
        names = ", ".join(f"{column} AS {was}" for column, was in self.was.items())
        same = " AND ".join(f"{self.name}.{key} = was.{self.was[key]}" for key in self.keys)
        return f"FROM (SELECT {names} FROM old_rows) was WHERE {same} RETURNING {self.returning()}, was.*"

    def statement(self, written: str, told: Sequence[str], answer: str, *, before: str = "", few: bool) -> str:
        """The statement `written`, which returns rows, with what it tells; `few` says that it writes not many."""
        parts = [f"old_rows AS ({before})"] if before else []
        if few:
            parts.append(f"new_rows AS ({written})")
        else:
            parts.append(f"all_rows AS ({written}), number AS (SELECT count(*) AS rows FROM all_rows)")
            parts.append(f"new_rows AS (SELECT * FROM all_rows WHERE (SELECT rows FROM number) <= {MAX_ROWS})")
            told = [*told, *(f"{reread} WHERE (SELECT rows FROM number) > {MAX_ROWS}" for reread in self.many)]
        parts += [f"told{place} AS ({insert.replace('%', '%%')})" for place, insert in enumerate(told)]
        return f"WITH {', '.join(parts)} SELECT {answer} FROM {'new_rows' if few else 'all_rows'}"

    def run(self, sql: str, params: Sequence[Any]) -> int:
        with connections[self.alias].cursor() as cursor:
            cursor.execute(sql, params)
            count = int(cursor.fetchone()[0])
        if count:
            get_changelog(self.alias).wake_on_commit()
        return count


inline = cache(Inline)


def insert(table: Table, compiler: Any, execute: Execute, returning_fields: Any = None) -> Any:
    """Execute an INSERT with what it tells, or return None where it has no such form."""
    part = inline(table, compiler.connection.alias)
    query = compiler.query
    if not part.is_possible or query.on_conflict is OnConflict.UPDATE or len(query.objs) > MAX_ROWS:
        return None
    make = compiler.as_sql

    def as_sql() -> list[tuple[str, Any]]:
        [(sql, params)] = make()
        names = [part.quote(field.column) for field in returning_fields or ()]
        if names:
            sql, _, _ = sql.rpartition(" RETURNING ")
        answer = ", ".join(names) or "1"
        return [(part.statement(f"{sql} RETURNING {part.returning(*names)}", part.inserted, answer, few=True), params)]

    compiler.as_sql = as_sql
    rows = execute(returning_fields)
    get_changelog(part.alias).wake_on_commit()
    return rows


def update(table: Table, compiler: Any, execute: Execute, *args: Any) -> int | None:
    """Execute an UPDATE with what it tells, and return the number of rows, or None where it has no such form."""
    part = inline(table, compiler.connection.alias)
    query = compiler.query
    if not query.values:
        return None
    written = {field.attname for field, _, _ in query.values}
    if not part.is_possible or query.related_updates or written & {key.name for key in table.keys}:
        return None
    few = known_keys(table, query) is not None
    try:
        if not written & set(table.names):
            sql, params = compiler.as_sql()
            statement = part.statement(f"{sql} RETURNING {part.returning()}", part.updated, "count(*)", few=few)
            return part.run(statement, params)

        # the lock that UPDATE takes has each row read as others have committed it
        before, before_params = select_matching(table, compiler)
        before += " FOR NO KEY UPDATE"
        change: Any = UpdateQuery(query.model)
        change.values = query.values
        sql, params = change.get_compiler(part.alias).as_sql()
    except EmptyResultSet:
        return 0
    statement = part.statement(f"{sql} {part.where_same()}", part.moved, "count(*)", before=before, few=few)
    return part.run(statement, (*before_params, *params))


def update_returning(table: Table, compiler: Any, execute: Execute, returning_fields: Any) -> Any:
    """Django 6.0 asks for no fields where there are none to ask for, and goes on to `update`."""
    return None if returning_fields else execute(returning_fields)


def delete(table: Table, compiler: Any, execute: Execute, *args: Any) -> int | None:
    """Execute a DELETE with what it tells, and return the number of rows, or None where it has no such form."""
    part = inline(table, compiler.connection.alias)
    if not part.is_possible:
        return None
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        return 0
    few = known_keys(table, compiler.query) is not None
    return part.run(part.statement(f"{sql} RETURNING {part.returning()}", part.deleted, "count(*)", few=few), params)
