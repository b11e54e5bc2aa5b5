"""Long-poll: a request that is answered as soon as there is news, with all of it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseBase, StreamingHttpResponse

from realtime.conf import settings
from realtime.endpoint import Asked, endpoint
from realtime.exceptions import BadMessage
from realtime.exchange import Exchange
from realtime.protocol.messages import Event, Frame, Refused, Reply, ServerMessage, Unsent

SETTLE_SECONDS = 5.0  # for subscriptions to become live, before a client that does not wait is answered


@endpoint("POST")
async def longpoll(asked: Asked) -> HttpResponseBase:
    """Answer with an array of messages, once each subscription is answered and there is news of one.

    `?wait=0`: also without news, at once; by default, without news after the time of a beat.
    """
    return StreamingHttpResponse(_answer(asked, _wait(asked.request)), content_type="application/json")


async def _answer(asked: Asked, wait: float) -> AsyncIterator[str]:
    # in the body, which no middleware waits for: one that is not async would hold a thread until then
    now = asyncio.get_running_loop().time()
    waits, settles = now + wait, now + SETTLE_SECONDS
    texts: list[str] = []
    news = False
    async with Exchange(*asked) as exchange:
        while not exchange.ended:
            settled = exchange.settled
            if (settled and news) or exchange.spent:
                break
            until = settles if news else waits if settled else max(waits, settles)
            if not await exchange.wait(until):
                break
            for text, message in exchange.take():
                texts.append(text)
                news = news or _is_news(message)
        await exchange.said()
        texts += [text for text, _ in exchange.take()]
        yield f"[{','.join(texts)}]"


def _wait(request: ASGIRequest) -> float:
    try:
        wait = float(request.GET.get("wait", "inf"))
    except ValueError:
        wait = math.nan
    if not wait >= 0:
        raise BadMessage("In the query, 'wait' is a number of seconds.")
    return min(wait, settings.BEAT_SECONDS)


def _is_news(message: ServerMessage) -> bool:
    return isinstance(message, Event | Refused | Reply | Unsent) or (
        isinstance(message, Frame) and bool(message.deltas)
    )
