"""Outlet: the way out to the client of one WebSocket.

Messages go out in their order. Through ASGI each costs a task and a frame of its own; where the server is known, the
frame that all its recipients share is handed to its connection at once. Whatever is in the way of that (a client that
does not read, a closing connection, middleware around `send`, another server) leaves the message to ASGI.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, cast

from autobahn.exception import Disconnected
from channels.sessions import InstanceSessionWrapper

logger = logging.getLogger("realtime.connections")

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Handover = Callable[[Any, str], bool]

MAX_UNCOMPRESSED = 1400  # bytes: what fits into a packet is not worth compressing for each client by itself
MAX_FRAMES = 1000

_frames: dict[str, bytes] = {}  # of the messages of this iteration of the event loop, by their text


class Outlet:
    """Takes messages without blocking, and sends them when the server takes them; the caller bounds how many."""

    __slots__ = ("_connection", "_direct", "_ended", "_handover", "_send", "_task", "_waiting")

    def __init__(self, send: Send) -> None:
        self._send = _innermost(send)
        self._handover, self._connection = _server(self._send)
        self._direct = self._handover  # while nothing waits
        self._waiting: deque[Message] = deque()
        self._task: asyncio.Task[None] | None = None  # while something waits
        self._ended = False  # nothing more is to be sent, or can be

    @property
    def knows_server(self) -> bool:
        """Whether messages can be handed to the server's connection."""
        return self._handover is not None

    def send(self, text: str) -> None:
        """Send a text message, once the connection has been accepted."""
        direct = self._direct
        if direct is None or not direct(self._connection, text):
            self._put({"type": "websocket.send", "text": text})

    def close(self, code: int, reason: str = "") -> None:
        """Close the connection, after what was sent before; what comes after is dropped."""
        self._put({"type": "websocket.close", "code": code, "reason": reason})
        self._end()

    async def release(self) -> None:
        """Send nothing more."""
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
        if self._task is None:
            self._task = asyncio.create_task(self._send_all(), name="realtime outlet")

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send(self._waiting.popleft())
        except (OSError, Disconnected) as error:
            # what ASGI has servers raise, and what daphne does: the client has gone, and the server says so next
            self._end()
            logger.debug("A client has gone before it was sent everything (%s).", type(error).__name__)
        except Exception:
            self._end()
            logger.exception("A client cannot be sent anything any more.")
        finally:
            self._waiting.clear()
            self._task = None
            if not self._ended:
                self._direct = self._handover


def _innermost(send: Send) -> Send:
    # Channels' session middleware has work to do at an HTTP response alone
    innermost: Any = send
    while isinstance(owner := getattr(innermost, "__self__", None), InstanceSessionWrapper):
        innermost = owner.real_send
    return cast("Send", innermost)


def _server(send: Send) -> tuple[Handover | None, Any]:
    """How a message is handed to the server's connection, and this; None for an unknown server.

    Servers are told by where their classes are defined, so that none is imported that does not run.
    """
    owner = getattr(send.func if isinstance(send, partial) else send, "__self__", None)
    module = type(owner).__module__
    try:
        if module == "uvicorn.protocols.websockets.websockets_sansio_impl":
            transport: Any = cast("Any", owner).transport
            _ = transport.write, transport.is_closing, transport.get_write_buffer_size
            return (_uvicorn_compressing if cast("Any", owner).conn.extensions else _uvicorn), transport
        if module == "daphne.server" and isinstance(send, partial):
            return _daphne(send.args[0])
    except AttributeError:  # another version than those known
        logger.debug("A server of %s is not the one known; it is spoken to by ASGI.", module, exc_info=True)
    return None, None


def _uvicorn(transport: Any, text: str) -> bool:
    # what the socket has not taken yet, the server's own flow control is to see
    if transport.is_closing() or transport.get_write_buffer_size():
        return False
    transport.write(_frames.get(text) or _frame(text))
    return True


def _uvicorn_compressing(transport: Any, text: str) -> bool:
    return len(_frames.get(text) or _frame(text)) <= MAX_UNCOMPRESSED and _uvicorn(transport, text)


def _daphne(protocol: Any) -> tuple[Handover, Any]:
    transport = protocol.transport
    _ = protocol.STATE_OPEN, protocol.state, protocol.muted, protocol._perMessageCompress
    _ = transport.write, transport.dataBuffer, transport.offset, transport._tempDataBuffer, transport.writeSomeData
    # TLS stands around the transport, and passes its attributes on
    is_bare = not transport.TLS and transport.writeSomeData.__self__ is transport
    return (_daphne_now if is_bare else _daphne_later), protocol


def _daphne_is_open(protocol: Any) -> bool:
    # Autobahn keeps the compression of a connection there; daphne offers none
    return protocol.state == protocol.STATE_OPEN and not protocol.muted and protocol._perMessageCompress is None


def _daphne_later(protocol: Any, text: str) -> bool:
    if not _daphne_is_open(protocol):
        return False
    protocol.transport.write(_frames.get(text) or _frame(text))
    return True


def _daphne_now(protocol: Any, text: str) -> bool:
    transport = protocol.transport
    if transport._tempDataBuffer or len(transport.dataBuffer) > transport.offset:
        return _daphne_later(protocol, text)
    if not _daphne_is_open(protocol):
        return False
    frame = _frames.get(text) or _frame(text)
    # Twisted's `write` waits for the socket to be writable, which costs more than the rest
    written = transport.writeSomeData(frame) if transport.connected and not transport.disconnecting else 0
    if not isinstance(written, int) or written < len(frame):
        transport.write(frame[written:] if isinstance(written, int) and written > 0 else frame)
    return True


def _frame(text: str) -> bytes:
    """The WebSocket frame of a text message: https://www.rfc-editor.org/rfc/rfc6455#section-5.2"""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        header = bytes((0x81, size))
    elif size < 1 << 16:
        header = b"\x81\x7e" + size.to_bytes(2, "big")
    else:
        header = b"\x81\x7f" + size.to_bytes(8, "big")
    if len(_frames) >= MAX_FRAMES:  # of a loop that ended before it came to clear them
        _frames.clear()
    if not _frames:  # a tick is handed to all its clients in one iteration
        asyncio.get_running_loop().call_soon(_frames.clear)
    _frames[text] = frame = header + payload
    return frame
