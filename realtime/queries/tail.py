"""Tail: the live queries of one log, and their tick: read new changes, compute deltas, encode each once.

Everything here runs in one thread, and each tick in one transaction that sees one state of the database: what a
frame brings is exactly the state at its cursor, and what one commit changed arrives whole.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import DatabaseError

from realtime import operations
from realtime.changelog.base import ChangeLog, LoggedChange, Reading
from realtime.exceptions import CursorExpired
from realtime.figures import count
from realtime.protocol.codec import encode_delta
from realtime.protocol.messages import Delta
from realtime.queries.dependencies import Dependencies, StreamIndex
from realtime.queries.expansion import Own, by_model
from realtime.queries.livequery import ALL, LiveQuery, QueryKey, live_query
from realtime.queries.recent import Recent
from realtime.queries.site import as_the_site
from realtime.streams.grounds import EVERYONE, Access, Grounds
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.log")


class Want(NamedTuple):
    """Someone wants a live query brought from a cursor (None: from nothing) to the present."""

    key: QueryKey
    cursor: str | None


class Answer(NamedTuple):
    """The live query's id, and the delta if there is one."""

    query: int
    delta: bytes | None


@dataclass(slots=True)
class Tick:
    """What one round found."""

    before: str
    cursor: str
    deltas: dict[int, bytes] = field(default_factory=dict)  # by live query
    answers: dict[Want, Answer] = field(default_factory=dict)
    failed: set[QueryKey] = field(default_factory=set)  # could not be read; the log says why
    access: Access = EVERYONE  # whose access is to be asked again before any of this is handed on
    ran: Collection[str] = ()  # operations whose effects are there at the cursor
    changes: int = 0  # that it brought


class Found(NamedTuple):
    """What a round has read, before the tail takes it for its own state."""

    tick: Tick
    opened: dict[QueryKey, LiveQuery]
    present: dict[LiveQuery, list[str]]  # the keys of live queries that were opened or have changed
    changes: Sequence[LoggedChange] | None  # since the last tick; None where the log was not read on


def _by_key(wants: Iterable[Want]) -> dict[QueryKey, list[Want]]:
    groups: defaultdict[QueryKey, list[Want]] = defaultdict(list)
    for want in wants:
        groups[want.key].append(want)
    return groups


class Cost(NamedTuple):
    """A live query, how many rows it has now, and for how many seconds it was read and rendered since it began."""

    key: QueryKey
    id: int
    rows: int
    seconds: float


class _NotBegun(Exception):
    """The log has no epoch: its table has been emptied."""


class _QueryFailed(Exception):
    """A live query's database error, after which the transaction is void."""

    def __init__(self, key: QueryKey, error: DatabaseError) -> None:
        self.key = key
        self.error = error


