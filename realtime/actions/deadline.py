"""Deadline: the time limit of one call. Either it commits, or it is given up; never both."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from time import monotonic
from typing import TypeVar

from realtime.exceptions import CallTimedOut

Result = TypeVar("Result")


class Deadline:
    """Shared by the thread that runs an action and by the loop that has the time.

    `seconds` is the limit, from `begin` on; None: there is none.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self.committing = False  # the action has ended in time: its effects are about to be there, or are
        self.given_up = False
        self._ends: float | None = None  # once it has begun
        self._asked = False  # the loop wanted to give the call up
        self._lock = threading.Lock()

    def begin(self) -> None:
        """The time begins, unless it has."""
        if self.seconds is not None and self._ends is None:
            self._ends = monotonic() + self.seconds

    def commit(self) -> None:
        """Said by the thread just before it commits. Raise `CallTimedOut` where the call has been given up."""
        with self._lock:
            if self.given_up:
                raise self._error()
            self.committing = True

    def retry(self) -> None:
        """Said by the thread when it has lost to another transaction. Raise `CallTimedOut` where the time is over."""
        with self._lock:
            self.committing = False
            self.given_up = self.given_up or self._asked or self._left() == 0
            if self.given_up:
                raise self._error()

    def give_up(self) -> bool:
        """Said by the loop when the time is over; False where the call is being committed already."""
        with self._lock:
            self._asked = True
            self.given_up = not self.committing
            return self.given_up

    async def within(self, work: Awaitable[Result]) -> Result:
        """Await what an async action does, and cancel it when the time is over."""
        self.begin()
        try:
            async with asyncio.timeout(self._left()) as limit:
                return await work
        except TimeoutError:
            if limit.expired() and self.give_up():
                raise self._error() from None
            raise

    def _left(self) -> float | None:
        return None if self._ends is None else max(0.0, self._ends - monotonic())

    def _error(self) -> CallTimedOut:
        return CallTimedOut(self.seconds or 0)
