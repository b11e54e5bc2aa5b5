"""A world in this process: hubs, clients and writers, each of which moves only when the test says so.

Everything is real but for the transport, which hands messages over in memory, and the hub's clock: a tick is taken
when `tick` is called. At every frame each subscription of the client is compared with what its QuerySet gave in the
tick's own transaction, so that a frame which is wrong for a moment is found too.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any
from unittest import mock

import msgspec
from django.db import DatabaseError, OperationalError, connection, connections, transaction

from realtime.auth.identity import Identity
from realtime.changelog import get_changelog
from realtime.connections.connection import Connection
from realtime.hub.hub import Hub
from realtime.hub.log_worker import LogWorker
from realtime.hub.pubsub.notifications import Waiter
from realtime.protocol.messages import VERSION
from realtime.queries.broken_rows import NeedsCare
from realtime.queries.query_key import QueryKey
from realtime.queries.tail import Tail
from realtime.streams.registry import registry
from tests.oracle import expected, writes
from tests.oracle.expected import Rows, Wanted
from tests.support.replica import ReferenceClient
from tests.support.waiting import seconds

AT_REST = 60  # ticks that bring the rows of any client, if these come in parts
HUBS = 2
WRITERS = 3


class PlannedFailure(DatabaseError):
    """The database goes away where the test wants it to."""


class FlakyLog:
    """A log whose transaction can be made to fail when it ends, after everything was read."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.fail_at_end = False
        self.inside: Callable[[], None] | None = None  # happens when the log was read, and nothing else yet

    def read(self, *args: Any, **kwargs: Any) -> Any:
        reading = self._log.read(*args, **kwargs)
        inside, self.inside = self.inside, None
        if inside:
            inside()
        return reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        with self._log.snapshot():
            yield
        if self.fail_at_end:
            self.fail_at_end = False
            raise PlannedFailure


class RecordingTail(Tail):
    """Writes down what each live query's rows are, in the transaction of the tick."""

    def __init__(self, log: Any, *, max_changes: int) -> None:
        super().__init__(FlakyLog(log), max_changes=max_changes)  # type: ignore[arg-type]
        self.states: dict[str, dict[Wanted, Rows]] = {}  # by cursor
        self.fail_in_read = False
        self.between: Callable[[], None] | None = None  # happens before everything is read again in the same tick

    def _read(self, wants: Any, batches: Any) -> Any:
        found = super()._read(wants, batches)
        keys = {*self._queries, *(want.key for want in wants)}
        state = {_wanted(key): expected.rows(_wanted(key)) for key in keys}
        self.states.setdefault(found.tick.cursor, {}).update(state)
        between, self.between = self.between, None
        if between:
            between()
            raise NeedsCare
        if self.fail_in_read:  # frames may have been sent
            self.fail_in_read = False
            raise PlannedFailure
        return found


