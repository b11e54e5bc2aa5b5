"""Timeouts, all scaled by one factor, and waiting for a condition."""

import os
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Answer = TypeVar("Answer")

FACTOR = float(os.environ.get("REALTIME_TEST_TIMEOUT_FACTOR", "1"))

STEP_SECONDS = 0.02


def seconds(number: float) -> float:
    """A timeout in seconds, made longer for slow machines."""
    return number * FACTOR


def wait_until(condition: Callable[[], Answer], *, what: str, timeout: float = 10) -> Answer:
    """Wait until the condition gives a true value, and return it; `what` names it in the error."""
    deadline = time.monotonic() + seconds(timeout)
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Waited {seconds(timeout):g} s in vain for {what}; last seen: {answer!r}")
        time.sleep(STEP_SECONDS)
    return answer


async def quickest(work: Callable[[int], Awaitable[object]], *, tries: int = 10, enough: float = 1.0) -> float:
    """The least seconds that work takes in some tries, since a busy machine may hold up any of them.

    The work is given the number of the try. A try that takes less than `enough` is the last one.
    """
    took: list[float] = []
    while len(took) < tries and min(took, default=enough) >= enough:
        started = time.monotonic()
        await work(len(took))
        took.append(time.monotonic() - started)
    return min(took)
