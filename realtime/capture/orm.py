"""ORM capture: records every INSERT, UPDATE and DELETE of Django's ORM, no matter which method sends it.

`save`, `bulk_create`, `update`, managers, related managers, cascades and async methods all end in one of three
compilers of `django.db.models.sql.compiler`. `watch` wraps these once, for all models. A statement to an unwatched
table costs one dictionary lookup. A statement and its log entries commit together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError, connections, models
from django.db.models import AutoField
from django.db.models.constants import OnConflict
from django.db.models.sql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler
from django.db.models.sql.constants import CURSOR, ROW_COUNT

from realtime.capture import compound, cte, restrictions
from realtime.capture.insert_select import Copied, can_copy_by_key, insert_select, is_repeatable
from realtime.capture.rows import (
    DELETE,
    INSERT,
    MAX_ROWS,
    UNCHANGED,
    UNKNOWN,
    UPDATE,
    changes_of,
    collect_values,
    conditions_of,
    delete_changes,
    update_changes,
    written_values,
)
from realtime.capture.statement import MYSQL_DENIED, Statement, has_code, log_failure_once, run_recorded
from realtime.capture.tables import Row, Table
from realtime.changelog import get_changelog
from realtime.changelog.base import rereads

Execute = Callable[..., Any]

SQLITE_WRITE_ERRORS = (5, 6, 8, 10, 13)  # SQLITE_BUSY, LOCKED, READONLY, IOERR, FULL
MYSQL_WRITE_ERRORS = (1205, 1213, 2006, 2013)  # lock wait timeout, deadlock, server gone, connection lost

_tables: dict[type[models.Model], Table] = {}
_databases: set[str] = set()
_originals: dict[tuple[Any, str], Any] = {}  # the wrapped methods; None for an inherited one
_only_wakes = False  # triggers write the log


def watch(tables: dict[type[models.Model], Table], databases: set[str], *, only_wake: bool = False) -> None:
    """Record the statements to these tables on these databases, and to no others.

    With `only_wake`, triggers record the statements, and this only wakes the hubs.
    """
    global _only_wakes
    _only_wakes = only_wake
    _tables.clear()
    _tables.update(tables)
    _databases.clear()
    _databases.update(databases)
    cte.statement_builder.cache_clear()
    if not _originals:
        _wrap(SQLInsertCompiler, "execute_sql", record_insert, restrictions.INSERT, cte.insert)
        _wrap(SQLUpdateCompiler, "execute_sql", record_update, restrictions.UPDATE, cte.update)
        _wrap(SQLDeleteCompiler, "execute_sql", record_delete, restrictions.DELETE, cte.delete)
        if hasattr(SQLUpdateCompiler, "execute_returning_sql"):  # from Django 6.0
            _wrap(SQLUpdateCompiler, "execute_returning_sql", record_update_returning, restrictions.UPDATE)


def unwatch() -> None:
    """Undo `watch`: restore Django's methods."""
    for (compiler, name), original in _originals.items():
        if original is None:
            delattr(compiler, name)
        else:
            setattr(compiler, name, original)
    _originals.clear()
    _tables.clear()


def _wrap(compiler: Any, name: str, record: Execute, event: str, record_combined: Execute | None = None) -> None:
    """Wrap a method. On PostgreSQL, `record_combined` records the statement, if it can; otherwise `record` does."""
    original = _originals[compiler, name] = vars(compiler).get(name)

    @functools.wraps(getattr(compiler, name))
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        # an inherited method is looked up at each call, because others may wrap it at any time
        execute = functools.partial(original, self) if original else getattr(super(compiler, self), name)
        table = _tables.get(self.query.model._meta.concrete_model)
        alias = self.connection.alias
        if table is None or alias not in _databases:
            return execute(*args, **kwargs)
        if name == "execute_returning_sql" and not _can_return_rows(self, *args, **kwargs):
            return execute(*args, **kwargs)  # it calls `execute_sql`
        log = get_changelog(alias)
        if not log.exists():
            result = execute(*args, **kwargs)
            log.reread_after_commit(table.labels)
            return result
        if _only_wakes:
            result = execute(*args, **kwargs)
            if not log.triggers_wake:
                log.wake_on_commit()
            return result
        if table.untracked and isinstance(self, SQLUpdateCompiler) and _writes_only(table.untracked, self.query):
            return execute(*args, **kwargs)
        statement = Statement(execute)
        if self.connection.vendor == "postgresql":
            result = cte.run_recorded(record_combined, event, table, self, statement, *args, **kwargs)
            if result is not None:
                return result
        elif compound.is_possible(table, self):
            with suppress(compound.NotRun):
                return compound.run(table, self, statement, *args, **kwargs)
            statement = Statement(execute)
        return run_recorded(record, table, self, statement, *args, **kwargs)

    setattr(compiler, name, method)


def _writes_only(names: set[str], query: Any) -> bool:
    """Return whether an UPDATE writes these attributes alone."""
    return bool(query.values) and all(field.attname in names for field, _, _ in query.values)