class SteppedLog(LogWorker):
    """Takes a tick when it is told to. `meanwhile` happens while the tick is in its thread."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tail: RecordingTail = RecordingTail(self._tail.log, max_changes=self._tail.max_changes)
        self.meanwhile: Callable[[], None] | None = None

    async def _run(self) -> None:
        await asyncio.Event().wait()

    async def _tick(self, *args: Any) -> Any:
        try:
            return await super()._tick(*args)
        finally:
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile:
                meanwhile()

    async def step(self) -> None:
        with suppress(PlannedFailure):
            await self._round()


class QuietWaiter(Waiter):
    """Nothing waits here, so nothing needs to listen."""

    def _listen(self) -> None:
        return None


class Client:
    """A reference client, its connection to one of the hubs, and what is on the way to it."""

    def __init__(self, world: "World", user_pk: int | None, *, version: int = VERSION) -> None:
        self.world = world
        self.user_pk = user_pk
        self.protocol = ReferenceClient(version=version)
        self.wants: dict[int, Wanted] = {}
        self.seen: dict[int, set[str]] = {}  # by subscription: every key that it was ever told
        self.connection: Connection | None = None
        self.reading = True
        self._states: dict[str, dict[Wanted, Rows]] = {}
        self._inbox: deque[str] = deque()
        self._ids = itertools.count(1)

    # the transport of its connection

    unsent = 0

    def send(self, text: str) -> None:
        self._inbox.append(text)

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"The server closes the connection: {code} {reason}")

    # what the test does with it

    def connect(self, hub: "SteppedHub") -> None:
        if self.connection is None:
            self._inbox.clear()
            self._hub = hub
            self.world.run(self._connect())

    async def _connect(self) -> None:
        user = None if self.user_pk is None else str(self.user_pk)
        self.connection = Connection(hub=self._hub, transport=self, identity=Identity(user))
        self._say(self.protocol.open())

    def cut(self) -> None:
        """The connection is gone, with all that was on the way."""
        if self.connection is not None:
            connection, self.connection = self.connection, None
            self._inbox.clear()
            self.protocol.lose()
            self.world.run(connection.close())

    def subscribe(self, want: Wanted, *, cursor: str | None = None, rows: Rows = ()) -> None:
        id = next(self._ids)  # never one that was in use: what is still on the way would be taken for the new one's
        self.wants[id] = want
        self.seen[id] = {key for key, _ in rows}
        fingerprint = (
            "" if cursor is None else registry.get(want.stream)(want.params, want.user).format_fingerprint(want.format)
        )
        target = {"stream": want.stream, "params": want.params, "format": want.format}
        messages = self.protocol.subscribe(id, cursor=cursor, fingerprint=fingerprint, **target)
        self.protocol.subscriptions[id].replica.hold(dict(rows))
        self._say(messages)

    def unsubscribe(self, number: int) -> None:
        if self.wants:
            id = sorted(self.wants)[number % len(self.wants)]
            del self.wants[id], self.seen[id]
            self._say(self.protocol.unsubscribe(id))

    def acknowledge(self) -> None:
        if self.protocol.window is not None:
            self._say(self.protocol.ack())

    def heartbeat(self) -> None:
        if self.connection is not None and self._hub.log is not None:
            now = self.world.loop.time() + self.connection._heartbeat_seconds
            self.connection.sweep(now, self._hub.positions())
            self.connection._last_heartbeat = self.connection.peer.received_at = self.world.loop.time()

    def pump(self) -> bool:
        """Read what has come, and answer; say whether there was anything."""
        if not self.reading or not self._inbox:
            return False
        while self._inbox:
            self._receive(self._inbox.popleft())
        return True

    def _say(self, messages: list[str]) -> None:
        for message in messages:
            if self.connection is not None:
                self.world.loop.call_soon(self.connection.receive, message)

    def _receive(self, text: str) -> None:
        message = msgspec.json.decode(text)
        if isinstance(message, list):  # patches in short, whose cursor is not told
            query, patches = message
            wanted = [id for id, item in self.protocol.subscriptions.items() if item.query == query]
            assert all(patches.keys() <= self.seen[id] for id in wanted), f"{text} is of a row that it never had."
            self._say(self.protocol.receive(text))
            return
        assert message["type"] not in ("refused", "bye"), f"The server says {message}."
        if message["type"] == "frame":
            self._check_keys(message)
        if message["type"] == "part" and message["id"] in self.wants:
            self._check_part(self.wants[message["id"]], message)
        self._say(self.protocol.receive(text))
        if message["type"] == "frame":
            self._check_rows(message["log"], message["cursor"])
        if message["type"] == "heartbeat":
            for log, cursor in message["cursors"].items():
                self._check_rows(int(log), cursor)

    def _check_keys(self, frame: dict[str, Any]) -> None:
        for delta in frame["deltas"]:
            for id, item in self.protocol.subscriptions.items():
                if item.query == delta["query"]:
                    puts = {put["key"] for put in delta.get("puts", ())}
                    put = {*puts, *(delta.get("order") or ()), *delta.get("patches", ())}
                    visible = {key for key, _ in self._state(frame["cursor"], self.wants[id])}
                    assert put <= visible, f"{self.wants[id]}: told of {put - visible}, which it may not see."
                    unknown = set(delta.get("drops", ())) - self.seen[id]
                    assert not unknown, f"{self.wants[id]}: drops {unknown}, which it never had."
                    self.seen[id] |= put

    def _check_part(self, want: Wanted, part: dict[str, Any]) -> None:
        """Its tick is not named: each row must have been visible at some time."""
        assert self._hub.log is not None
        visible = {key for states in self._hub.log._tail.states.values() for key, _ in states.get(want, ())}
        put = {each["key"] for each in part["puts"]}
        assert put <= visible, f"{want}: sent {put - visible} in a part, which it may not see."
        self.seen[part["id"]] |= put

    def _check_rows(self, log: int, cursor: str) -> None:
        for id, item in self.protocol.subscriptions.items():
            if item.log == log:
                wrong = expected.differences(item.replica.ordered, self._state(cursor, self.wants[id]))
                assert not wrong, f"After a frame or heartbeat at {cursor}, {self.wants[id]}:\n{wrong}"

    def _state(self, cursor: str, want: Wanted) -> Rows:
        assert self._hub.log is not None
        return self._hub.log._tail.states[cursor][want]

    def check(self) -> None:
        """At rest: everything equals the database."""
        for id, item in self.protocol.subscriptions.items():
            assert item.live, f"{self.wants[id]} is not live."
            wrong = expected.differences(item.replica.ordered, expected.rows(self.wants[id]))
            assert not wrong, f"At rest, {self.wants[id]}:\n{wrong}"


class SteppedHub(Hub):
    def attach(self, client: Any, user: str | None = None) -> None:
        super().attach(client, user)
        if self._background is not None:  # it takes locks that writers hold here
            self._background.pruning._task.cancel()

    @property
    def log(self) -> Any:
        return self._logs.get("default")

    async def end(self) -> None:
        for log in self._logs.values():
            await log.close()
        if self._sweeper:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        for pool in (self._checks, self._executor):
            for future in pool.close() if pool is not None else ():
                future.result(seconds(10))


class Writer:
    """A thread with its own connection, and the transaction that is open there."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._open: list[transaction.Atomic] = []

    @property
    def writing(self) -> bool:
        return bool(self._open)

    def begin(self) -> None:
        """Begin a transaction, or a savepoint in it."""
        self._do(self._begin)

    def end(self, *, keep: bool) -> None:
        """End the innermost savepoint or the transaction."""
        if self._open:
            self._do(self._end, keep)

    def end_all(self, *, keep: bool) -> None:
        while self._open:
            self.end(keep=keep)

    def write(self, name: str, a: int, b: int) -> None:
        self._do(self._write, name, a, b)

    def close(self) -> None:
        self.end_all(keep=False)
        self._do(connections.close_all)
        self._thread.shutdown()

    def _do(self, function: Callable[..., None], *args: Any) -> None:
        future: Future[None] = self._thread.submit(function, *args)
        future.result(seconds(30))

    def _begin(self) -> None:
        atomic = transaction.atomic()
        atomic.__enter__()
        if not self._open:
            _do_not_wait_for_locks()
        self._open.append(atomic)

    def _end(self, keep: bool) -> None:
        if not keep:
            transaction.set_rollback(True)
        try:
            self._open.pop().__exit__(None, None, None)
        except DatabaseError as error:
            # a commit waits too: for rows of deferred foreign keys, and with a trigger's NOTIFY for a lock that all
            # databases of the server share; then it is rolled back
            if not _is_conflict(error):
                raise

    def _write(self, name: str, a: int, b: int) -> None:
        alone = not self._open
        if alone:
            self._begin()
        try:
            writes.perform(name, a, b)
        except DatabaseError as error:
            if not _is_conflict(error):
                raise
            while self._open:
                self._end(False)
        else:
            if alone:
                self._end(True)


