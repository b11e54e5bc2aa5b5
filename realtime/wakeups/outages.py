"""Outages of a source of hints, as the log names them."""

from __future__ import annotations

from realtime.relay import Outage


def hints_outage(source: str) -> Outage:
    """The outage of a source, which is named as in "the channel layer"."""
    return Outage(
        source,
        gone=f"Wake-ups by {source} are not available (%s); changes are found by polling.",
        back=f"Wake-ups by {source} are available again.",
    )
