"""Answers: brings the clients that want a live query from their cursors to the present."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple
from weakref import WeakValueDictionary

import msgspec

from realtime.changelog.base import ChangeLog
from realtime.protocol.codec import encode_delta
from realtime.queries.expansion import by_model
from realtime.queries.history import History
from realtime.queries.livequery import LiveQuery
from realtime.queries.membership import ALL_ROWS, Changed, Members, Past, Present
from realtime.queries.missed_changes import MissedChanges
from realtime.queries.open_queries import OpenQueries
from realtime.queries.opening import Opening, Progress
from realtime.queries.recent_changes import TOO_MANY
from realtime.queries.round import Round
from realtime.queries.round_data import RoundData
from realtime.queries.router import Router
from realtime.queries.sent import RowMemory
from realtime.queries.tick import Answer, Want

FEW_CURSORS = 8  # for one live query, each of which gets its own answer


class Start(NamedTuple):
    """Where an update of clients starts; `own` is their cursor, if it is known which rows they have."""

    cursor: str | None
    fingerprint: str | None
    own: str | None = None


class Answers:
    """Answers wants. It knows what has changed, entered and left since recent cursors."""

    def __init__(
        self, log: ChangeLog, router: Router, queries: OpenQueries, memory: RowMemory, *, max_changes: int
    ) -> None:
        self.missed = MissedChanges(log, max_changes)
        self.history = History()
        self._router = router
        self._queries = queries
        self._memory = memory
        self._openings: WeakValueDictionary[int, Opening] = WeakValueDictionary()  # by live query: the newest

    def add(
        self, query: LiveQuery, number: int, wants: Sequence[Want], urgent: Collection[Want], data: RoundData
    ) -> None:
        """Put the answers for this live query into the tick: all urgent ones, and as many others as time allows.

        Its subscribers know it by this `number`.
        """
        guarded, failed = data.round.guarded, data.round.failed
        present = data.present_of(query)
        for want in wants:
            if want.is_for_part and (want in urgent or not data.is_late()):
                self._add_part(query, [want], want.progress, data)
        wants = [want for want in wants if not want.is_for_part]
        mine = guarded(query, query.fingerprint, present) if wants else None
        if mine is None:
            return
        starts: dict[Want, Start] = {}
        since: dict[Start, Changed] = {}
        pasts = self._pasts(query, present, {want.cursor for want in wants}, data.before)
        for want in wants:
            if want not in urgent and not self.missed.is_read(want.cursor) and data.is_late():
                continue
            own = want.cursor if pasts.get(want.cursor) is not None else None
            start = starts[want] = Start(self.missed.start(want.cursor), _known(want.fingerprint, mine), own)
            if start not in since:
                missed = partial(query.missed, theirs=start.fingerprint, mine=mine, past=pasts.get(own))
                since[start] = guarded(query, missed, self._since(start.cursor, query, data.round))
        self._begin_parts(query, starts, since, mine, data)
        known = [changed for changed in since.values() if changed is not ALL_ROWS]
        together = ALL_ROWS if len(known) < len(since) else set().union(*known)
        told = all(start.own is not None for start in since)
        guarded(query, partial(query.prepare, told=told), present, together)
        answers: dict[tuple[Start, Collection[str] | None], Answer] = {}
        lost = {want: None if want.progress is None else want.progress.lost for want in starts}
        for start, unknown in dict.fromkeys((start, lost[want]) for want, start in starts.items()):
            delta = None
            if query.key not in failed:
                delta = guarded(query, query.resume, present, since[start], pasts.get(start.own))
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

    def store(self, data: RoundData, members: Mapping[int, Members]) -> None:
        """Remember what this round has read, and the `members` that entered and left, by live query."""
        cursor = data.tick.cursor
        if data.before is None or data.changes is TOO_MANY:
            self.history.clear()
        elif data.before != cursor:
            self.history.add(data.before, members)
        for query in data.opened.values():
            self.history.opened(query)
        self.missed.remember(cursor, data.older)

    def _begin_parts(
        self, query: LiveQuery, starts: dict[Want, Start], since: dict[Start, Changed], mine: str, data: RoundData
    ) -> None:
        """Put the first part into the tick for the wants that take all rows in parts; remove these from `starts`."""
        begun = [
            want
            for want, start in starts.items()
            if want.in_parts and want.progress is None and since[start] is ALL_ROWS
        ]
        if not begun or query.key in data.round.failed:
            return
        opening = self._openings.get(query.id)
        if opening is None or opening.fingerprint != mine or not self.missed.knows(opening.cursor):
            keys = data.round.guarded(query, query.keys_to_divide, data.present_of(query))
            if keys is None:
                return
            opening = self._openings[query.id] = Opening(data.tick.cursor, mine, keys)
        for want in begun:
            del starts[want]
        for start in since.keys() - set(starts.values()):
            del since[start]
        self._add_part(query, begun, Progress(opening), data)

    def _add_part(self, query: LiveQuery, wants: Collection[Want], progress: Progress | None, data: RoundData) -> None:
        part = None if query.key in data.round.failed else data.round.guarded(query, query.part, progress)
        if part is not None:
            data.tick.parts.update(dict.fromkeys(wants, part))

    def _pasts(
        self, query: LiveQuery, present: Present, cursors: set[str | None], before: str | None
    ) -> dict[str | None, Past | None]:
        """Return what has entered and left a live query since each of these cursors, if known."""
        cursors = cursors - {None}
        if query.key not in self._queries or len(cursors) > FEW_CURSORS:
            return {}
        now = query.members_with(present)
        return {cursor: self.history.past(None if cursor == before else cursor, query, now) for cursor in cursors}

    def _since(self, cursor: str | None, query: LiveQuery, round: Round) -> Changed:
        if cursor is None:
            return ALL_ROWS
        index = self._router.index(query)
        if (cursor, index) not in round.expanded:
            found = self.missed.since(cursor)
            round.expanded[cursor, index] = (
                ALL_ROWS if found is TOO_MANY else self._router.expand(index, by_model(found))
            )
        return index.since(query, round.expanded[cursor, index])


def _known(theirs: str | None, mine: str) -> str | None:
    """Return the fingerprint of a client's rows; one text stands for all that differ from the server's."""
    return theirs if theirs in (None, mine) else ""
