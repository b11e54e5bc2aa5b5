"""Shutdown: a stopping server process disconnects its clients one after the other.

Process managers send SIGTERM. The server's own handler (Twisted's for daphne, uvicorn's own, the event loop's for
gunicorn and granian) would close all connections at once. It is called only after the clients were notified, so that
they reconnect to another process before this one ends. Worker processes of hypercorn get no signal: their parent sets
an event, and clients are notified at the same time as the server.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import random
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any
from weakref import WeakSet

from realtime.conf import settings
from realtime.exceptions import GoingAway
from realtime.hub.hub import Hub
from realtime.hub.subscribers import Client

logger = logging.getLogger("realtime.connections")

RETURNS_PER_SECOND = 200  # that other processes can take without delaying their own clients
LOOK_SECONDS = 0.02
PARENT_SECONDS = 0.1  # between two checks of the parent's event, as in hypercorn
LEAVE_SECONDS = 1.0  # at least, for the last clients to close their side
END_SECONDS = 0.1  # for the ends of the last responses to go out

_watched: WeakSet[Hub] = WeakSet()
_draining: set[asyncio.Task[None]] = set()


def watch(hub: Hub) -> None:
    """Drain the hub on SIGTERM, or when hypercorn's parent process stops its workers."""
    if hub in _watched:
        return
    _watched.add(hub)
    loop = asyncio.get_running_loop()
    if (event := _parents_event()) is not None:
        _keep(loop.create_task(_drain_when_set(hub, event), name="realtime drain"))
    elif threading.current_thread() is threading.main_thread():  # an autoreloader's thread stops at once
        _watch_signal(hub, loop)


def _watch_signal(hub: Hub, loop: asyncio.AbstractEventLoop) -> None:
    # the loop's handlers have no public API; without this attribute, the server stops meanwhile
    of_loop = getattr(loop, "_signal_handlers", {}).get(signal.SIGTERM)
    of_process = signal.getsignal(signal.SIGTERM)
    if not callable(of_process):
        return  # not a server: a test or a script

    def stop() -> None:
        if of_loop is not None:
            of_loop._run()
        else:
            of_process(signal.SIGTERM, None)

    def handle(number: int = signal.SIGTERM, frame: FrameType | None = None) -> None:
        if hub.draining or loop.is_closed():  # a second signal stops it at once
            stop()
            return
        hub.draining = True
        loop.call_soon_threadsafe(begin)

    def begin() -> None:
        _keep(loop.create_task(drain(hub), name="realtime drain"), stop)

    if of_loop is not None:
        loop.add_signal_handler(signal.SIGTERM, handle)
    else:
        signal.signal(signal.SIGTERM, handle)


def _keep(task: asyncio.Task[None], then: Callable[[], None] = lambda: None) -> None:
    def end(task: asyncio.Task[None]) -> None:
        _draining.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("The clients could not be asked to reconnect.", exc_info=error)
        then()

    _draining.add(task)
    task.add_done_callback(end)


def _parents_event() -> Any:
    """Return the event that stops this process if it is a hypercorn worker, else None."""
    # hypercorn passes it to the process only, whose arguments have no public name
    arguments = getattr(multiprocessing.current_process(), "_kwargs", {})
    config, event = arguments.get("config"), arguments.get("shutdown_event")
    return event if type(config).__module__ == "hypercorn.config" else None


async def _drain_when_set(hub: Hub, event: Any) -> None:
    while not event.is_set():  # noqa: ASYNC110 - another process sets it
        await asyncio.sleep(PARENT_SECONDS)
    await drain(hub)


async def drain(hub: Hub, *, within: float | None = None) -> None:
    """Ask every client to reconnect, spread over time; return when they have left, or after the time limit.

    A client with a running call is disconnected after the reply. `within` is in seconds, by default
    REALTIME_DRAIN_SECONDS; few clients take less.
    """
    hub.draining = True
    loop = asyncio.get_running_loop()
    begun = loop.time()
    limit = settings.DRAIN_SECONDS if within is None else within
    clients = hub.clients
    logger.info("Stopping: %d clients are asked to reconnect.", len(clients), extra={"clients": len(clients)})
    random.shuffle(clients)  # so that a user's pages do not all reconnect at once
    spread = min(limit, len(clients) / RETURNS_PER_SECOND)
    busy: list[Client] = []
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
    # closing a socket with unread input discards output that the client has not read
    leaves = max(begun + limit, loop.time() + LEAVE_SECONDS)
    leaving = set(clients)
    while not leaving.isdisjoint(hub.clients) and loop.time() < leaves:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(LOOK_SECONDS)
    if hub.observer is not None and not hub.clients:
        hub.observer.emptied()  # else the report would show a process that is stuck
    if leaving or hub.observer is not None:
        await asyncio.sleep(END_SECONDS)
