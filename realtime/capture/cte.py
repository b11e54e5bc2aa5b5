"""PostgreSQL capture: one statement writes the rows and their log entries.

    WITH realtime_new AS (UPDATE … FROM (SELECT … FOR NO KEY UPDATE) realtime_old_row … RETURNING …)
    INSERT INTO realtime_change SELECT … FROM realtime_new

This is the form if the statement names its keys. Otherwise it may write too many rows to log one by one:

    WITH realtime_old AS (SELECT … FOR NO KEY UPDATE), realtime_new AS (UPDATE … FROM realtime_old … RETURNING …),
    realtime_log AS (INSERT INTO realtime_change SELECT … FROM realtime_new)
    SELECT count(*) FROM realtime_new

It takes one round trip and no extra transaction, and no rows are sent to Python. Triggers use the same SQL. Other
writes (upserts, new keys, rows of multi-table parents) are recorded as on the other databases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError, NotSupportedError, ProgrammingError
from django.db.models.constants import OnConflict
from django.db.models.sql.constants import NO_RESULTS, ROW_COUNT, SINGLE
from django.db.models.sql.subqueries import UpdateQuery

from realtime.capture import restrictions
from realtime.capture.insert_select import select_matching
from realtime.capture.restrictions import Restriction
from realtime.capture.rows import DELETE, INSERT, MAX_ROWS, UPDATE, named_keys
from realtime.capture.sql.postgresql import PostgreSQLLogSQL
from realtime.capture.statement import Statement, log_failure_once, run_with_reread, run_with_reread_atomically
from realtime.capture.tables import Table
from realtime.changelog import get_changelog
from realtime.changelog.postgresql import PostgreSQLChangeLog

Execute = Callable[..., Any]  # Django's method, or another app's wrapper around it

COUNTS = (None, NO_RESULTS, ROW_COUNT)  # result types for which a number of rows is enough


class StatementBuilder:
    """Builds the statements to one table, from parts that it computes once."""

    def __init__(self, table: Table, alias: str, *, one: bool = False) -> None:
        self.table = table
        self.alias = alias
        self.log = log = PostgreSQLLogSQL(alias, table=get_changelog(alias).qualified_table)
        if one:  # for one row, expressions are cheaper to plan than values computed once for many rows
            log.stamps = ", ".join(PostgreSQLChangeLog.row_stamps)
        self.quote = quote = log.quote
        self.name = quote(table.name)
        self.columns = [quote(column.field.column) for column in table.own_columns]
        self.keys = [quote(column.field.column) for column in table.keys]
        self.old_names = {name: quote(f"old {place}") for place, name in enumerate(self.columns)}
        self.is_possible = bool(table.labels) and not log.rereads(table) and not table.cascades
        if self.is_possible:
            links = log.link_inserts(table, "realtime_new")
            self.insert_entries = [*log.own_inserts(table, INSERT, "realtime_new"), *links]
            self.update_entries = [*log.own_inserts(table, UPDATE, "realtime_new"), *links]
            self.delete_entries = [*log.own_inserts(table, DELETE, "realtime_new"), *links]
            self.move_entries = self._move_entries()
            self.logs_each_row = bool(table.own)  # the first INSERT adds one row to the log for each row written
            self.reread_entries = [log.insert_reread(label) for label in sorted(table.labels)]

    def _move_entries(self) -> list[str]:
        key = str(self.log.sql.key(self.table.keys, "n"))
        names = [column.field.column for column in self.table.own_columns]
        old = {name: f"n.{self.old_names[self.quote(name)]}" for name in names}
        links = self.log.link_inserts(self.table, "realtime_new", "realtime_old")
        return [*self.log.inserts_of(self.table, UPDATE, key, "realtime_new n", old), *links]

    def returning(self, *others: str) -> str:
        return "RETURNING " + ", ".join(f"{self.name}.{name}" for name in dict.fromkeys([*self.columns, *others]))

    def join_old_rows(self, source: str) -> str:
        """Return the clauses of an UPDATE that join the old rows of `source`."""
        names = ", ".join(f"{column} AS {old}" for column, old in self.old_names.items())
        return f"FROM (SELECT {names} FROM {source}) realtime_old_row WHERE {self.key_condition()}"

    def key_condition(self) -> str:
        return " AND ".join(f"{self.name}.{key} = realtime_old_row.{self.old_names[key]}" for key in self.keys)

    def select_old_rows(self, where: str) -> str:
        """Return the SELECT of the old rows. It locks them as UPDATE does, and so reads their committed values."""
        names = ", ".join(f"{self.name}.{column} AS {old}" for column, old in self.old_names.items())
        return f"SELECT {names} FROM {self.name} WHERE {where} FOR NO KEY UPDATE"

    def with_log_insert(self, write: str, entries: Sequence[str]) -> Combined:
        """Combine a statement that writes few rows with its INSERTs into the log, the last of which counts them."""
        last, *others = [insert.replace("%", "%%") for insert in entries]
        parts = [
            f"realtime_new AS ({write})",
            *(f"realtime_log{place} AS ({insert})" for place, insert in enumerate(others)),
        ]
        return Combined(f"WITH {', '.join(parts)} {last}", returns_count=False)

    def with_log_ctes(self, write: str, entries: Sequence[str], answer: str, *, before: str = "", few: bool) -> str:
        """Return a statement that writes and logs rows, then selects `answer`; `few`: at most `MAX_ROWS` rows."""
        parts = [f"realtime_old AS ({before})"] if before else []
        if few:
            parts.append(f"realtime_new AS ({write})")
        else:
            parts.append(f"realtime_all AS ({write}), realtime_number AS (SELECT count(*) AS rows FROM realtime_all)")
            parts.append(
                f"realtime_new AS (SELECT * FROM realtime_all WHERE (SELECT rows FROM realtime_number) <= {MAX_ROWS})"
            )
            rereads = [
                f"{reread} WHERE (SELECT rows FROM realtime_number) > {MAX_ROWS}" for reread in self.reread_entries
            ]
            entries = [*entries, *rereads]
        parts += [f"realtime_log{place} AS ({insert.replace('%', '%%')})" for place, insert in enumerate(entries)]
        return f"WITH {', '.join(parts)} SELECT {answer} FROM {'realtime_new' if few else 'realtime_all'}"

    def with_count(self, write: str, entries: Sequence[str], *, before: str = "", few: bool) -> Combined:
        """Like `with_log_ctes`, but it returns the number of rows."""
        return Combined(self.with_log_ctes(write, entries, "count(*)", before=before, few=few), returns_count=True)

    def combine(self, write: str, entries: Sequence[str], *, few: bool) -> Combined:
        """Combine a statement with its INSERTs into the log in the fastest form that gives the number of rows."""
        write = f"{write} {self.returning()}"
        if few and self.logs_each_row:
            return self.with_log_insert(write, entries)
        return self.with_count(write, entries, few=few)

    def run(self, compiler: Any, execute: Execute, combined: Combined, params: Sequence[Any]) -> int:
        """Execute the combined statement through Django's method in place of the compiler's SQL; return the count."""
        compiler.as_sql = lambda: (combined.sql, params)
        try:
            if combined.returns_count:
                compiler.col_count = 1
                (count,) = execute(SINGLE)
            else:
                count = execute(ROW_COUNT)  # the final INSERT adds one row for each row written
        finally:
            vars(compiler).pop("as_sql", None)
        if count:
            get_changelog(self.alias).wake_on_commit()
        return int(count or 0)


class Combined(NamedTuple):
    """A statement that writes and logs rows. It returns their number, or its final INSERT adds as many rows."""

    sql: str
    returns_count: bool


def run_recorded(
    record: Execute | None, event: str, table: Table, compiler: Any, statement: Statement, *args: Any, **kwargs: Any
) -> Any:
    """Let `record` execute the statement together with its log entries; return None if it has no such form.

    `event` is the kind of statement for `restrictions`; without `record`, no statement of this kind has such a form.
    """
    alias = compiler.connection.alias
    restriction = restrictions.restriction_of(compiler.connection, table, event)
    if restriction is Restriction.ROW_SECURITY and not _reads(compiler, event, *args, **kwargs):
        if event == restrictions.INSERT and compiler.query.on_conflict is None:
            return None  # its values are known
        restriction = Restriction.UNCHANGED
    if restriction is Restriction.UNCHANGED:
        return run_with_reread_atomically(table, compiler, statement, *args, **kwargs)
    if record is None:
        return None
    try:
        return record(table, compiler, statement, *args, **kwargs)
    except (NotSupportedError, ProgrammingError):
        # the table or the role may have changed since the lookup; an open transaction has failed with this error
        restrictions.forget(compiler.connection, table, event)
        if not compiler.connection.get_autocommit():
            raise
        if restriction is restrictions.restriction_of(compiler.connection, table, event):
            raise
        return run_recorded(record, event, table, compiler, Statement(statement.execute), *args, **kwargs)
    except Exception as error:
        if error is statement.failed or isinstance(error, DatabaseError):
            raise
        log_failure_once(table, error)
        return run_with_reread(table, alias, statement, *args, **kwargs)


def _reads(compiler: Any, event: str, returning_fields: Any = None) -> bool:
    """Return whether Django's own statement reads columns, so that RETURNING asks for no further right to read."""
    return bool(returning_fields if event == restrictions.INSERT else compiler.query.where)


