"""A Channels consumer that only accepts connections, behind the authentication middleware."""

import time

from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer

from benchmarks.peers.control import controlled


class PlainConsumer(AsyncWebsocketConsumer):
    pass


async def publish(text: str) -> float:
    return time.time()


application = controlled(AuthMiddlewareStack(PlainConsumer.as_asgi()), publish)
