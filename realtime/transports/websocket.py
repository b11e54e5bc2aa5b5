"""WebSocket: a Channels consumer that lends its connection to a `Connection`."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from autobahn.exception import Disconnected
from channels.generic.websocket import AsyncWebsocketConsumer
from msgspec import UNSET

from realtime.connection import Connection
from realtime.exceptions import ProtocolError
from realtime.protocol.codec import encode
from realtime.protocol.messages import Bye
from realtime.reception import arrive, let_in

GONE = (OSError, Disconnected)
"""What a server raises that is to send to a client who has gone: by the rules of ASGI, and daphne."""


class RealtimeConsumer(AsyncWebsocketConsumer):
    """The endpoint of browsers. Wrap it in Channels' `AuthMiddlewareStack`, so that it knows the user."""

    channel_layer_alias = ""  # no layer: a channel per connection would be a queue and a task per connection

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection: Connection | None = None
        self._outgoing: deque[Any] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._release()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels' own goes through a thread to close old database connections; nothing here has any
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def connect(self) -> None:
        await self.accept()
        user, session = self.scope.get("user"), self.scope.get("session")
        try:
            self.connection = await let_in(_Face(self), arrive(self.scope), user=user, session=session)
        except ProtocolError as error:
            # accepted first: a browser hides from the page why a handshake failed
            self._say_bye(error)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.connection is not None:
            self.connection.receive(text_data if text_data is not None else bytes_data or b"")

    def put(self, message: dict[str, Any]) -> None:
        """Send when the server takes it, in order; the connection bounds how much there can be."""
        self._outgoing.append(message)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._outgoing:
                await self.base_send(self._outgoing.popleft())
        except GONE:
            self._outgoing.clear()  # the server tells of it by `websocket.disconnect`
        finally:
            self._sending = None

    def _say_bye(self, error: ProtocolError) -> None:
        bye = Bye(error.code, error.reason, UNSET if error.retry is None else error.retry)
        self.put({"type": "websocket.send", "text": encode(bye).text})
        self.put({"type": "websocket.close", "code": int(error.code)})

    async def _release(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)


class _Face:
    """The consumer as a `Transport`."""

    __slots__ = ("_consumer",)

    def __init__(self, consumer: RealtimeConsumer) -> None:
        self._consumer = consumer

    def send(self, text: str) -> None:
        self._consumer.put({"type": "websocket.send", "text": text})

    def close(self, code: int, reason: str) -> None:
        self._consumer.put({"type": "websocket.close", "code": int(code), "reason": reason[:100]})
