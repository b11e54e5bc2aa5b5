"""AudienceGroup: audiences that share one live query, because nothing in it depends on which of them it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from realtime.queries.livequery import LiveQuery
from realtime.queries.probe import differs_in_audience_alone, may_be_for_all, reads_stream
from realtime.queries.query_key import QueryKey
from realtime.queries.shared_delta import SharedDelta
from realtime.streams.stream import ModelStream


class GroupKey(NamedTuple):
    """What the audiences of a group have in common: the live query's key without the audience, and the rows' look."""

    key: QueryKey
    look: tuple[Any, ...]


class GroupMember(NamedTuple):
    """One audience: the number that its subscribers know the live query by, and its stream."""

    number: int
    stream: ModelStream


class AudienceGroup:
    """Audiences with one live query.

    Its QuerySet and its rows are watched whenever they are read. If one of them asks for the audience, the live query
    raises `ReadsAudience`, and the group must be dissolved before anything is sent.
    """

    def __init__(self, key: GroupKey, query: LiveQuery) -> None:
        self.key = key
        self.query = query
        self.members: dict[QueryKey, GroupMember] = {}
        query.planner.is_for_all = True

    def takes(self, stream: ModelStream) -> bool:
        """Return whether this stream differs from the group's in nothing but the audience."""
        return differs_in_audience_alone(stream, self.query.stream)

    def must_end(self) -> bool:
        """Return whether its QuerySet or its rows have turned out to read the audience."""
        kind = type(self.query.stream)
        return not may_be_for_all(kind) or reads_stream(kind, self.query.key.format)

    def remove(self, key: QueryKey) -> None:
        """Remove an audience. If the live query was named after it, name it after another one."""
        self.members.pop(key, None)
        if self.members and self.query.key == key:
            self.query.key = next(iter(self.members))

    def deltas(self, delta: SharedDelta) -> Mapping[int, SharedDelta]:
        """Return the delta of the live query for each audience, by number."""
        return {member.number: delta.for_query(member.number) for member in self.members.values()}

    def dissolve(self) -> dict[QueryKey, LiveQuery]:
        """Return a live query for each audience, in the same state."""
        return {key: self.query.separate(*member) for key, member in self.members.items()}


def group_key(query: LiveQuery) -> GroupKey | None:
    """Return which group a new live query could belong to; None if its audience must have its own."""
    key, stream = query.key, query.stream
    if key.audience is None or query.look is None or stream.audience_by or stream.compares_rows():
        return None
    if not may_be_for_all(type(stream)) or reads_stream(type(stream), key.format):
        return None
    return GroupKey(key._replace(audience=None, kind=""), query.look)
