"""Exits: event loops that nobody runs any more have their tasks ended before the interpreter goes down.

`asyncio.run`, and so uvicorn, does that by itself. daphne stops its loop with all tasks still pending, those of open
requests among them; CPython 3.11 takes these apart with the modules that they need, and may crash on it.
"""

from __future__ import annotations

import asyncio
import atexit
from weakref import WeakSet

EXIT_SECONDS = 2.0  # for tasks to end

_loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop's tasks ended at exit, unless it is closed by then."""
    _loops.add(loop)


@atexit.register
def _end_all() -> None:
    for loop in list(_loops):
        if not loop.is_closed() and not loop.is_running():
            loop.run_until_complete(_end(asyncio.all_tasks(loop)))


async def _end(tasks: set[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=EXIT_SECONDS)
