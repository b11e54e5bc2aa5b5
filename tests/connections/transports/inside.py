"""Requests to the HTTP transports in this process, for what needs settings of its own."""

from __future__ import annotations

import json
from typing import Any

from django.test import AsyncClient

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
