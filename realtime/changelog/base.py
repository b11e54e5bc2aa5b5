"""ChangeLog: what every database's log can do, and what they share.

A cursor is text: the log's epoch, a dot, and a position that only the database's own file understands. A position
carries a mark, the id and time of a change that it has seen, so that a log restored from a backup is told from the
one that the cursor was made by.
"""

from __future__ import annotations

import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
from django.db import connections, transaction
from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL

from realtime import operations, wakeups
from realtime.exceptions import CursorExpired
from realtime.models import Change, Log

ROWS_PER_INSERT = 500
MAX_KEY: int = Change._meta.get_field("key").max_length  # type: ignore[assignment] # characters
ROWS_PER_PRUNE = 2000
MAX_CURSOR = 8000  # characters

Routing = Mapping[str, Sequence[str | None]]
"""Routing values by field name: the new one, or the new and the old one where they differ."""

_MARK = re.compile("[0-9]{1,18}-[0-9]{1,18}")

_routing_decoder = msgspec.json.Decoder(dict[str, list[str | None]])


class NewChange(NamedTuple):
    """A change to append."""

    model: str
    key: str
    operation: str
    routing: Routing | None = None


def _fitting(change: NewChange) -> NewChange:
    """The change, or one that has its model read afresh where the log cannot hold the key."""
    if len(change.key) <= MAX_KEY:
        return change
    return NewChange(change.model, "", Change.Operation.REREAD)


class LoggedChange(NamedTuple):
    """A change as read."""

    id: int
    model: str
    key: str
    operation: str
    routing: Routing | None


class Reading(NamedTuple):
    """What `read` found. Where `complete` is false there were more changes than the limit, and none are given."""

    changes: Sequence[LoggedChange]
    cursor: str
    complete: bool = True


class Mark(NamedTuple):
    """A change that a position has seen: it proves that the log is still the same."""

    id: int
    at: int

    def __str__(self) -> str:
        return f"{self.id}-{self.at}"

    @classmethod
    def parse(cls, text: str) -> Mark:
        """Raise `CursorExpired` for what is no mark; cursors come from clients."""
        if not _MARK.fullmatch(text):
            raise CursorExpired
        return cls(*map(int, text.split("-")))


