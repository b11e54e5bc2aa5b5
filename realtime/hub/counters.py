"""Counters: what this process has done since it started, in counters that only grow; and its name."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections import defaultdict

from realtime.exceptions import Code
from realtime.streams.registry import registry

Counts = dict[str, dict[str, float]]
"""Values by the counter's name and label; the label is "" if a counter has none."""


class Counters:
    """The counters of one process. Any thread may count."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.process = secrets.token_hex(4)
        self.started = time.time()
        self._lock = threading.Lock()
        self._counts: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))

    def count(self, name: str, label: str = "", *, amount: float = 1) -> None:
        with self._lock:
            self._counts[name][label] += amount

    def counts(self) -> Counts:
        """A copy of all counters."""
        with self._lock:
            return {name: dict(labels) for name, labels in self._counts.items()}


_counters = Counters()


def get_counters() -> Counters:
    """The counters of this process. A forked process starts its own."""
    global _counters
    if _counters.pid != os.getpid():
        _counters = Counters()
    return _counters


def count(name: str, label: str = "", *, amount: float = 1) -> None:
    """Add to a counter of this process."""
    get_counters().count(name, label, amount=amount)


def reason_of(code: Code, stream: str | None) -> str:
    """The reason under which a refusal is counted. An unknown stream has its own, though clients cannot tell."""
    unknown = code is Code.FORBIDDEN and stream and stream not in registry
    return (Code.UNKNOWN_STREAM if unknown else code).name.lower()
