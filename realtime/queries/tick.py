"""Tick: the result of one round of a tail: deltas, answers to clients, and errors."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from realtime.auth.revocation import EVERYONE, Access
from realtime.exceptions import ClientError
from realtime.protocol.live_text import TextName
from realtime.queries.opening import Progress, RowsPart
from realtime.queries.plan import Maintenance
from realtime.queries.query_key import QueryKey
from realtime.queries.shared_delta import SharedDelta


class Want(NamedTuple):
    """A request to bring a live query from a cursor (None: from nothing) up to date.

    `fingerprint` is that of the client's rows; None if unknown. A client that takes rows `in_parts` wants the next
    part while its `progress` is not complete.
    """

    key: QueryKey
    cursor: str | None
    fingerprint: str | None = None
    in_parts: bool = False
    progress: Progress | None = None

    @property
    def is_for_part(self) -> bool:
        """Whether the answer is another part."""
        return self.progress is not None and not self.progress.is_complete

    def after(self, part: RowsPart) -> Want:
        """Return what the client wants when it has this part."""
        opening = part.reached.opening
        return Want(self.key, opening.cursor, opening.fingerprint, in_parts=True, progress=part.reached)

    def from_nothing(self) -> Want:
        """Return the same want of a client without the parts that it was sent."""
        return self if self.progress is None else Want(self.key, None)


class Answer(NamedTuple):
    """The live query's id, the delta if there is one, and the fingerprint of the resulting rows.

    `number` is that of the live query's last shared delta, which the client need not receive.
    """

    query: int
    delta: bytes | None
    fingerprint: str
    number: int = 0


@dataclass(slots=True)
class Tick:
    """The result of one round."""

    before: str  # the cursor from which clients had to resume before this tick
    cursor: str
    deltas: dict[int, SharedDelta] = field(default_factory=dict)  # by live query
    answers: dict[Want, Answer] = field(default_factory=dict)
    parts: dict[Want, RowsPart] = field(default_factory=dict)  # in place of answers
    deferred: set[Want] = field(default_factory=set)  # wants that there was no time to answer
    failed: set[QueryKey] = field(default_factory=set)  # live queries that could not be read; the reason is logged
    errors: dict[QueryKey, ClientError] = field(default_factory=dict)  # errors for their subscribers, if any
    access: Access = EVERYONE  # whose access must be checked again before anything is sent
    ran: Collection[str] = ()  # operations whose effects are included at the cursor
    changes: int = 0  # that it includes
    withheld: str | None = None  # the cursor before the oldest change that clients are not sent yet, if any
    resets: int = 0  # among its deltas and answers
    texts: dict[int, Collection[TextName]] = field(default_factory=dict)  # by changed live query: those that it shows
    new_texts: dict[int, Collection[TextName]] = field(default_factory=dict)  # by other live query: further ones

    def has_answered(self, want: Want) -> bool:
        return want in self.answers or want in self.parts

    @property
    def resume(self) -> str:
        """The cursor from which clients that have received everything must resume."""
        return self.cursor if self.withheld is None else self.withheld


class Cost(NamedTuple):
    """A live query, its number of rows, and the seconds spent on reading and rendering it since it began."""

    key: QueryKey
    id: int
    rows: int
    seconds: float
    broken: int  # rows replaced by placeholders because they fail
    maintenance: Maintenance
