"""A reference client of docs/reference/protocol.md: messages in, messages out; no socket, no clock.

`Replica` is the rows of one live query as a client holds them. `ReferenceClient` keeps several through any number of
connections. Both are strict: what the protocol does not allow the server is an `AssertionError`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from realtime.client.live_text import LiveTexts
from realtime.client.rows import Rows
from realtime.protocol.messages import VERSION
from realtime.protocol.patches import units

QUARTER = 4  # an ack is due when one such part of the window has arrived


class Replica:
    """The rows of one live query, as the product's own client holds them; a delta that does not fit is an error."""

    def __init__(self) -> None:
        self._rows = Rows()
        self.clear = self._rows.clear

    def __repr__(self) -> str:
        return f"<Replica {self.keys}>"

    @property
    def keys(self) -> list[str]:
        return self._rows.keys

    @property
    def rows(self) -> dict[str, Any]:
        return self._rows.by_key

    def hold(self, rows: Mapping[str, Any]) -> None:
        """Hold rows that did not come in a frame: those of a page."""
        self._rows.keys, self._rows.by_key = list(rows), dict(rows)

    @property
    def texts(self) -> LiveTexts:
        """What is not saved yet of the rows' texts."""
        return self._rows.texts

    @property
    def ordered(self) -> list[tuple[str, Any]]:
        return [(key, self.rows[key]) for key in self.keys]

    def apply(self, delta: Mapping[str, Any]) -> None:
        order = delta.get("order") or ()
        assert len(set(order)) == len(order), f"A key stands twice in the order {order}."
        assert self._rows.apply([delta]), f"The delta {delta} does not fit the rows {self.keys}."


@dataclass
class Subscription:
    """What a client wants, and how far it has it."""

    id: int
    target: dict[str, Any]  # the fields of `subscribe` that name it: token, or stream and params and format
    replica: Replica = field(default_factory=Replica)
    cursor: str | None = None
    query: int | None = None
    log: int | None = None
    live: bool = False
    fingerprint: str = ""  # the tag of the rows that are held
    fresh: bool = False  # asked for without a cursor: the next delta has all rows
    parts: list[dict[str, Any]] | None = None  # puts of the first frame, which comes after them
    sent: set[str] = field(default_factory=set)  # the keys whose rows have come in this connection
    refusal: dict[str, Any] | None = None
    present: dict[str, Any] | None = None  # what the client says of its user's presence; None: it only looks

    @property
    def shown(self) -> list[Any]:
        """The rows in order, with what is added to their texts."""
        return [self.replica.texts.shown(key, row) for key, row in self.replica.ordered]


