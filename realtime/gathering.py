"""Gathering: work for many clients that is done together, so that what it reads is read once for all of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, TypeVar

Asked = TypeVar("Asked")
Known = TypeVar("Known")
Answer = TypeVar("Answer")
Member = tuple[Any, asyncio.Future[Any]]
"""What somebody asks, and where the answer goes."""

MOST = 64  # of one round: the first of them waits for the last
RUSH_SECONDS = 0.025  # between the beginnings of two rounds, so that in a rush they have many members


class Gathering(Generic[Asked, Known, Answer]):
    """Answers what is asked by `answer(asked, known)` in a thread, `known` being `read` for all of a round.

    A round begins at once where there is no rush, and so has one member; what is asked right after it, or while all
    threads work, waits for the next one. `submit` calls a function in one of so many threads.
    """

    def __init__(
        self,
        submit: Callable[..., Future[Any]],
        threads: int,
        *,
        read: Callable[[Sequence[Asked]], Known],
        answer: Callable[[Asked, Known], Answer],
    ) -> None:
        self._submit = submit
        self._threads = threads
        self._read = read
        self._answer = answer
        self._waiting: deque[Member] = deque()
        self._rounds = 0  # at work
        self._begins_at = 0.0  # the next round, at the earliest
        self._timer: asyncio.TimerHandle | None = None  # for it

    async def __call__(self, asked: Asked) -> Answer:
        """Raise whatever `read` or `answer` raise."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        self._go_on()
        return await future

    def _go_on(self) -> None:
        if self._waiting and self._timer is None and self._rounds < self._threads:
            self._timer = asyncio.get_running_loop().call_at(self._begins_at, self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._begins_at = asyncio.get_running_loop().time() + RUSH_SECONDS
        members: list[Member] = []
        while self._waiting and len(members) < MOST:
            member = self._waiting.popleft()
            if not member[1].done():  # whoever asked has gone
                members.append(member)
        if members:
            self._rounds += 1
            try:
                done = asyncio.wrap_future(self._submit(self._work, [asked for asked, _ in members]))
            except Exception as error:  # no thread can be had
                self._answer_all(members, [error] * len(members))
            else:
                done.add_done_callback(partial(self._end, members))
        self._go_on()

    def _work(self, asked: Sequence[Asked]) -> list[Answer | Exception]:
        try:
            known = self._read(asked)
        except Exception as error:
            return [_fit(error)] * len(asked)
        answers: list[Answer | Exception] = []
        for each in asked:
            try:
                answers.append(self._answer(each, known))
            except Exception as error:
                answers.append(_fit(error))
        return answers

    def _end(self, members: list[Member], done: asyncio.Future[Any]) -> None:
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        self._answer_all(members, [error] * len(members) if error is not None else done.result())
        self._go_on()

    def _answer_all(self, members: list[Member], answers: Sequence[Any]) -> None:
        self._rounds -= 1
        for (_, future), answer in zip(members, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def _fit(error: Exception) -> Exception:
    """The error, as a future can hold it."""
    if not isinstance(error, StopIteration):
        return error
    fit = RuntimeError("StopIteration was raised where there is nothing to iterate.")
    fit.__cause__ = error
    return fit
