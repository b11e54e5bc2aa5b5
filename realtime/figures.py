"""Figures: what this process has done since it began, in counters that only grow, and the name it goes by."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections import defaultdict

Counts = dict[str, dict[str, float]]
"""By the counter's name and its label; the label is "" where a counter has none."""


class Figures:
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


_figures = Figures()


def get_figures() -> Figures:
    """The figures of this process; a fork begins its own."""
    global _figures
    if _figures.pid != os.getpid():
        _figures = Figures()
    return _figures


def count(name: str, label: str = "", *, amount: float = 1) -> None:
    """Add to a counter of this process."""
    get_figures().count(name, label, amount=amount)