@cache
def statement_builder(table: Table, alias: str, *, one: bool = False) -> StatementBuilder:
    return StatementBuilder(table, alias, one=one)


def insert(table: Table, compiler: Any, execute: Execute, returning_fields: Any = None) -> Any:
    """Execute an INSERT together with its log entries, or return None if it has no such form."""
    query = compiler.query
    builder = statement_builder(table, compiler.connection.alias, one=len(query.objs) == 1)
    if not builder.is_possible or query.on_conflict is OnConflict.UPDATE or len(query.objs) > MAX_ROWS:
        return None
    original_as_sql = compiler.as_sql

    @cache  # so a field's `pre_save` is called once, even if others read the SQL
    def as_sql() -> list[tuple[str, Any]]:
        [(sql, params)] = original_as_sql()
        names = [builder.quote(field.column) for field in returning_fields or ()]
        if names:
            sql, _, _ = sql.rpartition(" RETURNING ")
        answer = ", ".join(names) or "1"
        sql = f"{sql} {builder.returning(*names)}"
        return [(builder.with_log_ctes(sql, builder.insert_entries, answer, few=True), params)]

    compiler.as_sql = as_sql
    try:
        rows = execute(returning_fields)
    finally:
        vars(compiler).pop("as_sql", None)
    get_changelog(builder.alias).wake_on_commit()
    return rows


