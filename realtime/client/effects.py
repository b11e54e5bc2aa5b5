"""Effects: what the session asks the connection to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from realtime.client.subscriptions import Message, Subscription, Update


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
class Welcomed:
    heartbeat: float  # seconds


@dataclass(slots=True, frozen=True)
class Expires:
    """The token expires after so many seconds."""

    seconds: float


@dataclass(slots=True, frozen=True)
class Apply:
    """Apply the deltas of a frame, and then call `applied`."""

    cursor: str | None
    updates: list[Update]


@dataclass(slots=True, frozen=True)
class Refused:
    subscription: Subscription
    code: int
    reason: str
    details: Mapping[str, Sequence[str]] = field(default_factory=dict)  # sentences by parameter


@dataclass(slots=True, frozen=True)
class Retry:
    """Call `again` for this subscription after a delay."""

    subscription: Subscription


@dataclass(slots=True, frozen=True)
class Replied:
    reply: Message


@dataclass(slots=True, frozen=True)
class EventReceived:
    """An event for these subscriptions, or for the user (None)."""

    event: Message
    subscriptions: list[Subscription] | None


@dataclass(slots=True, frozen=True)
class EventRejected:
    """The server rejected an event or presence data."""

    code: int
    reason: str


@dataclass(slots=True, frozen=True)
class TextAdded:
    """A text of these subscriptions has grown, from an offset in UTF-16 code units on."""

    subscriptions: list[Subscription]
    key: str
    field: str
    offset: int
    text: str


@dataclass(slots=True, frozen=True)
class TextEnded:
    """A text of these subscriptions has this length in the end."""

    subscriptions: list[Subscription]
    key: str
    field: str
    length: int


Received = Apply | EventReceived | EventRejected | TextAdded | TextEnded
Effect = Open | Close | Send | Wait | Welcomed | Expires | Refused | Retry | Replied | Received
