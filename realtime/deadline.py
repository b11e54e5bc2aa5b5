"""Deadline: the time limit of one call. Either it commits, or it is given up; never both."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from typing import TypeVar

from realtime.exceptions import CallTimedOut

Result = TypeVar("Result")


class Deadline:
    """Shared by the thread that runs an action and by the loop that has the time.

    `seconds` is the limit; None: there is none.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self.committing = False  # the action has ended in time: its effects are about to be there, or are
        self.given_up = False
        self._lock = threading.Lock()

    def commit(self) -> None:
        """Said by the thread just before it commits. Raise `CallTimedOut` where the call has been given up."""
        with self._lock:
            if self.given_up:
                raise CallTimedOut(self.seconds or 0)
            self.committing = True

    def give_up(self) -> bool:
        """Said by the loop when the time is over; False where the call is being committed already."""
        with self._lock:
            self.given_up = not self.committing
            return self.given_up

    async def within(self, work: Awaitable[Result]) -> Result:
        """Await what an async action does, and cancel it when the time is over."""
        try:
            async with asyncio.timeout(self.seconds) as limit:
                return await work
        except TimeoutError:
            if limit.expired() and self.give_up():
                raise CallTimedOut(self.seconds or 0) from None
            raise
