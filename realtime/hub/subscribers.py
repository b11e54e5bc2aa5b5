"""Subscribers: the hub's view of a client, and the subscribers of each live query of one log."""

from __future__ import annotations

import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from typing import Final, NamedTuple, Protocol

from realtime.auth.limits import Quota
from realtime.auth.revocation import Access
from realtime.exceptions import ClientError, InternalError, ProtocolError
from realtime.protocol.codec import Encoded, LazyFrame
from realtime.protocol.effects import Subscription
from realtime.protocol.envelope import Envelope, audience_text
from realtime.protocol.live_text import TextUpdate
from realtime.queries.query_key import QueryKey
from realtime.queries.shared_delta import Form, Received
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.log")

_NONE: Final[Set[int]] = frozenset()
CURSOR_SECONDS = 1.0  # after which the next change of a live query brings its subscribers a cursor


class Delivery(NamedTuple):
    """What a tick sends to one client: accepted subscriptions, with their live queries, and one frame."""

    log: int
    before: str
    whole: LazyFrame
    accepted: tuple[tuple[Subscription, int, str], ...] = ()  # with their rows' fingerprints
    caught_up: frozenset[int] = frozenset()
    calls: tuple[str, ...] = ()  # the client's calls whose effects are included at the frame's cursor
    plain: bool = True  # there is nothing but the frame
    short: Encoded | None = None  # says the same without a cursor, for clients that need nothing else

    @property
    def frame(self) -> Encoded:
        """The frame, encoded for the first client that needs it: most take the short message, if there is one."""
        return self.whole.encoded()


class Client(Protocol):
    """A client, as the hub sees it. No method may block. If one raises, only this client ends."""

    @property
    def id(self) -> str: ...
    @property
    def user(self) -> str | None: ...
    @property
    def quota(self) -> Quota: ...
    @property
    def subscriptions(self) -> int: ...
    @property
    def delta_form(self) -> Form: ...
    @property
    def takes_parts(self) -> bool: ...
    @property
    def is_ready(self) -> bool: ...
    @property
    def busy(self) -> bool: ...
    @property
    def behind_since(self) -> float | None: ...
    @property
    def unsent(self) -> int: ...

    def deliver(self, delivery: Delivery) -> None: ...
    def wants(self, subscription: Subscription) -> bool: ...
    def send_part(self, subscription: Subscription, puts: bytes, *, is_first: bool) -> None: ...
    def refuse(self, subscription: Subscription, error: ClientError) -> None: ...
    def fail(self, query: int, error: ClientError) -> None: ...
    def move(self, query: int) -> None: ...
    def sweep(self, now: float, positions: Mapping[int, str]) -> None: ...
    def reauthorize(self, access: Access) -> None: ...
    def stall(self) -> None: ...
    def notify(self, event: Encoded) -> None: ...
    def send_text(self, part: TextUpdate) -> None: ...
    def end_text(self, query: int, ended: Encoded) -> None: ...
    def end(self, error: ProtocolError) -> None: ...


def call_client(client: Client, method: Callable[..., None], *args: object) -> None:
    try:
        method(*args)
    except Exception:
        end_client(client)


def end_client(client: Client) -> None:
    """End a client that raised the exception being handled."""
    logger.exception("A client could not be notified; its connection ends.")
    client.end(InternalError())


