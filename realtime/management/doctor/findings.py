"""Findings: the results of the doctor's tests, layer by layer.

The doctor tests the whole path of a change. It writes a row of its own model, which it deletes again, and log entries
that match no stream, which are pruned with the log.
"""

from __future__ import annotations

import enum
import time
from typing import NamedTuple

ANSWER_SECONDS = 10.0  # a layer that needs longer is broken
SLOW_SECONDS = 0.25


class Outcome(enum.Enum):
    """The outcome of a test."""

    OK = "ok"
    SLOW = "slow"
    RISKY = "risky"
    OFF = "off"
    BROKEN = "broken"


class Finding(NamedTuple):
    """A tested layer, the outcome, and a sentence with the remedy if there is one."""

    what: str
    state: Outcome
    text: str


class Broken(Exception):
    """A failed test, with the reason."""


def finding(what: str, begun: float, text: str) -> Finding:
    """Return a success, or a slow one. `begun`: the value of `time.perf_counter()` at the start."""
    seconds = time.perf_counter() - begun
    state = Outcome.SLOW if seconds > SLOW_SECONDS else Outcome.OK
    return Finding(what, state, f"{text} in {seconds * 1000:.0f} ms")


def broken(what: str, error: BaseException, remedy: str = "") -> Finding:
    """Return a failure with its error."""
    said = str(error).strip().partition("\n")[0].rstrip(".")
    name = "" if isinstance(error, Broken) else f"{type(error).__name__}: "
    return Finding(what, Outcome.BROKEN, f"{name}{said}. {remedy}".strip())
