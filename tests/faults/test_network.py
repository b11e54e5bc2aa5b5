"""Connections that are cut, that say nothing, that are slow, and that come back all at once."""

import socket
import statistics
import time

import pytest

from tests.support.faults_scene import Scene
from tests.support.faults_slow import SlowReader
from tests.support.waiting import wait_until

CLIENTS = 1000
MEGABYTE = 1024 * 1024


def test_a_cable_is_cut_without_a_close(make_site, clients, make_proxy, report):
    site = make_site(REALTIME_HEARTBEAT_SECONDS=2.0)
    scene = Scene(site, clients)
    server = site.serve()
    proxy = make_proxy(server.port)
    scene.watch(proxy.url, number=3)
    scene.wait_until_equal()
    open_before = server.open_sockets()
    proxy.swallow()
    scene.worker.run("add(3)")
    wait_until(lambda: not any(client.protocol.live for client in clients.all), what="the clients to notice")
    wait_until(lambda: server.open_sockets() < open_before - 2, what="the server to notice")
    proxy.heal()
    scene.wait_until_equal()
    report("a cable cut without a close, heartbeats of 2 s; 3 clients, and the server dropped the dead connections")


@pytest.mark.short
@pytest.mark.once
def test_nothing_travels_where_nothing_was_missed(scene, report):
    server = scene.site.serve()
    watching = scene.watch(server.url, number=5)
    scene.wait_until_equal()
    for client in watching:
        client.cut()
        client.messages.clear()
    for client in watching:
        client.come_back()
    scene.clients.wait_until_live()
    messages = [message for client in watching for _, message in client.messages]
    assert [message["deltas"] for message in messages if message["type"] == "frame"] == [[]] * 5
    assert {message["type"] for message in messages} == {"welcome", "subscribed", "frame"}
    report("5 reconnects with no change missed: no row travelled")


@pytest.mark.short
@pytest.mark.once
def test_only_what_was_missed_travels(scene, report):
    server = scene.site.serve()
    (client,) = scene.watch(server.url)
    scene.wait_until_equal()
    client.cut()
    scene.worker.run("change('missed')")
    client.messages.clear()
    client.come_back()
    scene.wait_until_equal()
    frames = [message for _, message in client.messages if message["type"] == "frame"]
    puts = [put for frame in frames for delta in frame["deltas"] for put in delta.get("puts", ())]
    assert [put["row"]["title"] for put in puts] == ["missed"]
    assert not any(delta.get("reset") for frame in frames for delta in frame["deltas"])
    report("a reconnect with one change missed: one row of 20 travelled")


def test_a_slow_reader_beside_others(make_site, clients, report):
    site = make_site()
    scene = Scene(site, clients, items=200)
    server = site.serve()
    watching = scene.watch(server.url, number=10)
    scene.wait_until_equal()
    alone = latencies(scene, watching[0], rounds=20)
    slow = [SlowReader(server.port, "faults.box", {"box": scene.box}, bytes_per_second=100) for _ in range(20)]
    try:
        beside = latencies(scene, watching[0], rounds=20)
        before = server.memory()
        big = "'x' * 15 + str(number)"
        scene.worker.run(
            f"for number in range(300):\n    Item.objects.filter(pk__gt=0).first()\n    change({big})\n    add(2)"
        )
        scene.wait_until_equal()
        grown = server.memory() - before
    finally:
        for reader in slow:
            reader.close()
    assert statistics.median(beside) < 2 * statistics.median(alone) + 0.1
    assert grown < 60 * MEGABYTE
    report(
        f"20 clients reading 100 bytes/s under 900 changes: others' median latency {statistics.median(alone):.3f} s"
        f" without and {statistics.median(beside):.3f} s with them; the server grew by {grown // MEGABYTE} MB"
    )


def latencies(scene: Scene, client, *, rounds: int) -> list[float]:
    """Seconds from a commit in another process to the frame here."""
    found = []
    for number in range(rounds):
        title = f"r{number} {time.monotonic():.3f}"
        committed = scene.worker.ask(f"(change({title!r}), time.monotonic())[1]")
        wait_until(lambda title=title: any(row["title"] == title for _, row in client.rows()), what="the change")
        arrived = next(at for at, message in reversed(client.messages) if title in str(message))
        found.append(arrived - committed)
    return found


LOGIN = """
from tests.support.logins import new_session
def login(name):
    return new_session(User.objects.create(username=name))
"""


def test_a_thousand_clients_come_back_at_once(make_site, clients, report):
    site = make_site()
    scene = Scene(site, clients)
    scene.worker.run(LOGIN)
    server = site.serve()
    few = statements_for_a_return(scene, server, 20)
    many = statements_for_a_return(scene, server, CLIENTS - 20)
    assert many["oracle_item"] > 0
    live = {table: many.get(table, 0) for table in ("oracle_item", "realtime_change", "realtime_log")}
    assert all(number <= 200 for number in live.values()), (few, many)
    # each is looked up at the handshake and when it subscribes, together with whoever else is there
    assert all(0 < many[table] < CLIENTS for table in ("django_session", "auth_user")), (few, many)
    report(
        f"{CLIENTS} clients of one live query, each logged in, back at once: {many['all']} SQL statements"
        f" ({many['django_session']} for sessions), {few['all']} for 20"
    )


def statements_for_a_return(scene: Scene, server, more: int) -> dict[str, int]:
    """How many statements it takes to bring all clients back, after a change that all have missed."""
    for session in scene.worker.ask(f"[login(f'user{{number}} of {more}') for number in range({more})]"):
        scene.watch(server.url, session=session)
    scene.wait_until_equal(timeout=90)
    for client in scene.clients.all:
        client.cut()
    scene.worker.run("change('missed')")
    before = server.statements()
    for client in scene.clients.all:
        client.come_back()
    scene.wait_until_equal(timeout=90)
    after = server.statements()
    return {table: after[table] - before.get(table, 0) for table in after}


def test_a_client_that_vanishes_in_the_handshake(scene, report):
    server = scene.site.serve()
    scene.watch(server.url)
    for text in (b"", b"GET /realtime/ws/ HTTP/1.1\r\n", b"\x00\xff" * 50):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", server.port)) as vanishing:
                vanishing.sendall(text)
    scene.worker.run("add(3)")
    scene.wait_until_equal()
    report("60 connections that end in the middle of the handshake")
