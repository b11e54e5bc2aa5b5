"""Channels by hand: a consumer in the group that its address names, and `group_send`. It writes no rows."""

import time
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer

from benchmarks.peers.control import controlled


class ItemConsumer(AsyncWebsocketConsumer):
    async def websocket_connect(self, message: dict[str, Any]) -> None:
        self.groups = [self.scope["query_string"].decode() or "items"]
        await super().websocket_connect(message)

    async def item(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["text"])


async def publish(text: str) -> float:
    at = time.time()
    layer: Any = get_channel_layer()
    await layer.group_send("items", {"type": "item", "text": text})
    return at


application = controlled(AuthMiddlewareStack(ItemConsumer.as_asgi()), publish)
