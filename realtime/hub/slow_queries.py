"""SlowQueries: the slow live queries, and the tasks that read them separately from the rest of their log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future

from realtime.conf import settings
from realtime.exceptions import QueryTimedOut
from realtime.hub.counters import count
from realtime.hub.log_worker import LogWorker
from realtime.hub.subscribers import call_client
from realtime.queries.query_key import QueryKey

logger = logging.getLogger("realtime.log")

SLOW_PART = 0.05  # of REALTIME_QUERY_SECONDS: what takes longer is read separately
MAX_TASKS = 4  # for slow live queries of one log, each with a thread and a database connection
MAX_LEFT_BEHIND = 8  # abandoned threads with a live query that does not end
MEMORY_SECONDS = 600.0  # how long new live queries of a slow stream start separately
QUICK_SECONDS = 0.1  # a live query read within this time is quick
QUICK_TICKS = 8  # after so many quick reads, a live query counts as quick again
LARGE = 100  # rows; a live query with as many is not moved back if opening it takes long
RETRY_SECONDS = 60.0  # before a live query that took too long is read again

Make = Callable[[LogWorker, int], LogWorker]
Interrupt = Callable[[Callable[[], None]], object]


class _Apart:
    """A live query that is read separately, the worker that reads it, and its log's worker."""

    __slots__ = ("is_crowd", "own", "quick_ticks", "stays", "worker")

    def __init__(self, worker: LogWorker, own: LogWorker, *, is_crowd: bool = False) -> None:
        self.worker = worker
        self.own = own
        self.is_crowd = is_crowd  # it is separate because there are many like it
        self.quick_ticks = 0  # quick reads in a row
        self.stays = False  # its changes may be quick to read, but all of its rows are not, and moving it reads these


