"""Events: ephemeral messages for those who look at a live query, or for one user. They may be lost.

An event reaches the hubs of its own process at once. To other processes it goes through the channel layer, where there
is one that reaches them: all hubs are in one group, with one channel per process, and each finds its own clients.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from channels.layers import get_channel_layer

from realtime.wakeups import layer as layers
from realtime.wakeups.outages import FIRST_SECONDS, LAST_SECONDS

logger = logging.getLogger("realtime.wakeups")

GROUP = "realtime.events"
MAX_EVENT_BYTES = 8 * 1024  # of its data as JSON
MAX_WAITING = 1000  # events on their way to the layer; beyond, the oldest are lost
JOIN_SECONDS = 20.0  # a layer that was flushed has forgotten its groups
SEND_SECONDS = 2.0
EXIT_SECONDS = 1.0  # for which a process that ends waits for its last events

_PROCESS = secrets.token_hex(8)


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event and whom it is for: a user, or a live query, whose `params` are as `ModelStream.params_key` has them.

    `audience` narrows it down to one: its type and its text. `origin` is the process that it comes from.
    """

    name: str
    data: msgspec.Raw
    stream: str = ""
    params: str = ""
    audience: tuple[str, str] | None = None
    user: str | None = None
    sender: str | msgspec.UnsetType | None = msgspec.UNSET
    origin: str = ""


Deliver = Callable[[Envelope], None]

_decoder = msgspec.json.Decoder(Envelope)
_lock = threading.Lock()
_exchanges: set[Exchange] = set()


def audience_text(audience: object) -> tuple[str, str]:
    """An audience as an envelope has it: True and 1 are two."""
    return type(audience).__name__, str(audience)


def publish(envelope: Envelope, *, but: Exchange | None = None) -> None:
    """Hand an event to every hub; `but` is one that has it already. Never block, never raise; from any thread."""
    with _lock:
        exchanges = [exchange for exchange in _exchanges if exchange is not but]
    for exchange in exchanges:
        exchange.put(envelope)
    if layers.is_usable():
        _get_sender().send(msgspec.json.encode(msgspec.structs.replace(envelope, origin=_origin())))
    elif not exchanges and but is None:
        _say_alone()


class Exchange:
    """Takes in the events for one hub, in its event loop, until `close`."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._listening: asyncio.Task[None] | None = None
        self._joined = False  # the layer reaches this process
        with _lock:
            _exchanges.add(self)
        if layers.is_usable():
            self._listening = asyncio.create_task(self._listen(), name="realtime events")

    def put(self, envelope: Envelope) -> None:
        """May be called from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._deliver, envelope)
        except RuntimeError:  # the loop has been closed, and `close` never called
            self._forget()

    async def close(self) -> None:
        self._forget()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    def _forget(self) -> None:
        with _lock:
            _exchanges.discard(self)

    async def _listen(self) -> None:
        layer: Any = get_channel_layer()
        outage = _Outage()
        while True:
            try:
                channel = await layer.new_channel("realtime")
                while True:
                    await layer.group_add(GROUP, channel)
                    self._joined = True
                    outage.over()
                    try:
                        async with asyncio.timeout(JOIN_SECONDS):
                            while True:
                                self._take(await layer.receive(channel))
                    except TimeoutError:
                        continue
            except Exception as error:  # every layer has errors of its own
                await asyncio.sleep(outage.failed(error))

    def _take(self, message: dict[str, Any]) -> None:
        try:
            envelope = _decoder.decode(message["body"])
        except (KeyError, TypeError, msgspec.DecodeError):
            logger.warning("Something that is no event came through the group %s of the channel layer.", GROUP)
            return
        if envelope.origin != _origin():
            self._deliver(envelope)


class _Outage:
    """Says once that the layer is gone, once that it is back; `failed` gives the seconds to wait."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def failed(self, error: BaseException) -> float:
        if not self._seconds:
            name = type(error).__name__
            logger.warning("The channel layer is gone (%s: %s): events reach this process alone.", name, error)
        self._seconds = min(max(FIRST_SECONDS, 2 * self._seconds), LAST_SECONDS)
        return self._seconds

    def over(self) -> None:
        if self._seconds:
            logger.warning("The channel layer is back: events reach all processes again.")
        self._seconds = 0.0


class _Sender:
    """The thread that sends the events of this process, so that nobody waits for the layer."""

    def __init__(self) -> None:
        self.pid = os.getpid()  # a fork takes no threads along
        self._waiting: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._condition = threading.Condition()
        self._sending = False
        self._outage = _Outage()
        threading.Thread(target=self._run, name="realtime events", daemon=True).start()
        atexit.register(self.flush)

    def send(self, body: bytes) -> None:
        with self._condition:
            self._waiting.append(body)
            self._condition.notify_all()

    def flush(self) -> None:
        """Wait a moment for what is on its way, so that a short script's last event is not lost."""
        with self._condition:
            self._condition.wait_for(lambda: not self._waiting and not self._sending, EXIT_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner() as runner:  # one loop, so that the layer keeps its connections
            while True:
                with self._condition:
                    self._sending = False
                    self._condition.notify_all()
                    self._condition.wait_for(lambda: self._waiting)
                    bodies = list(self._waiting)
                    self._waiting.clear()
                    self._sending = True
                runner.run(self._send(bodies))

    async def _send(self, bodies: list[bytes]) -> None:
        layer: Any = get_channel_layer()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                for body in bodies:
                    await layer.group_send(GROUP, {"type": "realtime.event", "body": body.decode()})
            self._outage.over()
        except Exception as error:  # these events are lost, as events may be
            self._outage.failed(error)


_sender: _Sender | None = None
_said_alone = False


def _get_sender() -> _Sender:
    global _sender
    with _lock:
        if _sender is None or _sender.pid != os.getpid():
            _sender = _Sender()
        return _sender


def _origin() -> str:
    return f"{_PROCESS}.{os.getpid()}"  # a forked process has the same first half


def _say_alone() -> None:
    global _said_alone
    if not _said_alone:
        _said_alone = True
        logger.warning(
            "An event was sent in a process without clients, and no channel layer reaches other processes: "
            'nobody gets it. Set CHANNEL_LAYERS["default"]["BACKEND"] to '
            '"channels_redis.pubsub.RedisPubSubChannelLayer".'
        )
