"""Pruning: deletes old changes, jobs, notifications and markers while a process has clients, even briefly."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable

from realtime.actions import job_rows, notification_rows, read_markers
from realtime.changelog import get_changelog
from realtime.conf import settings
from realtime.hub.threads import run_in_own_thread

logger = logging.getLogger("realtime.log")

PRUNE_SECONDS = 600.0  # between two prunings of a log by this process
FIRST_SECONDS = 0.5  # after the first client has connected, so that a short visit prunes too
LOOK_SECONDS = 30.0

_pruned: dict[str, float] = {}  # when this process last pruned each log, by the monotonic clock


class Pruning:
    """Prunes the logs of one hub, in a thread that exists only meanwhile."""

    def __init__(self, aliases: Callable[[], Iterable[str]]) -> None:
        self._aliases = aliases
        self._task = asyncio.create_task(self._run(), name="realtime pruning")

    async def close(self) -> None:
        """Stop. A deletion in progress is completed."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = FIRST_SECONDS
        while True:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - processes take turns
            pause = LOOK_SECONDS
            for alias in list(self._aliases()):
                if time.monotonic() - _pruned.get(alias, -PRUNE_SECONDS) >= PRUNE_SECONDS:
                    _pruned[alias] = time.monotonic()
                    await self._prune(alias)

    async def _prune(self, alias: str) -> None:
        try:
            await run_in_own_thread("realtime-pruning", prune, alias)
        except Exception:
            logger.exception("The log %s could not be pruned.", alias, extra={"log": alias})


def prune(alias: str, older_than: float | None = None) -> dict[str, int]:
    """Delete what has passed its retention time; for changes, `older_than` seconds. Return how many of each."""
    seconds = settings.RETENTION_SECONDS if older_than is None else older_than
    return {
        "changes": get_changelog(alias).prune(older_than=seconds),
        "jobs": job_rows.prune(alias),
        "notifications": notification_rows.prune(alias),
        "read markers": read_markers.prune(alias),
    }
