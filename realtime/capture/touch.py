"""Touch: reloads rows after a write that capture does not see."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from django.db import connections, router
from django.db.models import Manager, QuerySet

from realtime.capture.rows import MAX_ROWS, UPDATE
from realtime.capture.tables import Table, live_models, log_databases, watched_tables, with_parents
from realtime.capture.transactions import ensure_transaction
from realtime.changelog import BACKENDS, get_changelog
from realtime.changelog.base import NewChange, rereads
from realtime.streams.keys import key_names, key_of_values


def touch(queryset: Any) -> None:
    """Log that these rows have changed, in the open transaction if there is one.

    Raise `TypeError` if `queryset` is not a QuerySet or Manager.
    """
    rows: Any = queryset.all() if isinstance(queryset, Manager) else queryset
    if not isinstance(rows, QuerySet):
        raise TypeError(f"touch needs a QuerySet, such as Task.objects.filter(project=7), and got {queryset!r}.")
    touch_rows(rows)


def touch_rows(rows: Any) -> None:
    model: Any = rows.model
    alias = rows._db or router.db_for_write(model)
    live = live_models()
    watched = watched_tables(live)
    tables = [watched[member] for member in with_parents(model) if member in watched]
    if not tables or alias not in log_databases(live) or connections[alias].vendor not in BACKENDS:
        return
    with ensure_transaction(connections[alias]):
        get_changelog(alias).append(list(_changes(rows.using(alias), tables)))


def connect_libraries() -> None:
    """Touch rows that libraries write with their own cursors, when they send their documented signals."""
    if mptt := sys.modules.get("mptt.signals"):
        mptt.node_moved.connect(_node_moved, dispatch_uid="realtime.capture.touch")


def _node_moved(instance: Any, **kwargs: Any) -> None:
    # its descendants have another level now, and the signal does not name them
    touch_rows(QuerySet(type(instance), using=instance._state.db))


def _changes(queryset: Any, tables: list[Table]) -> Iterator[NewChange]:
    own = sorted({part.label for table in tables for part in table.own})
    # the objects that a row linked before are unknown
    others = {label for table in tables for label in (*table.rereads, *(link.label for link in table.links))}
    means_all = not queryset.query.where and not queryset.query.is_sliced  # deleted rows too
    keys = None if means_all else _keys(queryset)
    if keys is None:
        others |= set(own)
    elif not keys:
        return
    for label in own:
        # old values are unknown too: the row may have been in another partition
        yield from (NewChange(label, key, UPDATE, None) for key in keys or ())
    yield from rereads(others)


def _keys(queryset: Any) -> list[str] | None:
    """Return the keys of the rows, or None if there are too many."""
    rows = list(queryset.values_list(*key_names(queryset.model))[: MAX_ROWS + 1])
    return None if len(rows) > MAX_ROWS else list(dict.fromkeys(key_of_values(queryset.model, row) for row in rows))
