"""The bare loop: the upper bound of an ASGI server. One encoded message is sent to each client in turn."""

import asyncio
import time
from typing import Any

from benchmarks.peers.control import controlled

clients: set[Any] = set()


async def connect(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    clients.add(send)
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        clients.discard(send)


async def publish(text: str) -> float:
    at = time.time()
    message = {"type": "websocket.send", "text": text}
    for send in clients:
        await send(message)
    await asyncio.sleep(0)  # lets the server read its sockets
    return at


application = controlled(connect, publish)
