"""Exits: what has to be done before the interpreter goes down, while thread pools still work.

Event loops that nobody runs any more have their tasks ended. `asyncio.run`, and so uvicorn, does so by itself. daphne
stops its loop with all tasks still pending, those of open requests among them; CPython 3.11 takes these apart with the
modules that they need, and may crash on it.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures.thread  # noqa: F401 - which registers its own end first
import threading
from collections.abc import Callable
from weakref import WeakSet

EXIT_SECONDS = 2.0  # for tasks to end

_loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


def before(function: Callable[[], object]) -> None:
    """Have this called at exit before thread pools are shut down; `atexit` comes to its functions after that."""
    getattr(threading, "_register_atexit", atexit.register)(function)


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop's tasks ended at exit, unless it is closed by then."""
    _loops.add(loop)


def _end_all() -> None:
    for loop in list(_loops):
        if not loop.is_closed() and not loop.is_running():
            loop.run_until_complete(_end())


async def _end() -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + EXIT_SECONDS
    # one that ends may begin another
    while (tasks := asyncio.all_tasks() - {asyncio.current_task()}) and loop.time() < ends:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=max(0.0, ends - loop.time()))


before(_end_all)  # what tasks do when they end may need thread pools
