"""Wake-ups by the channel layer: a group per log, with one channel per server process in it.

Writers never wait for the layer: a thread of the writing process sends for them, one message for a burst of commits.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable
from typing import Any

from channels.exceptions import InvalidChannelLayerError
from channels.layers import InMemoryChannelLayer, get_channel_layer

from realtime.wakeups.outages import Outage

REJOIN_SECONDS = 20.0  # a layer that was flushed has forgotten its groups
SEND_SECONDS = 2.0  # after which an unanswered send is given up
EXIT_SECONDS = 1.0  # for which a process that ends waits for its last message


def is_usable() -> bool:
    """Whether there is a channel layer that reaches other processes."""
    try:
        layer = get_channel_layer()
    except InvalidChannelLayerError:  # the system check says what is wrong
        return False
    return layer is not None and not isinstance(layer, InMemoryChannelLayer)


def group(alias: str) -> str:
    return f"realtime.{alias}"


async def listen(alias: str, wake: Callable[[], None]) -> None:
    """Call `wake` at each message to the group, until cancelled; join again whenever the layer fails."""
    layer: Any = get_channel_layer()
    outage = Outage("the channel layer")
    while True:
        try:
            channel = await layer.new_channel("realtime")
            while True:
                await layer.group_add(group(alias), channel)
                outage.over()
                wake()  # what was committed while nobody listened
                try:
                    async with asyncio.timeout(REJOIN_SECONDS):
                        while True:
                            await layer.receive(channel)
                            wake()
                except TimeoutError:
                    continue
        except Exception as error:  # every layer has errors of its own
            await asyncio.sleep(outage.failed(error))


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
            async with asyncio.timeout(SEND_SECONDS):
                for alias in aliases:
                    await layer.group_send(group(alias), {"type": "realtime.wakeup"})
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
