"""Touch: has rows read afresh that were written in a way which capture does not see."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from django.db import connections, router
from django.db.models import Manager, QuerySet

from realtime.capture.rows import MAX_ROWS, REREAD, UPDATE
from realtime.capture.tables import Table, family, log_databases, watched_tables
from realtime.capture.transactions import together
from realtime.changelog import BACKENDS, get_changelog
from realtime.changelog.base import NewChange
from realtime.streams.keys import key_names, key_of_values


def touch(queryset: Any) -> None:
    """Say in the log that these rows have changed, in the transaction that is open, if one is.

    Raise `TypeError` for what is no QuerySet.
    """
    rows: Any = queryset.all() if isinstance(queryset, Manager) else queryset
    if not isinstance(rows, QuerySet):
        raise TypeError(f"touch needs a QuerySet, such as Task.objects.filter(project=7), and got {queryset!r}.")
    touch_rows(rows)


def touch_rows(rows: Any) -> None:
    model: Any = rows.model
    alias = rows._db or router.db_for_write(model)
    watched = watched_tables()
    tables = [watched[member] for member in family(model) if member in watched]
    if not tables or alias not in log_databases() or connections[alias].vendor not in BACKENDS:
        return
    with together(connections[alias]):
        get_changelog(alias).append(list(_changes(rows.using(alias), tables)))


def follow_libraries() -> None:
    """Have the documented signals of libraries, which write with cursors of their own, touch what these write."""
    if mptt := sys.modules.get("mptt.signals"):
        mptt.node_moved.connect(_node_moved, dispatch_uid="realtime.capture.touch")


def _node_moved(instance: Any, **kwargs: Any) -> None:
    # the nodes below it have another level; which ones they were where it came from, the signal does not say
    touch_rows(QuerySet(type(instance), using=instance._state.db))


def _changes(queryset: Any, tables: list[Table]) -> Iterator[NewChange]:
    own = sorted({part.label for table in tables for part in table.own})
    # what a row linked before is not known
    others = {label for table in tables for label in (*table.rereads, *(link.label for link in table.links))}
    keys = None if _is_everything(queryset) else _keys(queryset)
    if keys is None:
        others |= set(own)
    elif not keys:
        return
    for label in own:
        # nor are the values that it had, which may have had it in another partition
        yield from (NewChange(label, key, UPDATE, None) for key in keys or ())
    yield from (NewChange(label, "", REREAD) for label in sorted(others))


def _is_everything(queryset: Any) -> bool:
    """Whether all rows are meant, those that are gone included."""
    return not queryset.query.where and not queryset.query.is_sliced


def _keys(queryset: Any) -> list[str] | None:
    """The keys of the rows, or None for too many."""
    rows = list(queryset.values_list(*key_names(queryset.model))[: MAX_ROWS + 1])
    return None if len(rows) > MAX_ROWS else list(dict.fromkeys(key_of_values(queryset.model, row) for row in rows))
