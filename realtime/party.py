"""Party: one client, as the parts of its connection know it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Protocol

from realtime.exceptions import ClientError
from realtime.identity import Identity
from realtime.protocol.codec import Encoded
from realtime.protocol.demands import Demand, Subscription
from realtime.protocol.session import ClientSession
from realtime.quotas import Quota
from realtime.subscribers import Client


class Party(Client, Protocol):
    """What a part may look at, and do; only the connection itself changes it."""

    id: str  # among the connections of all processes
    identity: Identity
    quota: Quota
    session: ClientSession
    heard: float  # when the client's last message came, by the loop's clock

    def say(self, messages: list[Encoded]) -> None: ...
    def handle(self, demands: list[Demand]) -> None: ...
    def refuse(self, subscription: Subscription, error: ClientError) -> None: ...
    def admitted(self) -> None: ...
    def enter(self, identity: Identity, *, renewed: bool) -> None: ...

    def go_on(self) -> None:
        """Take up what waits, if its answers may be sent."""
        ...

    def start(self, work: Callable[[], Coroutine[None, None, None]]) -> asyncio.Task[None]:
        """Have this work done in a task, or go on in the one that is at it: it takes up what has come meanwhile."""
        ...
