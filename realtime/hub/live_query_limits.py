"""Live query limits: how many live queries a user, or an address's anonymous clients, may have in this process.

A live query costs time at each change that may affect it. A partitioned one is checked only for changes in its
partition. An unpartitioned one is checked for every change of its model, and counts as several. So does one more of
many in the same partition, such as another filter or page of a list: a change there concerns all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable

from realtime.conf import limits
from realtime.exceptions import Overloaded
from realtime.hub.subscribers import Client
from realtime.queries.query_key import QueryKey
from realtime.streams.stream import ModelStream

RETRY_SECONDS = 30.0
UNPARTITIONED = 10  # how many live queries an unpartitioned one counts as
OF_VISITOR = 30  # the same, for an anonymous client
CROWD = 20  # in one partition, or without one: beyond, they count as several, and visitors' are read separately

End = Callable[[Client, QueryKey, Overloaded], bool]
"""Ends a client's subscriptions to a live query; returns whether it had any."""


class _Holder:
    """The live queries of one user, or of the anonymous clients of one address."""

    __slots__ = ("alone", "clients", "cost", "weights")

    def __init__(self) -> None:
        self.cost = 0
        self.alone = 0  # of those that no other anonymous address has
        self.weights: dict[QueryKey, int] = {}
        self.clients: dict[QueryKey, set[Client]] = {}


class _Held:
    """A live query of one user, or of all anonymous clients."""

    __slots__ = ("holders", "place", "weight")

    def __init__(self, place: Hashable, weight: int) -> None:
        self.place = place
        self.weight = weight
        self.holders: set[_Holder] = set()


class LiveQueryLimits:
    """The live queries of a process, by their holders."""

    def __init__(self, end: End) -> None:
        self._end = end
        self._users: dict[object, _Holder] = {}
        self._visitors: dict[object, _Holder] = {}
        self._visitors_cost = 0  # of what they have together: one live query costs the same for one and for many
        self._visitors_open = 0  # that each change of their model, or in their partition, concerns beside others
        self._held: dict[tuple[object, QueryKey], _Held] = {}  # by user, or None for visitors
        self._alike: defaultdict[tuple[object, Hashable], int] = defaultdict(int)  # by user, and partition
        self._keys: dict[Client, set[QueryKey]] = {}

    def crowds(self, client: Client, stream: ModelStream) -> bool:
        """Return whether anonymous clients have so many live queries like this one that more are read separately."""
        if not client.quota.is_visitors:
            return False
        place = _place(stream)
        return self._visitors_open >= CROWD if place is None else self._alike.get((None, place), 0) >= CROWD

    def acquire(self, client: Client, key: QueryKey, stream: ModelStream) -> Overloaded | None:
        """Count a live query for the client; return the error if it may not have it."""
        holders, whose = self._of(client)
        mine = holders.setdefault(whose, _Holder())
        if key not in mine.weights:
            of_visitor = holders is self._visitors
            name = (None if of_visitor else whose, key)
            held = self._held.get(name) or self._new(name[0], stream)
            if (refusal := self._refusal(mine, held, of_visitor=of_visitor)) is not None:
                if not mine.weights:
                    del holders[whose]
                return refusal
            if not held.holders:
                self._held[name] = held
                self._count(name[0], held, 1)
            mine.weights[key] = held.weight
            mine.clients[key] = set()
            mine.cost += held.weight
            self._share(held, mine, joins=True)
        mine.clients[key].add(client)
        self._keys.setdefault(client, set()).add(key)
        return None

    def release(self, client: Client, key: QueryKey) -> None:
        """Stop counting a live query for the client."""
        if key not in self._keys.get(client, ()):
            return
        self._keys[client].discard(key)
        if not self._keys[client]:
            del self._keys[client]
        holders, whose = self._of(client)
        mine = holders[whose]
        mine.clients[key].discard(client)
        if mine.clients[key]:
            return
        del mine.clients[key]
        mine.cost -= mine.weights.pop(key)
        name = (None if holders is self._visitors else whose, key)
        held = self._held[name]
        self._share(held, mine, joins=False)
        if not held.holders:
            del self._held[name]
            self._count(name[0], held, -1)
        if not mine.weights:
            del holders[whose]

    def release_all(self, client: Client) -> None:
        """Stop counting all live queries of a client."""
        for key in list(self._keys.get(client, ())):
            self.release(client, key)

    def _of(self, client: Client) -> tuple[dict[object, _Holder], object]:
        return self._visitors if client.quota.is_visitors else self._users, client.quota.holder

    def _new(self, whose: object, stream: ModelStream) -> _Held:
        place = _place(stream)
        if place is not None and self._alike.get((whose, place), 0) < CROWD:
            return _Held(place, 1)
        return _Held(place, OF_VISITOR if whose is None else UNPARTITIONED)

    def _count(self, whose: object, held: _Held, step: int) -> None:
        if held.place is not None:
            self._alike[whose, held.place] += step
            if not self._alike[whose, held.place]:
                del self._alike[whose, held.place]
        if whose is None:
            self._visitors_cost += step * held.weight
            self._visitors_open += step * (held.weight == OF_VISITOR)

    def _share(self, held: _Held, mine: _Holder, *, joins: bool) -> None:
        """Add a holder, or remove it, and count what the only holder of a live query has alone."""
        for each in held.holders if len(held.holders) == 1 else ():
            each.alone -= held.weight
        (held.holders.add if joins else held.holders.discard)(mine)
        for each in held.holders if len(held.holders) == 1 else ():
            each.alone += held.weight

    def _refusal(self, mine: _Holder, held: _Held, *, of_visitor: bool) -> Overloaded | None:
        if mine.cost + held.weight > limits.live_queries:
            return _too_many("Anonymous clients of one address" if of_visitor else "A user", limits.live_queries)
        if not of_visitor or held.holders:
            return None
        while self._visitors_cost + held.weight > limits.anonymous_live_queries:
            if not self._end_costliest(mine.alone + held.weight):
                return _too_many("All anonymous clients together", limits.anonymous_live_queries)
        return None

    def _end_costliest(self, least: int) -> bool:
        """End the costliest live query of the address that has most alone, if these cost more than `least`."""
        holder = max(self._visitors.values(), key=lambda each: each.alone)
        if holder.alone <= least:
            return False
        before = self._visitors_cost
        error = _too_many("All anonymous clients together", limits.anonymous_live_queries)
        own = [key for key in holder.weights if len(self._held[None, key].holders) == 1]
        for key in sorted(own, key=holder.weights.__getitem__, reverse=True):
            ended = [self._end(client, key, error) for client in list(holder.clients[key])]
            if any(ended):
                return self._visitors_cost < before
        return False


def _place(stream: ModelStream) -> Hashable:
    """Return what changes reach a stream by: its partition and audience; None: every change of its model does."""
    if not stream.is_routed():
        return None
    audience = stream.audience_key if stream.audience_by else None
    return stream.name, tuple(sorted(stream.partition_values(stream.params).items())), audience


def _too_many(whose: str, most: int) -> Overloaded:
    text = f"{whose} may have up to {most} live queries; unpartitioned ones and many in a partition count as several."
    return Overloaded(text, retry=RETRY_SECONDS)
