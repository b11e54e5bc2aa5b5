"""Server-Sent Events: one streaming response, with an event for each message, until the client must reconnect."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponseBase, StreamingHttpResponse

from realtime.conf import limits, settings
from realtime.connections.transports.http import TransportRequest, endpoint
from realtime.exceptions import BadMessage, TooLarge
from realtime.protocol.messages import VERSIONS, Frame, Heartbeat, Part, Refused, ServerMessage, Subscribed

HEARTBEATS = 2  # that a response lasts: the next request proves that the client is alive
PADDING = " " * 2048  # some proxies and browsers buffer until they have this much
BEGIN = f":{PADDING}\nretry: 1000\n\n"
END = "event: end\ndata: {}\n\n"


@endpoint("GET", "POST")
async def sse(incoming: TransportRequest) -> HttpResponseBase:
    """Stream messages. The client's own are in the body or, for `EventSource`, in the query."""
    bookmark = None
    if incoming.request.method == "GET":
        bookmark = Bookmark(incoming.request.headers.get("Last-Event-ID", ""))
        incoming.transport.messages = _wanted(incoming.request, bookmark)
        if len(incoming.transport.messages) > limits.request_messages:
            raise TooLarge(f"A request may contain up to {limits.request_messages} messages.")
    return StreamingHttpResponse(_events(incoming, bookmark), content_type="text/event-stream")


async def _events(incoming: TransportRequest, bookmark: Bookmark | None) -> AsyncIterator[str]:
    ends = asyncio.get_running_loop().time() + HEARTBEATS * settings.HEARTBEAT_SECONDS
    async with incoming.transport as transport:
        yield BEGIN
        while not transport.ended and not transport.spent and await transport.wait(ends):
            messages = transport.read()
            yield "".join(_event(text, message, bookmark) for text, message in messages)
            if any(isinstance(message, Part) for _, message in messages):  # the next request would begin again
                ends = asyncio.get_running_loop().time() + HEARTBEATS * settings.HEARTBEAT_SECONDS
        last = "".join(_event(text, message, bookmark) for text, message in transport.read())
        yield last if transport.ended else last + END


def _event(text: str, message: ServerMessage, bookmark: Bookmark | None) -> str:
    if bookmark is not None and bookmark.note(message):
        return f"id: {bookmark}\ndata: {text}\n\n"
    return f"data: {text}\n\n"


def _wanted(request: ASGIRequest, bookmark: Bookmark) -> list[str]:
    """Return a query's `token` and `subscribe` as messages, numbered in order, for clients that cannot send any."""
    wanted: list[dict[str, Any]] = [{"token": token} for token in request.GET.getlist("token")]
    try:
        wanted += [{**json.loads(text)} for text in request.GET.getlist("subscribe")]
    except (ValueError, TypeError, RecursionError):
        raise BadMessage(
            "The query parameter 'subscribe' must be a JSON object with the fields of that message."
        ) from None
    subscribes = [
        {**fields, **bookmark.place(number), "type": "subscribe", "id": number}
        for number, fields in enumerate(wanted, start=1)
    ]
    return [json.dumps(message) for message in ({"type": "hello", "version": VERSIONS[0]}, *subscribes)]


class Bookmark:
    """The positions of an `EventSource` as an event id, which it sends back when it reconnects."""

    def __init__(self, text: str) -> None:
        self._places: dict[int, tuple[str, str]] = {}  # cursor and fingerprint, by subscription
        self._logs: dict[int, tuple[int, str]] = {}  # log and fingerprint of newly accepted subscriptions
        try:
            places = json.loads(base64.urlsafe_b64decode(text.encode()))
            self._places = {
                int(number): (str(cursor), str(fingerprint)) for number, (cursor, fingerprint) in places.items()
            }
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass  # not made by this server: all rows are sent, as without one

    def __str__(self) -> str:
        text = json.dumps(self._places, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode()

    def place(self, number: int) -> dict[str, str]:
        """Return the fields of `subscribe` that say what the client has."""
        if number not in self._places:
            return {}
        cursor, fingerprint = self._places[number]
        return {"cursor": cursor, "fingerprint": fingerprint}

    def note(self, message: ServerMessage) -> bool:
        """Record a message sent to the client; return whether its position has changed."""
        cursors: dict[int, str] = {}
        match message:
            case Subscribed():
                self._logs[message.id] = (message.log, message.fingerprint)
            case Refused():
                self._logs.pop(message.id, None)
                self._places.pop(message.id, None)
            case Frame():
                cursors = {message.log: message.cursor}
            case Heartbeat():
                cursors = {int(log): cursor for log, cursor in message.cursors.items()}
        moved = {id: (cursors[log], fingerprint) for id, (log, fingerprint) in self._logs.items() if log in cursors}
        self._places.update(moved)
        return bool(moved)
