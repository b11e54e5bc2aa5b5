"""Rows: what a statement is about to write, and what the log is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models import QuerySet
from django.db.models.expressions import Col
from django.db.models.lookups import Exact, In
from django.db.models.sql.query import Query

from realtime.capture.tracking import Link, Routing, Row, Table
from realtime.changelog.base import NewChange
from realtime.models import Change
from realtime.streams.keys import key_names, key_of_values

MAX_ROWS = 5000  # of one statement; more leave one change for each model, not one for each row
KEYS_PER_QUERY = 500

UNKNOWN = object()  # a value that only the database knows

INSERT, UPDATE, DELETE, LINK, REREAD = (
    Change.Operation.INSERT,
    Change.Operation.UPDATE,
    Change.Operation.DELETE,
    Change.Operation.LINK,
    Change.Operation.REREAD,
)


def known_keys(table: Table, query: Any) -> list[Any] | None:
    """The keys that a statement names itself (`WHERE id = 1`, `WHERE id IN (1, 2)`), or None."""
    where = query.where
    if where.negated or len(where.children) != 1:
        return None
    lookup = where.children[0]
    if not isinstance(lookup, Exact | In) or not isinstance(lookup.lhs, Col):
        return None
    if lookup.lhs.target is not table.model._meta.pk or lookup.lhs.alias != table.model._meta.db_table:
        return None
    values = [lookup.rhs] if isinstance(lookup, Exact) else lookup.rhs
    if hasattr(values, "resolve_expression") or any(hasattr(value, "resolve_expression") for value in values):
        return None
    return list(values)


def select_matching(table: Table, compiler: Any) -> tuple[str, Sequence[Any]]:
    """SELECT, as SQL, of what the table itself holds of the rows that a statement is about to write."""
    query, quote = compiler.query, compiler.connection.ops.quote_name
    query.get_initial_alias()
    if query.count_active_tables() > 1 or query.group_by is not None:
        names = [part.name for part in table.own_columns]
        rows = _matching(table, query, compiler.connection.alias).values_list(*names)
        sql, params = rows.query.get_compiler(compiler.connection.alias).as_sql()
        return sql, params
    try:
        where, params = compiler.compile(query.where)
    except FullResultSet:
        where, params = "1 = 1", ()
    name = quote(table.name)
    columns = ", ".join(f"{name}.{quote(part.field.column)}" for part in table.own_columns)
    return f"SELECT {columns} FROM {name} WHERE {where}", params


def read_matching(table: Table, compiler: Any, *, deleting: bool) -> list[Row] | None:
    """The rows that a statement is about to write, locked as it would lock them, or None for too many."""
    connection = compiler.connection
    weaker = not deleting and connection.features.has_select_for_no_key_update
    if table.is_plain:
        lock = f" FOR {'NO KEY ' if weaker else ''}UPDATE" if connection.features.has_select_for_update else ""
        try:
            sql, params = select_matching(table, compiler)
        except EmptyResultSet:
            return []
        with connection.cursor() as cursor:
            cursor.execute(f"{sql} LIMIT {MAX_ROWS + 1}{lock}", params)
            found: list[Row] = [dict(zip(table.names, values, strict=True)) for values in cursor.fetchall()]
    else:
        rows: Any = _matching(table, compiler.query, connection.alias).select_for_update(no_key=weaker)
        found = list(rows.values(*table.names)[: MAX_ROWS + 1])
    return None if len(found) > MAX_ROWS else found


def _matching(table: Table, query: Any, alias: str) -> QuerySet[Any]:
    found = query.chain(klass=Query)
    found.select_related = False
    found.clear_ordering(force=True)
    found.clear_select_clause()
    found.extra = {}
    found.get_initial_alias()
    rows: QuerySet[Any] = QuerySet(model=query.model, query=found, using=alias)
    if found.count_active_tables() > 1 or found.group_by is not None or found.distinct:
        return QuerySet(model=table.model, using=alias).filter(pk__in=rows.values("pk"))
    return rows


def read_keys(table: Table, rows: Sequence[Row], alias: str) -> list[Row]:
    """The same rows, as they are now."""
    found: list[Row] = []
    for start in range(0, len(rows), KEYS_PER_QUERY):
        keys = [_key_value(table, row) for row in rows[start : start + KEYS_PER_QUERY]]
        found += QuerySet(model=table.model, using=alias).filter(pk__in=keys).values(*table.names)
    return found


def restrict(table: Table, query: Any, rows: Sequence[Row]) -> None:
    """Have a statement write these rows only, and not those that others make match meanwhile."""
    query.add_filter("pk__in", [_key_value(table, row) for row in rows])


def _key_value(table: Table, row: Row) -> Any:
    values = tuple(row[part.name] for part in table.keys)
    return values if len(values) > 1 else values[0]


def changes(table: Table, operation: str, rows: Sequence[Row], before: Sequence[Row], alias: str) -> list[NewChange]:
    """What the log is told of these rows; `before` are the same rows as they were, where they were other."""
    old = {table.key(row): row for row in before}
    found: list[NewChange] = []
    for own in table.own:
        for row in rows:
            key = table.key(row)
            found.append(NewChange(own.label, key, operation, routing_of(own.routing, row, old.get(key))))
    for link in table.links:
        found += _linked(link, [*rows, *before], alias)
    if rows:
        found += rereads(table, table.rereads)
    return found


def rereads(table: Table, labels: Iterable[str] | None = None) -> list[NewChange]:
    """What the log is told in place of rows that are not listed."""
    return [NewChange(label, "", REREAD) for label in sorted(table.labels if labels is None else labels)]


def routing_of(routing: Routing, row: Row, before: Row | None = None) -> dict[str, list[str | None]] | None:
    """The values that route a change: the new one of each field, and the old one where it was another."""
    if routing is None:
        return None
    found: dict[str, list[str | None]] = {}
    for name, part in routing.items():
        value = row.get(part.name, UNKNOWN)
        if value is UNKNOWN:
            return None
        found[name] = [part.text(value)]
        if before is not None and (old := part.text(before[part.name])) != found[name][0]:
            found[name].append(old)
    return found


def _linked(link: Link, rows: Iterable[Row], alias: str) -> Iterator[NewChange]:
    values = list(dict.fromkeys(row[link.column.name] for row in rows))
    if UNKNOWN in values:
        yield NewChange(link.label, "", REREAD)
        return
    values = [value for value in values if value is not None]
    if link.is_key:
        for value in values:
            yield NewChange(link.label, str(link.column.text(value)), LINK)
        return
    # the object's own row has the values that route it; it may have been deleted meanwhile
    parts = list((link.routing or {}).values())
    target = link.column.field.target_field.name
    for start in range(0, len(values), KEYS_PER_QUERY):
        objects: QuerySet[Any] = QuerySet(model=link.model, using=alias).filter(
            **{f"{target}__in": values[start : start + KEYS_PER_QUERY]}
        )
        names = key_names(link.model)
        for row in objects.values(*names, *(part.name for part in parts)):
            key = key_of_values([row[name] for name in names])
            yield NewChange(link.label, key, LINK, routing_of(link.routing, row))
