"""Effects: what the session wants done."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.client.subscriptions import Message, Update, Wire


@dataclass(slots=True, frozen=True)
class Open:
    """A connection is to be opened."""


@dataclass(slots=True, frozen=True)
class Close:
    """The connection is to be closed."""


@dataclass(slots=True, frozen=True)
class Send:
    message: Message


@dataclass(slots=True, frozen=True)
class Wait:
    """The next attempt comes after a delay, and not before so many seconds.

    `planned`: the server has sent its clients on, which is no failure.
    """

    retry: float
    planned: bool = False


@dataclass(slots=True, frozen=True)
class Greeted:
    heartbeat: float  # seconds


@dataclass(slots=True, frozen=True)
class Expires:
    """The token ends after so many seconds."""

    seconds: float


@dataclass(slots=True, frozen=True)
class Apply:
    """A frame: call `applied` after its deltas have been applied."""

    cursor: str
    updates: list[Update]


@dataclass(slots=True, frozen=True)
class Refused:
    wire: Wire
    code: int
    reason: str


@dataclass(slots=True, frozen=True)
class Later:
    """The wire is to be asked for `again` after a delay."""

    wire: Wire


@dataclass(slots=True, frozen=True)
class Replied:
    reply: Message


@dataclass(slots=True, frozen=True)
class Happened:
    """An event, for these wires, or for the user (None)."""

    event: Message
    wires: list[Wire] | None


@dataclass(slots=True, frozen=True)
class EventRejected:
    """The server rejected an event or presence data."""

    code: int
    reason: str


@dataclass(slots=True, frozen=True)
class TextAdded:
    """A text of these wires has grown, from an offset in UTF-16 code units on."""

    wires: list[Wire]
    key: str
    field: str
    offset: int
    text: str


@dataclass(slots=True, frozen=True)
class TextEnded:
    """A text of these wires has this length in the end."""

    wires: list[Wire]
    key: str
    field: str
    length: int


Happening = Happened | EventRejected | TextAdded | TextEnded
Effect = Open | Close | Send | Wait | Greeted | Expires | Apply | Refused | Later | Replied | Happening
