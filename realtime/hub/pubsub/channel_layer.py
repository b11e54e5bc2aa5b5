"""The channel layer: one channel for each event loop, in a group for each log and one for events.

A cancelled `receive` loses the channel, and a lost channel cannot join a group. So one task receives for
all subscribers, and is not cancelled while there are any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import channel_layers, get_channel_layer

from realtime.changelog.base import origin
from realtime.hub.pubsub import sender
from realtime.hub.pubsub.listener import Reception, Subscriber, cancel_and_wait
from realtime.hub.pubsub.outage import Outage, hints_outage
from realtime.hub.pubsub.sender import Message

REJOIN_SECONDS = 20.0  # a flushed layer has lost its groups, and a dead connection raises no error
ANSWER_SECONDS = 5.0  # a layer that does not answer in this time counts as dead

ECHO = "realtime.echo"
WAKE_UP = "realtime.wakeup"


def group(alias: str) -> str:
    return f"realtime.{alias}"


def send(alias: str) -> None:
    """Queue a hint to every process. Never block, never raise."""
    sender.hint(group(alias), {"type": WAKE_UP, "log": alias, "origin": origin()})


async def listen(alias: str, wake: Callable[[], None]) -> None:
    """Call `wake` at each hint for this log, until cancelled. Join again whenever the layer fails."""

    def take(message: Message) -> None:
        if message["type"] == WAKE_UP and message.get("log") == alias:
            wake()

    # `wake` after joining too, for changes that were committed before
    await listen_to(group(alias), take, joined=wake, outage=hints_outage("the channel layer"))


async def listen_to(
    group: str, take: Callable[[Message], None], *, joined: Callable[[], None], outage: Outage
) -> None:
    """Call `take` with each message of all groups of this event loop, until cancelled.

    `joined` is called whenever the layer has proved to reach this loop. Earlier messages may be lost.
    """
    await _membership().serve(Subscriber(group, take, joined, outage))


class _Membership(Reception):
    """One channel in the groups of all subscribers. It tests itself with echoes: a dead connection raises no error."""

    def __init__(self) -> None:
        super().__init__("realtime channel layer")
        self._changed = asyncio.Event()
        self._echo = asyncio.Event()

    def _note_new(self, subscriber: Subscriber) -> None:
        self._changed.set()

    async def _stay_connected(self) -> None:
        # its own instance of the layer, so that only its connections are closed
        layer = channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)
        while True:
            try:
                await self._receive_in_groups(layer)
            except Exception as error:  # every layer has its own errors
                await asyncio.sleep(self._failed(error))
            finally:
                await _close_connections(layer)

    async def _receive_in_groups(self, layer: Any) -> None:
        """Receive until the layer fails. Raise its exception, or `TimeoutError` if it does not answer."""
        async with asyncio.timeout(ANSWER_SECONDS):
            channel = await layer.new_channel("realtime")
        receiving = asyncio.create_task(self._receive(layer, channel), name="realtime channel")
        try:
            while not receiving.done():
                self._changed.clear()
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._join(layer, channel)
                for subscriber in list(self.subscribers.values()):
                    subscriber.outage.over()
                    subscriber.joined()
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait([receiving, changed], timeout=REJOIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
            receiving.result()
        finally:
            await cancel_and_wait(receiving)

    async def _join(self, layer: Any, channel: str) -> None:
        for name in {subscriber.channel for subscriber in self.subscribers.values()}:
            await layer.group_add(name, channel)
        self._echo.clear()
        while not self._echo.is_set():
            await layer.send(channel, {"type": ECHO})
            with suppress(TimeoutError):  # sent before the layer was listening
                async with asyncio.timeout(ANSWER_SECONDS / 10):
                    await self._echo.wait()

    async def _receive(self, layer: Any, channel: str) -> None:
        while True:
            message = await layer.receive(channel)
            if message["type"] == ECHO:
                self._echo.set()
            else:
                self._distribute(message)


_memberships: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Any, _Membership]] = WeakKeyDictionary()


def _membership() -> _Membership:
    loop, default = asyncio.get_running_loop(), get_channel_layer()
    known = _memberships.get(loop)
    if known is None or known[0] is not default:  # the setting has changed
        known = _memberships[loop] = default, _Membership()
    return known[1]


async def _close_connections(layer: Any) -> None:
    """Close the layer's connections, also dead ones. The next use opens new ones."""
    close = getattr(layer, "close_pools", None)
    if any(base.__module__ == "channels_redis.pubsub" for base in type(layer).__mro__):
        close = layer.flush  # in this class, it only removes this instance's channels
    if close is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await close()
