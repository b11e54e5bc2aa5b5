"""Sender: sends messages to other processes, through the channel layer or another carrier.

Callers never wait: one thread for each carrier sends for all callers.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple, Protocol

from channels.layers import InMemoryChannelLayer, get_channel_layer

from realtime.hub import exits

logger = logging.getLogger("realtime.wakeups")

FIRST_SECONDS = 0.5  # before a layer or database that has failed is tried again; doubled each time
LAST_SECONDS = 15.0
MAX_WAITING = 1000  # messages in the queue; beyond this number, the oldest are lost
SEND_SECONDS = 5.0  # the time limit of sending a batch
EXIT_SECONDS = 1.0  # how long a process that ends waits for its last messages
REST_SECONDS = 1.0  # without a message; then a carrier closes its connection

Message = dict[str, Any]


def is_usable() -> bool:
    """Return whether there is a channel layer that reaches other processes."""
    try:
        layer = get_channel_layer()
    except Exception as error:  # every layer has its own errors; the check realtime.E007 has the remedy
        _warn(f"The channel layer cannot be made ({type(error).__name__}: {error}); changes are found by polling.")
        return False
    return layer is not None and not isinstance(layer, InMemoryChannelLayer)


@cache
def _warn(text: str) -> None:
    logger.warning(text)


def send(group: str, message: Message, *, by: type[Carrier] | None = None) -> None:
    """Queue a message to a group. It may be lost. Never block, never raise; for any thread.

    `by` is the carrier, by default the channel layer.
    """
    with suppress(RuntimeError):  # the process ends, and no thread can be started
        _get_sender(by or ChannelLayerCarrier).send(group, message)


def hint(group: str, message: Message) -> None:
    """Like `send`, for a message that is always the same: a burst of it is sent once, before all other messages."""
    with suppress(RuntimeError):  # as above
        _get_sender(ChannelLayerCarrier).hint(group, message)


def flush(seconds: float) -> bool:
    """Wait until this process has sent or lost all its messages; return whether it has."""
    end = time.monotonic() + seconds
    # after a fork, the parent's senders have no thread in this process
    own = [sender for sender in list(_senders.values()) if sender.pid == os.getpid()]
    return all(sender.flush(max(0.0, end - time.monotonic())) for sender in own)


class Outage:
    """Logs the beginning and the end of an outage once each, and sets the delays between attempts.

    `gone` and `back` are the log messages; `gone` has a %s for the error. The records have the field `source`.
    """

    def __init__(self, source: str, *, gone: str, back: str) -> None:
        self._extra = {"source": source}
        self.gone = gone
        self.back = back
        self._seconds = 0.0

    def failed(self, error: BaseException) -> float:
        """Handle a failed attempt; return the seconds to wait before the next one."""
        if not self._seconds:
            logger.warning(self.gone, f"{type(error).__name__}: {error}", extra=self._extra)
        self._seconds = min(max(FIRST_SECONDS, 2 * self._seconds), LAST_SECONDS)
        return self._seconds

    def over(self) -> None:
        if self._seconds:
            logger.warning(self.back, extra=self._extra)
        self._seconds = 0.0


def hints_outage(source: str) -> Outage:
    """Return the outage of a source of wake-ups, such as "the channel layer"."""
    return Outage(
        source,
        gone=f"Wake-ups by {source} are not available (%s); changes are found by polling.",
        back=f"Wake-ups by {source} are available again.",
    )


class Listener:
    """Base class: receives messages in one event loop, from any thread, until `close`.

    `listening` is a coroutine that receives messages from other processes. A subclass overrides `_unregister` to
    unregister itself.
    """

    def __init__(self, listening: Coroutine[Any, Any, None] | None, *, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._listening = None if listening is None else asyncio.create_task(listening, name=name)

    def _call_soon(self, callback: Callable[..., object], *args: object) -> None:
        """Call a function in the loop; for any thread."""
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop has been closed, and `close` never called
            self._unregister()

    async def close(self) -> None:
        self._unregister()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    def _unregister(self) -> None:
        raise NotImplementedError


class Subscriber(NamedTuple):
    """Takes what a carrier brings to one of its channels or groups, in one event loop."""

    channel: str
    take: Callable[[Any], None]  # called with each message
    joined: Callable[[], None]  # called whenever messages arrive from now on
    outage: Outage


class Reception:
    """Base class: one connection to a carrier, for all subscribers of one event loop, as long as there are any."""

    def __init__(self, name: str) -> None:
        self.subscribers: dict[int, Subscriber] = {}
        self._name = name
        self._task: asyncio.Task[None] | None = None

    async def serve(self, subscriber: Subscriber) -> None:
        """Let a subscriber take messages, until cancelled."""
        self.subscribers[id(subscriber)] = subscriber
        self._note_new(subscriber)
        if self._task is None:
            self._task = asyncio.create_task(self._stay_connected(), name=self._name)
        try:
            await asyncio.Event().wait()
        finally:
            del self.subscribers[id(subscriber)]
            if not self.subscribers:
                task, self._task = self._task, None
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _failed(self, error: BaseException) -> float:
        """Handle a failed attempt to connect; return the seconds to wait before the next one."""
        return max(subscriber.outage.failed(error) for subscriber in self.subscribers.values())

    def _note_new(self, subscriber: Subscriber) -> None:
        raise NotImplementedError

    async def _stay_connected(self) -> None:
        """Receive until cancelled. Connect again whenever the connection is lost."""
        raise NotImplementedError


class Carrier(Protocol):
    """A way to other processes. It is created and used in its sender's thread, with one event loop."""

    outage: Outage

    async def deliver(self, batch: list[tuple[str, Message]]) -> None:
        """Send messages to their groups, in order. After an exception, the others are lost."""

    async def rest(self) -> None:
        """Close the connection, because there was nothing to send for a while."""


