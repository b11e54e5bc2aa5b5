"""Tail: the live queries of one log, and their tick: read new changes, compute deltas, encode each once.

Everything here runs in one thread, and each tick in one transaction that sees one state of the database. So a frame
brings exactly the state at its cursor, and the changes of one commit arrive together.
"""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from weakref import WeakValueDictionary

import msgspec
from django.core.exceptions import ValidationError
from django.db import DatabaseError

from realtime.auth.revocation import EVERYONE, AccessDependencies
from realtime.changelog import idempotency
from realtime.changelog.base import ChangeLog, LoggedChange, Reading
from realtime.changelog.caches import bypass_caches
from realtime.changelog.interruption import interruption
from realtime.conf import limits
from realtime.exceptions import CursorExpired, TooManyRows
from realtime.protocol.codec import encode_delta
from realtime.protocol.live_text import GrowingText, TextName
from realtime.queries.audience_group import AudienceGroup, GroupKey, GroupMember, group_key
from realtime.queries.broken_rows import NeedsCare
from realtime.queries.expansion import by_model
from realtime.queries.family import Families, Family, Found, SharedRows
from realtime.queries.formats import live_query
from realtime.queries.history import History
from realtime.queries.livequery import FEW_ROWS, LiveQuery
from realtime.queries.membership import ALL_ROWS, AllRows, Changed, Members, Past, Present
from realtime.queries.missed_changes import MissedChanges
from realtime.queries.opening import Opening, Progress
from realtime.queries.probe import ReadsAudience, differs_in_audience_alone, may_be_for_all
from realtime.queries.query_key import QueryKey
from realtime.queries.recent_changes import TOO_MANY, Changes, TooMany
from realtime.queries.round import GivenUp, Round
from realtime.queries.router import Router
from realtime.queries.sent import RowMemory
from realtime.queries.shared_delta import SharedDelta
from realtime.queries.tick import Answer, Cost, Tick, Want
from realtime.streams.choices import refused_choice
from realtime.streams.stream import ModelStream
from realtime.streams.surroundings import SITE

logger = logging.getLogger("realtime.log")


MOST_PARTS = 20  # times the limit of changes: larger transactions are not routed in one tick
APART_SECONDS = 60.0  # for which live queries are read one by one, after reading them together took too long
FEW_CURSORS = 8  # for one live query, each of which gets its own answer


NO_TEXTS: Final[Mapping[TextName, GrowingText]] = MappingProxyType({})


class Joining(NamedTuple):
    """An audience that joins a group."""

    group: AudienceGroup
    member: GroupMember


@dataclass(slots=True)
class RoundData:
    """What a round has read so far. The tail stores it after the round's transaction."""

    tick: Tick
    deadline: float  # when to stop answering, by `time.perf_counter`
    changes: Changes  # since the last tick
    older: Mapping[str, Sequence[LoggedChange]]  # as they are read: all changes since cursors before the last tick's
    opened: dict[QueryKey, LiveQuery] = field(default_factory=dict)
    joined: dict[QueryKey, Joining] = field(default_factory=dict)  # by audience
    new_groups: dict[GroupKey, AudienceGroup] = field(default_factory=dict)
    present: dict[LiveQuery, Present] = field(default_factory=dict)  # of live queries that were opened or have changed
    due: dict[LiveQuery, float] = field(default_factory=dict)  # when these change by time alone; infinity if never
    gives_way: bool = False  # no want was answered

    def is_late(self) -> bool:
        return time.perf_counter() > self.deadline

    def present_of(self, query: LiveQuery) -> Present:
        """Return the current state of a live query that has been read, or has not changed."""
        return self.present[query] if query in self.present else _unchanged(query)


def _known(theirs: str | None, mine: str) -> str | None:
    """Return the fingerprint of a client's rows; one text stands for all that differ from the server's."""
    return theirs if theirs in (None, mine) else ""


WARN_PART = 10  # of the limit of rows; above this fraction, a warning is logged


