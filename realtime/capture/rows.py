"""Changes to log for the rows of a statement, with their keys and routing values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import Col, ColPairs
from django.db.models.fields.tuple_lookups import TupleExact
from django.db.models.lookups import Exact, In, IsNull
from django.db.models.sql.where import AND

from realtime.capture.tables import Column, Link, Routing, Row, Table
from realtime.changelog.base import NewChange, rereads
from realtime.models import Change
from realtime.streams.keys import key_names, key_of_values

MAX_ROWS = 5000  # per statement; for more, one change is logged per model instead of one per row
KEYS_PER_QUERY = 500

UNKNOWN = object()  # a value that only the database knows, and that may have changed
UNCHANGED = object()  # a value that only the database knows, and that has not changed

INSERT, UPDATE, DELETE, LINK, REREAD = (
    Change.Kind.INSERT,
    Change.Kind.UPDATE,
    Change.Kind.DELETE,
    Change.Kind.LINK,
    Change.Kind.REREAD,
)

RoutingValues = dict[str, list[str | None]]

Conditions = Mapping[str, Sequence[Any]]
"""Values that a statement's conditions allow, by attribute: each of its rows had one of them before."""


def conditions_of(table: Table, query: Any) -> Conditions:
    """Return the values that WHERE allows for each attribute, as in `id IN (1, 2) AND project_id = 7 AND ...`."""
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
    """Yield the columns that a lookup compares with values, each with the values that it allows."""
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
    """Return the keys that the conditions name, in the log's form, or None."""
    values = [conditions.get(part.name, ()) for part in table.keys]
    if len(values) == 1:
        return [str(table.keys[0].text(value)) for value in values[0]] or None
    if all(len(each) == 1 for each in values):
        return [table.key({part.name: each[0] for part, each in zip(table.keys, values, strict=True)})]
    return None


def named_keys(table: Table, query: Any) -> Sequence[str] | None:
    """Return the keys of a statement whose only condition is on its keys, or None."""
    where = query.where
    if where.negated or len(where.children) != 1 or hasattr(where.children[0], "children"):
        return None
    return keys_of(table, conditions_of(table, query))


def empty_routing(routing: Mapping[str, Column]) -> RoutingValues:
    """Return the routing of a row whose routing values have not changed: they are read from the row later."""
    return {name: [] for name in routing}


def changes_of(table: Table, operation: str, rows: Sequence[Row], links: Sequence[Row], alias: str) -> list[NewChange]:
    """Return the changes to log for these rows; `links` holds the same rows with the links that are certain."""
    found: list[NewChange] = []
    for own in table.own:
        found += [
            NewChange(own.label, table.key(row), operation, routing_of(own.routing, row, operation)) for row in rows
        ]
    for link in table.links:
        found += link_changes(link, [row.get(link.column.name, UNKNOWN) for row in links], alias)
    if rows:
        found += rereads(table.rereads)
    return found


def collect_values(table: Table, compiler: Any) -> dict[tuple[int, str], Any]:
    """Return a dictionary of the inserted values, by object id and attribute, which fills as Django reads them.

    An object's attribute may differ: `pre_save` does not have to store the value that it returns.
    """
    found: dict[tuple[int, str], Any] = {}
    original = compiler.pre_save_val

    def pre_save_val(field: Any, item: Any) -> Any:
        value = original(field, item)
        if field.attname in table.columns:
            found[id(item), field.attname] = UNKNOWN if hasattr(value, "resolve_expression") else value
        return value

    compiler.pre_save_val = pre_save_val
    return found


def routing_of(routing: Routing, row: Row, operation: str) -> RoutingValues | None:
    """Return the values that route a change of a row, or None if a value that may have changed is unknown."""
    if routing is None:
        return None
    found: RoutingValues = {}
    for name, part in routing.items():
        value = row.get(part.name, UNKNOWN)
        if value is UNCHANGED or (value is UNKNOWN and operation == INSERT):
            found[name] = []
        elif value is UNKNOWN:
            return None
        else:
            found[name] = [part.text(value)]
    return found


