"""Rate limit: a token bucket that gets the time as an argument."""

from __future__ import annotations

from dataclasses import dataclass, field

BURST_SECONDS = 10.0  # the unused tokens of so many seconds may be used at once


@dataclass(slots=True)
class Bucket:
    """Allows `rate` events per second on average, in bursts of up to `burst_seconds` times that.

    At least one event at a time is allowed, even at a low rate. Events are also taken from the bucket `shared`, which
    several buckets have in common.
    """

    rate: float
    now: float  # seconds by a monotonic clock
    shared: Bucket | None = None
    burst_seconds: float = BURST_SECONDS
    _left: float = field(init=False)

    def __post_init__(self) -> None:
        self._left = self.size

    @property
    def size(self) -> float:
        return max(1.0, self.rate * self.burst_seconds)

    def take(self, now: float, amount: float = 1) -> float:
        """Take an event from the bucket and return 0 if it is allowed; else return the seconds until it is.

        An event that counts as several (`amount`) needs at most a full bucket.
        """
        wait = self.wait(now, amount)
        if wait == 0:
            self._count(amount)
        return wait

    def wait(self, now: float, amount: float = 1) -> float:
        """Return the seconds until such an event is allowed."""
        self._fill(now)
        wait = max(0.0, (min(amount, self.size) - self._left) / self.rate)
        return wait if self.shared is None else max(wait, self.shared.wait(now, amount))

    def give_back(self) -> None:
        """Return the token of an event that did not happen."""
        self._count(-1)

    def _count(self, amount: float) -> None:
        self._left -= min(amount, self.size)
        if self.shared is not None:
            self.shared._count(amount)

    def is_full(self, now: float) -> bool:
        """Return whether the bucket is full, so that it can be replaced with a new one."""
        self._fill(now)
        return self._left >= self.size

    def _fill(self, now: float) -> None:
        self._left = min(self.size, self._left + max(0.0, now - self.now) * self.rate)
        self.now = now
