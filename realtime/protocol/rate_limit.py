"""Rate limit: how often something may happen; a token bucket to which the time is told."""

from __future__ import annotations

from dataclasses import dataclass, field

BURST_SECONDS = 10.0  # what was not used of so many seconds may be used at once


@dataclass(slots=True)
class Bucket:
    """Allows `rate` events per second on average, in bursts of up to `burst_seconds` times that.

    One is always allowed at a time, however low the rate is. What is taken from it is taken from `shared` too, the
    bucket that it has in common with others.
    """

    rate: float
    now: float  # seconds on any clock that does not go back
    shared: Bucket | None = None
    burst_seconds: float = BURST_SECONDS
    _left: float = field(init=False)

    def __post_init__(self) -> None:
        self._left = self.size

    @property
    def size(self) -> float:
        return max(1.0, self.rate * self.burst_seconds)

    def take(self, now: float, amount: float = 1) -> float:
        """Count an event, where it is allowed; return the seconds until it would be: 0 if it was.

        One that counts as several (`amount`) needs no more than the bucket holds.
        """
        wait = self.wait(now, amount)
        if wait == 0:
            self._count(amount)
        return wait

    def wait(self, now: float, amount: float = 1) -> float:
        """The seconds until such an event is allowed."""
        self._fill(now)
        wait = max(0.0, (min(amount, self.size) - self._left) / self.rate)
        return wait if self.shared is None else max(wait, self.shared.wait(now, amount))

    def give_back(self, amount: float = 1) -> None:
        """An event that was counted was none."""
        self._count(-amount)

    def _count(self, amount: float) -> None:
        self._left -= min(amount, self.size)
        if self.shared is not None:
            self.shared._count(amount)

    def is_full(self, now: float) -> bool:
        """Whether nothing of it is in use, so that a new one would do as well."""
        self._fill(now)
        return self._left >= self.size

    def _fill(self, now: float) -> None:
        self._left = min(self.size, self._left + max(0.0, now - self.now) * self.rate)
        self.now = now
