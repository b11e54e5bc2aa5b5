"""Wake-ups in the processes under fault: how many came, how long a process does without, and layers that drop them."""

import os
from pathlib import Path
from typing import Any

from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer

from realtime.changelog import BACKENDS, get_changelog
from realtime.hub.pubsub import channel_layer
from tests.support.faults_counting import counted

DROPPING = "dropping"  # while the site has a file of this name, messages are dropped


def wait_for(*, poll: float | None, rejoin: float | None) -> None:
    """Have this process poll, and join its group again, so seldom or often."""
    if poll is not None:
        log = type(get_changelog("default"))
        assert log.__name__ in BACKENDS.values()
        log.poll_seconds = poll
    if rejoin is not None:
        channel_layer.REJOIN_SECONDS = rejoin


def count_hints() -> None:
    """Count the wake-ups that come by a layer on Redis."""
    for kind in (RedisChannelLayer, RedisPubSubLoopLayer):
        kind.receive = _counting(kind.receive)


def _counting(receive: Any) -> Any:
    async def counted_receive(self: Any, channel: str) -> Any:
        message = await receive(self, channel)
        counted["hints"] += message["type"] == channel_layer.WAKE_UP
        return message

    return counted_receive


def _dropped() -> bool:
    return (Path(os.environ["REALTIME_TEST_SITE"]) / DROPPING).exists()


class DroppingCore(RedisChannelLayer):
    """`channels_redis.core.RedisChannelLayer`, which may drop messages to groups."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if not _dropped():
            await super().group_send(group, message)


class DroppingPubSub(RedisPubSubChannelLayer):
    """`channels_redis.pubsub.RedisPubSubChannelLayer`, which may drop messages to groups."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if not _dropped():
            await super().__getattr__("group_send")(group, message)
