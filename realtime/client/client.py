"""Client: what a service holds of a server: its live queries, its calls, and the events for its user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from realtime.client.connection import Connection
from realtime.client.errors import RemoteError
from realtime.client.events import EventListener, Forget
from realtime.client.live import LiveQuery, Presence
from realtime.client.session import State
from realtime.client.wires import Wire


class Client:
    """A client of a server's live queries; made by `connect`. Use it as an async context manager.

    It comes back by itself after a lost connection, with growing random delays, and resumes from its cursors.
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
        """Why the server wants no connection."""
        return self._connection.error

    def subscribe(self, stream: str, params: Mapping[str, Any] | None = None, *, format: str = "data") -> LiveQuery:
        """A live query; its rows come as soon as there is a connection.

        `format` is "data", "html", or "value:" with a live value's name.
        """
        query = LiveQuery(self._connection, Wire(stream, dict(params or {}), format))
        self._connection.subscribe(query)
        return query

    def presence(
        self,
        stream: str,
        params: Mapping[str, Any] | None = None,
        *,
        data: Mapping[str, Any] | None = None,
        watch: bool = False,
    ) -> Presence:
        """Say that the user is at a stream that has presence, and open the rows of all who are.

        `data` is what all others see of the user; with `watch` the user is not there, and only looks on.
        """
        present = None if watch else dict(data or {})
        people = Presence(self._connection, Wire(f"{stream}:presence", dict(params or {}), present=present))
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
        """Call an action of a stream, and return its result. `within` so many seconds.

        Raise `RemoteError`: a refusal has a code; without one, its name says whether the action may have run.
        """
        return await self._connection.call(stream, params, action, args or {}, within=within)

    def on(self, name: str, callback: EventListener) -> Forget:
        """Have this called for each event of the name that the server sends to the user; return what ends it."""
        return self._connection.events.on(name, callback)

    def on_unsent(self, callback: Callable[[RemoteError], object]) -> Forget:
        """Have this called where the server refuses an event, or what was said of the user; return what ends it."""
        refusals = self._connection.refusals
        refusals.append(callback)
        return lambda: refusals.remove(callback) if callback in refusals else None

    async def wait_until_live(self) -> None:
        """Wait until all that was subscribed is as the database has it. Raise `RemoteError` if the server says no."""
        await self._connection.wait_until_live()

    async def close(self) -> None:
        """End the connection; live queries end, and calls that wait are not answered."""
        await self._connection.close()

    async def __aenter__(self) -> Client:
        self._connection.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
