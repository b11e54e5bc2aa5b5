"""The client's side of the protocol as a state machine. It takes events and returns effects; no socket, no clock.

It mirrors the browser's `session.js`, and is tested with the same cases.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from realtime.client.effects import (
    Apply,
    Close,
    Effect,
    EventRejected,
    Expires,
    Greeted,
    Happened,
    Later,
    Open,
    Refused,
    Replied,
    Send,
    Wait,
)
from realtime.client.subscriptions import Message, Wire, Wires, remedy
from realtime.exceptions import Code
from realtime.protocol.messages import VERSION

Phase = Literal["idle", "opening", "greeting", "ready", "waiting", "stopped"]
State = Literal["connecting", "live", "catching-up", "offline", "refused"]

#: The events that each phase accepts; any other event is an error.
TRANSITIONS: dict[Phase, dict[str, Phase]] = {
    "idle": {"connect": "opening"},
    "opening": {"connect": "opening", "opened": "greeting", "lost": "waiting", "stop": "stopped"},
    "greeting": {"connect": "greeting", "welcome": "ready", "lost": "waiting", "stop": "stopped"},
    "ready": {"connect": "ready", "lost": "waiting", "stop": "stopped"},
    "waiting": {"connect": "opening", "due": "opening"},
    "stopped": {"connect": "opening"},
}

DEFAULT_WINDOW = {"frames": 32, "bytes": 1048576}  # if the server's welcome has none


class ClientState:
    """The state of a client, across all of its connections."""

    def __init__(self) -> None:
        self.phase: Phase = "idle"
        self.fault: tuple[int, str] | None = None  # why the server refused the client for good
        self._wires = Wires()
        self._absence: State = "connecting"  # the state until the next welcome
        self._asked_anew = False  # new credentials were requested since the last frame
        self._window = DEFAULT_WINDOW
        self._handled = 0  # messages since the welcome
        self._unacked = {"frames": 0, "bytes": 0}

    @property
    def state(self) -> State | None:
        """The client's state; None before `connect`."""
        match self.phase:
            case "idle":
                return None
            case "opening" | "greeting" | "waiting":
                return self._absence
            case "ready" if self._wires.refused:
                return "refused"
            case "ready":
                return "live" if self._wires.live else "catching-up"
            case "stopped":
                return "refused"

    def state_of(self, wire: Wire) -> State | None:
        if wire.status == "refused":
            return "refused"
        if self.phase != "ready":
            return self.state
        return "live" if wire.status == "live" else "catching-up"

    def connect(self) -> list[Effect]:
        before = self.phase
        self._move("connect")
        if before == "stopped":
            self.fault = None
            self._asked_anew = False
            self._absence = "connecting"
        return [] if self.phase == before else [Open()]

    def opened(self, token: str | None = None) -> list[Effect]:
        """Handle an open socket. The token identifies the user, if no cookie does."""
        self._move("opened")
        self._handled = 0
        self._unacked = {"frames": 0, "bytes": 0}
        named = {} if token is None else {"token": token}
        return _send([{"type": "hello", "version": VERSION, **named}, *self._wires.ask_all()])

    def authenticate(self, token: str) -> list[Effect]:
        """Send a newer token for the current connection."""
        return _send([{"type": "authenticate", "token": token}]) if self.phase == "ready" else []

    def lost(self, code: int, reason: str, retry: float = 0.0) -> list[Effect]:
        """Handle the end of the connection. The code decides what to do next."""
        cure = remedy(code)
        if cure == "stop" or (cure == "ask anew" and self._asked_anew):
            self._move("stop")
            self._wires.interrupt()
            self.fault = (code, reason)
            return [Close()]
        planned = code == Code.GOING_AWAY
        if not planned:
            self._absence = "offline"
        elif self.phase == "ready":  # a planned reconnect is quick, until it fails
            self._absence = "catching-up"
        self._move("lost")
        self._wires.interrupt()
        if cure == "ask anew":
            self._asked_anew = True
            self._wires.forget()
        return [Close(), Wait(retry, planned)]

    def due(self) -> list[Effect]:
        """Connect after the delay."""
        self._move("due")
        return [Open()]

    def subscribe(self, wire: Wire) -> list[Effect]:
        self._wires.add(wire)
        return self._ask(wire)

    def unsubscribe(self, wire: Wire) -> list[Effect]:
        return self._tell(self._wires.remove(wire))

    def tell(self, wire: Wire, name: str, data: Any) -> list[Effect]:
        """Send an event to the other subscribers."""
        return self._tell(self._wires.tell(wire, name, data))

    def present(self, wire: Wire, data: Mapping[str, Any]) -> list[Effect]:
        """Make the user present with this data."""
        return self._tell(self._wires.present(wire, data))

    def again(self, wire: Wire) -> list[Effect]:
        """Subscribe again after a delay, unless a reconnect has done so already."""
        return self._ask(wire) if wire.status == "delayed" and wire in self._wires else []

    def receive(self, message: Message, size: int) -> list[Effect]:
        """Handle a message of `size` bytes. Raise `ValueError` if it is not allowed in this phase."""
        kind = message["type"]
        if self.phase == "greeting" and kind not in ("welcome", "bye"):
            raise ValueError(f"The server sent '{kind}' before 'welcome'.")
        if kind == "welcome":
            self._move("welcome")
            self._window = message.get("window", DEFAULT_WINDOW)
            return [Greeted(message["heartbeat"]), *_expires(message)]
        self._unacked["bytes"] += size
        if kind == "frame":  # acknowledged after it has been applied
            return [Apply(message["cursor"], self._wires.updates(message))]
        self._handled += 1
        return [*self._answer(kind, message), *self._ack_if_due()]

    def _answer(self, kind: str, message: Message) -> list[Effect]:
        match kind:
            case "authenticated":
                return _expires(message)
            case "subscribed":
                self._wires.accept(message)
            case "behind":
                self._wires.fall_behind()
            case "heartbeat":
                self._wires.heartbeat(message.get("cursors", {}))
                return [self._ack()]
            case "refused":
                return self._refused(message)
            case "reply":
                return [Replied(message)]
            case "event":
                query = message.get("query")
                return [Happened(message, None if query is None else self._wires.of(query))]
            case "event_rejected":
                return [EventRejected(message["code"], message["reason"])]
            case "bye":
                return self.lost(message["code"], message["reason"], message.get("retry", 0.0))
        return []  # also for messages of a newer server

    def applied(self, frame: Apply, unfit: Collection[Wire] = ()) -> list[Effect]:
        """Handle an applied frame: its cursor is valid now, except for wires whose deltas did not fit."""
        self._asked_anew = False
        self._handled += 1
        self._unacked["frames"] += 1
        effects: list[Effect] = []
        for wire, _, _ in frame.updates:
            if wire not in self._wires:
                continue
            if wire in unfit:
                effects += self._resync(wire)
            else:
                self._wires.reach(wire, frame.cursor)
        return [*self._ack_if_due(), *effects]

    def _resync(self, wire: Wire) -> list[Effect]:
        told = self._tell(self._wires.reset(wire))
        return [*told, *(self._ask(wire) if wire.failures == 1 else [Later(wire)])]

    def _refused(self, message: Message) -> list[Effect]:
        wire = self._wires.refuse(message)
        if wire is None:
            return []
        if wire.status == "wanted":
            return self._ask(wire)
        return [Later(wire)] if wire.status == "delayed" else [Refused(wire, message["code"], message["reason"])]

    def _move(self, event: str) -> None:
        following = TRANSITIONS[self.phase].get(event)
        if following is None:
            raise ValueError(f"A session that is '{self.phase}' does not know the event '{event}'.")
        self.phase = following

    def _ask(self, wire: Wire) -> list[Effect]:
        return _send(self._wires.ask(wire)) if self._connected else []

    def _tell(self, messages: list[Message]) -> list[Effect]:
        return _send(messages) if self._connected else []

    @property
    def _connected(self) -> bool:
        return self.phase in ("greeting", "ready")

    def _ack_if_due(self) -> list[Effect]:
        due = any(self._unacked[what] >= self._window[what] / 4 for what in ("frames", "bytes"))
        return [self._ack()] if due and self.phase == "ready" else []

    def _ack(self) -> Effect:
        self._unacked = {"frames": 0, "bytes": 0}
        return Send({"type": "ack", "messages": self._handled})


def _send(messages: list[Message]) -> list[Effect]:
    return [Send(message) for message in messages]


def _expires(message: Message) -> list[Effect]:
    return [Expires(message["expires"])] if "expires" in message else []
