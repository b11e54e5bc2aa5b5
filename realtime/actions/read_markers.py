"""Read markers: how far a user has seen a stream with `unread_by`. Old ones are deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from realtime.auth.authorization import open_stream
from realtime.models import ReadMarker
from realtime.streams.registry import registry
from realtime.streams.unread_rows import MARKER, MarkerStream

KEPT_FOR = timedelta(days=365)  # after the user has last seen something new there


def mark_read(user: Any, name: str, params: Mapping[str, Any]) -> None:
    """Move the user's marker to the newest row. Raise `ClientError` or `StreamDefinitionError`."""
    registry.get_with_unread(name)
    marker: Any = open_stream(user, name + MARKER, params)
    marker.advance(user)


def prune(alias: str) -> int:
    """Delete the markers that have not moved for a year; return their number."""
    if alias != MarkerStream.database():
        return 0
    return ReadMarker.objects.using(alias).filter(moved_at__lt=timezone.now() - KEPT_FOR).delete()[0]
