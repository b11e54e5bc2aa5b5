"""Clients of a server in another process, one class per transport, all with the same face."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support import http
from tests.support.replica import ReferenceClient
from tests.support.waiting import seconds

CSRF = "c" * 32


class Remote:
    """A reference client. `received` has every message; `bye` the last one where the server has ended it."""

    def __init__(self, host: str, *, session: str = "", origin: str | None = None) -> None:
        self.host = host
        self.protocol = ReferenceClient()
        self.received: list[dict[str, Any]] = []
        self.headers = {"Cookie": f"sessionid={session}; csrftoken={CSRF}"} if session else {}
        if origin is not None:
            self.headers["Origin"] = origin

    async def __aenter__(self) -> Remote:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def step(self) -> dict[str, Any]:
        """The server's next message, applied."""
        raise NotImplementedError

    async def send(self, *messages: str) -> None:
        raise NotImplementedError

    async def leave(self) -> None:
        """Hang up without a word."""
        raise NotImplementedError

    def take(self, text: str) -> list[str]:
        self.received.append(json.loads(text))
        return self.protocol.receive(text)

    async def until(self, condition: Any) -> None:
        while not condition():
            await self.step()

    async def ended(self) -> tuple[int, str]:
        """Read to the bye; its code and reason."""
        await self.until(lambda: self.protocol.bye)
        assert self.protocol.bye is not None
        return self.protocol.bye["code"], self.protocol.bye["reason"]

    async def subscribe(self, stream: str, *, id: int = 1, **params: Any) -> None:
        await self.send(*self.protocol.subscribe(id, stream=stream, params=params, format="data"))
        await self.until(lambda: self.protocol.subscriptions[id].live or self.protocol.subscriptions[id].refusal)

    async def call(self, id: str, stream: str, action: str, args: dict[str, Any], **params: Any) -> dict[str, Any]:
        call = {"type": "call", "id": id, "stream": stream, "params": params, "action": action, "args": args}
        await self.send(json.dumps(call))
        await self.until(lambda: id in self.protocol.replies)
        return self.protocol.replies[id]

    def titles(self, id: int = 1) -> list[str]:
        return [row["title"] for _, row in self.protocol.subscriptions[id].replica.ordered]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [message for message in self.received if message["type"] == "event"]

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [delta for message in self.received if message["type"] == "frame" for delta in message["deltas"]]


class WebSocketRemote(Remote):
    _socket: ClientConnection | None = None

    async def step(self) -> dict[str, Any]:
        socket = await self._connected()
        text = await socket.recv()
        assert isinstance(text, str)
        await self._write(self.take(text))
        return self.received[-1]

    async def send(self, *messages: str) -> None:
        await self._connected()
        await self._write(list(messages))

    async def leave(self) -> None:
        if self._socket is not None:
            self._socket.transport.abort()
            await self._socket.wait_closed()
            self._socket = None

    async def _connected(self) -> ClientConnection:
        if self._socket is None:
            headers = {name: value for name, value in self.headers.items() if name != "Origin"}
            self._socket = await connect(
                f"ws://{self.host}/realtime/ws/",
                additional_headers=headers,
                origin=self.headers.get("Origin"),
                open_timeout=seconds(10),
                proxy=None,
            )
            await self._write(self.protocol.open())
        return self._socket

    async def _write(self, messages: list[str]) -> None:
        assert self._socket is not None
        with suppress(ConnectionClosed):  # what it said last is still to be read
            for message in messages:
                await self._socket.send(message)


class HttpRemote(Remote):
    """Asks again, from its cursors, whenever a response is over; `requests` counts how often."""

    endpoint: str

    def __init__(self, host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self.headers["X-CSRFToken"] = CSRF
        self.requests = 0
        self._messages: AsyncIterator[str] | None = None
        self._response: http.Response | None = None
        self._extra: list[str] = []  # what no reference client would send

    async def step(self) -> dict[str, Any]:
        while True:
            if self._messages is None:
                await self._ask()
            assert self._messages is not None
            text = await anext(self._messages, None)
            if text is not None:
                self.take(text)
                return self.received[-1]
            await self.leave()

    async def send(self, *messages: str) -> None:
        kinds = {kind(message) for message in messages}
        if kinds == {"call"}:
            await self._call(messages)
        else:
            await self.leave()  # and ask for the full set
            self._extra = [message for message in messages if kind(message) != "subscribe"]

    async def leave(self) -> None:
        if self._response is not None:
            self._response.cut()
        self._messages = self._response = None

    async def _ask(self) -> None:
        messages = [*self.protocol.open(), *self._extra]
        self.requests += 1
        self._response = await self.post(f"{self.endpoint}/{self.query()}", messages)
        self._messages = self._read(self._response)

    async def _call(self, messages: tuple[str, ...]) -> None:
        response = await self.post("call/", ['{"type":"hello","version":1}', *messages])
        for message in await response.json():
            self.received.append(message)
            if message["type"] == "reply":
                self.protocol.replies[message["id"]] = message

    async def post(self, path: str, messages: list[str]) -> http.Response:
        url = f"http://{self.host}/realtime/{path}"
        return await http.request(url, headers=self.headers, body=f"[{','.join(messages)}]")

    async def _read(self, response: http.Response) -> AsyncIterator[str]:
        if response.headers["content-type"].startswith("application/json"):
            for message in await response.json():
                yield json.dumps(message)
        else:
            async for event in http.events(response):
                if event.get("event") != "end":
                    yield event["data"]

    def query(self) -> str:
        return ""


class SseRemote(HttpRemote):
    endpoint = "sse"


class LongPollRemote(HttpRemote):
    endpoint = "poll"

    def query(self) -> str:
        wanted = self.protocol.subscriptions.values()
        idle = all(item.cursor or item.refusal for item in wanted)
        return "" if idle else "?wait=0"


def kind(text: str) -> str:
    try:
        return json.loads(text)["type"]
    except (ValueError, TypeError, KeyError):
        return ""


REMOTES: dict[str, type[Remote]] = {"websocket": WebSocketRemote, "sse": SseRemote, "longpoll": LongPollRemote}
