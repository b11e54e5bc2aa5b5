"""Status: a hub's current figures, and the row that shows them to other processes.

A process with clients writes its row every few seconds, and deletes it when its hub closes, or after its clients have
been asked to reconnect elsewhere.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from functools import partial
from heapq import nlargest
from typing import Any, TypeVar
from weakref import WeakSet

from realtime.hub import reports
from realtime.hub.counters import get_counters
from realtime.hub.hub import Hub
from realtime.hub.pubsub import notifications
from realtime.hub.subscribers import Client
from realtime.models import PROBE_STREAM
from realtime.queries.tick import Cost

Item = TypeVar("Item")
logger = logging.getLogger("realtime.status")

WRITE_SECONDS = 2.0  # for writing a row
MOST_QUERIES = 50  # listed, the most expensive first
MOST_CONNECTIONS = 50  # listed, the slowest first
PACE = 100  # clients or live queries between two pauses of a report
PAUSE_SECONDS = 0.001

_hubs: WeakSet[Hub] = WeakSet()


def watch(hub: Hub) -> None:
    """Report this hub's figures while it has clients."""
    if hub.observer is None:
        hub.observer = Reporter(hub)
        _hubs.add(hub)


def gauges() -> list[dict[str, Any]]:
    """The figures of this process's hubs, usually one. May be called from any thread."""
    return [figures_of(hub) for hub in list(_hubs)]


class Reporter:
    """Writes the row of this process. As an `Observer`, it is called when the hub sweeps."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._due = 0.0
        self._failed = False
        self._writing: Future[None] | None = None

    def sweep(self, now: float) -> None:
        if now < self._due or (self._writing is not None and not self._writing.done()):
            return
        if self._hub.draining and not self._hub.clients:
            return
        self._due = now + reports.REPORT_SECONDS
        # in a thread, because the figures of thousands of live queries take long
        self._writing = self._hub.submit(self._guarded, partial(_report, self._hub))

    def emptied(self) -> None:
        self._due = 0.0
        writing, self._writing = self._writing, None
        if writing is not None:
            self._hub.submit(self._guarded, partial(_forget_after, writing, get_counters().process))

    def _guarded(self, write: Any) -> None:
        try:
            write()
            self._failed = False
        except Exception as error:
            if not self._failed:  # log it once
                logger.warning("The status of this process could not be written: %r.", error)
            self._failed = True


def _paced(items: Iterable[Item], pause: float) -> Iterator[Item]:
    """Yield the items, with pauses: each moment in which this thread does not wait holds up the others."""
    for number, item in enumerate(items):
        if pause and number % PACE == PACE - 1:
            time.sleep(pause)
        yield item


def figures_of(hub: Hub, *, pause: float = 0.0) -> dict[str, Any]:
    """The hub's current figures, as JSON, without the live queries of `realtime_doctor`.

    With thousands of clients, `pause` lets other threads run in between.
    """
    connections = hub.clients
    now = time.monotonic()
    slow: dict[Client, float] = {}
    users: set[str] = set()
    subscriptions = 0
    for client in _paced(connections, pause):
        subscriptions += client.subscriptions
        if (user := client.user) is not None:
            users.add(user)
        if (since := client.behind_since) is not None:
            slow[client] = now - since
    listed = nlargest(
        MOST_CONNECTIONS,
        _paced(connections, pause),
        key=lambda client: (slow.get(client, 0.0), client.subscriptions),
    )
    apart = set(hub.slow.keys)
    streams: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def counted() -> Iterator[tuple[Cost, int]]:
        for cost, subscribers in _paced((cost for log in hub.tasks for cost in log.costs()), pause):
            if cost.key.stream == PROBE_STREAM:
                continue
            numbers = streams[cost.key.stream]
            numbers["queries"] += 1
            numbers["subscribers"] += subscribers
            numbers["slow"] += cost.key in apart
            yield cost, subscribers

    queries: list[dict[str, Any]] = [
        {
            "stream": cost.key.stream,
            "params": cost.key.params.decode(),
            "format": cost.key.format.partition("#")[0],  # of inline rows, the template
            "personal": cost.key.audience is not None,
            "rows": cost.rows,
            "subscribers": subscribers,
            "seconds": round(cost.seconds, 4),
            "slow": cost.key in apart,
            "broken": cost.broken,
            "reads": cost.maintenance.value,
        }
        for cost, subscribers in nlargest(MOST_QUERIES, counted(), key=lambda each: each[0].seconds)
    ]
    return {
        "draining": hub.draining,
        "clients": len(connections),
        "users": len(users),
        "subscriptions": subscriptions,
        "slow": len(slow),
        "connections": [
            {
                "id": client.id,
                "user": client.user,
                "subscriptions": client.subscriptions,
                "behind": round(slow.get(client, 0.0), 1),
            }
            for client in listed
        ],
        "streams": {name: dict(numbers) for name, numbers in sorted(streams.items())},
        "queries": queries,
        "logs": {
            log.alias: {"lag": round(log.pacing.lag, 4), "wakeups": notifications.source(log.alias)}
            for log in hub.logs
        },
    }


def _report(hub: Hub) -> None:
    own = get_counters()
    reports.report(
        own.process,
        host=socket.gethostname(),
        pid=own.pid,
        uptime=time.time() - own.started,
        figures={**figures_of(hub, pause=PAUSE_SECONDS), "counts": own.counts()},
    )


def _forget_after(writing: Future[Any], process: str) -> None:
    wait([writing], timeout=WRITE_SECONDS)  # a later write would restore the row
    reports.forget(process)
