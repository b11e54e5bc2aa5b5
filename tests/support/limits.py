"""Limits of a test: changes some keys of REALTIME_LIMITS and leaves the others."""

from __future__ import annotations

from typing import Any


def limit(settings: Any, **changes: float) -> None:
    settings.REALTIME_LIMITS = {**getattr(settings, "REALTIME_LIMITS", {}), **changes}
