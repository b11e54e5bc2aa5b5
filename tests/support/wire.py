"""A reference client on a `Connection` in this process, over a transport that is a list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections

from realtime.auth.identity import Identity
from realtime.connections.connection import Connection
from realtime.hub.hub import get_hub
from tests.support.replica import ReferenceClient
from tests.support.waiting import seconds


class WireClient:
    """Connects as an identity, and answers as a browser would. Use it as an async context manager."""

    def __init__(
        self,
        identity: Identity = Identity(),  # noqa: B008 - immutable
        protocol: ReferenceClient | None = None,
    ) -> None:
        self.identity = identity
        self.protocol = protocol or ReferenceClient()
        self.received: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None

    async def __aenter__(self) -> WireClient:
        self.connection = Connection(hub=get_hub(), transport=self, identity=self.identity)
        self.say(self.protocol.open())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
        await sync_to_async(connections.close_all)()  # those of the test's own thread for async queries

    # the transport

    unsent = 0

    def send(self, text: str) -> None:
        answers = self.protocol.receive(text)
        self.received.append(self.protocol.last)
        self.say(answers)

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    # the client

    def say(self, messages: list[str]) -> None:
        loop = asyncio.get_running_loop()
        for message in messages:
            loop.call_soon(self.connection.receive, message)

    async def subscribe(self, stream: str, *, id: int = 1, format: str = "data", **params: Any) -> None:
        """Subscribe, and wait until it is live or refused."""
        self.say(self.protocol.subscribe(id, stream=stream, params=params, format=format))
        await until(lambda: id in self.refusals or self.protocol.subscriptions[id].live)

    def tell(self, name: str, data: Any = None, *, id: int = 1) -> None:
        """Send an event through a subscription."""
        self.say([self.protocol.text(type="send", id=id, name=name, data=data)])

    @property
    def events(self) -> list[tuple[str, Any, str | None]]:
        """Name, data and sender of each event that has come; the sender is "server" where none is named."""
        return [(item["name"], item.get("data"), item.get("sender", "server")) for item in self.protocol.events]

    @property
    def refusals(self) -> dict[int, int]:
        """The code of each subscription that was refused."""
        return {message["id"]: message["code"] for message in self.received if message["type"] == "refused"}

    def rows(self, id: int = 1) -> list[Any]:
        return [row for _, row in self.protocol.subscriptions[id].replica.ordered]

    def titles(self, id: int = 1) -> list[str]:
        return [row["title"] for row in self.rows(id)]


async def until(condition: Callable[[], Any], within: float = 10) -> None:
    """Wait for a condition that the event loop brings about."""
    async with asyncio.timeout(seconds(within)):
        while not condition():  # noqa: ASYNC110 - what brings it about is not known here
            await asyncio.sleep(0.005)
