"""OpenQueries: the live queries of one log that have subscribers. Audiences that see the same rows share one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime.queries.audience_group import AudienceGroup, GroupKey, group_key
from realtime.queries.livequery import LiveQuery
from realtime.queries.membership import Present
from realtime.queries.query_key import QueryKey
from realtime.queries.round_data import Joining, RoundData
from realtime.queries.router import Router
from realtime.queries.shared_delta import SharedDelta
from realtime.queries.tick import Cost
from realtime.streams.stream import ModelStream


class OpenQueries:
    """The live queries by key, indexed for the router."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._queries: dict[QueryKey, LiveQuery] = {}  # the audiences of a group have one
        self._groups: dict[GroupKey, AudienceGroup] = {}
        self._group_of: dict[int, AudienceGroup] = {}  # by live query
        self._apart: set[type[ModelStream]] = set()  # whose audiences have a live query each, because one was slow

    def __len__(self) -> int:
        return len(self._queries)

    def __iter__(self) -> Iterator[QueryKey]:
        return iter(self._queries)

    def __contains__(self, key: QueryKey) -> bool:
        return key in self._queries

    def get(self, key: QueryKey | None) -> LiveQuery | None:
        return None if key is None else self._queries.get(key)

    def values(self) -> Sequence[LiveQuery]:
        """Return the live queries, each once."""
        return list(dict.fromkeys(self._queries.values()))

    def costs(self) -> Iterator[Cost]:
        """Yield the cost of each live query. May be called from another thread."""
        for key, query in self._queries.copy().items():
            members = group.members.copy() if (group := self._group_of.get(query.id)) else {}
            number = members[key].number if key in members else query.id
            seconds = query.seconds / max(1, len(members))
            yield Cost(key, number, len(query.keys), seconds, len(query.reader.broken), query.maintenance)

    def add(self, key: QueryKey, query: LiveQuery, present: Present) -> None:
        query.store(present)
        self._queries[key] = query
        self._router.index(query).add(query)

    def join(self, key: QueryKey, joining: Joining) -> None:
        """Add an audience to its group, which may be new."""
        group = joining.group
        group.members[key] = joining.member
        self._queries[key] = group.query
        self._groups[group.key] = self._group_of[group.query.id] = group

    def discard(self, key: QueryKey) -> LiveQuery | None:
        """Remove an audience; return its live query if no other audience shares it."""
        query = self._queries.pop(key, None)
        if query is None:
            return None
        if (group := self._group_of.get(query.id)) is not None and group.query is query:
            group.remove(key)
            if group.members:
                return None
            del self._groups[group.key], self._group_of[query.id]
        self._router.discard(query)
        query.sent.forget()
        return query

    def group_for(self, query: LiveQuery, data: RoundData) -> AudienceGroup | None:
        """Return the group that a new live query belongs to; None if its audience must have its own."""
        key = group_key(query)
        if key is None or type(query.stream) in self._apart:
            return None
        group = self._groups.get(key) or data.new_groups.get(key)
        if group is not None:
            return group if group.takes(query.stream) else None
        if not data.round.guarded(query, query.planner.ask_for_all):
            return None
        group = data.new_groups[key] = AudienceGroup(key, query)
        return group

    def audiences(self, key: QueryKey) -> list[QueryKey]:
        """Return the keys of all audiences that share the live query with this key."""
        query = self._queries.get(key)
        group = None if query is None else self._group_of.get(query.id)
        return [key] if group is None else list(group.members)

    def numbers(self, query: LiveQuery) -> Sequence[int]:
        """Return the numbers by which subscribers know a live query: one for each audience of a group."""
        group = self._group_of.get(query.id)
        return (query.id,) if group is None else [member.number for member in group.members.values()]

    def number(self, key: QueryKey, query: LiveQuery, data: RoundData) -> int:
        """Return the number by which the subscribers with this key know a live query."""
        if key in data.joined:
            return data.joined[key].member.number
        group = self._group_of.get(query.id)
        return query.id if group is None else group.members[key].number

    def for_audiences(self, deltas: dict[int, SharedDelta]) -> dict[int, SharedDelta]:
        """Return the deltas of live queries by the numbers that subscribers know."""
        if self._group_of.keys().isdisjoint(deltas):
            return deltas
        found: dict[int, SharedDelta] = {}
        for number, delta in deltas.items():
            group = self._group_of.get(number)
            found.update({number: delta} if group is None else group.deltas(delta))
        return found

    def fail_audiences(self, data: RoundData) -> None:
        """Let a live query that has failed for a group fail for all of its audiences."""
        tick, failed, errors = data.tick, data.round.failed, data.round.errors
        for key in list(failed):
            others = set(self.audiences(key))
            others.update(other for other, joining in data.joined.items() if joining.group.query.key == key)
            failed |= others
            if key in errors:
                errors.update(dict.fromkeys(others, errors[key]))
        tick.answers = {want: answer for want, answer in tick.answers.items() if want.key not in failed}
        tick.parts = {want: part for want, part in tick.parts.items() if want.key not in failed}

    def separate(self, kind: type[ModelStream]) -> list[LiveQuery]:
        """End what audiences of this stream have shared, as it reads the audience; return their new live queries."""
        groups = [group for group in self._groups.values() if type(group.query.stream) is kind and group.must_end()]
        found = [query for group in groups for query in self._dissolve(group.query)]
        for query in self._queries.values():
            if type(query.stream) is kind:
                query.planner.end_sharing()
        return found

    def separate_slow(self, key: QueryKey) -> list[LiveQuery]:
        """End what audiences of this live query's stream share, because it was slow; return their new live queries."""
        query = self._queries.get(key)
        if query is None or not query.planner.is_for_all:
            return []
        self._apart.add(type(query.stream))
        return self._dissolve(query)

    def _dissolve(self, query: LiveQuery) -> list[LiveQuery]:
        """Give each audience of a group a live query of its own."""
        group = self._group_of.pop(query.id, None)
        if group is None:  # it is new in this round, which was not stored
            return []
        del self._groups[group.key]
        self._router.discard(query)
        separated = group.dissolve()
        for key, own in separated.items():
            self._queries[key] = own
            self._router.index(own).add(own)
        query.sent.forget()
        return list(separated.values())