class ChangeLog(ABC):
    """The log of one database.

    All methods are synchronous and use the calling thread's connection. `poll_seconds` is the longest time for which
    a lost wake-up may go unnoticed.
    """

    poll_seconds: float = 0.5
    transaction_sql = "NULL"  # the writer's transaction id
    triggers_wake = False  # whether a trigger can wake the hubs
    now_sql: str  # milliseconds since 1970

    def __init__(self, alias: str) -> None:
        self.alias = alias
        quote = self.connection.ops.quote_name
        self.table = quote(Change._meta.db_table)
        self.log_table = quote(Log._meta.db_table)
        self.columns = {field.name: quote(str(field.column)) for field in Change._meta.fields}
        # what may be pruned in one go (parameters: so many, from before when), by the key's index alone
        self.old_rows = (
            f"(SELECT id, at FROM {self.table} ORDER BY id LIMIT %s) oldest"
            f" WHERE at < %s AND id < (SELECT MAX(id) FROM {self.table})"
        )

    @property
    def connection(self) -> Any:
        return connections[self.alias]

    @property
    def now(self) -> RawSQL:
        """The database's own clock, in milliseconds since 1970, as an expression for the ORM."""
        return RawSQL(self.now_sql, (), output_field=BigIntegerField())  # noqa: S611 - holds nothing from outside

    def append(self, changes: Sequence[NewChange]) -> None:
        """Record changes in the writer's own transaction, and wake the hubs when it commits."""
        for start in range(0, len(changes), ROWS_PER_INSERT):
            self._insert(changes[start : start + ROWS_PER_INSERT])
        if changes:
            self.wake_on_commit()

    def lock(self) -> None:  # noqa: B027 - only where reading takes no lock by itself
        """Take the lock that the next write will take, so that what is read before it stays true."""

    def wake_on_commit(self) -> None:
        """Wake the hubs when the writer commits."""
        connection = self.connection
        savepoints = set(connection.savepoint_ids)
        for registered, function, *_ in connection.run_on_commit:
            # once per transaction; a hook of a savepoint goes with it when that is rolled back
            if function == self._committed and registered <= savepoints:
                return
        transaction.on_commit(self._committed, using=self.alias, robust=True)

    def _committed(self) -> None:
        wakeups.notify(self.alias)

    def _insert(self, changes: Sequence[NewChange]) -> None:
        row = f"(%s, %s, %s, %s, {self.transaction_sql}, {self.now_sql})"
        names = ("model", "key", "operation", "routing", "transaction", "at")
        columns = ", ".join(self.columns[name] for name in names)
        params: list[str | None] = []
        for change in map(_fitting, changes):
            routing = None if change.routing is None else msgspec.json.encode(change.routing).decode()
            params += [change.model, change.key, change.operation, routing]
        with self.connection.cursor() as cursor:
            values = ", ".join([row] * len(changes))
            cursor.execute(f"INSERT INTO {self.table} ({columns}) VALUES {values}", params)

    @abstractmethod
    def head(self) -> str:
        """The cursor of the present: everything that is committed now is behind it.

        It writes nothing: a log that has not begun gives a cursor that will have expired when it has.
        """

    @abstractmethod
    def read(self, after: str, *, limit: int) -> Reading:
        """Every change that is visible now and was not at `after`, and the cursor of the present.

        Raise `CursorExpired` where that cannot be told.
        """

    def prune(self, *, older_than: float) -> int:
        """Delete changes that are older than so many seconds; return their number.

        Readers are not disturbed: it goes in small transactions, and the newest change, which is the mark of every
        up-to-date cursor, stays. Operations go with them.
        """
        operations.prune(self.alias, older_than=older_than)
        self.begin()
        horizon = int((time.time() - older_than) * 1000)
        total = 0
        while True:
            with transaction.atomic(using=self.alias):
                count = self._prune_some(horizon)
            total += count
            if count < ROWS_PER_PRUNE:
                return total

    @abstractmethod
    def _prune_some(self, horizon: int) -> int:
        """Delete up to `ROWS_PER_PRUNE` changes from before the horizon (milliseconds), and note how far."""

    def moved(self) -> bool:
        """Whether there may be something to read; cheap, and only asked by the thread that reads."""
        return True

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """One transaction in which all reads see the same state of the database."""
        with transaction.atomic(using=self.alias):
            yield

    def begin(self) -> None:
        """See to it that the log has an epoch.

        `migrate` does, and who reads the log in its own time; never a page, whose transaction may be long.
        """
        if not self.has_begun(self.head()):
            Log.objects.using(self.alias).bulk_create([Log(epoch=secrets.token_hex(4))], ignore_conflicts=True)

    @staticmethod
    def has_begun(cursor: str) -> bool:
        """Whether the log had an epoch where this cursor was taken."""
        return not cursor.startswith(".")

    def _state(self) -> tuple[str, int]:
        """The epoch, which is empty for a log that has not begun, and the last id that has been pruned."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT epoch, pruned FROM {self.log_table} WHERE id = 1")
            epoch, pruned = cursor.fetchone() or ("", 0)
        return epoch, pruned

    def _text(self, epoch: str, position: str) -> str:
        return f"{epoch}.{position}"

    def _position(self, cursor: str) -> tuple[str, str]:
        epoch, dot, position = cursor.partition(".")
        if not dot or len(cursor) > MAX_CURSOR:
            raise CursorExpired
        return epoch, position

    def _logged(self, row: Sequence[Any]) -> LoggedChange:
        id, model, key, operation, routing = row
        try:
            decoded = None if routing is None else _routing_decoder.decode(routing)
        except msgspec.DecodeError:  # written by something else: it concerns every live query
            decoded = None
        return LoggedChange(id, model, key, operation, decoded)
