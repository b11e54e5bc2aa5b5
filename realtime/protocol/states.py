"""States: where a connection stands, and which messages of the client it takes there."""

from __future__ import annotations

import enum

from realtime.protocol.messages import Ack, Authenticate, Call, Hello, Present, Send, Subscribe, Unsubscribe


class State(enum.Enum):
    """Where a connection stands."""

    NEW = "new"  # nothing heard yet
    GREETING = "greeting"  # hello was heard, with a token, and who that is is being found out
    OPEN = "open"  # welcome was said
    CLOSED = "closed"  # bye was said, by either side


#: Which messages a state knows; any other is an error of the client.
TRANSITIONS: dict[tuple[State, type], State] = {
    (State.NEW, Hello): State.OPEN,  # or GREETING
    (State.GREETING, Subscribe): State.GREETING,
    (State.GREETING, Unsubscribe): State.GREETING,
    (State.GREETING, Call): State.GREETING,
    (State.GREETING, Send): State.GREETING,
    (State.GREETING, Present): State.GREETING,
    (State.OPEN, Authenticate): State.OPEN,
    (State.OPEN, Subscribe): State.OPEN,
    (State.OPEN, Unsubscribe): State.OPEN,
    (State.OPEN, Call): State.OPEN,
    (State.OPEN, Send): State.OPEN,
    (State.OPEN, Present): State.OPEN,
    (State.OPEN, Ack): State.OPEN,
}
