"""Findings: what the doctor has tried, layer by layer, and what came of it, as an outcome and in words.

The doctor tries the path of a change for real. It writes a row of its own, which it deletes again, and changes that
concern nobody, which go with the log.
"""

from __future__ import annotations

import enum
import time
from typing import NamedTuple

ANSWER_SECONDS = 10.0  # after which something does not work
SLOW_SECONDS = 0.25


class Outcome(enum.Enum):
    """What became of a trial."""

    OK = "ok"
    SLOW = "slow"
    RISKY = "risky"
    OFF = "off"
    BROKEN = "broken"


class Finding(NamedTuple):
    """What was tried, what came of it, and in words how, with the remedy where there is one."""

    what: str
    state: Outcome
    text: str


class Broken(Exception):
    """A trial that failed, with what to say about it."""


def finding(what: str, begun: float, text: str, *, slow: float = SLOW_SECONDS) -> Finding:
    """What works, begun at that time of `time.perf_counter`."""
    seconds = time.perf_counter() - begun
    state = Outcome.SLOW if seconds > slow else Outcome.OK
    return Finding(what, state, f"{text} in {seconds * 1000:.0f} ms")


def broken(what: str, error: BaseException, remedy: str = "") -> Finding:
    """What does not work, by the error that it gave."""
    said = str(error).strip().partition("\n")[0].rstrip(".")
    name = "" if isinstance(error, Broken) else f"{type(error).__name__}: "
    return Finding(what, Outcome.BROKEN, f"{name}{said}. {remedy}".strip())
