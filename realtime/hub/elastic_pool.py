"""ElasticPool: a few threads for short work, and extra threads while some work takes long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from realtime.hub import exits
from realtime.hub.threads import Workers

Result = TypeVar("Result")

PATIENCE_SECONDS = 0.1  # how long work may hold a thread before another thread replaces it
MAX_LATE = 14  # replaced threads, each with its database connections


class ElasticPool:
    """Runs work of one event loop in `size` threads, so that short work does not wait for long work.

    Work that takes longer than `PATIENCE_SECONDS` is late: it keeps its thread, and the next work gets another one.
    At most `MAX_LATE` threads are late at a time. Beyond that, work waits.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._workers = Workers(size, name)
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._begun: dict[Future[Any], float] = {}  # start times of running work, by the loop's clock
        self._timer: asyncio.TimerHandle | None = None  # for when running work becomes late

    def submit(self, function: Callable[..., Result], *args: object) -> Future[Result]:
        """Call the function in a thread. Call this from the loop only."""
        future: Future[Result] = Future()
        self._queue.append((future, partial(function, *args)))
        self._start()
        return future

    def close(self) -> list[Future[None]]:
        """Let every thread end when all work is done; return futures to wait for."""
        self._cancel_timer()
        while self._queue:
            self._take()
        ends = self._workers.close()
        exits.finish(ends)
        return ends

    def _start(self) -> None:
        self._cancel_timer()
        now = self._loop.time()
        while self._queue:
            late = sum(now - begun >= PATIENCE_SECONDS for begun in self._begun.values())
            if len(self._begun) >= self._size + min(late, MAX_LATE):
                on_time = [begun for begun in self._begun.values() if now - begun < PATIENCE_SECONDS]
                if on_time and late < MAX_LATE:
                    self._timer = self._loop.call_at(min(on_time) + PATIENCE_SECONDS, self._start)
                return
            self._take()

    def _take(self) -> None:
        future, work = self._queue.popleft()
        if not future.set_running_or_notify_cancel():
            return
        self._begun[future] = self._loop.time()
        self._workers.submit(work).add_done_callback(partial(self._tell_end, future))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell_end(self, future: Future[Any], done: Future[Any]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._end, future)
        except RuntimeError:  # the loop has been closed, and nothing waits
            self._queue.clear()
        if (error := done.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())

    def _end(self, future: Future[Any]) -> None:
        del self._begun[future]
        self._start()
