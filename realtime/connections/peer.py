"""Peer: the link to one client: its session, its transport, and the tasks that work for it."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine
from typing import Protocol

from realtime.auth.identity import Identity
from realtime.auth.limits import Quota, weight
from realtime.auth.sentences import translated
from realtime.conf import limits, settings
from realtime.exceptions import BadMessage, InternalError, Overloaded, ProtocolError
from realtime.hub.counters import count, get_counters
from realtime.hub.hub import Hub
from realtime.protocol.codec import Encoded
from realtime.protocol.effects import Effect
from realtime.protocol.messages import Window
from realtime.protocol.rate_limit import Bucket
from realtime.protocol.session import ClientSession

logger = logging.getLogger("realtime.connections")

SPARE_BYTES = 64 * 1024  # that a server may hold besides messages: frame headers, data before `welcome`

_numbers = itertools.count(1)


class Transport(Protocol):
    """Carries messages to a client. No method blocks, or raises if the client is gone."""

    @property
    def unsent(self) -> int:
        """Bytes that the client cannot have received yet, as far as is known."""
        ...

    def send(self, text: str) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


class Peer:
    """One client, for the parts of its connection.

    `handle` is called for each effect of the client's messages. `address` is the client's address, "" if
    unknown. Up to `windows` times the limit `window_frames` may be sent before the client
    acknowledges. Raise `Overloaded` if the user or the address already has too many connections.
    """

    def __init__(
        self,
        *,
        hub: Hub,
        transport: Transport,
        handle: Callable[[Effect], None],
        identity: Identity,
        address: str = "",
        windows: int = 1,
    ) -> None:
        now = asyncio.get_running_loop().time()
        self.identity = identity
        self.quota: Quota = hub.quotas.enter(user=identity.user, address=address, now=now)
        self.id = f"{get_counters().process}-{next(_numbers)}"  # unique across all processes
        self.received_at = now  # when the last message arrived, by the loop's clock
        self.session = ClientSession(
            heartbeat_seconds=settings.HEARTBEAT_SECONDS,
            window=Window(frames=windows * limits.window_frames, bytes=limits.window_bytes),
            max_bytes=_message_bytes(identity),
            max_subscriptions=limits.subscriptions,
            answers=windows == 1,
        )
        self._hub = hub
        self._transport = transport
        self._handle = handle
        self._address = address
        self._acknowledges = windows == 1  # by messages; over HTTP, the next request does
        self._messages = Bucket(limits.messages_per_second, now)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def unsent(self) -> int:
        """The bytes that wait in this process for the client to read them, as far as is known."""
        return self._transport.unsent

    def receive(self, data: str | bytes) -> None:
        """Decode and handle one message from the client. Raise `ProtocolError`."""
        self.received_at = asyncio.get_running_loop().time()
        self._count_message(len(data))
        answers, effects = self.session.receive(data)
        if self._acknowledges and self.unsent > self.session.unacknowledged + SPARE_BYTES:
            raise BadMessage("The client acknowledges messages that it has not read.")
        self.send(answers)
        self.handle(effects)

    def acknowledge_all(self) -> None:
        """Acknowledge everything sent to the client."""
        self.received_at = asyncio.get_running_loop().time()
        self.handle(self.session.acknowledge_all())

    def _count_message(self, size: int) -> None:
        """Raise `Overloaded` if the client, or all clients of its user or address, exceed their rate."""
        amount = weight(size)
        for bucket, whose in ((self._messages, "A connection"), (self.quota.messages, self.quota.subject)):
            if (wait := bucket.take(self.received_at, amount)) > 0:
                text = f"{whose} may send {bucket.rate:g} messages per second on average."
                raise Overloaded(text, retry=wait)

    def handle(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._handle(effect)

    def send(self, messages: list[Encoded]) -> None:
        for message in messages:
            self._transport.send(message.text)
        if self.session.overdrawn:
            self.end(Overloaded("The client does not acknowledge messages."))

    def send_frame(self, frame: Encoded) -> None:
        """Send a frame that the session has already counted."""
        self._transport.send(frame.text)

    def end(self, error: ProtocolError) -> None:
        """Send the reason to the client, and close its transport."""
        error = translated(error, self.identity.surroundings)
        bye = self.session.close(error)
        if bye is not None:
            count("closes", error.code.name.lower())
            self._transport.send(bye.text)
            self._transport.close(error.code, error.reason)

    def start(self, work: Callable[[], Coroutine[None, None, None]]) -> asyncio.Task[None]:
        """Start this work in a task, or let the running one continue: it takes up new items by itself."""
        name = work.__qualname__  # one task per kind of work
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._finish(name, work), name=f"realtime {name}")
        return self._tasks[name]

    async def _finish(self, name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()
        except Exception:
            logger.exception("A client's request could not be handled.")
            self.end(InternalError())
        finally:
            del self._tasks[name]

    def identify(self, identity: Identity) -> None:
        """Set the client's identity. Raise `Overloaded` if the user has too many connections."""
        now = asyncio.get_running_loop().time()
        quota = self._hub.quotas.enter(user=identity.user, address=self._address, now=now)
        self._hub.quotas.leave(self.quota)
        self.quota = quota
        self.identity = identity
        self.session.max_bytes = _message_bytes(identity)

    def abandon(self) -> None:
        """Release everything after the transport has closed."""
        self.session.abandon()
        self._hub.quotas.leave(self.quota)
        for task in self._tasks.values():
            task.cancel()

    async def ended(self) -> None:
        """Wait for the end of all tasks."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _message_bytes(identity: Identity) -> int:
    return limits.anonymous_message_bytes if identity.user is None else limits.message_bytes
