"""Outage: a carrier between processes that has failed and is tried again."""

from __future__ import annotations

import logging

logger = logging.getLogger("realtime.wakeups")

FIRST_SECONDS = 0.5  # before a layer or database that has failed is tried again; doubled each time
LAST_SECONDS = 15.0


class Outage:
    """Logs the beginning and the end of an outage once each, and sets the delays between attempts.

    `gone` and `back` are the log messages; `gone` has a %s for the error. The records have the field `source`.
    """

    def __init__(self, source: str, *, gone: str, back: str) -> None:
        self._extra = {"source": source}
        self.gone = gone
        self.back = back
        self._seconds = 0.0

    def failed(self, error: BaseException) -> float:
        """Handle a failed attempt; return the seconds to wait before the next one."""
        if not self._seconds:
            logger.warning(self.gone, f"{type(error).__name__}: {error}", extra=self._extra)
        self._seconds = min(max(FIRST_SECONDS, 2 * self._seconds), LAST_SECONDS)
        return self._seconds

    def over(self) -> None:
        if self._seconds:
            logger.warning(self.back, extra=self._extra)
        self._seconds = 0.0


def hints_outage(source: str) -> Outage:
    """Return the outage of a source of wake-ups, such as "the channel layer"."""
    return Outage(
        source,
        gone=f"Wake-ups by {source} are not available (%s); changes are found by polling.",
        back=f"Wake-ups by {source} are available again.",
    )
