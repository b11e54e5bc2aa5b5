"""PostgreSQL capture: one statement writes the rows and their log entries.

    WITH new_rows AS (UPDATE … FROM (SELECT … FOR NO KEY UPDATE) was … RETURNING …)
    INSERT INTO realtime_change SELECT … FROM new_rows

This is the form if the statement names its keys. Otherwise it may write too many rows to log one by one:

    WITH old_rows AS (SELECT … FOR NO KEY UPDATE), new_rows AS (UPDATE … FROM old_rows … RETURNING …),
    told AS (INSERT INTO realtime_change SELECT … FROM new_rows)
    SELECT count(*) FROM new_rows

It takes one round trip and no extra transaction, and no rows are sent to Python. Triggers use the same SQL. Other
writes (upserts, new keys, rows of multi-table parents) are recorded as on the other databases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError, NotSupportedError
from django.db.models.constants import OnConflict
from django.db.models.sql.constants import NO_RESULTS, ROW_COUNT, SINGLE
from django.db.models.sql.subqueries import UpdateQuery

from realtime.capture import rules
from realtime.capture.insert_select import select_matching
from realtime.capture.rows import DELETE, INSERT, MAX_ROWS, UPDATE, named_keys
from realtime.capture.sql.postgresql import PostgreSQLLogSQL
from realtime.capture.statement import Statement, as_a_whole, as_a_whole_together, say_once
from realtime.capture.tables import Table
from realtime.changelog import get_changelog
from realtime.changelog.postgresql import PostgreSQLChangeLog

Execute = Callable[..., Any]  # Django's method, or another app's wrapper around it

COUNTS = (None, NO_RESULTS, ROW_COUNT)  # result types for which a number of rows is enough


class Inline:
    """Builds the statements to one table, from parts that it computes once."""

    def __init__(self, table: Table, alias: str, *, one: bool = False) -> None:
        self.table = table
        self.alias = alias
        self.log = log = PostgreSQLLogSQL(alias)
        if one:  # for one row, expressions are cheaper to plan than values computed once for many rows
            log.stamps = ", ".join(PostgreSQLChangeLog.row_stamps)
        self.quote = quote = log.quote
        self.name = quote(table.name)
        self.columns = [quote(part.field.column) for part in table.own_columns]
        self.keys = [quote(part.field.column) for part in table.keys]
        self.was = {column: quote(f"was {place}") for place, column in enumerate(self.columns)}
        self.is_possible = bool(table.labels) and not log.rereads(table) and not table.cascades
        if self.is_possible:
            links = log.link_inserts(table, "new_rows")
            self.inserted = [*log.own_inserts(table, INSERT, "new_rows"), *links]
            self.updated = [*log.own_inserts(table, UPDATE, "new_rows"), *links]
            self.deleted = [*log.own_inserts(table, DELETE, "new_rows"), *links]
            self.moved = self._moved()
            self.tells_each = bool(table.own)  # the first INSERT adds one row to the log for each row written
            self.many = [log.reread(label) for label in sorted(table.labels)]

    def _moved(self) -> list[str]:
        key = str(self.log.sql.key(self.table.keys, "n"))
        old = {part.field.column: f"n.{self.was[self.quote(part.field.column)]}" for part in self.table.own_columns}
        links = self.log.link_inserts(self.table, "new_rows", "old_rows")
        return [*self.log.inserts_of(self.table, UPDATE, key, "new_rows n", old), *links]

    def returning(self, *others: str) -> str:
        return ", ".join(f"{self.name}.{column}" for column in dict.fromkeys([*self.columns, *others]))

    def where_same(self, source: str) -> str:
        """Return the end of an UPDATE that joins the old rows of `source`, and returns old and new columns."""
        names = ", ".join(f"{column} AS {was}" for column, was in self.was.items())
        return f"FROM (SELECT {names} FROM {source}) was WHERE {self.same()} {self.returning_both()}"

    def same(self) -> str:
        return " AND ".join(f"{self.name}.{key} = was.{self.was[key]}" for key in self.keys)

    def returning_both(self) -> str:
        return f"RETURNING {self.returning()}, was.*"

    def select_was(self, where: str) -> str:
        """Return the SELECT of the old rows. It locks them as UPDATE does, and so reads their committed values."""
        names = ", ".join(f"{self.name}.{column} AS {was}" for column, was in self.was.items())
        return f"SELECT {names} FROM {self.name} WHERE {where} FOR NO KEY UPDATE"

    def telling(self, written: str, told: Sequence[str]) -> Combined:
        """Combine a statement that writes few rows with its INSERTs into the log, the last of which counts them."""
        last, *others = [insert.replace("%", "%%") for insert in told]
        parts = [f"new_rows AS ({written})", *(f"told{place} AS ({insert})" for place, insert in enumerate(others))]
        return Combined(f"WITH {', '.join(parts)} {last}", returns_count=False)

    def statement(self, written: str, told: Sequence[str], answer: str, *, before: str = "", few: bool) -> str:
        """Return a statement that writes and logs rows, then selects `answer`; `few`: at most `MAX_ROWS` rows."""
        parts = [f"old_rows AS ({before})"] if before else []
        if few:
            parts.append(f"new_rows AS ({written})")
        else:
            parts.append(f"all_rows AS ({written}), number AS (SELECT count(*) AS rows FROM all_rows)")
            parts.append(f"new_rows AS (SELECT * FROM all_rows WHERE (SELECT rows FROM number) <= {MAX_ROWS})")
            told = [*told, *(f"{reread} WHERE (SELECT rows FROM number) > {MAX_ROWS}" for reread in self.many)]
        parts += [f"told{place} AS ({insert.replace('%', '%%')})" for place, insert in enumerate(told)]
        return f"WITH {', '.join(parts)} SELECT {answer} FROM {'new_rows' if few else 'all_rows'}"

    def counting(self, written: str, told: Sequence[str], *, before: str = "", few: bool) -> Combined:
        """Like `statement`, but it returns the number of rows."""
        return Combined(self.statement(written, told, "count(*)", before=before, few=few), returns_count=True)

    def counted(self, written: str, told: Sequence[str], *, few: bool) -> Combined:
        """Combine a statement with its INSERTs into the log in the fastest form that gives the number of rows."""
        if few and self.tells_each:
            return self.telling(written, told)
        return self.counting(written, told, few=few)

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


def recorded(record: Execute, table: Table, compiler: Any, statement: Statement, *args: Any, **kwargs: Any) -> Any:
    """Let `record` execute the statement together with its log entries; return None if it has no such form."""
    alias, event = compiler.connection.alias, EVENTS[record]
    if rules.stand_on(compiler.connection, table.name, event):
        return as_a_whole_together(table, compiler, statement, *args, **kwargs)
    try:
        return record(table, compiler, statement, *args, **kwargs)
    except NotSupportedError:
        # a rule was created after the lookup; an open transaction has failed with this error
        rules.remember(compiler.connection, table.name, event)
        if not compiler.connection.get_autocommit():
            raise
        return as_a_whole_together(table, compiler, Statement(statement.execute), *args, **kwargs)
    except Exception as error:
        if error is statement.failed or isinstance(error, DatabaseError):
            raise
        say_once(table, error)
        return as_a_whole(table, alias, statement, *args, **kwargs)


@cache
def inline(table: Table, alias: str, *, one: bool = False) -> Inline:
    return Inline(table, alias, one=one)


def insert(table: Table, compiler: Any, execute: Execute, returning_fields: Any = None) -> Any:
    """Execute an INSERT together with its log entries, or return None if it has no such form."""
    query = compiler.query
    part = inline(table, compiler.connection.alias, one=len(query.objs) == 1)
    if not part.is_possible or query.on_conflict is OnConflict.UPDATE or len(query.objs) > MAX_ROWS:
        return None
    make = compiler.as_sql

    @cache  # so a field's `pre_save` is called once, even if others read the SQL
    def as_sql() -> list[tuple[str, Any]]:
        [(sql, params)] = make()
        names = [part.quote(field.column) for field in returning_fields or ()]
        if names:
            sql, _, _ = sql.rpartition(" RETURNING ")
        answer = ", ".join(names) or "1"
        return [(part.statement(f"{sql} RETURNING {part.returning(*names)}", part.inserted, answer, few=True), params)]

    compiler.as_sql = as_sql
    try:
        rows = execute(returning_fields)
    finally:
        vars(compiler).pop("as_sql", None)
    get_changelog(part.alias).wake_on_commit()
    return rows


def update(table: Table, compiler: Any, execute: Execute, result_type: Any = None) -> int | None:
    """Execute an UPDATE together with its log entries; return the number of rows, or None if it has no such form."""
    query = compiler.query
    if not query.values or result_type not in COUNTS:
        return None
    named = _named(table, query)
    part = inline(table, compiler.connection.alias, one=named == 1)
    written = {field.attname for field, _, _ in query.values}
    if not part.is_possible or query.related_updates or written & {key.name for key in table.keys}:
        return None
    few = 0 < named <= MAX_ROWS
    try:
        if not written & set(table.names):
            sql, params = compiler.as_sql()
            written_rows = part.counted(f"{sql} RETURNING {part.returning()}", part.updated, few=few)
            return part.run(compiler, execute, written_rows, params)
        if few and part.tells_each and not table.links and query.count_active_tables() <= 1:
            return part.run(compiler, execute, *_moving_few(part, compiler, named))

        before, before_params = select_matching(table, compiler)
        before += " FOR NO KEY UPDATE"  # as in `select_was`
        change: Any = UpdateQuery(query.model)
        change.values = query.values
        sql, params = change.get_compiler(part.alias).as_sql()
    except EmptyResultSet:
        return 0
    statement = part.counting(f"{sql} {part.where_same('old_rows')}", part.moved, before=before, few=few)
    return part.run(compiler, execute, statement, (*before_params, *params))


def _named(table: Table, query: Any) -> int:
    """Return how many keys the statement names; 0 if other conditions select its rows."""
    return len(named_keys(table, query) or ())


def _moving_few(part: Inline, compiler: Any, named: int) -> tuple[Combined, Sequence[Any]]:
    """Combine an UPDATE of routing values, whose keys the statement names; the old rows are read within it."""
    sql, params = compiler.as_sql()
    where, where_params = compiler.compile(compiler.query.where)
    # the condition is on both sides, so both find the row by its key; a single row needs no join on the key
    condition = where if named == 1 else f"{part.same()} AND {where}"
    sql = f"{sql.removesuffix(f' WHERE {where}')} FROM ({part.select_was(where)}) was WHERE {condition}"
    values = params[: len(params) - len(where_params)]
    return part.telling(f"{sql} {part.returning_both()}", part.moved), (*values, *where_params, *where_params)


def update_returning(table: Table, compiler: Any, execute: Execute, returning_fields: Any) -> Any:
    """Leave an UPDATE with RETURNING to the common capture; without fields, Django 6.0 goes on to `update`."""
    return None if returning_fields else execute(returning_fields)


def delete(table: Table, compiler: Any, execute: Execute, result_type: Any = None) -> int | None:
    """Execute a DELETE together with its log entries; return the number of rows, or None if it has no such form."""
    if result_type not in COUNTS:
        return None
    named = _named(table, compiler.query)
    part = inline(table, compiler.connection.alias, one=named == 1)
    if not part.is_possible:
        return None
    try:
        sql, params = compiler.as_sql()
    except EmptyResultSet:
        return 0
    few = 0 < named <= MAX_ROWS
    deleted = part.counted(f"{sql} RETURNING {part.returning()}", part.deleted, few=few)
    return part.run(compiler, execute, deleted, params)


EVENTS = {insert: rules.INSERT, update: rules.UPDATE, update_returning: rules.UPDATE, delete: rules.DELETE}
