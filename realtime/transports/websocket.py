"""WebSocket: a Channels consumer that lends its connection to a `Connection`."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from realtime.connection import Connection
from realtime.exceptions import ProtocolError
from realtime.outlet import Outlet
from realtime.protocol.codec import encode_bye
from realtime.reception import arrive, let_in


class RealtimeConsumer(AsyncWebsocketConsumer):
    """The endpoint of browsers.

    It knows the user by the session's cookie; or, behind middleware such as Channels' `AuthMiddlewareStack`, by the
    scope's `user` and `session`.
    """

    connection: Connection | None = None
    outlet: Outlet

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Channels' own makes a task for each message, and goes through a thread to close old database connections:
        # nothing here has any, and there is no layer to listen to beside the client
        self.scope = scope
        self.base_send = send
        self.outlet = Outlet(send)
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                if message["type"] == "websocket.connect":
                    await self.connect()
                elif self.connection is not None:
                    text = message.get("text")
                    self.connection.receive(text if text is not None else message.get("bytes") or b"")
        finally:
            await self._release()

    async def connect(self) -> None:
        await self.accept()
        known: dict[str, Any] = (
            {name: self.scope.get(name) for name in ("user", "session")} if "user" in self.scope else {}
        )
        try:
            self.connection = await let_in(_Face(self.outlet), arrive(self.scope), **known)
        except ProtocolError as error:
            # accepted first: a browser hides from the page why a handshake failed
            self.outlet.send(encode_bye(error).text)
            self.outlet.close(int(error.code))

    async def _release(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()
        await self.outlet.release()


class _Face:
    """The outlet as a `Transport`."""

    __slots__ = ("_outlet", "send")

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self.send = outlet.send

    def close(self, code: int, reason: str) -> None:
        self._outlet.close(int(code), reason[:100])