class ReferenceClient:
    """One client, through as many connections as it likes.

    `open` begins a connection and `receive` takes a message; both return what to send. With `holding_acks` the client
    reads and does not acknowledge.
    """

    def __init__(self, *, version: int = VERSION) -> None:
        self.version = version
        self.subscriptions: dict[int, Subscription] = {}
        self.frames: list[dict[str, Any]] = []  # of this connection
        self.replies: dict[str, dict[str, Any]] = {}
        self.named: list[str] = []  # calls whose effects have come, in the order of the frames that said so
        self.window: dict[str, int] | None = None  # None until welcome
        self.behind = False
        self.bye: dict[str, Any] | None = None
        self.last: dict[str, Any] = {}  # the message that came last
        self.holding_acks = False
        self.token: str | None = None  # who it is, where no cookie says so
        self._connected = False
        self.events: list[dict[str, Any]] = []  # of all connections
        self.patches = 0  # that were applied, in all connections
        self.rejected_events: list[dict[str, Any]] = []
        self.texts: dict[int, dict[str, Any]] = {}  # live texts by number, as they came last in this connection
        self._handled = 0
        self._unacked_frames = 0
        self._unacked_bytes = 0

    @property
    def live(self) -> bool:
        """Whether every subscription that was not refused is up to date, as far as the server has said."""
        wanted = [item for item in self.subscriptions.values() if item.refusal is None]
        return self._connected and not self.behind and all(item.live for item in wanted)

    @staticmethod
    def text(**message: Any) -> str:
        """A message as it travels."""
        return json.dumps(message, separators=(",", ":"))

    def subscribe(self, id: int, *, cursor: str | None = None, fingerprint: str = "", **target: Any) -> list[str]:
        """Want a live query; return what to send, which is nothing while there is no connection."""
        assert id not in self.subscriptions, f"The subscription id {id} is in use."
        self.subscriptions[id] = Subscription(id, target, cursor=cursor, fingerprint=fingerprint)
        return [self._ask(self.subscriptions[id])] if self._connected else []

    def unsubscribe(self, id: int) -> list[str]:
        del self.subscriptions[id]
        return [self.text(type="unsubscribe", id=id)] if self._connected else []

    def open(self) -> list[str]:
        """A connection is there."""
        self.lose()
        self._connected = True
        wanted = [item for item in self.subscriptions.values() if item.refusal is None]
        named = {} if self.token is None else {"token": self.token}
        here = [self._say(item) for item in wanted if item.present is not None]
        return [self.text(type="hello", version=self.version, **named), *map(self._ask, wanted), *here]

    def be_present(self, id: int, data: dict[str, Any]) -> list[str]:
        """Say that the user is here, through a subscription to a stream of presence."""
        self.subscriptions[id].present = data
        return [self._say(self.subscriptions[id])] if self._connected else []

    def _say(self, item: Subscription) -> str:
        return self.text(type="present", id=item.id, data=item.present)

    def lose(self) -> None:
        """The connection is gone; rows and cursors stay."""
        self._connected = False
        self.frames = []
        self.window = self.bye = None
        self.behind = False
        self._handled = self._unacked_frames = self._unacked_bytes = 0
        self.texts.clear()
        for item in self.subscriptions.values():
            item.query = item.log = None
            item.live = False
            item.sent.clear()
            item.parts = None
            item.replica.texts.clear()

    def receive(self, text: str) -> list[str]:
        """Take one message of the server; return what to send."""
        message = self.last = json.loads(text)
        if isinstance(message, list):
            message = self.last = self._long(*message)
        kind = message["type"]
        assert self.window is not None or kind in ("welcome", "bye"), f"The first message is {kind}."
        assert self.bye is None, f"There is a {kind} after the bye."
        handler = getattr(self, f"_{kind}", None)
        assert handler, f"There is no message {kind}."
        if kind != "welcome":
            self._handled += 1
            self._unacked_bytes += len(text.encode())
        handler(message)
        return self.ack() if self._ack_is_due(kind) and not self.holding_acks else []

    def _ack_is_due(self, kind: str) -> bool:
        if kind == "heartbeat" or self.window is None or self.bye is not None:
            return kind == "heartbeat"
        frames, size = self._unacked_frames * QUARTER, self._unacked_bytes * QUARTER
        return frames >= self.window["frames"] or size >= self.window["bytes"]

    def ack(self) -> list[str]:
        """Acknowledge all that was handled."""
        self._unacked_frames = self._unacked_bytes = 0
        return [self.text(type="ack", messages=self._handled)]

    def _ask(self, item: Subscription) -> str:
        item.fresh = item.cursor is None
        item.parts = None
        cursor = {} if item.cursor is None else {"cursor": item.cursor, "fingerprint": item.fingerprint}
        return self.text(type="subscribe", id=item.id, **item.target, **cursor)

    def _welcome(self, message: dict[str, Any]) -> None:
        assert message["version"] == self.version
        self.window = message["window"]

    def _subscribed(self, message: dict[str, Any]) -> None:
        item = self.subscriptions.get(message["id"])
        if item is not None:
            fingerprint = message.get("fingerprint", "")
            if item.fingerprint not in ("", fingerprint):
                item.fresh, item.cursor = True, None  # a reset follows
            item.query, item.log, item.fingerprint = message["query"], message["log"], fingerprint

    def _part(self, message: dict[str, Any]) -> None:
        assert self.version > 1, f"A client of version 1 gets {message}."
        self._unacked_frames += 1
        item = self.subscriptions.get(message["id"])
        if item is not None:
            assert message.get("first") or item.parts is not None, (
                f"The part {message} is not the first, and comes first."
            )
            item.parts = [*(() if message.get("first") else item.parts), *message["puts"]]

    def _frame(self, message: dict[str, Any]) -> None:
        self.frames.append(message)
        mine = [item for item in self.subscriptions.values() if item.log == message["log"]]
        for item in mine:
            if item.fresh:
                item.replica.clear()
        for delta in message["deltas"]:
            assert self.version > 1 or "patches" not in delta, f"A client of version 1 gets {delta}."
            for item in mine:
                if item.query == delta["query"]:
                    if delta.get("reset"):
                        item.sent.clear()
                        item.parts = None
                    if delta.get("parts") and item.parts is not None:
                        item.replica.apply({"reset": True, "puts": item.parts})
                        item.sent = {put["key"] for put in item.parts}
                        item.parts = None
                    item.sent.difference_update(delta.get("drops", ()))
                    item.sent.update(put["key"] for put in delta.get("puts", ()) if "row" in put)
                    unknown = delta.get("patches", {}).keys() - item.sent
                    assert not unknown, f"The rows {unknown} are patched, and were not sent in this connection."
                    item.replica.apply(delta)
                    self.patches += len(delta.get("patches", ()))
        if message["cursor"] is None:
            assert all(item.live and not item.fresh for item in mine), "A frame without a cursor is for live rows."
        else:
            for item in mine:
                item.cursor = message["cursor"]
                item.live, item.fresh = True, False
        self.named += message.get("calls", ())
        self.behind = False
        self._unacked_frames += 1

    def _authenticated(self, message: dict[str, Any]) -> None:
        pass

    def _behind(self, message: dict[str, Any]) -> None:
        self.behind = True
        for item in self.subscriptions.values():
            item.live = False

    def _heartbeat(self, message: dict[str, Any]) -> None:
        for log, cursor in message["cursors"].items():
            for item in self.subscriptions.values():
                if item.log == int(log):
                    item.cursor = cursor

    def _refused(self, message: dict[str, Any]) -> None:
        item = self.subscriptions.get(message["id"])
        if item is not None:
            item.refusal = message
            item.live = False
            item.query = item.log = None
            if message["code"] >= 4100:
                item.replica.clear()

    def _reply(self, message: dict[str, Any]) -> None:
        self.replies[message["id"]] = message

    def _event(self, message: dict[str, Any]) -> None:
        self.events.append(message)

    def _long(self, number: int, more: Any) -> dict[str, Any]:
        if isinstance(more, dict):
            # none, if this client has unsubscribed while the message was on its way
            [log] = {item.log for item in self.subscriptions.values() if item.query == number} or {None}
            return {"type": "frame", "log": log, "cursor": None, "deltas": [{"query": number, "patches": more}]}
        assert number in self.texts, f"The text {number} continues, and did not begin in this connection."
        return {**self.texts[number], "type": "text", "text": more}

    def _text(self, message: dict[str, Any]) -> None:
        assert self.version > 1, f"A client of version 1 gets {message}."
        self.texts[message["number"]] = {**message, "offset": message["offset"] + units(message["text"])}
        for item in self.subscriptions.values():
            if item.query == message["query"]:
                item.replica.texts.add(message["key"], message["field"], message["offset"], message["text"])

    def _text_ended(self, message: dict[str, Any]) -> None:
        assert self.version > 1, f"A client of version 1 gets {message}."
        for item in self.subscriptions.values():
            if item.query == message["query"]:
                item.replica.texts.end(message["key"], message["field"], message["length"])

    def _event_rejected(self, message: dict[str, Any]) -> None:
        self.rejected_events.append(message)

    def _bye(self, message: dict[str, Any]) -> None:
        self.bye = message
