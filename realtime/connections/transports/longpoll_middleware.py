"""LongPollMiddleware: ASGI middleware that answers most long polls in place of Django's request handling."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.urls import Resolver404, resolve

from realtime.conf import limits
from realtime.connections.transports.http import TransportRequest, continued, headers_of
from realtime.connections.transports.longpoll import answer, longpoll, wait_seconds
from realtime.exceptions import ProtocolError

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class LongPollMiddleware:
    """Wraps Django's ASGI application, and answers long polls that continue a connection.

        application = ProtocolTypeRouter({"http": LongPollMiddleware(get_asgi_application()), ...})

    The first poll of a client goes through Django, with the project's middleware. Between two polls, the server keeps
    the connection for a few seconds, so the user and their access are known, as those of a WebSocket are. The next
    poll must pass the same checks of its origin, CSRF token, size and rate. Other requests are passed on unchanged.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].endswith("/poll/"):
            await self._application(scope, receive, send)
            return
        received: list[Message] = []
        incoming = await _continued(scope, receive, received)
        if incoming is not None:
            await _respond(incoming, receive, send)
            return

        async def replay() -> Message:
            return received.pop(0) if received else await receive()

        await self._application(scope, replay, send)


async def _continued(scope: Scope, receive: Receive, received: list[Message]) -> TransportRequest | None:
    """Return the request if it continues a connection; what was received of it is added to `received`."""
    body = await _read(receive, received)
    if body is None:
        return None
    try:
        request = ASGIRequest(scope, BytesIO(body))
        if resolve(request.path_info).func is not longpoll or settings.CSRF_USE_SESSIONS:
            return None
        return await continued(request) if wait_seconds(request) > 0 else None
    except (ProtocolError, Resolver404, BadRequest, SuspiciousOperation, UnicodeDecodeError):  # as Django answers
        return None


async def _read(receive: Receive, received: list[Message]) -> bytes | None:
    """Return the body; None if it is too large, or the client has gone."""
    size = 0
    while True:
        message = await receive()
        received.append(message)
        if message["type"] != "http.request":
            return None
        size += len(message.get("body", b""))
        if size > limits.request_bytes:
            return None
        if not message.get("more_body", False):
            return b"".join(each.get("body", b"") for each in received)


async def _respond(incoming: TransportRequest, receive: Receive, send: Send) -> None:
    """Send the answer, until the client has gone."""
    answering = asyncio.create_task(_send(incoming, send))
    gone = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (answering, gone):
            task.cancel()
        await asyncio.wait((answering, gone))
    for task in (answering, gone):
        if not task.cancelled():
            task.result()


async def _send(incoming: TransportRequest, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": headers_of(incoming.request)})
    async for part in answer(incoming):
        await send({"type": "http.response.body", "body": part.encode(), "more_body": True})
    await send({"type": "http.response.body"})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
