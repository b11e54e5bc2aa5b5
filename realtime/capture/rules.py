"""Rules of PostgreSQL tables, such as ON DELETE DO INSTEAD, which exclude a statement from a CTE.

Each connection looks a table up once, with the driver's cursor, so that Django's query counts stay the same. In the
transaction of a test, which may create rules, it looks every time. See "Rules on INSERT, UPDATE, and DELETE" in
PostgreSQL's manual.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any
from weakref import WeakKeyDictionary

from realtime.changelog.commits import is_test

# as in the column `ev_type` of `pg_rewrite`
UPDATE, INSERT, DELETE = "2", "3", "4"

_found: WeakKeyDictionary[Any, dict[tuple[str, str], bool]] = WeakKeyDictionary()  # by the driver's connection


def stand_on(connection: Any, table: str, event: str) -> bool:
    """Return whether the table has a rule for this kind of statement."""
    connection.ensure_connection()
    found = _found.setdefault(connection.connection, {})
    if (table, event) not in found or is_test(connection):
        found[table, event] = _look(connection, table, event)
    return found[table, event]


def remember(connection: Any, table: str, event: str) -> None:
    """Store that the table has a rule."""
    _found.setdefault(connection.connection, {})[table, event] = True


def _look(connection: Any, table: str, event: str) -> bool:
    if connection.needs_rollback:
        return False  # the transaction has failed, and so will the statement
    with closing(connection.connection.cursor()) as cursor:
        name = connection.ops.quote_name(table)
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = to_regclass(%s) AND ev_type = %s)", [name, event]
        )
        return bool(cursor.fetchone()[0])
