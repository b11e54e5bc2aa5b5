"""A client that goes while the server is sending: what the server raises is no error of ours."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from autobahn.exception import Disconnected
from django.contrib.auth.models import AnonymousUser

from realtime.connections.transports.websocket import RealtimeConsumer
from tests.support.wire import until

pytestmark = pytest.mark.usefixtures("hub")

SCOPE = {
    "type": "websocket",
    "path": "/realtime/ws/",
    "headers": [],
    "query_string": b"",
    "client": ["127.0.0.1", 1],
    "user": AnonymousUser(),
    "session": None,
}


@pytest.mark.parametrize("error", [Disconnected("Attempt to send on a closed protocol"), ConnectionResetError()])
async def test_client_is_gone_before_the_server_says_so(error):
    unhandled: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    tried = []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            tried.append(message)
            raise error

    served = asyncio.create_task(RealtimeConsumer.as_asgi()(SCOPE, incoming.get, send))
    incoming.put_nowait({"type": "websocket.connect"})
    incoming.put_nowait({"type": "websocket.receive", "text": "no message"})
    await until(lambda: tried)
    incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
    await served
    gc.collect()
    assert (len(tried), unhandled) == (1, [])
