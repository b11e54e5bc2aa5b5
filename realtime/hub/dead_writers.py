"""DeadWriters: marks the live texts and the jobs of dead writers as failed, while a process has clients."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable

from django.db.models import Model

from realtime.actions.text_leases import LEASE_SECONDS, TextTarget, fail_expired, kinds
from realtime.hub.pubsub.event_bus import publish_text
from realtime.hub.threads import run_in_own_thread
from realtime.protocol.live_text import TextEnd

logger = logging.getLogger("realtime.log")

FIRST_SECONDS = 0.5  # after the first client has connected: the writer may have died with the last server
IDLE_SECONDS = 60.0  # while nobody writes, as far as is known


class DeadWriters:
    """Looks for expired leases in the databases of one hub, when the next one may expire."""

    def __init__(self, aliases: Callable[[], Iterable[str]]) -> None:
        self._aliases = aliases
        self._due: dict[str, float] = {}  # when to look next, by the loop's clock
        self._watched: set[str] = set()  # databases where clients see models whose writers are not announced
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._look_when_due(), name="realtime dead writers")

    def expect(self, alias: str) -> None:
        """A writer has begun: its lease may expire."""
        due = asyncio.get_running_loop().time() + LEASE_SECONDS
        self._due[alias] = min(self._due.get(alias, due), due)
        self._news.set()

    def watch(self, model: type[Model], alias: str) -> None:
        """Clients see a model. If its writers are not announced, look now, and then once for each term of a lease."""
        if not kinds.get(model._meta.label_lower, TextTarget).is_announced and alias not in self._watched:
            self._watched.add(alias)
            self._due[alias] = 0.0
            self._news.set()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _look_when_due(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            for alias in self._aliases():
                self._due.setdefault(alias, loop.time() + FIRST_SECONDS)
            for alias in [alias for alias, due in self._due.items() if due <= loop.time()]:
                pause = await self._look(alias)
                # processes take turns
                self._due[alias] = loop.time() + pause + random.uniform(0.0, 1.0)  # noqa: S311
            self._news.clear()
            pause = min(self._due.values(), default=loop.time() + FIRST_SECONDS) - loop.time()
            try:
                async with asyncio.timeout(max(0.0, pause)):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _look(self, alias: str) -> float:
        """Mark what dead writers wrote as failed; return the seconds until the next look."""
        try:
            expired, left = await run_in_own_thread("realtime-dead-writers", fail_expired, alias)
        except Exception:
            logger.exception("Dead writers of live texts could not be searched for.", extra={"log": alias})
            return IDLE_SECONDS
        for target, writer, length in expired:
            logger.warning(target.death, target.name._asdict(), extra={"log": alias})
            if length is not None:
                publish_text(TextEnd(target.name, writer, length))
        idle = LEASE_SECONDS if alias in self._watched else IDLE_SECONDS
        return idle if left is None else min(left, idle)
