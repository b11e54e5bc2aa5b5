"""ChangeLog: what every database's log can do, and what they share.

A cursor is text: the log's epoch, a dot, and a position that only the database's own file understands. A position
carries a mark, the id and time of a change that it has seen, so that a log restored from a backup is told from the
one that the cursor was made by.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from django.db import DatabaseError, DataError, connections, transaction
from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL

from realtime.changelog import idempotency
from realtime.changelog.commits import after_commit
from realtime.changelog.upkeep import Upkeep
from realtime.conf import settings
from realtime.exceptions import CursorExpired
from realtime.models import Change, Log

ROWS_PER_INSERT = 500
MAX_KEY: int = Change._meta.get_field("key").max_length  # type: ignore[assignment] # characters
ROWS_PER_PRUNE = 2000
MAX_CURSOR = 8000  # characters

Routing = Mapping[str, Sequence[str | None]]
"""Routing values by field name: the new one, or the new and the old one where they differ.

No value: the row holds its value, which the change did not touch; the reader looks it up there. Of a REREAD: all
values that the changed rows had or have.
"""

commit_listeners: list[Callable[[str], None]] = []
"""Called with a database's alias when a writer has committed changes there, in the writer's thread."""

_PROCESS = secrets.token_hex(8)


def origin() -> str:
    """The name of this process, by which it knows what it has sent to others itself."""
    return f"{_PROCESS}.{os.getpid()}"  # a forked process has the same first half


_MISSING = re.compile("no such table|does not exist|doesn't exist")  # as SQLite, PostgreSQL and MySQL say it
_MARK = re.compile("[0-9]{1,18}-[0-9]{1,18}")

_routing_decoder = msgspec.json.Decoder(dict[str, list[str | None]])


class NewChange(NamedTuple):
    """A change to append."""

    model: str
    key: str
    operation: str
    routing: Routing | None = None


def encode_routing(routing: Routing) -> str:
    """The JSON that the log holds."""
    return msgspec.json.encode(routing).decode()


def _fitting(change: NewChange) -> NewChange:
    """The change, or one that has its model read afresh where the log cannot hold the key."""
    if len(change.key) <= MAX_KEY:
        return change
    return NewChange(change.model, "", Change.Kind.REREAD)


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


@dataclass(frozen=True)
class Missed:
    """What to do after the commit of a transaction that found no log: pages may have been rendered before it."""

    log: ChangeLog
    labels: frozenset[str]

    def __call__(self) -> None:
        if self.log.connection.get_autocommit() and self.log.exists():
            self.log.append([NewChange(label, "", Change.Kind.REREAD) for label in sorted(self.labels)])


class ChangeLog(ABC):
    """The log of one database.

    All methods are synchronous and use the calling thread's connection. `poll_seconds` is the longest time for which
    a lost wake-up may go unnoticed.
    """

    poll_seconds: float = 0.5
    transaction_sql = "NULL"  # the writer's transaction id
    triggers_wake = False  # whether a trigger can wake the hubs
    errors_end_transactions = False  # whether a transaction is void after an error in it
    now_sql: str  # milliseconds since 1970
    exists_sql: str  # returns a row where the log's table is there

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._exists = False  # the log's table has been seen
        self._upkeep = Upkeep()
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
        if changes and not self.exists():
            self.missed(change.model for change in changes)
            return
        for start in range(0, len(changes), ROWS_PER_INSERT):
            chunk = changes[start : start + ROWS_PER_INSERT]
            try:
                self._insert(chunk)
            except DatabaseError as error:
                # the table of the writer has a character set that the log's has not
                if self.errors_end_transactions or not self._is_of_value(error):
                    raise
                labels = sorted({change.model for change in chunk})
                self._insert([NewChange(label, "", Change.Kind.REREAD) for label in labels])
        if changes:
            self.wake_on_commit()

    def _is_of_value(self, error: DatabaseError) -> bool:
        """Whether the log cannot hold a value."""
        return isinstance(error, DataError)

    def exists(self) -> bool:
        """Whether the log's table is there. The database is asked until it is, past Django, which would count it."""
        if not self._exists:
            self._exists = self._is_there()
        return self._exists

    def forget(self) -> None:
        """Have `exists` ask again: a migration may take the table away, or the database be another one."""
        self._exists = False

    def _is_there(self) -> bool:
        connection = self.connection
        try:
            connection.ensure_connection()
            with closing(connection.connection.cursor()) as cursor:
                cursor.execute(self.exists_sql)
                return cursor.fetchone() is not None
        except Exception:  # the writer's own statement says what is wrong
            return False

    def missed(self, labels: Iterable[str]) -> None:
        """Something was written while there was no log: where there is one when the writer commits, say so then."""
        after_commit(self.alias, Missed(self, frozenset(labels)))

    def wake_on_commit(self) -> None:
        """Wake the hubs when the writer has committed, after everyone else's hooks."""
        after_commit(self.alias, self._committed)
        after_commit(self.alias, self._tidy)

    def _committed(self) -> None:
        for listener in commit_listeners:
            listener(self.alias)

    def _tidy(self) -> None:
        self._upkeep.after_commit(self.connection, self._prune_a_little)

    def _prune_a_little(self, cursor: Any) -> tuple[int, bool]:
        return self._prune_some(cursor, int((time.time() - settings.RETENTION_SECONDS) * 1000))

    def _insert(self, changes: Sequence[NewChange]) -> None:
        row = f"(%s, %s, %s, %s, {self.transaction_sql}, {self.now_sql})"
        names = ("model", "key", "operation", "routing", "transaction", "at")
        columns = ", ".join(self.columns[name] for name in names)
        params: list[str | None] = []
        for change in map(_fitting, changes):
            routing = None if change.routing is None else encode_routing(change.routing)
            params += [change.model, change.key, change.operation, routing]
        with self.connection.cursor() as cursor:
            values = ", ".join([row] * len(changes))
            cursor.execute(f"INSERT INTO {self.table} ({columns}) VALUES {values}", params)

    @abstractmethod
    def head(self, *, rows: int | None = None) -> str:
        """The cursor of the present: everything that is committed now is behind it.

        Where more than about so many rows would have to be read for that, it may be one from before.
        It writes nothing: a log that has not begun gives a cursor that will have expired when it has.
        """

    @abstractmethod
    def mark(self, cursor: str) -> Mark:
        """The newest change that the cursor has seen, by what it says itself. Raise `CursorExpired` for noise."""

    @abstractmethod
    def oldest(self, cursors: Sequence[str]) -> str:
        """A cursor that has seen nothing which one of these has not: what came after any of them came after it.

        It is one of them, unless they contradict one another, as cursors may that a client has made up.
        """

    def false(self, cursors: Collection[str]) -> set[str]:
        """Those whose mark the log does not have, although it has not been pruned: nobody reads from them."""
        marks = {cursor: self.mark(cursor) for cursor in cursors}
        _, pruned, _ = self._state()
        rows: dict[int, tuple[int, int | None]] = {}
        ids = sorted({mark.id for mark in marks.values() if mark.id > pruned})
        for start in range(0, len(ids), ROWS_PER_INSERT):
            some = ids[start : start + ROWS_PER_INSERT]
            found = Change.objects.using(self.alias).filter(pk__in=some).values_list("pk", "at", "transaction")
            rows.update({pk: (at, transaction) for pk, at, transaction in found})
        return {
            cursor
            for cursor, mark in marks.items()
            if mark.id > pruned and not self._proves(cursor, mark, rows.get(mark.id))
        }

    def _proves(self, cursor: str, mark: Mark, row: tuple[int, int | None] | None) -> bool:
        """Whether the row of the mark's id, with its time and transaction, is what the cursor says."""
        return row is not None and row[0] == mark.at

    def floor(self, limit: int) -> int:
        """The id of the newest change that has more than `limit` changes from itself on; 0 where there is none."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT id FROM {self.table} ORDER BY id DESC LIMIT 1 OFFSET %s", [limit])
            row = cursor.fetchone()
        return row[0] if row else 0

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
        idempotency.prune(self.alias, older_than=older_than)
        self.begin()
        horizon = int((time.time() - older_than) * 1000)
        total = 0
        while True:
            with transaction.atomic(using=self.alias), self.connection.cursor() as cursor:
                count, is_more = self._prune_some(cursor, horizon)
            total += count
            if not is_more:
                return total

    @abstractmethod
    def _prune_some(self, cursor: Any, horizon: int) -> tuple[int, bool]:
        """Delete up to `ROWS_PER_PRUNE` changes from before the horizon (milliseconds), and note how far.

        Return their number, and whether there is more to do.
        """

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

    def _state(self) -> tuple[str, int, str]:
        """The epoch, empty for a log that has not begun; the last id that has been pruned; and the checkpoint."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(f"SELECT epoch, pruned, checkpoint FROM {self.log_table} WHERE id = 1")
                epoch, pruned, checkpoint = cursor.fetchone() or ("", 0, "")
        except DatabaseError as error:
            if Log._meta.db_table not in str(error) or not _MISSING.search(str(error)):
                raise
            raise type(error)(
                f"The database {self.alias!r} has no table {Log._meta.db_table}, which the log of changes needs. Run "
                f"`manage.py migrate{'' if self.alias == 'default' else f' --database {self.alias}'}`."
            ) from error
        return epoch, pruned, checkpoint

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
