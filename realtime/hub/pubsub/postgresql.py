"""PostgreSQL: LISTEN on a separate connection, for wake-ups, and for events if there is no channel layer.

The log sends NOTIFY after a writer's commit. The process's sender sends events.

A process that writes often sends only one NOTIFY in `QUIET_SECONDS`. Listeners check again after this time, and then
find changes that were committed meanwhile.

Through a pooler in transaction mode, LISTEN succeeds but receives nothing. If there may be a pooler, a notification is
sent as a test. `REALTIME_LISTEN_DSN` sets a connection that bypasses the pooler. See "NOTIFY" in PostgreSQL's
manual.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections

from realtime.changelog.base import origin
from realtime.changelog.postgresql import POSTGRESQL_CHANNEL, QUIET_SECONDS
from realtime.conf import settings
from realtime.hub.pubsub.listener import Reception, Subscriber
from realtime.hub.pubsub.outage import Outage, hints_outage
from realtime.hub.pubsub.sender import Message

ANSWER_SECONDS = 5.0  # a notification that has not arrived in this time is lost
POOLER_SECONDS = 300.0  # before a connection through a pooler is tried again
ECHO = "echo."  # the prefix of the payload of a test, which says nothing about the log
AGAIN_SECONDS = 2 * QUIET_SECONDS  # timers are not exact

EVENTS_ALIAS = DEFAULT_DB_ALIAS
EVENTS_CHANNEL = "realtime_events"  # of NOTIFY
PART_LENGTH = 7900  # a payload must have less than 8,000 bytes

KEEPALIVES = {"keepalives": 1, "keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 3}


class EventsCarrier:
    """Sends events with NOTIFY, each in as many parts as its length needs, all in one transaction."""

    def __init__(self) -> None:
        self.outage = Outage(
            f"NOTIFY on the database {EVENTS_ALIAS!r}",
            gone=f"NOTIFY on the database {EVENTS_ALIAS!r} is not available (%s): events reach this process alone.",
            back=f"NOTIFY on the database {EVENTS_ALIAS!r} is available again: events reach all processes.",
        )
        self._connection: Any = None
        self._number = 0  # of the last event; PostgreSQL drops equal payloads in a transaction

    async def deliver(self, batch: list[tuple[str, Message]]) -> None:
        import psycopg  # an optional dependency

        payloads: list[str] = []
        for _, message in batch:
            self._number += 1
            payloads += parts(self._number, message["body"])
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(**_django_params(EVENTS_ALIAS))
        try:
            await self._connection.execute(
                "SELECT pg_notify(%s, part) FROM unnest(%s::text[]) WITH ORDINALITY AS p (part, place) ORDER BY place",
                [EVENTS_CHANNEL, payloads],
            )
        except BaseException:
            await self.rest()
            raise

    async def rest(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def parts(number: int, body: str) -> list[str]:
    """Split JSON into payloads in ASCII, because the database may have any encoding."""
    text = json.dumps(json.loads(body))
    pieces = [text[start : start + PART_LENGTH] for start in range(0, len(text), PART_LENGTH)]
    return [f"{number}.{place}.{len(pieces)}.{piece}" for place, piece in enumerate(pieces)]


class Assembly:
    """Joins parts. Those of one transaction arrive consecutively, with the same process id."""

    def __init__(self) -> None:
        self._key: tuple[int, str, str] | None = None  # identifies the event whose parts are being collected
        self._pieces: list[str] = []

    def add(self, pid: int, payload: str) -> str | None:
        """Add a part; return the whole text after its last part."""
        number, _, rest = payload.partition(".")
        place, _, rest = rest.partition(".")
        count, _, piece = rest.partition(".")
        key = pid, number, count
        if place == "0":
            self._key, self._pieces = key, []
        elif key != self._key or place != str(len(self._pieces)):
            self._key = None  # the first parts were sent before this process listened
            return None
        self._pieces.append(piece)
        return "".join(self._pieces) if count == str(len(self._pieces)) else None


def carries_events() -> bool:
    """Return whether NOTIFY carries events if no channel layer does."""
    return connections[EVENTS_ALIAS].vendor == "postgresql" and is_usable()


@cache
def is_usable() -> bool:
    """Return whether psycopg 3 is installed; with psycopg2, changes are found by polling."""
    return importlib.util.find_spec("psycopg") is not None


class PostgreSQLNotification(NamedTuple):
    """A NOTIFY that has arrived."""

    channel: str
    payload: str
    pid: int


class NoNotification(Exception):
    """LISTEN has succeeded, but a notification that was sent did not arrive."""

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        self.alias = alias

    def __str__(self) -> str:
        return (
            "LISTEN succeeds and no notification comes, as through PgBouncer in transaction mode; set "
            f"REALTIME_LISTEN_DSN[{self.alias!r}] to a way around the pooler"
        )


async def listen(alias: str, wake: Callable[[], None], *, take: Callable[[str], None] = lambda payload: None) -> None:
    """Call `wake` at each NOTIFY, until cancelled. Connect again whenever the connection is lost.

    `take` is called with each payload: the sending process, or "" from a trigger.
    """
    again: asyncio.TimerHandle | None = None

    def wake_twice() -> None:
        nonlocal again
        wake()
        if again is not None:
            again.cancel()
        again = asyncio.get_running_loop().call_later(AGAIN_SECONDS, wake)

    def note(notification: Any) -> None:
        wake_twice()
        take(notification.payload)

    try:
        # `wake_twice` after connecting too, for changes that were committed before
        outage = hints_outage(f"LISTEN on the database {alias!r}")
        await _listen_to(alias, Subscriber(POSTGRESQL_CHANNEL, note, wake_twice, outage))
    finally:
        if again is not None:
            again.cancel()


async def listen_to_events(take: Callable[[str], None], *, joined: Callable[[], None]) -> None:
    """Call `take` with the text of each event from any process, until cancelled.

    `joined` is called whenever events have proved to arrive. Earlier ones may be lost.
    """
    outage = Outage(
        f"LISTEN on the database {EVENTS_ALIAS!r}",
        gone=f"LISTEN on the database {EVENTS_ALIAS!r} is not available (%s): other processes' events are lost.",
        back=f"LISTEN on the database {EVENTS_ALIAS!r} is available again: other processes' events arrive.",
    )
    assembly = Assembly()

    def note(notification: Any) -> None:
        text = assembly.add(notification.pid, notification.payload)
        if text is not None:
            take(text)

    await _listen_to(EVENTS_ALIAS, Subscriber(EVENTS_CHANNEL, note, joined, outage))


class _Listening(Reception):
    """The connection that listens on a database."""

    def __init__(self, alias: str) -> None:
        super().__init__(f"realtime LISTEN {alias}")
        self._alias = alias
        self._listens = False

    def _note_new(self, subscriber: Subscriber) -> None:
        if self._listens:
            subscriber.joined()

    async def _stay_connected(self) -> None:
        import psycopg  # an optional dependency

        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**connection_params(self._alias)) as connection:
                    try:
                        await self._receive_notifications(connection)
                    finally:
                        self._listens = False
            except NoNotification as error:
                self._failed(error)
                await asyncio.sleep(POOLER_SECONDS)
            except (psycopg.Error, OSError) as error:
                await asyncio.sleep(self._failed(error))

    def _succeeded(self) -> None:
        for subscriber in self.subscribers.values():
            subscriber.outage.over()

    async def _receive_notifications(self, connection: Any) -> None:
        """Listen until the connection ends. Raise `NoNotification` if no notification arrives."""
        # a pooler gives its clients invented process ids; LISTEN is last because tools show a session's last statement
        [backend] = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
        proven = self._alias not in settings.LISTEN_DSN and backend == connection.pgconn.backend_pid
        echo = ECHO + origin()
        connection.add_notify_handler(self._take)  # of those that come with the answer to LISTEN
        await connection.execute(f"LISTEN {EVENTS_CHANNEL}; LISTEN {POSTGRESQL_CHANNEL}")
        self._listens = True
        for subscriber in list(self.subscribers.values()):
            subscriber.joined()
        try:
            async with asyncio.timeout(None if proven else ANSWER_SECONDS) as proof:

                def take(notification: PostgreSQLNotification) -> None:
                    if notification.payload == echo:
                        proof.reschedule(None)
                        self._succeeded()
                    else:
                        self._take(notification)

                if proven:
                    self._succeeded()
                else:
                    await _notify(self._alias, echo)
                await _take_all(connection.pgconn, take)
        except TimeoutError as error:
            if not proof.expired():
                raise
            # the pooler will give the server's connection to another client, which must not listen
            await connection.execute("UNLISTEN *")
            raise NoNotification(self._alias) from error

    def _take(self, notification: PostgreSQLNotification) -> None:
        if not notification.payload.startswith(ECHO):
            self._distribute(notification, channel=notification.channel)


async def _take_all(pgconn: Any, take: Callable[[PostgreSQLNotification], None]) -> None:
    """Call `take` with each notification, until the connection ends, which raises psycopg's error.

    psycopg's `notifies()` would wake a task for each, which costs the event loop several times what they are worth.
    """
    loop = asyncio.get_running_loop()
    end: asyncio.Future[None] = loop.create_future()

    def read() -> None:
        try:
            pgconn.consume_input()
            while (found := pgconn.notifies()) is not None:
                take(
                    PostgreSQLNotification(found.relname.decode(), found.extra.decode(errors="replace"), found.be_pid)
                )
        except Exception as error:
            loop.remove_reader(socket)
            if not end.done():
                end.set_exception(error)

    socket = pgconn.socket
    loop.add_reader(socket, read)
    try:
        await end
    finally:
        loop.remove_reader(socket)


_connections: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Listening]] = WeakKeyDictionary()


async def _listen_to(alias: str, subscriber: Subscriber) -> None:
    """Listen on a database until cancelled."""
    shared = _connections.setdefault(asyncio.get_running_loop(), {})
    await shared.setdefault(alias, _Listening(alias)).serve(subscriber)


async def _notify(alias: str, payload: str) -> None:
    """Send a notification like a writer: on another connection, with Django's parameters."""
    import psycopg  # an optional dependency

    async with await psycopg.AsyncConnection.connect(**_django_params(alias)) as connection:
        await connection.execute("SELECT pg_notify(%s, %s)", [POSTGRESQL_CHANNEL, payload])


def connection_params(alias: str) -> dict[str, Any]:
    """Return the parameters of the connection for LISTEN: from `REALTIME_LISTEN_DSN`, else Django's."""
    if alias in settings.LISTEN_DSN:
        return {"conninfo": settings.LISTEN_DSN[alias], "autocommit": True}
    return _django_params(alias)


def _django_params(alias: str) -> dict[str, Any]:
    params = dict(connections[alias].get_connection_params())
    for name in ("cursor_factory", "context", "prepare_threshold"):  # only for synchronous connections
        params.pop(name, None)
    return {**KEEPALIVES, **params, "autocommit": True}