class ChannelLayerCarrier:
    """The channel layer of the settings."""

    def __init__(self) -> None:
        self.outage = Outage(
            "the channel layer",
            gone="The channel layer is gone (%s): events reach this process alone, others find changes by polling.",
            back="The channel layer is back: changes and events reach other processes again.",
        )

    async def deliver(self, batch: list[tuple[str, Message]]) -> None:
        layer: Any = get_channel_layer()
        for group, message in batch:
            await layer.group_send(group, message)

    async def rest(self) -> None:
        pass  # the layer manages its connections, and is used elsewhere too


class _Sender:
    """The thread that sends this process's messages through one carrier."""

    def __init__(self, carrier: type[Carrier]) -> None:
        self.pid = os.getpid()  # threads do not survive a fork
        self._hints: dict[str, Message] = {}  # by group
        self._messages: deque[tuple[str, Message]] = deque(maxlen=MAX_WAITING)
        self._condition = threading.Condition()
        self._sending = False
        # for the carrier's DNS look-ups, started now because Python 3.12 and later start no threads at exit
        self._lookups = ThreadPoolExecutor(1, thread_name_prefix="realtime sender look-up")
        with suppress(RuntimeError):  # already too late
            self._lookups.submit(int)
        threading.Thread(target=self._run, args=(carrier,), name="realtime sender", daemon=True).start()

    def send(self, group: str, message: Message) -> None:
        with self._condition:
            self._messages.append((group, message))
            self._condition.notify_all()

    def hint(self, group: str, message: Message) -> None:
        with self._condition:
            self._hints[group] = message
            self._condition.notify_all()

    def flush(self, seconds: float) -> bool:
        with self._condition:
            return self._condition.wait_for(lambda: not self._waiting and not self._sending, seconds)

    @property
    def _waiting(self) -> bool:
        return bool(self._hints or self._messages)

    def _run(self, kind: type[Carrier]) -> None:
        with asyncio.Runner() as runner:  # one loop, so that the carrier keeps its connections
            runner.get_loop().set_default_executor(self._lookups)
            carrier, is_resting = kind(), True
            while True:
                with self._condition:
                    self._sending = False
                    self._condition.notify_all()
                    self._condition.wait_for(lambda: self._waiting, None if is_resting else REST_SECONDS)
                    batch = [*self._hints.items(), *self._messages]
                    self._hints.clear()
                    self._messages.clear()
                    self._sending = bool(batch)
                is_resting = not batch
                runner.run(_attempt(carrier, batch))


async def _attempt(carrier: Carrier, batch: list[tuple[str, Message]]) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            if not batch:
                return await carrier.rest()
            await carrier.deliver(batch)
        carrier.outage.over()
    # a layer may also raise CancelledError, which would end the thread for good
    except (Exception, asyncio.CancelledError) as error:  # the others are lost; polling replaces lost hints
        carrier.outage.failed(error)


_senders: dict[type[Carrier], _Sender] = {}
_lock = threading.Lock()


def _get_sender(carrier: type[Carrier]) -> _Sender:
    with _lock:
        sender = _senders.get(carrier)
        if sender is None or sender.pid != os.getpid():
            sender = _senders[carrier] = _Sender(carrier)
        return sender


# A script's last messages are flushed twice: while threads can still be started, which a layer may need for look-ups,
# and for messages after that, from threads that outlive the main one and from other functions of `atexit`.
exits.before(lambda: flush(EXIT_SECONDS))
atexit.register(lambda: flush(EXIT_SECONDS))
