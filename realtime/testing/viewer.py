"""Viewer: a live query as one user sees it, which a test brings to the present whenever it likes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.models import Model

from realtime.access import open_stream
from realtime.client.rows import Rows
from realtime.events import Envelope, audience_text
from realtime.exceptions import BadParameters, ClientError, Forbidden, RealtimeError
from realtime.identity import Identity, current, user_key
from realtime.queries.livequery import query_key
from realtime.queries.tail import Tick, Want
from realtime.streams.grounds import Access, access_database
from realtime.streams.stream import ModelStream
from realtime.testing.logs import OwnTransactionLog, StrictTail, tail_of

STEP_SECONDS = 0.02


@dataclass(slots=True)
class Push:
    """What a viewer was sent; false where that is nothing."""

    puts: dict[str, Any] = field(default_factory=dict)
    """The rows that came, by key, as JSON has them: those that are new, and those that changed."""

    drops: list[str] = field(default_factory=list)
    """The keys of rows that left."""

    moved: bool = False
    """The rows that were there before and still are stand in another order."""

    reset: bool = False
    """All rows were sent afresh: another audience, or a log that does not reach back far enough."""

    refusal: ClientError | None = None
    """Why the user may not see the rows any more. All of them are dropped."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    """The events that came, each with its name and data; only `capture_pushes` knows them."""

    def __bool__(self) -> bool:
        return bool(self.puts or self.drops or self.moved or self.reset or self.refusal or self.events)


class Viewer:
    """A live query as a user sees it in a test: the rows that their page would show.

    `stream` and `params` are those of `realtime.live()`; a parameter may be an object of a model. `user` is None for a
    visitor. `format` is "data", "html" or "value:" with a live value's name. Nothing is read before the first look.

    It asks and reads what a server asks and reads, in the test's own thread and on its own connection: so it sees what
    is not committed yet in a `TestCase`, and what any process has committed in a `TransactionTestCase`.

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
        self._stream: ModelStream | None = None  # while it is subscribed
        self._tails: dict[str, StrictTail] = {}

    def __repr__(self) -> str:
        who = "a visitor" if self._identity.user is None else f"user {self._identity.user}"
        return f"<Viewer of {self.name!r} {self.params} for {who}>"

    @property
    def rows(self) -> list[Any]:
        """The rows in their order, as of the last look."""
        self._begin()
        return self._rows.ordered

    @property
    def keys(self) -> list[str]:
        """Their primary keys, as strings."""
        self._begin()
        return list(self._rows.keys)

    @property
    def row(self) -> Mapping[str, Any]:
        """The rows by key, in their order."""
        self._begin()
        return {key: self._rows.by_key[key] for key in self._rows.keys}

    def refresh(self) -> Push:
        """Look: take what has changed since the last look, as one frame would bring it.

        The first look subscribes, and raises `Forbidden` or another `ClientError` where the server would refuse. A
        refusal that comes later stands in the `Push`.
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
            if query_key(stream, self.format) != key:  # another audience
                push = self._subscribe(stream)
                push.drops = [key for key in before if key not in self._rows.by_key]
                return push
        return self._take(list(tick.deltas.values()))

    async def arefresh(self) -> Push:
        """`refresh`, for async code."""
        return await sync_to_async(self.refresh)()

    def wait_for(self, condition: Callable[[list[Any]], object], *, within: float = 10.0) -> list[Any]:
        """Look until `condition` is true of the rows, and return them; wait for others who write, so many seconds.

        Raise `AssertionError` where it does not become true. In a `TestCase` nobody else can write: one look decides.
        """
        deadline = time.monotonic() + within
        while True:
            self.refresh()
            if condition(self.rows):
                return self.rows
            waiting = self.refusal is None and not self._alone()
            if not waiting or time.monotonic() > deadline:
                waited = f"Waited {within:g} s in vain" if waiting else "What was waited for is not there"
                raise AssertionError(f"{waited}: {self!r} has the rows {self.rows}.")
            time.sleep(STEP_SECONDS)

    async def await_for(self, condition: Callable[[list[Any]], object], *, within: float = 10.0) -> list[Any]:
        """`wait_for`, for async code."""
        return await sync_to_async(self.wait_for)(condition, within=within)

    # what `capture_pushes` asks

    def gets(self, envelope: Envelope) -> bool:
        """Whether an event would reach the viewer."""
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
            raise Forbidden("The user does not exist any more, or is not active.")
        stream = open_stream(standing.user, self.name, self.params)
        if not stream.serves(self.format):
            raise BadParameters(f"The stream {self.name!r} does not serve {self.format!r}.")
        return stream

    def _subscribe(self, stream: ModelStream) -> Push:
        self._tails = {alias: tail_of(alias) for alias in (stream.database(), access_database())}
        for tail in self._tails.values():
            tail.tick({}, ())
        want = Want(query_key(stream, self.format), None)
        tick: Tick = self._tails[stream.database()].tick({want: stream}, ())
        self._stream = stream
        self._rows.clear()
        delta = tick.answers[want].delta
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
        alias = access_database()
        stream = self._stream
        own = stream is not None and alias == stream.database()
        return Access() if own else self._tails[alias].tick({}, ()).access

    def _concerned(self, access: Access) -> bool:
        return access.everyone or self._identity.user in access.users or self.name in access.streams

    def _take(self, deltas: Sequence[bytes]) -> Push:
        decoded = [json.loads(delta) for delta in deltas]
        before = self._rows.keys[:]
        if not self._rows.apply(decoded):
            raise AssertionError(f"The deltas {decoded} do not fit the rows of {self!r}: this is a bug of realtime.")
        now = self._rows.by_key
        puts = {put["key"]: put["row"] for delta in decoded for put in delta.get("puts", ())}
        stayed = [key for key in before if key in now]
        return Push(
            puts=puts,
            drops=[key for key in before if key not in now],
            moved=stayed != [key for key in self._rows.keys if key in before],
            reset=any(delta.get("reset") for delta in decoded),
        )

    def _alone(self) -> bool:
        stream = self._stream
        return stream is not None and connections[stream.database()].in_atomic_block