def record_update(table: Table, compiler: Any, execute: Execute, *args: Any) -> Any:
    query, alias = compiler.query, compiler.connection.alias
    if not query.values:  # only parent tables change, in separate statements
        return execute(*args)

    log = get_changelog(alias)
    written = written_values(table, query)
    copied = _copy_to_log(table, UPDATE, compiler, written) if _can_copy(table, compiler, written) else None
    if copied is not None:
        count = execute(*args)
        if compiler.connection.vendor == "mysql" and count > copied.rows:  # rows were inserted after the copy
            log.append(update_changes(table, query, conditions_of(table, query), alias))
        else:
            log.append(copied.remaining if count else [])
        log.wake_on_commit()
        return count

    conditions = conditions_of(table, query)
    if count := execute(*args):
        # on MySQL, Django may read the keys first and put them into the query
        conditions = {**conditions_of(table, query), **conditions}
        log.append(update_changes(table, query, conditions, alias))
    return count


def _can_copy(table: Table, compiler: Any, written: Mapping[str, Any]) -> bool:
    """Return whether INSERT … SELECT can log the rows before this UPDATE, without locking more than it does."""
    if not table.labels or written.keys() & {part.name for part in table.keys}:
        return False
    match compiler.connection.vendor:
        case "sqlite":
            return is_repeatable(compiler.query)
        case "mysql":
            return can_copy_by_key(table, compiler, written)
    return False


def _copy_to_log(table: Table, operation: str, compiler: Any, written: Mapping[str, Any]) -> Copied | None:
    """Log the rows with INSERT … SELECT, or return None if the database refuses."""
    try:
        return insert_select(table, compiler.connection.alias).record(operation, compiler, written)
    except DatabaseError as error:
        if _would_fail_anyway(error):
            raise
        log_failure_once(table, error)
        return None


