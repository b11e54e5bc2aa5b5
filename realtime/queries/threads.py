"""Threads: small pools, whose threads keep their database connections open and fit for the next piece of work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")

LEAVE_SECONDS = 1.0
IDLE_SECONDS = 30.0  # a connection that rested for longer is tried before it is used

_local = threading.local()


class ThreadPool:
    """So many threads, and so many connections to each database at the most."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)

    def submit(self, function: Callable[..., Result], *args: object) -> Future[Result]:
        """Call the function in one of the threads."""
        return self._executor.submit(_work, function, *args)

    def close(self) -> list[Future[None]]:
        """Have every thread close its connections when its work is done, and end; return what can be waited for."""
        barrier = threading.Barrier(self._size)  # so that each thread takes one
        leaving = [self._executor.submit(_leave, barrier) for _ in range(self._size)]
        self._executor.shutdown(wait=False)
        return leaving


def _work(function: Callable[..., Result], *args: object) -> Result:
    rested = time.monotonic() - getattr(_local, "used", 0.0)
    if rested > IDLE_SECONDS:
        _close_broken(all_of_them=True)
    try:
        return function(*args)
    finally:
        _close_broken(all_of_them=False)
        _local.used = time.monotonic()


def _leave(barrier: threading.Barrier) -> None:
    with suppress(threading.BrokenBarrierError):  # a thread has long work: the others do not wait for it
        barrier.wait(LEAVE_SECONDS)
    connections.close_all()


def _close_broken(*, all_of_them: bool) -> None:
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None and (all_of_them or connection.errors_occurred):
            if connection.is_usable():
                connection.errors_occurred = False
            else:
                connection.close()


class Workers:
    """Threads that are made as they are needed, for work that may never end; as many rest as `size` says.

    They do not keep the process from ending. How many there are at a time is for the caller to bound.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._lock = threading.Lock()
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = 0
        self._closing = False
        self._ends: set[Future[None]] = set()  # one for each thread that is there

    def submit(self, function: Callable[..., Result], *args: object) -> Future[Result]:
        """Call the function in one of the threads."""
        future: Future[Result] = Future()
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                end: Future[None] = Future()
                self._ends.add(end)
                threading.Thread(target=self._live, args=(end,), name=self._name, daemon=True).start()
        self._queue.put(partial(_fulfil, future, function, *args))
        return future

    def close(self) -> list[Future[None]]:
        """Have every thread close its connections when its work is done, and end; return what can be waited for."""
        with self._lock:
            self._closing = True
            for _ in range(self._idle):
                self._queue.put(None)
            return list(self._ends)

    def _live(self, end: Future[None]) -> None:
        try:
            while (work := self._queue.get()) is not None:
                work()
                with self._lock:
                    if self._closing or self._idle >= self._size:
                        break
                    self._idle += 1
        finally:
            connections.close_all()
            with self._lock:
                self._ends.discard(end)
            end.set_result(None)


def _fulfil(future: Future[Result], function: Callable[..., Result], *args: object) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(_work(function, *args))
    except BaseException as error:
        future.set_exception(error)
