"""Calls over HTTP: requests of their own, whose responses have the replies; for clients of both HTTP transports."""

from __future__ import annotations

from collections.abc import AsyncIterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseBase, StreamingHttpResponse

from realtime.conf import settings
from realtime.endpoint import endpoint
from realtime.exceptions import UnexpectedMessage
from realtime.exchange import Exchange
from realtime.protocol.codec import decode
from realtime.protocol.messages import Call, Hello, Reply


@endpoint("POST")
async def calls(request: ASGIRequest, messages: list[str]) -> HttpResponseBase:
    """Answer with an array of messages, once all calls have their reply."""
    kinds = [type(decode(message, max_bytes=settings.MAX_MESSAGE_BYTES)) for message in messages]
    if kinds[:1] != [Hello] or set(kinds[1:]) != {Call}:
        raise UnexpectedMessage("This address takes 'hello' and one 'call' or more.")
    return StreamingHttpResponse(_replies(request, messages), content_type="application/json")


async def _replies(request: ASGIRequest, messages: list[str]) -> AsyncIterator[str]:
    # in the body, which no middleware waits for
    waiting = len(messages) - 1
    texts: list[str] = []
    async with Exchange(request, messages) as exchange:
        while waiting and not exchange.ended:
            await exchange.wait()
            for text, message in exchange.take():
                texts.append(text)
                waiting -= isinstance(message, Reply)
        yield f"[{','.join(texts)}]"
