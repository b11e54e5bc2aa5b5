"""Client: a client of this process's own server side for async tests, as any user, without network or login."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from asgiref.sync import sync_to_async
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from realtime.auth.users import visitor
from realtime.client import Client
from realtime.client.connection import Connection, Socket
from realtime.client.live_query import LiveQuery
from realtime.connections.transports.websocket import RealtimeConsumer
from realtime.hub.hub import get_hub
from realtime.testing.databases import check_databases

PATH = "/realtime/ws/"
RECONNECT_SECONDS = 0.02
ABNORMAL = 1006  # RFC 6455, 7.1.5: no close frame was received


def connect(user: Any = None, *, application: Any = None) -> UserClient:
    """Return a client that is logged in as `user` (None: anonymous), for async tests. Use it with `async with`.

    It is the Python client (`realtime.client`), connected to an ASGI application of this process without a network.
    Rows pass through hub, session and frames as for a page. `application` is the WebSocket endpoint by default;
    pass a `FaultyNetwork` to inject faults. The hub reads over its own database connections, so the test must commit:
    use `TransactionTestCase` or `@pytest.mark.django_db(transaction=True)`.

        async with connect(ada) as client:
            tasks = client.subscribe("tasks", {"project": 7})
            await tasks.ready()
            await Task.objects.acreate(project_id=7, title="Buy milk")
            await client.wait_for(tasks, lambda rows: [row["title"] for row in rows] == ["Buy milk"])
    """
    return UserClient(user, application or RealtimeConsumer.as_asgi())


class UserClient(Client):
    """A client of one user, returned by `connect`."""

    def __init__(self, user: Any, application: Any) -> None:
        self._local = _LocalConnection(visitor() if user is None else user, application)
        super().__init__(self._local)

    async def wait_for(
        self, query: LiveQuery, condition: Callable[[list[Any]], object], *, within: float = 10.0
    ) -> list[Any]:
        """Wait until `condition(rows)` is true for a live query, for `within` seconds, and return the rows.

        Raise `RemoteError` if the server refuses the query, and `AssertionError` after the timeout.
        """
        try:
            async with asyncio.timeout(within):
                async for change in query:
                    if condition(change.rows):
                        return change.rows
        except TimeoutError:
            pass
        raise AssertionError(
            f"Waited {within:g} s in vain; the live query is {query.state}, its rows are {query.rows}."
        )

    def cut(self) -> None:
        """Drop the connection abruptly. The client reconnects by itself."""
        if self._local.open is not None:
            self._local.open.end(ABNORMAL)

    async def close(self) -> None:
        """Close the connection; with the last client of this process, also the hub."""
        await super().close()
        hub = get_hub()
        if not hub.clients:
            await hub.close()

    async def __aenter__(self) -> UserClient:
        await sync_to_async(check_databases)("A client")
        await super().__aenter__()
        return self


class _LocalConnection(Connection):
    """A connection to an ASGI application of this process."""

    def __init__(self, user: Any, application: Any) -> None:
        super().__init__("", token=None, headers={})
        self.open: _ApplicationSocket | None = None
        self._user = user
        self._application = application

    def _delay(self, failures: int) -> float:
        return RECONNECT_SECONDS  # a test has no crowd of clients

    @asynccontextmanager
    async def _open_socket(self) -> AsyncIterator[Socket]:
        socket = self.open = _ApplicationSocket(self._application, self._user)
        try:
            yield socket
        finally:
            self.open = None
            await socket.close()


class _ApplicationSocket:
    """The client's end of an ASGI WebSocket."""

    def __init__(self, application: Any, user: Any) -> None:
        scope = {
            "type": "websocket",
            "path": PATH,
            "headers": [],
            "query_string": b"",
            "subprotocols": [],
            "user": user,
            "session": None,
        }
        self._up: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._down: asyncio.Queue[str | int] = asyncio.Queue()  # texts, then the code of the end
        self._up.put_nowait({"type": "websocket.connect"})
        self._serving = asyncio.create_task(application(scope, self._up.get, self._take), name="realtime test client")
        self._serving.add_done_callback(lambda task: self._down.put_nowait(ABNORMAL))

    async def recv(self) -> str:
        text = await self._down.get()
        if isinstance(text, int):
            raise ConnectionClosed(None if text == ABNORMAL else Close(text, ""), None)
        return text

    async def send(self, message: str, /) -> None:
        self._up.put_nowait({"type": "websocket.receive", "text": message})

    def end(self, code: int) -> None:
        """End both directions."""
        self._down.put_nowait(code)
        self._up.put_nowait({"type": "websocket.disconnect", "code": code})

    async def close(self) -> None:
        """End the socket, and wait for the application."""
        self._up.put_nowait({"type": "websocket.disconnect", "code": 1000})
        with suppress(asyncio.CancelledError):
            await self._serving

    async def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            self._down.put_nowait(message["text"])
        elif message["type"] == "websocket.close":
            self._down.put_nowait(message.get("code", 1000))
