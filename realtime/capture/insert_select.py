"""INSERT … SELECT: the database copies rows into the log before they are written; no row is sent to Python.

    INSERT INTO realtime_change SELECT 'board.task', id, 'u', … FROM board_task WHERE …;
    UPDATE board_task SET … WHERE …;

On SQLite, the first statement takes the write lock, so both statements find the same rows. On MySQL, this is used only
if the statement finds its rows by primary key alone. There the SELECT locks the same rows as the UPDATE, in the same
order (`FORCE INDEX (PRIMARY)`, `FOR UPDATE`). Django's own statement stays unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connections
from django.db.models import BinaryField, CharField, Field, Lookup, QuerySet, Subquery, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now, Random
from django.db.models.sql.query import Query
from django.db.models.sql.where import ExtraWhere

from realtime.capture.rows import DELETE, MAX_ROWS, UNKNOWN, UPDATE, empty_routing, named_keys
from realtime.capture.sql.log import LogSQL, writers_log
from realtime.capture.tables import Table
from realtime.changelog.base import NewChange, encode_routing, rereads

UNREPEATABLE = (ExtraWhere, Now, Random, RawSQL)
SOURCE = "\0"  # placeholder for the rows in a cached statement
OLD, NEW = "o", "n"  # aliases of the old rows, and of the values that the statement sets


class Copied(NamedTuple):
    """How many rows have been logged, and the changes that remain to be logged."""

    rows: int
    remaining: list[NewChange]


class InsertSelect:
    """Builds the INSERTs for one table, and caches them."""

    def __init__(self, table: Table, log: LogSQL) -> None:
        self.table = table
        self.log = log
        self.rereads = self.log.rereads(table)
        # whether the first INSERT adds one change for each row, and so shows how many rows there are
        self._counts_rows = any(own.label not in self.rereads for own in table.own)
        self._cache: dict[tuple[str, tuple[str, ...], frozenset[str]], list[str]] = {}

    def record(self, operation: str, compiler: Any, written: Mapping[str, Any]) -> Copied:
        """Log the rows that a statement is about to write.

        `written` holds the values that it sets in columns that the log needs; `UNKNOWN` if the database computes it.
        """
        rows = 0
        for sql, params in self.statements(operation, compiler, written):
            count = self.log.execute(sql, params)
            if count > MAX_ROWS:
                return Copied(count, self._log_rereads_instead(count))
            rows = rows or count
        pointed = (link.label for link in self.table.links if written.get(link.column.name) is UNKNOWN)
        return Copied(rows if self._counts_rows else MAX_ROWS, rereads({*self.rereads, *pointed}))

    def statements(self, operation: str, compiler: Any, written: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield these statements, with their parameters."""
        try:
            sql, params = select_matching(self.table, compiler)
        except EmptyResultSet:
            return
        connection = connections[self.log.alias]
        if operation == UPDATE and self.table.is_followed and connection.vendor == "sqlite":
            condition, values = unlike(self.table, compiler)
            sql, params = f"{sql}{condition}", (*params, *values)
        fields = [self.table.columns[name].field for name, value in written.items() if value is not UNKNOWN]
        computed = frozenset(name for name, value in written.items() if value is UNKNOWN)
        is_mysql = connection.vendor == "mysql"
        # on MySQL, LIMIT makes the SELECT lock all rows before the INSERT takes the AUTO-INC lock of the log
        limit = f" LIMIT {MAX_ROWS + 1}" if is_mysql or self._counts_rows else ""
        source = f"({sql}{limit}{' FOR UPDATE' if is_mysql else ''}) {OLD}"
        if fields:
            params = (*params, *(field.get_db_prep_save(written[field.attname], connection) for field in fields))
            source += f", (SELECT {', '.join(f'%s AS {self.log.quote(field.column)}' for field in fields)}) {NEW}"
        for statement in self._statements(operation, tuple(field.column for field in fields), computed):
            yield statement.replace(SOURCE, source), params * statement.count(SOURCE)

    def _log_rereads_instead(self, count: int) -> list[NewChange]:
        table = self.log.changelog.table
        # SQLite has one writer, so these changes have the last ids
        self.log.execute(f"DELETE FROM {table} WHERE id > (SELECT MAX(id) FROM {table}) - %s", [count])
        return rereads(self.table.labels)

    def _statements(self, operation: str, columns: tuple[str, ...], computed: frozenset[str]) -> list[str]:
        """Return the INSERTs for a statement that writes these columns; `SOURCE` stands for the rows."""
        key = operation, columns, computed
        if key not in self._cache:
            self._cache[key] = [statement.replace("%", "%%") for statement in self._build(*key)]
        return self._cache[key]

    def _build(self, operation: str, columns: tuple[str, ...], computed: frozenset[str]) -> Iterator[str]:
        table, log = self.table, self.log
        old = {part.field.column: f"{OLD}.{log.quote(part.field.column)}" for part in table.own_columns}
        row = {**old, **{column: f"{NEW}.{log.quote(column)}" for column in columns}}
        key = log.sql.key(table.keys, old)
        moved_from, deleted = old if columns else None, operation == DELETE
        for own in table.own:
            if own.label not in self.rereads:
                routing = log.sql.routing(table.model, own.routing, row, moved_from, deleted=deleted)
                yield log.insert_select(log.values(own.label, key, operation, routing, table.keys), SOURCE)
                if own.routing and any(part.name in computed for part in own.routing.values()):
                    routing = log.sql.literal(encode_routing(empty_routing(own.routing)))  # read from the row later
                    yield log.insert_select(log.values(own.label, key, operation, routing, table.keys), SOURCE)
        for link in table.links:
            if link.label not in self.rereads:
                cells = dict.fromkeys(log.sql.cell(link.column, cells) for cells in (row, old))
                linked = " UNION ".join(f"SELECT {cell} FROM {SOURCE}" for cell in cells)
                yield log.insert_links(link, f"{{}} IN ({linked})")


