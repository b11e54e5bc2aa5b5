"""An ASGI application for the tests of the outlet: it sends what the client asks for, and says how."""

import asyncio
import json
import logging
from typing import Any

from realtime.outlet import Outlet

logging.basicConfig(level=logging.DEBUG)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    outlet = Outlet(send)
    while (message := await receive())["type"] != "websocket.disconnect":
        command = json.loads(message["text"])
        if command == "known":
            outlet.send(json.dumps(outlet.knows_server))
            continue
        for size in command:
            if size == "end":
                outlet.close(4000, "The end.")
            else:
                outlet.send("é" * size)
    for _ in range(3):  # to nobody
        outlet.send("too late")
    await asyncio.sleep(0.05)
    await outlet.release()
