"""LiveQuery: the rows of a subscription, and an async iterator over their changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from realtime.client.errors import RemoteError
from realtime.client.events import Cancel, EventListener, EventListeners
from realtime.client.rows import Rows
from realtime.client.session import State
from realtime.client.subscriptions import Subscription, as_json


@dataclass(slots=True)
class Change:
    """A change: added and changed rows in `puts` (by key), removed keys in `drops`, and all `rows` in order.

    `reset`: all rows were replaced. A slow iterator gets several frames as one change.
    """

    rows: list[Any]
    puts: dict[str, Any] = field(default_factory=dict)
    drops: list[str] = field(default_factory=list)
    reset: bool = False


class Owner(Protocol):
    """The connection that a live query belongs to."""

    def state_of(self, subscription: Subscription) -> State | None: ...
    def subscribe(self, query: LiveQuery) -> None: ...
    def unsubscribe(self, query: LiveQuery) -> None: ...
    def replace(self, query: LiveQuery, other: LiveQuery) -> None: ...
    def send_event(self, subscription: Subscription, name: str, data: Any) -> bool: ...
    def present(self, subscription: Subscription, data: Mapping[str, Any]) -> None: ...
    async def call(
        self, stream: str, params: Mapping[str, Any], action: str, args: Mapping[str, Any], *, within: float
    ) -> Any: ...


class LiveQuery:
    """A subscription whose rows follow the stream on the server, returned by `Client.subscribe`.

    `rows` are in the stream's order: dictionaries, strings of HTML, or one value. While the client is offline, they
    do not change.

        async for change in client.subscribe("tasks", {"project": 7}):
            print(len(change.rows), list(change.puts), change.drops)
    """

    def __init__(self, owner: Owner, subscription: Subscription) -> None:
        self.error: RemoteError | None = None  # why the live query has ended
        self._owner = owner
        self._subscription = subscription
        self._rows = Rows()
        self._next: LiveQuery | None = None  # with the parameters that `set` has requested last
        self._filled = asyncio.Event()  # set when there are rows or an error
        self._listeners: set[Callable[[Change | None], None]] = set()
        self._events = EventListeners()

    @property
    def rows(self) -> list[Any]:
        """The rows in order."""
        # None stands for a row that the server could not render, unless it is a live value
        rows = self._rows.ordered
        return [row for row in rows if row is not None] if self._subscription.format == "data" else rows

    @property
    def keys(self) -> list[str]:
        """The rows' primary keys, as strings."""
        return list(self._rows.keys)

    @property
    def state(self) -> State | None:
        """`connecting`, `live`, `catching-up`, `offline` or `refused`."""
        state = self._owner.state_of(self._subscription)
        return "catching-up" if self._next is not None and state == "live" else state

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the rows."""
        return cast("dict[str, Any]", as_json(self._subscription.params or {}))

    async def ready(self) -> list[Any]:
        """Wait for the first rows, and return them. Raise `RemoteError` if the server refuses."""
        await self._filled.wait()
        if self.error is not None:
            raise self.error
        return self.rows

    async def set(self, params: Mapping[str, Any]) -> list[Any]:
        """Change these parameters in place, and return the new rows.

        The old rows stay, and follow the server, until the new ones are there. Iterators then yield one change with
        `reset`. Of several calls, the last one wins; those before return with the rows of that moment. Raise
        `RemoteError` if the server refuses the parameters: rows and `params` stay as they are.
        """
        if self.error is not None:
            raise self.error
        held, before = self._subscription, self._next
        wanted = {**(before.params if before else self.params), **params}
        following = LiveQuery(self._owner, Subscription(held.stream, wanted, held.format))
        self._owner.subscribe(following)
        self._next = following
        if before is not None:
            self._owner.unsubscribe(before)
        try:
            await following._filled.wait()
            if following is self._next:
                self._take(following)
        finally:
            if following is self._next:  # refused, or the caller waits no more
                self._next = None
                self._owner.unsubscribe(following)
        return self.rows

    async def call(self, action: str, args: Mapping[str, Any] | None = None, *, within: float = 30.0) -> Any:
        """Call an action of the stream, with its parameters; see `Client.call`."""
        return await self._owner.call(
            self._subscription.stream, self._subscription.params or {}, action, args or {}, within=within
        )

    def send(self, name: str, data: Mapping[str, Any] | None = None) -> bool:
        """Send an event to the other subscribers. Return False if the query is not live, so nothing was sent.

        The stream declares events with `@event`. An event may be lost.
        """
        return self._owner.send_event(self._subscription, name, data)

    def on(self, name: str, callback: EventListener) -> Cancel:
        """Call `callback` for each event with this name from other subscribers. Returns a function that stops it."""
        return self._events.on(name, callback)

    def close(self) -> None:
        """Unsubscribe. Iterators end."""
        if self._next is not None:
            self._owner.unsubscribe(self._next)
        self._owner.unsubscribe(self)

    async def __aiter__(self) -> AsyncIterator[Change]:
        """Yield changes from now on, first one with all rows. Raise `RemoteError` if the server refuses the query."""
        pending: list[Change] = []
        woken = asyncio.Event()

        def listen(change: Change | None) -> None:
            if change is not None:
                pending[:] = [_merged(pending[0], change) if pending else change]
            woken.set()

        self._listeners.add(listen)
        try:
            if self._filled.is_set() and not self._ended:
                everything = {key: self._rows.shown(key) for key in self._rows.by_key}
                listen(Change(self.rows, everything, reset=True))
            while pending or not self._ended:
                if pending:
                    yield pending.pop()
                    continue
                woken.clear()
                await woken.wait()
        finally:
            self._listeners.discard(listen)
        if self.error is not None and self.error.name != "closed":
            raise self.error

    @property
    def _ended(self) -> bool:
        return self.error is not None

    def _take(self, following: LiveQuery) -> None:
        """Show the rows of another query instead, which has the new parameters. Raise its error."""
        if error := self.error or following.error:
            raise error
        self._next = None
        gone = [key for key in self._rows.keys if key not in following._rows.by_key]
        self._owner.replace(self, following)
        self._rows = following._rows
        self._notify(Change(self.rows, {key: self._rows.shown(key) for key in self._rows.by_key}, gone, reset=True))
        self._filled.set()

    # called by the connection

    def _apply(self, deltas: list[Mapping[str, Any]], *, fresh: bool) -> bool:
        before = self._rows.by_key
        if not self._rows.apply(deltas, fresh=fresh):
            return False
        reset = fresh or any(delta.get("reset") for delta in deltas)
        if deltas or not self._filled.is_set() or reset:
            now = self._rows.by_key
            put = {put["key"] for delta in deltas for put in delta.get("puts", ()) if "row" in put}
            put.update(key for delta in deltas for key in delta.get("patches", ()))
            puts = {key: self._rows.shown(key) for key in now if reset or key in put}
            self._notify(Change(self.rows, puts, [key for key in before if key not in now], reset))
        self._filled.set()
        return True

    def _add_text(self, key: str, field: str, offset: int, text: str) -> None:
        self._rows.texts.add(key, field, offset, text)
        self._notify_text(key)

    def _end_text(self, key: str, field: str, length: int) -> None:
        self._rows.texts.end(key, field, length)
        self._notify_text(key)

    def _notify_text(self, key: str) -> None:
        if key in self._rows.by_key:
            self._notify(Change(self.rows, {key: self._rows.shown(key)}))

    def _end(self, error: RemoteError, *, drop_rows: bool) -> None:
        self.error = error
        dropped = self.keys if drop_rows else []
        if drop_rows:
            self._rows.clear()
        self._notify(Change(self.rows, drops=dropped, reset=True) if dropped else None)
        self._filled.set()

    def _notify(self, change: Change | None) -> None:
        for listener in list(self._listeners):
            listener(change)


class Presence(LiveQuery):
    """The present users of a stream, as rows; returned by `Client.presence`."""

    def set(self, data: Mapping[str, Any]) -> None:  # type: ignore[override] # the parameters of presence stay
        """Make the user present with `data`, which other users see. Up to 1 KiB as JSON."""
        self._owner.present(self._subscription, data)


def _merged(first: Change, second: Change) -> Change:
    if second.reset:
        gone = dict.fromkeys([*first.drops, *second.drops])
        return Change(second.rows, second.puts, [key for key in gone if key not in second.puts], reset=True)
    puts = {key: row for key, row in first.puts.items() if key not in second.drops} | second.puts
    drops = [key for key in dict.fromkeys([*first.drops, *second.drops]) if key not in second.puts]
    return Change(second.rows, puts, drops, first.reset)
