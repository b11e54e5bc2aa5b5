"""Wake-ups by the channel layer: a group per log, with one channel per server process in it.

Writers never wait for the layer: a thread of the writing process sends for them, one message for a burst of commits.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import InMemoryChannelLayer, channel_layers, get_channel_layer

from realtime.wakeups.outages import Outage

logger = logging.getLogger("realtime.wakeups")

REJOIN_SECONDS = 20.0  # a layer that was flushed has forgotten its groups, and a dead connection says nothing
ANSWER_SECONDS = 5.0  # after which a layer that does not answer is given up
EXIT_SECONDS = 1.0  # for which a process that ends waits for its last message

ECHO = "realtime.echo"
WAKE_UP = "realtime.wakeup"


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


def group(alias: str) -> str:
    return f"realtime.{alias}"


async def listen(alias: str, wake: Callable[[], None]) -> None:
    """Call `wake` at each message to the group, until cancelled; join again whenever the layer fails."""
    layer = _own_layer(alias)
    outage = Outage("the channel layer")
    while True:
        try:
            await _Membership(layer, group(alias), wake, joined=outage.over).keep()
        except Exception as error:  # every layer has errors of its own
            await asyncio.sleep(outage.failed(error))
        finally:
            await _hang_up(layer)


class _Membership:
    """One channel in the group, for as long as it hears itself: a dead connection gives no other sign."""

    def __init__(self, layer: Any, group: str, wake: Callable[[], None], joined: Callable[[], None]) -> None:
        self._layer = layer
        self._group = group
        self._wake = wake
        self._joined = joined
        self._echo = asyncio.Event()

    async def keep(self) -> None:
        """Return never; raise what the layer raises, or `TimeoutError` where it is silent."""
        async with asyncio.timeout(ANSWER_SECONDS):
            channel = await self._layer.new_channel("realtime")
        # one task from beginning to end: to cancel `receive` is to give up the channel
        receiving = asyncio.create_task(self._receive(channel), name="realtime channel")
        try:
            while not receiving.done():
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._join(channel)
                self._joined()
                self._wake()  # what was committed while nobody listened
                await asyncio.wait([receiving], timeout=REJOIN_SECONDS)
            receiving.result()
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)

    async def _join(self, channel: str) -> None:
        await self._layer.group_add(self._group, channel)
        self._echo.clear()
        while not self._echo.is_set():
            await self._layer.send(channel, {"type": ECHO})
            with suppress(TimeoutError):  # sent before the layer was listening
                async with asyncio.timeout(ANSWER_SECONDS / 10):
                    await self._echo.wait()

    async def _receive(self, channel: str) -> None:
        while True:
            message = await self._layer.receive(channel)
            if message["type"] == ECHO:
                self._echo.set()
            else:
                self._wake()


_own_layers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, tuple[Any, Any]]] = WeakKeyDictionary()


def _own_layer(alias: str) -> Any:
    """A layer of the listener's own, so that its connections can be closed without anyone else's."""
    mine = _own_layers.setdefault(asyncio.get_running_loop(), {})
    default = get_channel_layer()
    if alias not in mine or mine[alias][0] is not default:  # the setting has changed
        mine[alias] = default, channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)
    return mine[alias][1]


async def _hang_up(layer: Any) -> None:
    """Close the layer's connections, also those that only seem to be open; the next use makes new ones."""
    close = getattr(layer, "close_pools", None)
    if any(base.__module__ == "channels_redis.pubsub" for base in type(layer).__mro__):
        close = layer.flush  # which there forgets the channels of this instance, and no more
    if close is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await close()


class _Sender:
    """The thread that sends for all writers of this process."""

    def __init__(self) -> None:
        self.pid = os.getpid()  # a fork takes no threads along
        self._waiting: set[str] = set()
        self._condition = threading.Condition()
        self._sending = False
        self._outage = Outage("the channel layer")
        threading.Thread(target=self._run, name="realtime wake-ups", daemon=True).start()
        atexit.register(self.flush)

    def send(self, alias: str) -> None:
        with self._condition:
            self._waiting.add(alias)
            self._condition.notify_all()

    def flush(self) -> None:
        """Wait a moment for what is on its way, so that a short script's last hint is not lost."""
        with self._condition:
            self._condition.wait_for(lambda: not self._waiting and not self._sending, EXIT_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner() as runner:  # one loop, so that the layer keeps its connections
            while True:
                with self._condition:
                    self._sending = False
                    self._condition.notify_all()
                    self._condition.wait_for(lambda: self._waiting)
                    aliases, self._waiting = self._waiting, set()
                    self._sending = True
                runner.run(self._send(aliases))

    async def _send(self, aliases: set[str]) -> None:
        layer: Any = get_channel_layer()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                for alias in aliases:
                    await layer.group_send(group(alias), {"type": WAKE_UP})
            self._outage.over()
        except Exception as error:  # a hint is lost; the poll behind it is not
            self._outage.failed(error)


_sender: _Sender | None = None
_lock = threading.Lock()


def send(alias: str) -> None:
    """Send a hint to every process, soon; never block, never raise."""
    global _sender
    with _lock:
        if _sender is None or _sender.pid != os.getpid():
            _sender = _Sender()
    _sender.send(alias)
