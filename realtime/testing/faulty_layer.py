"""Faulty layer: a channel layer that loses, delays and repeats messages. Hints and events may be lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string


class FaultyLayer:
    """A channel layer that drops, delays and duplicates group messages of another layer, for tests.

    `layer` configures the other layer, as in `CHANNEL_LAYERS`. `drop` and `duplicate` are probabilities from 0 to 1. A
    message takes up to `delay` seconds, so later messages may overtake it.

        CHANNEL_LAYERS = {"default": {
            "BACKEND": "realtime.testing.FaultyLayer",
            "CONFIG": {
                "layer": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [...]}},
                "drop": 0.3, "delay": 0.5, "duplicate": 0.3,
            },
        }}
    """

    extensions = ("groups", "flush")

    def __init__(
        self,
        *,
        layer: Mapping[str, Any],
        drop: float = 0.0,
        delay: float = 0.0,
        duplicate: float = 0.0,
        seed: int | None = None,
    ) -> None:
        self.drop = drop
        self.delay = delay
        self.duplicate = duplicate
        self.faults = {"dropped": 0, "duplicated": 0}
        self.seed = random.randrange(2**32) if seed is None else seed  # noqa: S311
        self._random = random.Random(self.seed)  # noqa: S311
        self._layer: Any = import_string(layer["BACKEND"])(**layer.get("CONFIG", {}))
        self._late: set[asyncio.Task[None]] = set()

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        await self._layer.send(channel, message)

    async def receive(self, channel: str) -> dict[str, Any]:
        message: dict[str, Any] = await self._layer.receive(channel)
        return message

    async def new_channel(self, prefix: str = "specific") -> str:
        name: str = await self._layer.new_channel(prefix)
        return name

    async def group_add(self, group: str, channel: str) -> None:
        await self._layer.group_add(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._layer.group_discard(group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self._happens(self.drop, "dropped"):
            return
        for _ in range(1 + self._happens(self.duplicate, "duplicated")):
            if self.delay:
                late = asyncio.create_task(self._send_late(group, message))
                self._late.add(late)
                late.add_done_callback(self._late.discard)
            else:
                await self._layer.group_send(group, message)

    async def flush(self) -> None:
        await self._layer.flush()

    async def close_pools(self) -> None:
        """Close the connections of this instance. Delayed messages are lost."""
        for late in self._late:
            late.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        kind = type(self._layer)
        if kind.__module__ == "channels_redis.pubsub":  # its `flush` only removes this instance's channels
            await self._layer.flush()
        elif hasattr(kind, "close_pools"):
            await self._layer.close_pools()

    async def _send_late(self, group: str, message: dict[str, Any]) -> None:
        await asyncio.sleep(self._random.uniform(0, self.delay))
        await self._layer.group_send(group, message)

    def _happens(self, chance: float, fault: str) -> bool:
        happens = self._random.random() < chance
        self.faults[fault] += happens
        return happens