class Subscribers:
    """The live queries of one log that have subscribers, by number, with these subscribers."""

    def __init__(self) -> None:
        self.retired: set[QueryKey] = set()  # live queries that have lost their last subscriber
        self._streams: dict[int, tuple[QueryKey, ModelStream]] = {}
        self._ids: dict[QueryKey, int] = {}
        self._places: defaultdict[tuple[str, str], set[QueryKey]] = defaultdict(set)  # by stream and parameters
        self._clients: dict[int, dict[Client, Received]] = {}
        self._newest: dict[int, int] = {}  # by live query: the highest number of a subscriber
        self._forms: defaultdict[int, set[Form]] = defaultdict(set)  # by live query: the forms of its subscribers
        self._cursors: dict[int, float] = {}  # by live query: when its subscribers were last sent a cursor
        self._queries: defaultdict[Client, set[int]] = defaultdict(set)  # the live queries of each client

    def __bool__(self) -> bool:
        return bool(self._clients)

    @property
    def clients(self) -> Collection[Client]:
        """All subscribers."""
        return self._queries.keys()

    def find(self, query: int) -> tuple[QueryKey, ModelStream] | None:
        """Return the key and the stream of a live query."""
        return self._streams.get(query)

    def number(self, key: QueryKey) -> int | None:
        """Return the number of a live query that has subscribers."""
        return self._ids.get(key)

    def of(self, query: int) -> Mapping[Client, Received]:
        """Return the subscribers of a live query."""
        return self._clients.get(query, {})

    def queries_of(self, client: Client) -> Set[int]:
        """Return the live queries of a client."""
        return self._queries.get(client, _NONE)

    def common_form(self, query: int, base: int) -> Form | None:
        """Return the form of a delta with this base that all subscribers get; None if they may get several."""
        if not base:
            return "whole"
        forms = self._forms[query]
        return next(iter(forms)) if self._newest[query] < base and len(forms) == 1 else None

    def needs_cursor(self, query: int) -> bool:
        """Return whether the subscribers of a live query need a cursor with this change; note that they get it."""
        now = time.monotonic()
        if now - self._cursors.get(query, -math.inf) < CURSOR_SECONDS:
            return False
        self._cursors[query] = now
        return True

    def knows(self, key: QueryKey) -> bool:
        """Return whether the live query has subscribers."""
        return key in self._ids

    def has(self, client: Client, key: QueryKey) -> bool:
        return self._ids.get(key) in self._queries.get(client, ())

    def add(self, client: Client, query: int, key: QueryKey, stream: ModelStream, *, number: int = 0) -> None:
        """Add a client, or note that it was answered again; `number` is that of the last delta before the next one."""
        self._streams[query] = (key, stream)
        self._ids[key] = query
        self._places[key.stream, key.params.decode()].add(key)
        form = client.delta_form
        self._clients.setdefault(query, {})[client] = Received(number, form)
        self._newest[query] = max(number, self._newest.get(query, 0))
        self._forms[query].add(form)
        self._queries[client].add(query)
        self.retired.discard(key)

    def remove(self, client: Client, query: int) -> None:
        """Remove a client from a live query."""
        clients = self._clients.get(query)
        if clients is None or client not in clients:
            return
        del clients[client]
        self._queries[client].discard(query)
        if not clients:
            self._forget(query)

    def remove_client(self, client: Client) -> None:
        """Remove a client from all live queries."""
        for query in list(self._queries.get(client, ())):
            self.remove(client, query)
        self._queries.pop(client, None)

    def take_retired(self) -> set[QueryKey]:
        """Remove and return the live queries that have lost their last subscriber."""
        retired, self.retired = self.retired, set()
        return retired

    def dismiss(self, keys: Collection[QueryKey]) -> list[tuple[int, Client]]:
        """Remove these live queries; return each subscriber with its live query."""
        gone = []
        for query in [self._ids[key] for key in keys if key in self._ids]:
            gone += [(query, client) for client in self._clients[query]]
            self._forget(query)
        for query, client in gone:
            self._queries[client].discard(query)
        return gone

    def _forget(self, query: int) -> None:
        key, _ = self._streams.pop(query)
        self._cursors.pop(query, None)
        self.retired.add(key)
        del self._clients[query], self._newest[query], self._forms[query], self._ids[key]
        place = (key.stream, key.params.decode())
        self._places[place].discard(key)
        if not self._places[place]:
            del self._places[place]

    def addressed(self, envelope: Envelope) -> Iterator[tuple[int, Set[Client]]]:
        """Yield the live queries that an event is for, with their subscribers."""
        for key in self._places.get((envelope.stream, envelope.params), ()):
            if envelope.audience in (None, audience_text(key.audience)):
                yield self._ids[key], self._clients[self._ids[key]].keys()
