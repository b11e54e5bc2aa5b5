"""Message limits: what a server may read of a client's messages before the application sees them.

A compressed message can grow a thousandfold when it is read, so an anonymous client could fill the memory.
Compression is therefore disabled for the connection. ASGI has no option for this; each server has its own way, at the
object behind `send`:

    uvicorn, websockets-sansio   has answered already: remove compression from its answer and its parser
    uvicorn, websockets          must not offer compression
    uvicorn, wsproto             must not offer it, by the connection's own configuration
    hypercorn                    must not see that the client offers it
    gunicorn's own worker        has no compression, but unmasks too slowly
    daphne, granian              have none; they limit the size of messages themselves, or not at all
"""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from realtime.conf import limits
from realtime.connections.transports.fast_path import innermost

logger = logging.getLogger("realtime.connections")

SPARE = 4  # times the limit message_bytes: slightly larger messages are refused with a code
KNOWN_VERSIONS = {"uvicorn": ((0, 35), (0, 55)), "hypercorn": ((0, 17), (0, 19))}
"""Servers that allow compression, with the lowest tested version and the first untested one."""
EXTENSIONS = "Sec-WebSocket-Extensions"


def limit_messages(receive: object, send: object) -> None:
    """Stop the server from reading compressed and far too large messages of this client.

    Call it with the application's own `receive` and `send`, before the connection is accepted.
    """
    for connection in (_owner(send), _owner(receive)):
        limit = _limits(type(connection))
        if limit is None:
            continue
        try:
            limit(connection, int(SPARE * limits.message_bytes))
        except AttributeError as error:
            _warn_once(f"this version of {type(connection).__module__} is not known ({error})")
        return
    if loaded := [name for name in KNOWN_VERSIONS if name in sys.modules]:
        _warn_once(f"middleware hides the connection of {' or '.join(loaded)}")


def _owner(function: object) -> Any:
    function = innermost(function)
    return getattr(function.func if isinstance(function, partial) else function, "__self__", None)


def _uvicorn_sansio(connection: Any, size: int) -> None:
    _ = connection.conn.extensions, connection.conn.max_message_size
    if EXTENSIONS in connection.response.headers:
        del connection.response.headers[EXTENSIONS]
    connection.conn.extensions = []
    connection.conn.max_message_size = _least(connection.conn.max_message_size, size)


def _uvicorn_websockets(connection: Any, size: int) -> None:
    _ = connection.process_extensions
    connection.process_extensions = lambda headers, available: (None, [])
    connection.max_size = _least(connection.max_size, size)


def _uvicorn_wsproto(connection: Any, size: int) -> None:
    _ = connection.config.ws_per_message_deflate
    connection.config = copy.copy(connection.config)  # the server shares it between connections
    connection.config.ws_per_message_deflate = False
    connection.buffer.max_length = _least(connection.buffer.max_length, size)


def _hypercorn(connection: Any, size: int) -> None:
    _ = connection.handshake.extensions
    connection.handshake.extensions = None
    buffer = connection.buffer
    buffer.max_length = _least(buffer.max_length, size)
    extend = buffer.extend

    def extend_or_end(event: object) -> None:
        try:
            extend(event)
        except Exception:
            # after its close frame, hypercorn would store everything the client sends
            buffer.value = None
            connection.connection.receive_data = lambda data: None
            raise

    buffer.extend = extend_or_end


def _gunicorn(connection: Any, size: int) -> None:
    connection.max_message_size = _least(connection.max_message_size, size)
    if hasattr(connection, "_unmask"):  # its own loops over the bytes in Python, and blocks all clients
        connection._unmask = unmask


def unmask(payload: bytes, key: bytes) -> bytes:
    """Unmask a client's payload: https://www.rfc-editor.org/rfc/rfc6455#section-5.3"""
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


def _least(known: int | None, size: int) -> int:
    return min(known or size, size)  # None and 0 mean no limit


# by name, so that only the running server is imported
_KNOWN: dict[str, Callable[[Any, int], None]] = {
    "uvicorn.protocols.websockets.websockets_sansio_impl.WebSocketsSansIOProtocol": _uvicorn_sansio,
    "uvicorn.protocols.websockets.websockets_impl.WebSocketProtocol": _uvicorn_websockets,
    "uvicorn.protocols.websockets.wsproto_impl.WSProtocol": _uvicorn_wsproto,
    "hypercorn.protocol.ws_stream.WSStream": _hypercorn,
    "gunicorn.asgi.websocket.WebSocketProtocol": _gunicorn,
}


def _limits(kind: type[Any]) -> Callable[[Any, int], None] | None:
    names = (f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__)
    return next((_KNOWN[name] for name in names if name in _KNOWN), None)


@cache
def _warn_once(cause: str) -> None:
    logger.warning(
        "Clients may send compressed messages, which can fill the memory: %s. Start uvicorn with "
        '--ws-per-message-deflate false, or let the proxy remove the header "%s".',
        cause,
        EXTENSIONS,
    )
