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
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any, Protocol

from channels.layers import InMemoryChannelLayer, get_channel_layer

from realtime.hub import exits
from realtime.hub.pubsub.outage import Outage

logger = logging.getLogger("realtime.wakeups")

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
