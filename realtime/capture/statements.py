"""Capture of the ORM's statements: every INSERT, UPDATE and DELETE that Django sends, whichever method made it.

`save`, `bulk_create`, `update`, a manager, a related manager, a cascade, an async twin: all end in one of three
compilers of `django.db.models.sql.compiler`. These are wrapped, once and for all models; a statement to a table that
is not watched costs a look into a dictionary. The statement and what the log is told of it commit together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import models, transaction
from django.db.models.sql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler

from realtime.capture import inline
from realtime.capture.inserts import record_insert
from realtime.capture.rows import (
    DELETE,
    UPDATE,
    changes,
    known_keys,
    read_keys,
    read_matching,
    rereads,
    restrict,
)
from realtime.capture.tracking import Row, Table
from realtime.changelog import get_changelog
from realtime.changelog.base import NewChange

Execute = Callable[..., Any]

_tables: dict[type[models.Model], Table] = {}
_databases: set[str] = set()
_originals: dict[tuple[Any, str], Any] = {}  # None: the class had inherited it
_only_wakes = False  # triggers record


def watch(tables: dict[type[models.Model], Table], databases: set[str], *, only_wake: bool = False) -> None:
    """Record the statements to these tables on these databases, and to no others.

    With `only_wake` nothing is recorded, and the hubs are woken: for what triggers record.
    """
    global _only_wakes
    _only_wakes = only_wake
    _tables.clear()
    _tables.update(tables)
    _databases.clear()
    _databases.update(databases)
    inline.inline.cache_clear()
    if not _originals:
        _wrap(SQLInsertCompiler, "execute_sql", record_insert, inline.insert)
        _wrap(SQLUpdateCompiler, "execute_sql", record_update, inline.update)
        _wrap(SQLDeleteCompiler, "execute_sql", record_delete, inline.delete)
        if hasattr(SQLUpdateCompiler, "execute_returning_sql"):  # from Django 6.0
            _wrap(SQLUpdateCompiler, "execute_returning_sql", record_update_returning, inline.update_returning)


def unwatch() -> None:
    """Undo `watch`: Django's methods are its own again."""
    for (compiler, name), original in _originals.items():
        if original is None:
            delattr(compiler, name)
        else:
            setattr(compiler, name, original)
    _originals.clear()
    _tables.clear()


def _wrap(compiler: Any, name: str, record: Callable[..., Any], record_inline: Callable[..., Any]) -> None:
    original = getattr(compiler, name)
    _originals[compiler, name] = vars(compiler).get(name)

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        table = _tables.get(self.query.model._meta.concrete_model)
        if table is None or self.connection.alias not in _databases:
            return original(self, *args, **kwargs)
        if _only_wakes:
            result = original(self, *args, **kwargs)
            log = get_changelog(self.connection.alias)
            if not log.triggers_wake:
                log.wake_on_commit()
            return result
        if self.connection.vendor == "postgresql":
            result = record_inline(table, self, functools.partial(original, self), *args, **kwargs)
            if result is not None:
                return result
        with transaction.atomic(using=self.connection.alias, savepoint=False):
            return record(table, self, functools.partial(original, self), *args, **kwargs)

    setattr(compiler, name, method)


def record_update(table: Table, compiler: Any, execute: Execute, *args: Any) -> Any:
    query, alias = compiler.query, compiler.connection.alias
    if not query.values:  # only the tables of parents change; their statements come by themselves
        return execute(*args)

    log = get_changelog(alias)
    keys = known_keys(table, query)
    if keys is not None and table.is_told_by_key and not _written(query) & set(table.names):
        if count := execute(*args):
            log.append(changes(table, UPDATE, [{table.names[0]: key} for key in keys], (), alias))
        return count

    log.lock()
    before = read_matching(table, compiler, deleting=False)
    if before is not None and (keys is None or len(before) < len(keys)):
        restrict(table, query, before)
    count = execute(*args)
    log.append(rereads(table) if before is None else _update_changes(table, query, before, alias))
    return count


def record_update_returning(table: Table, compiler: Any, execute: Execute, returning_fields: Any) -> Any:
    if not returning_fields or not compiler.connection.features.can_return_rows_from_update:
        return execute(returning_fields)  # which goes on to `execute_sql`
    rows: list[Any] = []

    def count() -> int:
        with suppress(EmptyResultSet):
            rows.extend(execute(returning_fields))
        return len(rows)

    record_update(table, compiler, count)
    return rows


def record_delete(table: Table, compiler: Any, execute: Execute, *args: Any) -> Any:
    query, alias = compiler.query, compiler.connection.alias
    log = get_changelog(alias)
    keys = known_keys(table, query)
    if table.labels and not (keys is not None and table.is_told_by_key):
        log.lock()
        before = read_matching(table, compiler, deleting=True)
        if before is not None and (keys is None or len(before) < len(keys)):
            restrict(table, query, before)
    else:
        before = [{table.names[0]: key} for key in keys or ()]
    count = execute(*args) or 0
    if count:
        found = rereads(table) if before is None else changes(table, DELETE, before, (), alias)
        log.append([*found, *rereads(table, table.cascades)])
    return count


def _written(query: Any) -> set[str]:
    return {field.attname for field, _, _ in query.values}


def _update_changes(table: Table, query: Any, before: list[Row], alias: str) -> list[NewChange]:
    names = {column.name for column in table.keys}
    values = {
        field.attname: value.prepare_database_save(field) if hasattr(value, "prepare_database_save") else value
        for field, _, value in query.values
        if field.attname in table.names
    }
    if not values or not before:
        return changes(table, UPDATE, before, (), alias)
    computed = any(hasattr(value, "resolve_expression") for value in values.values())
    if computed and names & set(values):
        return rereads(table)  # the rows have new keys, which only the database knows
    after = read_keys(table, before, alias) if computed else [{**row, **values} for row in before]
    if names & set(values):
        return changes(table, UPDATE, [*before, *after], (), alias)
    return changes(table, UPDATE, after, before, alias)
