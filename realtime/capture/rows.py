"""Rows: what a statement has written, and what the log records of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import Col, ColPairs
from django.db.models.fields.tuple_lookups import TupleExact
from django.db.models.lookups import Exact, In, IsNull
from django.db.models.sql.where import AND

from realtime.capture.tables import Column, Link, Routing, Row, Table
from realtime.changelog.base import NewChange
from realtime.models import Change
from realtime.streams.keys import key_names, key_of_values

MAX_ROWS = 5000  # of one statement; more leave one change for each model, not one for each row
KEYS_PER_QUERY = 500

UNKNOWN = object()  # a value that only the database knows; the row may have had another one
IN_ROW = object()  # a value that only the database knows, and that the statement has not changed

INSERT, UPDATE, DELETE, LINK, REREAD = (
    Change.Kind.INSERT,
    Change.Kind.UPDATE,
    Change.Kind.DELETE,
    Change.Kind.LINK,
    Change.Kind.REREAD,
)

Conditions = Mapping[str, Sequence[Any]]
"""The values that a statement's conditions allow, by attribute: all rows that it writes had one of them before."""


def conditions_of(table: Table, query: Any) -> Conditions:
    """What a statement says itself about the rows that it writes: `WHERE id IN (1, 2) AND project_id = 7 AND ...`."""
    found: dict[str, Sequence[Any]] = {}
    waiting = [query.where]
    while waiting:
        node = waiting.pop()
        if hasattr(node, "children"):
            if node.connector == AND and not node.negated:
                waiting += node.children
            continue
        for column, values in _allowed(node):
            name = column.target.attname
            if column.alias == table.name and name in table.columns:
                found[name] = values if name not in found else min(found[name], values, key=len)
    return found


def _allowed(lookup: Any) -> Iterator[tuple[Col, Sequence[Any]]]:
    """The columns that a lookup compares with values, each with those that it allows."""
    columns, rhs = getattr(lookup, "lhs", None), getattr(lookup, "rhs", None)
    if isinstance(lookup, IsNull) and isinstance(columns, Col):
        if rhs is True:
            yield columns, [None]
    elif isinstance(lookup, TupleExact) and isinstance(columns, ColPairs) and isinstance(rhs, list | tuple):
        pairs = zip(columns.get_cols(), rhs, strict=True)
        yield from ((column, [value]) for column, value in pairs if not hasattr(value, "resolve_expression"))
    elif isinstance(lookup, Exact | In) and isinstance(columns, Col):
        values = [rhs] if isinstance(lookup, Exact) else rhs
        if isinstance(values, Collection) and not any(hasattr(value, "resolve_expression") for value in values):
            yield columns, list(values)


def keys_of(table: Table, conditions: Conditions) -> Sequence[str] | None:
    """The keys that the conditions name, as the log has them, or None."""
    values = [conditions.get(part.name, ()) for part in table.keys]
    if len(values) == 1:
        return [str(table.keys[0].text(value)) for value in values[0]] or None
    if all(len(each) == 1 for each in values):
        return [table.key({part.name: each[0] for part, each in zip(table.keys, values, strict=True)})]
    return None


def named_keys(table: Table, query: Any) -> Sequence[str] | None:
    """The keys of a statement whose only condition names them, or None."""
    where = query.where
    if where.negated or len(where.children) != 1 or hasattr(where.children[0], "children"):
        return None
    return keys_of(table, conditions_of(table, query))


def in_row(routing: Mapping[str, Column]) -> dict[str, list[str | None]]:
    """The routing of a row that stays where it is: its values are to be looked up there."""
    return {name: [] for name in routing}


def changes(table: Table, operation: str, rows: Sequence[Row], linking: Sequence[Row], alias: str) -> list[NewChange]:
    """What the log records of these rows, as far as their values are known; `linking` are those of their links."""
    found: list[NewChange] = []
    for own in table.own:
        found += [
            NewChange(own.label, table.key(row), operation, routing_of(own.routing, row, operation)) for row in rows
        ]
    for link in table.links:
        found += linked(link, [row.get(link.column.name, UNKNOWN) for row in linking], alias)
    if rows:
        found += rereads(table, table.rereads)
    return found


def rereads(table: Table, labels: Iterable[str] | None = None) -> list[NewChange]:
    """What the log records in place of rows that are not listed."""
    return [NewChange(label, "", REREAD) for label in sorted(table.labels if labels is None else labels)]


def routing_of(routing: Routing, row: Row, operation: str) -> dict[str, list[str | None]] | None:
    """The values that route a change of a row, or None where the row may have left a place that is not known."""
    if routing is None:
        return None
    found: dict[str, list[str | None]] = {}
    for name, part in routing.items():
        value = row.get(part.name, UNKNOWN)
        if value is IN_ROW or (value is UNKNOWN and operation == INSERT):
            found[name] = []
        elif value is UNKNOWN:
            return None
        else:
            found[name] = [part.text(value)]
    return found


