"""RoundData: what a round has read so far."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from realtime.changelog.base import LoggedChange
from realtime.queries.audience_group import AudienceGroup, GroupKey, GroupMember
from realtime.queries.livequery import LiveQuery
from realtime.queries.membership import Members, Present
from realtime.queries.query_key import QueryKey
from realtime.queries.recent_changes import Changes
from realtime.queries.round import Round
from realtime.queries.shared_delta import SharedDelta
from realtime.queries.tick import Tick, Want
from realtime.streams.stream import ModelStream


class Joining(NamedTuple):
    """An audience that joins a group."""

    group: AudienceGroup
    member: GroupMember


@dataclass(slots=True)
class RoundData:
    """What a round has read so far. The tail stores it after the round's transaction."""

    round: Round
    tick: Tick
    before: str | None  # the last tick's cursor
    deadline: float  # when to stop answering, by `time.perf_counter`
    changes: Changes  # since the last tick
    older: Mapping[str, Sequence[LoggedChange]]  # as they are read: all changes since cursors before the last tick's
    opened: dict[QueryKey, LiveQuery] = field(default_factory=dict)
    joined: dict[QueryKey, Joining] = field(default_factory=dict)  # by audience
    new_groups: dict[GroupKey, AudienceGroup] = field(default_factory=dict)
    present: dict[LiveQuery, Present] = field(default_factory=dict)  # of live queries that were opened or have changed
    due: dict[LiveQuery, float] = field(default_factory=dict)  # when these change by time alone; infinity if never
    gives_way: bool = False  # no want was answered
    requested: Collection[type[ModelStream]] = ()  # whose live queries the answers may change again, by time alone
    next_deltas: dict[LiveQuery, SharedDelta] = field(default_factory=dict)  # that were not handed out yet

    def put_delta(self, query: LiveQuery, delta: SharedDelta, present: Present) -> None:
        """Put a delta into the tick, and what the live query has now."""
        self.present[query] = present
        if delta:
            self.tick.resets += delta.reset
            self.tick.deltas[query.id] = self.next_deltas[query] = delta

    def take_next_deltas(self) -> dict[LiveQuery, SharedDelta]:
        """Return the deltas since the last call."""
        deltas, self.next_deltas = self.next_deltas, {}
        return deltas

    def is_late(self) -> bool:
        return time.perf_counter() > self.deadline

    def present_of(self, query: LiveQuery) -> Present:
        """Return the current state of a live query that has been read, or has not changed."""
        return self.present[query] if query in self.present else _unchanged(query)


def _unchanged(query: LiveQuery) -> Present:
    return query.keys if isinstance(query.keys, list) else Members()


def by_key(wants: Iterable[Want]) -> dict[QueryKey, list[Want]]:
    groups: defaultdict[QueryKey, list[Want]] = defaultdict(list)
    for want in wants:
        groups[want.key].append(want)
    return groups
