"""Deadline: the time limit of one call. The call either commits or times out, never both."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from time import monotonic
from typing import TypeVar

from realtime.exceptions import CallTimedOut

Result = TypeVar("Result")


class Deadline:
    """Shared by the thread that runs an action and the event loop that watches the time.

    `seconds` is the limit after `begin`; None: no limit.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self.committing = False  # the action has ended in time, and its transaction commits or has committed
        self.given_up = False
        self._ends: float | None = None  # None before `begin`
        self._asked = False  # the loop has asked to abandon the call
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Start the time, if it has not started yet."""
        if self.seconds is not None and self._ends is None:
            self._ends = monotonic() + self.seconds

    def commit(self) -> None:
        """Mark the call as committing, in the thread. Raise `CallTimedOut` if it was abandoned."""
        with self._lock:
            if self.given_up:
                raise self._error()
            self.committing = True

    def retry(self) -> None:
        """Prepare to repeat the transaction after a conflict, in the thread. Raise `CallTimedOut` if too late."""
        with self._lock:
            self.committing = False
            self.given_up = self.given_up or self._asked or self._left() == 0
            if self.given_up:
                raise self._error()

    def give_up(self) -> bool:
        """Abandon the call, in the loop, because the time is over; return False if it already commits."""
        with self._lock:
            self._asked = True
            self.given_up = not self.committing
            return self.given_up

    async def within(self, work: Awaitable[Result]) -> Result:
        """Await the work of an async action, and cancel it when the time is over."""
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
