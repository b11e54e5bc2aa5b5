"""Rate: how often something may happen, with a burst. The time comes in as a number."""

from __future__ import annotations


class Rate:
    """So many times a second, and after a pause as many at once."""

    __slots__ = ("_at", "_left", "_per_second")

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._left = max(1.0, per_second)
        self._at: float | None = None  # when it was asked last

    def take(self, now: float) -> bool:
        """Whether it may happen once more."""
        if self._at is not None:
            self._left = min(max(1.0, self._per_second), self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
