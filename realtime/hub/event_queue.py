"""EventQueue: events for the clients of one hub. An event that has waited too long is dropped."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from realtime.hub.counters import count
from realtime.hub.subscribers import Client
from realtime.protocol.envelope import Envelope
from realtime.protocol.flow_control import EVENT_SECONDS

SLICE_SECONDS = 0.01  # how long events are delivered before the loop does other work
MAX_QUEUED = 10_000  # events; beyond this, the oldest are dropped

Deliver = Callable[[Envelope, Client | None], None]


class EventQueue:
    """Delivers events in time slices, so that they do not block other work."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[Envelope, Client | None, float]] = deque()
        self._next: asyncio.Handle | None = None

    def put(self, envelope: Envelope, at: float, sender: Client | None = None) -> None:
        """Queue an event that was sent at this time of the monotonic clock."""
        if len(self._queue) == MAX_QUEUED:
            self._queue.popleft()
            count("events_dropped", "late")
        self._queue.append((envelope, sender, at))
        if self._next is None:
            self._next = self._loop.call_soon(self._run)

    def close(self) -> None:
        """Drop all events, and deliver no more."""
        self._queue.clear()
        if self._next is not None:
            self._next.cancel()

    def _run(self) -> None:
        self._next = None
        ends = time.monotonic() + SLICE_SECONDS
        while self._queue and (now := time.monotonic()) < ends:
            envelope, sender, at = self._queue.popleft()
            if now - at > EVENT_SECONDS:
                count("events_dropped", "late")
            else:
                self._deliver(envelope, sender)
        if self._queue:
            self._next = self._loop.call_soon(self._run)
