"""Tail: the live queries of one log, and their tick: read new changes, compute deltas, encode each once.

Everything here runs in one thread, and each tick in one transaction that sees one state of the database. So a frame
brings exactly the state at its cursor, and the changes of one commit arrive together. A tick that takes long hands out
deltas before its end, at the same cursor. If it then fails, the next one makes up for it: subscribers may have either
state of these live queries.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial

from realtime.auth.revocation import EVERYONE, AccessDependencies
from realtime.changelog import idempotency
from realtime.changelog.base import ChangeLog, Reading
from realtime.changelog.caches import bypass_caches
from realtime.changelog.interruption import interruption
from realtime.conf import limits
from realtime.exceptions import CursorExpired
from realtime.protocol.live_text import GrowingText, TextName
from realtime.queries.answers import Answers
from realtime.queries.audience_group import GroupMember
from realtime.queries.broken_rows import NeedsCare
from realtime.queries.family_reader import FamilyReader
from realtime.queries.formats import live_query
from realtime.queries.livequery import LiveQuery
from realtime.queries.membership import ALL_ROWS, AllRows, Members
from realtime.queries.open_queries import OpenQueries
from realtime.queries.probe import ReadsAudience
from realtime.queries.query_key import QueryKey
from realtime.queries.recent_changes import TOO_MANY, Changes, TooMany
from realtime.queries.round import GivenUp, QueryFailed, Round
from realtime.queries.round_data import Joining, RoundData, by_key
from realtime.queries.router import Router
from realtime.queries.sent import RowMemory
from realtime.queries.shown_texts import NO_TEXTS, ShownTexts
from realtime.queries.tick import Cost, Tick, Want
from realtime.streams.stream import ModelStream
from realtime.streams.surroundings import SITE

logger = logging.getLogger("realtime.log")

MOST_PARTS = 20  # times the limit of changes: larger transactions are not routed in one tick
WARN_PART = 10  # of the limit of rows; above this fraction, a warning is logged

Routed = dict[LiveQuery, set[str] | AllRows]
"""The rows that changes may concern, by live query."""


class _NotBegun(Exception):
    """The log has no epoch: its table has been emptied."""


class Tail:
    """Reads one log while it has subscribers."""

    def __init__(
        self,
        log: ChangeLog,
        *,
        max_changes: int,
        seconds: float = math.inf,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.log = log
        self.max_changes = max_changes
        self.seconds = seconds  # per tick, for answers: its own changes come first
        self.cursor: str | None = None  # the last tick's
        self.next_due = math.inf  # when the next live query changes by time alone, by the clock
        self._clock = clock
        self._due: dict[LiveQuery, float] = {}  # the same for each live query; finite
        self._large: set[QueryKey] = set()  # live queries with a logged warning about their size
        self._begun = False  # the log is known to have an epoch
        self._gave_way = False  # the last tick answered no wants, because it had changes
        self._grounds = AccessDependencies()
        self._router = Router(max_changes)
        self._queries = OpenQueries(self._router)
        self._memory = RowMemory(limits.row_memory_bytes)
        self._families = FamilyReader(self._router)
        self._answers = Answers(log, self._router, self._queries, self._memory, max_changes=max_changes)
        self._texts = ShownTexts(self._queries)
        self._handed_out: set[LiveQuery] = set()  # by rounds that have not succeeded: subscribers may be ahead
        self._round = Round()  # the current round, or the last one

    @bypass_caches
    def tick(
        self,
        wants: Mapping[Want, ModelStream],
        retired: Iterable[QueryKey],
        awaited: Collection[str] = (),
        batches: Sequence[Collection[Want]] | None = None,
        round: Round | None = None,
        texts: Mapping[TextName, GrowingText] = NO_TEXTS,
    ) -> Tick:
        """Run one round: compute the deltas of all changed live queries, and the answers to the `batches`.

        `batches` are the wants in the order of answering; each batch is answered together. Wants are `deferred` if
        there is no time for them, or if the tick has deltas, which must not wait for them. The next tick then answers
        at least one batch. `retired` are live queries without subscribers, `awaited` the keys of operations that
        clients wait for, `texts` the live texts that are being written. Raise `DatabaseError` if the database does
        not answer; nothing has happened then, and the round can be repeated.

        Raise `GivenUp` if the `round` was abandoned. The next tick may then be running in another thread, and must not
        read the live query that was being read.
        """
        before, self._round = self._round, round or Round()
        round = self._round
        if before.given_up:  # an abandoned round must not clean up itself
            self._families.pause_abandoned()
            if before.stuck is not None:
                self._take_separated(self._queries.separate_slow(before.stuck))
                self._discard(before.stuck)
            self._end_tick(before)
        wanted = {want.key for want in wants}
        for key in retired:
            if key not in wanted:
                self._discard(key)
        while True:
            if not self._begun:
                self.log.begin()
            self._begun = False  # until this round has succeeded
            round.start()
            self._memory.texts = self._texts.sent(texts)
            if texts or self._texts.shows_any:  # what is withheld decides from where clients must resume
                round.keep_to_itself()
            try:
                with self.log.snapshot(), SITE.applied():
                    round.interrupt = interruption(self.log.alias)
                    data = self._read(wants, [[want] for want in wants] if batches is None else batches)
                    data.tick.ran = idempotency.completed(self.log.alias, awaited)
            except _NotBegun:
                continue  # outside of this transaction
            except NeedsCare:
                if not self.log.connection.is_usable():
                    raise
                continue
            except ReadsAudience as error:
                self._take_separated(self._queries.separate(error.kind))
                continue
            except QueryFailed as error:
                if not self.log.connection.is_usable():
                    raise error.error from None
                for key in self._queries.audiences(error.key):
                    round.failed.add(key)
                    self._discard(key)
                continue
            finally:
                if not round.given_up:
                    self._end_tick(round)
            self._store(data)
            self._texts.end_tick(data, texts)
            self._begun = True
            round.keep_to_itself()  # which would keep clients in memory until the next one
            return data.tick

    def _end_tick(self, round: Round) -> None:
        """Forget what was read: the next round sees another state of the database."""
        for query in round.touched:
            if query.key != round.stuck:
                query.end_tick()
        round.touched.clear()
        round.expanded.clear()
        self._memory.deltas.clear()
        self._answers.missed.end()

    def note_users(self, users: frozenset[str]) -> None:
        """Set the users whose access may have to be checked again."""
        self._grounds.users.present = users

    def moved(self) -> bool:
        return self.log.moved()

    def costs(self) -> Iterator[Cost]:
        """Return the cost of each live query. May be called from another thread."""
        return self._queries.costs()

    def _discard(self, key: QueryKey) -> None:
        self._large.discard(key)
        ended = self._queries.discard(key)
        if ended is not None:
            self._due.pop(ended, None)
            self._handed_out.discard(ended)

    def _take_separated(self, queries: Iterable[LiveQuery]) -> None:
        """Note live queries of audiences that have shared one until now."""
        for query in queries:
            if self._handed_out:  # perhaps for what they shared
                self._handed_out.add(query)
            self._answers.history.opened(query)
            if query.sent.withheld:
                self._texts.watch(query)

    def _read(self, wants: Mapping[Want, ModelStream], batches: Sequence[Collection[Want]]) -> RoundData:
        data, routed = self._read_changes()
        tick = data.tick
        if self._gave_way or self.seconds == math.inf:
            data.requested = {type(stream) for stream in wants.values()}
        self._compute_deltas(routed, data)
        groups = by_key(wants)
        data.gives_way = bool(tick.deltas and groups) and not self._gave_way and self.seconds < math.inf
        if data.gives_way:
            groups.clear()
        self._answer(groups, wants, batches, data)
        failed = data.round.failed
        if failed:
            self._queries.fail_audiences(data)
        tick.deltas = self._queries.for_audiences(tick.deltas)
        tick.deferred = {want for want in wants if not tick.has_answered(want) and want.key not in failed}
        timed = {kind for kind in {type(query.stream) for query in data.present} if kind.changes_by_time()}
        data.due = {
            query: data.round.guarded(query, query.stream.next_change, self._clock()) or math.inf
            for query in (data.present if timed else ())
            if type(query.stream) in timed
        }
        return data

    def _read_changes(self) -> tuple[RoundData, Routed]:
        """Read the log. Return the beginning of a round, and which rows the changes may concern."""
        deadline = time.perf_counter() + self.seconds
        before = self.cursor
        routed: Routed = {}
        access = EVERYONE
        changes: Changes = TOO_MANY  # since the last tick
        if before is None:
            cursor = self._head()
        elif (reading := self._read_log(before)) is TOO_MANY:
            cursor, routed = self._head(), self._router.everything()
        else:
            cursor, changes = reading.cursor, reading.changes
            routed = self._router.route(changes) if changes else {}
            access = self._grounds.access(changes)
        missed = self._answers.missed
        missed.begin(before, cursor, changes)
        self._memory.begin(before or cursor)
        tick = Tick(before=self._texts.resume or before or cursor, cursor=cursor, access=access)
        tick.changes = len(changes) if changes is not TOO_MANY else self.max_changes if before else 0
        return RoundData(self._round, tick, before, deadline, changes, missed.read_now), routed

    def _compute_deltas(self, routed: Routed, data: RoundData) -> None:
        """Put the deltas of live queries that have changed, or are due, into the tick."""
        for query, overdue in self._texts.overdue().items():
            if (affected := routed.setdefault(query, set())) is not ALL_ROWS:
                affected.update(query.comparable_keys(overdue))
        changes = data.changes
        reloaded = self._now_due() | self._router.affected_by_row_models(() if changes is TOO_MANY else changes)
        ahead = self._handed_out & set(self._queries.values()) if self._handed_out else set()
        left: Routed = {**{query: set() for query in reloaded}, **dict.fromkeys(ahead, ALL_ROWS), **routed}
        alone = ahead | reloaded
        for queries in self._families.read({query: left[query] for query in left if query not in alone}, data.round):
            for query in queries:
                if (quick := query.delta_of_read(left[query])) is not None:
                    del left[query]
                    data.put_delta(query, *quick)
            self._hand_out(left, data)
        for query, changed in list(left.items()):
            del left[query]
            if query.key in data.round.failed:
                continue
            if query in ahead:
                result = data.round.guarded(query, query.catch_up, ALL_ROWS if query in reloaded else changed)
            else:
                delta = partial(query.delta, whole=query in reloaded)  # when it is due, each row may have changed
                result = data.round.guarded(query, delta, changed)
            if result is not None:
                data.put_delta(query, *result)
            self._hand_out(left, data)

    def _hand_out(self, left: Collection[LiveQuery], data: RoundData) -> None:
        """Hand out the next deltas, if this round has taken long; `left` are the live queries still to be read."""
        if not data.round.must_hand_out:
            return
        deltas = data.take_next_deltas()
        self._handed_out.update(deltas)
        if data.requested:
            left = {*left, *(query for query in self._queries.values() if type(query.stream) in data.requested)}
        numbers = {number for query in left for number in self._queries.numbers(query)}
        tick = Tick(before=data.tick.before, cursor=data.tick.cursor, access=data.tick.access)
        tick.deltas = self._queries.for_audiences({query.id: delta for query, delta in deltas.items()})
        data.round.hand_out(tick, numbers)

    def _answer(
        self,
        groups: dict[QueryKey, list[Want]],
        wants: Mapping[Want, ModelStream],
        batches: Sequence[Collection[Want]],
        data: RoundData,
    ) -> None:
        """Put the answers to these groups of wants into the tick, batch by batch, as long as there is time."""
        tick = data.tick
        cursors = {want.cursor for want in wants if groups and want.cursor is not None and not want.is_for_part}
        self._answers.missed.find_starts(tick.cursor, cursors)
        for number, batch in enumerate(batches):
            keys = dict.fromkeys(want.key for want in batch if want.key in groups and not tick.has_answered(want))
            if number and data.is_late():
                keys.clear()
            for key in keys:
                group = groups.pop(key)
                query = self._current_query(key, wants[group[0]], data)
                if query is not None:
                    group.sort(key=lambda want: want not in batch)
                    self._answers.add(query, self._queries.number(key, query, data), group, set(batch), data)
                    left = [want for want in group if not tick.has_answered(want)]
                    if left and key not in data.round.failed:
                        groups[key] = left

    def is_due(self) -> bool:
        """Return whether a live query changes now by time alone, or has withheld a row for long enough."""
        return self.next_due <= self._clock() or self.withheld_seconds() <= 0

    def withheld_seconds(self) -> float:
        """Return the seconds until a row that was withheld must be sent; infinity if there is none."""
        return self._texts.withheld_seconds()

    def _now_due(self) -> set[LiveQuery]:
        now = self._clock()
        if self.next_due > now:
            return set()
        return {query for query, due in self._due.items() if due <= now}

    def _current_query(self, key: QueryKey, stream: ModelStream, data: RoundData) -> LiveQuery | None:
        """Return the live query with this key, after reading what it has now; None if it has failed."""
        guarded, failed = data.round.guarded, data.round.failed
        if key in failed:
            return None
        query = self._queries.get(key) or data.opened.get(key)
        if query is None and key in data.joined:
            query = data.joined[key].group.query
        if query is None:
            query = self._open(key, stream)
            if query is None:
                return None
            if (group := self._queries.group_for(query, data)) is not None:
                data.joined[key] = Joining(group, GroupMember(query.id, stream))
                query = group.query
        if key in failed or query.key in failed:
            return None
        if query in data.present:
            return query
        if query.key not in self._queries:
            keys = guarded(query, query.read_keys)
            if keys is None:
                return None
            data.opened[key], data.present[query] = query, keys
        elif guarded(query, query.drifts):
            result = guarded(query, query.delta, ())
            if result is None:
                return None
            data.put_delta(query, *result)
        return query

    def _store(self, data: RoundData) -> None:
        failed = data.round.failed
        # after the transaction, which may fail at its end: such a tick is repeated as if new
        for key, query in data.opened.items():
            if key not in failed:
                self._queries.add(key, query, data.present.pop(query))
        for key, joining in data.joined.items():
            if key not in failed:
                self._queries.join(key, joining)
        members: dict[int, Members] = {}
        for query, present in data.present.items():
            if query.key not in failed:
                members[query.id] = self._router.index(query).update(query, present)
        self._warn_of_sizes([*data.opened.values(), *data.present])
        self._due.update(data.due)
        for key in failed:
            self._discard(key)
        self._due = {query: due for query, due in self._due.items() if due < math.inf and query.key in self._queries}
        self.next_due = min(self._due.values(), default=math.inf)
        self._answers.store(data, members)
        self._handed_out.clear()
        self.cursor = data.tick.cursor
        self._gave_way = data.gives_way
        data.tick.failed = failed
        data.tick.errors = data.round.errors

    def _warn_of_sizes(self, queries: Iterable[LiveQuery]) -> None:
        most = limits.rows // WARN_PART
        for query in queries:
            if len(query.keys) > most and query.key not in self._large and query.key in self._queries:
                self._large.add(query.key)
                text = "The live query %s %s has %d rows; more than %d make each change slow. Show a part of them."
                query.key.say(logger.warning, text, len(query.keys), most)

    def _head(self) -> str:
        cursor = self.log.head()
        if not self.log.has_begun(cursor):
            raise _NotBegun
        return cursor

    def _read_log(self, after: str) -> Reading | TooMany:
        """Return the changes since the last tick; `TOO_MANY` if everything must be read again."""
        try:
            reading = self.log.read(after, limit=self.max_changes)
            if not reading.complete:
                reading = self.log.read(after, limit=self.max_changes * MOST_PARTS)
        except CursorExpired:  # the log has been replaced by another one
            self._head()
            logger.warning(
                "The log of the database %r is not the one read before; reloading all rows.",
                self.log.alias,
                extra={"log": self.log.alias},
            )
            return TOO_MANY
        return reading if reading.complete else TOO_MANY

    def _open(self, key: QueryKey, stream: ModelStream) -> LiveQuery | None:
        round = self._round
        try:
            with round.reading(key), stream.surroundings.applied():
                query = live_query(stream, key.format, self._memory)
                query.reader.careful = key in round.careful
                return query
        except GivenUp:
            raise
        except Exception:
            key.say(logger.exception, "The live query %s %s cannot be made.")
            round.failed.add(key)
            return None
