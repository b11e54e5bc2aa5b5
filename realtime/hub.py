"""Hub: one per server process. It waits, has each log read, and hands every client what concerns it.

The only long task of the process is here, one per log; all that touches the database happens in threads: one that
reads each log, and a small pool for access checks and actions.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import NamedTuple, Protocol, TypeVar
from weakref import WeakKeyDictionary

from realtime.changelog import get_changelog, log_number
from realtime.conf import settings
from realtime.deadline import Deadline
from realtime.exceptions import InternalError, ProtocolError
from realtime.protocol import codec
from realtime.protocol.codec import Encoded
from realtime.protocol.session import Subscription
from realtime.queries.livequery import QueryKey, query_key
from realtime.queries.tail import Tail, Tick, Want
from realtime.queries.threads import LEAVE_SECONDS, ThreadPool
from realtime.streams.grounds import Access, access_database
from realtime.streams.stream import ModelStream
from realtime.turns import Turns
from realtime.wakeups import Waiter

logger = logging.getLogger("realtime")
Result = TypeVar("Result")
Run = Callable[..., Awaitable[object]]

SWEEP_SECONDS = 1.0  # how often clients look at their deadlines
RETRY_SECONDS = 0.25  # after a failed tick; doubled up to the next
MAX_RETRY_SECONDS = 5.0
CHECK_THREADS = 2
PRUNE_SECONDS = 600.0
IDLE_SECONDS = 3600.0  # without subscribers there is nothing to poll for


class Delivery(NamedTuple):
    """What a tick has for one client: subscriptions accepted, with their live queries, and one frame."""

    log: int
    before: str
    frame: Encoded
    accepted: tuple[tuple[Subscription, int], ...]
    caught_up: frozenset[int]
    calls: tuple[str, ...] = ()  # the client's calls whose effects are there at the frame's cursor


class Client(Protocol):
    """Whoever is subscribed: a connection. No method may block; one that raises ends this client alone."""

    def deliver(self, delivery: Delivery) -> None: ...
    def refuse(self, subscription: Subscription, error: InternalError) -> None: ...
    def fail(self, query: int, error: InternalError) -> None: ...
    def sweep(self, now: float, positions: Mapping[int, str]) -> None: ...
    def reconsider(self, access: Access) -> None: ...
    def stall(self) -> None: ...
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
        self.number = number
        self.position = ""  # the cursor of the last tick
        self.started = asyncio.Event()  # the first tick is done: no later change is missed
        self._clients = clients
        self._tail = Tail(get_changelog(alias), max_changes=settings.MAX_CHANGES)
        self._thread = ThreadPool(1, f"realtime-{alias}")
        self._waiter = Waiter(alias)
        self._waiting: dict[Client, list[Waiting]] = {}
        self._served: dict[Client, list[Waiting]] = {}  # those whom the tick under way answers
        self._retired: set[QueryKey] = set()  # live queries that nobody needs any more
        self._streams: dict[int, tuple[QueryKey, ModelStream]] = {}
        self._ids: dict[QueryKey, int] = {}
        self._subscribers: dict[int, set[Client]] = {}
        self._queries: defaultdict[Client, set[int]] = defaultdict(set)  # what each client is subscribed to
        self._awaited: dict[Client, dict[str, str]] = {}  # the clients' calls, by the keys of their operations
        self._due = False  # a call has run: a round is to look for its effects
        self._stalled = False  # the log cannot be read, and the clients know that they may be behind
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
        return key

    async def close(self) -> None:
        for task in (self._task, self._pruning):
            task.cancel()
        await asyncio.gather(self._task, self._pruning, self._waiter.close(), return_exceptions=True)
        await _ended(self._thread)

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
                retry = 0.0
            except Exception:
                # the database is away, most likely: whoever waits is served when it is back
                retry = min(max(2 * retry, RETRY_SECONDS), MAX_RETRY_SECONDS)
                logger.exception("The log %s could not be read; trying again in %.2f s.", self.number, retry)
                self._stall()

    def _stall(self) -> None:
        if not self._stalled:
            self._stalled = True
            for client in list(self._queries):
                _tell(client, client.stall)

    async def _prune(self, run: Run) -> None:
        while True:
            await asyncio.sleep(PRUNE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - processes take turns
            try:
                await run(partial(self._tail.log.prune, older_than=settings.RETENTION_SECONDS))
            except Exception:
                logger.exception("The log %s could not be pruned.", self.number)

    async def _wait_for_news(self) -> None:
        while self.position and not self._waiting and not self._due:
            if not self._subscribers:
                await self._waiter.wait(IDLE_SECONDS)
            elif await self._waiter.wait(self._tail.log.poll_seconds) or await self._in_thread(self._tail.moved):
                return

    async def _round(self) -> None:
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
                _tell(client, client.reconsider, tick.access)
        self._fail(tick, served)
        self._deliver(tick, served)

    async def _in_thread(self, function: Callable[..., Result], *args: object) -> Result:
        return await asyncio.wrap_future(self._thread.submit(function, *args))

    def _fail(self, tick: Tick, served: list[Waiting]) -> None:
        for item in served:
            if item.want.key in tick.failed and item.subscription is not None:
                _tell(item.client, item.client.refuse, item.subscription, InternalError())
        for query in [query for query, (key, _) in self._streams.items() if key in tick.failed]:
            subscribers = self._subscribers[query]
            self._forget(query)
            for client in subscribers:
                self._queries[client].discard(query)
                _tell(client, client.fail, query, InternalError())

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
        for query, delta in tick.deltas.items():
            for client in self._subscribers.get(query, ()):
                if not caught_up or query not in caught_up.get(client, ()):
                    parts[client].append(delta)

        calls = self._take_calls(tick.ran)
        # one frame per distinct set of deltas, however many clients it goes to
        frames: dict[tuple[int, ...], Encoded] = {}
        concerned = {**parts, **caught_up, **calls, **(self._queries if self._stalled else {})}
        self._stalled = False
        for client in concerned:
            deltas = parts.get(client, [])
            composition = tuple(map(id, deltas))
            if composition not in frames:
                frames[composition] = codec.encode_frame(log=self.number, cursor=tick.cursor, deltas=deltas)
            delivery = Delivery(
                log=self.number,
                before=tick.before,
                frame=frames[composition],
                accepted=tuple(accepted.get(client, ())),
                caught_up=frozenset(caught_up.get(client, ())),
                calls=calls.get(client, ()),
            )
            _tell(client, client.deliver, delivery)

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
        self._subscribers.setdefault(query, set()).add(item.client)
        self._queries[item.client].add(query)
        self._retired.discard(item.want.key)


class Hub:
    """Everything that is live in one server process."""

    def __init__(self) -> None:
        self._clients: set[Client] = set()
        self._logs: dict[str, LogTask] = {}
        self._checks: ThreadPool | None = None  # while there are clients
        self._turns: Turns | None = None
        self._sweeper: asyncio.Task[None] | None = None

    def attach(self, client: Client) -> None:
        """The client is there; it will be swept, and may subscribe."""
        self._clients.add(client)
        self._log(access_database())
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep(), name="realtime sweep")

    async def detach(self, client: Client) -> None:
        """The client is gone. With the last one all tasks end."""
        self._clients.discard(client)
        for log in self._logs.values():
            log.leave_all(client)
        if self._clients:
            return
        logs, self._logs = list(self._logs.values()), {}
        sweeper, self._sweeper = self._sweeper, None
        if sweeper:
            sweeper.cancel()
            pools: list[ThreadPool | Turns] = [pool for pool in (self._checks, self._turns) if pool is not None]
            self._checks = self._turns = None
            await asyncio.gather(sweeper, *(log.close() for log in logs), return_exceptions=True)
            await asyncio.gather(*(_ended(pool) for pool in pools))

    async def ready(self) -> None:
        """Return when changes of access are being read: none that comes after is missed."""
        await self._log(access_database()).started.wait()

    async def run(self, function: Callable[..., Result], *args: object) -> Result:
        """Call a short function that may use the database, in a thread of the pool for checks."""
        if self._checks is None:
            self._checks = ThreadPool(CHECK_THREADS, "realtime-check")
        return await asyncio.wrap_future(self._checks.submit(function, *args))

    async def perform(self, owner: str, key: object, function: Callable[[Deadline], Result]) -> Result:
        """Have an action run, when it is its owner's turn; however slow actions are, checks go on."""
        if self._turns is None:
            self._turns = Turns(threads=settings.THREADS, seconds=settings.ACTION_SECONDS)
        return await self._turns.run(owner, key, function)

    def expect(self, client: Client, stream: type[ModelStream], key: str, call: str) -> None:
        """The client has called: name the call in the frame that brings its effects."""
        self._log(stream.database()).expect(client, key, call)

    def settle(self, client: Client, stream: type[ModelStream], key: str, *, ran: bool) -> None:
        """The client's call has been answered."""
        self._log(stream.database()).settle(client, key, ran=ran)

    def subscribe(
        self, client: Client, subscription: Subscription, stream: ModelStream, format: str, cursor: str | None
    ) -> None:
        """The client is allowed to see this live query, and has it up to the cursor."""
        log = self._log(stream.database())
        log.subscribe(client, subscription, stream, Want(query_key(stream, format), cursor))

    def catch_up(self, client: Client, queries: Mapping[int, str | None]) -> None:
        """Bring live queries of the client to the present, each from its cursor."""
        for query, cursor in queries.items():
            any(log.catch_up(client, query, cursor) for log in self._logs.values())

    def leave(self, client: Client, query: int) -> None:
        for log in self._logs.values():
            log.leave(client, query)

    def _log(self, alias: str) -> LogTask:
        if alias not in self._logs:
            self._logs[alias] = LogTask(alias, log_number(alias), self._clients, self.run)
        return self._logs[alias]

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            positions = {log.number: log.position for log in self._logs.values() if log.position}
            for client in list(self._clients):
                _tell(client, client.sweep, loop.time(), positions)


def _tell(client: Client, method: Callable[..., None], *args: object) -> None:
    try:
        method(*args)
    except Exception:
        logger.exception("A client could not be told of something; its connection ends.")
        client.end(InternalError())


async def _ended(pool: ThreadPool | Turns) -> None:
    if threads := pool.close():
        await asyncio.wait([asyncio.wrap_future(future) for future in threads], timeout=2 * LEAVE_SECONDS)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def get_hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
