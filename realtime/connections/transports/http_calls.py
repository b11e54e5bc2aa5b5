"""Calls over HTTP: separate requests whose responses are the replies, for both HTTP transports."""

from __future__ import annotations

from collections.abc import AsyncIterator

from django.http import HttpResponseBase, StreamingHttpResponse

from realtime.conf import limits
from realtime.connections.transports.http import TransportRequest, endpoint
from realtime.exceptions import UnexpectedMessage
from realtime.protocol.codec import decode
from realtime.protocol.messages import Call, Hello, Reply


@endpoint("POST")
async def calls(incoming: TransportRequest) -> HttpResponseBase:
    """Answer with an array of messages when all calls have their replies."""
    kinds = [type(decode(message, max_bytes=limits.message_bytes)) for message in incoming.transport.messages]
    if kinds[:1] != [Hello] or set(kinds[1:]) != {Call}:
        raise UnexpectedMessage("This URL accepts 'hello' and one or more 'call' messages.")
    return StreamingHttpResponse(_replies(incoming), content_type="application/json")


async def _replies(incoming: TransportRequest) -> AsyncIterator[str]:
    # in the streamed body, which no middleware waits for
    waiting = len(incoming.transport.messages) - 1
    texts: list[str] = []
    async with incoming.transport as transport:
        while waiting and not transport.ended:
            await transport.wait()
            for text, message in transport.read():
                texts.append(text)
                waiting -= isinstance(message, Reply)
        texts += [text for text, _ in transport.read()]  # the reason for its end
        yield f"[{','.join(texts)}]"
