"""ChangeLog: the interface of the change log of every database, with the code that they share.

A cursor is text: the log's epoch, a dot, and a position that only the database's module understands. A position
contains a mark: the id and time of a change that it has seen. The mark shows whether the log has been restored from a
backup since the cursor was made.
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
"""Routing values by field name: the new value, or the new and the old value if they differ.

If there is no value, the change did not touch it: the reader looks it up in the row. A REREAD has all values that the
changed rows had or have.
"""

commit_listeners: list[Callable[[str], None]] = []
"""Called with a database's alias after a writer has committed changes there, in the writer's thread."""

_PROCESS = secrets.token_hex(8)


def origin() -> str:
    """Return the name of this process, by which it recognizes its own notifications."""
    return f"{_PROCESS}.{os.getpid()}"  # a forked process has the same `_PROCESS`


_MISSING = re.compile("no such table|does not exist|doesn't exist")  # in errors of SQLite, PostgreSQL and MySQL
_MARK = re.compile("[0-9]{1,18}-[0-9]{1,18}")

_routing_decoder = msgspec.json.Decoder(dict[str, list[str | None]])


class NewChange(NamedTuple):
    """A change to append."""

    model: str
    key: str
    operation: str
    routing: Routing | None = None


def rereads(labels: Iterable[str]) -> list[NewChange]:
    """Return changes that reload these models, instead of listing rows."""
    return [NewChange(label, "", Change.Kind.REREAD) for label in sorted(labels)]


def encode_routing(routing: Routing) -> str:
    """Return routing values as JSON, as the log stores them."""
    return msgspec.json.encode(routing).decode()


def _with_fitting_key(change: NewChange) -> NewChange:
    """Return the change, or one that reloads its model if the key is too long for the log."""
    if len(change.key) <= MAX_KEY:
        return change
    return NewChange(change.model, "", Change.Kind.REREAD)


class LoggedChange(NamedTuple):
    """A change read from the log."""

    id: int
    model: str
    key: str
    operation: str
    routing: Routing | None


class Reading(NamedTuple):
    """The result of `read`. If `complete` is false, there were more changes than the limit, and `changes` is empty."""

    changes: Sequence[LoggedChange]
    cursor: str
    complete: bool = True


class Mark(NamedTuple):
    """A change that a position has seen. It proves that the log is still the same."""

    id: int
    at: int

    def __str__(self) -> str:
        return f"{self.id}-{self.at}"

    @classmethod
    def parse(cls, text: str) -> Mark:
        """Parse a mark. Raise `CursorExpired` if it is malformed; cursors come from clients."""
        if not _MARK.fullmatch(text):
            raise CursorExpired
        return cls(*map(int, text.split("-")))


@dataclass(frozen=True)
class RereadAfterCommit:
    """Reloads models after the commit of a transaction that found no log: pages may have been rendered before it."""

    log: ChangeLog
    labels: frozenset[str]

    def __call__(self) -> None:
        if self.log.connection.get_autocommit() and self.log.exists():
            self.log.append(rereads(self.labels))


class ChangeLog(ABC):
    """The log of one database.

    All methods are synchronous and use the calling thread's connection. `poll_seconds` is the longest delay of a
    change whose wake-up was lost.
    """

    poll_seconds: float = 0.5
    flow_poll_seconds: float = 0.5  # the same while changes come
    transaction_sql = "NULL"  # the writer's transaction id
    triggers_wake = False  # whether a trigger can wake the hubs
    errors_end_transactions = False  # whether an error aborts the transaction
    now_sql: str  # milliseconds since 1970
    exists_sql: str  # returns a row if the log's table exists, with what precedes its name

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._exists = False  # the log's table has been seen
        self._schema = ""  # of that table, as SQL
        self._database: Any = None  # the name by which the last connection was made
        self._upkeep = Upkeep()
        quote = self.connection.ops.quote_name
        self.table = quote(Change._meta.db_table)
        self.log_table = quote(Log._meta.db_table)
        self.columns = {field.name: quote(str(field.column)) for field in Change._meta.fields}
        names = ("id", "model", "key", "operation", "routing", "at")
        self.read_columns = ", ".join(f"c.{self.columns[name]}" for name in names)  # of a change `c`
        # changes that one step may prune (parameters: their number, and the horizon), by the primary key alone
        self.old_rows = (
            f"(SELECT id, at FROM {self.table} ORDER BY id LIMIT %s) oldest"
            f" WHERE at < %s AND id < (SELECT MAX(id) FROM {self.table})"
        )

    @property
    def connection(self) -> Any:
        return connections[self.alias]

    @property
    def qualified_table(self) -> str:
        """The log's table as writers name it: they may `SET search_path` or `USE` another database."""
        return f"{self._schema}{self.table}"

    @property
    def now(self) -> RawSQL:
        """The database's clock, in milliseconds since 1970, as an expression for the ORM."""
        return RawSQL(self.now_sql, (), output_field=BigIntegerField())  # noqa: S611 - contains no input

    def now_plus(self, seconds: float) -> Any:
        """Return the time in so many seconds, likewise."""
        return self.now + int(seconds * 1000)

    def append(self, changes: Sequence[NewChange]) -> None:
        """Log changes in the writer's transaction, and wake the hubs after it commits."""
        if changes and not self.exists():
            self.reread_after_commit(change.model for change in changes)
            return
        for start in range(0, len(changes), ROWS_PER_INSERT):
            chunk = changes[start : start + ROWS_PER_INSERT]
            try:
                self._insert(chunk)
            except DatabaseError as error:
                # the writer's table may have a character set that the log's table does not have
                if self.errors_end_transactions or not self._is_value_error(error):
                    raise
                self._insert(rereads({change.model for change in chunk}))
        if changes:
            self.wake_on_commit()

    def _is_value_error(self, error: DatabaseError) -> bool:
        """Return whether the error is about a value that the log cannot store."""
        return isinstance(error, DataError)

    def exists(self) -> bool:
        """Return whether the log's table exists. Until it does, the driver's cursor looks: Django counts no query."""
        if not self._exists:
            self._exists = self._table_exists()
        return self._exists

    def look(self) -> None:
        """Look for the table with a new connection, again if it leads elsewhere: parallel tests use copies."""
        if self._database != self.connection.settings_dict["NAME"]:
            self._database = self.connection.settings_dict["NAME"]
            self.forget()
        self.exists()

    def forget(self) -> None:
        """Let `exists` look again: a migration may drop the table, or the database may be another one."""
        self._exists = False

    def _table_exists(self) -> bool:
        connection = self.connection
        try:
            connection.ensure_connection()
            with closing(connection.connection.cursor()) as cursor:
                cursor.execute(self.exists_sql)
                found = cursor.fetchone()
        except Exception:  # the writer's own statement reports the error
            return False
        if found is not None:
            [self._schema] = found
        return found is not None

    def reread_after_commit(self, labels: Iterable[str]) -> None:
        """Reload these models after the writer's commit, if the log exists by then: there was none during a write."""
        after_commit(self.alias, RereadAfterCommit(self, frozenset(labels)))

    def wake_on_commit(self) -> None:
        """Wake the hubs after the writer's commit, after all other hooks."""
        after_commit(self.alias, self._wake_hubs)
        after_commit(self.alias, self._prune_after_commit)

    def _wake_hubs(self) -> None:
        for listener in commit_listeners:
            listener(self.alias)

    def _prune_after_commit(self) -> None:
        self._upkeep.after_commit(self.connection, self._prune_step)

    def _prune_step(self, cursor: Any) -> tuple[int, bool]:
        return self._prune_some(cursor, int((time.time() - settings.RETENTION_SECONDS) * 1000))

    def _insert(self, changes: Sequence[NewChange]) -> None:
        row = f"(%s, %s, %s, %s, {self.transaction_sql}, {self.now_sql})"
        names = ("model", "key", "operation", "routing", "transaction", "at")
        columns = ", ".join(self.columns[name] for name in names)
        params: list[str | None] = []
        for change in map(_with_fitting_key, changes):
            routing = None if change.routing is None else encode_routing(change.routing)
            params += [change.model, change.key, change.operation, routing]
        with self.connection.cursor() as cursor:
            values = ", ".join([row] * len(changes))
            cursor.execute(f"INSERT INTO {self.qualified_table} ({columns}) VALUES {values}", params)

    @abstractmethod
    def head(self, *, rows: int | None = None) -> str:
        """Return the current cursor, which has seen every change committed so far.

        If that requires reading more than about `rows` changes, the cursor may be an earlier one. This writes nothing:
        before the log has begun, it returns a cursor that expires when the log begins.
        """

    @abstractmethod
    def mark(self, cursor: str) -> Mark:
        """Return the newest change that the cursor says it has seen. Raise `CursorExpired` if it is malformed."""

    @abstractmethod
    def oldest(self, cursors: Sequence[str]) -> str:
        """Return a cursor that has seen only changes that all of these cursors have seen.

        It is one of them, unless they contradict each other, as cursors made up by clients may.
        """

    def invalid_cursors(self, cursors: Collection[str]) -> set[str]:
        """Return the cursors whose mark is not in the log, although it has not been pruned. They are not read from."""
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
            if mark.id > pruned and not self._confirms(cursor, mark, rows.get(mark.id))
        }

    def _confirms(self, cursor: str, mark: Mark, row: tuple[int, int | None] | None) -> bool:
        """Return whether the row with the mark's id, its time and transaction, confirms the cursor."""
        return row is not None and row[0] == mark.at

    def floor(self, limit: int) -> int:
        """Return the id of the change that `limit` newer changes follow, or 0."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT id FROM {self.table} ORDER BY id DESC LIMIT 1 OFFSET %s", [limit])
            row = cursor.fetchone()
        return row[0] if row else 0

    @abstractmethod
    def read(self, after: str, *, limit: int) -> Reading:
        """Return every change that is visible now and was not at `after`, and the current cursor.

        Raise `CursorExpired` if the log cannot determine these changes.
        """

    def prune(self, *, older_than: float) -> int:
        """Delete changes older than this number of seconds; return how many.

        Readers continue: it uses small transactions, and keeps the newest change, the mark of every up-to-date cursor.
        It also deletes old operations.
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
        """Delete up to `ROWS_PER_PRUNE` changes from before the horizon (milliseconds), and store how far.

        Return how many, and whether there is more to do.
        """

    def moved(self) -> bool:
        """Return whether there may be something to read. It is cheap, and for the reading thread only."""
        return True

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Open a transaction in which all reads see the same state of the database."""
        with transaction.atomic(using=self.alias):
            yield

    def begin(self) -> None:
        """Make sure that the log has an epoch.

        `migrate` and the log's readers call this. Pages never do, because their transactions may be long.
        """
        if not self.has_begun(self.head()):
            Log.objects.using(self.alias).bulk_create([Log(epoch=secrets.token_hex(4))], ignore_conflicts=True)

    @staticmethod
    def has_begun(cursor: str) -> bool:
        """Return whether the log had an epoch when this cursor was taken."""
        return not cursor.startswith(".")

    def _state(self) -> tuple[str, int, str]:
        """Return the epoch (empty before the log has begun), the last pruned id, and the checkpoint."""
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

    def _after(self, mark: Mark, rows: list[Any], pruned: int) -> list[Any]:
        """Return the rows of changes without that of the mark. Raise `CursorExpired` if the mark is of another log."""
        if (own := next((row for row in rows if row[0] == mark.id), None)) and own[-1] == mark.at:
            rows.remove(own)
        elif mark.id > pruned:
            raise CursorExpired
        return rows

    def _logged(self, row: Sequence[Any]) -> LoggedChange:
        id, model, key, operation, routing = row
        try:
            decoded = None if routing is None else _routing_decoder.decode(routing)
        except msgspec.DecodeError:  # written by other software: it concerns every live query
            decoded = None
        return LoggedChange(id, model, key, operation, decoded)
