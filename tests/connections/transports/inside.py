"""Requests to the HTTP transports in this process, for what needs settings of its own."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from django.http import HttpResponse
from django.test import AsyncClient
from django.test.client import AsyncRequestFactory

from realtime.routing import LongPollMiddleware

HELLO = {"type": "hello", "version": 1}
HOST = "testserver"


def subscribe(stream: str, *, id: int = 1, **more: Any) -> dict[str, Any]:
    params = {name: more.pop(name) for name in list(more) if name == "shelf"}
    return {"type": "subscribe", "id": id, "stream": stream, "params": params, **more}


def call(id: str = "c1") -> dict[str, Any]:
    return {"type": "call", "id": id, "stream": "nowhere", "action": "nothing"}


async def post(path: str, *messages: Any, client: AsyncClient | None = None, body: str | None = None, **headers: str):
    """Ask; the answer's body is not read yet."""
    content = json.dumps(messages) if body is None else body
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await (client or AsyncClient()).post(
        f"/realtime/{path}", content, content_type="application/json", headers=names
    )


class Middleware:
    """`LongPollMiddleware` around an application that notes what is passed on to it."""

    def __init__(self) -> None:
        self.passed: list[bytes] = []  # the body of each request
        self.answered = 0  # requests that were not passed on
        self.application = LongPollMiddleware(self._note)

    async def post(self, path: str, *messages: Any, client: AsyncClient | None = None, **headers: str) -> Any:
        """The same as `post`, which answers what is passed on."""
        sent = await self.send(path, *messages, client=client, **headers)
        if not sent:
            return await post(path, *messages, client=client, **headers)
        start, *parts = sent
        content = b"".join(part.get("body", b"") for part in parts)
        answer_headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return HttpResponse(content, status=start["status"], headers=answer_headers)

    async def send(
        self,
        path: str,
        *messages: Any,
        client: AsyncClient | None = None,
        method: str = "POST",
        chunks: list[bytes] | None = None,
        query: bytes | None = None,
        gone: asyncio.Event | None = None,
        **headers: str,
    ) -> list[dict[str, Any]]:
        """Send a request, in these chunks if given; return what the middleware sends until the client is `gone`."""
        factory, names = AsyncRequestFactory(), {name.replace("_", "-"): value for name, value in headers.items()}
        factory.cookies = client.cookies if client else factory.cookies
        chunks = [json.dumps(messages).encode()] if chunks is None else chunks
        request = factory.generic(
            method, f"/realtime/{path}", b"".join(chunks), content_type="application/json", headers=names
        )
        if query is not None:
            request.scope["query_string"] = query
        left, sent = list(chunks), list[dict[str, Any]]()

        async def receive() -> dict[str, Any]:
            if left:
                chunk = left.pop(0)
                return {"type": "http.request", "body": chunk, "more_body": bool(left)}
            await (gone or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        passed = len(self.passed)
        await self.application(request.scope, receive, send)
        self.answered += len(self.passed) == passed
        return sent

    async def _note(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        self.passed.append(body)


async def text(response: Any) -> str:
    if not response.streaming:
        return response.content.decode()
    return b"".join([chunk async for chunk in response]).decode()


async def messages(response: Any) -> list[dict[str, Any]]:
    """The messages of a whole answer, whichever transport it is of."""
    body = await text(response)
    if response.headers["Content-Type"] == "application/json":
        return json.loads(body)
    return [event["data"] for event in events(body) if event.get("event") != "end"]


def events(body: str) -> list[dict[str, Any]]:
    """The events in the text of a stream."""
    found = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if "data" in fields:
            found.append({**fields, "data": json.loads(fields["data"])})
    return found


def kinds(received: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in received]
