"""Batcher: does work for many clients together, so that shared data is read once for all of them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from realtime.conf import settings
from realtime.hub.elastic_pool import MAX_LATE, PATIENCE_SECONDS
from realtime.hub.pacing import RUSH_SECONDS

Request = TypeVar("Request")
Known = TypeVar("Known")
Answer = TypeVar("Answer")

MAX_MEMBERS = 64  # per batch: the first one waits for the last
SLOW_SECONDS = 0.5  # for one member; its kind then counts as slow
MEMORY_SECONDS = 60.0  # how long a slow kind is answered separately


class Answered(NamedTuple):
    """An answer, and when its batch began, by the loop's clock. The answer was true at that time or later."""

    answer: Any
    begun: float


class _Member:
    """One request, its kind if known, and the future that receives the answer."""

    __slots__ = ("future", "kind", "request")

    def __init__(self, request: Any, future: asyncio.Future[Answered]) -> None:
        self.request = request
        self.kind: Hashable = None
        self.future = future


class _Work(NamedTuple):
    """The functions that answer the members of a batch."""

    read: Callable[[Sequence[Any]], Any]
    answer: Callable[[Any, Any], Any]
    kind: Callable[[Any, Any], Hashable]
    is_under_way: Callable[[Any, Any], bool]
    is_slow: Callable[[Hashable], bool]


class _Batch:
    """Members that one thread answers in turn. Those that it has not reached can be withdrawn."""

    def __init__(self, members: Sequence[_Member], begun: float, *, apart: bool = False) -> None:
        self.members = members
        self.begun = begun
        self.apart = apart  # its only member is of a slow kind
        self.late = apart  # nobody else waits for it
        self.timer: asyncio.TimerHandle | None = None  # for the next check of how long it takes
        self.seconds = 0.0  # how long its work took
        self._left = deque(members)
        self._answers: list[tuple[_Member, Any]] = []
        self._apart: list[_Member] = []  # members of slow kinds, which get their own batches
        self._current: _Member | None = None
        self._since = 0.0  # when it started the current member, by the monotonic clock
        # whether a request is read together with the current one
        self._is_under_way: Callable[[Any], bool] = lambda request: False
        self._lock = threading.Lock()

    def work(self, work: _Work) -> None:
        """Answer the members. Runs in a thread."""
        begun = time.monotonic()
        with self._lock:
            requests = [member.request for member in self._left]
        try:
            known = work.read(requests)
        except Exception as error:
            with self._lock:
                self._answers += [(member, _fit(error)) for member in self._left]
                self._left.clear()
        else:
            self._is_under_way = lambda request: work.is_under_way(request, known)
            while member := self._next():
                self._answer(member, known, work)
        self.seconds = time.monotonic() - begun

    def _next(self) -> _Member | None:
        with self._lock:
            if self._left:
                self._current, self._since = self._left.popleft(), time.monotonic()
            return self._current

    def _answer(self, member: _Member, known: Any, work: _Work) -> None:
        try:
            member.kind = work.kind(member.request, known)
            apart = not self.apart and work.is_slow(member.kind)
            answer = None if apart else work.answer(member.request, known)
        except Exception as error:
            apart, answer = False, _fit(error)
        with self._lock:
            self._current = None
            if apart:
                self._apart.append(member)
            else:
                self._answers.append((member, answer))

    def take_apart(self) -> list[_Member]:
        """Remove and return the unanswered members of slow kinds."""
        with self._lock:
            apart, self._apart = self._apart, []
            return apart

    def take_answers(self) -> list[tuple[_Member, Any]]:
        """Remove and return the answers since the last call."""
        with self._lock:
            answers, self._answers = self._answers, []
            return answers

    def current(self) -> tuple[_Member | None, float]:
        """The member being answered, and for how many seconds; None while the shared data is read."""
        with self._lock:
            return self._current, time.monotonic() - self._since

    def give_up(self, *, is_slow: bool) -> list[_Member]:
        """Remove and return the members that the batch has not reached; it will not answer them.

        Those that are read together with the current member stay, unless that `is_slow`: they are ready when it is.
        """
        with self._lock:
            left, stay = list[_Member](), deque[_Member]()
            for each in self._left:
                (left if is_slow or not self._is_under_way(each.request) else stay).append(each)
            self._left = stay
            return left


