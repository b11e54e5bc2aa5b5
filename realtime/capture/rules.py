"""Rules of PostgreSQL tables, such as ON DELETE DO INSTEAD, which exclude a statement from a CTE.

An INSTEAD OF trigger counts as a rule of UPDATE: the view's rows may be groups, which no statement can lock.

Each connection looks a table up once; in a test's transaction, which may create rules, every time. The driver's cursor
keeps Django's query counts the same. See "Rules on INSERT, UPDATE, and DELETE" in PostgreSQL's manual.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any
from weakref import WeakKeyDictionary

from realtime.changelog.commits import is_test

# as in the column `ev_type` of `pg_rewrite`
UPDATE, INSERT, DELETE = "2", "3", "4"

# the bits of `tgtype` are those of TRIGGER_TYPE_UPDATE (16) and TRIGGER_TYPE_INSTEAD (64) in PostgreSQL's pg_trigger.h
SQL = f"""SELECT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = to_regclass(%(table)s) AND ev_type = %(event)s)
    OR %(event)s = '{UPDATE}'
    AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass(%(table)s) AND tgtype & 80 = 80)"""

_found: WeakKeyDictionary[Any, dict[tuple[str, str], bool]] = WeakKeyDictionary()  # by the driver's connection


def has_rule(connection: Any, table: str, event: str) -> bool:
    """Return whether the table has a rule for this kind of statement, or a trigger that replaces its UPDATE."""
    connection.ensure_connection()
    found = _found.setdefault(connection.connection, {})
    if (table, event) not in found or is_test(connection):
        found[table, event] = _query_rule(connection, table, event)
    return found[table, event]


def cache_rule(connection: Any, table: str, event: str) -> None:
    """Store that the table has a rule."""
    _found.setdefault(connection.connection, {})[table, event] = True


def _query_rule(connection: Any, table: str, event: str) -> bool:
    if connection.needs_rollback:
        return False  # the transaction has failed, and so will the statement
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(SQL, {"table": connection.ops.quote_name(table), "event": event})
        return bool(cursor.fetchone()[0])
