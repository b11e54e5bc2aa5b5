"""Envelope: an event with its recipients, as it is sent between processes."""

from __future__ import annotations

import msgspec

MAX_EVENT_BYTES = 8 * 1024  # of an event's data as JSON


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, tag="event"):
    """An event and its recipients: a user, or the subscribers of a live query.

    `params` are from `ModelStream.params_key`. `audience` restricts the recipients to one audience. `origin` is the
    sending process, and `sent` the time in seconds since 1970 by the sender's clock.
    """

    name: str
    data: msgspec.Raw
    stream: str = ""
    params: str = ""
    audience: tuple[str, str] | None = None
    user: str | None = None
    sender: str | msgspec.UnsetType | None = msgspec.UNSET
    origin: str = ""
    sent: float = 0.0


def audience_text(audience: object) -> tuple[str, str]:
    """Return the type and text of an audience: True and 1 differ."""
    return type(audience).__name__, str(audience)
