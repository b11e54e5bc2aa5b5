"""Wires: the session's subscriptions, each with its cursor. Pure, like the session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Message = dict[str, Any]  # decoded JSON
Remedy = Literal["come back", "ask anew", "stop"]

Status = Literal["wanted", "asked", "accepted", "live", "behind", "delayed", "refused"]
ON_SERVER = ("asked", "accepted", "live", "behind")


def remedy(code: int) -> Remedy:
    """Return how a client reacts to a code. The range decides, so unknown codes work too."""
    if 4200 <= code < 4300:
        return "stop"
    return "ask anew" if 4100 <= code < 4200 else "come back"


@dataclass(slots=True, eq=False)
class Wire:
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
    vouched: bool = False  # the server has accepted the token, so stream and parameters are genuine


class Update(NamedTuple):
    """A wire's part of a frame. `fresh`: its rows replace all rows of the client."""

    wire: Wire
    deltas: list[Mapping[str, Any]]
    fresh: bool


class Wires:
    """All wires of a client."""

    def __init__(self) -> None:
        self._wires: list[Wire] = []
        self._next_id = 1

    def __contains__(self, wire: Wire) -> bool:
        return wire in self._wires

    def add(self, wire: Wire) -> None:
        self._wires.append(wire)

    def remove(self, wire: Wire) -> list[Message]:
        """Remove a wire; return the messages for an open connection."""
        self._wires.remove(wire)
        return self._leave(wire)

    @property
    def live(self) -> bool:
        """Whether all wires that are not refused are live."""
        return all(wire.status in ("live", "refused") for wire in self._wires)

    @property
    def refused(self) -> bool:
        """Whether there are wires, and all of them are refused."""
        return bool(self._wires) and all(wire.status == "refused" for wire in self._wires)

    def ask(self, wire: Wire) -> list[Message]:
        """Return the messages that subscribe the wire."""
        # a new id each time, because messages for the previous one may still arrive
        wire.id, wire.status = self._next_id, "asked"
        self._next_id += 1
        target = (
            {"token": wire.token}
            if wire.token
            else {"stream": wire.stream, "params": dict(wire.params or {}), "format": wire.format}
        )
        held = (
            {}
            if wire.cursor is None
            else {"cursor": wire.cursor} | ({"fingerprint": wire.fingerprint} if wire.fingerprint else {})
        )
        asked = {"type": "subscribe", "id": wire.id, **target, **held}
        return [asked] if wire.present is None else [asked, _present(wire)]

    def ask_all(self) -> list[Message]:
        return [message for wire in self._wires if wire.status != "refused" for message in self.ask(wire)]

    def tell(self, wire: Wire, name: str, data: Any) -> list[Message]:
        """Return the message of an event; none if the server has not accepted the wire, so the event is lost."""
        accepted = wire.status in ON_SERVER and wire.status != "asked"
        return [{"type": "send", "id": wire.id, "name": name, "data": data}] if accepted else []

    def present(self, wire: Wire, data: Mapping[str, Any]) -> list[Message]:
        wire.present = data
        return [_present(wire)] if wire.status in ON_SERVER else []

    def of(self, query: int) -> list[Wire]:
        """Return the wires that an event is for."""
        return [wire for wire in self._wires if wire.query == query]

    def interrupt(self) -> None:
        """Handle the loss of the connection; the wires are still wanted."""
        for wire in self._wires:
            if wire.status != "refused":
                wire.query, wire.log, wire.status = None, None, "wanted"

    def forget(self) -> None:
        """Discard tokens and rows, because the user may be another one."""
        for wire in self._wires:
            wire.cursor = None
            if wire.params is not None and wire.vouched:
                wire.token = None

    def accept(self, message: Message) -> None:
        wire = self._find(message["id"])
        if wire is None:
            return
        wire.vouched = wire.vouched or wire.token is not None
        fingerprint = message.get("fingerprint", "")
        # If a fingerprint is unknown, only the server knows whether the rows are valid, and resets them if not.
        if wire.query is not None or (wire.fingerprint and fingerprint and wire.fingerprint != fingerprint):
            wire.cursor = None  # all rows will be sent
        wire.query, wire.log, wire.next_fingerprint, wire.status = (
            message["query"],
            message["log"],
            fingerprint,
            "accepted",
        )

    def refuse(self, message: Message) -> Wire | None:
        """Handle a refusal: the wire is requested again, delayed or ended, as its status then says."""
        wire = self._find(message["id"])
        if wire is None:
            return None
        wire.query = wire.log = None
        cure = remedy(message["code"])
        if cure == "ask anew" and wire.token and wire.params is not None and wire.vouched:
            wire.token, wire.status = None, "wanted"
        elif cure == "come back":
            wire.status = "delayed"
            wire.failures += 1
        else:
            wire.status, wire.cursor = "refused", None
        return wire

    def updates(self, frame: Message) -> list[Update]:
        return [
            Update(
                wire, [delta for delta in frame["deltas"] if delta["query"] == wire.query], fresh=wire.cursor is None
            )
            for wire in self._wires
            if wire.log == frame["log"]
        ]

    def reach(self, wire: Wire, cursor: str) -> None:
        """Note that the client has the wire's rows up to this cursor."""
        wire.cursor, wire.fingerprint, wire.status, wire.failures = cursor, wire.next_fingerprint, "live", 0

    def reset(self, wire: Wire) -> list[Message]:
        """Discard the client's rows, and request them again."""
        messages = self._leave(wire)
        wire.cursor, wire.status = None, "delayed"
        wire.failures += 1
        return messages

    def fall_behind(self) -> None:
        for wire in self._wires:
            if wire.status == "live":
                wire.status = "behind"

    def heartbeat(self, cursors: Mapping[str, str]) -> None:
        for wire in self._wires:
            # a wire has no rows before its first frame, so a heartbeat must not move its cursor
            if wire.status in ("live", "behind") and (cursor := cursors.get(str(wire.log))) is not None:
                wire.cursor, wire.status = cursor, "live"

    def _leave(self, wire: Wire) -> list[Message]:
        held = wire.status in ON_SERVER
        wire.query, wire.log, wire.status = None, None, "wanted"
        return [{"type": "unsubscribe", "id": wire.id}] if held else []

    def _find(self, id: int) -> Wire | None:
        asked: Iterable[Wire] = (wire for wire in self._wires if wire.status not in ("wanted", "delayed"))
        return next((wire for wire in asked if wire.id == id), None)


def _present(wire: Wire) -> Message:
    return {"type": "present", "id": wire.id, "data": dict(wire.present or {})}
