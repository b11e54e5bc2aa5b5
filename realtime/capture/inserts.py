"""Capture of INSERT: the keys of new rows are those that the objects have, or that the database returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections
from django.db.models import AutoField
from django.db.models.constants import OnConflict

from realtime.capture.rows import INSERT, MAX_ROWS, UNKNOWN, UPDATE, changes, read_keys, rereads
from realtime.capture.tracking import Row, Table
from realtime.changelog import get_changelog


def record_insert(table: Table, compiler: Any, execute: Callable[..., Any], returning_fields: Any = None) -> Any:
    query, alias = compiler.query, compiler.connection.alias
    given = list(returning_fields or ())
    wanted = _keys_to_return(table, compiler, given)
    returned = execute([*given, *wanted] or returning_fields)

    operation = UPDATE if query.on_conflict is OnConflict.UPDATE else INSERT
    rows = _rows(table, compiler, [field.attname for field in (*given, *wanted)], returned)
    if table.labels:
        found = rereads(table) if rows is None else changes(table, operation, rows, (), alias)
        get_changelog(alias).append(found)
    if wanted:
        return [row[: len(given)] for row in returned] if given else []
    return returned


def _keys_to_return(table: Table, compiler: Any, given: Sequence[Any]) -> list[Any]:
    """The fields of the key that the database has to return, as far as it can."""
    objects, features = compiler.query.objs, compiler.connection.features
    conflict = compiler.query.on_conflict
    known = all(_value(item, part.name) not in (None, UNKNOWN) for item in objects for part in table.keys)
    if not table.own or len(objects) > MAX_ROWS or (known and conflict is not OnConflict.UPDATE):
        return []
    wanted = [part.field for part in table.keys if part.field not in given]
    if len(objects) > 1:
        return wanted if features.can_return_rows_from_bulk_insert else []
    if not features.can_return_columns_from_insert:  # then Django asks for the last id
        return wanted if not given and conflict is None and isinstance(table.keys[0].field, AutoField) else []
    if conflict is OnConflict.IGNORE:  # Django before 6.0 cannot convert the values of no row
        columns = [field.get_col(table.model._meta.db_table) for field in (*given, *wanted)]
        return [] if compiler.get_converters(columns) else wanted
    return wanted


def _rows(table: Table, compiler: Any, names: Sequence[str], returned: Sequence[Any]) -> Sequence[Row] | None:
    """The rows as they are now, as far as the log is told of them, or None where the keys cannot be known."""
    query, alias = compiler.query, compiler.connection.alias
    if len(query.objs) > MAX_ROWS:
        return None
    answers = [dict(zip(names, row, strict=False)) for row in returned if row is not None]
    rows = [{name: _value(item, name) for name in table.names} for item in query.objs]

    if query.on_conflict is None:
        for row, answer in zip(rows, answers, strict=False):
            row.update({name: answer[name] for name in table.names if name in answer})
        if table.own and any(_has_no_key(table, row) for row in rows) and not _take_last_ids(table, rows, alias):
            return None
        unread = any(value is UNKNOWN for row in rows for value in row.values())
        return read_keys(table, rows, alias) if unread and table.own else rows

    if not table.own:  # links to what is there already are told once more
        touched = {field.attname for field in query.update_fields}
        return [{name: UNKNOWN if name in touched else value for name, value in row.items()} for row in rows]
    if query.on_conflict is OnConflict.UPDATE or any(_has_no_key(table, row) for row in rows):
        if not names or (query.on_conflict is OnConflict.UPDATE and len(answers) < len(rows)):
            return None
        rows = [{**dict.fromkeys(table.names, UNKNOWN), **answer} for answer in answers]
        if any(_has_no_key(table, row) for row in rows):
            return None
    if {field.attname for field in query.update_fields} & set(table.names):
        keys = {part.name for part in table.keys}
        return [{name: value if name in keys else UNKNOWN for name, value in row.items()} for row in rows]
    return read_keys(table, rows, alias)


def _value(item: Any, name: str) -> Any:
    value = getattr(item, name)
    return UNKNOWN if hasattr(value, "resolve_expression") else value


def _has_no_key(table: Table, row: Row) -> bool:
    return any(row.get(part.name) in (None, UNKNOWN) for part in table.keys)


def _take_last_ids(table: Table, rows: list[Any], alias: str) -> bool:
    """Number the rows of one INSERT as MySQL did, which returns only the first id.

    InnoDB hands out consecutive ids to an INSERT whose number of rows is known before: see "AUTO_INCREMENT Handling
    in InnoDB" in MySQL's manual.
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
