"""Client: subscribes to live queries, calls actions and receives events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from realtime.client.connection import Connection
from realtime.client.errors import RemoteError
from realtime.client.events import Cancel, EventListener
from realtime.client.live_query import LiveQuery, Presence
from realtime.client.session import State
from realtime.client.subscriptions import Subscription


class Client:
    """A client of a realtime server, returned by `connect`. Use it with `async with`.

    After a lost connection it reconnects by itself, with growing random delays, and resumes from its cursors.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def url(self) -> str:
        return self._connection.url

    @property
    def state(self) -> State | None:
        """`connecting`, `live`, `catching-up`, `offline` or `refused`."""
        return self._connection.state

    @property
    def error(self) -> RemoteError | None:
        """The error by which the server refused the connection, or None."""
        return self._connection.error

    def subscribe(self, stream: str, params: Mapping[str, Any] | None = None, *, format: str = "data") -> LiveQuery:
        """Return a live query at once; its rows arrive when the client is connected.

        `format` is "data", "html", or "value:" with the name of a live value.
        """
        query = LiveQuery(self._connection, Subscription(stream, dict(params or {}), format))
        self._connection.subscribe(query)
        return query

    def presence(
        self,
        stream: str,
        params: Mapping[str, Any] | None = None,
        *,
        data: Mapping[str, Any] | None = None,
        watch: bool = False,
        everyone: bool = False,
    ) -> Presence:
        """Make the user present at a stream that has presence, and return the present users as a live query.

        Other users see `data`. With `watch`, the user only watches and is not present. The rows are the first fifty
        users, or all of them with `everyone`.
        """
        present = None if watch else dict(data or {})
        name = f"{stream}:presence:all" if everyone else f"{stream}:presence"
        people = Presence(self._connection, Subscription(name, dict(params or {}), present=present))
        self._connection.subscribe(people)
        return people

    async def call(
        self,
        stream: str,
        params: Mapping[str, Any],
        action: str,
        args: Mapping[str, Any] | None = None,
        *,
        within: float = 30.0,
    ) -> Any:
        """Call an action of a stream, and return its result. It times out after `within` seconds.

        Raise `RemoteError`. A refusal has a code; otherwise the error's name says whether the action may have run.
        """
        return await self._connection.call(stream, params, action, args or {}, within=within)

    def on(self, name: str, callback: EventListener) -> Cancel:
        """Call `callback` for each event with this name that is sent to the user. Returns a function that stops it."""
        return self._connection.events.on(name, callback)

    def on_event_rejected(self, callback: Callable[[RemoteError], object]) -> Cancel:
        """Call `callback` when the server rejects an event or presence data. Returns a function that stops it."""
        refusals = self._connection.refusals
        refusals.append(callback)
        return lambda: refusals.remove(callback) if callback in refusals else None

    async def wait_until_live(self) -> None:
        """Wait until all subscriptions are up to date. Raise `RemoteError` if the server refuses all of them."""
        await self._connection.wait_until_live()

    async def close(self) -> None:
        """Close the connection. Live queries end, and pending calls raise `RemoteError`."""
        await self._connection.close()

    async def __aenter__(self) -> Client:
        self._connection.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
