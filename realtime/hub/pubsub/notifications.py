"""Wake-ups: hints that a log may have changed. They may be lost, because logs are polled too.

A writer sends a hint after its commit. A hub has a `Waiter` for each log, which waits for a hint or for the poll
interval, whichever ends first. Between processes, one of these sources carries hints:

    source       file               database          sender                        receiver
    local        notifications.py   any               the writer's process          the same process
    postgresql   postgresql.py      PostgreSQL        NOTIFY, by the log on commit  LISTEN, on one connection
    layer        channel_layer.py   any other         the writer's sender           one channel of the channel layer
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine

from django.db import connections

from realtime.hub.pubsub import channel_layer, postgresql
from realtime.hub.pubsub.listener import Listener
from realtime.hub.pubsub.sender import is_usable

__all__ = ["Waiter", "notify", "source"]

_waiters: dict[str, set[Waiter]] = {}
_lock = threading.Lock()


def source(alias: str) -> str:
    """Return what carries this database's hints between processes: "postgresql", "layer", or "" for only polling."""
    if connections[alias].vendor == "postgresql":
        return "postgresql" if postgresql.is_usable() else ""
    return "layer" if is_usable() else ""


def notify(alias: str) -> None:
    """Wake every hub that reads the log of this database. The log calls it after a commit, in the writer's thread."""
    with _lock:
        waiters = list(_waiters.get(alias, ()))
    for waiter in waiters:
        waiter.wake()
    if source(alias) == "layer":
        channel_layer.send(alias)


class Waiter(Listener):
    """Waits in one event loop for wake-ups of one log; with `listens`, also for those of other processes."""

    def __init__(self, alias: str, *, listens: bool = True) -> None:
        self.alias = alias
        self._event = asyncio.Event()
        super().__init__(self._listen() if listens else None, name=f"realtime wake-ups {alias}")
        with _lock:
            _waiters.setdefault(alias, set()).add(self)

    def _listen(self) -> Coroutine[None, None, None] | None:
        match source(self.alias):
            case "postgresql":
                return postgresql.listen(self.alias, self._event.set)
            case "layer":
                return channel_layer.listen(self.alias, self._event.set)
        return None

    def wake(self) -> None:
        """End the current or next `wait`; for any thread."""
        self._call_soon(self._event.set)

    async def wait(self, seconds: float) -> bool:
        """Wait for a wake-up, or for so many seconds; return whether there was a wake-up."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    def _unregister(self) -> None:
        with _lock:
            _waiters.get(self.alias, set()).discard(self)
