"""Threads that keep their database connections open and usable between tasks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

from django.db import connections
from django.db.backends.signals import connection_created

Result = TypeVar("Result")

LEAVE_SECONDS = 1.0  # for a thread to end, before nothing waits for it any more
IDLE_SECONDS = 30.0  # a connection idle for longer is tested before use

_local = threading.local()


def _work(function: Callable[..., Result], *args: object) -> Result:
    _local.is_own = True
    rested = time.monotonic() - getattr(_local, "used", 0.0)
    if rested > IDLE_SECONDS:
        _close_broken(all_of_them=True)
    try:
        return function(*args)
    finally:
        _close_broken(all_of_them=False)
        _local.used = time.monotonic()


def _commit_each(connection: Any, **kwargs: object) -> None:
    # with AUTOCOMMIT: False a project ends its transactions itself; nothing would end those of these threads
    if getattr(_local, "is_own", False) and not connection.get_autocommit():
        connection.set_autocommit(True)


connection_created.connect(_commit_each, dispatch_uid="realtime.hub.threads")


def _close_broken(*, all_of_them: bool) -> None:
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None and (all_of_them or connection.errors_occurred):
            if connection.is_usable():
                connection.errors_occurred = False
            else:
                connection.close()


class ReaderThread:
    """One thread with its database connections. It can be abandoned with work that does not end.

    It does not keep the process alive.
    """

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._end: Future[None] = Future()
        threading.Thread(target=self._live, name=name, daemon=True).start()

    def submit(self, function: Callable[..., Result], *args: object) -> Future[Result]:
        """Call the function in the thread, after earlier work."""
        future: Future[Result] = Future()
        self._queue.put(partial(_fulfil, future, function, *args))
        return future

    def close(self) -> list[Future[None]]:
        """Let the thread finish its work, close its connections and end; return futures to wait for."""
        self._queue.put(None)
        return [self._end]

    def _live(self) -> None:
        try:
            while (work := self._queue.get()) is not None:
                work()
        finally:
            connections.close_all()
            self._end.set_result(None)


async def run_in_own_thread(name: str, function: Callable[..., Result], *args: object) -> Result:
    """Call the function in a thread that exists only meanwhile, with database connections of its own."""
    thread = ReaderThread(name)
    try:
        return await asyncio.wrap_future(thread.submit(function, *args))
    finally:
        [end] = thread.close()
        await asyncio.wait([asyncio.wrap_future(end)], timeout=LEAVE_SECONDS)


class Workers:
    """Threads started on demand, for work that may never end. Up to `size` idle threads are kept.

    They do not keep the process alive. The caller limits their number.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._lock = threading.Lock()
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = 0
        self._closing = False
        self._ends: set[Future[None]] = set()  # one for each running thread

    def submit(self, function: Callable[..., Result], *args: object) -> Future[Result]:
        """Call the function in a thread; the future fails if no thread can be started."""
        future: Future[Result] = Future()
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                end: Future[None] = Future()
                try:
                    threading.Thread(target=self._live, args=(end,), name=self._name, daemon=True).start()
                except RuntimeError as error:
                    future.set_exception(error)
                    return future
                self._ends.add(end)
        self._queue.put(partial(_fulfil, future, function, *args))
        return future

    def close(self) -> list[Future[None]]:
        """Let every thread finish its work, close its connections and end; return futures to wait for."""
        with self._lock:
            self._closing = True
            for _ in range(self._idle):
                self._queue.put(None)
            self._idle = 0
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


class Pool(Protocol):
    """Threads that end with the hub, or with a task."""

    def close(self) -> list[Future[None]]: ...


async def close_pool(pool: Pool) -> None:
    """Close a pool, and wait for its threads to end; those that do not are left behind."""
    if threads := pool.close():
        await asyncio.wait([asyncio.wrap_future(future) for future in threads], timeout=2 * LEAVE_SECONDS)