def update(table: Table, compiler: Any, execute: Execute, result_type: Any = None) -> int | None:
    """Execute an UPDATE together with its log entries; return the number of rows, or None if it has no such form."""
    query = compiler.query
    if not query.values or result_type not in COUNTS:
        return None
    key_count = _key_count(table, query)
    builder = statement_builder(table, compiler.connection.alias, one=key_count == 1)
    written = {field.attname for field, _, _ in query.values}
    if not builder.is_possible or query.related_updates or written & {key.name for key in table.keys}:
        return None
    few = 0 < key_count <= MAX_ROWS
    try:
        if not written & set(table.names):
            sql, params = compiler.as_sql()
            return builder.run(compiler, execute, builder.combine(sql, builder.update_entries, few=few), params)
        if few and builder.logs_each_row and not table.links and query.count_active_tables() <= 1:
            return builder.run(compiler, execute, *_combine_move(builder, compiler, key_count))

        before, before_params = select_matching(table, compiler)
        before += " FOR NO KEY UPDATE"  # as in `select_old_rows`
        change: Any = UpdateQuery(query.model)
        change.values = query.values
        sql, params = change.get_compiler(builder.alias).as_sql()
    except EmptyResultSet:
        return 0
    sql = f"{sql} {builder.join_old_rows('realtime_old')} {builder.returning()}, realtime_old_row.*"
    combined = builder.with_count(sql, builder.move_entries, before=before, few=few)
    return builder.run(compiler, execute, combined, (*before_params, *params))


def _key_count(table: Table, query: Any) -> int:
    """Return how many keys the statement names; 0 if other conditions select its rows."""
    return len(named_keys(table, query) or ())


def _combine_move(builder: StatementBuilder, compiler: Any, key_count: int) -> tuple[Combined, Sequence[Any]]:
    """Combine an UPDATE of routing values, whose keys the statement names; the old rows are read within it."""
    sql, params = compiler.as_sql()
    where, where_params = compiler.compile(compiler.query.where)
    # the condition is on both sides, so both find the row by its key; a single row needs no join on the key
    condition = where if key_count == 1 else f"{builder.key_condition()} AND {where}"
    old = f"({builder.select_old_rows(where)}) realtime_old_row"
    sql = f"{sql.removesuffix(f' WHERE {where}')} FROM {old} WHERE {condition}"
    values = params[: len(params) - len(where_params)]
    combined = builder.with_log_insert(f"{sql} {builder.returning()}, realtime_old_row.*", builder.move_entries)
    return combined, (*values, *where_params, *where_params)


def delete(table: Table, compiler: Any, execute: Execute, result_type: Any = None) -> int | None:
    """Execute a DELETE together with its log entries; return the number of rows, or None if it has no such form."""
    if result_type not in COUNTS:
        return None
    key_count = _key_count(table, compiler.query)
    builder = statement_builder(table, compiler.connection.alias, one=key_count == 1)
    if not builder.is_possible:
        return None
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        return 0
    few = 0 < key_count <= MAX_ROWS
    return builder.run(compiler, execute, builder.combine(sql, builder.delete_entries, few=few), params)
