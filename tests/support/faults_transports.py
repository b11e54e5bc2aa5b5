"""Clients with other transports than a WebSocket: over HTTP, and the Python client of the product."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from realtime.client import Client, LiveQuery
from realtime.client.connection import Connection, Socket
from realtime.protocol.messages import VERSION
from tests.support import http
from tests.support.faults_clients import Clients, LiveClient
from tests.support.remotes import CSRF

WAYS_SECONDS = (0.0, 0.02, 0.2)  # of a response and the next request, while changes go on


class HttpClient(LiveClient):
    """Asks again from its cursors whenever a response is over."""

    endpoint: str

    def __init__(self, clients: Clients, url: str, *, session: str = "", version: int = VERSION) -> None:
        super().__init__(clients, url, session=session, version=version)
        cookie = f"sessionid={session}; csrftoken={CSRF}"
        self._headers = {"Cookie": cookie, "X-CSRFToken": CSRF} if session else {}
        self._response: http.Response | None = None

    async def _connect(self) -> None:
        while self._online.is_set():
            self.asked = self.protocol.open()
            url = self.url.replace("ws:", "http:").replace("/ws/", f"/{self.endpoint}/") + self._query()
            response = await http.request(url, headers=self._headers, body=f"[{','.join(self.asked)}]")
            self.connections += 1
            self._response = response
            try:
                assert response.status == 200, await response.text()
                if len(self.asked) > len(self.protocol.subscriptions):  # none was added meanwhile
                    await self._read(response)
            finally:
                self._response = None
                response.cut()

    async def _read(self, response: http.Response) -> None:
        raise NotImplementedError

    def _query(self) -> str:
        return ""

    def _receive(self, text: str) -> None:
        self.text += len(text)
        self.protocol.receive(text)  # the next request acknowledges it

    async def _send(self, messages: list[str]) -> None:
        """Ask anew, with all subscriptions."""
        if self._response is not None:
            self._response.cut()

    async def _cut(self) -> None:
        self._online.clear()
        await self._send([])


class EventStreamClient(HttpClient):
    endpoint = "sse"

    async def _read(self, response: http.Response) -> None:
        async for event in http.events(response):
            if event.get("event") == "end":
                return
            self._receive(event["data"])
        raise EOFError("The stream was cut.")


class LongPollClient(HttpClient):
    endpoint = "poll"

    async def _read(self, response: http.Response) -> None:
        for message in json.loads(await response.text()):
            self._receive(json.dumps(message))
        await asyncio.sleep(self._chance.choice(WAYS_SECONDS))

    def _query(self) -> str:
        return "" if all(item.cursor or item.refusal for item in self.protocol.subscriptions.values()) else "?wait=0"


class PythonClient:
    """`realtime.client`, as other services use it."""

    def __init__(self, clients: Clients, url: str, *, session: str = "", version: int = VERSION) -> None:
        self._clients = clients
        self._connection = _Connection(url, token=None, headers={"Cookie": f"sessionid={session}"})
        self._client = Client(self._connection)
        self._queries: dict[int, LiveQuery] = {}

    @property
    def url(self) -> str:
        return self._connection.url

    @url.setter
    def url(self, url: str) -> None:
        self._connection.url = url

    def start(self) -> None:
        self._connection.connect()

    async def stop(self) -> None:
        await self._client.close()

    def subscribe(self, stream: str, params: dict[str, Any], *, format: str = "data") -> int:
        return int(self._clients.call(self._subscribe(stream, params, format)))

    async def _subscribe(self, stream: str, params: dict[str, Any], format: str) -> int:
        id = len(self._queries) + 1
        self._queries[id] = self._client.subscribe(stream, params, format=format)
        return id

    def rows(self, id: int = 1) -> list[list[Any]]:
        rows: list[list[Any]] = self._clients.call(self._rows(self._queries[id]))
        return rows

    async def _rows(self, query: LiveQuery) -> list[list[Any]]:
        return [list(row) for row in zip(query.keys, query.rows, strict=True)]

    def raise_error(self) -> None:
        for error in (self._client.error, *(query.error for query in self._queries.values())):
            if error is not None:
                raise error

    def cut(self) -> None:
        self._clients.call(self._connection.cut())

    def come_back(self) -> None:
        self._clients.loop.call_soon_threadsafe(self._connection.online.set)


class _Connection(Connection):
    """Can be cut, and stays away until it is `online`."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self.online = asyncio.Event()
        self.online.set()

    @asynccontextmanager
    async def _open_socket(self) -> AsyncIterator[Socket]:  # type: ignore[override]
        await self.online.wait()
        async with super()._open_socket() as socket:
            yield socket

    async def cut(self) -> None:
        self.online.clear()
        if self._socket is not None:
            self._socket.transport.abort()  # type: ignore[attr-defined]
