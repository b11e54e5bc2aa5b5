"""Wake-ups: hints that a log may have moved. One may be lost; the poll behind it may not.

`notify` is called by writers, in any thread, when they have committed. A hub has a `Waiter` per log, and waits for
a wake-up or for the poll interval, whichever comes first.
"""

from __future__ import annotations

import asyncio
import threading

_waiters: dict[str, set[Waiter]] = {}
_lock = threading.Lock()


class Waiter:
    """Waits in one event loop for wake-ups of one log."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        with _lock:
            _waiters.setdefault(alias, set()).add(self)

    def wake(self) -> None:
        """May be called from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:  # the loop has been closed without `close`
            self.close()

    async def wait(self, seconds: float) -> bool:
        """Return when woken, or after so many seconds; say whether it was woken."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    def close(self) -> None:
        with _lock:
            _waiters.get(self.alias, set()).discard(self)


def notify(alias: str) -> None:
    """Wake every hub that reads the log of this database."""
    with _lock:
        waiters = list(_waiters.get(alias, ()))
    for waiter in waiters:
        waiter.wake()
