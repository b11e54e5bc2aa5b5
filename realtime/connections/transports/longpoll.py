"""Long-poll: a request that is answered with all news as soon as there are any."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseBase, StreamingHttpResponse

from realtime.conf import settings
from realtime.connections.transports.http import TransportRequest, endpoint
from realtime.exceptions import BadMessage
from realtime.protocol.messages import (
    Event,
    EventRejected,
    Frame,
    Part,
    Refused,
    Reply,
    ServerMessage,
    Text,
    TextEnded,
    TextMore,
)

SETTLE_SECONDS = 5.0  # for subscriptions to become live, before a `wait=0` request is answered


@endpoint("POST", goes_on=lambda request: wait_seconds(request) > 0)
async def longpoll(incoming: TransportRequest) -> HttpResponseBase:
    """Answer with an array of messages when all subscriptions are answered and one has news.

    Without news, answer after one heartbeat interval, or with `?wait=0` at once.
    """
    # in the streamed body, for which sync middleware holds no thread
    return StreamingHttpResponse(answer(incoming), content_type="application/json")


async def answer(incoming: TransportRequest) -> AsyncIterator[str]:
    """Yield the parts of the answer."""
    wait = wait_seconds(incoming.request)
    now = asyncio.get_running_loop().time()
    waits, settles = now + wait, now + SETTLE_SECONDS
    texts: list[str] = []
    begin, news = "[", False
    if wait:  # the client most likely polls again at once
        incoming.transport.may_go_on()
    async with incoming.transport as transport:
        while not transport.ended:
            settled = transport.settled
            if (settled and news) or transport.spent:
                break
            until = settles if news else waits if settled else max(waits, settles)
            if not await transport.wait(until):
                break
            for text, message in transport.read():
                texts.append(text)
                news = news or _is_news(message)
                if isinstance(message, Part):
                    yield begin + ",".join(texts)
                    texts, begin = [""], ""
                    settles = asyncio.get_running_loop().time() + SETTLE_SECONDS
        await transport.flush_events()
        texts += [text for text, _ in transport.read()]
        yield f"{begin}{','.join(texts)}]"


def wait_seconds(request: ASGIRequest) -> float:
    """Return how long the answer waits for news. Raise `BadMessage`."""
    try:
        wait = float(request.GET.get("wait", "inf"))
    except ValueError:
        wait = math.nan
    if not wait >= 0:
        raise BadMessage("The query parameter 'wait' must be a number of seconds.")
    return min(wait, settings.HEARTBEAT_SECONDS)


def _is_news(message: ServerMessage) -> bool:
    return isinstance(message, Event | Refused | Reply | EventRejected | Text | TextMore | TextEnded) or (
        isinstance(message, Frame) and bool(message.deltas)
    )
