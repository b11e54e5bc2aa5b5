"""Drain: a server process that is told to stop sends its clients away first, one after the other.

SIGTERM is what process managers send. The handler that the server has put there (Twisted's for daphne, uvicorn's own)
would cut all connections at once; it is called when the clients have been told, so that they are back, on another
process, before this one ends.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import threading
from types import FrameType
from weakref import WeakSet

from realtime.conf import settings
from realtime.connection import Connection
from realtime.exceptions import GoingAway
from realtime.hub import Hub

logger = logging.getLogger("realtime.connections")

RETURNS_PER_SECOND = 200  # that other processes take without their own clients noticing
LOOK_SECONDS = 0.02
LEAVE_SECONDS = 1.0  # at the least, for the last ones to close their side

_watched: WeakSet[Hub] = WeakSet()
_draining: set[asyncio.Task[None]] = set()


def watch(hub: Hub) -> None:
    """Have SIGTERM drain the hub, where the server that it runs in handles that signal."""
    if hub in _watched:
        return
    _watched.add(hub)
    if threading.current_thread() is not threading.main_thread():
        return  # of an autoreloader, which stops at once
    previous = signal.getsignal(signal.SIGTERM)
    if not callable(previous):
        return  # no server's: a test, or a script
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: FrameType | None) -> None:
        if hub.draining or loop.is_closed():  # told twice, it stops at once
            previous(number, frame)
            return
        hub.draining = True
        loop.call_soon_threadsafe(begin, number)

    def begin(number: int) -> None:
        task = loop.create_task(drain(hub), name="realtime drain")
        _draining.add(task)
        task.add_done_callback(lambda task: end(task, number))

    def end(task: asyncio.Task[None], number: int) -> None:
        _draining.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("The clients could not be sent away.", exc_info=error)
        previous(number, None)

    signal.signal(signal.SIGTERM, handle)


async def drain(hub: Hub, *, within: float | None = None) -> None:
    """Tell every client to come back, spread over time; return when they have gone, or the time is over.

    A client whose call is under way is told when it has its reply. `within` is in seconds, by default
    REALTIME_DRAIN_SECONDS; few clients take less.
    """
    hub.draining = True
    loop = asyncio.get_running_loop()
    begun = loop.time()
    limit = settings.DRAIN_SECONDS if within is None else within
    clients = [client for client in hub.clients if isinstance(client, Connection)]
    logger.info("Stopping: %d clients are told to come back.", len(clients), extra={"clients": len(clients)})
    random.shuffle(clients)  # not all pages of one user at once
    spread = min(limit, len(clients) / RETURNS_PER_SECOND)
    busy: list[Connection] = []
    for number, client in enumerate(clients):
        if (early := begun + spread * number / len(clients) - loop.time()) > LOOK_SECONDS:
            await asyncio.sleep(early)
        if client.busy:
            busy.append(client)
        else:
            client.end(GoingAway())
    while busy and loop.time() < begun + limit:
        for client in [client for client in busy if not client.busy]:
            busy.remove(client)
            client.end(GoingAway())
        await asyncio.sleep(LOOK_SECONDS)
    for client in busy:
        client.end(GoingAway())
    # a socket that the server closes with something unread in it loses what the client has yet to read
    leaves = max(begun + limit, loop.time() + LEAVE_SECONDS)
    told = set(clients)
    while not told.isdisjoint(hub.clients) and loop.time() < leaves:  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(LOOK_SECONDS)