def insert_select(table: Table, alias: str) -> InsertSelect:
    return _insert_select(table, writers_log(alias))


@cache
def _insert_select(table: Table, log: LogSQL) -> InsertSelect:
    return InsertSelect(table, log)


def can_copy_by_key(table: Table, compiler: Any, written: Mapping[str, Any]) -> bool:
    """Return whether a SELECT on MySQL locks the same rows as the UPDATE: those found by primary key alone.

    Only an UPDATE of logged columns needs it, for the old values. Text columns are excluded because of collations.
    """
    keys = named_keys(table, compiler.query) if written else None
    return (
        keys is not None
        and len(keys) < MAX_ROWS  # the links of these rows, and the new one, are not too many to log
        and not any(isinstance(table.columns[name].target, CharField | TextField) for name in written)
    )


def is_repeatable(query: Any) -> bool:
    """Return whether the conditions find the same rows in two consecutive statements.

    SQLite evaluates a correlated subquery again for each row, and sees what the statement has written so far.
    """
    waiting: list[Any] = [query.where, *query.annotations.values()]
    while waiting:
        expression = waiting.pop()
        if isinstance(expression, Query):
            if expression.get_external_cols() or expression.extra or expression.combinator:
                return False
            waiting += [expression.where, *expression.annotations.values()]
            continue
        if hasattr(expression, "children"):
            waiting += expression.children
            continue
        if not type(expression).__module__.startswith("django.db.models.") or isinstance(expression, UNREPEATABLE):
            return False
        if isinstance(expression, Lookup):
            values = expression.rhs if isinstance(expression.rhs, list | tuple | set) else [expression.rhs]
            waiting.append(expression.lhs)
            waiting += [value for value in values if hasattr(value, "resolve_expression")]
        elif isinstance(expression, Subquery):
            waiting.append(expression.query)
        elif hasattr(expression, "get_source_expressions"):
            waiting += [each for each in expression.get_source_expressions() if each is not None]
    return not query.extra


def select_matching(table: Table, compiler: Any) -> tuple[str, tuple[Any, ...]]:
    """Return SQL and parameters of the SELECT of the rows that a statement is about to write, from this table."""
    query, quote = compiler.query, compiler.connection.ops.quote_name
    query.get_initial_alias()
    if query.count_active_tables() > 1 or query.group_by is not None:
        query = _by_key(table, query, compiler.connection.alias)
        compiler = query.get_compiler(compiler.connection.alias)
    try:
        where, params = compiler.compile(query.where)
    except FullResultSet:
        where, params = "1 = 1", ()
    name = quote(table.name)
    columns = ", ".join(f"{name}.{quote(part.field.column)}" for part in table.own_columns)
    index = " FORCE INDEX (PRIMARY)" if compiler.connection.vendor == "mysql" else ""
    return f"SELECT {columns} FROM {name}{index} WHERE ({where})", tuple(params)


def unlike(table: Table, compiler: Any) -> tuple[str, Sequence[Any]]:
    """Return a further condition on SQLite, and its parameters: an UPDATE changes the row.

    It is empty if the statement computes a value. A trigger may change more than the statement does.
    """
    connection, quote = compiler.connection, compiler.connection.ops.quote_name
    same, params = [], []
    for field, _, value in compiler.query.values:
        if hasattr(value, "resolve_expression") or not _is_stored_as_compared(field, connection):
            return "", ()
        if hasattr(value, "prepare_database_save"):
            value = value.prepare_database_save(field)
        same.append(f"{quote(table.name)}.{quote(field.column)} IS %s COLLATE BINARY")
        params.append(field.get_db_prep_save(value, connection))
    # read only for an UPDATE that changes nothing: SQLite evaluates subqueries last
    triggers = " UNION ALL ".join(
        f"SELECT 1 FROM {schema} WHERE type = 'trigger' AND tbl_name = %s COLLATE NOCASE"
        for schema in ("sqlite_master", "sqlite_temp_master")
    )
    return f" AND NOT ({' AND '.join(same)} AND NOT EXISTS ({triggers}))", [*params, table.name, table.name]


def _is_stored_as_compared(field: Any, connection: Any) -> bool:
    """Return whether two values of a column that SQLite finds equal are stored alike: it has a type, or is binary."""
    for name in ("get_placeholder", "get_placeholder_sql"):  # the latter from Django 6.1
        plain = {getattr(kind, name, None) for kind in (Field, BinaryField)}
        if getattr(type(field), name, None) not in plain:  # its SQL changes the value
            return False
    kind = (field.db_type(connection) or "").upper()
    return (bool(kind) and "BLOB" not in kind) or field.get_internal_type() == "BinaryField"


def _by_key(table: Table, query: Any, alias: str) -> Any:
    """Return a query of one table for the rows that a query of several tables finds."""
    found = query.chain(klass=Query)
    found.select_related = False
    found.clear_ordering(force=True)
    found.clear_select_clause()
    found.extra = {}
    found.get_initial_alias()
    rows: QuerySet[Any] = QuerySet(model=query.model, query=found, using=alias)
    by_key: Any = QuerySet(model=table.model, using=alias).filter(pk__in=rows.values("pk")).query
    by_key.get_initial_alias()
    return by_key
