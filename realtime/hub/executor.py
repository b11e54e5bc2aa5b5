"""FairExecutor: runs actions in a few threads, with a fair share for each owner and a time limit for each action.

A thread cannot be stopped from outside. An action that exceeds its time limit can no longer commit, and its thread is
replaced, up to `MAX_LOST` times. Beyond that, if such actions hold all threads, calls are refused instead of waiting
forever.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

from realtime.actions.deadline import Deadline
from realtime.exceptions import CallsOverloaded, CallTimedOut
from realtime.hub.threads import Workers

logger = logging.getLogger("realtime.actions")
Result = TypeVar("Result")

OCCUPIED = "Actions that do not return occupy all threads of this server process."
MAX_LOST = 16  # replaced threads, each with its database connections


class _Job:
    """A call, from its request until its thread is free again."""

    __slots__ = ("deadline", "key", "lost", "name", "of_visitor", "owner", "result", "timer", "waiters", "work")

    def __init__(
        self,
        owner: str,
        key: Hashable,
        work: Callable[[Deadline], Any],
        seconds: float,
        *,
        name: str,
        of_visitor: bool,
    ) -> None:
        self.name = name
        self.of_visitor = of_visitor
        self.owner = owner
        self.key = key
        self.work = work
        self.deadline = Deadline(seconds)
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiters = 0
        self.timer: asyncio.TimerHandle | None = None  # while it runs
        self.lost = False  # it has exceeded its time limit, and holds its thread

    def fail(self, error: BaseException) -> None:
        if not self.result.done():
            self.result.set_exception(error)
            self.result.exception()  # the caller may be gone


class FairExecutor:
    """The actions of one server process."""

    def __init__(self, *, threads: int, seconds: float) -> None:
        self._threads = threads
        self._share = max(1, threads // 2)  # threads per owner, who may have many connections
        self._seconds = seconds
        self._workers = Workers(threads, "realtime-action")
        self._jobs: dict[Hashable, _Job] = {}  # by key: a repeated call joins the first one
        self._waiting: dict[str, deque[_Job]] = {}  # by owner, the next one first
        self._busy: Counter[str] = Counter()  # threads by owner
        self._visitors = 0  # threads that work for anonymous users, without the lost ones
        self._lost = 0

    async def run(
        self,
        owner: str,
        key: Hashable,
        work: Callable[[Deadline], Result],
        *,
        name: str = "?",
        of_visitor: bool = False,
    ) -> Result:
        """Run the work when the owner's turn comes, or join running work with the same key; `name` is for the log.

        Logged-in users come first; anonymous users have at most half of the threads.

        Raise `CallTimedOut` if it takes too long, and `CallsOverloaded` if no thread is available.
        """
        job = self._jobs.get(key)
        if job is None:
            if self._lost >= self._threads + MAX_LOST:
                raise CallsOverloaded(OCCUPIED)
            job = self._jobs[key] = _Job(owner, key, work, self._seconds, name=name, of_visitor=of_visitor)
            self._waiting.setdefault(owner, deque()).append(job)
            self._start()
        job.waiters += 1
        try:
            result: Result = await asyncio.shield(job.result)
            return result
        finally:
            job.waiters -= 1
            if not job.waiters and job.timer is None:
                self._cancel(job)

    def close(self) -> list[Future[None]]:
        """Let the threads end; return futures to wait for."""
        return self._workers.close()

    def _cancel(self, job: _Job) -> None:
        # the caller was gone before it began
        queue = self._waiting.get(job.owner)
        if queue is not None and job in queue:
            queue.remove(job)
            del self._jobs[job.key]
            if not queue:
                del self._waiting[job.owner]

    def _start(self) -> None:
        while self._busy.total() < self._threads + min(self._lost, MAX_LOST):
            owner = self._next_owner()
            if owner is None:
                return
            queue = self._waiting.pop(owner)
            job = queue.popleft()
            if queue:
                self._waiting[owner] = queue  # behind all others
            self._busy[owner] += 1
            self._visitors += job.of_visitor
            job.deadline.begin()
            job.timer = asyncio.get_running_loop().call_later(self._seconds, self._expire, job)
            future = asyncio.wrap_future(self._workers.submit(job.work, job.deadline))
            future.add_done_callback(lambda future, job=job: self._end(job, future))  # type: ignore[misc]

    def _next_owner(self) -> str | None:
        visitors = None
        for owner, queue in self._waiting.items():
            if self._busy[owner] < self._share:
                if not queue[0].of_visitor:
                    return owner
                visitors = visitors or owner
        return visitors if self._visitors < self._share else None

    def _expire(self, job: _Job) -> None:
        if not job.deadline.give_up():
            return  # it has committed, or is about to: the reply will come
        job.lost = True
        self._lost += 1
        self._visitors -= job.of_visitor
        fields = {"action": job.name, "seconds": self._seconds}
        text = "The action %s has not returned within %g seconds; it is given up."
        logger.error(text, job.name, self._seconds, extra=fields)
        job.fail(CallTimedOut(self._seconds))
        if self._lost >= self._threads + MAX_LOST:
            self._refuse_all()
        self._start()

    def _refuse_all(self) -> None:
        for queue in self._waiting.values():
            for job in queue:
                del self._jobs[job.key]
                job.fail(CallsOverloaded(OCCUPIED))
        self._waiting.clear()

    def _end(self, job: _Job, future: asyncio.Future[Any]) -> None:
        if job.timer is not None:
            job.timer.cancel()
        self._visitors -= job.of_visitor and not job.lost
        if job.lost:
            self._lost -= 1
            logger.warning("The action %s, which was abandoned, has returned.", job.name, extra={"action": job.name})
        self._busy[job.owner] -= 1
        if not self._busy[job.owner]:
            del self._busy[job.owner]
        del self._jobs[job.key]
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is not None:
            job.fail(error)
        elif not job.result.done():
            job.result.set_result(future.result())
        self._start()
