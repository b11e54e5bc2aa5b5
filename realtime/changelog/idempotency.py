"""Idempotency: stores which calls have run, with their replies, so that a repeated call runs only once.

An operation commits together with the effects of its action. On databases with row locks, it is inserted before the
action runs, so a repeated call waits until the first one has ended. SQLite has one lock for the whole file, which a
slow action must not hold before it writes. There, the operation is looked up in the transaction's snapshot and written
last. If the same call has committed in between, SQLite refuses the write.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.db.models.constants import OnConflict

from realtime.changelog.caches import bypass_caches
from realtime.exceptions import InvalidArguments
from realtime.models import Operation

KEPT_SECONDS = 3600.0  # at least; clients give up a call long before
KEYS_PER_QUERY = 500
ROWS_PER_PRUNE = 2000

#: Error codes of a transaction that lost to another one and can be repeated: deadlock, serialization, lock timeout.
_CONFLICTS = {"40001", "40P01", 1213, 1205}


def digest(*parts: str | bytes) -> str:
    """Return a digest of these parts, which does not reveal them."""
    hashed = blake2b(digest_size=24)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hashed.update(len(data).to_bytes(8, "big") + data)
    return hashed.hexdigest()


@contextmanager
def action_transaction(alias: str, *, first: bool) -> Iterator[None]:
    """Open the transaction of an action.

    On SQLite, the first attempt takes the write lock only when it writes, in any transaction mode of the project: an
    action that is slow to write blocks no other. If it loses to another writer, the next attempt takes the lock first.
    """
    connection: Any = connections[alias]
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        with transaction.atomic(using=alias):
            yield
        return
    connection.ensure_connection()
    mode, connection.transaction_mode = connection.transaction_mode, "DEFERRED" if first else "IMMEDIATE"
    try:
        with transaction.atomic(using=alias):
            yield
    finally:
        connection.transaction_mode = mode


def begin(alias: str, key: str, content: str) -> str | None:
    """Begin an operation in the transaction of its action; return the reply if it has run before.

    Raise `InvalidArguments` if the same key was used for another call.
    """
    if connections[alias].features.has_select_for_update and _insert(alias, key, content):
        return None
    return find(alias, key, content)


def finish(alias: str, key: str, content: str, reply: str) -> None:
    """Store the reply of an operation, in the transaction of `begin`."""
    if connections[alias].features.has_select_for_update:
        Operation.objects.using(alias).filter(pk=key).update(reply=reply, at=_now())
    else:
        Operation.objects.using(alias).bulk_create([Operation(key=key, content=content, reply=reply, at=_now())])


@bypass_caches
def find(alias: str, key: str, content: str) -> str | None:
    """Return the reply of an operation that has run, or None. Raise `InvalidArguments` if it was another call."""
    row = Operation.objects.using(alias).filter(pk=key).values_list("content", "reply").first()
    if row is None:
        return None
    if row[0] != content:
        raise InvalidArguments("The id of this call belongs to another call. Use a new id for each call.")
    return row[1]


@bypass_caches
def completed(alias: str, keys: Collection[str]) -> set[str]:
    """Return the keys whose operations have run, in the transaction's view of the database."""
    listed = list(keys)
    found: set[str] = set()
    for start in range(0, len(listed), KEYS_PER_QUERY):
        rows = Operation.objects.using(alias).filter(pk__in=listed[start : start + KEYS_PER_QUERY])
        found.update(rows.values_list("pk", flat=True))
    return found


def prune(alias: str, *, older_than: float) -> None:
    """Delete operations older than this number of seconds, in small transactions."""
    horizon = _now() - int(max(older_than, KEPT_SECONDS) * 1000)
    rows = Operation.objects.using(alias)
    while True:
        with transaction.atomic(using=alias):
            old = list(rows.filter(at__lt=horizon).values_list("pk", flat=True)[:ROWS_PER_PRUNE])
            for start in range(0, len(old), KEYS_PER_QUERY):
                rows.filter(pk__in=old[start : start + KEYS_PER_QUERY]).delete()
        if len(old) < ROWS_PER_PRUNE:
            return


def is_conflict(error: DatabaseError) -> bool:
    """Return whether a transaction failed because of another one, so that it can be repeated unchanged."""
    cause: Any = error.__cause__ or error
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or next(iter(cause.args), None)
    return code in _CONFLICTS or str(cause).endswith("is locked") or "realtime_operation.key" in str(cause)


def _insert(alias: str, key: str, content: str) -> bool:
    """Insert the row unless it exists, and return whether it did; wait for a transaction that inserts the same key."""
    connection = connections[alias]
    quote, ops = connection.ops.quote_name, connection.ops
    table = quote(Operation._meta.db_table)
    columns = ", ".join(quote(name) for name in ("key", "content", "reply", "at"))
    insert = ops.insert_statement(on_conflict=OnConflict.IGNORE)
    suffix = ops.on_conflict_suffix_sql([], OnConflict.IGNORE, [], [])
    with connection.cursor() as cursor:
        sql = f"{insert} {table} ({columns}) VALUES (%s, %s, %s, %s) {suffix}"
        cursor.execute(sql, [key, content, "", _now()])
        return bool(cursor.rowcount)


def _now() -> int:
    return int(time.time() * 1000)
