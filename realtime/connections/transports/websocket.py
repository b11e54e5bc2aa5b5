"""WebSocket: a Channels consumer that passes its messages to a `Connection`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from realtime.auth.limits import weight
from realtime.connections.connection import Connection
from realtime.connections.handshake import check_handshake, open_connection
from realtime.connections.transports.fast_path import Message, Send, innermost, is_gone, server_of, unsent_of
from realtime.connections.transports.message_limits import limit_messages
from realtime.exceptions import InternalError, ProtocolError
from realtime.protocol.codec import encode_bye

logger = logging.getLogger("realtime.connections")

MAX_REASON = 100  # characters: a close frame has room for 123 bytes
TURN = 16  # messages of one client before other clients get a turn; a long message counts as several


class WebSocketSender:
    """Accepts messages without blocking, and sends them when the server is ready. The caller limits them."""

    __slots__ = (
        "_connection", "_direct", "_ended", "_handover", "_send", "_server_unsent", "_task", "_waiting",
        "_waiting_characters",
    )  # fmt: skip

    def __init__(self, send: Send) -> None:
        self._send = innermost(send)
        self._handover, self._connection = server_of(self._send)
        self._direct = self._handover  # while no message waits
        self._waiting: deque[Message] = deque()
        self._waiting_characters = 0
        self._server_unsent = unsent_of(self._send)
        self._task: asyncio.Task[None] | None = None  # while messages wait
        self._ended = False  # nothing more may or can be sent

    @property
    def unsent(self) -> int:
        """The bytes that the client's socket has not accepted yet; at least this many, as far as is known."""
        return self._waiting_characters + self._server_unsent()

    def send(self, text: str) -> None:
        """Send a text message, once the connection has been accepted."""
        direct = self._direct
        if direct is None or not direct(self._connection, text):
            self._put({"type": "websocket.send", "text": text})

    def close(self, code: int, reason: str = "") -> None:
        """Close the connection after the messages sent so far; later ones are dropped."""
        self._put({"type": "websocket.close", "code": int(code), "reason": reason[:MAX_REASON]})
        self._end()

    async def release(self) -> None:
        """Stop sending."""
        self._end()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _end(self) -> None:
        self._ended = True
        self._direct = None

    def _put(self, message: Message) -> None:
        if self._ended:
            return
        self._direct = None
        self._waiting.append(message)
        self._waiting_characters += len(message.get("text", ""))
        if self._task is None:
            self._task = asyncio.create_task(self._send_all(), name="realtime websocket")

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                message = self._waiting.popleft()
                await self._send(message)
                self._waiting_characters -= len(message.get("text", ""))
        except Exception as error:
            self._end()
            if is_gone(error):  # a disconnect follows
                logger.debug("A client has gone before it was sent everything (%s).", type(error).__name__)
            else:
                logger.exception("Nothing can be sent to a client any more.")
        finally:
            self._waiting.clear()
            self._waiting_characters = 0
            self._task = None
            if not self._ended:
                self._direct = self._handover


class RealtimeConsumer(AsyncWebsocketConsumer):
    """The endpoint for browsers.

    It identifies the user by the session cookie; or, behind middleware such as Channels' `AuthMiddlewareStack`, by
    the scope's `user` and `session`.
    """

    connection: Connection | None = None
    sender: WebSocketSender

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Channels' own creates a task for each message, and uses a thread to close old database connections.
        # Neither is needed here, nor is a channel layer
        self.scope = scope
        self.base_send = send
        limit_messages(receive, send)
        self.sender = WebSocketSender(send)
        handled = 0
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                if message["type"] == "websocket.connect":
                    await self.connect()
                elif self.connection is not None:
                    text = message.get("text")
                    data = text if text is not None else message.get("bytes") or b""
                    self.connection.receive(data)
                    handled += weight(len(data))
                if handled >= TURN:  # `receive` does not yield to the loop while messages are queued
                    handled = 0
                    await asyncio.sleep(0)
        finally:
            await self._release()

    async def connect(self) -> None:
        await self.accept()
        known: dict[str, Any] = (
            {name: self.scope.get(name) for name in ("user", "session")} if "user" in self.scope else {}
        )
        try:
            self.connection = await open_connection(self.sender, check_handshake(self.scope), **known)
        except ProtocolError as error:
            # accepted first: browsers hide the reason of a failed handshake from the page
            self._refuse(error)
        except Exception:
            logger.exception("A client could not be accepted.")
            self._refuse(InternalError())

    def _refuse(self, error: ProtocolError) -> None:
        self.sender.send(encode_bye(error).text)
        self.sender.close(int(error.code))

    async def _release(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()
        await self.sender.release()
