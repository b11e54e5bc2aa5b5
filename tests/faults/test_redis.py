"""Redis that goes away, forgets, drops messages, or is cut off without a close, behind both layers of channels-redis.

Each scene has two servers with a client: one polls as always; the other hardly ever, so what it brings came by a
wake-up. The writers are processes of their own. PostgreSQL has wake-ups of its own, which are tried last.
"""

import time
from pathlib import Path

import pytest

from realtime.changelog import get_changelog
from tests.settings import BACKEND
from tests.support.faults_hints import DROPPING
from tests.support.faults_scene import Scene
from tests.support.waiting import seconds, wait_until

SELDOM = 3600.0  # seconds
SLACK = 3.0  # seconds that a loaded machine may need besides
LAYERS = {
    "core": "channels_redis.core.RedisChannelLayer",
    "pub/sub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}
DROPPING_LAYERS = {
    "core": "tests.support.faults_hints.DroppingCore",
    "pub/sub": "tests.support.faults_hints.DroppingPubSub",
}

on_redis = pytest.mark.skipif(BACKEND == "postgresql", reason="PostgreSQL has its own wake-ups")
both_layers = pytest.mark.parametrize("kind", LAYERS)


class Pair:
    """`polling` is the server that polls, `waiting` the one that needs wake-ups, each with a client."""

    def __init__(self, make_site, clients, backend: str, url: str, *, rejoin: float = 1.0) -> None:
        layer = {"BACKEND": backend, "CONFIG": {"hosts": [url]}}
        self.site = make_site(CHANNEL_LAYERS={"default": layer}, FAULTS_REJOIN_SECONDS=rejoin)
        self.scene = Scene(self.site, clients)
        self.polling = self.site.serve()
        self.waiting = self.site.serve(FAULTS_POLL_SECONDS=SELDOM)
        self.clients = clients
        for server in (self.polling, self.waiting):
            self.scene.watch(server.url)
        self.wait_until_woken()

    def wait_until_woken(self) -> None:
        """Wait until a commit in another process wakes both servers again."""

        def woken() -> bool:
            before = {server: server.hints() for server in (self.polling, self.waiting)}
            self.scene.worker.run("change(str(time.monotonic()))")
            self.scene.wait_until_equal(timeout=60)
            return all(server.hints() > count for server, count in before.items())

        wait_until(woken, what="a wake-up in both servers", timeout=60)

    def change_unheard(self) -> float:
        """Commit a change of which nobody is told; return the seconds until the client of `polling` has it."""
        title = f"unheard {time.monotonic():.3f}"
        committed = self.scene.worker.ask(f"(change({title!r}), time.monotonic())[1]")
        client = self.clients.all[0]
        wait_until(lambda: any(row["title"] == title for _, row in client.rows()), what="the change, by polling")
        found = client.messages[-1][0] - committed
        assert found < seconds(get_changelog("default").poll_seconds + SLACK)
        return found


@on_redis
@pytest.mark.parametrize("kind", [pytest.param("core", marks=[pytest.mark.short, pytest.mark.once]), "pub/sub"])
def test_redis_is_killed_and_started_again(make_site, clients, redis, report, kind):
    pair = Pair(make_site, clients, LAYERS[kind], redis.url)
    redis.kill()
    took = pair.change_unheard()
    redis.start()
    pair.scene.wait_until_equal()  # who joins again hears what it has missed
    pair.wait_until_woken()
    report(f"Redis ({kind}) killed and started again; without it a change took {took:.2f} s, by polling")


@on_redis
@both_layers
def test_redis_is_restarted_under_changes(make_site, clients, redis, report, kind):
    pair = Pair(make_site, clients, LAYERS[kind], redis.url)
    writer = pair.scene.writer()
    writer.send("for number in range(150): change(str(number)); add(1); time.sleep(0.02)")
    for _ in range(3):
        redis.stop()
        redis.start()
    writer.answer()
    pair.wait_until_woken()
    assert not [line for server in pair.site.servers for line in server.trouble() if "realtime" in line]
    report(f"Redis ({kind}) restarted 3 times under 300 writes of another process")


@on_redis
@both_layers
def test_redis_is_flushed(make_site, clients, redis, report, kind):
    pair = Pair(make_site, clients, LAYERS[kind], redis.url)
    with redis.client() as client:
        client.flushall()
    pair.change_unheard()
    pair.scene.wait_until_equal()
    pair.wait_until_woken()
    report(f"Redis ({kind}) flushed, which forgets groups")


@on_redis
@both_layers
def test_redis_drops_messages(make_site, clients, redis, report, kind):
    pair = Pair(make_site, clients, DROPPING_LAYERS[kind], redis.url, rejoin=SELDOM)
    flag = Path(pair.site.directory) / DROPPING
    flag.touch()
    before = pair.waiting.hints()
    took = [pair.change_unheard() for _ in range(5)]
    assert pair.waiting.hints() == before
    flag.unlink()
    pair.wait_until_woken()
    report(f"a layer ({kind}) that drops every message; each of 5 changes took up to {max(took):.2f} s, by polling")


@on_redis
@both_layers
def test_redis_is_cut_off_without_a_close(make_site, clients, redis, make_proxy, report, kind):
    proxy = make_proxy(redis.port)
    pair = Pair(make_site, clients, LAYERS[kind], f"redis://127.0.0.1:{proxy.port}/0")
    proxy.swallow()
    took = pair.change_unheard()
    proxy.heal()  # for new connections; those that were open stay dead
    pair.scene.wait_until_equal(timeout=60)
    pair.wait_until_woken()
    report(f"connections to Redis ({kind}) that go dead and stay open; a change took {took:.2f} s, by polling")


@pytest.mark.short
@pytest.mark.skipif(BACKEND != "postgresql", reason="about LISTEN")
def test_listening_connections_are_ended(scene, clients, report):
    """PostgreSQL's wake-ups: LISTEN is begun again, and what was committed meanwhile is found."""
    server = scene.site.serve(FAULTS_POLL_SECONDS=SELDOM)
    scene.watch(server.url)
    scene.worker.run("change('heard')")
    scene.wait_until_equal()
    for number in range(3):
        scene.site.end_listeners()
        scene.worker.run(f"change('unheard {number}')")
        scene.wait_until_equal()
    report("the connection that listens ended 3 times; each change arrived without polling")