def _by_row(texts: Iterable[TextName]) -> Mapping[str, Mapping[str, Collection[TextName]]]:
    """Return live texts by the model's label and the row's key."""
    found: defaultdict[str, defaultdict[str, list[TextName]]] = defaultdict(lambda: defaultdict(list))
    for text in texts:
        found[text.model][text.key].append(text)
    return found


def _applied(key: QueryKey) -> AbstractContextManager[None]:
    """Apply a live query's surroundings, beside those of the site, which the whole tick has."""
    return nullcontext() if key.surroundings == SITE else key.surroundings.applied()


def _by_key(wants: Iterable[Want]) -> dict[QueryKey, list[Want]]:
    groups: defaultdict[QueryKey, list[Want]] = defaultdict(list)
    for want in wants:
        groups[want.key].append(want)
    return groups


class _Start(NamedTuple):
    """Where an update of clients starts; `own` is their cursor, if it is known which rows they have."""

    cursor: str | None
    fingerprint: str | None
    own: str | None = None


def _unchanged(query: LiveQuery) -> Present:
    return query.keys if isinstance(query.keys, list) else Members()


class _NotBegun(Exception):
    """The log has no epoch: its table has been emptied."""


class _QueryFailed(Exception):
    """A live query's database error, which has aborted the transaction."""

    def __init__(self, key: QueryKey, error: DatabaseError) -> None:
        self.key = key
        self.error = error


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
        self._gave_way = False  # the last tick answered no wants, because it had changes
        self.cursor: str | None = None  # the last tick's
        self.next_due = math.inf  # when the next live query changes by time alone, by the clock
        self._clock = clock
        self._due: dict[LiveQuery, float] = {}  # the same for each live query; finite
        self._large: set[QueryKey] = set()  # live queries with a logged warning about their size
        self._careful: set[QueryKey] = set()  # live queries in which a row has failed in the database
        self._begun = False  # the log is known to have an epoch
        self._grounds = AccessDependencies()
        self._queries: dict[QueryKey, LiveQuery] = {}  # the audiences of a group have one
        self._groups: dict[GroupKey, AudienceGroup] = {}
        self._group_of: dict[int, AudienceGroup] = {}  # by live query
        self._apart: set[type[ModelStream]] = set()  # whose audiences have a live query each, because one was slow
        self._router = Router(max_changes)
        self._missed = MissedChanges(log, max_changes)
        self._history = History()
        self._memory = RowMemory(limits.row_memory_bytes)
        self._openings: WeakValueDictionary[int, Opening] = WeakValueDictionary()  # by live query: the newest
        self._round = Round()  # the current round, or the last one
        self._family: Family | None = None  # what it reads together
        self._texts: Mapping[TextName, GrowingText] = NO_TEXTS  # of the last tick
        self._resume = ""  # the cursor from which clients must resume, after the last tick
        self._withholding: set[LiveQuery] = set()  # that have not sent rows whose live texts were sent

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
            if self._family is not None:
                self._pause(self._family)
                self._family = None
            if before.stuck is not None:
                stuck = self._queries.get(before.stuck)
                if stuck is not None and stuck.planner.is_for_all:
                    self._apart.add(type(stuck.stream))
                    self._dissolve(stuck)
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
            self._note_texts(texts)
            try:
                with self.log.snapshot(), SITE.applied():
                    round.interrupt = interruption(self.log.alias)
                    found = self._read(wants, [[want] for want in wants] if batches is None else batches)
                    found.tick.ran = idempotency.completed(self.log.alias, awaited)
            except _NotBegun:
                continue  # outside of this transaction
            except NeedsCare:
                if not self.log.connection.is_usable():
                    raise
                continue
            except ReadsAudience as error:
                self._tell_audiences_apart(error.kind)
                continue
            except _QueryFailed as error:
                if not self.log.connection.is_usable():
                    raise error.error from None
                for key in self._audiences(error.key):
                    round.failed.add(key)
                    self._discard(key)
                continue
            finally:
                if not round.given_up:
                    self._end_tick(round)
            self._store(found)
            self._find_texts(found, texts)
            self._find_withheld(found.tick)
            self._begun = True
            return found.tick

    def _end_tick(self, round: Round) -> None:
        """Forget what was read: the next round sees another state of the database."""
        for query in round.touched:
            if query.key != round.stuck:
                query.end_tick()
        round.touched.clear()
        round.expanded.clear()
        self._memory.deltas.clear()
        self._missed.end()

    def note_users(self, users: frozenset[str]) -> None:
        """Set the users whose access may have to be checked again."""
        self._grounds.users.present = users

    def moved(self) -> bool:
        return self.log.moved()

    def costs(self) -> list[Cost]:
        """Return the cost of each live query. May be called from another thread."""
        found = []
        for key, query in self._queries.copy().items():
            members = group.members.copy() if (group := self._group_of.get(query.id)) else {}
            number = members[key].number if key in members else query.id
            seconds = query.seconds / max(1, len(members))
            found.append(Cost(key, number, len(query.keys), seconds, len(query.reader.broken), query.maintenance))
        return found

    def _discard(self, key: QueryKey) -> None:
        self._careful.discard(key)
        self._large.discard(key)
        query = self._queries.pop(key, None)
        if query is None:
            return
        if (group := self._group_of.get(query.id)) is not None and group.query is query:
            group.remove(key)
            if group.members:
                return
            del self._groups[group.key], self._group_of[query.id]
        self._router.discard(query)
        query.sent.forget()
        self._due.pop(query, None)

    def _audiences(self, key: QueryKey) -> list[QueryKey]:
        """Return the keys of all audiences that share the live query with this key."""
        query = self._queries.get(key)
        group = None if query is None else self._group_of.get(query.id)
        return [key] if group is None else list(group.members)

    def _tell_audiences_apart(self, kind: type[ModelStream]) -> None:
        """End what audiences of this stream have shared, because it reads the audience."""
        for group in list(self._groups.values()):
            if type(group.query.stream) is kind and group.must_end():
                self._dissolve(group.query)
        for query in self._queries.values():
            if type(query.stream) is kind:
                query.planner.end_sharing()

    def _dissolve(self, query: LiveQuery) -> None:
        """Give each audience of a group a live query of its own."""
        group = self._group_of.pop(query.id, None)
        if group is None:  # it is new in this round, which was not stored
            return
        del self._groups[group.key]
        self._router.discard(query)
        for key, own in group.dissolve().items():
            self._queries[key] = own
            self._router.index(own).add(own)
            self._history.opened(own)
            if own.reader.careful:
                self._careful.add(key)
            if own.sent.withheld:
                self._withholding.add(own)
        query.sent.forget()

    def _numbers(self, query: LiveQuery) -> Sequence[int]:
        """Return the numbers by which subscribers know a live query: one for each audience of a group."""
        group = self._group_of.get(query.id)
        return (query.id,) if group is None else [member.number for member in group.members.values()]

    def _number(self, key: QueryKey, query: LiveQuery, data: RoundData) -> int:
        """Return the number by which the subscribers with this key know a live query."""
        if key in data.joined:
            return data.joined[key].member.number
        group = self._group_of.get(query.id)
        return query.id if group is None else group.members[key].number

    def _for_audiences(self, deltas: dict[int, SharedDelta]) -> dict[int, SharedDelta]:
        """Return the deltas of live queries by the numbers that subscribers know."""
        if self._group_of.keys().isdisjoint(deltas):
            return deltas
        found: dict[int, SharedDelta] = {}
        for number, delta in deltas.items():
            group = self._group_of.get(number)
            found.update({number: delta} if group is None else group.deltas(delta))
        return found

    def _group(self, query: LiveQuery, data: RoundData) -> AudienceGroup | None:
        """Return the group that this new live query belongs to; None if its audience must have its own."""
        key = group_key(query)
        if key is None or type(query.stream) in self._apart:
            return None
        group = self._groups.get(key) or data.new_groups.get(key)
        if group is not None:
            return group if group.takes(query.stream) else None
        if not self._guarded(query, query.planner.ask_for_all):
            return None
        group = data.new_groups[key] = AudienceGroup(key, query)
        return group

    def _fail_audiences(self, data: RoundData) -> None:
        """Let a live query that has failed for a group fail for all of its audiences."""
        tick, failed, errors = data.tick, self._round.failed, self._round.errors
        for key in list(failed):
            query = self._queries.get(key)
            group = None if query is None else self._group_of.get(query.id)
            others = {*group.members} if group is not None else set()
            others.update(other for other, joining in data.joined.items() if joining.group.query.key == key)
            failed |= others
            if key in errors:
                errors.update(dict.fromkeys(others, errors[key]))
        tick.answers = {want: answer for want, answer in tick.answers.items() if want.key not in failed}
        tick.parts = {want: part for want, part in tick.parts.items() if want.key not in failed}

    def _read(self, wants: Mapping[Want, ModelStream], batches: Sequence[Collection[Want]]) -> RoundData:
        deadline = time.perf_counter() + self.seconds
        failed = self._round.failed
        before = self.cursor
        routed: dict[LiveQuery, set[str] | AllRows] = {}
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
        self._missed.begin(before, cursor, changes)
        tick = Tick(before=self._resume or before or cursor, cursor=cursor, access=access)
        data = RoundData(tick, deadline, changes, self._missed.read_now)
        self._memory.begin(before or cursor)

        for query, overdue in self._overdue().items():
            if (affected := routed.setdefault(query, set())) is not ALL_ROWS:
                affected.update(query.comparable_keys(overdue))
        reloaded = self._now_due() | self._router.affected_by_row_models(() if changes is TOO_MANY else changes)
        ready = self._look_up_together({query: keys for query, keys in routed.items() if query not in reloaded})
        for query, changed in {**dict.fromkeys(reloaded, ()), **routed}.items():
            if query.key in failed:
                continue
            if query in ready and (quick := query.delta_of_read(changed)) is not None:
                result: tuple[SharedDelta, Present] | None = quick
            else:
                result = self._guarded(query, query.refresh if query in reloaded else query.delta, changed)
            if result is not None:
                change, data.present[query] = result
                if change:
                    tick.resets += change.reset
                    tick.deltas[query.id] = change

        groups = _by_key(wants)
        data.gives_way = bool(tick.deltas and groups) and not self._gave_way and self.seconds < math.inf
        if data.gives_way:
            groups.clear()
        cursors = {want.cursor for want in wants if groups and want.cursor is not None and not want.is_for_part}
        self._missed.find_starts(cursor, cursors)
        for number, batch in enumerate(batches):
            keys = dict.fromkeys(want.key for want in batch if want.key in groups and not tick.has_answered(want))
            if number and data.is_late():
                keys.clear()
            for key in keys:
                group = groups.pop(key)
                subject = self._subject(key, wants[group[0]], data)
                if subject is not None:
                    group.sort(key=lambda want: want not in batch)
                    self._answer(subject, self._number(key, subject, data), group, set(batch), data)
                    if key not in failed and (left := [want for want in group if not tick.has_answered(want)]):
                        groups[key] = left
        if failed:
            self._fail_audiences(data)
        tick.deltas = self._for_audiences(tick.deltas)
        tick.deferred = {want for want in wants if not tick.has_answered(want) and want.key not in failed}

        tick.changes = len(changes) if changes is not TOO_MANY else self.max_changes if before else 0
        timed = {kind for kind in {type(query.stream) for query in data.present} if kind.changes_by_time()}
        data.due = {
            query: self._guarded(query, query.due, self._clock()) or math.inf
            for query in (data.present if timed else ())
            if type(query.stream) in timed
        }
        return data

    def _look_up_together(self, routed: Mapping[LiveQuery, Changed]) -> Collection[LiveQuery]:
        """Read the changed rows of similar live queries together; return these live queries."""
        ready: set[LiveQuery] = set()
        wanted: defaultdict[Families, dict[LiveQuery, Collection[str]]] = defaultdict(dict)
        for query, changed in routed.items():
            if changed is not ALL_ROWS and len(changed) <= FEW_ROWS and query.asks_of_rows:
                wanted[self._router.index(query).families][query] = changed
        for families, queries in wanted.items():
            together: defaultdict[Family, dict[LiveQuery, Collection[str]]] = defaultdict(dict)
            alike: defaultdict[Any, list[LiveQuery]] = defaultdict(list)
            for query in queries:
                alike[query.key.params, query.key.surroundings].append(query)
            for first, *others in alike.values():
                is_for_all = bool(others) and self._guarded(first, first.planner.ask_for_all)
                family = None if first.key in self._round.failed else self._guarded(first, families.of, first)
                if family is not None:
                    together[family][first] = queries[first]
                for other in others:  # most of the work for a row that many see, so nothing is done twice
                    is_alike = is_for_all and (
                        (other.planner.plan is first.planner.plan and other.planner.keeps_plan)
                        or differs_in_audience_alone(other.stream, first.stream)
                    )
                    if is_alike and other.planner.ask_like(first.planner):
                        self._round.touched.add(other)
                        own = family
                    else:
                        own = self._guarded(other, families.of, other)
                    if own is not None:
                        together[own][other] = queries[other]
            for family, some in together.items():
                if self._look_up(family, some):
                    ready.update(some)
        return ready

    def _look_up(self, family: Family, queries: Mapping[LiveQuery, Collection[str]]) -> bool:
        """Read the changed rows of a family; return False if that has failed."""
        first = next(iter(queries))
        instances: dict[Any, Any] = {}
        shared = SharedRows()
        try:
            with _applied(first.key):
                for some in family.portions(queries):
                    self._take_rows(self._read_together(family, some, instances), some, shared)
        except (GivenUp, ReadsAudience):
            raise
        except Exception as error:
            self._family = None
            family.pause()
            if isinstance(error, DatabaseError | NeedsCare):  # the transaction is aborted
                raise NeedsCare from error
            return False
        if not may_be_for_all(type(first.stream)):
            for query in queries:
                query.planner.check_sharing()
        return True

    def _pause(self, family: Family) -> None:
        family.pause(APART_SECONDS)
        logger.warning(
            "Live queries of the stream %s take longer to read together than one may; "
            "they are read one by one for %g s.",
            family.stream,
            APART_SECONDS,
            extra={"stream": family.stream},
        )

    def _read_together(
        self, family: Family, queries: Mapping[LiveQuery, Collection[str]], instances: dict[Any, Any]
    ) -> dict[LiveQuery, Found]:
        """Read the changed rows of these live queries; each bears the same part of the time."""
        begun = time.perf_counter()
        self._family = family
        with self._round.reading(*(query.key for query in queries)):
            found = family.read(queries, instances)
        self._family = None
        each = (time.perf_counter() - begun) / len(queries)
        for query in queries:
            query.seconds += each
        return found

    def _take_rows(
        self, found: Mapping[LiveQuery, Found], changed: Mapping[LiveQuery, Collection[str]], shared: SharedRows
    ) -> None:
        """Give live queries the rows that were read, rendered once for all who see them alike."""
        for query, rows in found.items():
            looked_up = shared.find(query, changed[query], rows)
            if looked_up is None:
                begun = time.perf_counter()
                with self._round.reading(query.key):
                    looked_up = shared.render(query, changed[query], rows)
                query.seconds += time.perf_counter() - begun
            query.take(looked_up)

    def is_due(self) -> bool:
        """Return whether a live query changes now by time alone, or has withheld a row for long enough."""
        return self.next_due <= self._clock() or self.withheld_seconds() <= 0

    def withheld_seconds(self) -> float:
        """Return the seconds until a row that was withheld must be sent; infinity if there is none."""
        return min(
            (query.sent.seconds() for query in self._withholding if query.key in self._queries), default=math.inf
        )

    def _now_due(self) -> set[LiveQuery]:
        now = self._clock()
        if self.next_due > now:
            return set()
        return {query for query, due in self._due.items() if due <= now}

    def _subject(self, key: QueryKey, stream: ModelStream, data: RoundData) -> LiveQuery | None:
        """Return the wanted live query, brought to the present."""
        failed = self._round.failed
        if key in failed:
            return None
        subject = self._queries.get(key) or data.opened.get(key)
        if subject is None and key in data.joined:
            subject = data.joined[key].group.query
        if subject is None:
            subject = self._open(key, stream)
            if subject is None:
                return None
            if (group := self._group(subject, data)) is not None:
                data.joined[key] = Joining(group, GroupMember(subject.id, stream))
                subject = group.query
        if key in failed or subject.key in failed:
            return None
        if subject in data.present:
            return subject
        if subject.key not in self._queries:
            keys = self._guarded(subject, subject.read_keys)
            if keys is None:
                return None
            data.opened[key], data.present[subject] = subject, keys
        elif self._guarded(subject, subject.drifts):
            result = self._guarded(subject, subject.delta, ())
            if result is None:
                return None
            change, data.present[subject] = result
            if change:
                data.tick.deltas[subject.id] = change
        return subject

    def _answer(
        self, query: LiveQuery, number: int, wants: Sequence[Want], urgent: Collection[Want], data: RoundData
    ) -> None:
        """Put the answers for this live query into the tick: all urgent ones, and as many others as time allows.

        Its subscribers know it by this `number`.
        """
        present = data.present_of(query)
        for want in wants:
            if want.is_for_part and (want in urgent or not data.is_late()):
                self._add_part(query, [want], want.progress, data)
        wants = [want for want in wants if not want.is_for_part]
        mine = self._guarded(query, query.fingerprint, present) if wants else None
        if mine is None:
            return
        starts: dict[Want, _Start] = {}
        since: dict[_Start, Changed] = {}
        pasts = self._pasts(query, present, {want.cursor for want in wants})
        for want in wants:
            if want not in urgent and not self._missed.is_read(want.cursor) and data.is_late():
                continue
            own = want.cursor if pasts.get(want.cursor) is not None else None
            start = starts[want] = _Start(self._missed.start(want.cursor), _known(want.fingerprint, mine), own)
            if start not in since:
                missed = partial(query.missed, theirs=start.fingerprint, mine=mine, past=pasts.get(own))
                since[start] = self._guarded(query, missed, self._since(start.cursor, query))
        self._begin_parts(query, starts, since, mine, data)
        known = [changed for changed in since.values() if changed is not ALL_ROWS]
        together = ALL_ROWS if len(known) < len(since) else set().union(*known)
        told = all(start.own is not None for start in since)
        self._guarded(query, partial(query.prepare, told=told), present, together)
        answers: dict[tuple[_Start, Collection[str] | None], Answer] = {}
        lost = {want: None if want.progress is None else want.progress.lost for want in starts}
        for start, unknown in dict.fromkeys((start, lost[want]) for want, start in starts.items()):
            delta = None
            if query.key not in self._round.failed:
                delta = self._guarded(query, query.resume, present, since[start], pasts.get(start.own))
            if delta is not None:
                if start.cursor is not None:
                    data.tick.resets += delta.reset
                if unknown is not None and not delta.reset:
                    drops = tuple(key for key in delta.drops if key not in unknown)
                    delta = msgspec.structs.replace(delta, parts=True, drops=drops)
                encoded = encode_delta(msgspec.structs.replace(delta, query=number)) if delta else None
                answers[start, unknown] = Answer(number, encoded, mine, self._memory.number)
        for want, start in starts.items():
            if (start, lost[want]) in answers:
                data.tick.answers[want] = answers[start, lost[want]]

    def _begin_parts(
        self, query: LiveQuery, starts: dict[Want, _Start], since: dict[_Start, Changed], mine: str, data: RoundData
    ) -> None:
        """Put the first part into the tick for the wants that take all rows in parts; remove these from `starts`."""
        begun = [
            want
            for want, start in starts.items()
            if want.in_parts and want.progress is None and since[start] is ALL_ROWS
        ]
        if not begun or query.key in self._round.failed:
            return
        opening = self._openings.get(query.id)
        if opening is None or opening.fingerprint != mine or not self._missed.knows(opening.cursor):
            keys = self._guarded(query, query.keys_to_divide, data.present_of(query))
            if keys is None:
                return
            opening = self._openings[query.id] = Opening(data.tick.cursor, mine, keys)
        for want in begun:
            del starts[want]
        for start in since.keys() - set(starts.values()):
            del since[start]
        self._add_part(query, begun, Progress(opening), data)

    def _add_part(self, query: LiveQuery, wants: Collection[Want], progress: Progress | None, data: RoundData) -> None:
        part = None if query.key in self._round.failed else self._guarded(query, query.part, progress)
        if part is not None:
            data.tick.parts.update(dict.fromkeys(wants, part))

    def _pasts(self, query: LiveQuery, present: Present, cursors: set[str | None]) -> dict[str | None, Past | None]:
        """Return what has entered and left a live query since each of these cursors, if known."""
        cursors = cursors - {None}
        if query.key not in self._queries or len(cursors) > FEW_CURSORS:
            return {}
        now = query.members_with(present)
        return {
            cursor: self._history.past(None if cursor == self.cursor else cursor, query, now) for cursor in cursors
        }

    def _store(self, found: RoundData) -> None:
        failed = self._round.failed
        # after the transaction, which may fail at its end: such a tick is repeated as if new
        for key, query in found.opened.items():
            if key not in failed:
                query.store(found.present.pop(query))
                self._queries[key] = query
                self._router.index(query).add(query)
        for key, (group, member) in found.joined.items():
            if key not in failed:
                group.members[key] = member
                self._queries[key] = group.query
                self._groups[group.key] = self._group_of[group.query.id] = group
        members: dict[int, Members] = {}
        for query, present in found.present.items():
            if query.key not in failed:
                members[query.id] = self._router.index(query).update(query, present)
        self._warn_of_sizes([*found.opened.values(), *found.present])
        self._due.update(found.due)
        for key in failed:
            self._discard(key)
        self._due = {query: due for query, due in self._due.items() if due < math.inf and query.key in self._queries}
        self.next_due = min(self._due.values(), default=math.inf)
        if self.cursor is None or found.changes is TOO_MANY:
            self._history.clear()
        elif self.cursor != found.tick.cursor:
            self._history.add(self.cursor, members)
        for query in found.opened.values():
            self._history.opened(query)
        self._missed.remember(found.tick.cursor, found.older)
        self.cursor = found.tick.cursor
        self._gave_way = found.gives_way
        found.tick.failed = failed
        found.tick.errors = self._round.errors

    def _note_texts(self, texts: Mapping[TextName, GrowingText]) -> None:
        by_row: defaultdict[tuple[str, str], dict[str, GrowingText]] = defaultdict(dict)
        for name, text in texts.items():
            if self._texts.get(name) is text:  # new ones are not sent to anybody yet
                by_row[name.model, name.key][name.field] = text
        self._memory.texts = by_row

    def _overdue(self) -> dict[LiveQuery, list[str]]:
        """Return the rows that must be sent now, although subscribers have been sent their live text."""
        found = {query: query.sent.overdue() for query in self._withholding if query.key in self._queries}
        return {query: keys for query, keys in found.items() if keys}

    def _find_withheld(self, tick: Tick) -> None:
        """Note in the tick where clients must resume: before the changes of rows that were withheld from them."""
        self._withholding = {query for query in self._withholding if query.sent.withheld}
        withheld = [each for query in self._withholding for each in query.sent.withheld.values()]
        if withheld:
            tick.withheld = min(withheld, key=lambda each: each.since).cursor
        self._resume = tick.resume

    def _find_texts(self, found: RoundData, texts: Mapping[TextName, GrowingText]) -> None:
        """Note in the tick which of all texts changed live queries show, and which of the new ones the others show.

        Of audiences that have joined a group: all that it shows.
        """
        new = [name for name, text in texts.items() if self._texts.get(name) is not text]
        self._texts = texts
        if not texts:
            return
        all_texts, new_texts = _by_row(texts), _by_row(new)
        tick = found.tick
        for query in dict.fromkeys(self._queries.values()):
            label = query.stream.model._meta.label_lower
            numbers = self._numbers(query)
            if any(number in tick.deltas for number in numbers):
                self._withholding.add(query)  # if it has withheld a row
                shown = query.shown_texts(all_texts.get(label, {}))
                tick.texts.update(dict.fromkeys(numbers, shown))
                query.sent.texts = {(text.key, text.field) for text in shown}
            elif label in new_texts and (shown := query.shown_texts(new_texts[label])):
                tick.new_texts.update(dict.fromkeys(numbers, shown))
                query.sent.texts = {*query.sent.texts, *((text.key, text.field) for text in shown)}
        for key, (group, member) in found.joined.items():
            label, known = group.query.stream.model._meta.label_lower, group.query.sent.texts
            if known and key in self._queries and member.number not in tick.texts:
                shown = {text for text in texts if text.model == label and (text.key, text.field) in known}
                tick.new_texts[member.number] = shown

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
                "The log of the database %r is not the one read before; reading all afresh.",
                self.log.alias,
                extra={"log": self.log.alias},
            )
            return TOO_MANY
        return reading if reading.complete else TOO_MANY

    def _since(self, cursor: str | None, query: LiveQuery) -> Changed:
        if cursor is None:
            return ALL_ROWS
        index = self._router.index(query)
        if (cursor, index) not in self._round.expanded:
            found = self._missed.since(cursor)
            self._round.expanded[cursor, index] = (
                ALL_ROWS if found is TOO_MANY else self._router.expand(index, by_model(found))
            )
        return index.since(query, self._round.expanded[cursor, index])

    def _open(self, key: QueryKey, stream: ModelStream) -> LiveQuery | None:
        round = self._round
        try:
            with round.reading(key), stream.surroundings.applied():
                query = live_query(stream, key.format, self._memory)
                query.reader.careful = key in self._careful
                return query
        except GivenUp:
            raise
        except Exception:
            key.say(logger.exception, "The live query %s %s cannot be made.")
            round.failed.add(key)
            return None

    def _guarded(self, query: LiveQuery, read: Any, *args: Any) -> Any:
        """Call a method of a live query; a failure ends only this live query."""
        round = self._round
        round.touched.add(query)
        begun = time.perf_counter()
        try:
            with round.reading(query.key), _applied(query.key):
                return query.planner.read_watched(read, *args)
        except (GivenUp, ReadsAudience):
            raise
        except NeedsCare:
            self._careful.add(query.key)
            query.reader.careful = True
            raise
        except ValidationError as error:  # of get_queryset: parameters that it does not take
            round.failed.add(query.key)
            round.errors[query.key] = refused_choice(query.key.stream, error)
            return None
        except TooManyRows as error:
            text = "The live query %s %s has more than %d rows, the limit `rows` of REALTIME_LIMITS; it is refused."
            query.key.say(logger.error, text, error.most)
            round.failed.add(query.key)
            round.errors[query.key] = error
            return None
        except Exception as error:
            query.key.say(logger.exception, "The live query %s %s cannot be read.")
            round.failed.add(query.key)
            if isinstance(error, DatabaseError):
                raise _QueryFailed(query.key, error) from error
            return None
        finally:
            query.seconds += time.perf_counter() - begun
