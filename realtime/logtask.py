"""LogTask: the loop that serves the subscribers of one log."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from realtime.changelog import get_changelog
from realtime.conf import settings
from realtime.exceptions import InternalError
from realtime.figures import count
from realtime.gathering import RUSH_SECONDS
from realtime.protocol import codec
from realtime.protocol.demands import Subscription
from realtime.queries.livequery import QueryKey
from realtime.queries.tail import Cost, Tail, Tick, Want
from realtime.queries.threads import LEAVE_SECONDS, ThreadPool
from realtime.streams.stream import ModelStream
from realtime.subscribers import Client, Delivery, Subscribers, give_up, tell
from realtime.wakeups import Waiter

logger = logging.getLogger("realtime.log")
Result = TypeVar("Result")
Run = Callable[..., Awaitable[object]]

RETRY_SECONDS = 0.25  # after a failed tick; doubled up to the next
MAX_RETRY_SECONDS = 5.0
PRUNE_SECONDS = 600.0
FLOOD_SECONDS = 0.05  # the longest rest after a round that brought several changes
IDLE_SECONDS = 3600.0  # without subscribers there is nothing to poll for


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
        self.subscribers = Subscribers()
        self._clients = clients
        self._tail = Tail(get_changelog(alias), max_changes=settings.MAX_CHANGES)
        self._thread = ThreadPool(1, f"realtime-{alias}")
        self._waiter = Waiter(alias)
        self._waiting: dict[Client, list[Waiting]] = {}
        self._served: dict[Client, list[Waiting]] = {}  # those whom the tick under way answers
        self._rush_until = 0.0  # who comes in a rush is served together
        self._flood_until = 0.0  # and so is what changes faster than it can be sent
        self._retired: set[QueryKey] = set()  # live queries that nobody needs any more
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
        found = self.subscribers.find(query)
        if found is None:
            return False
        key, stream = found
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
        if client not in self.subscribers.of(query) or (found := self.subscribers.find(query)) is None:
            return
        for waiting in (self._waiting, self._served):
            # catching up, which may be under way, must not make it a subscriber again
            for item in [item for item in waiting.get(client, ()) if item.catches_up(found[0])]:
                waiting[client].remove(item)
        if key := self.subscribers.remove(client, query):
            self._retired.add(key)

    def leave_all(self, client: Client) -> None:
        self._waiting.pop(client, None)
        self._served.pop(client, None)
        self._awaited.pop(client, None)
        self._retired.update(self.subscribers.remove_all(client))

    async def close(self) -> None:
        for task in (self._task, self._pruning):
            task.cancel()
        await asyncio.gather(self._task, self._pruning, self._waiter.close(), return_exceptions=True)
        await ended(self._thread)

    def _has(self, client: Client, key: QueryKey) -> bool:
        if self.subscribers.has(client, key):
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
            for client in list(self.subscribers.clients):
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
            if not self.subscribers:
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
        return [(cost, len(self.subscribers.of(cost.id))) for cost in self._tail.costs()]

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
        for query, client in self.subscribers.dismiss(tick.failed):
            tell(client, client.fail, query, InternalError())

    def _deliver(self, tick: Tick, served: list[Waiting]) -> None:
        parts: defaultdict[Client, list[bytes]] = defaultdict(list)
        accepted: defaultdict[Client, list[tuple[Subscription, int]]] = defaultdict(list)
        caught_up: defaultdict[Client, set[int]] = defaultdict(set)
        for item in served:
            answer = tick.answers.get(item.want)
            if answer is None:
                continue
            self.subscribers.add(item.client, answer.query, item.want.key, item.stream)
            self._retired.discard(item.want.key)
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
                clients = list(self.subscribers.of(query))
                for client in clients:
                    try:
                        client.deliver(delivery)
                    except Exception:
                        give_up(client)
                count("frames", amount=len(clients))
                count("frame_bytes", amount=len(clients) * delivery.frame.size)
            return
        for query, delta in tick.deltas.items():
            for client in self.subscribers.of(query):
                if not caught_up or query not in caught_up.get(client, ()):
                    parts[client].append(delta)

        # one frame per distinct set of deltas, and one delivery of it for all those who are told nothing else
        shared: dict[tuple[int, ...], Delivery] = {}
        concerned = {*parts, *caught_up, *calls, *(self.subscribers.clients if stalled else ())}
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
        return Delivery(self.number, tick.before, frame)

    def _take_calls(self, ran: Collection[str]) -> dict[Client, tuple[str, ...]]:
        if not ran:
            return {}
        found = {client: [key for key in calls if key in ran] for client, calls in self._awaited.items()}
        return {
            client: tuple(self._awaited[client].pop(key) for key in keys) for client, keys in found.items() if keys
        }


class Pool(Protocol):
    """What ends with the hub: it returns what can be waited for."""

    def close(self) -> list[Future[None]]: ...


async def ended(pool: Pool) -> None:
    if threads := pool.close():
        await asyncio.wait([asyncio.wrap_future(future) for future in threads], timeout=2 * LEAVE_SECONDS)
