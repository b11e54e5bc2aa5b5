"""Installation: begins to capture, by what `REALTIME_CAPTURE` names."""

from __future__ import annotations

from realtime.capture import statements
from realtime.capture.tracking import log_databases, watched_tables


def install() -> None:
    """Begin to capture the models that the registered streams need; may be called again when streams change."""
    statements.watch(watched_tables(), log_databases())
