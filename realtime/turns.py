"""Turns: whose action runs next. So many run at a time, each owner has a share, and each action a time limit.

A thread cannot be ended from outside. An action that has not returned when its time is over has lost its right to
commit, and its thread is replaced by another one, up to `MAX_LOST` of them; beyond that, and with all threads held by
such actions, calls are refused instead of waiting for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

from realtime.deadline import Deadline
from realtime.exceptions import CallsOverloaded, CallTimedOut
from realtime.queries.threads import Workers

logger = logging.getLogger("realtime.actions")
Result = TypeVar("Result")

MAX_LOST = 16  # threads that are replaced, each with its connections to databases


class _Turn:
    """A call, from the moment that it is asked for until its thread is free again."""

    __slots__ = ("deadline", "key", "lost", "name", "owner", "result", "timer", "waiters", "work")

    def __init__(
        self, owner: str, key: Hashable, work: Callable[[Deadline], Any], seconds: float, *, name: str
    ) -> None:
        self.name = name
        self.owner = owner
        self.key = key
        self.work = work
        self.deadline = Deadline(seconds)
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiters = 0
        self.timer: asyncio.TimerHandle | None = None  # once it runs
        self.lost = False  # it has not returned in time, and holds its thread

    def fail(self, error: BaseException) -> None:
        if not self.result.done():
            self.result.set_exception(error)
            self.result.exception()  # there may be nobody left to hear it


class Turns:
    """The actions of one server process."""

    def __init__(self, *, threads: int, seconds: float) -> None:
        self._threads = threads
        self._share = max(1, threads // 2)  # of one owner, who may have many connections
        self._seconds = seconds
        self._workers = Workers(threads, "realtime-action")
        self._turns: dict[Hashable, _Turn] = {}  # by key: a call that comes again meanwhile joins the first
        self._waiting: dict[str, deque[_Turn]] = {}  # by owner, the next one first
        self._busy: Counter[str] = Counter()  # threads by owner
        self._lost = 0

    async def run(self, owner: str, key: Hashable, work: Callable[[Deadline], Result], *, name: str = "?") -> Result:
        """Do the work when it is the owner's turn, or join the work of the same key; the log knows it by its name.

        Raise `CallTimedOut` where it takes too long, and `CallsOverloaded` where no thread is to be had.
        """
        turn = self._turns.get(key)
        if turn is None:
            if self._lost >= self._threads + MAX_LOST:
                raise CallsOverloaded("Actions that do not return hold all threads of this server process.")
            turn = self._turns[key] = _Turn(owner, key, work, self._seconds, name=name)
            self._waiting.setdefault(owner, deque()).append(turn)
            self._start()
        turn.waiters += 1
        try:
            result: Result = await asyncio.shield(turn.result)
            return result
        finally:
            turn.waiters -= 1
            if not turn.waiters and turn.timer is None:
                self._drop(turn)

    def close(self) -> list[Future[None]]:
        """Have the threads end; return what can be waited for."""
        return self._workers.close()

    def _drop(self, turn: _Turn) -> None:
        # whoever asked has gone before it began
        queue = self._waiting.get(turn.owner)
        if queue is not None and turn in queue:
            queue.remove(turn)
            del self._turns[turn.key]
            if not queue:
                del self._waiting[turn.owner]

    def _start(self) -> None:
        while self._busy.total() < self._threads + min(self._lost, MAX_LOST):
            owner = next((owner for owner in self._waiting if self._busy[owner] < self._share), None)
            if owner is None:
                return
            queue = self._waiting.pop(owner)
            turn = queue.popleft()
            if queue:
                self._waiting[owner] = queue  # behind all others
            self._busy[owner] += 1
            turn.deadline.begin()
            turn.timer = asyncio.get_running_loop().call_later(self._seconds, self._expire, turn)
            future = asyncio.wrap_future(self._workers.submit(turn.work, turn.deadline))
            future.add_done_callback(lambda future, turn=turn: self._end(turn, future))  # type: ignore[misc]

    def _expire(self, turn: _Turn) -> None:
        if not turn.deadline.give_up():
            return  # its effects are there, or about to be: the reply is on its way
        turn.lost = True
        self._lost += 1
        fields = {"action": turn.name, "seconds": self._seconds}
        text = "The action %s has not returned within %g seconds; it is given up."
        logger.error(text, turn.name, self._seconds, extra=fields)
        turn.fail(CallTimedOut(self._seconds))
        if self._lost >= self._threads + MAX_LOST:
            self._refuse_all()
        self._start()

    def _refuse_all(self) -> None:
        for queue in self._waiting.values():
            for turn in queue:
                del self._turns[turn.key]
                turn.fail(CallsOverloaded("Actions that do not return hold all threads of this server process."))
        self._waiting.clear()

    def _end(self, turn: _Turn, future: asyncio.Future[Any]) -> None:
        if turn.timer is not None:
            turn.timer.cancel()
        if turn.lost:
            self._lost -= 1
            logger.warning("The action %s, which was given up, has returned.", turn.name, extra={"action": turn.name})
        self._busy[turn.owner] -= 1
        if not self._busy[turn.owner]:
            del self._busy[turn.owner]
        del self._turns[turn.key]
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is not None:
            turn.fail(error)
        elif not turn.result.done():
            turn.result.set_result(future.result())
        self._start()
