"""Live query limits: how many live queries a user, or an address's anonymous clients, may have in this process.

A live query costs time at each change that may affect it. A partitioned one is checked only for changes in its
partition. An unpartitioned one is checked for every change of its model, and counts as several.
"""

from __future__ import annotations

from collections.abc import Callable

from realtime.conf import limits
from realtime.exceptions import Overloaded
from realtime.hub.subscribers import Client
from realtime.queries.livequery import QueryKey
from realtime.streams.stream import ModelStream

RETRY_SECONDS = 30.0
UNPARTITIONED = 10  # how many live queries an unpartitioned one counts as
OF_VISITOR = 30  # the same, for an anonymous client
CROWD = 20  # unpartitioned live queries of anonymous clients; more than these are read separately

End = Callable[[Client, QueryKey, Overloaded], bool]
"""Ends a client's subscriptions to a live query; returns whether it had any."""


class _Holder:
    """The live queries of one user, or of the anonymous clients of one address."""

    __slots__ = ("clients", "cost", "weights")

    def __init__(self) -> None:
        self.cost = 0
        self.weights: dict[QueryKey, int] = {}
        self.clients: dict[QueryKey, set[Client]] = {}


class LiveQueryLimits:
    """The live queries of a process, by their holders."""

    def __init__(self, end: End) -> None:
        self._end = end
        self._users: dict[object, _Holder] = {}
        self._visitors: dict[object, _Holder] = {}
        self._visitors_cost = 0
        self._visitors_open = 0  # unpartitioned ones
        self._keys: dict[Client, set[QueryKey]] = {}

    def crowds(self, client: Client, stream: ModelStream) -> bool:
        """Return whether anonymous clients have so many unpartitioned live queries that more are read separately."""
        is_crowded = client.quota.is_visitors and self._visitors_open >= CROWD
        return is_crowded and not stream.is_routed()

    def acquire(self, client: Client, key: QueryKey, stream: ModelStream) -> Overloaded | None:
        """Count a live query for the client; return the error if it may not have it."""
        holders, whose = self._of(client)
        mine = holders.setdefault(whose, _Holder())
        if key not in mine.weights:
            of_visitor = holders is self._visitors
            weight = 1
            if not stream.is_routed():
                weight = OF_VISITOR if of_visitor else UNPARTITIONED
            if (refusal := self._refusal(mine, weight, of_visitor=of_visitor)) is not None:
                if not mine.weights:
                    del holders[whose]
                return refusal
            mine.weights[key] = weight
            mine.clients[key] = set()
            mine.cost += weight
            self._visitors_cost += weight if of_visitor else 0
            self._visitors_open += weight == OF_VISITOR
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
        weight = mine.weights.pop(key)
        mine.cost -= weight
        self._visitors_cost -= weight if holders is self._visitors else 0
        self._visitors_open -= weight == OF_VISITOR
        if not mine.weights:
            del holders[whose]

    def release_all(self, client: Client) -> None:
        """Stop counting all live queries of a client."""
        for key in list(self._keys.get(client, ())):
            self.release(client, key)

    def _of(self, client: Client) -> tuple[dict[object, _Holder], object]:
        return self._visitors if client.quota.is_visitors else self._users, client.quota

    def _refusal(self, mine: _Holder, weight: int, *, of_visitor: bool) -> Overloaded | None:
        if mine.cost + weight > limits.live_queries:
            return _too_many("Anonymous clients of one address" if of_visitor else "A user", limits.live_queries)
        if not of_visitor:
            return None
        while self._visitors_cost + weight > limits.anonymous_live_queries:
            if not self._end_costliest(mine.cost + weight):
                return _too_many("All anonymous clients together", limits.anonymous_live_queries)
        return None

    def _end_costliest(self, least: int) -> bool:
        """End the costliest live query of the heaviest anonymous address, if that address costs more than `least`."""
        holder = max(self._visitors.values(), key=lambda each: each.cost)
        if holder.cost <= least:
            return False
        before = self._visitors_cost
        error = _too_many("All anonymous clients together", limits.anonymous_live_queries)
        for key in sorted(holder.weights, key=holder.weights.__getitem__, reverse=True):
            ended = [self._end(client, key, error) for client in list(holder.clients[key])]
            if any(ended):
                return self._visitors_cost < before
        return False


def _too_many(whose: str, most: int) -> Overloaded:
    text = f"{whose} may have up to {most} live queries; unpartitioned ones count several times."
    return Overloaded(text, retry=RETRY_SECONDS)
