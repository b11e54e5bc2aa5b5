"""Bucket: how often something may happen; a token bucket to which the time is told."""

from __future__ import annotations

from dataclasses import dataclass, field

BURST_SECONDS = 10.0  # what was not used of so many seconds may be used at once


@dataclass(slots=True)
class Bucket:
    """Allows `rate` events a second in the long run, and ten seconds' worth of them at once.

    A rate below one event in ten seconds allows one at a time.
    """

    rate: float
    now: float  # seconds on any clock that does not go back
    _left: float = field(init=False)

    def __post_init__(self) -> None:
        self._left = self.size

    @property
    def size(self) -> float:
        return max(1.0, self.rate * BURST_SECONDS)

    def take(self, now: float) -> float:
        """Count one event, where it is allowed; return the seconds until the next one would be: 0 if it was."""
        self._fill(now)
        if self._left < 1:
            return (1 - self._left) / self.rate
        self._left -= 1
        return 0.0

    def is_full(self, now: float) -> bool:
        """Whether nothing of it is in use, so that a new one would do as well."""
        self._fill(now)
        return self._left >= self.size

    def _fill(self, now: float) -> None:
        self._left = min(self.size, self._left + max(0.0, now - self.now) * self.rate)
        self.now = now