def _would_fail_anyway(error: DatabaseError) -> bool:
    """Return whether the statement itself would fail too: the row is locked, or the file is not writable."""
    cause: Any = error.__cause__
    sqlite_code = getattr(cause, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return sqlite_code & 0xFF in SQLITE_WRITE_ERRORS
    return has_code(error, MYSQL_WRITE_ERRORS)


def _can_return_rows(compiler: Any, returning_fields: Any = None) -> bool:
    return bool(returning_fields) and compiler.connection.features.can_return_rows_from_update


def record_update_returning(table: Table, compiler: Any, execute: Execute, returning_fields: Any) -> Any:
    rows: list[Any] = []

    def count() -> int:
        with suppress(EmptyResultSet):
            rows.extend(execute(returning_fields))
        return len(rows)

    record_update(table, compiler, count)
    return rows


def record_delete(table: Table, compiler: Any, execute: Statement, *args: Any) -> Any:
    alias, log = compiler.connection.alias, get_changelog(compiler.connection.alias)
    cascades = rereads(table.cascades)
    is_copied = bool(table.labels) and compiler.connection.vendor == "sqlite" and is_repeatable(compiler.query)
    copied = _copy_to_log(table, DELETE, compiler, {}) if is_copied else None
    if copied is not None:
        count = execute(*args) or 0
        log.append([*copied.remaining, *cascades] if count else [])
        log.wake_on_commit()
        return count

    conditions = conditions_of(table, compiler.query)
    rows = _delete_returning(table, compiler, execute) if table.labels and _can_return(compiler, *args) else None
    if rows is not None:
        count = len(rows)
        found = rereads(table.labels) if count > MAX_ROWS else changes_of(table, DELETE, rows, rows, alias)
    else:
        count = execute(*args) or 0
        found = delete_changes(table, conditions, alias)
    if count:
        log.append([*found, *cascades])
    return count


def _can_return(compiler: Any, result_type: str = ROW_COUNT, *args: Any) -> bool:
    """Return whether the DELETE can return its rows: on MariaDB, from one table, if the caller wants their number."""
    is_mariadb = getattr(compiler.connection, "mysql_is_mariadb", False)
    return is_mariadb and result_type == ROW_COUNT and bool(compiler.single_alias)


def _delete_returning(table: Table, compiler: Any, execute: Statement) -> list[Row] | None:
    """Execute Django's DELETE with RETURNING added; return the deleted rows, or None if the role may not read them."""
    original_as_sql, quote = compiler.as_sql, compiler.connection.ops.quote_name
    columns = ", ".join(quote(part.field.column) for part in table.own_columns)

    def as_sql() -> tuple[str, Any]:
        sql, params = original_as_sql()
        return f"{sql} RETURNING {columns}", params

    compiler.as_sql = as_sql
    try:
        cursor = execute(CURSOR)
    except DatabaseError as error:
        if has_code(error, MYSQL_DENIED):
            return None
        raise
    finally:
        del compiler.as_sql
    if cursor is None:  # nothing can match
        return []
    fields = [part.field for part in table.own_columns]
    converters = compiler.get_converters([field.get_col(table.name) for field in fields])
    with cursor:
        rows = cursor.fetchall()
    execute.result = len(rows)  # Django's own result, even if the conversion below fails
    if converters:
        rows = compiler.apply_converters(rows, converters)
    return [dict(zip([part.name for part in table.own_columns], row, strict=True)) for row in rows]


def record_insert(table: Table, compiler: Any, execute: Callable[..., Any], returning_fields: Any = None) -> Any:
    query, alias = compiler.query, compiler.connection.alias
    requested = list(returning_fields or ())
    added = _keys_to_return(table, compiler, requested)
    stored = collect_values(table, compiler)
    returned = execute([*requested, *added] or returning_fields)

    operation = UPDATE if query.on_conflict is OnConflict.UPDATE else INSERT
    names = [field.attname for field in (*requested, *added)]
    if table.labels:
        known_rows = _known_rows(table, compiler, stored)
        rows = _stored_rows(table, compiler, known_rows, names, returned)
        links = _link_rows(query, known_rows)
        found = rereads(table.labels) if rows is None else changes_of(table, operation, rows, links, alias)
        get_changelog(alias).append(found)
    if added:
        return [row[: len(requested)] for row in returned] if requested else []
    return returned


def _keys_to_return(table: Table, compiler: Any, requested: Sequence[Any]) -> list[Any]:
    """Return the key fields that the database must return, as far as it can."""
    objects, features = compiler.query.objs, compiler.connection.features
    conflict = compiler.query.on_conflict
    are_known = all(_value(item, part.name) not in (None, UNKNOWN) for item in objects for part in table.keys)
    if not table.own or len(objects) > MAX_ROWS or (are_known and conflict is not OnConflict.UPDATE):
        return []
    added = [part.field for part in table.keys if part.field not in requested]
    if len(objects) > 1:
        return added if features.can_return_rows_from_bulk_insert else []
    if not features.can_return_columns_from_insert:  # Django reads the last id instead
        return added if not requested and conflict is None and isinstance(table.keys[0].field, AutoField) else []
    if conflict is OnConflict.IGNORE:  # Django before 6.0 cannot convert the values of a skipped row
        columns = [field.get_col(table.model._meta.db_table) for field in (*requested, *added)]
        return [] if compiler.get_converters(columns) else added
    return added


def _known_rows(table: Table, compiler: Any, stored: Mapping[tuple[int, str], Any]) -> list[dict[str, Any]]:
    """Return the values that the log needs of each row, as far as the statement contains them."""
    return [{name: stored.get((id(item), name), UNKNOWN) for name in table.names} for item in compiler.query.objs]


def _link_rows(query: Any, rows: Sequence[Row]) -> Sequence[Row]:
    """Return the rows with the links that are certain: an upsert may leave an existing row's link unchanged."""
    if query.on_conflict is not OnConflict.UPDATE:
        return rows
    same = {field.attname for field in query.unique_fields} - {field.attname for field in query.update_fields}
    return [{name: value if name in same else UNKNOWN for name, value in row.items()} for row in rows]


def _stored_rows(
    table: Table, compiler: Any, rows: list[dict[str, Any]], names: Sequence[str], returned: Sequence[Any]
) -> Sequence[Row] | None:
    """Return the stored rows, as far as the log needs them, or None if a key is unknown."""
    query, alias = compiler.query, compiler.connection.alias
    if len(query.objs) > MAX_ROWS:
        return None
    answers = [dict(zip(names, row, strict=False)) for row in returned if row is not None]

    if query.on_conflict is None:
        for row, answer in zip(rows, answers, strict=False):
            row.update({name: answer[name] for name in table.names if name in answer})
        if table.own and any(_has_no_key(table, row) for row in rows) and not _set_last_ids(table, rows, alias):
            return None
        return rows

    if not table.own:
        return rows
    if query.on_conflict is OnConflict.UPDATE or any(_has_no_key(table, row) for row in rows):
        if not names or (query.on_conflict is OnConflict.UPDATE and len(answers) < len(rows)):
            return None
        rows = [{**dict.fromkeys(table.names, UNKNOWN), **answer} for answer in answers]
        if any(_has_no_key(table, row) for row in rows):
            return None
    keys, touched = {part.name for part in table.keys}, {field.attname for field in query.update_fields}
    others = {name: UNKNOWN if name in touched else UNCHANGED for name in table.names if name not in keys}
    return [{**row, **others} for row in rows]


def _value(item: Any, name: str) -> Any:
    value = getattr(item, name)
    return UNKNOWN if hasattr(value, "resolve_expression") else value


def _has_no_key(table: Table, row: Row) -> bool:
    return any(row.get(part.name) in (None, UNKNOWN) for part in table.keys)


def _set_last_ids(table: Table, rows: list[Any], alias: str) -> bool:
    """Set the ids of the rows of one INSERT on MySQL, which returns only the first; return whether this is possible.

    InnoDB assigns consecutive ids if the number of rows is known in advance: see "AUTO_INCREMENT Handling in InnoDB"
    in MySQL's manual.
    """
    if connections[alias].vendor != "mysql" or not isinstance(table.keys[0].field, AutoField):
        return False
    if not all(_has_no_key(table, row) for row in rows):
        return False
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT LAST_INSERT_ID(), @@auto_increment_increment")
        first, step = cursor.fetchone()
    for number, row in enumerate(rows):
        row[table.keys[0].name] = first + number * step
    return True