def update_changes(table: Table, query: Any, conditions: Conditions, alias: str) -> list[NewChange]:
    """Return the changes to log for an UPDATE, derived from its query alone."""
    written = written_values(table, query)
    if written.keys() & {part.name for part in table.keys}:
        return rereads(table.labels)  # the rows have new keys
    return _statement_changes(
        table, UPDATE, conditions, written, alias, lambda routing: _shared_routing(routing, conditions, written)
    )


def delete_changes(table: Table, conditions: Conditions, alias: str) -> list[NewChange]:
    """Return the changes to log for a DELETE, derived from its query alone."""
    row = {name: values[0] for name, values in conditions.items() if len(values) == 1}
    return _statement_changes(table, DELETE, conditions, {}, alias, lambda routing: routing_of(routing, row, DELETE))


def _statement_changes(
    table: Table,
    operation: str,
    conditions: Conditions,
    written: Mapping[str, Any],
    alias: str,
    routing_of_rows: Callable[[Routing], RoutingValues | None],
) -> list[NewChange]:
    keys = keys_of(table, conditions)
    found: list[NewChange] = []
    for own in table.own:
        if keys is None or len(keys) > MAX_ROWS:
            found.append(NewChange(own.label, "", REREAD, _unlisted_routing(own.routing, conditions, written)))
        else:
            routing = routing_of_rows(own.routing)
            found += [NewChange(own.label, key, operation, routing) for key in keys]
    for link in table.links:
        name = link.column.name
        values = [*conditions.get(name, [UNKNOWN]), *([written[name]] if name in written else [])]
        found += link_changes(link, values, alias)
    return [*found, *rereads(table.rereads)]


def written_values(table: Table, query: Any) -> dict[str, Any]:
    """Return the values that an UPDATE sets in columns that the log needs; `UNKNOWN` if the database computes it."""
    found = {}
    for field, _, value in query.values:
        if field.attname in table.columns:
            if hasattr(value, "prepare_database_save"):
                value = value.prepare_database_save(field)
            found[field.attname] = UNKNOWN if hasattr(value, "resolve_expression") else value
    return found


def _shared_routing(routing: Routing, conditions: Conditions, written: Mapping[str, Any]) -> RoutingValues | None:
    """Return the routing that all updated rows share, or None if an old or new value is unknown."""
    if routing is None:
        return None
    found: RoutingValues = {}
    for name, part in routing.items():
        before = conditions.get(part.name, ())
        if part.name not in written:
            found[name] = [part.text(before[0])] if len(before) == 1 else []
        elif written[part.name] is UNKNOWN or len(before) != 1:
            return None
        else:
            found[name] = list(dict.fromkeys([part.text(written[part.name]), part.text(before[0])]))
    return found


def _unlisted_routing(routing: Routing, conditions: Conditions, written: Mapping[str, Any]) -> RoutingValues | None:
    """Return the routing of unlisted rows: all their old and new values, as far as they are known."""
    found: RoutingValues = {}
    for name, part in (routing or {}).items():
        if part.name not in conditions or written.get(part.name) is UNKNOWN:
            continue
        values = [*conditions[part.name], *([written[part.name]] if part.name in written else [])]
        found[name] = list(dict.fromkeys(map(part.text, values)))
    return found or None


def link_changes(link: Link, values: Collection[Any], alias: str) -> Iterator[NewChange]:
    """Yield the changes to log for the objects that these values of a link refer to."""
    values = list(dict.fromkeys(values))
    if UNKNOWN in values or UNCHANGED in values or len(values) > MAX_ROWS:
        yield NewChange(link.label, "", REREAD)
        return
    values = [value for value in values if value is not None]
    routing = None if link.routing is None else empty_routing(link.routing)
    if link.is_key:
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
            yield NewChange(link.label, key, LINK, routing)
