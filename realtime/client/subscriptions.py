"""Subscriptions: what the session has subscribed to, each with its cursor. Pure, like the session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

Message = dict[str, Any]  # decoded JSON
Reaction = Literal["reconnect", "renew", "stop"]

Status = Literal["wanted", "asked", "accepted", "live", "behind", "delayed", "refused"]
ON_SERVER = ("asked", "accepted", "live", "behind")


def as_json(value: Any) -> Any:
    """Return a copy as JSON has it, which stays as it is and can be sent again. Raise `TypeError` if there is none."""
    return msgspec.json.decode(msgspec.json.encode(value))


def reaction_to(code: int) -> Reaction:
    """Return how a client reacts to a code. The range decides, so unknown codes work too."""
    if 4200 <= code < 4300:
        return "stop"
    return "renew" if 4100 <= code < 4200 else "reconnect"


@dataclass(slots=True, eq=False)
class Subscription:
    """The state of one subscription.

    `cursor` is the position of the client's rows, or None if they are invalid; `fingerprint` is that of the rows.
    `present` is the presence data of the client's user, or None if the client only watches.
    """

    stream: str
    params: Mapping[str, Any] | None = field(default_factory=dict)
    format: str = "data"
    token: str | None = None
    cursor: str | None = None
    fingerprint: str = ""
    next_fingerprint: str = ""  # that of the next frames
    id: int = 0
    query: int | None = None
    log: int | None = None
    status: Status = "wanted"
    failures: int = 0  # how often in a row it was delayed
    present: Mapping[str, Any] | None = None
    parts: list[Mapping[str, Any]] | None = None  # puts of the first frame, which comes after them
    vouched: bool = False  # the server has accepted the token, so stream and parameters are genuine


class Update(NamedTuple):
    """A subscription's part of a frame. `fresh`: its rows replace all rows of the client."""

    subscription: Subscription
    deltas: list[Mapping[str, Any]]
    fresh: bool