class Batcher(Generic[Request, Known, Answer]):
    """Answers requests by `answer(request, known)` in a thread; `read` gets `known` once for the whole batch.

    Without a rush, a batch begins at once, with one member. Requests that arrive right after it, or while `batches`
    are running, wait for the next one, which begins a moment later, or when it is full. If a member takes longer than
    `PATIENCE_SECONDS`, another batch goes on with the others, except those for which `is_under_way(request, known)`:
    they are read by the same statement. The member's kind, `kind(request, known)`, is then answered separately for a
    while, each member in its own thread. The kind None is never separated. `submit` calls a function in a thread.
    """

    def __init__(
        self,
        submit: Callable[..., Future[Any]],
        batches: int,
        *,
        read: Callable[[Sequence[Request]], Known],
        answer: Callable[[Request, Known], Answer],
        kind: Callable[[Request, Known], Hashable] = lambda request, known: None,
        is_under_way: Callable[[Request, Known], bool] = lambda request, known: False,
    ) -> None:
        self._submit = submit
        self._most = batches
        self._work = _Work(read, answer, kind, is_under_way, self._is_slow)
        self._waiting: deque[_Member] = deque()
        self._apart: deque[_Member] = deque()  # members of slow kinds
        self._slow: dict[Hashable, float] = {}  # kinds, with the time until which each counts as slow
        self._batches = 0  # running, and not late
        self._late = 0  # running, each with a slow member
        self._begins_at = 0.0  # the earliest start of the next batch
        self._timer: asyncio.TimerHandle | None = None  # for the next batch

    async def __call__(self, request: Request) -> Answered:
        """Raise what `read` or `answer` raises, and `TimeoutError` for a kind that exceeds REALTIME_QUERY_SECONDS."""
        member = _Member(request, asyncio.get_running_loop().create_future())
        self._waiting.append(member)
        if len(self._waiting) == MAX_MEMBERS:  # the next batch waits for no more of them
            self._begins_at = 0.0
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        self._go_on()
        return await member.future

    def _is_slow(self, kind: Hashable) -> bool:
        return kind is not None and self._slow.get(kind, 0.0) > time.monotonic()

    def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        if self._waiting and self._timer is None and self._batches < self._most:
            self._timer = loop.call_at(self._begins_at, self._begin)
        while self._apart and self._late < MAX_LATE:
            member = self._apart.popleft()
            if not member.future.done():
                self._start(_Batch([member], loop.time(), apart=True))

    def _begin(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        self._begins_at = now + RUSH_SECONDS
        members: list[_Member] = []
        while self._waiting and len(members) < MAX_MEMBERS:
            member = self._waiting.popleft()
            if not member.future.done():  # the caller has gone
                members.append(member)
        if len(self._waiting) >= MAX_MEMBERS:
            self._begins_at = 0.0
        if members:
            self._start(_Batch(members, now))
        self._go_on()

    def _start(self, batch: _Batch) -> None:
        try:
            done = asyncio.wrap_future(self._submit(batch.work, self._work))
        except Exception as error:  # no thread is available
            for member in batch.members:
                _settle(member, error, batch.begun)
            return
        self._count(batch, 1)
        done.add_done_callback(partial(self._end, batch))
        self._look_after(batch, PATIENCE_SECONDS)

    def _look_after(self, batch: _Batch, seconds: float) -> None:
        batch.timer = asyncio.get_running_loop().call_later(seconds, self._look, batch)

    def _count(self, batch: _Batch, number: int) -> None:
        if batch.late:
            self._late += number
        else:
            self._batches += number

    def _look(self, batch: _Batch) -> None:
        """Check a batch that takes long: if one member causes it, the others continue without it."""
        self._hand_out(batch)
        member, seconds = batch.current()
        if member is None or seconds < PATIENCE_SECONDS or (self._late >= MAX_LATE and not batch.late):
            self._look_after(batch, PATIENCE_SECONDS)
            return
        if not batch.late:
            self._count(batch, -1)
            batch.late = True
            self._count(batch, 1)
        is_slow = seconds >= SLOW_SECONDS
        self._waiting.extendleft(reversed(batch.give_up(is_slow=is_slow)))
        self._go_on()
        if not is_slow:
            self._look_after(batch, SLOW_SECONDS - seconds)
        elif member.kind is not None:
            self._slow[member.kind] = time.monotonic() + MEMORY_SECONDS
            left = settings.QUERY_SECONDS - seconds
            if left > 0:
                self._look_after(batch, min(left, SLOW_SECONDS))
            else:  # the thread cannot be stopped, but nothing waits for it any more
                _settle(member, TimeoutError(), batch.begun)

    def _end(self, batch: _Batch, done: asyncio.Future[Any]) -> None:
        self._count(batch, -1)
        if batch.timer is not None:
            batch.timer.cancel()
        if batch.apart and batch.seconds < PATIENCE_SECONDS:  # its kind is fast again
            [member] = batch.members
            self._slow.pop(member.kind, None)
            self._waiting += [each for each in self._apart if each.kind == member.kind]
            self._apart = deque(each for each in self._apart if each.kind != member.kind)
        self._hand_out(batch)
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error is not None:
            for member in batch.members:
                _settle(member, error, batch.begun)
        self._go_on()

    def _hand_out(self, batch: _Batch) -> None:
        for member, answer in batch.take_answers():
            _settle(member, answer, batch.begun)
        self._apart += batch.take_apart()


def _settle(member: _Member, answer: Any, begun: float) -> None:
    if member.future.done():  # the caller has gone
        return
    if isinstance(answer, BaseException):
        member.future.set_exception(answer)
    else:
        member.future.set_result(Answered(answer, begun))


def _fit(error: Exception) -> Exception:
    """The error in a form that a future can hold."""
    if not isinstance(error, StopIteration):
        return error
    fit = RuntimeError("StopIteration was raised where there is nothing to iterate.")
    fit.__cause__ = error
    return fit
