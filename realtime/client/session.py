"""The client's side of the protocol as a state machine: events in, effects out; no socket, no clock.

It is the twin of the browser's `session.js`, and is tested with the same cases.
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
    TextAdded,
    TextEnded,
    Wait,
)
from realtime.client.subscriptions import Message, Wire, Wires, remedy
from realtime.exceptions import Code
from realtime.protocol.messages import VERSION
from realtime.protocol.patches import units

Phase = Literal["idle", "opening", "greeting", "ready", "waiting", "stopped"]
State = Literal["connecting", "live", "catching-up", "offline", "refused"]

#: What each phase knows; an event that it does not know is an error.
TRANSITIONS: dict[Phase, dict[str, Phase]] = {
    "idle": {"connect": "opening"},
    "opening": {"connect": "opening", "opened": "greeting", "lost": "waiting", "stop": "stopped"},
    "greeting": {"connect": "greeting", "welcome": "ready", "lost": "waiting", "stop": "stopped"},
    "ready": {"connect": "ready", "lost": "waiting", "stop": "stopped"},
    "waiting": {"connect": "opening", "due": "opening"},
    "stopped": {"connect": "opening"},
}

DEFAULT_WINDOW = {"frames": 32, "bytes": 1048576}  # where the server does not say


class ClientState:
    """The state of a client, through any number of connections."""

    def __init__(self) -> None:
        self.phase: Phase = "idle"
        self.fault: tuple[int, str] | None = None  # why the server said stop
        self._wires = Wires()
        self._absence: State = "connecting"  # what is shown until the next welcome
        self._asked_anew = False  # fresh credentials were asked for since the last frame
        self._window = DEFAULT_WINDOW
        self._texts: dict[int, Message] = {}  # by number: a live text's last message, with the offset of the next
        self._handled = 0  # messages since welcome
        self._unacked = {"frames": 0, "bytes": 0}

    @property
    def state(self) -> State | None:
        """What can be shown; None before `connect`."""
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
        """The transport can carry messages; the token names the user, where no cookie does."""
        self._move("opened")
        self._texts.clear()
        self._handled = 0
        self._unacked = {"frames": 0, "bytes": 0}
        named = {} if token is None else {"token": token}
        return _send([{"type": "hello", "version": VERSION, **named}, *self._wires.ask_all()])

    def authenticate(self, token: str) -> list[Effect]:
        """A newer token for the connection at hand."""
        return _send([{"type": "authenticate", "token": token}]) if self.phase == "ready" else []

    def lost(self, code: int, reason: str, retry: float = 0.0) -> list[Effect]:
        """The connection is gone, or is given up; the code decides what comes next."""
        cure = remedy(code)
        if cure == "stop" or (cure == "ask anew" and self._asked_anew):
            self._move("stop")
            self._wires.interrupt()
            self.fault = (code, reason)
            return [Close()]
        planned = code == Code.GOING_AWAY
        if not planned:
            self._absence = "offline"
        elif self.phase == "ready":  # until the return fails, there is only a little to catch up with
            self._absence = "catching-up"
        self._move("lost")
        self._wires.interrupt()
        if cure == "ask anew":
            self._asked_anew = True
            self._wires.forget()
        return [Close(), Wait(retry, planned)]

    def due(self) -> list[Effect]:
        """The wait is over."""
        self._move("due")
        return [Open()]

    def subscribe(self, wire: Wire) -> list[Effect]:
        self._wires.add(wire)
        return self._ask(wire)

    def unsubscribe(self, wire: Wire) -> list[Effect]:
        return self._tell(self._wires.remove(wire))

    def tell(self, wire: Wire, name: str, data: Any) -> list[Effect]:
        """An event for the others who see what the wire sees."""
        return self._tell(self._wires.tell(wire, name, data))

    def present(self, wire: Wire, data: Mapping[str, Any]) -> list[Effect]:
        """The user is present, and says this of themselves."""
        return self._tell(self._wires.present(wire, data))

    def again(self, wire: Wire) -> list[Effect]:
        """The delay of a wire is over; a reconnect may have asked for it already."""
        return self._ask(wire) if wire.status == "delayed" and wire in self._wires else []

    def receive(self, received: Message | list[Any], size: int) -> list[Effect]:
        """Take one message of the server, of so many bytes. Raise `ValueError` where none may come."""
        message = self._text_more(*received) if isinstance(received, list) else received
        kind = message["type"]
        if self.phase == "greeting" and kind not in ("welcome", "bye"):
            raise ValueError(f"The server sent '{kind}' before 'welcome'.")
        if kind == "welcome":
            self._move("welcome")
            self._window = message.get("window", DEFAULT_WINDOW)
            return [Greeted(message["heartbeat"]), *_expires(message)]
        self._unacked["bytes"] += size
        if kind == "frame":  # it counts when it has been applied
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
            case "text":
                return [self._text(message)]
            case "text_ended":
                key, field, query = message["key"], message["field"], message["query"]
                ended = {number for number, text in self._texts.items() if _name(text) == _name(message)}
                self._texts = {number: text for number, text in self._texts.items() if number not in ended}
                return [TextEnded(self._wires.of(query), key, field, message["length"])]
            case "event_rejected":
                return [EventRejected(message["code"], message["reason"])]
            case "bye":
                return self.lost(message["code"], message["reason"], message.get("retry", 0.0))
        return []  # also for a message that a later server may add

    def _text_more(self, number: int, text: str) -> Message:
        """The short form of a message as the long one."""
        unknown = {"query": -1, "key": "", "field": "", "offset": 0}
        return {**self._texts.get(number, unknown), "type": "text", "number": number, "text": text}

    def _text(self, message: Message) -> TextAdded:
        key, field, offset, text = (message[name] for name in ("key", "field", "offset", "text"))
        self._texts[message["number"]] = {**message, "offset": offset + units(text)}
        return TextAdded(self._wires.of(message["query"]), key, field, offset, text)

    def applied(self, frame: Apply, unfit: Collection[Wire] = ()) -> list[Effect]:
        """A frame was applied: its cursor counts from now on, except for wires whose deltas did not fit."""
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


def _name(message: Message) -> tuple[Any, ...]:
    return message["query"], message["key"], message["field"]


def _expires(message: Message) -> list[Effect]:
    return [Expires(message["expires"])] if "expires" in message else []
