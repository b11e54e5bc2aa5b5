"""LogTask: the loop that serves the subscribers of one log, and what a client has to be for it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from realtime.changelog import get_changelog
from realtime.conf import settings
from realtime.events import Envelope, audience_text
from realtime.exceptions import InternalError, ProtocolError
from realtime.figures import count
from realtime.gathering import RUSH_SECONDS
from realtime.protocol import codec
from realtime.protocol.codec import Encoded
from realtime.protocol.demands import Subscription
from realtime.queries.livequery import QueryKey
from realtime.queries.tail import Cost, Tail, Tick, Want
from realtime.queries.threads import LEAVE_SECONDS, ThreadPool
from realtime.streams.grounds import Access
from realtime.streams.stream import ModelStream
from realtime.wakeups import Waiter

logger = logging.getLogger("realtime.log")
Result = TypeVar("Result")
Run = Callable[..., Awaitable[object]]

RETRY_SECONDS = 0.25  # after a failed tick; doubled up to the next
MAX_RETRY_SECONDS = 5.0
PRUNE_SECONDS = 600.0
FLOOD_SECONDS = 0.05  # the longest rest after a round that brought several changes
IDLE_SECONDS = 3600.0  # without subscribers there is nothing to poll for


class Delivery(NamedTuple):
    """What a tick has for one client: subscriptions accepted, with their live queries, and one frame."""

    log: int
    before: str
    frame: Encoded
    accepted: tuple[tuple[Subscription, int], ...]
    caught_up: frozenset[int]
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


class Waiting(NamedTuple):
    """A client that wants a live query brought up to date; `subscription` is None where it has been accepted."""

    client: Client
    subscription: Subscription | None
    stream: ModelStream
    want: Want

    def catches_up(self, key: QueryKey) -> bool:
        return self.subscription is None and self.want.key == key


class LogTask:
    """The subscribers of one log, and the loop that serves them."""

    def __init__(self, alias: str, number: int, clients: Collection[Client], run: Run) -> None:
        self.alias = alias
        self.number = number
        self.position = ""  # the cursor of the last tick
        self.started = asyncio.Event()  # the first tick is done: no later change is missed
        self._clients = clients
        self._tail = Tail(get_changelog(alias), max_changes=settings.MAX_CHANGES)
        self._thread = ThreadPool(1, f"realtime-{alias}")
        self._waiter = Waiter(alias)
        self._waiting: dict[Client, list[Waiting]] = {}
        self._served: dict[Client, list[Waiting]] = {}  # those whom the tick under way answers
        self._rush_until = 0.0  # who comes in a rush is served together
        self._flood_until = 0.0  # and so is what changes faster than it can be sent
        self._retired: set[QueryKey] = set()  # live queries that nobody needs any more
        self._streams: dict[int, tuple[QueryKey, ModelStream]] = {}
        self._ids: dict[QueryKey, int] = {}
        self._places: defaultdict[tuple[str, str], set[QueryKey]] = defaultdict(set)  # by stream and parameters
        self._subscribers: dict[int, set[Client]] = {}
        self._queries: defaultdict[Client, set[int]] = defaultdict(set)  # what each client is subscribed to
        self._awaited: dict[Client, dict[str, str]] = {}  # the clients' calls, by the keys of their operations
        self._due = False  # a call has run: a round is to look for its effects
        self._stalled = False  # the log cannot be read, and the clients know that they may be behind
        self._failing: float | None = None  # since when the log cannot be read
        self._took = 0.0  # seconds that the last round took, to the frames being handed on
        self._task = asyncio.create_task(self._run(), name=f"realtime log {alias}")
        self._pruning = asyncio.create_task(self._prune(run), name=f"realtime pruning {alias}")

    def subscribe(self, client: Client, subscription: Subscription, stream: ModelStream, want: Want) -> None:
        if self._has(client, want.key):
            want = Want(want.key, None)  # what one subscription is short of is not what the other is
        self._wait(Waiting(client, subscription, stream, want))

    def catch_up(self, client: Client, query: int, cursor: str | None) -> bool:
        if query not in self._streams:
            return False
        key, stream = self._streams[query]
        self._wait(Waiting(client, None, stream, Want(key, cursor)))
        return True

    def _wait(self, item: Waiting) -> None:
        mine = self._waiting.setdefault(item.client, [])
        same = [other for other in mine if other.want.key == item.want.key]
        if any(other.want != item.want for other in same):
            # from different places: all rows serve both
            item = item._replace(want=Want(item.want.key, None))
            mine[:] = [other._replace(want=item.want) if other in same else other for other in mine]
        if item.subscription is not None or not same:
            mine.append(item)
        self._waiter.wake()

    def expect(self, client: Client, key: str, call: str) -> None:
        """Name the call in the frame that brings its effects."""
        self._awaited.setdefault(client, {})[key] = call

    def settle(self, client: Client, key: str, *, ran: bool) -> None:
        """The call has been answered: look for its effects, or expect it no longer."""
        if ran:
            self._due = True
            self._waiter.wake()
        else:
            self._awaited.get(client, {}).pop(key, None)

    def leave(self, client: Client, query: int) -> None:
        subscribers = self._subscribers.get(query)
        if subscribers is None or client not in subscribers:
            return
        subscribers.discard(client)
        self._queries[client].discard(query)
        for waiting in (self._waiting, self._served):
            # catching up, which may be under way, must not make it a subscriber again
            left = [item for item in waiting.get(client, ()) if item.catches_up(self._streams[query][0])]
            for item in left:
                waiting[client].remove(item)
        if not subscribers:
            self._retired.add(self._forget(query))

    def leave_all(self, client: Client) -> None:
        self._waiting.pop(client, None)
        self._served.pop(client, None)
        self._awaited.pop(client, None)
        for query in list(self._queries.get(client, ())):
            self.leave(client, query)
        self._queries.pop(client, None)

    def _forget(self, query: int) -> QueryKey:
        key, _ = self._streams.pop(query)
        del self._subscribers[query], self._ids[key]
        place = (key.stream, key.params.decode())
        self._places[place].discard(key)
        if not self._places[place]:
            del self._places[place]
        return key

    def addressed(self, envelope: Envelope) -> Iterator[tuple[int, set[Client]]]:
        """The live queries that an event is for, with their subscribers."""
        for key in self._places.get((envelope.stream, envelope.params), ()):
            if envelope.audience in (None, audience_text(key.audience)):
                yield self._ids[key], self._subscribers[self._ids[key]]

    async def close(self) -> None:
        for task in (self._task, self._pruning):
            task.cancel()
        await asyncio.gather(self._task, self._pruning, self._waiter.close(), return_exceptions=True)
        await ended(self._thread)

    def _has(self, client: Client, key: QueryKey) -> bool:
        if self._ids.get(key) in self._queries.get(client, ()):
            return True
        under_way = [*self._waiting.get(client, ()), *self._served.get(client, ())]
        return any(item.want.key == key for item in under_way)

    async def _run(self) -> None:
        retry = 0.0
        while True:
            try:
                if retry:
                    await asyncio.sleep(retry)
                else:
                    await self._wait_for_news()
                await self._round()
                retry, self._failing = 0.0, None
            except Exception:
                count("log_failures", self.alias)
                self._failing = self._failing or time.monotonic()
                # the database is away, most likely: whoever waits is served when it is back
                retry = min(max(2 * retry, RETRY_SECONDS), MAX_RETRY_SECONDS)
                fields = {"log": self.alias, "retry": retry}
                logger.exception(
                    "The log %s could not be read; trying again in %.2f s.", self.alias, retry, extra=fields
                )
                self._stall()

    def _stall(self) -> None:
        if not self._stalled:
            self._stalled = True
            for client in list(self._queries):
                tell(client, client.stall)

    async def _prune(self, run: Run) -> None:
        while True:
            await asyncio.sleep(PRUNE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - processes take turns
            try:
                await run(partial(self._tail.log.prune, older_than=settings.RETENTION_SECONDS))
            except Exception:
                logger.exception("The log %s could not be pruned.", self.alias, extra={"log": self.alias})

    async def _wait_for_news(self) -> None:
        await self._wait_for_any()
        until = self._rush_until if self._waiting else self._flood_until
        if (rest := until - time.monotonic()) > 0:
            await asyncio.sleep(rest)

    async def _wait_for_any(self) -> None:
        while self.position and not self._waiting and not self._due:
            if not self._subscribers:
                if self._retired:
                    return
                await self._waiter.wait(IDLE_SECONDS)
            elif await self._waiter.wait(self._tail.log.poll_seconds) or await self._in_thread(self._tail.moved):
                return

    @property
    def lag(self) -> float:
        """Seconds from a wake-up to the frames being handed on, in the last round; or since the log cannot be read."""
        return self._took if self._failing is None else time.monotonic() - self._failing

    def costs(self) -> list[tuple[Cost, int]]:
        """What each live query has cost, and how many subscribers it has."""
        return [(cost, len(self._subscribers.get(cost.id, ()))) for cost in self._tail.costs()]

    async def _round(self) -> None:
        begun = time.monotonic()
        self._rush_until = begun + RUSH_SECONDS
        self._served, self._waiting = self._waiting, {}
        retired, self._retired = self._retired, set()
        self._due = False
        awaited = {key for calls in self._awaited.values() for key in calls}
        wants = {item.want: item.stream for items in self._served.values() for item in items}
        try:
            tick = await self._in_thread(self._tail.tick, wants, retired, awaited)
        except BaseException:
            since, self._waiting = self._waiting, self._served
            for item in itertools.chain(*since.values()):
                self._wait(item)
            self._retired |= retired
            raise
        finally:
            served, self._served = list(itertools.chain(*self._served.values())), {}
        self.position = tick.cursor
        self.started.set()
        if tick.access:
            # before anything is handed on: what was written after a revocation must not reach those revoked
            for client in list(self._clients):
                tell(client, client.reconsider, tick.access)
        self._fail(tick, served)
        self._deliver(tick, served)
        done = time.monotonic()
        self._took = done - begun
        self._flood_until = done + min(self._took, FLOOD_SECONDS) if tick.changes > 1 else 0.0
        count("ticks", self.alias)
        count("tick_seconds", self.alias, amount=self._took)

    async def _in_thread(self, function: Callable[..., Result], *args: object) -> Result:
        return await asyncio.wrap_future(self._thread.submit(function, *args))

    def _fail(self, tick: Tick, served: list[Waiting]) -> None:
        for item in served:
            if item.want.key in tick.failed and item.subscription is not None:
                tell(item.client, item.client.refuse, item.subscription, InternalError())
        for query in [query for query, (key, _) in self._streams.items() if key in tick.failed]:
            subscribers = self._subscribers[query]
            self._forget(query)
            for client in subscribers:
                self._queries[client].discard(query)
                tell(client, client.fail, query, InternalError())

    def _deliver(self, tick: Tick, served: list[Waiting]) -> None:
        parts: defaultdict[Client, list[bytes]] = defaultdict(list)
        accepted: defaultdict[Client, list[tuple[Subscription, int]]] = defaultdict(list)
        caught_up: defaultdict[Client, set[int]] = defaultdict(set)
        for item in served:
            answer = tick.answers.get(item.want)
            if answer is None:
                continue
            self._register(item, answer.query)
            if answer.delta is not None and answer.query not in caught_up[item.client]:
                parts[item.client].append(answer.delta)
            caught_up[item.client].add(answer.query)
            if item.subscription is not None:
                accepted[item.client].append((item.subscription, answer.query))
        calls = self._take_calls(tick.ran)
        stalled, self._stalled = self._stalled, False

        if len(tick.deltas) == 1 and not caught_up and not calls and not stalled:
            # most ticks: the same for all subscribers of one live query
            for query, delta in tick.deltas.items():
                delivery = self._delivery(tick, [delta])
                clients = list(self._subscribers.get(query, ()))
                for client in clients:
                    try:
                        client.deliver(delivery)
                    except Exception:
                        give_up(client)
                count("frames", amount=len(clients))
                count("frame_bytes", amount=len(clients) * delivery.frame.size)
            return
        for query, delta in tick.deltas.items():
            for client in self._subscribers.get(query, ()):
                if not caught_up or query not in caught_up.get(client, ()):
                    parts[client].append(delta)

        # one frame per distinct set of deltas, and one delivery of it for all those who are told nothing else
        shared: dict[tuple[int, ...], Delivery] = {}
        concerned = {**parts, **caught_up, **calls, **(self._queries if stalled else {})}
        size = 0
        for client in concerned:
            deltas = parts.get(client, [])
            composition = tuple(map(id, deltas))
            delivery = shared.get(composition) or shared.setdefault(composition, self._delivery(tick, deltas))
            if client in caught_up or client in calls:
                delivery = delivery._replace(
                    accepted=tuple(accepted.get(client, ())),
                    caught_up=frozenset(caught_up.get(client, ())),
                    calls=calls.get(client, ()),
                    plain=False,
                )
            size += delivery.frame.size
            tell(client, client.deliver, delivery)
        if concerned:
            count("frames", amount=len(concerned))
            count("frame_bytes", amount=size)

    def _delivery(self, tick: Tick, deltas: list[bytes]) -> Delivery:
        frame = codec.encode_frame(log=self.number, cursor=tick.cursor, deltas=deltas)
        return Delivery(self.number, tick.before, frame, (), frozenset())

    def _take_calls(self, ran: Collection[str]) -> dict[Client, tuple[str, ...]]:
        if not ran:
            return {}
        found = {client: [key for key in calls if key in ran] for client, calls in self._awaited.items()}
        return {
            client: tuple(self._awaited[client].pop(key) for key in keys) for client, keys in found.items() if keys
        }

    def _register(self, item: Waiting, query: int) -> None:
        self._streams[query] = (item.want.key, item.stream)
        self._ids[item.want.key] = query
        self._places[item.want.key.stream, item.want.key.params.decode()].add(item.want.key)
        self._subscribers.setdefault(query, set()).add(item.client)
        self._queries[item.client].add(query)
        self._retired.discard(item.want.key)


def tell(client: Client, method: Callable[..., None], *args: object) -> None:
    try:
        method(*args)
    except Exception:
        give_up(client)


def give_up(client: Client) -> None:
    logger.exception("A client could not be told of something; its connection ends.")
    client.end(InternalError())


class Pool(Protocol):
    """What ends with the hub: it returns what can be waited for."""

    def close(self) -> list[Future[None]]: ...


async def ended(pool: Pool) -> None:
    if threads := pool.close():
        await asyncio.wait([asyncio.wrap_future(future) for future in threads], timeout=2 * LEAVE_SECONDS)
