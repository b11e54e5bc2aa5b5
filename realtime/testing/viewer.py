"""Viewer: a live query as one user sees it, without a server or a network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.models import Model

from realtime.auth.authorization import check_format, open_stream
from realtime.auth.identity import Identity, current, user_key
from realtime.auth.revocation import Access
from realtime.auth.users import user_database
from realtime.client.rows import Rows
from realtime.exceptions import ClientError, Forbidden, RealtimeError
from realtime.protocol.envelope import Envelope, audience_text
from realtime.queries.query_key import query_key
from realtime.queries.shared_delta import Received
from realtime.queries.tick import Tick, Want
from realtime.streams.stream import ModelStream
from realtime.testing.databases import OwnTransactionLog, StrictTail, tail_of

STEP_SECONDS = 0.02


@dataclass(slots=True)
class Push:
    """What a viewer received; false if it is empty."""

    puts: dict[str, Any] = field(default_factory=dict)
    """Added and changed rows by key, as JSON values."""

    drops: list[str] = field(default_factory=list)
    """The keys of removed rows."""

    moved: bool = False
    """Whether the remaining rows changed their order."""

    reset: bool = False
    """Whether all rows were sent again: after a change of audience, or if the log was pruned."""

    refusal: ClientError | None = None
    """The error if the user lost access; all rows are dropped then."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    """Received events as pairs of name and data. Only `capture_pushes` fills it."""

    def __bool__(self) -> bool:
        return bool(self.puts or self.drops or self.moved or self.reset or self.refusal or self.events)


class Viewer:
    """A live query in a test: the rows that a user's page would show.

    `stream` and `params` are as for `realtime.live()`; a parameter may be a model instance. `user` is None for an
    anonymous user. `format` is "data", "html" or "value:" with the name of a live value. The first access subscribes.

    It runs the server's code for access, reads and deltas in the test's own thread, on the test's database connection.
    So it sees uncommitted rows in a `TestCase`, and the committed rows of any process in a `TransactionTestCase`.

        ada = Viewer("tasks", {"project": project}, user=ada)
        Task.objects.create(project=project, title="Buy milk")
        assert ada.refresh().puts["1"]["title"] == "Buy milk"
    """

    def __init__(
        self, stream: str, params: Mapping[str, Any] | None = None, *, user: Any = None, format: str = "data"
    ) -> None:
        self.name = stream
        self.params = {key: value.pk if isinstance(value, Model) else value for key, value in (params or {}).items()}
        self.format = format
        self.refusal: ClientError | None = None
        self._identity = Identity(user_key(user))
        self._rows = Rows()
        self._received = Received(0, "known")
        self._stream: ModelStream | None = None  # while it is subscribed
        self._tails: dict[str, StrictTail] = {}

    def __repr__(self) -> str:
        who = "a visitor" if self._identity.user is None else f"user {self._identity.user}"
        return f"<Viewer of {self.name!r} {self.params} for {who}>"

    @property
    def rows(self) -> list[Any]:
        """The rows in order, as of the last `refresh`."""
        self._begin()
        return self._rows.ordered

    @property
    def keys(self) -> list[str]:
        """The rows' primary keys, as strings."""
        self._begin()
        return list(self._rows.keys)

    @property
    def row(self) -> Mapping[str, Any]:
        """The rows by key, in order."""
        self._begin()
        return {key: self._rows.by_key[key] for key in self._rows.keys}

    def refresh(self) -> Push:
        """Apply all changes since the last `refresh`, and return them as one frame would deliver them.

        The first call subscribes. It raises `Forbidden` or another `ClientError` if the server would refuse. A later
        refusal is in the `Push`.
        """
        if self.refusal is not None:
            return Push()
        if self._stream is None:
            return self._subscribe(self._open())
        before, stream, key = self._rows.keys[:], self._stream, query_key(self._stream, self.format)
        self._check_transaction()
        access = self._access()
        tick = self._tails[stream.database()].tick({}, ())
        if self._concerned(access) or self._concerned(tick.access):
            try:
                stream = self._open()
            except ClientError as refusal:
                self.refusal = refusal
                self._rows.clear()
                return Push(drops=before, refusal=refusal)
            if query_key(stream, self.format) != key:  # the audience has changed
                push = self._subscribe(stream)
                push.drops = [key for key in before if key not in self._rows.by_key]
                return push
        deltas = [delta.to(self._received) for delta in tick.deltas.values()]
        return self._take([delta for delta in deltas if delta is not None])

    async def arefresh(self) -> Push:
        """Like `refresh`, for async code."""
        return await sync_to_async(self.refresh)()

    def wait_for(self, condition: Callable[[list[Any]], object], *, within: float = 10.0) -> list[Any]:
        """Refresh until `condition(rows)` is true, for `within` seconds, and return the rows.

        Raise `AssertionError` if it does not become true. In a `TestCase` it refreshes only once, because no other
        connection can write.
        """
        deadline = time.monotonic() + within
        while True:
            self.refresh()
            if condition(self.rows):
                return self.rows
            waiting = self.refusal is None and not self._is_only_writer()
            if not waiting or time.monotonic() > deadline:
                waited = f"Waited {within:g} s in vain" if waiting else "What was waited for is not there"
                raise AssertionError(f"{waited}: {self!r} has the rows {self.rows}.")
            time.sleep(STEP_SECONDS)

    async def await_for(self, condition: Callable[[list[Any]], object], *, within: float = 10.0) -> list[Any]:
        """Like `wait_for`, for async code."""
        return await sync_to_async(self.wait_for)(condition, within=within)

    # called by `capture_pushes`

    def gets(self, envelope: Envelope) -> bool:
        """Return whether an event would reach the viewer."""
        if envelope.user is not None:
            return envelope.user == self._identity.user
        stream = self._stream
        return (
            stream is not None
            and self.refusal is None
            and (envelope.stream, envelope.params) == (stream.name, stream.params_key().decode())
            and envelope.audience in (None, audience_text(stream.audience_key))
        )

    def _begin(self) -> None:
        if self._stream is None:
            self.refresh()

    def _open(self) -> ModelStream:
        standing = current(self._identity)
        if not standing.holds:
            raise Forbidden("The user does not exist or is inactive.")
        stream = open_stream(standing.user, self.name, self.params)
        check_format(stream, self.format)
        return stream

    def _subscribe(self, stream: ModelStream) -> Push:
        self._tails = {alias: tail_of(alias) for alias in (stream.database(), user_database())}
        for tail in self._tails.values():
            tail.tick({}, ())
        want = Want(query_key(stream, self.format), None)
        tick: Tick = self._tails[stream.database()].tick({want: stream}, ())
        self._stream = stream
        self._rows.clear()
        _, delta, _, number = tick.answers[want]
        self._received = Received(number, "known")
        push = self._take([] if delta is None else [delta])
        push.reset = True
        return push

    def _check_transaction(self) -> None:
        for alias, tail in self._tails.items():
            if connections[alias].in_atomic_block != isinstance(tail.log, OwnTransactionLog):
                raise RealtimeError(
                    f"{self!r} had its first look outside of the transaction that is open now, or inside of one that "
                    "has ended. Look before it begins and after it has ended, or make another viewer inside."
                )

    def _access(self) -> Access:
        alias = user_database()
        stream = self._stream
        own = stream is not None and alias == stream.database()
        return Access() if own else self._tails[alias].tick({}, ()).access

    def _concerned(self, access: Access) -> bool:
        return access.everyone or self._identity.user in access.users or self.name in {*access.streams, *access.owners}

    def _take(self, deltas: Sequence[bytes]) -> Push:
        decoded = [json.loads(delta) for delta in deltas]
        before = self._rows.keys[:]
        if not self._rows.apply(decoded):
            raise AssertionError(f"The deltas {decoded} do not fit the rows of {self!r}: this is a bug of realtime.")
        now = self._rows.by_key
        puts = {put["key"]: put["row"] for delta in decoded for put in delta.get("puts", ()) if "row" in put}
        stayed = [key for key in before if key in now]
        return Push(
            puts=puts,
            drops=[key for key in before if key not in now],
            moved=stayed != [key for key in self._rows.keys if key in before],
            reset=any(delta.get("reset") for delta in decoded),
        )

    def _is_only_writer(self) -> bool:
        stream = self._stream
        return stream is not None and connections[stream.database()].in_atomic_block
