"""Fast path: writes a message directly to the connection of a known server, bypassing ASGI.

Through ASGI, each message costs a task and its own frame. Here all recipients share a frame, which is written to the
connection at once. If this is impossible (a client that does not read, a closing connection, middleware around
`send`, another server), the message goes through ASGI. With daphne, this takes 8 µs of CPU time per client. Autobahn's
public `sendPreparedMessage` takes 25 µs, and ASGI 33.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, cast

from channels.sessions import InstanceSessionWrapper

logger = logging.getLogger("realtime.connections")

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Handover = Callable[[Any, str], bool]

MAX_FRAMES = 1000

_frames: dict[str, bytes] = {}  # by message text, for this iteration of the event loop


def innermost(send: Any) -> Any:
    """Return the server's own `send`, without wrappers that can be skipped."""
    # Channels' session middleware only acts on HTTP responses
    while isinstance(owner := getattr(send, "__self__", None), InstanceSessionWrapper):
        send = owner.real_send
    return send


def server_of(send: Send) -> tuple[Handover | None, Any]:
    """Return the function that writes to the server's connection, and the connection; None if unknown.

    Servers are recognized by their classes' modules, so that only the running one is imported.
    """
    owner = getattr(send.func if isinstance(send, partial) else send, "__self__", None)
    module = type(owner).__module__
    try:
        if module == "uvicorn.protocols.websockets.websockets_sansio_impl":
            transport: Any = cast("Any", owner).transport
            _ = transport.write, transport.is_closing, transport.get_write_buffer_size
            # compressed frames cannot be shared
            return (None if cast("Any", owner).conn.extensions else _uvicorn), transport
        if module == "daphne.server" and isinstance(send, partial):
            return _daphne(send.args[0])
    except AttributeError:  # an unknown version
        logger.debug("A server of %s is not the one known; messages go through ASGI.", module, exc_info=True)
    return None, None


def is_gone(error: Exception) -> bool:
    """Return whether a server's `send` raises this because the client is gone."""
    kind = type(error)
    daphne = (kind.__module__, kind.__name__) == ("autobahn.exception", "Disconnected")  # by name: its import is slow
    return daphne or isinstance(error, OSError)


def unsent_of(send: Send) -> Callable[[], int]:
    """Return a function for the bytes queued in the server for this client, besides those in a pending `send`."""
    owner = getattr(send, "__self__", None)
    if isinstance(send, partial) and send.args:  # daphne
        transport: Any = getattr(send.args[0], "transport", None)
        if hasattr(transport, "dataBuffer") and hasattr(transport, "_tempDataLen"):
            return lambda: len(transport.dataBuffer) - transport.offset + int(transport._tempDataLen)
    return getattr(getattr(owner, "transport", None), "get_write_buffer_size", None) or (lambda: 0)


def _uvicorn(transport: Any, text: str) -> bool:
    # unwritten data must go through the server's own flow control
    if transport.is_closing() or transport.get_write_buffer_size():
        return False
    transport.write(_frames.get(text) or _frame(text))
    return True


def _daphne(protocol: Any) -> tuple[Handover, Any]:
    transport = protocol.transport
    _ = protocol.STATE_OPEN, protocol.state, protocol.muted, protocol._perMessageCompress
    _ = transport.write, transport.dataBuffer, transport.offset, transport._tempDataBuffer, transport.writeSomeData
    # TLS wraps the transport, and forwards its attributes
    is_bare = not transport.TLS and transport.writeSomeData.__self__ is transport
    return (_daphne_now if is_bare else _daphne_later), protocol


def _daphne_is_open(protocol: Any) -> bool:
    # Autobahn stores the connection's compression there; daphne offers none
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
    # Twisted's `write` first waits until the socket is writable, which is the main cost
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
    if len(_frames) >= MAX_FRAMES:  # left by a loop that ended before clearing them
        _frames.clear()
    if not _frames:  # a tick is sent to all its clients in one iteration
        asyncio.get_running_loop().call_soon(_frames.clear)
    _frames[text] = frame = header + payload
    return frame
