"""Hub: one per server process. It has a task for each log, and sweeps the clients regularly.

All database work happens in threads: one thread reads each log, and small pools run access checks and
actions.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from realtime.auth.limits import Quotas
from realtime.auth.users import user_database
from realtime.changelog import log_number
from realtime.conf import settings
from realtime.exceptions import ClientError, QueryTimedOut
from realtime.hub import exits
from realtime.hub.batching import Answered, Batcher
from realtime.hub.counters import count
from realtime.hub.dead_writers import DeadWriters
from realtime.hub.elastic_pool import ElasticPool
from realtime.hub.event_queue import Deliver, EventQueue
from realtime.hub.executor import FairExecutor
from realtime.hub.garbage import exempt_startup_objects
from realtime.hub.live_query_limits import LiveQueryLimits
from realtime.hub.log_worker import LogWorker
from realtime.hub.pruning import Pruning
from realtime.hub.pubsub.event_bus import EventBus, TakeText, publish
from realtime.hub.slow_queries import SlowQueries
from realtime.hub.subscribers import Client, call_client
from realtime.hub.text_relay import TextRelay
from realtime.hub.threads import close_pool
from realtime.hub.unread import end_unread, unsent_bytes
from realtime.protocol import codec
from realtime.protocol.effects import Subscription
from realtime.protocol.envelope import Envelope
from realtime.protocol.messages import Event
from realtime.queries.query_key import QueryKey, query_key
from realtime.queries.tick import Want
from realtime.streams.stream import ModelStream

logger = logging.getLogger("realtime.status")

Result = TypeVar("Result")
Request = TypeVar("Request")
Known = TypeVar("Known")

SWEEP_SECONDS = 1.0  # how often clients check their deadlines
SWEPT_AT_ONCE = 500  # clients, which takes some milliseconds
LINGER_SECONDS = 30.0  # without clients, before the hub closes: on a quiet site, each page would start it again
LOGS = 1000  # more than there are databases
CHECK_THREADS = 2  # for short work; more are added while some work takes long


class Observer(Protocol):
    """Is called when the hub sweeps. Neither method may block."""

    def sweep(self, now: float) -> None: ...
    def emptied(self) -> None: ...


class _Background:
    """What runs beside the logs of a hub while it has clients: its events, and the cleaning of its databases."""

    def __init__(self, deliver: Deliver, take_text: TakeText, aliases: Callable[[], Iterable[str]]) -> None:
        self.event_queue = EventQueue(deliver)
        self.events = EventBus(self.event_queue.put, take_text)
        self.pruning = Pruning(aliases)
        self.dead_writers = DeadWriters(aliases)

    async def close(self) -> None:
        self.event_queue.close()
        for each in (self.events, self.pruning, self.dead_writers):
            await each.close()


class Hub:
    """Everything that is live in one server process."""

    def __init__(self) -> None:
        self.quotas = Quotas()
        self.observer: Observer | None = None
        self.draining = False  # the process is about to stop: new clients are sent elsewhere
        self._clients: set[Client] = set()
        self._belongs: dict[Client, str] = {}  # the user's key, if the client is logged in
        self._users: defaultdict[str, set[Client]] = defaultdict(set)  # logged-in clients by user
        self._present: frozenset[str] | None = None  # the same users, until they change
        self._background: _Background | None = None  # while there are clients
        self._texts = TextRelay(lambda: self.tasks, self._expect_writer)
        self._logs: dict[str, LogWorker] = {}
        self._slow = SlowQueries(self._log_apart, self.submit)
        self._limits = LiveQueryLimits(self._end)
        self._checks: ElasticPool | None = None  # while there are clients
        self._batchers: dict[Callable[..., Any], Batcher[Any, Any, Any]] = {}  # by their `answer` function
        self._executor: FairExecutor | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self.linger_seconds = LINGER_SECONDS
        self._empty_since: float | None = None  # by the loop's clock, while there are no clients
        self._access = ""  # the database whose log has access changes, while there are clients

    @property
    def clients(self) -> list[Client]:
        """The current clients."""
        return list(self._clients)

    def users(self) -> frozenset[str]:
        """Return the users with clients, as the same object until they change."""
        if self._present is None:
            self._present = frozenset(self._users)
        return self._present

    @property
    def logs(self) -> list[LogWorker]:
        """The workers of the logs that are being read."""
        return list(self._logs.values())

    @property
    def slow(self) -> SlowQueries:
        """The slow live queries."""
        return self._slow

    @property
    def tasks(self) -> list[LogWorker]:
        """All workers that read a log, including those of slow live queries."""
        return [*self._logs.values(), *self._slow.tasks]

    def attach(self, client: Client, user: str | None = None) -> None:
        """Add a client, or update its user. From now on it is swept and may subscribe."""
        self._leave_user(client)
        self._clients.add(client)
        if user is not None:
            self._belongs[client] = user
            self._users[user].add(client)
            self._present = None
        self._start_sweeping()
        if self._background is None:
            self._background = _Background(self.deliver, self._texts.take, lambda: self._logs)
            self._access = user_database()
            self._log(self._access)
            exempt_startup_objects()
        elif self._empty_since is not None:
            self._log(self._access).wake()
        self._empty_since = None

    def _start_sweeping(self) -> None:
        if self._sweeper is None:
            self._empty_since = None if self._clients else asyncio.get_running_loop().time()
            self._sweeper = asyncio.create_task(self._sweep(), name="realtime sweep")

    def _leave_user(self, client: Client) -> None:
        user = self._belongs.pop(client, None)
        if user is not None:
            self._users[user].discard(client)
            if not self._users[user]:
                del self._users[user]
                self._present = None

    async def detach(self, client: Client) -> None:
        """Remove a client. All tasks end `linger_seconds` after the last one has left."""
        self._leave_user(client)
        self._clients.discard(client)
        for log in self.tasks:
            log.remove_client(client)
        self._limits.release_all(client)
        if not self._clients:
            self._empty_since = asyncio.get_running_loop().time()
            if not self.linger_seconds:
                await self.close()

    async def close(self) -> None:
        """End all tasks and threads. A client that connects meanwhile starts new ones."""
        if self.observer is not None:
            _guarded(self.observer.emptied)
        logs, self._logs, self._slow = self.tasks, {}, SlowQueries(self._log_apart, self.submit)
        sweeper, self._sweeper = self._sweeper, None
        background, self._background = self._background, None
        pools, self._checks, self._executor = self._pools, None, None
        self._batchers = {}
        self._texts.close()
        if background:
            await background.close()
        if sweeper and sweeper is not asyncio.current_task():
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)
        await asyncio.gather(*(log.close() for log in logs), return_exceptions=True)
        await asyncio.gather(*(close_pool(pool) for pool in pools))

    @property
    def _pools(self) -> list[ElasticPool | FairExecutor]:
        return [pool for pool in (self._checks, self._executor) if pool is not None]

    async def ready(self) -> None:
        """Return when access changes are being read. No later change is missed."""
        await self._log(self._access).started.wait()

    async def run(self, function: Callable[..., Result], *args: object) -> Result:
        """Call a function that may use the database, in a thread of the pool for checks."""
        return await asyncio.wrap_future(self.submit(function, *args))

    def submit(self, function: Callable[..., Result], *args: object) -> Future[Result]:
        """Like `run`, but return a future at once."""
        self._start_sweeping()
        if self._checks is None:
            self._checks = ElasticPool(CHECK_THREADS, "realtime-check")
        return self._checks.submit(function, *args)

    async def run_together(
        self,
        answer: Callable[[Request, Known], Result],
        read: Callable[[Sequence[Request]], Known],
        request: Request,
        *,
        kind: Callable[[Request, Known], Hashable] = lambda request, known: None,
        is_under_way: Callable[[Request, Known], bool] = lambda request, known: False,
    ) -> Answered:
        """Answer in a thread of the same pool; `read` runs once for all concurrent callers.

        Requests of a slow kind do not delay the others.
        """
        if answer not in self._batchers:
            self._batchers[answer] = Batcher(
                self.submit, CHECK_THREADS, read=read, answer=answer, kind=kind, is_under_way=is_under_way
            )
        return await self._batchers[answer](request)

    @property
    def executor(self) -> FairExecutor:
        """Runs actions. Each owner gets a fair share; slow actions never delay checks."""
        if self._executor is None:
            self._executor = FairExecutor(threads=settings.THREADS, seconds=settings.ACTION_SECONDS)
        return self._executor

    def expect(self, client: Client, stream: type[ModelStream], key: str, call: str) -> None:
        """Expect a client's call: the frame that has its effects will name it."""
        # a slow live query has its own frames, which arrive later than those of its log
        apart = [task for task in self._slow.tasks_of(stream.name) if client in task.subscribers.clients]
        [*apart, self._log(stream.database())][0].expect(client, key, call)

    def settle(self, client: Client, key: str, *, ran: bool) -> None:
        """Handle the answer to a client's call."""
        for task in self.tasks:
            task.settle(client, key, ran=ran)

    def subscribe(
        self,
        client: Client,
        subscription: Subscription,
        stream: ModelStream,
        format: str,
        cursor: str | None,
        fingerprint: str | None = None,
    ) -> None:
        """Subscribe an authorized client, which has the rows up to `cursor`, rendered as `fingerprint` says."""
        key = query_key(stream, format)
        try:
            crowds = self._limits.crowds(client, stream)
            task = self._slow.task(key, self._log(stream.database()), crowds=crowds)
        except QueryTimedOut as error:
            call_client(client, client.refuse, subscription, error)
            return
        for log in self.tasks:  # after a move, for the rows of another audience
            log.withdraw(client, subscription)
        if (refusal := self._limits.acquire(client, key, stream)) is not None:
            call_client(client, client.refuse, subscription, refusal)
            return
        task.subscribe(client, subscription, stream, Want(key, cursor, fingerprint))
        if self._background is not None:
            self._background.dead_writers.watch(stream.model, stream.database())

    def catch_up(self, client: Client, queries: Mapping[int, str | None]) -> None:
        """Bring the client's live queries up to date, each from its cursor."""
        for query, cursor in queries.items():
            any(log.catch_up(client, query, cursor) for log in self.tasks)

    def send_parts(self, client: Client) -> bool:
        """Go on with the live queries that a client is sent in parts; return whether there are any."""
        return sum(log.send_parts(client) for log in self.tasks) > 0

    def unsubscribe(self, client: Client, query: int) -> None:
        for log in self.tasks:
            log.unsubscribe(client, query)

    def publish(self, envelope: Envelope, sender: Client, at: float) -> None:
        """Send a client's event to all other recipients, in every process; `at` is when it was received."""
        count("events")
        background = self._background
        if background is not None:
            background.event_queue.put(envelope, at, sender)
        publish(envelope, but=None if background is None else background.events)

    def deliver(self, envelope: Envelope, sender: Client | None = None) -> None:
        """Deliver an event to its recipients in this process."""
        if envelope.user is not None:
            event = codec.encode(Event(envelope.name, envelope.data, sender=envelope.sender))
            for client in list(self._users.get(envelope.user, ())):
                call_client(client, client.notify, event)
            return
        for query, clients in [found for log in self.tasks for found in log.subscribers.addressed(envelope)]:
            event = codec.encode(Event(envelope.name, envelope.data, query, envelope.sender))  # once for all
            for client in clients - {sender}:
                call_client(client, client.notify, event)

    def _log(self, alias: str) -> LogWorker:
        if alias not in self._logs:
            self._logs[alias] = LogWorker(
                alias,
                log_number(alias),
                self._clients,
                self.users,
                self._slow,
                self._limits,
                self._texts,
                has_access=alias == self._access,
            )
        return self._logs[alias]

    def _log_apart(self, own: LogWorker, place: int) -> LogWorker:
        number = (place + 1) * LOGS + own.number  # for clients it is another log, with its own cursors
        return LogWorker(
            own.alias,
            number,
            self._clients,
            self.users,
            self._slow,
            self._limits,
            self._texts,
            start=own.position,
        )

    def _expect_writer(self, alias: str) -> None:
        if self._background is not None:
            self._background.dead_writers.expect(alias)

    def _end(self, client: Client, key: QueryKey, error: ClientError) -> bool:
        """End a client's subscriptions to a live query; return whether it had any."""
        for log in self.tasks:
            query = log.subscribers.number(key)
            if query is not None and client in log.subscribers.of(query):
                call_client(client, client.fail, query, error)
                return True
        return False

    async def _sweep(self) -> None:
        try:
            await self._sweep_until_empty()
        except asyncio.CancelledError:
            if self._sweeper is asyncio.current_task():  # the loop is ending, and nothing else closes the hub
                pools = [*self._pools, *(log.thread for log in self.tasks)]
                exits.finish(end for pool in pools for end in pool.close())
            raise

    def positions(self) -> dict[int, str]:
        """Return the cursor of each log from which clients can resume that have received everything.

        A log has none while some of its clients are ahead of others.
        """
        return {log.number: log.resume for log in self.tasks if log.resume}

    async def _sweep_until_empty(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._slow.sweep()
            clients, unread = list(self._clients), list[Client]()
            for start in range(0, len(clients), SWEPT_AT_ONCE):
                positions = self.positions()
                for client in clients[start : start + SWEPT_AT_ONCE]:
                    if client in self._clients:
                        call_client(client, client.sweep, loop.time(), positions)
                        if unsent_bytes(client):
                            unread.append(client)
                await asyncio.sleep(0)  # frames go out in between
            end_unread(unread)
            if self._empty_since is not None and loop.time() - self._empty_since >= self.linger_seconds:
                await self.close()
                return
            if self.observer is not None:
                _guarded(self.observer.sweep, loop.time())


def _guarded(observe: Callable[..., None], *args: Any) -> None:
    # clients do not depend on the observer
    try:
        observe(*args)
    except Exception:
        logger.exception("The status of this process could not be collected.")


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def get_hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
        exits.watch(loop)
    return _hubs[loop]
