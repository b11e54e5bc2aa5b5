"""Each source of wake-ups: what it has to do, and what it does when it is gone."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import pytest
from channels.layers import channel_layers
from django.db import connection

from realtime.changelog import get_changelog
from realtime.hub.pubsub import channel_layer, postgresql, sender
from realtime.hub.pubsub.notifications import Waiter, notify, source
from tests.support.processes import run
from tests.support.waiting import FACTOR
from tests.support.wire import until

SOON = 5 * FACTOR  # far longer than any hint takes
POLLED = 0.2  # a wait that is expected to end without a hint

WRITER = """
import django; django.setup()
from tests.models import Shelf
shelf = Shelf.objects.create(name="from another process")
"""


def layers(backend: str, url: str) -> dict:
    return {"default": {"BACKEND": backend, "CONFIG": {"hosts": [url], "prefix": f"test-{os.getpid()}"}}}


@pytest.fixture(params=["channels_redis.core.RedisChannelLayer", "channels_redis.pubsub.RedisPubSubChannelLayer"])
def redis_layer(request, settings, redis_url):
    if connection.vendor == "postgresql":
        pytest.skip("PostgreSQL has its own wake-ups")
    settings.CHANNEL_LAYERS = layers(request.param, redis_url)
    channel_layers.backends.clear()
    yield settings.CHANNEL_LAYERS
    channel_layers.backends.clear()


async def settled(waiter: Waiter) -> None:
    """The source is connected, and its first hint has been taken."""
    if source(waiter.alias):
        assert await waiter.wait(SOON)
    while await waiter.wait(POLLED):
        pass


class TestLocal:
    """Hints within one process, by whichever source is there besides."""

    async def test_a_commit_wakes_all_waiters_of_its_log(self):
        first, second = Waiter("default"), Waiter("default")
        await settled(first)
        await settled(second)

        await asyncio.to_thread(notify, "default")

        assert await first.wait(SOON)
        assert await second.wait(SOON)
        await first.close()
        await second.close()

    async def test_a_wait_without_a_hint_ends_after_its_seconds(self):
        waiter = Waiter("default")
        await settled(waiter)
        assert await waiter.wait(0.01) is False
        await waiter.close()

    async def test_a_hint_given_while_nobody_waits_is_kept(self):
        waiter = Waiter("default")
        await settled(waiter)
        notify("default")
        await asyncio.sleep(0)
        assert await waiter.wait(SOON)
        await waiter.close()

    async def test_a_closed_waiter_leaves_no_task(self):
        before = asyncio.all_tasks()
        waiter = Waiter("default")
        await waiter.close()
        assert asyncio.all_tasks() == before


@pytest.mark.databases
@pytest.mark.django_db(transaction=True)
class TestPostgreSQL:
    """LISTEN and NOTIFY."""

    @pytest.fixture(autouse=True)
    def only_there(self):
        if connection.vendor != "postgresql":
            pytest.skip("needs PostgreSQL")

    async def test_a_commit_in_another_process_is_told(self):
        waiter = Waiter("default")
        await settled(waiter)
        await asyncio.to_thread(write_elsewhere)
        assert await waiter.wait(SOON)
        await waiter.close()

    async def test_all_that_a_process_commits_in_quick_succession_is_read(self, monkeypatch):
        """It sends a NOTIFY now and then, and whoever hears that looks again: the last commit has none of its own."""
        monkeypatch.setattr("realtime.hub.pubsub.postgresql.AGAIN_SECONDS", 2.0)  # far above the writer's 0.5
        log, waiter = get_changelog("default"), Waiter("default")
        await settled(waiter)
        cursor = await asyncio.to_thread(alone, log.head)
        quiet = "from realtime.changelog import postgresql; postgresql.QUIET_SECONDS = 0.5\n"
        await asyncio.to_thread(write_elsewhere, code=f"{WRITER}{quiet}for _ in range(20): shelf.save()")
        keys: list[str] = []
        while len(keys) < 21:
            assert await waiter.wait(SOON)
            found = await asyncio.to_thread(alone, lambda after=cursor: log.read(after, limit=100))
            cursor = found.cursor
            keys += [change.key for change in found.changes]
        await waiter.close()

    async def test_each_notify_has_the_log_looked_at_twice(self, monkeypatch):
        monkeypatch.setattr("realtime.hub.pubsub.postgresql.AGAIN_SECONDS", 1.0 * FACTOR)
        waiter = Waiter("default")
        assert await waiter.wait(SOON)
        assert await waiter.wait(SOON)  # once more for having begun to listen
        writing = asyncio.create_task(asyncio.to_thread(write_elsewhere))
        assert await waiter.wait(SOON)
        assert await waiter.wait(SOON)
        await writing
        assert await waiter.wait(POLLED) is False
        await waiter.close()

    async def test_the_connection_is_made_again_when_it_is_lost(self, caplog):
        waiter = Waiter("default")
        await settled(waiter)
        with caplog.at_level(logging.WARNING, "realtime"):
            await asyncio.to_thread(end_listeners)
            assert await waiter.wait(SOON)  # the first hint of the new connection
            await until(lambda: "available again" in caplog.text)
        assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
            "Wake-ups by LISTEN on the database 'default' are not available",
            "Wake-ups by LISTEN on the database 'default' are available again.",
        ]
        await waiter.close()

    async def test_an_error_of_one_listener_keeps_no_message_from_the_others(self, caplog):
        heard, joined = [], asyncio.Event()

        def fail(text: str) -> None:
            raise ValueError(text)

        carrier = postgresql.EventsCarrier()
        async with asyncio.TaskGroup() as group:
            listening = [
                group.create_task(postgresql.listen_to_events(take, joined=joined.set))
                for take in (fail, heard.append)
            ]
            await joined.wait()
            for text in ("1", "2"):
                await carrier.deliver([("group", {"body": text})])
            await until(lambda: heard == ["1", "2"])
            for task in listening:
                task.cancel()
        await carrier.rest()
        assert [record.message for record in caplog.records] == [
            "A message from another process could not be handled."
        ] * 2

    async def test_a_wrong_dsn_is_logged_and_changes_are_left_to_polling(self, settings, caplog):
        settings.REALTIME_LISTEN_DSN = {"default": "host=127.0.0.1 port=1 dbname=none connect_timeout=1"}
        with caplog.at_level(logging.WARNING, "realtime"):
            waiter = Waiter("default")
            gone = "Wake-ups by LISTEN on the database 'default' are not available (OperationalError"
            await until(lambda: gone in caplog.text)
            assert await waiter.wait(0.01) is False
        await waiter.close()


@pytest.mark.django_db(transaction=True)
class TestLayer:
    """The channel layer on Redis, both kinds; the same for every database but PostgreSQL, which needs none."""

    async def test_a_commit_in_another_process_is_told(self, redis_layer, redis_url):
        waiter = Waiter("default")
        await settled(waiter)
        await asyncio.to_thread(write_elsewhere, redis_layer)
        assert await waiter.wait(SOON)
        await waiter.close()

    async def test_the_log_of_another_database_is_not_woken(self, redis_layer):
        waiter = Waiter("default")
        await settled(waiter)
        await asyncio.to_thread(channel_layer.send, "elsewhere")
        assert await waiter.wait(POLLED) is False
        await waiter.close()

    async def test_a_group_that_was_forgotten_is_joined_again(self, redis_layer, monkeypatch):
        monkeypatch.setattr(channel_layer, "REJOIN_SECONDS", 0.1)
        waiter = Waiter("default")
        assert await waiter.wait(SOON)
        assert await waiter.wait(SOON)  # each time that it joins, it wakes
        await waiter.close()

    async def test_a_silent_group_is_no_outage(self, redis_layer, monkeypatch, caplog):
        monkeypatch.setattr(channel_layer, "REJOIN_SECONDS", 0.05)
        with caplog.at_level(logging.WARNING):
            waiter = Waiter("default")
            for _ in range(4):
                assert await waiter.wait(SOON)
            await waiter.close()
        assert caplog.text == ""


@pytest.mark.parametrize(
    "backend", ["channels_redis.core.RedisChannelLayer", "channels_redis.pubsub.RedisPubSubChannelLayer"]
)
async def test_an_unreachable_redis_is_logged_once_and_harms_nobody(backend, settings, caplog):
    if connection.vendor == "postgresql":
        pytest.skip("PostgreSQL has its own wake-ups")
    settings.CHANNEL_LAYERS = layers(backend, "redis://127.0.0.1:1/0")
    channel_layers.backends.clear()
    with caplog.at_level(logging.WARNING, "realtime"):
        waiter, gone = Waiter("default"), "Wake-ups by the channel layer are not available"
        await until(lambda: gone in caplog.text)
        assert await waiter.wait(1.5) is False  # in which it is tried again
        assert caplog.text.count(gone) == 1
    await waiter.close()
    channel_layers.backends.clear()


def test_an_in_memory_layer_is_not_taken_for_one_that_reaches_others(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    channel_layers.backends.clear()
    assert sender.is_usable() is False


@pytest.mark.parametrize(
    "setting",
    [
        {"BACKEND": "nowhere.Layer"},
        {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": "redis://127.0.0.1"}},
        {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"colour": "red"}},
    ],
)
def test_a_layer_that_cannot_be_made_is_logged_once_and_not_used(settings, setting, caplog):
    settings.CHANNEL_LAYERS = {"default": setting}
    channel_layers.backends.clear()
    sender._warn.cache_clear()
    assert [sender.is_usable(), sender.is_usable()] == [False, False]
    [text] = [record.getMessage() for record in caplog.records]
    assert text.startswith("The channel layer cannot be made (")
    assert text.endswith("; changes are found by polling.")


def write_elsewhere(channel_layers_setting: dict | None = None, *, code: str = WRITER) -> None:
    """A plain script in a process of its own writes a row, on this test's database."""
    name = str(connection.settings_dict["NAME"])
    setup = f"from django.conf import settings; settings.DATABASES['default']['NAME'] = {name!r}\n"
    if channel_layers_setting:
        setup += f"settings.CHANNEL_LAYERS = {channel_layers_setting!r}\n"
    done = run([sys.executable, "-c", setup + code])
    assert done.returncode == 0, done.stderr


def alone(function):
    """Call it in a thread that leaves no connection behind."""
    try:
        return function()
    finally:
        connection.close()


def end_listeners() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%%' AND datname = current_database()"
        )
    connection.close()
