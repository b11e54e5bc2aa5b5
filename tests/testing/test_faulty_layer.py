"""A bad channel layer drops, doubles and delays what goes to groups, and nothing else."""

from __future__ import annotations

import asyncio

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer

from realtime.testing import FaultyLayer

MEMORY = {"BACKEND": "channels.layers.InMemoryChannelLayer"}


async def received(**faults: float) -> tuple[list[int], FaultyLayer]:
    """What comes of 20 messages to a group."""
    layer = FaultyLayer(layer=MEMORY, **faults)
    channel = await layer.new_channel("test")
    await layer.group_add("all", channel)
    for number in range(20):
        await layer.group_send("all", {"type": "n", "n": number})
    await asyncio.gather(*layer._late)
    await layer.send(channel, {"type": "n", "n": -1})
    got = []
    while not got or got[-1] != -1:
        got.append((await layer.receive(channel))["n"])
    await layer.group_discard("all", channel)
    await layer.close_pools()
    return got[:-1], layer


async def test_good_layer_changes_nothing():
    assert (await received())[0] == list(range(20))


async def test_messages_are_dropped():
    got, layer = await received(drop=0.5, seed=1)
    assert 0 < len(got) < 20
    assert got == sorted(set(got))
    assert layer.faults == {"dropped": 20 - len(got), "duplicated": 0}


async def test_messages_are_doubled():
    got, layer = await received(duplicate=0.5, seed=1)
    assert set(got) == set(range(20))
    assert len(got) == 20 + layer.faults["duplicated"] > 20


async def test_late_messages_are_overtaken():
    got, _ = await received(delay=0.01, seed=1)
    assert sorted(got) == list(range(20)) != got


async def test_same_seed_has_the_same_faults():
    assert (await received(drop=0.3, duplicate=0.3, seed=7))[0] == (await received(drop=0.3, duplicate=0.3, seed=7))[0]


def test_settings_make_it_with_the_layer_behind(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "realtime.testing.FaultyLayer", "CONFIG": {"layer": MEMORY}}}

    layer = get_channel_layer()

    assert isinstance(layer, FaultyLayer)
    assert isinstance(layer._layer, InMemoryChannelLayer)


@pytest.mark.parametrize("backend", ["core.RedisChannelLayer", "pubsub.RedisPubSubChannelLayer"])
async def test_layers_on_redis_stand_behind_it(redis_url, backend):
    behind = {"BACKEND": f"channels_redis.{backend}", "CONFIG": {"hosts": [redis_url], "prefix": f"kit-{backend}"}}
    layer = FaultyLayer(layer=behind, duplicate=1)
    channel = await layer.new_channel("test")
    await layer.group_add("all", channel)
    await layer.group_send("all", {"type": "n"})

    assert [await layer.receive(channel), await layer.receive(channel)] == [{"type": "n"}, {"type": "n"}]
    await layer.close_pools()
