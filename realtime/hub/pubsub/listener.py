"""Listener: receives the messages of other processes, over a connection that all listeners of an event loop share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from realtime.hub.pubsub.outage import Outage

logger = logging.getLogger("realtime.wakeups")

CANCEL_SECONDS = 2.0  # until a task that goes on is cancelled again


async def cancel_and_wait(task: asyncio.Task[Any]) -> None:
    """Cancel a task until it has ended.

    Libraries lose a cancellation now and then: `asyncio.wait_for`, which redis-py uses, does before Python 3.12.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_SECONDS)
    await asyncio.gather(task, return_exceptions=True)  # retrieves its exception


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
                await cancel_and_wait(task)

    def _distribute(self, message: Any, *, channel: str | None = None) -> None:
        """Pass a message to the subscribers of its channel, or to all."""
        for subscriber in list(self.subscribers.values()):
            if channel in (None, subscriber.channel):
                try:
                    subscriber.take(message)
                except Exception:  # the others must still get it, and the connection must stay
                    logger.exception("A message from another process could not be handled.")

    def _failed(self, error: BaseException) -> float:
        """Handle a failed attempt to connect; return the seconds to wait before the next one."""
        return max(subscriber.outage.failed(error) for subscriber in self.subscribers.values())

    def _note_new(self, subscriber: Subscriber) -> None:
        raise NotImplementedError

    async def _stay_connected(self) -> None:
        """Receive until cancelled. Connect again whenever the connection is lost."""
        raise NotImplementedError
