"""Pacing: how long the rounds of one log take, and when the next one may begin."""

from __future__ import annotations

import time
from collections.abc import Callable

RUSH_SECONDS = 0.025  # between the starts of two rounds or batches, so that each serves many in a rush
RETRY_SECONDS = 0.25  # after a failed round; doubled each time, up to the next one
MAX_RETRY_SECONDS = 5.0
FLOOD_SECONDS = 0.05  # the longest pause after a round with several changes
FLOW_SECONDS = 1.0  # after a change, for which more are expected


class Pacing:
    """Times the rounds of one log.

    A worker of slow live queries pauses for as long as its round took, so that others come first.
    """

    def __init__(self, *, is_apart: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_apart = is_apart
        self._clock = clock
        self.retry = 0.0  # seconds until a failed round is repeated
        self._begun = 0.0
        self._took = 0.0  # seconds that the last round took, until its frames were sent
        self._failing_since: float | None = None
        self._flow_until = 0.0  # more changes are expected
        self._flood_until = 0.0  # changes that come faster than they can be sent are sent together

    def begin(self) -> None:
        """Start a round."""
        self._begun = self._clock()

    def end(self, changes: int) -> float:
        """End a round that has sent its frames; return how many seconds it took."""
        now = self._clock()
        self._took = now - self._begun
        pause = self._took if self._is_apart else min(self._took, FLOOD_SECONDS)
        # also after a short round: what it costs beside its changes is more than what a change costs
        until = max(now + pause, self._begun + RUSH_SECONDS)
        self._flood_until = until if changes > 1 or self._is_apart else 0.0
        if changes:
            self._flow_until = now + FLOW_SECONDS
        self.retry, self._failing_since = 0.0, None
        return self._took

    def fail(self) -> float:
        """End a failed round; return the seconds until it is repeated."""
        if self._failing_since is None:
            self._failing_since = self._clock()
        # most likely the database is down: waiting clients are served when it is back
        self.retry = min(max(2 * self.retry, RETRY_SECONDS), MAX_RETRY_SECONDS)
        return self.retry

    def rest(self, *, waiting: bool) -> float:
        """Return the seconds until the next round. In a rush to common live queries, clients are served together."""
        until = self._begun + RUSH_SECONDS if waiting and not self._is_apart else self._flood_until
        return max(0.0, until - self._clock())

    @property
    def flows(self) -> bool:
        """Whether changes have come a moment ago."""
        return self._clock() < self._flow_until

    @property
    def lag(self) -> float:
        """Seconds from wake-up to sent frames in the last round; or since the log could not be read."""
        return self._took if self._failing_since is None else self._clock() - self._failing_since
