"""Hub: one per server process. It has a task for each log, and tells clients of time.

All that touches the database happens in threads: one that reads each log, and small pools for access checks and for
actions.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from realtime import exits
from realtime.changelog import log_number
from realtime.conf import settings
from realtime.deadline import Deadline
from realtime.events import Envelope, Exchange, publish
from realtime.figures import count
from realtime.gathering import Gathering
from realtime.logtask import LogTask, ended
from realtime.protocol import codec
from realtime.protocol.demands import Subscription
from realtime.protocol.messages import Event
from realtime.queries.livequery import query_key
from realtime.queries.tail import Want
from realtime.queries.threads import ThreadPool
from realtime.quotas import Quotas
from realtime.streams.grounds import access_database
from realtime.streams.stream import ModelStream
from realtime.subscribers import Client, tell
from realtime.turns import Turns

logger = logging.getLogger("realtime.status")

Result = TypeVar("Result")
Asked = TypeVar("Asked")
Known = TypeVar("Known")

SWEEP_SECONDS = 1.0  # how often clients look at their deadlines
CHECK_THREADS = 2


class Observer(Protocol):
    """Looks at the hub as it sweeps. Neither method blocks."""

    def sweep(self, now: float) -> None: ...
    def emptied(self) -> None: ...


class Hub:
    """Everything that is live in one server process."""

    def __init__(self) -> None:
        self.quotas = Quotas()
        self.observer: Observer | None = None
        self.draining = False  # the process is about to stop: whoever comes is sent on
        self._clients: set[Client] = set()
        self._users: defaultdict[str, set[Client]] = defaultdict(set)  # those who are logged in
        self._exchange: Exchange | None = None  # while there are clients
        self._logs: dict[str, LogTask] = {}
        self._checks: ThreadPool | None = None  # while there are clients
        self._gatherings: dict[Callable[..., Any], Gathering[Any, Any, Any]] = {}  # by what they answer with
        self._turns: Turns | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._access = ""  # the database whose log tells of access, while there are clients

    @property
    def clients(self) -> list[Client]:
        """Those who are there now."""
        return list(self._clients)

    @property
    def logs(self) -> list[LogTask]:
        """The logs that are read now."""
        return list(self._logs.values())

    def attach(self, client: Client, user: str | None = None) -> None:
        """The client is there; it will be swept, and may subscribe. `user` is the key of who it is."""
        self._clients.add(client)
        if user is not None:
            self._users[user].add(client)
        if self._exchange is None:
            self._exchange = Exchange(self.deliver)
        if self._sweeper is None:
            self._access = access_database()
            self._log(self._access)
            self._sweeper = asyncio.create_task(self._sweep(), name="realtime sweep")

    async def detach(self, client: Client, user: str | None = None) -> None:
        """The client is gone. With the last one all tasks end."""
        self._clients.discard(client)
        if user is not None:
            self._users[user].discard(client)
            if not self._users[user]:
                del self._users[user]
        for log in self._logs.values():
            log.leave_all(client)
        if self._clients:
            return
        if self.observer is not None:
            _guarded(self.observer.emptied)
        logs, self._logs = list(self._logs.values()), {}
        sweeper, self._sweeper = self._sweeper, None
        exchange, self._exchange = self._exchange, None
        if exchange:
            await exchange.close()
        if sweeper:
            sweeper.cancel()
            pools: list[ThreadPool | Turns] = [pool for pool in (self._checks, self._turns) if pool is not None]
            self._checks = self._turns = None
            await asyncio.gather(sweeper, *(log.close() for log in logs), return_exceptions=True)
            await asyncio.gather(*(ended(pool) for pool in pools))

    async def ready(self) -> None:
        """Return when changes of access are being read: none that comes after is missed."""
        await self._log(self._access).started.wait()

    async def run(self, function: Callable[..., Result], *args: object) -> Result:
        """Call a short function that may use the database, in a thread of the pool for checks."""
        return await asyncio.wrap_future(self.submit(function, *args))

    def submit(self, function: Callable[..., Result], *args: object) -> Future[Result]:
        """The same, for who does not wait."""
        if self._checks is None:
            self._checks = ThreadPool(CHECK_THREADS, "realtime-check")
        return self._checks.submit(function, *args)

    async def run_together(
        self, answer: Callable[[Asked, Known], Result], read: Callable[[Sequence[Asked]], Known], asked: Asked
    ) -> Result:
        """Answer in a thread of the same pool, with what is read at once for all who ask it meanwhile."""
        if answer not in self._gatherings:
            self._gatherings[answer] = Gathering(self.submit, CHECK_THREADS, read=read, answer=answer)
        result: Result = await self._gatherings[answer](asked)
        return result

    async def perform(
        self, owner: str, key: object, function: Callable[[Deadline], Result], *, name: str = "?"
    ) -> Result:
        """Have an action run, when it is its owner's turn; however slow actions are, checks go on."""
        if self._turns is None:
            self._turns = Turns(threads=settings.THREADS, seconds=settings.ACTION_SECONDS)
        return await self._turns.run(owner, key, function, name=name)

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

    def publish(self, envelope: Envelope, sender: Client) -> None:
        """Send a client's event to all others, in every process."""
        count("events")
        self.deliver(envelope, sender)
        publish(envelope, but=self._exchange)

    def deliver(self, envelope: Envelope, sender: Client | None = None) -> None:
        """Hand an event to those clients here that it is for."""
        if envelope.user is not None:
            event = codec.encode(Event(envelope.name, envelope.data, sender=envelope.sender))
            for client in list(self._users.get(envelope.user, ())):
                tell(client, client.notify, event)
            return
        for query, clients in [found for log in self._logs.values() for found in log.subscribers.addressed(envelope)]:
            event = codec.encode(Event(envelope.name, envelope.data, query, envelope.sender))  # once for all
            for client in clients - {sender}:
                tell(client, client.notify, event)

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
                tell(client, client.sweep, loop.time(), positions)
            if self.observer is not None:
                _guarded(self.observer.sweep, loop.time())


def _guarded(observe: Callable[..., None], *args: Any) -> None:
    # the clients are served without it
    try:
        observe(*args)
    except Exception:
        logger.exception("The status of this process could not be gathered.")


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def get_hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
        exits.watch(loop)
    return _hubs[loop]