class Tail:
    """Reads one log for as long as somebody needs it."""

    def __init__(self, log: ChangeLog, *, max_changes: int) -> None:
        self.log = log
        self.max_changes = max_changes
        self.cursor: str | None = None  # of the last tick
        self._begun = False  # the log is known to have an epoch
        self._grounds = Grounds()
        self._queries: dict[QueryKey, LiveQuery] = {}
        self._dependencies = Dependencies(max_changes)
        self._recent = Recent(max_changes)
        self._touched: set[LiveQuery] = set()  # by this tick
        self._expanded: dict[
            tuple[str, StreamIndex], Own | None
        ] = {}  # what this tick has found out about older cursors

    def tick(
        self, wants: Mapping[Want, ModelStream], retired: Iterable[QueryKey], awaited: Collection[str] = ()
    ) -> Tick:
        """One round: the deltas of all live queries that changed, and the answers to `wants`, with their streams.

        `retired` are live queries that nobody needs any more, `awaited` the keys of operations that clients wait for.
        Raise `DatabaseError` where the database does not answer; nothing has happened then, and the round can be
        repeated.
        """
        wanted = {want.key for want in wants}
        for key in retired:
            if key not in wanted:
                self._discard(key)
        failed: set[QueryKey] = set()
        while True:
            if not self._begun:
                self.log.begin()
            self._begun = False  # until this round has succeeded
            try:
                with self.log.snapshot(), as_the_site():
                    found = self._read(wants, failed)
                    found.tick.ran = operations.ran(self.log.alias, awaited)
            except _NotBegun:
                continue  # which it does outside of this transaction
            except _QueryFailed as error:
                if not self.log.connection.is_usable():
                    raise error.error from None
                self._discard(error.key)
                continue
            finally:
                self._end_tick()
            self._store(found, failed)
            self._begun = True
            return found.tick

    def _end_tick(self) -> None:
        for query in self._touched:
            query.end_tick()
        self._touched.clear()
        self._expanded.clear()

    def moved(self) -> bool:
        return self.log.moved()

    def costs(self) -> list[Cost]:
        """What each live query has cost; may be asked by another thread."""
        return [Cost(query.key, query.id, len(query.keys), query.seconds) for query in list(self._queries.values())]

    def _discard(self, key: QueryKey) -> None:
        if query := self._queries.pop(key, None):
            self._dependencies.discard(query)

    def _read(self, wants: Mapping[Want, ModelStream], failed: set[QueryKey]) -> Found:
        before = self.cursor
        routed: dict[LiveQuery, set[str] | None] = {}
        access = EVERYONE
        changes: Sequence[LoggedChange] | None = None  # since the last tick, where they are known
        if before is None:
            cursor = self._head()
        elif (reading := self._read_log(before)) is None:
            cursor, routed = self._head(), self._dependencies.everything()
        else:
            cursor, changes = reading.cursor, reading.changes
            routed = self._dependencies.route(changes) if changes else {}
            access = self._grounds.access((change.model, change.key, change.operation) for change in changes)
        tick = Tick(before=before or cursor, cursor=cursor, access=access)

        present: dict[LiveQuery, list[str]] = {}
        for query, changed in routed.items():
            result = self._guarded(query, failed, query.delta, changed)
            if result is not None:
                change, present[query] = result
                if change:
                    _count_reset(change)
                    tick.deltas[query.id] = encode_delta(change)

        opened: dict[QueryKey, LiveQuery] = {}
        for key, group in _by_key(wants).items():
            if key in failed:
                continue
            subject = self._queries.get(key) or self._open(key, wants[group[0]], failed)
            if subject is None:
                continue
            if key not in self._queries:
                keys = self._guarded(subject, failed, subject.read_keys)
                if keys is None:
                    continue
                opened[key], present[subject] = subject, keys
            elif subject not in present and self._guarded(subject, failed, subject.drifts):
                result = self._guarded(subject, failed, subject.delta, ())
                if result is None:
                    continue
                change, present[subject] = result
                if change:
                    tick.deltas[subject.id] = encode_delta(change)
            tick.answers.update(self._answers(subject, group, present.get(subject, subject.keys), changes, failed))

        tick.changes = len(changes) if changes is not None else self.max_changes if before else 0
        return Found(tick, opened, present, changes)

    def _answers(
        self,
        query: LiveQuery,
        wants: Sequence[Want],
        keys: list[str],
        changes: Sequence[LoggedChange] | None,
        failed: set[QueryKey],
    ) -> dict[Want, Answer]:
        since = {want: self._since(want.cursor, query, changes) for want in wants}
        known = [changed for changed in since.values() if changed is not ALL]
        together = ALL if len(known) < len(since) else set().union(*known)
        self._guarded(query, failed, query.prepare, keys, together)
        answers = {}
        for want, changed in since.items():
            delta = None if query.key in failed else self._guarded(query, failed, query.resume, keys, changed)
            if delta is not None:
                if want.cursor is not None:
                    _count_reset(delta)
                answers[want] = Answer(query.id, encode_delta(delta) if delta else None)
        return answers

    def _store(self, found: Found, failed: set[QueryKey]) -> None:
        # after the transaction, which may fail at its very end: such a tick is repeated as if it had not been
        for key, query in found.opened.items():
            if key not in failed:
                query.keys = found.present.pop(query)
                self._queries[key] = query
                self._dependencies.index(query).add(query)
        for query, keys in found.present.items():
            if query.key not in failed:
                self._dependencies.index(query).update(query, keys)
        for key in failed:
            self._discard(key)
        if self.cursor is None or found.changes is None:
            self._recent.clear()
        elif self.cursor != found.tick.cursor:
            self._recent.add(self.cursor, found.changes)
        self.cursor = found.tick.cursor
        found.tick.failed = failed

    def _head(self) -> str:
        cursor = self.log.head()
        if not self.log.has_begun(cursor):
            raise _NotBegun
        return cursor

    def _read_log(self, after: str) -> Reading | None:
        """What came after the last tick, or None where all has to be read afresh."""
        try:
            reading = self.log.read(after, limit=self.max_changes)
        except CursorExpired:  # another log has taken the place of the one that was read
            self._head()
            logger.warning(
                "The log of the database %r is not the one read before; reading all afresh.",
                self.log.alias,
                extra={"log": self.log.alias},
            )
            return None
        return reading if reading.complete else None

    def _since(
        self, cursor: str | None, query: LiveQuery, changes: Sequence[LoggedChange] | None
    ) -> Collection[str] | None:
        if cursor is None:
            return ALL
        index = self._dependencies.index(query)
        if (cursor, index) not in self._expanded:
            found = self._changes_since(cursor, changes)
            self._expanded[cursor, index] = ALL if found is None else self._dependencies.expand(index, by_model(found))
        return index.since(query, self._expanded[cursor, index])

    def _changes_since(self, cursor: str, changes: Sequence[LoggedChange] | None) -> Sequence[LoggedChange] | None:
        if changes is not None and cursor == self.cursor:
            return changes
        if changes is not None and (recent := self._recent.since(cursor)) is not None:
            return [*recent, *changes]
        try:
            reading = self.log.read(cursor, limit=self.max_changes)
        except CursorExpired:
            return None
        return reading.changes if reading.complete else None

    def _open(self, key: QueryKey, stream: ModelStream, failed: set[QueryKey]) -> LiveQuery | None:
        try:
            return live_query(stream, key.format)
        except Exception:
            params = key.params.decode()
            fields = {"stream": key.stream, "params": params}
            logger.exception("The live query %s %s cannot be made.", key.stream, params, extra=fields)
            failed.add(key)
            return None

    def _guarded(self, query: LiveQuery, failed: set[QueryKey], read: Any, *args: Any) -> Any:
        """Call a method of a live query; its failure ends this live query and no other."""
        self._touched.add(query)
        begun = time.perf_counter()
        try:
            return read(*args)
        except Exception as error:
            params = query.key.params.decode()
            fields = {"stream": query.key.stream, "params": params}
            logger.exception("The live query %s %s cannot be read.", query.key.stream, params, extra=fields)
            failed.add(query.key)
            if isinstance(error, DatabaseError):
                raise _QueryFailed(query.key, error) from error
            return None
        finally:
            query.seconds += time.perf_counter() - begun


def _count_reset(delta: Delta) -> None:
    if delta.reset:
        count("resets")
