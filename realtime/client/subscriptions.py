"""Wires: what a client asks the server for, one per subscription, each with its cursor. Pure, like the session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Message = dict[str, Any]  # as JSON has it
Remedy = Literal["come back", "ask anew", "stop"]

Status = Literal["wanted", "asked", "accepted", "live", "behind", "delayed", "refused"]
ON_SERVER = ("asked", "accepted", "live", "behind")


def remedy(code: int) -> Remedy:
    """What a client does about a code: the range decides, so that unknown codes are understood too."""
    if 4200 <= code < 4300:
        return "stop"
    return "ask anew" if 4100 <= code < 4200 else "come back"


@dataclass(slots=True, eq=False)
class Wire:
    """The state of one subscription.

    `cursor` is the position of the client's rows, or None if they are void; `fingerprint` belongs to them.
    `present` is the presence data of the client's user, or None if the client only watches.
    """

    stream: str
    params: Mapping[str, Any] | None = field(default_factory=dict)
    format: str = "data"
    token: str | None = None
    cursor: str | None = None
    fingerprint: str = ""
    next_fingerprint: str = ""  # the tag of the frames to come
    id: int = 0
    query: int | None = None
    log: int | None = None
    status: Status = "wanted"
    failures: int = 0  # how often in a row it was delayed
    present: Mapping[str, Any] | None = None
    vouched: bool = False  # the server has taken the token, so a name may follow it


class Update(NamedTuple):
    """What a frame holds for a wire; `fresh`: its rows start from nothing, whatever the client holds."""

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
        """Want it no more; return what tells an open connection."""
        self._wires.remove(wire)
        return self._leave(wire)

    @property
    def live(self) -> bool:
        """All that are not refused are live."""
        return all(wire.status in ("live", "refused") for wire in self._wires)

    @property
    def refused(self) -> bool:
        """There is something, and all of it is refused."""
        return bool(self._wires) and all(wire.status == "refused" for wire in self._wires)

    def ask(self, wire: Wire) -> list[Message]:
        """The messages that ask for the wire."""
        # a new id each time: what was sent for the one before may still be on the way
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
        """An event is lost where the server has not accepted the wire."""
        accepted = wire.status in ON_SERVER and wire.status != "asked"
        return [{"type": "send", "id": wire.id, "name": name, "data": data}] if accepted else []

    def present(self, wire: Wire, data: Mapping[str, Any]) -> list[Message]:
        wire.present = data
        return [_present(wire)] if wire.status in ON_SERVER else []

    def of(self, query: int) -> list[Wire]:
        """Those that an event is for."""
        return [wire for wire in self._wires if wire.query == query]

    def interrupt(self) -> None:
        """The connection is gone; the wires are still wanted."""
        for wire in self._wires:
            if wire.status != "refused":
                wire.query, wire.log, wire.status = None, None, "wanted"

    def forget(self) -> None:
        """The user may be another one: tokens and rows count no more."""
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
        # where a tag is not known, the server alone knows whether the rows count: it resets them if they do not
        if wire.query is not None or (wire.fingerprint and fingerprint and wire.fingerprint != fingerprint):
            wire.cursor = None  # all rows are yet to come
        wire.query, wire.log, wire.next_fingerprint, wire.status = (
            message["query"],
            message["log"],
            fingerprint,
            "accepted",
        )

    def refuse(self, message: Message) -> Wire | None:
        """The wire is refused: asked for anew, delayed, or ended, which its status then says."""
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
        """The client holds the wire's rows as they are at the cursor."""
        wire.cursor, wire.fingerprint, wire.status, wire.failures = cursor, wire.next_fingerprint, "live", 0

    def reset(self, wire: Wire) -> list[Message]:
        """Nothing of the rows counts: they are to be asked for."""
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
            # before its first frame a wire still misses rows, so that no heartbeat may move it
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
