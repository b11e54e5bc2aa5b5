"""MariaDB capture: one compound statement inserts a row and its log entries, in a transaction of its own.

    BEGIN NOT ATOMIC
    DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
    START TRANSACTION;
    INSERT INTO board_task … RETURNING id;
    INSERT INTO realtime_change … VALUES ('board.task', LAST_INSERT_ID(), 'i', …);
    COMMIT;
    END

It takes one round trip instead of four. It is used outside of transactions, for an INSERT of one row: `save()` of a
new object. Django's own statement stays unchanged within it. See "Using Compound Statements Outside of Stored
Programs" in MariaDB's manual.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import Error
from django.db.models import AutoField

from realtime.capture.rows import INSERT, REREAD, UNKNOWN, collect_values, rereads, routing_of
from realtime.capture.sql.log import LogSQL
from realtime.capture.statement import Statement, log_failure_once
from realtime.capture.tables import Row, Table
from realtime.capture.transactions import IN_TRANSACTION, SIGNAL_IF_BEGUN, SIGNALED, START, can_begin
from realtime.changelog import get_changelog
from realtime.changelog.base import NewChange

SYNTAX_ERROR = 1064  # in SQL mode ORACLE
# mysqlclient does not know that a transaction is open, which START TRANSACTION would commit
BEGIN = (
    f"BEGIN NOT ATOMIC {SIGNAL_IF_BEGUN}"
    f"BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END; {START}; "
)
END = "; COMMIT; END; END"
GENERATED = ""  # a key that only the database knows
LAST_KEY = "IF(LAST_INSERT_ID(), LAST_INSERT_ID(), '')"
FORGET_LAST_KEY = "DO LAST_INSERT_ID(0); "  # if a trigger sets the key, the database generates none


class NotRun(Exception):
    """The database refused the compound statement, which has done nothing."""


def is_possible(table: Table, compiler: Any) -> bool:
    """Return whether this is an INSERT of one row, outside of a transaction, whose changes need no other table."""
    connection, query = compiler.connection, compiler.query
    return (
        connection.vendor == "mysql"
        and connection.mysql_is_mariadb
        and len(query.objs) == 1
        and query.on_conflict is None
        and can_begin(connection)
        and _has_plain_keys(table, connection.alias)
    )


@cache
def _has_plain_keys(table: Table, alias: str) -> bool:
    """Return whether each change of the table is named by its own key, which is no text."""
    log = _log_sql(alias)
    has_keys = log.sql.key(table.keys, "x") is not None and not log.sql.may_be_long(table.keys)
    return bool(table.own) and not table.links and has_keys


def insert(table: Table, compiler: Any, execute: Statement, returning_fields: Sequence[Any] | None = None) -> Any:
    """Execute an INSERT together with its log entries. Raise `NotRun` if the database refuses the combination."""
    connection, original_as_sql = compiler.connection, compiler.as_sql
    stored = collect_values(table, compiler)
    own_sql, is_sent = "", False

    @cache  # so a field's `pre_save` is called once, even if others read the SQL
    def as_sql() -> list[tuple[str, Any]]:
        nonlocal own_sql
        [(sql, params)] = original_as_sql()
        item = id(compiler.query.objs[0])
        row = {name: stored[item, name] for name in table.names if (item, name) in stored}
        before, log_insert, values = _log_insert(table, connection.alias, row)
        own_sql = f"{BEGIN}{before}{sql}; {log_insert}{END}"
        return [(own_sql, (*params, *values))]

    def read_results(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
        nonlocal is_sent
        if not own_sql or own_sql not in sql:  # a statement of a field's `pre_save`
            return run(sql, params, many, context)
        is_sent = True
        result, cursor = run(sql, params, many, context), context["cursor"]
        if returning_fields:
            rows = cursor.fetchall()
            remaining = iter(rows)
            while cursor.nextset():  # raises the errors of the statements after the INSERT
                pass
            cursor.fetchone, cursor.fetchall = lambda: next(remaining, None), lambda: rows
        return result

    compiler.as_sql = as_sql
    try:
        with connection.execute_wrapper(read_results):
            found = execute(returning_fields)
    except BaseException as error:
        if error.args == (SIGNALED, IN_TRANSACTION):
            raise NotRun from error
        if is_sent:
            _roll_back(connection)
            if error.args[:1] == (SYNTAX_ERROR,):
                raise NotRun from error
        raise
    finally:
        del compiler.as_sql
    get_changelog(connection.alias).wake_on_commit()
    return found


def _roll_back(connection: Any) -> None:
    """End the transaction if the handler could not, because the statement was interrupted."""
    try:
        connection.rollback()
    except Error:
        connection.close()


def _log_insert(table: Table, alias: str, row: Row) -> tuple[str, str, list[str | None]]:
    """Return SQL to execute before the row's INSERT, the INSERT of its changes, and the parameters of the latter."""
    log = _log_sql(alias)
    try:
        changes = _changes(table, row)
    except Exception as error:
        log_failure_once(table, error)
        changes = rereads(table)
    is_generated = any(change.operation == INSERT and change.key == GENERATED for change in changes)
    rows, params = [], list[str | None]()
    for change in changes:
        # the log stores ASCII, whatever its character set
        routing = None if change.routing is None else json.dumps(change.routing)
        if change.operation == INSERT and change.key == GENERATED:
            values = f"%s, {LAST_KEY}, IF(LAST_INSERT_ID(), '{INSERT}', '{REREAD}'), IF(LAST_INSERT_ID(), %s, NULL)"
            params += [change.model, routing]
        else:
            values = "%s, %s, %s, %s"
            params += [change.model, change.key, change.operation, routing]
        rows.append(f"({values}, {log.stamps})")
    return FORGET_LAST_KEY if is_generated else "", f"{log.into} VALUES {', '.join(rows)}", params


def _changes(table: Table, row: Row) -> list[NewChange]:
    if all(row.get(part.name) not in (None, UNKNOWN) for part in table.keys):
        key = table.key(row)
    elif isinstance(table.keys[0].field, AutoField):
        key = GENERATED
    else:
        return rereads(table)
    own = [NewChange(own.label, key, INSERT, routing_of(own.routing, row, INSERT)) for own in table.own]
    return [*own, *rereads(table, table.rereads)]


@cache
def _log_sql(alias: str) -> LogSQL:
    return LogSQL(alias)
