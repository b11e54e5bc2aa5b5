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
    EventReceived,
    EventRejected,
    Expires,
    Open,
    Refused,
    Replied,
    Retry,
    Send,
    TextAdded,
    TextEnded,
    Wait,
    Welcomed,
)
from realtime.client.subscriptions import Message, Subscription, Subscriptions, reaction_to
from realtime.exceptions import Code
from realtime.protocol.messages import VERSION
from realtime.protocol.patches import units

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
        self._subscriptions = Subscriptions()
        self._absence: State = "connecting"  # the state until the next welcome
        self._renewed = False  # new credentials were requested since the last frame
        self._window = DEFAULT_WINDOW
        self._texts: dict[int, Message] = {}  # by number: a live text's last message, with the offset of the next
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
            case "ready" if self._subscriptions.refused:
                return "refused"
            case "ready":
                return "live" if self._subscriptions.live else "catching-up"
            case "stopped":
                return "refused"

    def state_of(self, subscription: Subscription) -> State | None:
        if subscription.status == "refused":
            return "refused"
        if self.phase != "ready":
            return self.state
        return "live" if subscription.status == "live" else "catching-up"

    def connect(self) -> list[Effect]:
        before = self.phase
        self._move("connect")
        if before == "stopped":
            self.fault = None
            self._renewed = False
            self._absence = "connecting"
        return [] if self.phase == before else [Open()]

    def opened(self, token: str | None = None) -> list[Effect]:
        """Handle an open socket. The token identifies the user, if no cookie does."""
        self._move("opened")
        self._texts.clear()
        self._handled = 0
        self._unacked = {"frames": 0, "bytes": 0}
        named = {} if token is None else {"token": token}
        return _send([{"type": "hello", "version": VERSION, **named}, *self._subscriptions.subscribe_all()])

    def authenticate(self, token: str) -> list[Effect]:
        """Send a newer token for the current connection."""
        return _send([{"type": "authenticate", "token": token}]) if self.phase == "ready" else []

    def lost(self, code: int, reason: str, retry: float = 0.0) -> list[Effect]:
        """Handle the end of the connection. The code decides what to do next."""
        reaction = reaction_to(code)
        if reaction == "stop" or (reaction == "renew" and self._renewed):
            self._move("stop")
            self._subscriptions.interrupt()
            self.fault = (code, reason)
            return [Close()]
        planned = code == Code.GOING_AWAY
        if not planned:
            self._absence = "offline"
        elif self.phase == "ready":  # a planned reconnect is quick, until it fails
            self._absence = "catching-up"
        self._move("lost")
        self._subscriptions.interrupt()
        if reaction == "renew":
            self._renewed = True
            self._subscriptions.discard_credentials()
        return [Close(), Wait(retry, planned)]

    def due(self) -> list[Effect]:
        """Connect after the delay."""
        self._move("due")
        return [Open()]

    def subscribe(self, subscription: Subscription) -> list[Effect]:
        self._subscriptions.add(subscription)
        return self._subscribe(subscription)

    def unsubscribe(self, subscription: Subscription) -> list[Effect]:
        return self._send_if_connected(self._subscriptions.remove(subscription))

    def send_event(self, subscription: Subscription, name: str, data: Any) -> list[Effect]:
        """Send an event to the other subscribers."""
        return self._send_if_connected(self._subscriptions.send_event(subscription, name, data))

    def present(self, subscription: Subscription, data: Mapping[str, Any]) -> list[Effect]:
        """Make the user present with this data."""
        return self._send_if_connected(self._subscriptions.present(subscription, data))

    def again(self, subscription: Subscription) -> list[Effect]:
        """Subscribe again after a delay, unless a reconnect has done so already."""
        return (
            self._subscribe(subscription)
            if subscription.status == "delayed" and subscription in self._subscriptions
            else []
        )

    def receive(self, received: Message | list[Any], size: int) -> list[Effect]:
        """Handle a message of `size` bytes. Raise `ValueError` if it is not allowed in this phase."""
        message = self._long(*received) if isinstance(received, list) else received
        kind = message["type"]
        if self.phase == "greeting" and kind not in ("welcome", "bye"):
            raise ValueError(f"The server sent '{kind}' before 'welcome'.")
        if kind == "welcome":
            self._move("welcome")
            self._window = message.get("window", DEFAULT_WINDOW)
            return [Welcomed(message["heartbeat"]), *_expires(message)]
        self._unacked["bytes"] += size
        if kind == "frame":  # acknowledged after it has been applied
            return [Apply(message["cursor"], self._subscriptions.updates(message))]
        self._handled += 1
        self._unacked["frames"] += kind == "part"
        return [*self._answer(kind, message), *self._ack_if_due()]

    def _answer(self, kind: str, message: Message) -> list[Effect]:
        match kind:
            case "authenticated":
                return _expires(message)
            case "subscribed":
                self._subscriptions.accept(message)
            case "part":
                self._subscriptions.add_part(message)
            case "behind":
                self._subscriptions.fall_behind()
            case "heartbeat":
                self._subscriptions.heartbeat(message.get("cursors", {}))
                return [self._ack()]
            case "refused":
                return self._refused(message)
            case "reply":
                return [Replied(message)]
            case "event":
                query = message.get("query")
                return [EventReceived(message, None if query is None else self._subscriptions.of(query))]
            case "text":
                return [self._text(message)]
            case "text_ended":
                key, field, query = message["key"], message["field"], message["query"]
                ended = {number for number, text in self._texts.items() if _name(text) == _name(message)}
                self._texts = {number: text for number, text in self._texts.items() if number not in ended}
                return [TextEnded(self._subscriptions.of(query), key, field, message["length"])]
            case "event_rejected":
                return [EventRejected(message["code"], message["reason"])]
            case "bye":
                return self.lost(message["code"], message["reason"], message.get("retry", 0.0))
        return []  # also for messages of a newer server

    def _long(self, number: int, more: str | Message) -> Message:
        """Return the long form of a short message: a text, or a frame whose cursor is missing."""
        if isinstance(more, dict):
            return {"type": "frame", "cursor": None, "deltas": [{"query": number, "patches": more}]}
        unknown = {"query": -1, "key": "", "field": "", "offset": 0}
        return {**self._texts.get(number, unknown), "type": "text", "number": number, "text": more}

    def _text(self, message: Message) -> TextAdded:
        key, field, offset, text = (message[name] for name in ("key", "field", "offset", "text"))
        self._texts[message["number"]] = {**message, "offset": offset + units(text)}
        return TextAdded(self._subscriptions.of(message["query"]), key, field, offset, text)

    def applied(self, frame: Apply, failed: Collection[Subscription] = ()) -> list[Effect]:
        """Handle an applied frame: its cursor is valid now, except for subscriptions whose deltas did not fit."""
        self._renewed = False
        self._handled += 1
        self._unacked["frames"] += 1
        effects: list[Effect] = []
        for subscription, _, _ in frame.updates:
            if subscription not in self._subscriptions:
                continue
            if subscription in failed:
                effects += self._resync(subscription)
            else:
                self._subscriptions.advance(subscription, frame.cursor)
        return [*self._ack_if_due(), *effects]

    def _resync(self, subscription: Subscription) -> list[Effect]:
        leaving = self._send_if_connected(self._subscriptions.reset(subscription))
        return [*leaving, *(self._subscribe(subscription) if subscription.failures == 1 else [Retry(subscription)])]

    def _refused(self, message: Message) -> list[Effect]:
        subscription = self._subscriptions.refuse(message)
        if subscription is None:
            return []
        if subscription.status == "wanted":
            return self._subscribe(subscription)
        return (
            [Retry(subscription)]
            if subscription.status == "delayed"
            else [Refused(subscription, message["code"], message["reason"], message.get("details", {}))]
        )

    def _move(self, event: str) -> None:
        following = TRANSITIONS[self.phase].get(event)
        if following is None:
            raise ValueError(f"A session that is '{self.phase}' does not know the event '{event}'.")
        self.phase = following

    def _subscribe(self, subscription: Subscription) -> list[Effect]:
        return _send(self._subscriptions.subscribe(subscription)) if self._connected else []

    def _send_if_connected(self, messages: list[Message]) -> list[Effect]:
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
