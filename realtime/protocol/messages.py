"""Messages: one struct for each message of client and server, see `docs/reference/protocol.md`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

VERSION = 2
VERSIONS = (1, 2)  # supported by the server; version 1 has no patches and no live texts

Format = Annotated[str, Meta(pattern=r"^(html|html:.{1,1000}|data|pages|value:\w{1,100})$")]
Identifier = Annotated[int, Meta(ge=0, le=2**31)]
CallIdentifier = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Scalar = str | int | float | bool | None
Params = dict[str, Scalar | list[Scalar]]


class Hello(Struct, tag="hello", omit_defaults=True, frozen=True):
    version: int
    token: str | None = None


class Authenticate(Struct, tag="authenticate", frozen=True):
    token: str


class Subscribe(Struct, tag="subscribe", frozen=True):
    id: Identifier
    token: str | None = None
    stream: Name | None = None
    params: Params = msgspec.field(default_factory=dict)
    format: Format = "data"
    cursor: str | None = None
    fingerprint: str = ""


class Unsubscribe(Struct, tag="unsubscribe", frozen=True):
    id: Identifier


class Call(Struct, tag="call", frozen=True, kw_only=True):
    id: CallIdentifier
    token: str | None = None  # instead of stream and params, until it has been read
    stream: Name = ""
    action: Name
    params: Params = msgspec.field(default_factory=dict)
    args: dict[str, Any] = msgspec.field(default_factory=dict)


class Send(Struct, tag="send", frozen=True):
    id: Identifier
    name: Name
    data: Any = None


class Present(Struct, tag="present", frozen=True):
    id: Identifier
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class Ack(Struct, tag="ack", frozen=True):
    messages: Annotated[int, Meta(ge=0, le=2**53)]


ClientMessage = Hello | Authenticate | Subscribe | Unsubscribe | Call | Send | Present | Ack


class Window(Struct, frozen=True):
    frames: int
    bytes: int


class Welcome(Struct, tag="welcome", omit_defaults=True, frozen=True):
    version: int
    heartbeat: float
    window: Window
    expires: float | UnsetType = UNSET


class Authenticated(Struct, tag="authenticated", omit_defaults=True, frozen=True):
    expires: float | UnsetType = UNSET


class Subscribed(Struct, tag="subscribed", omit_defaults=True, frozen=True):
    id: int
    query: int
    log: int
    fingerprint: str = ""


class Put(Struct, omit_defaults=True, frozen=True):
    """A row and its place. Without a row, the client moves the row that it has."""

    key: str
    row: Raw | UnsetType = UNSET
    after: str | UnsetType | None = UNSET


class Delta(Struct, omit_defaults=True, frozen=True):
    """The changes of a live query from one cursor to another; false if there are none."""

    query: int
    reset: bool = False
    puts: tuple[Put, ...] = ()
    drops: tuple[str, ...] = ()
    order: tuple[str, ...] | None = None
    patches: dict[str, Raw] = msgspec.field(default_factory=dict)
    parts: bool = False  # the client's rows are those that it was sent in parts

    def __bool__(self) -> bool:
        return self.reset or self.parts or bool(self.puts or self.drops or self.patches) or self.order is not None


class Part(Struct, tag="part", omit_defaults=True, frozen=True):
    """Some of the rows of a subscription's first frame, which comes after all of them. The first part begins again."""

    id: int
    puts: Raw
    first: bool = False


class Frame(Struct, tag="frame", omit_defaults=True, frozen=True):
    log: int
    cursor: str
    deltas: tuple[Raw, ...]
    calls: tuple[str, ...] = ()


class Patched(Struct, array_like=True, frozen=True):
    """A frame in short: patches of one live query. The client's position stays as it is."""

    query: int
    patches: dict[str, Raw]


class Behind(Struct, tag="behind", frozen=True):
    pass


class Heartbeat(Struct, tag="heartbeat", frozen=True):
    cursors: dict[str, str]


class Refused(Struct, tag="refused", omit_defaults=True, frozen=True):
    id: int
    code: int
    reason: str
    retry: float | UnsetType = UNSET
    details: dict[str, list[str]] | UnsetType = UNSET


class Failure(Struct, omit_defaults=True, frozen=True):
    code: int
    reason: str
    details: dict[str, list[str]] | UnsetType = UNSET
    retry: float | UnsetType = UNSET
    version: str | UnsetType = UNSET


class Reply(Struct, tag="reply", omit_defaults=True, frozen=True):
    id: str
    result: Raw | UnsetType = UNSET
    error: Failure | UnsetType = UNSET


class Event(Struct, tag="event", omit_defaults=True, frozen=True):
    name: str
    data: Raw | UnsetType = UNSET
    query: int | UnsetType = UNSET
    sender: str | UnsetType | None = UNSET


class Text(Struct, tag="text", frozen=True):
    """A part of a live text, from an offset in UTF-16 code units on. `number` identifies the text from now on."""

    number: int
    query: int
    key: str
    field: str
    offset: int
    text: str


class TextMore(Struct, array_like=True, frozen=True):
    """The next part of a live text, after the last one that the client was sent."""

    number: int
    text: str


class TextEnded(Struct, tag="text_ended", frozen=True):
    """A live text has no writer any more, and has this length."""

    query: int
    key: str
    field: str
    length: int


class EventRejected(Struct, tag="event_rejected", frozen=True):
    id: int
    name: str
    code: int
    reason: str


class Bye(Struct, tag="bye", omit_defaults=True, frozen=True):
    code: int
    reason: str
    retry: float | UnsetType = UNSET


ServerObject = (
    Welcome
    | Authenticated
    | Subscribed
    | Part
    | Frame
    | Behind
    | Heartbeat
    | Refused
    | Reply
    | Event
    | EventRejected
    | Text
    | TextEnded
    | Bye
)

ServerMessage = ServerObject | TextMore | Patched
