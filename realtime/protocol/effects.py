"""Effects: what the connection has to do about a client's messages; the session's events."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.protocol.messages import Authenticate, Call, Present, Send, Subscribe


@dataclass(slots=True, eq=False)
class Subscription:
    """One subscription of the client, from the moment it is asked for; as an effect: that it is asked for.

    It goes to whoever answers and comes back with the answer, since the client may use its id anew meanwhile.
    """

    asked: Subscribe
    cursor: str | None  # where it stands while it is not live
    query: int | None = None  # the live query, once accepted
    log: int | None = None
    subject: object = None  # what it was admitted to; the session does not look at it
    checked: bool = False  # it has been counted among those that are checked
    live: bool = False  # has all up to the session's cursor of its log
    present: dict[str, object] | None = None  # what the client says of its user's presence; None: it only looks

    @property
    def id(self) -> int:
        return self.asked.id


@dataclass(slots=True, frozen=True)
class CatchUp:
    """Effect: these live queries are to be brought up to date from these cursors, the client having credit again."""

    queries: dict[int, str | None]


@dataclass(slots=True, frozen=True)
class Leave:
    """Effect: no subscription of the client needs this live query any more."""

    query: int


@dataclass(slots=True, frozen=True)
class Publish:
    """Effect: the client has something to say to others, through this subscription."""

    message: Send | Present
    subscription: Subscription


Effect = Subscription | Authenticate | Call | CatchUp | Leave | Publish
