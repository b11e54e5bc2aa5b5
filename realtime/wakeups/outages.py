"""Outages: a source of hints that fails is tried again; the log says once that it is gone, once that it is back."""

from __future__ import annotations

import logging

logger = logging.getLogger("realtime.wakeups")

FIRST_SECONDS = 0.5
LAST_SECONDS = 15.0


class Outage:
    """The state of one source: `failed` gives the seconds to wait before the next try."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._seconds = 0.0

    def failed(self, error: BaseException) -> float:
        if not self._seconds:
            logger.warning(
                "Wake-ups by %s are not available (%s: %s); changes are found by polling.",
                self.name,
                type(error).__name__,
                error,
                extra={"source": self.name},
            )
        self._seconds = min(max(FIRST_SECONDS, 2 * self._seconds), LAST_SECONDS)
        return self._seconds

    def over(self) -> None:
        if self._seconds:
            logger.warning("Wake-ups by %s are available again.", self.name, extra={"source": self.name})
        self._seconds = 0.0
