"""Rules of PostgreSQL's tables, such as ON DELETE DO INSTEAD: a statement to these cannot be part of a larger one.

Each connection looks for them once, past Django, which would count it. In the transaction of a test, which may make
rules, it looks each time. See "Rules on INSERT, UPDATE, and DELETE" in PostgreSQL's manual.
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
    """Whether the table has a rule for such statements."""
    connection.ensure_connection()
    found = _found.setdefault(connection.connection, {})
    if (table, event) not in found or is_test(connection):
        found[table, event] = _look(connection, table, event)
    return found[table, event]


def remember(connection: Any, table: str, event: str) -> None:
    """It has one."""
    _found.setdefault(connection.connection, {})[table, event] = True


def _look(connection: Any, table: str, event: str) -> bool:
    if connection.needs_rollback:
        return False  # the transaction has failed, as the statement will
    with closing(connection.connection.cursor()) as cursor:
        name = connection.ops.quote_name(table)
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = to_regclass(%s) AND ev_type = %s)", [name, event]
        )
        return bool(cursor.fetchone()[0])
