"""Subscribers: what a client has to be to the hub, and who is subscribed to which live query of one log."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from typing import NamedTuple, Protocol

from realtime.events import Envelope, audience_text
from realtime.exceptions import InternalError, ProtocolError
from realtime.protocol.codec import Encoded
from realtime.protocol.demands import Subscription
from realtime.queries.livequery import QueryKey
from realtime.streams.grounds import Access
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.log")


class Delivery(NamedTuple):
    """What a tick has for one client: subscriptions accepted, with their live queries, and one frame."""

    log: int
    before: str
    frame: Encoded
    accepted: tuple[tuple[Subscription, int], ...] = ()
    caught_up: frozenset[int] = frozenset()
    calls: tuple[str, ...] = ()  # the client's calls whose effects are there at the frame's cursor
    plain: bool = True  # the frame is all there is


class Client(Protocol):
    """Whoever is subscribed: a connection. No method may block; one that raises ends this client alone."""

    def deliver(self, delivery: Delivery) -> None: ...
    def refuse(self, subscription: Subscription, error: InternalError) -> None: ...
    def fail(self, query: int, error: InternalError) -> None: ...
    def sweep(self, now: float, positions: Mapping[int, str]) -> None: ...
    def reconsider(self, access: Access) -> None: ...
    def stall(self) -> None: ...
    def notify(self, event: Encoded) -> None: ...
    def end(self, error: ProtocolError) -> None: ...


def tell(client: Client, method: Callable[..., None], *args: object) -> None:
    try:
        method(*args)
    except Exception:
        give_up(client)


def give_up(client: Client) -> None:
    """End a client that has raised what is being handled."""
    logger.exception("A client could not be told of something; its connection ends.")
    client.end(InternalError())


class Subscribers:
    """The live queries of one log that have subscribers, by their numbers, and these."""

    def __init__(self) -> None:
        self._streams: dict[int, tuple[QueryKey, ModelStream]] = {}
        self._ids: dict[QueryKey, int] = {}
        self._places: defaultdict[tuple[str, str], set[QueryKey]] = defaultdict(set)  # by stream and parameters
        self._clients: dict[int, set[Client]] = {}
        self._queries: defaultdict[Client, set[int]] = defaultdict(set)  # what each client is subscribed to

    def __bool__(self) -> bool:
        return bool(self._clients)

    @property
    def clients(self) -> Collection[Client]:
        """All of them."""
        return self._queries.keys()

    def find(self, query: int) -> tuple[QueryKey, ModelStream] | None:
        """The key and the stream of a live query."""
        return self._streams.get(query)

    def of(self, query: int) -> Set[Client]:
        """The subscribers of a live query."""
        return self._clients.get(query, frozenset())

    def has(self, client: Client, key: QueryKey) -> bool:
        return self._ids.get(key) in self._queries.get(client, ())

    def add(self, client: Client, query: int, key: QueryKey, stream: ModelStream) -> None:
        self._streams[query] = (key, stream)
        self._ids[key] = query
        self._places[key.stream, key.params.decode()].add(key)
        self._clients.setdefault(query, set()).add(client)
        self._queries[client].add(query)

    def remove(self, client: Client, query: int) -> QueryKey | None:
        """The client leaves the live query; its key where the client was the last one."""
        clients = self._clients.get(query)
        if clients is None or client not in clients:
            return None
        clients.discard(client)
        self._queries[client].discard(query)
        return None if clients else self._forget(query)

    def remove_all(self, client: Client) -> list[QueryKey]:
        """The client is gone; the keys of the live queries of which it was the last subscriber."""
        left = [self.remove(client, query) for query in list(self._queries.get(client, ()))]
        self._queries.pop(client, None)
        return [key for key in left if key is not None]

    def dismiss(self, keys: Collection[QueryKey]) -> list[tuple[int, Client]]:
        """Forget these live queries; each subscriber, with what it was subscribed to."""
        gone = []
        for query in [self._ids[key] for key in keys if key in self._ids]:
            gone += [(query, client) for client in self._clients[query]]
            self._forget(query)
        for query, client in gone:
            self._queries[client].discard(query)
        return gone

    def _forget(self, query: int) -> QueryKey:
        key, _ = self._streams.pop(query)
        del self._clients[query], self._ids[key]
        place = (key.stream, key.params.decode())
        self._places[place].discard(key)
        if not self._places[place]:
            del self._places[place]
        return key

    def addressed(self, envelope: Envelope) -> Iterator[tuple[int, Set[Client]]]:
        """The live queries that an event is for, with their subscribers."""
        for key in self._places.get((envelope.stream, envelope.params), ()):
            if envelope.audience in (None, audience_text(key.audience)):
                yield self._ids[key], self._clients[self._ids[key]]
