"""Findings: what a trial has shown, in a state and in words."""

from __future__ import annotations

import enum
import time
from typing import NamedTuple

ANSWER_SECONDS = 10.0  # after which something does not work
SLOW_SECONDS = 0.25


class State(enum.Enum):
    """What became of a trial."""

    OK = "ok"
    SLOW = "slow"
    OFF = "off"
    BROKEN = "broken"


class Finding(NamedTuple):
    """What was tried, what came of it, and in words how, with the remedy where there is one."""

    what: str
    state: State
    text: str


class Broken(Exception):
    """A trial that failed, with what to say about it."""


def finding(what: str, begun: float, text: str, *, slow: float = SLOW_SECONDS) -> Finding:
    """What works, begun at that time of `time.perf_counter`."""
    seconds = time.perf_counter() - begun
    state = State.SLOW if seconds > slow else State.OK
    return Finding(what, state, f"{text} in {seconds * 1000:.0f} ms")


def broken(what: str, error: BaseException, remedy: str = "") -> Finding:
    """What does not work, by the error that it gave."""
    said = str(error).strip().partition("\n")[0].rstrip(".")
    name = "" if isinstance(error, Broken) else f"{type(error).__name__}: "
    return Finding(what, State.BROKEN, f"{name}{said}. {remedy}".strip())
