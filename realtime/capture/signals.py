"""Signal capture: records changes with Django's public signals alone (`post_save`, `post_delete`, `m2m_changed`).

It wraps no compiler and changes no statement. In return, writes without signals (`update`, `bulk_create`, raw SQL) are
not seen, old values are unknown, and a write outside a transaction commits before its log entry. Because of the
receivers, Django reads the rows before it deletes them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from django.apps import apps
from django.db import DatabaseError, models
from django.db.models.signals import ModelSignal, m2m_changed, post_delete, post_save

from realtime.capture.rows import (
    DELETE,
    INSERT,
    LINK,
    MAX_ROWS,
    REREAD,
    UNKNOWN,
    UPDATE,
    RoutingValues,
    empty_routing,
    routing_of,
)
from realtime.capture.statement import log_failure_once
from realtime.capture.tables import Column, Link, Routing, Table, database_of, with_parents
from realtime.changelog import get_changelog
from realtime.changelog.base import NewChange, rereads

_UID = "realtime.capture.signals"

_tables: dict[type[models.Model], Table] = {}
_databases: set[str] = set()
_connected: list[tuple[ModelSignal, Any]] = []


def watch(tables: dict[type[models.Model], Table], databases: Collection[str]) -> None:
    """Record the writes to these tables on these databases that send signals, and no others."""
    unwatch()
    _tables.update(tables)
    _databases.update(databases)
    for model in apps.get_models(include_auto_created=True):
        if any(member in tables for member in with_parents(model)):  # a receiver changes how Django deletes rows
            for signal, receiver in ((post_save, _saved), (post_delete, _deleted), (m2m_changed, _m2m_changed)):
                signal.connect(receiver, sender=model, dispatch_uid=_UID)
                _connected.append((signal, model))


def unwatch() -> None:
    """Undo `watch`."""
    for signal, model in _connected:
        signal.disconnect(sender=model, dispatch_uid=_UID)
    _connected.clear()
    _tables.clear()
    _databases.clear()


# projects send these signals too, with fewer arguments than Django


def _saved(
    sender: Any,
    instance: Any,
    created: bool = False,
    using: str | None = None,
    update_fields: Any = None,
    **kwargs: Any,
) -> None:
    def changes(table: Table) -> Iterator[NewChange]:
        written: set[str] | None = None
        if not created and update_fields is not None:
            written = {getattr(sender._meta.get_field(name), "attname", name) for name in update_fields}
        if written and written <= table.untracked:
            return
        moved = written is None or not written.isdisjoint(table.columns)
        for own in table.own:
            routing = _insert_routing(own.routing, instance) if created else _update_routing(own.routing, moved=moved)
            yield NewChange(own.label, _key(table, instance), INSERT if created else UPDATE, routing)
        for link in table.links:
            # the object that an updated row linked before is unknown
            is_known = created or not moved
            yield _link_change(link, _stored_value(link.column, instance)) if is_known else _link_reread(link)

    _record(sender, using, changes)


def _deleted(sender: Any, instance: Any, using: str | None = None, **kwargs: Any) -> None:
    def changes(table: Table) -> Iterator[NewChange]:
        for own in table.own:
            # the instance's values may differ from those of its row
            yield NewChange(own.label, _key(table, instance), DELETE, None if own.routing else own.routing)
        for link in table.links:
            yield _link_change(link, instance.__dict__.get(link.column.name))

    _record(sender, using, changes)


def _m2m_changed(
    sender: Any,
    instance: Any,
    action: str = "",
    model: Any = None,
    pk_set: Collection[Any] | None = None,
    using: str | None = None,
    **kwargs: Any,
) -> None:
    if not action.startswith("post_"):
        return

    def changes(table: Table) -> Iterator[NewChange]:
        yield from rereads(own.label for own in table.own)  # the signal does not give the keys of these rows
        for link in table.links:
            ends = (with_parents(type(instance)), [instance.pk]), (with_parents(model), pk_set)
            for members, values in ends:
                if link.model not in members:
                    continue
                if values is None or len(values) > MAX_ROWS:
                    yield _link_reread(link)
                    continue
                for value in values:
                    yield _link_change(link, value)

    _record(sender, using, changes)


def _record(sender: Any, using: str | None, changes: Callable[[Table], Iterator[NewChange]]) -> None:
    alias = using or database_of(sender)
    if alias not in _databases:
        return
    found: list[NewChange] = []
    for table in (_tables[member] for member in with_parents(sender) if member in _tables):
        try:
            found += changes(table)
            others = table.rereads
        except DatabaseError:
            raise
        except Exception as error:
            log_failure_once(table, error)
            others = table.labels
        found += rereads(others)
    get_changelog(alias).append(list({repr(change): change for change in found}.values()))  # each once


def _key(table: Table, instance: Any) -> str:
    return table.key({part.name: instance.__dict__[part.name] for part in table.keys})


def _insert_routing(routing: Routing, instance: Any) -> RoutingValues | None:
    row = {part.name: _stored_value(part, instance) for part in (routing or {}).values()}
    return routing_of(routing, row, INSERT)


def _stored_value(column: Column, instance: Any) -> Any:
    """Return the value that the row has, or UNKNOWN: a `pre_save` does not have to set the attribute."""
    value = instance.__dict__.get(column.name, UNKNOWN)
    makes_value = type(column.field).pre_save is not models.Field.pre_save
    return UNKNOWN if makes_value or hasattr(value, "resolve_expression") else value


def _update_routing(routing: Routing, *, moved: bool) -> RoutingValues | None:
    """Return empty values, to be read from the row, or None if an unknown old value may have changed."""
    return None if routing is None or (routing and moved) else empty_routing(routing)


def _link_change(link: Link, value: Any) -> NewChange:
    if value in (None, UNKNOWN) or not link.column.field.target_field.primary_key:
        return _link_reread(link)
    return NewChange(link.label, str(link.column.text(value)), LINK, {} if link.routing == {} else None)


def _link_reread(link: Link) -> NewChange:
    return NewChange(link.label, "", REREAD)
