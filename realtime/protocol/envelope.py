"""Envelope: an event with its addressees, as it travels between processes."""

from __future__ import annotations

import msgspec

MAX_EVENT_BYTES = 8 * 1024  # of its data as JSON


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, tag="event"):
    """An event and whom it is for: a user, or a live query, whose `params` are as `ModelStream.params_key` has them.

    `audience` narrows it down to one: its type and its text. `origin` is the process that it comes from, and `sent`
    when that was, in seconds since 1970 by its own clock.
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
    """An audience as an envelope has it: True and 1 are two."""
    return type(audience).__name__, str(audience)
