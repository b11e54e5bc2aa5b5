"""StopListener: stops the writers of a process when somebody asks for it.

It has its own thread while there are writers, because a worker has no event loop, and the loop of a view may be busy.
The thread also renews the leases of writers that wait for their next words.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol

from django.db import connections
from django.db.transaction import on_commit

from realtime.exceptions import TextLost
from realtime.hub.pubsub.event_bus import EventBus, publish_text
from realtime.protocol.live_text import TextMessage, TextStop

logger = logging.getLogger("realtime.log")

# without writers, before the thread ends: PostgreSQL waits 5 s for its connection when a test database is dropped
LINGER_SECONDS = 2.0


class Leased(Protocol):
    """The draft of a text, or the saver of a job."""

    @property
    def writer(self) -> str:
        """The id of the writer."""
        ...

    @property
    def is_due(self) -> bool:
        """Whether the lease must be renewed soon."""
        ...

    def look(self) -> bool:
        """Renew the lease if it is time; return whether the writer must stop. Raise `TextLost`."""
        ...


class _Writer(NamedTuple):
    draft: Leased
    stop: Callable[[], None]
    renews: bool  # the thread renews its lease


class StopListener:
    """The writers of this process, by their ids."""

    def __init__(self) -> None:
        self.pid = os.getpid()  # a fork takes no threads along
        self._writers: dict[str, _Writer] = {}
        self._lock = threading.Lock()
        self._runs = False

    def add(self, draft: Leased, stop: Callable[[], None], *, renews: bool) -> None:
        """Call `stop`, in any thread, when the writer is asked to stop; `renews`: renew its lease while it waits."""
        with self._lock:
            self._writers[draft.writer] = _Writer(draft, stop, renews)
            if not self._runs:
                threading.Thread(target=self._work, name="realtime text writers", daemon=True).start()
                self._runs = True

    def remove(self, draft: Leased) -> None:
        with self._lock:
            self._writers.pop(draft.writer, None)

    def stop(self, writer: str) -> None:
        """Ask a writer of this process to stop."""
        with self._lock:
            found = self._writers.get(writer)
        if found is not None:
            found.stop()

    def _work(self) -> None:
        try:
            asyncio.run(self._listen())
        except Exception:
            logger.exception("The writers of live texts see a stop only when they save.")
            with self._lock:
                self._runs = False

    async def _listen(self) -> None:
        missed = asyncio.Event()  # a stop may have been sent before this process listened
        bus = EventBus(lambda envelope, at: None, self._take, missed.set)
        loop = asyncio.get_running_loop()
        used = loop.time()
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LINGER_SECONDS / 5):
                        await missed.wait()
                with self._lock:
                    waiting = [
                        writer
                        for writer in self._writers.values()
                        if missed.is_set() or (writer.renews and writer.draft.is_due)
                    ]
                    missed.clear()
                    if self._writers:
                        used = loop.time()
                    elif loop.time() - used > LINGER_SECONDS:
                        self._runs = False
                        return
                if waiting:
                    await asyncio.to_thread(_renew, waiting)
        finally:
            await bus.close()

    def _take(self, message: TextMessage) -> None:
        if isinstance(message, TextStop):
            self.stop(message.writer)


def _renew(writers: list[_Writer]) -> None:
    try:
        for writer in writers:
            try:
                if writer.draft.look():
                    writer.stop()
            except TextLost:
                pass  # the writer finds out when it saves
            except Exception:  # the leases of the others must be renewed
                logger.exception("The lease of a live text could not be renewed.")
    finally:
        connections.close_all()  # of this thread


_listener = StopListener()
_listener_lock = threading.Lock()


def get_stop_listener() -> StopListener:
    """The listener of this process."""
    global _listener
    with _listener_lock:
        if _listener.pid != os.getpid():
            _listener = StopListener()
        return _listener


def stop_on_commit(writer: str, alias: str) -> None:
    """Tell a writer of any process to stop, once the present transaction commits."""

    def stop() -> None:
        get_stop_listener().stop(writer)
        publish_text(TextStop(writer))

    on_commit(stop, using=alias)
