"""MariaDB capture: one compound statement writes a row and its log entries, in a transaction of its own.

    BEGIN NOT ATOMIC
    DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
    START TRANSACTION;
    INSERT INTO board_task … RETURNING id;
    INSERT INTO realtime_change … VALUES ('board.task', LAST_INSERT_ID(), 'i', …);
    COMMIT;
    END

It takes one round trip instead of four. It is used outside of transactions, for an INSERT of one row, and for an
UPDATE or a DELETE of one row by its key: `save()` and `delete()`. If the log needs old values of the row, a SELECT
reads them into a variable first; it locks the row as the statement does. Django's own statement stays unchanged within
it. See "Using Compound Statements Outside of Stored Programs" in MariaDB's manual.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import Error
from django.db.models import AutoField
from django.db.models.sql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler

from realtime.capture.rows import (
    INSERT,
    REREAD,
    UNKNOWN,
    UPDATE,
    collect_values,
    conditions_of,
    delete_changes,
    empty_routing,
    named_keys,
    routing_of,
    update_changes,
    written_values,
)
from realtime.capture.sql.expressions import TEXTS
from realtime.capture.sql.log import writers_log
from realtime.capture.statement import MYSQL_DENIED, Statement, has_code, log_failure_once
from realtime.capture.tables import Row, Table
from realtime.capture.transactions import IN_TRANSACTION, SIGNAL_IF_BEGUN, SIGNALED, START, can_begin
from realtime.changelog import get_changelog
from realtime.changelog.base import NewChange, rereads

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
# the server reports the rows of all statements in one number, so a result says that the UPDATE or DELETE found none
IF_FOUND = "IF ROW_COUNT() = 0 THEN SELECT 0; ELSE {}; END IF"
VARIABLE = "realtime_routing_"  # NULL if the row is inserted after it was read: each live query looks at the row
PARAMETER = "\0"  # stands for %s, while a percent sign is one of a name

Params = tuple[Any, ...]


class NotRun(Exception):
    """The database refused the compound statement, which has done nothing."""


def is_possible(table: Table, compiler: Any) -> bool:
    """Return whether this writes one row, outside of a transaction, and its changes need no other table."""
    connection = compiler.connection
    return (
        connection.vendor == "mysql"
        and connection.mysql_is_mariadb
        and _writes_one_row(table, compiler)
        and can_begin(connection)
        and _is_plain(table, connection.alias)
    )


def _writes_one_row(table: Table, compiler: Any) -> bool:
    query = compiler.query
    if isinstance(compiler, SQLInsertCompiler):
        return len(query.objs) == 1 and query.on_conflict is None
    if isinstance(compiler, SQLUpdateCompiler):
        if not query.values or query.related_updates:
            return False
    elif table.cascades or not compiler.single_alias:
        return False
    with suppress(Exception):  # a key of an unknown type, which `run_recorded` reports
        return len(named_keys(table, query) or ()) == 1
    return False


@cache
def _is_plain(table: Table, alias: str) -> bool:
    """Return whether its own columns name and route each change of the table.

    None is text: the log may not be able to store it.
    """
    has_text = any(part.target.get_internal_type() in TEXTS for part in table.own_columns)
    has_keys = writers_log(alias).sql.key(table.keys, "x") is not None
    return bool(table.own) and not table.links and not table.rereads and not has_text and has_keys


def run(table: Table, compiler: Any, execute: Statement, *args: Any, **kwargs: Any) -> Any:
    """Execute the statement together with its log entries. Raise `NotRun` if the database refuses the combination."""
    if isinstance(compiler, SQLInsertCompiler):
        return _insert(table, compiler, execute, *args, **kwargs)
    return _write_by_key(table, compiler, lambda: execute(*args, **kwargs))


def _insert(table: Table, compiler: Any, execute: Statement, returning_fields: Sequence[Any] | None = None) -> Any:
    alias = compiler.connection.alias
    stored = collect_values(table, compiler)

    def combine(statements: Any) -> tuple[str, Params]:
        [(sql, params)] = statements
        item = id(compiler.query.objs[0])
        row = {name: stored[item, name] for name in table.names if (item, name) in stored}
        try:
            changes = _insert_changes(table, row)
        except Exception as error:
            log_failure_once(table, error)
            changes = rereads(table.labels)
        is_generated = any(change.operation == INSERT and change.key == GENERATED for change in changes)
        log_insert, values = _log_insert(changes, alias)
        return f"{FORGET_LAST_KEY if is_generated else ''}{sql}; {log_insert}", (*params, *values)

    def read(cursor: Any) -> None:
        if not returning_fields:
            return
        rows = cursor.fetchall()
        remaining = iter(rows)
        while cursor.nextset():  # raises the errors of the statements after the INSERT
            pass
        cursor.fetchone, cursor.fetchall = lambda: next(remaining, None), lambda: rows

    return _execute(compiler, lambda: execute(returning_fields), combine, read)


def _write_by_key(table: Table, compiler: Any, execute: Callable[[], Any]) -> Any:
    alias, query = compiler.connection.alias, compiler.query

    def combine(statement: tuple[str, Params]) -> tuple[str, Params]:
        sql, params = statement
        conditions = conditions_of(table, query)
        if isinstance(compiler, SQLDeleteCompiler):
            changes, written = delete_changes(table, conditions, alias), None
        else:
            changes, written = update_changes(table, query, conditions, alias), written_values(table, query)
        old = OldRouting({}, [], [])
        if not any(change.operation == REREAD for change in changes):
            old = _old_routing(table, compiler, written)
            if written and UNKNOWN in written.values():  # the new value is read from the row later
                changes += [
                    NewChange(own.label, changes[0].key, UPDATE, empty_routing(own.routing or {})) for own in table.own
                ]
        log_insert, values = _log_insert(changes, alias, old.variables)
        combined = f"{sql}; {IF_FOUND.format(log_insert)}"
        if not old.variables:
            return combined, (*params, *values)
        where, where_params = compiler.compile(query.where)
        name = compiler.connection.ops.quote_name(table.name)
        names = ", ".join(old.variables.values())
        read = (
            f"SELECT {', '.join(old.columns)} INTO {names} FROM {name} FORCE INDEX (PRIMARY) WHERE {where} FOR UPDATE"
        )
        return (
            f"BEGIN DECLARE {names} LONGTEXT; {read}; {combined}; END",
            (*old.params, *where_params, *params, *values),
        )

    def read(cursor: Any) -> None:
        cursor.rowcount = 0 if cursor.description else 1
        while cursor.nextset():
            pass

    return _execute(compiler, execute, combine, read)


class OldRouting(NamedTuple):
    """How to read the routing of a row that is about to be written: variables by label, and a column for each."""

    variables: dict[str, str]
    columns: list[str]
    params: list[Any]


def _old_routing(table: Table, compiler: Any, written: Mapping[str, Any] | None) -> OldRouting:
    """Return how to read the old values, and those that an UPDATE writes; `written` is None for a DELETE."""
    connection = compiler.connection
    known = {name: value for name, value in (written or {}).items() if value is not UNKNOWN}
    names = None if written is None else frozenset(written)
    found = OldRouting({}, [], [])
    for number, own in enumerate(table.own):
        sql = _routing_sql(table, number, connection.alias, names, frozenset(known))
        if sql is not None:
            found.variables[own.label] = f"{VARIABLE}{number}"
            found.columns.append(sql)
            for part in (own.routing or {}).values():
                if part.name in known:
                    value = known[part.name]
                    found.params.extend([json.dumps(part.text(value)), part.field.get_db_prep_save(value, connection)])
    return found


@cache
def _routing_sql(
    table: Table, number: int, alias: str, written: frozenset[str] | None, known: frozenset[str]
) -> str | None:
    """Return SQL for the JSON that routes a change, or None if the old values are not needed, or not in the row.

    Its parameters are the JSON and the stored value of each `known` column, which is written.
    """
    routing, expressions = table.own[number].routing, writers_log(alias).sql
    if not routing or (written is not None and not written & {part.name for part in routing.values()}):
        return None
    parts = list[str]()
    for key, part in routing.items():
        parts.append(expressions.literal(f'{"," if parts else "{"}"{key}":['))
        if written is None or part.name in written:
            cell = f"{expressions.quote(table.name)}.{expressions.quote(part.field.column)}"
            old = expressions.json(part, cell)
            if old is None or part not in table.own_columns:
                return None
            moved = expressions.concat("','", old)
            if_moved = f"IF({expressions.differ(cell, PARAMETER)}, {moved}, '')"
            parts += [PARAMETER, if_moved] if part.name in known else [old]
        parts.append("']'")
    return expressions.concat(*parts, "'}'").replace("%", "%%").replace(PARAMETER, "%s")


def _execute(
    compiler: Any, execute: Callable[[], Any], combine: Callable[..., Any], read: Callable[[Any], None]
) -> Any:
    """Execute what `combine` makes of Django's statement, and `read` its results."""
    connection, original_as_sql = compiler.connection, compiler.as_sql
    own_sql, is_sent = "", False

    @cache  # so a field's `pre_save` is called once, even if others read the SQL
    def as_sql() -> Any:
        nonlocal own_sql
        original = original_as_sql()
        try:
            sql, params = combine(original)
        except Exception as error:
            raise NotRun from error
        own_sql = f"{BEGIN}{sql}{END}"
        return [(own_sql, params)] if isinstance(original, list) else (own_sql, params)

    def read_results(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
        nonlocal is_sent
        if not own_sql or own_sql not in sql:  # a statement of a field's `pre_save`
            return run(sql, params, many, context)
        is_sent = True
        result = run(sql, params, many, context)
        read(context["cursor"])
        return result

    compiler.as_sql = as_sql
    try:
        with connection.execute_wrapper(read_results):
            found = execute()
    except BaseException as error:
        if error.args == (SIGNALED, IN_TRANSACTION):
            raise NotRun from error
        if is_sent:
            _roll_back(connection)
            if has_code(error, (SYNTAX_ERROR, *MYSQL_DENIED)):
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


def _log_insert(
    changes: Sequence[NewChange], alias: str, variables: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, list[str | None]]:
    """Return the INSERT of these changes, and its parameters. `variables` have the routing of labels without one."""
    log = writers_log(alias)
    rows, params = [], list[str | None]()
    for change in changes:
        # the log stores ASCII, whatever its character set
        routing = None if change.routing is None else json.dumps(change.routing)
        if change.operation == INSERT and change.key == GENERATED:
            values = f"%s, {LAST_KEY}, IF(LAST_INSERT_ID(), '{INSERT}', '{REREAD}'), IF(LAST_INSERT_ID(), %s, NULL)"
            params += [change.model, routing]
        elif routing is None and change.model in variables:
            values = f"%s, %s, %s, {variables[change.model]}"
            params += [change.model, change.key, change.operation]
        else:
            values = "%s, %s, %s, %s"
            params += [change.model, change.key, change.operation, routing]
        rows.append(f"({values}, {log.stamps})")
    return f"{log.into} VALUES {', '.join(rows)}", params


def _insert_changes(table: Table, row: Row) -> list[NewChange]:
    if all(row.get(part.name) not in (None, UNKNOWN) for part in table.keys):
        key = table.key(row)
    elif isinstance(table.keys[0].field, AutoField):
        key = GENERATED
    else:
        return rereads(table.labels)
    return [NewChange(own.label, key, INSERT, routing_of(own.routing, row, INSERT)) for own in table.own]