class Subscriptions:
    """All subscriptions of a client."""

    def __init__(self) -> None:
        self._items: list[Subscription] = []
        self._next_id = 1

    def __contains__(self, item: Subscription) -> bool:
        return item in self._items

    def add(self, item: Subscription) -> None:
        self._items.append(item)

    def remove(self, item: Subscription) -> list[Message]:
        """Remove a subscription; return the messages for an open connection."""
        self._items.remove(item)
        return self._unsubscribe(item)

    @property
    def live(self) -> bool:
        """Whether all subscriptions that are not refused are live."""
        return all(item.status in ("live", "refused") for item in self._items)

    @property
    def refused(self) -> bool:
        """Whether there are subscriptions, and all of them are refused."""
        return bool(self._items) and all(item.status == "refused" for item in self._items)

    def subscribe(self, item: Subscription) -> list[Message]:
        """Return the messages of a subscription request."""
        # a new id each time, because messages for the previous one may still arrive
        item.id, item.status, item.parts = self._next_id, "asked", None
        self._next_id += 1
        target = (
            {"token": item.token}
            if item.token
            else {"stream": item.stream, "params": dict(item.params or {}), "format": item.format}
        )
        held = (
            {}
            if item.cursor is None
            else {"cursor": item.cursor} | ({"fingerprint": item.fingerprint} if item.fingerprint else {})
        )
        asked = {"type": "subscribe", "id": item.id, **target, **held}
        return [asked] if item.present is None else [asked, _present(item)]

    def subscribe_all(self) -> list[Message]:
        return [message for item in self._items if item.status != "refused" for message in self.subscribe(item)]

    def send_event(self, item: Subscription, name: str, data: Any) -> list[Message]:
        """Return the message of an event; none before the server has accepted the subscription."""
        accepted = item.status in ON_SERVER and item.status != "asked"
        return [{"type": "send", "id": item.id, "name": name, "data": data}] if accepted else []

    def present(self, item: Subscription, data: Mapping[str, Any]) -> list[Message]:
        item.present = data
        return [_present(item)] if item.status in ON_SERVER else []

    def of(self, query: int) -> list[Subscription]:
        """Return the subscriptions that an event is for."""
        return [item for item in self._items if item.query == query]

    def interrupt(self) -> None:
        """Handle the loss of the connection; the subscriptions are still wanted."""
        for item in self._items:
            if item.status != "refused":
                item.query, item.log, item.status, item.parts = None, None, "wanted", None

    def discard_credentials(self) -> None:
        """Discard tokens and rows, because the user may be another one."""
        for item in self._items:
            item.cursor = None
            if item.params is not None and item.vouched:
                item.token = None

    def accept(self, message: Message) -> None:
        item = self._find(message["id"])
        if item is None:
            return
        item.vouched = item.vouched or item.token is not None
        fingerprint = message.get("fingerprint", "")
        # If a fingerprint is unknown, only the server knows whether the rows are valid, and resets them if not.
        if item.query is not None or (item.fingerprint and fingerprint and item.fingerprint != fingerprint):
            item.cursor = None  # all rows will be sent
        item.query, item.log, item.next_fingerprint, item.status = (
            message["query"],
            message["log"],
            fingerprint,
            "accepted",
        )

    def refuse(self, message: Message) -> Subscription | None:
        """Handle a refusal: the subscription is requested again, delayed or ended, as its status then says."""
        item = self._find(message["id"])
        if item is None:
            return None
        item.query = item.log = None
        reaction = reaction_to(message["code"])
        if reaction == "renew" and item.token and item.params is not None and item.vouched:
            item.token, item.status = None, "wanted"
        elif reaction == "reconnect":
            item.status = "delayed"
            item.failures += 1
        else:
            item.status, item.cursor = "refused", None
        return item

    def add_part(self, message: Message) -> None:
        """Keep rows of a subscription until its first frame."""
        item = self._find(message["id"])
        if item is not None:
            if item.parts is None or message.get("first"):
                item.parts = []
            item.parts += message["puts"]

    def updates(self, frame: Message) -> list[Update]:
        return [
            Update(item, _deltas(item, frame), fresh=item.cursor is None)
            for item in self._items
            if (item.log == frame["log"] if "log" in frame else item.query == frame["deltas"][0]["query"])
        ]

    def advance(self, item: Subscription, cursor: str | None) -> None:
        """Note that the client has the subscription's rows up to this cursor; None: up to the same one as before."""
        item.cursor = item.cursor if cursor is None else cursor
        item.fingerprint, item.status, item.failures = item.next_fingerprint, "live", 0

    def reset(self, item: Subscription) -> list[Message]:
        """Discard the client's rows, and request them again."""
        messages = self._unsubscribe(item)
        item.cursor, item.status = None, "delayed"
        item.failures += 1
        return messages

    def fall_behind(self) -> None:
        for item in self._items:
            if item.status == "live":
                item.status = "behind"

    def heartbeat(self, cursors: Mapping[str, str]) -> None:
        for item in self._items:
            # a subscription has no rows before its first frame, so a heartbeat must not move its cursor
            if item.status in ("live", "behind") and (cursor := cursors.get(str(item.log))) is not None:
                item.cursor, item.status = cursor, "live"

    def _unsubscribe(self, item: Subscription) -> list[Message]:
        held = item.status in ON_SERVER
        item.query, item.log, item.status = None, None, "wanted"
        return [{"type": "unsubscribe", "id": item.id}] if held else []

    def _find(self, id: int) -> Subscription | None:
        asked: Iterable[Subscription] = (item for item in self._items if item.status not in ("wanted", "delayed"))
        return next((item for item in asked if item.id == id), None)


def _deltas(item: Subscription, frame: Message) -> list[Mapping[str, Any]]:
    """Return a subscription's deltas, with the rows that came in parts before its first frame."""
    deltas: list[Mapping[str, Any]] = [delta for delta in frame["deltas"] if delta["query"] == item.query]
    if item.parts is None or not any(delta.get("parts") or delta.get("reset") for delta in deltas):
        return deltas
    puts, item.parts = item.parts, None
    return [{"query": item.query, "reset": True, "puts": puts}, *deltas]


def _present(item: Subscription) -> Message:
    return {"type": "present", "id": item.id, "data": dict(item.present or {})}
