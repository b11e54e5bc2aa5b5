"""Effects: what the session asks the connection to do."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.client.subscriptions import Message, Update, Wire


@dataclass(slots=True, frozen=True)
class Open:
    """Open a connection."""


@dataclass(slots=True, frozen=True)
class Close:
    """Close the connection."""


@dataclass(slots=True, frozen=True)
class Send:
    message: Message


@dataclass(slots=True, frozen=True)
class Wait:
    """Wait at least `retry` seconds before the next attempt.

    `planned`: the server has asked its clients to reconnect, which is not a failure.
    """

    retry: float
    planned: bool = False


@dataclass(slots=True, frozen=True)
class Greeted:
    heartbeat: float  # seconds


@dataclass(slots=True, frozen=True)
class Expires:
    """The token expires after so many seconds."""

    seconds: float


@dataclass(slots=True, frozen=True)
class Apply:
    """Apply the deltas of a frame, and then call `applied`."""

    cursor: str
    updates: list[Update]


@dataclass(slots=True, frozen=True)
class Refused:
    wire: Wire
    code: int
    reason: str


@dataclass(slots=True, frozen=True)
class Later:
    """Call `again` for this wire after a delay."""

    wire: Wire


@dataclass(slots=True, frozen=True)
class Replied:
    reply: Message


@dataclass(slots=True, frozen=True)
class Happened:
    """An event for these wires, or for the user (None)."""

    event: Message
    wires: list[Wire] | None


@dataclass(slots=True, frozen=True)
class EventRejected:
    """The server rejected an event or presence data."""

    code: int
    reason: str


Effect = Open | Close | Send | Wait | Greeted | Expires | Apply | Refused | Later | Replied | Happened | EventRejected