def updated(table: Table, query: Any, conditions: Conditions, alias: str) -> list[NewChange]:
    """What the log records of an UPDATE of which nothing is known but its text."""
    written = written_values(table, query)
    keys = keys_of(table, conditions)
    if written.keys() & {part.name for part in table.keys}:
        return rereads(table)  # the rows have new keys
    found: list[NewChange] = []
    for own in table.own:
        if keys is None or len(keys) > MAX_ROWS:
            found.append(NewChange(own.label, "", REREAD, _all_values(own.routing, conditions, written)))
        else:
            routing = _moved(own.routing, conditions, written)
            found += [NewChange(own.label, key, UPDATE, routing) for key in keys]
    return [*found, *_links(table, conditions, alias, written), *rereads(table, table.rereads)]


def deleted(table: Table, conditions: Conditions, alias: str) -> list[NewChange]:
    """What the log records of a DELETE of which nothing is known but its text."""
    keys = keys_of(table, conditions)
    found: list[NewChange] = []
    for own in table.own:
        if keys is None or len(keys) > MAX_ROWS:
            found.append(NewChange(own.label, "", REREAD, _all_values(own.routing, conditions, {})))
        else:
            row = {name: values[0] for name, values in conditions.items() if len(values) == 1}
            routing = routing_of(own.routing, row, DELETE)
            found += [NewChange(own.label, key, DELETE, routing) for key in keys]
    return [*found, *_links(table, conditions, alias), *rereads(table, table.rereads)]


def written_values(table: Table, query: Any) -> dict[str, Any]:
    """The values that an UPDATE gives to what the log needs of a row; `UNKNOWN` where the database computes one."""
    found = {}
    for field, _, value in query.values:
        if field.attname in table.columns:
            if hasattr(value, "prepare_database_save"):
                value = value.prepare_database_save(field)
            found[field.attname] = UNKNOWN if hasattr(value, "resolve_expression") else value
    return found


def _moved(routing: Routing, conditions: Conditions, written: Mapping[str, Any]) -> dict[str, list[str | None]] | None:
    """The routing of each of several rows: None where one may have left a place that is not known."""
    if routing is None:
        return None
    found: dict[str, list[str | None]] = {}
    for name, part in routing.items():
        before = conditions.get(part.name, ())
        if part.name not in written:
            found[name] = [part.text(before[0])] if len(before) == 1 else []
        elif written[part.name] is UNKNOWN or len(before) != 1:
            return None
        else:
            found[name] = list(dict.fromkeys([part.text(written[part.name]), part.text(before[0])]))
    return found


def _all_values(
    routing: Routing, conditions: Conditions, written: Mapping[str, Any]
) -> dict[str, list[str | None]] | None:
    """The routing of rows that are not listed: all values that they had or have, as far as these are known."""
    found: dict[str, list[str | None]] = {}
    for name, part in (routing or {}).items():
        if part.name not in conditions or written.get(part.name) is UNKNOWN:
            continue
        values = [*conditions[part.name], *([written[part.name]] if part.name in written else [])]
        found[name] = list(dict.fromkeys(map(part.text, values)))
    return found or None


def _links(
    table: Table, conditions: Conditions, alias: str, written: Mapping[str, Any] | None = None
) -> Iterator[NewChange]:
    for link in table.links:
        name = link.column.name
        values = list(conditions.get(name, [UNKNOWN]))
        yield from linked(link, [*values, written[name]] if written and name in written else values, alias)


def linked(link: Link, values: Collection[Any], alias: str) -> Iterator[NewChange]:
    """What the log records of the objects that these values of a link refer to."""
    values = list(dict.fromkeys(values))
    if UNKNOWN in values or IN_ROW in values or len(values) > MAX_ROWS:
        yield NewChange(link.label, "", REREAD)
        return
    values = [value for value in values if value is not None]
    if link.is_key:
        routing = None if link.routing is None else in_row(link.routing)
        for value in values:
            yield NewChange(link.label, str(link.column.text(value)), LINK, routing)
        return
    target = link.column.field.target_field.name
    for start in range(0, len(values), KEYS_PER_QUERY):
        objects: QuerySet[Any] = QuerySet(model=link.model, using=alias).filter(
            **{f"{target}__in": values[start : start + KEYS_PER_QUERY]}
        )
        names = key_names(link.model)
        for row in objects.values(*names):
            key = key_of_values(link.model, [row[name] for name in names])
            yield NewChange(link.label, key, LINK, None if link.routing is None else in_row(link.routing))