def _do_not_wait_for_locks() -> None:
    # whoever holds the lock moves only when the test says so, but for other databases of PostgreSQL: its NOTIFY after
    # the commit waits for their commits
    wait = {"postgresql": "SET LOCAL lock_timeout = '1ms'", "mysql": "SET SESSION innodb_lock_wait_timeout = 0"}
    if connection.vendor in wait:
        with connection.cursor() as cursor:
            cursor.execute(wait[connection.vendor])


def _is_conflict(error: DatabaseError) -> bool:
    """Whether two transactions were in each other's way: for foreign keys and for locks that is no failure."""
    return isinstance(error, OperationalError) or "foreign key" in str(error).lower()


class Complaints(logging.Handler):
    """What the app logs as an error: here nothing may go wrong that is not planned."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


class World:
    def __init__(self, *, hubs: int = HUBS, writers: int = WRITERS) -> None:
        self.loop = asyncio.new_event_loop()
        self._patches = [
            mock.patch("realtime.hub.hub.LogWorker", SteppedLog),
            mock.patch("realtime.hub.log_worker.Waiter", QuietWaiter),
        ]
        for patch in self._patches:
            patch.start()
        self.complaints = Complaints()
        logging.getLogger("realtime").addHandler(self.complaints)
        self.hubs = [SteppedHub() for _ in range(hubs)]
        self.writers = [Writer() for _ in range(writers)]
        self.clients: list[Client] = []

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(coroutine, seconds(30)))

    def client(self, user_pk: int | None, *, version: int = VERSION) -> Client:
        self.clients.append(Client(self, user_pk, version=version))
        return self.clients[-1]

    def writer(self, number: int) -> Writer:
        """The writer; on SQLite, which has room for one transaction at a time, the others finish first."""
        chosen = self.writers[number % len(self.writers)]
        if connection.vendor == "sqlite":
            for other in self.writers:
                if other is not chosen:
                    other.end_all(keep=True)
        return chosen

    def tick(
        self,
        number: int,
        *,
        fail: str = "",
        meanwhile: Callable[[], None] | None = None,
        inside: Callable[[], None] | None = None,
        between: Callable[[], None] | None = None,
    ) -> None:
        """One tick of a hub, and all that follows from it; `fail` is "", "read" or "end"."""
        log = self.hubs[number % len(self.hubs)].log
        if log is not None:
            log._tail.fail_in_read = fail == "read"
            log._tail.log.fail_at_end = fail == "end"
            log.meanwhile = meanwhile
            log._tail.log.inside = inside
            log._tail.between = between
            self.run(log.step())
        self.pump()
        assert not self.complaints.records, "\n".join(self.complaints.records)

    def pump(self) -> None:
        """Let every message arrive where somebody reads it, and every task be done."""
        self.run(self._settle())
        while sum(client.pump() for client in self.clients):
            self.run(self._settle())

    async def _settle(self) -> None:
        await asyncio.sleep(0)
        while tasks := [
            task for client in self.clients if client.connection for task in client.connection.peer._tasks.values()
        ]:
            for hub in self.hubs:
                for log in hub._logs.values():
                    if not log.position:  # clients wait for the first tick before they are admitted
                        await log.step()
            await asyncio.wait(tasks, timeout=0.05)
        await asyncio.sleep(0)

    def _tasks(self) -> list[asyncio.Task[None]]:
        connections = [client.connection for client in self.clients if client.connection]
        return [task for connection in connections for task in connection.peer._tasks.values()]

    def prune(self) -> None:
        """All that may be pruned is, so that cursors expire; on SQLite only where no writer is in the way."""
        if connection.vendor != "sqlite" or not any(writer.writing for writer in self.writers):
            get_changelog("default").prune(older_than=0)

    def rest(self) -> None:
        """Everyone finishes what they do, and then all must be equal."""
        for writer in self.writers:
            writer.end_all(keep=True)
        for number, client in enumerate(self.clients):
            client.reading, client.protocol.holding_acks = True, False
            client.connect(self.hubs[number % len(self.hubs)])
        self.pump()
        for number in range(AT_REST):
            if number >= 4 and all(client.protocol.live for client in self.clients):
                break  # to the present, then twice what a client out of credit needs
            for client in self.clients:
                client.acknowledge()
            self.pump()
            for hub in range(len(self.hubs)):
                self.tick(hub)
        for client in self.clients:
            client.check()

    def clear(self) -> None:
        """As new, for the next example."""
        self.complaints.records.clear()
        for client in self.clients:
            client.cut()
        self.clients.clear()
        for writer in self.writers:
            writer.end_all(keep=False)
        self.run(asyncio.sleep(0))

    def close(self) -> None:
        self.clear()
        for writer in self.writers:
            writer.close()
        for hub in self.hubs:
            self.run(hub.end())
        self.loop.close()
        logging.getLogger("realtime").removeHandler(self.complaints)
        for patch in self._patches:
            patch.stop()


def _wanted(key: QueryKey) -> Wanted:
    return expected.wanted(key.stream, msgspec.json.decode(key.params), key.audience, key.format)
