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
Handover = Callable[[str], bool]

MAX_UNCOMPRESSED = 1400  # bytes: what fits into a packet is not worth compressing for each client by itself
MAX_FRAMES = 1000

_frames: dict[str, bytes] = {}  # of the messages of this iteration of the event loop, by their text


class Outlet:
    """Takes messages without blocking, and sends them when the server takes them; the caller bounds how many."""

    __slots__ = ("_direct", "_ended", "_handover", "_send", "_task", "_waiting")

    def __init__(self, send: Send) -> None:
        self._send = _innermost(send)
        self._handover = self._direct = _handover(self._send)  # the second while nothing waits
        self._waiting: deque[Message] = deque()
        self._task: asyncio.Task[None] | None = None  # while something waits
        self._ended = False  # nothing more is to be sent, or can be

    @property
    def knows_server(self) -> bool:
        """Whether messages can be handed to the server's connection."""
        return self._handover is not None

    def send(self, text: str) -> None:
        """Send a text message."""
        direct = self._direct
        if direct is None or not direct(text):
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


def _handover(send: Send) -> Handover | None:
    """What hands a message to the server's connection, or returns False; None for an unknown server.

    Servers are told by where their classes are defined, so that none is imported that does not run.
    """
    owner = getattr(send.func if isinstance(send, partial) else send, "__self__", None)
    module = type(owner).__module__
    try:
        if module == "uvicorn.protocols.websockets.websockets_sansio_impl":
            return _uvicorn(owner)
        if module == "daphne.server" and isinstance(send, partial):
            return _daphne(send.args[0])
    except AttributeError:  # another version than those known
        logger.debug("A server of %s is not the one known; it is spoken to by ASGI.", module, exc_info=True)
    return None


def _uvicorn(protocol: Any) -> Handover:
    write, is_closing, may_write = protocol.transport.write, protocol.transport.is_closing, protocol.writable.is_set
    most = MAX_UNCOMPRESSED if protocol.conn.extensions else None
    _ = protocol.close_sent

    def handover(text: str) -> bool:
        if not may_write() or protocol.close_sent or is_closing() or not protocol.handshake_complete:
            return False
        frame = _frames.get(text) or _frame(text)
        if most is not None and len(frame) > most:
            return False
        write(frame)
        return True

    return handover


def _daphne(protocol: Any) -> Handover:
    opened, transport = protocol.STATE_OPEN, protocol.transport
    write, write_now = transport.write, transport.writeSomeData
    if transport.TLS or write_now.__self__ is not transport:  # TLS stands around it, and passes its attributes on
        write_now = None
    _ = protocol.state, protocol.muted, transport.dataBuffer, transport.offset, transport._tempDataBuffer

    def handover(text: str) -> bool:
        # Autobahn keeps the compression of a connection there; daphne offers none
        if protocol.state != opened or protocol.muted or protocol._perMessageCompress is not None:
            return False
        frame = _frames.get(text) or _frame(text)
        if write_now is None or transport._tempDataBuffer or len(transport.dataBuffer) > transport.offset:
            write(frame)
            return True
        # Twisted's `write` waits for the socket to be writable, which costs more than the rest
        written = write_now(frame) if transport.connected and not transport.disconnecting else 0
        if not isinstance(written, int) or written < len(frame):
            write(frame[written:] if isinstance(written, int) and written > 0 else frame)
        return True

    return handover


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
