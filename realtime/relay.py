"""Relay: the way to other processes through the channel layer, for all rooms that have something to tell them.

Whoever has something to say never waits for the layer: one thread of the process sends for all of them.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer

from realtime import exits

logger = logging.getLogger("realtime.wakeups")

FIRST_SECONDS = 0.5  # before a layer, or a database, that has failed is tried again; then twice as long each time
LAST_SECONDS = 15.0
MAX_WAITING = 1000  # messages on their way to the layer; beyond, the oldest are lost
SEND_SECONDS = 5.0  # after which a layer that does not answer is given up
EXIT_SECONDS = 1.0  # for which a process that ends waits for its last messages

Message = dict[str, Any]


def is_usable() -> bool:
    """Whether there is a channel layer that reaches other processes."""
    try:
        layer = get_channel_layer()
    except Exception as error:  # every layer has errors of its own; the check realtime.E007 says what to do
        _say_once(f"The channel layer cannot be made ({type(error).__name__}: {error}); changes are found by polling.")
        return False
    return layer is not None and not isinstance(layer, InMemoryChannelLayer)


@cache
def _say_once(text: str) -> None:
    logger.warning(text)


def send(group: str, message: Message) -> None:
    """Send a message to a group, soon, or lose it; never block, never raise; from any thread."""
    with suppress(RuntimeError):  # the process ends, and no thread can be had
        _get_sender().send(group, message)


def hint(group: str, message: Message) -> None:
    """As `send`, for a message that says the same each time: a burst of it is sent once, and before all others."""
    with suppress(RuntimeError):  # as above
        _get_sender().hint(group, message)


def flush(seconds: float) -> bool:
    """Wait for what this process has on its way; whether all of it is sent, or lost."""
    sender = _sender
    # after a fork, that of the parent has no thread here
    return sender is None or sender.pid != os.getpid() or sender.flush(seconds)


class Outage:
    """Something that fails is tried again; the log says once that it is gone, once that it is back.

    `gone` has a %s for the error; the records carry `source`.
    """

    def __init__(self, source: str, *, gone: str, back: str) -> None:
        self._extra = {"source": source}
        self.gone = gone
        self.back = back
        self._seconds = 0.0

    def failed(self, error: BaseException) -> float:
        """Return the seconds to wait before the next try."""
        if not self._seconds:
            logger.warning(self.gone, f"{type(error).__name__}: {error}", extra=self._extra)
        self._seconds = min(max(FIRST_SECONDS, 2 * self._seconds), LAST_SECONDS)
        return self._seconds

    def over(self) -> None:
        if self._seconds:
            logger.warning(self.back, extra=self._extra)
        self._seconds = 0.0


class Listener:
    """Who hears something in one event loop, whichever thread says it, until `close`.

    `listening` is what is done in the loop to hear it from other processes. A subclass says by `_forget` who has to
    know that nothing is to be said to it any more.
    """

    def __init__(self, listening: Coroutine[Any, Any, None] | None, *, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._listening = None if listening is None else asyncio.create_task(listening, name=name)

    def _hear(self, callback: Callable[..., object], *args: object) -> None:
        """Have this called in the loop; from any thread."""
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop has been closed, and `close` never called
            self._forget()

    async def close(self) -> None:
        self._forget()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    def _forget(self) -> None:
        raise NotImplementedError


class _Sender:
    """The thread that sends what this process has to say."""

    def __init__(self) -> None:
        self.pid = os.getpid()  # a fork takes no threads along
        self._hints: dict[str, Message] = {}  # by group
        self._messages: deque[tuple[str, Message]] = deque(maxlen=MAX_WAITING)
        self._condition = threading.Condition()
        self._sending = False
        self._outage = Outage(
            "the channel layer",
            gone="The channel layer is gone (%s): events reach this process alone, others find changes by polling.",
            back="The channel layer is back: other processes are told of changes and events again.",
        )
        # a layer looks up its host in such a thread, and from Python 3.12 on none can be begun at exit
        self._lookups = ThreadPoolExecutor(1, thread_name_prefix="realtime relay look-up")
        with suppress(RuntimeError):  # too late for one
            self._lookups.submit(int)
        threading.Thread(target=self._run, name="realtime relay", daemon=True).start()

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

    def _run(self) -> None:
        with asyncio.Runner() as runner:  # one loop, so that the layer keeps its connections
            runner.get_loop().set_default_executor(self._lookups)
            while True:
                with self._condition:
                    self._sending = False
                    self._condition.notify_all()
                    self._condition.wait_for(lambda: self._waiting)
                    batch = [*self._hints.items(), *self._messages]
                    self._hints.clear()
                    self._messages.clear()
                    self._sending = True
                runner.run(self._send(batch))

    async def _send(self, batch: list[tuple[str, Message]]) -> None:
        try:
            layer: Any = get_channel_layer()
            async with asyncio.timeout(SEND_SECONDS):
                for group, message in batch:
                    await layer.group_send(group, message)
            self._outage.over()
        # a layer may let a cancellation out too, which would end the thread for good
        except (Exception, asyncio.CancelledError) as error:  # the rest is lost: behind a hint is a poll
            self._outage.failed(error)


_sender: _Sender | None = None
_lock = threading.Lock()


def _get_sender() -> _Sender:
    global _sender
    with _lock:
        if _sender is None or _sender.pid != os.getpid():
            _sender = _Sender()
        return _sender


# So that a script's last message is not lost: once while threads can be had, in which a layer may look up a host, and
# once for what is said after that, by threads that have outlived the main one and by other functions of `atexit`.
exits.before(lambda: flush(EXIT_SECONDS))
atexit.register(flush, EXIT_SECONDS)
