"""Effects: what the session asks the connection to do for a client's messages."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.protocol.messages import Authenticate, Call, Present, Send, Subscribe


@dataclass(slots=True, eq=False)
class Subscription:
    """One subscription of the client, from its request on; as an effect: the request.

    The answer refers to this object, not to the id, because the client may have reused the id meanwhile.
    """

    request: Subscribe
    cursor: str | None  # its position while it is not live
    query: int | None = None  # the live query, once accepted
    log: int | None = None
    subject: object = None  # set after authorization; the session does not use it
    checked: bool = False  # included in the count of authorized subscriptions
    live: bool = False  # has all changes up to the session's cursor of its log
    present: dict[str, object] | None = None  # the user's presence data; None if the user only watches

    @property
    def id(self) -> int:
        return self.request.id


@dataclass(slots=True, frozen=True)
class CatchUp:
    """Bring live queries up to date from these cursors, because the client has credit again."""

    queries: dict[int, str | None]


@dataclass(slots=True, frozen=True)
class Leave:
    """Leave a live query, because no subscription of the client needs it any more."""

    query: int


@dataclass(slots=True, frozen=True)
class Publish:
    """Send an event or presence data of the client to the other subscribers."""

    message: Send | Present
    subscription: Subscription


Effect = Subscription | Authenticate | Call | CatchUp | Leave | Publish
