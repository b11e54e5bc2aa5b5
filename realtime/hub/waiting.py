"""Waiting clients: requests to bring live queries of one log up to date, and the order of answering them."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from realtime.hub.subscribers import Client
from realtime.protocol.effects import Subscription
from realtime.queries.query_key import QueryKey
from realtime.queries.tick import Want
from realtime.streams.stream import ModelStream

SUBSCRIPTIONS_PER_FRAME = 8  # new subscriptions of a client that one frame answers


class QueryRequest(NamedTuple):
    """A client's request to bring a live query up to date. `subscription` is None if it is already accepted."""

    client: Client
    subscription: Subscription | None
    stream: ModelStream
    want: Want


class WaitingClients:
    """The requests of one log that wait for the next round, those of the current round, and those that are parked.

    A request is parked while its client cannot take the next part of the rows.
    """

    def __init__(self) -> None:
        self._waiting: dict[Client, list[QueryRequest]] = {}
        self._serving: dict[Client, list[QueryRequest]] = {}
        self._parked: dict[Client, list[QueryRequest]] = {}

    def __bool__(self) -> bool:
        """Return whether the next round has requests to answer."""
        return bool(self._waiting)

    def __iter__(self) -> Iterator[QueryRequest]:
        return itertools.chain(*(requests for place in self._all for requests in place.values()))

    @property
    def serving(self) -> list[QueryRequest]:
        """The requests that the current round answers."""
        return list(itertools.chain(*self._serving.values()))

    def of(self, client: Client) -> list[QueryRequest]:
        """Return all requests of a client."""
        return [request for mine in self._all for request in mine.get(client, ())]

    @property
    def _all(self) -> tuple[dict[Client, list[QueryRequest]], ...]:
        return self._waiting, self._serving, self._parked

    def add(self, request: QueryRequest) -> None:
        mine = self._waiting.setdefault(request.client, [])
        key = request.want.key
        same = [other for other in mine if other.want.key is key or other.want.key == key]
        if any(other.want != request.want for other in same):
            # from different cursors: all rows serve both
            request = request._replace(want=Want(request.want.key, None))
            mine[:] = [other._replace(want=request.want) if other in same else other for other in mine]
        if request.subscription is not None or not same:
            mine.append(request)

    def park(self, request: QueryRequest) -> None:
        """Let a request wait until its client can take the next part."""
        self._parked.setdefault(request.client, []).append(request)

    def unpark(self, client: Client) -> bool:
        """Let a client's parked requests wait for the next round; return whether there were any."""
        requests = self._parked.pop(client, [])
        for request in requests:
            self.add(request)
        return bool(requests)

    def withdraw(self, client: Client, subscription: Subscription) -> list[QueryRequest]:
        """Remove and return a subscription's requests."""
        found = [request for request in self.of(client) if request.subscription is subscription]
        for requests in self._all if found else ():
            if mine := requests.get(client):
                mine[:] = [request for request in mine if request.subscription is not subscription]
        return found

    def begin(self) -> None:
        """Start a round, which answers all waiting requests."""
        self._serving, self._waiting = self._waiting, {}

    def finish(self) -> list[QueryRequest]:
        """End a round; return its requests, without the withdrawn ones."""
        served, self._serving = self.serving, {}
        return served

    def fail(self) -> None:
        """End a failed round: its requests wait again, before newer ones."""
        since, self._waiting, self._serving = self._waiting, self._serving, {}
        for request in itertools.chain(*since.values()):
            self.add(request)

    def defer(self, served: Iterable[QueryRequest], deferred: Collection[Want]) -> list[QueryRequest]:
        """Let the deferred requests wait again; return the others.

        Owners without any answer come first, then newer requests.
        """
        served = list(served)
        behind = {item.client for item in served if item.subscription is None and item.want in deferred}
        late, answered = list[QueryRequest](), list[QueryRequest]()
        for item in served:
            is_late = item.want in deferred or (item.subscription is None and item.client in behind)
            (late if is_late else answered).append(item)
        newcomers, self._waiting = list(itertools.chain(*self._waiting.values())), {}
        lucky = {item.client.quota.owner for item in answered}
        unlucky_first = [item for item in late if item.client.quota.owner not in lucky]
        for item in [*unlucky_first, *newcomers, *(item for item in late if item.client.quota.owner in lucky)]:
            self.add(item)
        return answered

    def stop_catching_up(self, client: Client, key: QueryKey) -> None:
        """Cancel a client's catch-up, so that it does not become a subscriber again after leaving."""
        for requests in (self._waiting, self._serving):
            mine = requests.get(client)
            if mine:
                mine[:] = [item for item in mine if item.subscription is not None or item.want.key != key]

    def remove_client(self, client: Client) -> list[QueryRequest]:
        """Remove and return all requests of a client."""
        return [request for requests in self._all for request in requests.pop(client, ())]

    def remove_query(self, key: QueryKey) -> list[QueryRequest]:
        """Remove all requests for a live query; return the new subscriptions among them."""
        removed: list[QueryRequest] = []
        for mine in [*self._waiting.values(), *self._parked.values()]:
            removed += [item for item in mine if item.want.key == key and item.subscription is not None]
            mine[:] = [item for item in mine if item.want.key != key]
        return removed

    def batches(self) -> list[list[Want]]:
        """Return what the current round must answer, owner by owner.

        Everything that one frame must bring to a client is one batch.
        """
        queues: dict[object, deque[list[Want]]] = {}
        for client, items in self._serving.items():
            if not items:  # the client has left
                continue
            queue = queues.setdefault(client.quota.owner, deque())
            behind = [item.want for item in items if item.subscription is None]
            queue.extend([behind] if behind else ())
            new: defaultdict[str | None, list[Want]] = defaultdict(list)  # by cursor: a page has a single one
            for item in items:
                if item.subscription is not None:
                    new[item.want.cursor].append(item.want)
            for wants in new.values():
                starts = range(0, len(wants), SUBSCRIPTIONS_PER_FRAME)
                queue.extend(wants[start : start + SUBSCRIPTIONS_PER_FRAME] for start in starts)
        batches = []
        while queues:
            for owner, queue in list(queues.items()):
                batches.append(queue.popleft())
                if not queue:
                    del queues[owner]
        return batches