class SlowQueries:
    """The separately read live queries of one hub. As a `SlowQueryWatch`, it is notified of slow ones.

    A live query that takes longer than a fraction of REALTIME_QUERY_SECONDS leaves its log's task. It gets its own
    frames, which are as exact as any, from one of a few tasks with a thread each. One that takes longer than
    REALTIME_QUERY_SECONDS is ended. One that has become quick returns, unless its rows take long to read again.

    The unpartitioned live queries of a crowd of anonymous clients start separately, all in one task, until a client
    outside this crowd subscribes to one of them.
    """

    def __init__(self, make: Make, interrupt: Interrupt) -> None:
        self._make = make  # makes a separate task for this log, with this number
        self._interrupt = interrupt  # calls it in a thread
        self._tasks: dict[str, list[LogWorker]] = {}  # by database alias
        self._apart: dict[QueryKey, _Apart] = {}
        self._streams: dict[str, float] = {}  # slow streams, with the time until which each is remembered
        self._ended: dict[QueryKey, float] = {}  # live queries that took too long, with the time of the next try
        self._left_behind: set[Future[None]] = set()

    @property
    def tasks(self) -> list[LogWorker]:
        """The workers that read slow live queries. May be read from another thread."""
        return [task for tasks in self._tasks.copy().values() for task in tasks]

    @property
    def keys(self) -> Iterable[QueryKey]:
        """The live queries that are read separately because they are slow. May be read from another thread."""
        return [key for key, apart in self._apart.copy().items() if not apart.is_crowd]

    def task(self, key: QueryKey, own: LogWorker, *, crowds: bool = False) -> LogWorker:
        """Return the task that reads this live query; `own` is its log's. Raise `QueryTimedOut`."""
        now = time.monotonic()
        if (retry := self._ended.get(key, 0.0) - now) > 0:
            raise QueryTimedOut(settings.QUERY_SECONDS, retry=round(retry, 1))
        if key in self._apart and self._apart[key].is_crowd and not crowds:
            worker, self._apart[key] = self._apart[key].worker, _Apart(own, own)  # for the clients that move
            _move(key, worker, own)
            del self._apart[key]
        if key not in self._apart and not own.has(key):
            if self._streams.get(key.stream, 0.0) > now:
                self._apart[key] = _Apart(self._quietest(own), own)
            elif crowds:
                crowd = (apart.worker for apart in self._apart.values() if apart.is_crowd and apart.own is own)
                self._apart[key] = _Apart(next(crowd, None) or self._quietest(own), own, is_crowd=True)
        return self._apart[key].worker if key in self._apart else own

    def tasks_of(self, stream: str) -> list[LogWorker]:
        """Return the tasks that read live queries of this stream separately."""
        return list({apart.worker for key, apart in self._apart.items() if key.stream == stream})

    def sweep(self) -> None:
        """Forget unused live queries, and return quick ones to their log's task."""
        now = time.monotonic()
        self._streams = {stream: until for stream, until in self._streams.items() if until > now}
        self._ended = {key: until for key, until in self._ended.items() if until > now}
        for key, apart in list(self._apart.items()):
            if not apart.worker.has(key):
                del self._apart[key]
            elif apart.quick_ticks >= QUICK_TICKS and not apart.is_crowd and not apart.stays:
                del self._apart[key]
                self._streams.pop(key.stream, None)
                key.say(logger.info, "The live query %s %s is quick again.")
                _move(key, apart.worker, apart.own)

    # as a `SlowQueryWatch`

    def limit(self, worker: LogWorker) -> float:
        seconds: float = settings.QUERY_SECONDS
        return seconds if worker in self.tasks else seconds * SLOW_PART

    def may_leave_behind(self) -> bool:
        return len(self._left_behind) < MAX_LEFT_BEHIND

    def leave_behind(self, end: Future[None], interrupt: Callable[[], None] | None) -> None:
        loop = asyncio.get_running_loop()
        self._left_behind.add(end)
        end.add_done_callback(
            lambda end: loop.is_closed() or loop.call_soon_threadsafe(self._left_behind.discard, end)
        )
        if interrupt is not None:
            self._interrupt(interrupt)

    def measure(self, worker: LogWorker, seconds: Mapping[QueryKey, float], answered: Collection[QueryKey]) -> None:
        limit = self.limit(worker)
        for key, spent in seconds.items():
            if spent > limit:
                self.give_up(worker, key)
            elif (apart := self._apart.get(key)) is not None and apart.worker is worker:
                apart.quick_ticks = apart.quick_ticks + 1 if spent < QUICK_SECONDS else 0
                if key in answered and spent > settings.QUERY_SECONDS * SLOW_PART:
                    apart.stays = any(cost.key == key and cost.rows >= LARGE for cost, _ in worker.costs())

    def give_up(self, worker: LogWorker, key: QueryKey) -> None:
        if not worker.has(key):  # its clients have left meanwhile
            return
        if key not in self._apart:
            self._set_apart(key, worker)
        elif worker is self._apart[key].worker:
            self._end(key, worker)

    def _set_apart(self, key: QueryKey, own: LogWorker) -> None:
        count("slow_queries", key.stream)
        seconds = settings.QUERY_SECONDS * SLOW_PART
        text = "The live query %s %s takes longer than %g s to read; it is read separately from the others."
        key.say(logger.warning, text, seconds)
        self._streams[key.stream] = time.monotonic() + MEMORY_SECONDS
        worker = self._quietest(own)
        self._apart[key] = _Apart(worker, own)
        _move(key, own, worker)

    def _end(self, key: QueryKey, worker: LogWorker) -> None:
        count("query_timeouts", key.stream)
        seconds: float = settings.QUERY_SECONDS
        text = "The live query %s %s takes longer than REALTIME_QUERY_SECONDS (%g s); its subscribers are refused."
        key.say(logger.error, text, seconds)
        del self._apart[key]
        self._ended[key] = time.monotonic() + RETRY_SECONDS
        worker.refuse(key, QueryTimedOut(seconds, retry=RETRY_SECONDS))

    def _quietest(self, own: LogWorker) -> LogWorker:
        tasks = self._tasks.setdefault(own.alias, [])
        load = {task: sum(task is apart.worker for apart in self._apart.values()) for task in tasks}
        if len(tasks) < MAX_TASKS and all(load.values()):
            tasks.append(self._make(own, len(tasks)))
            return tasks[-1]
        return min(tasks, key=lambda task: load[task])


def _move(key: QueryKey, source: LogWorker, target: LogWorker) -> None:
    requests, subscribers = source.give_away(key)
    for query, client in subscribers:
        call_client(client, client.move, query)
    for item in requests:
        if item.subscription is not None:
            target.subscribe(item.client, item.subscription, item.stream, item.want)
