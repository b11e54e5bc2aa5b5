"""Attendance: who is present through this process, in memory, and the task that keeps the rows equal to it.

What is wanted stands here, what has been written stands in `_written`, and the task writes the difference. So a page
that reloads costs nothing, and what fails is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from realtime import presence
from realtime.conf import settings
from realtime.presence import Arrival, Lapsed, Who
from realtime.queries.threads import LEAVE_SECONDS, ThreadPool
from realtime.streams.presence import Place

logger = logging.getLogger("realtime.presence")
Result = TypeVar("Result")

PAUSE_SECONDS = 0.1  # between two writes: who comes meanwhile is written with the others
BATCH = 200  # people in one transaction
RETRY_SECONDS = 0.25
MAX_RETRY_SECONDS = 5.0

# parts of the lease: people of a dead process are gone after three quarters of it at the latest
VALID = 0.5
RENEW = 0.2
SWEEP = 0.2


class Person:
    """Somebody at a place, with the pages by which they are there."""

    __slots__ = ("data", "leaving", "pages", "place")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.pages: dict[object, dict[str, Any]] = {}  # what each says, the newest last
        self.leaving: asyncio.TimerHandle | None = None  # no page is left, and the grace runs
        self.data: dict[str, Any] = {}


class Attendance:
    """Everybody who is present through one server process."""

    def __init__(self) -> None:
        self._people: dict[Who, Person] = {}
        self._watchers: set[object] = set()
        self._written: dict[Who, dict[str, Any]] = {}
        self._dirty: set[Who] = set()
        self._news = asyncio.Event()
        self._server = ""  # the name under which the lease is held; empty without one
        self._task: asyncio.Task[None] | None = None

    def watch(self, page: object) -> None:
        """The page sees who is somewhere: the dead are to be taken away."""
        self._watchers.add(page)
        self._wake()

    def unwatch(self, page: object) -> None:
        self._watchers.discard(page)
        self._wake()

    def enter(self, page: object, user: str, place: Place, data: dict[str, Any]) -> None:
        """By this page, the user is at the place, and says this of themselves; or says something new."""
        who = Who(place.key, user)
        person = self._people.setdefault(who, Person(place))
        if person.leaving is not None:
            person.leaving.cancel()
            person.leaving = None
        person.pages.pop(page, None)
        person.pages[page] = data
        self._tell(who)

    def leave(self, page: object, user: str, place: Place, *, at_once: bool = False) -> None:
        """The page is gone; with the last one the user is, after the grace, unless they come back."""
        who = Who(place.key, user)
        person = self._people.get(who)
        if person is None or person.pages.pop(page, None) is None:
            return
        if person.pages:
            self._tell(who)
        elif at_once:
            self._forget(who)
        else:
            loop = asyncio.get_running_loop()
            person.leaving = loop.call_later(settings.PRESENCE_GRACE_SECONDS, self._forget, who)

    async def idle(self) -> None:
        """Return when nobody is present any more and all of it is written; for tests."""
        while (task := self._task) is not None:
            await asyncio.wait([task])

    def _forget(self, who: Who) -> None:
        del self._people[who]
        self._tell(who)

    def _tell(self, who: Who) -> None:
        person = self._people.get(who)
        if person is not None:
            person.data = next((data for data in reversed(person.pages.values()) if data), {})
        self._dirty.add(who)
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="realtime presence")

    async def _run(self) -> None:
        pool = ThreadPool(1, "realtime-presence")
        try:
            await self._work(pool)
        finally:
            self._task = None
            await asyncio.wait([asyncio.wrap_future(future) for future in pool.close()], timeout=2 * LEAVE_SECONDS)

    async def _work(self, pool: ThreadPool) -> None:
        async def in_thread(function: Callable[..., Result], *args: Any, **options: Any) -> Result:
            return await asyncio.wrap_future(pool.submit(lambda: function(*args, **options)))

        loop = asyncio.get_running_loop()
        lease: float = settings.PRESENCE_LEASE_SECONDS
        retry = 0.0
        renew_at = loop.time() + RENEW * lease
        sweep_at = renew_at  # not at once: after an outage of the database, others renew theirs first
        while self._people or self._written or self._watchers or self._dirty or self._server:
            try:
                if retry:
                    await asyncio.sleep(retry)
                else:
                    await self._wait(min(renew_at, sweep_at) - loop.time())
                if self._dirty:
                    await self._write(in_thread, lease)
                if not self._people and not self._written and self._server:
                    await in_thread(presence.end_lease, self._server)
                    self._server = ""
                now = loop.time()
                if now >= renew_at:
                    renew_at = now + RENEW * lease
                    if self._server and not await in_thread(presence.renew_lease, self._server, seconds=VALID * lease):
                        sweep_at = now + VALID * lease  # whoever could not renew either is given the time to
                if now >= sweep_at:
                    sweep_at = now + SWEEP * lease
                    await in_thread(presence.sweep)
                retry = 0.0
            except Lapsed:
                logger.warning("This process could not renew its lease in time; its people are written anew.")
                self._dirty |= self._written.keys()
                self._written.clear()
                self._server = ""
                self._news.set()
            except Exception:
                retry = min(max(2 * retry, RETRY_SECONDS), MAX_RETRY_SECONDS)
                logger.exception("Presence could not be written; trying again in %.2f s.", retry)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._news.wait()
        except TimeoutError:
            return
        await asyncio.sleep(PAUSE_SECONDS)
        self._news.clear()

    async def _write(self, in_thread: Callable[..., Any], lease: float) -> None:
        while batch := list(self._dirty)[:BATCH]:
            here = {who: self._people[who] for who in batch if who in self._people}
            data = {who: person.data for who, person in here.items()}
            arrivals = [
                Arrival(who, here[who].place, data[who]) for who in here if self._written.get(who) != data[who]
            ]
            departures = [who for who in batch if who not in here and who in self._written]
            if arrivals or departures:
                if not self._server:
                    server = secrets.token_hex(16)
                    await in_thread(presence.take_lease, server, seconds=VALID * lease)
                    self._server = server
                await in_thread(presence.seat, self._server, arrivals, departures, seconds=VALID * lease)
            self._written.update(data)
            for who in departures:
                self._written.pop(who, None)
            # those who have said or done something meanwhile are still to be written
            now = {who: self._people[who].data for who in batch if who in self._people}
            self._dirty -= {who for who in batch if now.get(who) == data.get(who)}


_attendances: WeakKeyDictionary[asyncio.AbstractEventLoop, Attendance] = WeakKeyDictionary()


def get_attendance() -> Attendance:
    """The attendance of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _attendances:
        _attendances[loop] = Attendance()
    return _attendances[loop]
