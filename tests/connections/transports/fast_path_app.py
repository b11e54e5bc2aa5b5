"""An ASGI application for the tests of the sender: it sends what the client asks for, and says how."""

import asyncio
import json
import logging
import os
from typing import Any

import django
from django.apps import apps

if not apps.ready:  # a server runs this alone
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()

from realtime.connections.transports.message_limits import limit_messages
from realtime.connections.transports.websocket import WebSocketSender

logging.basicConfig(level=logging.DEBUG)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    limit_messages(receive, send)
    await send({"type": "websocket.accept"})
    sender, sizes = WebSocketSender(send), 0
    while (message := await receive())["type"] != "websocket.disconnect":
        command = json.loads(message["text"])
        if command == "known":
            sender.send(json.dumps(sender._handover is not None))
            continue
        sizes += len(command)
        for size in command:
            if size == "end":
                sender.close(4000, "The end.")
            else:
                sender.send("é" * size)
    for _ in range(3 if sizes else 0):  # to nobody
        sender.send("too late")
    await asyncio.sleep(0.05)
    await sender.release()
