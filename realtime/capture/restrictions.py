"""Restrictions of PostgreSQL tables, which exclude a statement from a CTE with RETURNING.

- A rule, such as ON DELETE DO INSTEAD, rewrites the statement. An INSTEAD OF trigger counts as a rule of UPDATE: the
  view's rows may be groups, which no statement can lock.
- RETURNING needs the right to read its columns, and row-level security must let the role see the row. A role may well
  insert rows that it must not read.

Each connection looks a table up once; in a test's transaction, which may create rules, every time. The driver's cursor
keeps Django's query counts the same. See "Rules on INSERT, UPDATE, and DELETE" and "CREATE POLICY" in PostgreSQL's
manual.
"""

from __future__ import annotations

from contextlib import closing
from enum import StrEnum
from typing import Any
from weakref import WeakKeyDictionary

from realtime.capture.tables import Table
from realtime.changelog.commits import is_test

# as in the column `ev_type` of `pg_rewrite`
UPDATE, INSERT, DELETE = "2", "3", "4"


class Restriction(StrEnum):
    NONE = ""
    UNCHANGED = "unchanged"  # the statement must run as Django made it
    ROW_SECURITY = "row security"  # so must a statement that reads no column


# the bits of `tgtype` are those of TRIGGER_TYPE_UPDATE (16) and TRIGGER_TYPE_INSTEAD (64) in PostgreSQL's pg_trigger.h
SQL = f"""SELECT CASE
    WHEN EXISTS (SELECT FROM pg_rewrite WHERE ev_class = pg_class.oid AND ev_type = %(event)s)
        OR %(event)s = '{UPDATE}' AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgtype & 80 = 80)
        OR EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname::text = ANY(%(columns)s::text[])
            AND NOT has_column_privilege(attrelid, attnum, 'SELECT')
        )
    THEN '{Restriction.UNCHANGED}'
    WHEN relrowsecurity THEN '{Restriction.ROW_SECURITY}'
    ELSE '{Restriction.NONE}' END
    FROM pg_class WHERE oid = to_regclass(%(table)s)"""

_found: WeakKeyDictionary[Any, dict[tuple[str, str], Restriction]] = WeakKeyDictionary()  # by the driver's connection


def restriction_of(connection: Any, table: Table, event: str) -> Restriction:
    """Return what excludes this kind of statement to the table from a CTE."""
    connection.ensure_connection()
    found = _found.setdefault(connection.connection, {})
    if (table.name, event) not in found or is_test(connection):
        found[table.name, event] = _query_restriction(connection, table, event)
    return found[table.name, event]


def forget(connection: Any, table: Table, event: str) -> None:
    """Look this up again at the next statement."""
    _found.get(connection.connection, {}).pop((table.name, event), None)


def _query_restriction(connection: Any, table: Table, event: str) -> Restriction:
    if connection.needs_rollback:
        return Restriction.NONE  # the transaction has failed, and so will the statement
    columns = [column.field.column for column in table.own_columns]
    with connection.wrap_database_errors, closing(connection.connection.cursor()) as cursor:
        cursor.execute(SQL, {"table": connection.ops.quote_name(table.name), "event": event, "columns": columns})
        row = cursor.fetchone()
    return Restriction(row[0]) if row else Restriction.NONE
