"""Calls over HTTP: requests of their own, whose responses have the replies; for clients of both HTTP transports."""

from __future__ import annotations

from collections.abc import AsyncIterator

from django.http import HttpResponseBase, StreamingHttpResponse

from realtime.conf import settings
from realtime.endpoint import Asked, endpoint
from realtime.exceptions import UnexpectedMessage
from realtime.exchange import Exchange
from realtime.protocol.codec import decode
from realtime.protocol.messages import Call, Hello, Reply


@endpoint("POST")
async def calls(asked: Asked) -> HttpResponseBase:
    """Answer with an array of messages, once all calls have their reply."""
    kinds = [type(decode(message, max_bytes=settings.MAX_MESSAGE_BYTES)) for message in asked.messages]
    if kinds[:1] != [Hello] or set(kinds[1:]) != {Call}:
        raise UnexpectedMessage("This address takes 'hello' and one 'call' or more.")
    return StreamingHttpResponse(_replies(asked), content_type="application/json")


async def _replies(asked: Asked) -> AsyncIterator[str]:
    # in the body, which no middleware waits for
    waiting = len(asked.messages) - 1
    texts: list[str] = []
    async with Exchange(*asked) as exchange:
        while waiting and not exchange.ended:
            await exchange.wait()
            for text, message in exchange.take():
                texts.append(text)
                waiting -= isinstance(message, Reply)
        texts += [text for text, _ in exchange.take()]  # why it has ended
        yield f"[{','.join(texts)}]"
