"""Server-Sent Events: one response that goes on, an event for each message, until it is time to ask anew."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseBase, StreamingHttpResponse

from realtime.conf import settings
from realtime.endpoint import Asked, endpoint
from realtime.exceptions import BadMessage
from realtime.exchange import Exchange
from realtime.protocol.messages import VERSION, Beat, Frame, Refused, ServerMessage, Subscribed

BEATS = 2  # that a response lasts: the request after it is the proof that the client is there
PADDING = " " * 2048  # some proxies and browsers pass on nothing before they have so much
BEGIN = f":{PADDING}\nretry: 1000\n\n"
END = "event: end\ndata: {}\n\n"


@endpoint("GET", "POST")
async def sse(asked: Asked) -> HttpResponseBase:
    """Answer with messages as they come. The client's are in the body or, for `EventSource`, in the query."""
    bookmark = None
    if asked.request.method == "GET":
        bookmark = Bookmark(asked.request.headers.get("Last-Event-ID", ""))
        asked = asked._replace(messages=_wanted(asked.request, bookmark))
    return StreamingHttpResponse(_events(asked, bookmark), content_type="text/event-stream")


async def _events(asked: Asked, bookmark: Bookmark | None) -> AsyncIterator[str]:
    ends = asyncio.get_running_loop().time() + BEATS * settings.BEAT_SECONDS
    async with Exchange(*asked) as exchange:
        yield BEGIN
        while not exchange.ended and not exchange.spent and await exchange.wait(ends):
            yield "".join(_event(text, message, bookmark) for text, message in exchange.take())
        last = "".join(_event(text, message, bookmark) for text, message in exchange.take())
        yield last if exchange.ended else last + END


def _event(text: str, message: ServerMessage, bookmark: Bookmark | None) -> str:
    if bookmark is not None and bookmark.note(message):
        return f"id: {bookmark}\ndata: {text}\n\n"
    return f"data: {text}\n\n"


def _wanted(request: ASGIRequest, bookmark: Bookmark) -> list[str]:
    """The messages of a client that cannot send any: `token` and `subscribe` in the query, numbered in their order."""
    wanted: list[dict[str, Any]] = [{"token": token} for token in request.GET.getlist("token")]
    try:
        wanted += [{**json.loads(text)} for text in request.GET.getlist("subscribe")]
    except (ValueError, TypeError, RecursionError):
        raise BadMessage("In the query, 'subscribe' is a JSON object with the fields of that message.") from None
    asked = [
        {**fields, **bookmark.place(number), "type": "subscribe", "id": number}
        for number, fields in enumerate(wanted, start=1)
    ]
    return [json.dumps(message) for message in ({"type": "hello", "version": VERSION}, *asked)]


class Bookmark:
    """Where each subscription of an `EventSource` stands, as the id of an event, which it sends back on its return."""

    def __init__(self, text: str) -> None:
        self._places: dict[int, tuple[str, str]] = {}  # cursor and view, by subscription
        self._logs: dict[int, tuple[int, str]] = {}  # log and view of those that were accepted now
        try:
            places = json.loads(base64.urlsafe_b64decode(text.encode()))
            self._places = {int(number): (str(cursor), str(view)) for number, (cursor, view) in places.items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass  # not of this server's making: all rows come, as without one

    def __str__(self) -> str:
        text = json.dumps(self._places, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode()

    def place(self, number: int) -> dict[str, str]:
        """The fields of `subscribe` that say what the client has."""
        if number not in self._places:
            return {}
        cursor, view = self._places[number]
        return {"cursor": cursor, "view": view}

    def note(self, message: ServerMessage) -> bool:
        """Follow what the client is sent; whether that has moved it on."""
        cursors: dict[int, str] = {}
        match message:
            case Subscribed():
                self._logs[message.id] = (message.log, message.view)
            case Refused():
                self._logs.pop(message.id, None)
                self._places.pop(message.id, None)
            case Frame():
                cursors = {message.log: message.cursor}
            case Beat():
                cursors = {int(log): cursor for log, cursor in message.cursors.items()}
        moved = {id: (cursors[log], view) for id, (log, view) in self._logs.items() if log in cursors}
        self._places.update(moved)
        return bool(moved)
