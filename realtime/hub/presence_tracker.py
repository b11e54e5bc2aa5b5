"""PresenceTracker: the users present through this process, in memory, and the task that writes them as rows.

`_present` is the wanted state, `_written` the written one, and the task writes the difference. So reloading a page
costs nothing, and failed writes are repeated.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

from realtime.conf import limits, settings
from realtime.hub import presence_rows
from realtime.hub.presence_rows import Arrival, Lapsed, Who
from realtime.hub.threads import ReaderThread, close_pool
from realtime.protocol.rate_limit import Bucket
from realtime.streams.place import Place

logger = logging.getLogger("realtime.presence")

PAUSE_SECONDS = 0.1  # before a write, so that users who arrive meanwhile are included
TOGETHER_SECONDS = 1.0  # between two writes, so that arrivals and departures are grouped
BATCH = 200  # users in one transaction
BURST_SECONDS = 1.0  # burst of rows written for one user: each row is a change, also for others
RETRY_SECONDS = 0.25
MAX_RETRY_SECONDS = 5.0

# fractions of the lease: users of a dead process are removed within three quarters of it
VALID = 0.5
RENEW = 0.2
SWEEP = 0.2


class PresentUser:
    """A user at a place, with the pages that show them present."""

    __slots__ = ("data", "leaving", "pages", "place")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.pages: dict[object, dict[str, Any]] = {}  # the data of each page, the newest last
        self.leaving: asyncio.TimerHandle | None = None  # no page is left, and the grace period is running
        self.data: dict[str, Any] = {}


class PresenceTracker:
    """All users present through one server process."""

    def __init__(self) -> None:
        self._present: dict[Who, PresentUser] = {}
        self._watchers: set[object] = set()
        self._written: dict[Who, dict[str, Any]] = {}
        self._dirty: set[Who] = set()
        self._places: Counter[str] = Counter()  # by user: number of places
        self._buckets: dict[str, Bucket] = {}  # by user: limits the rows written for them
        self._news = asyncio.Event()
        self._rests_until = 0.0  # the next write is not before this time of the loop's clock
        self._server = ""  # the name of the lease; empty without one
        self._task: asyncio.Task[None] | None = None
        self._thread: ReaderThread | None = None  # of the task, once it needs one

    def watch(self, page: object) -> None:
        """Note that a page shows present users, so users of dead processes must be removed."""
        self._watchers.add(page)
        self._wake()

    def unwatch(self, page: object) -> None:
        self._watchers.discard(page)
        self._wake()

    def has_room(self, user: str, place: Place) -> bool:
        """Return whether the user may be present at one more place."""
        return Who(place.key, user) in self._present or self._places[user] < limits.presences_per_user

    def enter(self, page: object, user: str, place: Place, data: dict[str, Any]) -> None:
        """Mark the user as present through this page, with this data, or change their data."""
        who = Who(place.key, user)
        if who not in self._present:
            self._present[who] = PresentUser(place)
            self._places[user] += 1
        present = self._present[who]
        if present.leaving is not None:
            present.leaving.cancel()
            present.leaving = None
        present.pages.pop(page, None)
        present.pages[page] = data
        self._mark_dirty(who)

    def leave(self, page: object, user: str, place: Place, *, at_once: bool = False) -> None:
        """Remove a page. After the last one the user leaves, unless they return within the grace period."""
        who = Who(place.key, user)
        present = self._present.get(who)
        if present is None or present.pages.pop(page, None) is None:
            return
        if present.pages:
            self._mark_dirty(who)
        elif at_once:
            self._forget(who)
        else:
            loop = asyncio.get_running_loop()
            present.leaving = loop.call_later(settings.PRESENCE_GRACE_SECONDS, self._forget, who)

    def _forget(self, who: Who) -> None:
        del self._present[who]
        self._places[who.user] -= 1
        if not self._places[who.user]:
            del self._places[who.user]
        self._mark_dirty(who)

    def _mark_dirty(self, who: Who) -> None:
        present = self._present.get(who)
        if present is not None:
            present.data = next((data for data in reversed(present.pages.values()) if data), {})
        self._dirty.add(who)
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="realtime presence")

    async def _run(self) -> None:
        try:
            await self._work()
        finally:
            thread, self._task, self._thread = self._thread, None, None
            if thread is not None:
                await close_pool(thread)

    async def _work(self) -> None:
        async def in_thread(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
            self._thread = self._thread or ReaderThread("realtime-presence")
            return await asyncio.wrap_future(self._thread.submit(lambda: function(*args, **options)))

        loop = asyncio.get_running_loop()
        lease: float = limits.presence_lease_seconds
        retry = 0.0
        renew_at = loop.time() + RENEW * lease
        write_at = math.inf  # when rows beyond a user's limit may be written
        sweep_at = renew_at  # not at once: after a database outage, others renew their leases first
        while self._present or self._written or self._watchers or self._dirty or self._server:
            try:
                if retry:
                    await asyncio.sleep(retry)
                else:
                    await self._wait(min(renew_at, sweep_at, write_at) - loop.time())
                write_at = math.inf
                if self._dirty and (write_at := self._rests_until) <= loop.time():
                    write_at = loop.time() + await self._write(in_thread, lease)
                if not self._present and not self._written and self._server:
                    await in_thread(presence_rows.end_lease, self._server)
                    self._server = ""
                now = loop.time()
                if now >= renew_at:
                    renew_at = now + RENEW * lease
                    if self._server and not await in_thread(
                        presence_rows.renew_lease, self._server, seconds=VALID * lease
                    ):
                        sweep_at = now + VALID * lease  # gives others that could not renew either time to do so
                if now >= sweep_at:
                    sweep_at = now + SWEEP * lease
                    await in_thread(presence_rows.sweep)
                retry = 0.0
            except Lapsed:
                logger.warning("This process could not renew its lease in time; its present users are written again.")
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

    async def _write(self, in_thread: Callable[..., Any], lease: float) -> float:
        """Write what has changed so far, within each user's limit; return the seconds until more may be written."""
        left = set(self._dirty)  # users who arrive meanwhile wait for the next write
        while True:
            batch, wait = self._next_batch(left)
            if not batch:
                return wait
            left.difference_update(batch)
            here = {who: self._present[who] for who in batch if who in self._present}
            data = {who: present.data for who, present in here.items()}
            arrivals = [
                Arrival(who, here[who].place, data[who]) for who in here if self._written.get(who) != data[who]
            ]
            departures = [who for who in batch if who not in here and who in self._written]
            if arrivals or departures:
                if not self._server:
                    server = secrets.token_hex(16)
                    await in_thread(presence_rows.take_lease, server, seconds=VALID * lease)
                    self._server = server
                await in_thread(presence_rows.seat, self._server, arrivals, departures, seconds=VALID * lease)
                self._rests_until = asyncio.get_running_loop().time() + TOGETHER_SECONDS
            self._written.update(data)
            for who in departures:
                self._written.pop(who, None)
            # users who changed meanwhile must still be written
            now = {who: self._present[who].data for who in batch if who in self._present}
            self._dirty -= {who for who in batch if now.get(who) == data.get(who)}

    def _next_batch(self, left: Iterable[Who]) -> tuple[list[Who], float]:
        """Return the users to write now; if there are none, the seconds until there may be some."""
        now = asyncio.get_running_loop().time()
        self._buckets = {user: bucket for user, bucket in self._buckets.items() if not bucket.is_full(now)}
        batch: list[Who] = []
        wait = math.inf
        for who in left:
            if len(batch) == BATCH:
                break
            fresh = Bucket(limits.presence_per_second, now, burst_seconds=BURST_SECONDS)
            bucket = self._buckets.setdefault(who.user, fresh)
            # departures are as rare as arrivals
            if who not in self._present or (later := bucket.take(now)) == 0:
                batch.append(who)
            else:
                wait = min(wait, later)
        return batch, wait


_trackers: WeakKeyDictionary[asyncio.AbstractEventLoop, PresenceTracker] = WeakKeyDictionary()


def get_presence_tracker() -> PresenceTracker:
    """The presence tracker of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _trackers:
        _trackers[loop] = PresenceTracker()
    return _trackers[loop]
