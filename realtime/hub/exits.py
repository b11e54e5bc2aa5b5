"""Exits: work that must be done before the interpreter exits, while thread pools still work.

The tasks of event loops that no longer run are cancelled. `asyncio.run`, and so uvicorn, does this by itself. daphne
stops its loop with all tasks still pending, including those of open requests. CPython 3.11 destroys these along with
the modules that they need, and may crash.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures.thread  # noqa: F401 - registers its own exit function first
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from typing import Any
from weakref import WeakSet

EXIT_SECONDS = 2.0  # for tasks to end

_loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
_last: WeakSet[Future[Any]] = WeakSet()


def before(function: Callable[[], object]) -> None:
    """Call this function at exit, before thread pools are shut down. `atexit` runs its functions after that."""
    getattr(threading, "_register_atexit", atexit.register)(function)


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the loop's tasks at exit, unless it is closed by then."""
    _loops.add(loop)


def finish(futures: Iterable[Future[Any]]) -> None:
    """Let the interpreter wait briefly for these at exit; hanging threads do not keep it alive."""
    _last.update(futures)


def _end_all() -> None:
    for loop in list(_loops):
        if not loop.is_closed() and not loop.is_running():
            loop.run_until_complete(_end())
    wait(list(_last), timeout=EXIT_SECONDS)


async def _end() -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + EXIT_SECONDS
    # a task that ends may start another one
    while (tasks := asyncio.all_tasks() - {asyncio.current_task()}) and loop.time() < ends:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=max(0.0, ends - loop.time()))


before(_end_all)  # ending tasks may need thread pools
