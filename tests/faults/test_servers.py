"""Servers that are killed, and several of them."""

import psutil
import pytest

from tests.settings import BACKEND
from tests.support.waiting import wait_until

PROCESSES = 3
CONNECTIONS = {"sqlite": 8, "postgresql": 9, "mysql": 8}[BACKEND]  # of one server process, as the docs say


@pytest.mark.short
def test_a_server_killed_between_commit_and_dispatch(scene, report):
    server = scene.site.serve(fresh=True)
    scene.watch(server.url, number=3)
    scene.wait_until_equal()
    server.freeze()
    scene.worker.run("add(5)")
    server.kill()
    server.start()
    scene.wait_until_equal()
    report("kill -9 of a server after another process's commit, before it was read; 3 clients")


def test_a_server_that_dies_in_the_commit_of_its_own_action(scene, report):
    server = scene.site.serve()
    (client, *_) = scene.watch(server.url, number=3)
    scene.wait_until_equal()
    for attempt in range(3):
        client.call(f"c{attempt}", "faults.box", {"box": scene.box}, "add_and_die", title=f"last words {attempt}")
        wait_until(lambda: not server.running, what="the server to die")
        server.start()
        scene.wait_until_equal()
    assert [row["title"] for _, row in client.rows()].count("last words 2") == 1
    report("kill -9 of a server by its own action, in its on_commit, 3 times")


def test_a_server_killed_in_mid_frame(scene, make_proxy, report):
    server = scene.site.serve()
    proxy = make_proxy(server.port)
    scene.watch(proxy.url)
    scene.watch(server.url)
    scene.wait_until_equal()
    for _ in range(3):
        proxy.after_bytes(3000, server.kill)
        scene.worker.run("with transaction.atomic(): add(50)")
        wait_until(lambda: not server.running, what="the server to be killed")
        proxy.cut()
        scene.worker.run("Item.objects.filter(title='more').last().delete()")
        server.start()
        scene.wait_until_equal()
    report("kill -9 of a server with 3,000 bytes of a larger frame sent, 3 times")


def test_servers_killed_in_turn_while_changes_flow(scene, report):
    servers = [scene.site.serve() for _ in range(2)]
    for server in servers:
        scene.watch(server.url, number=3)
    writer = scene.writer()
    writer.send("for number in range(200): change(str(number)); add(1); time.sleep(0.02)")
    for server in [*servers, *servers]:
        server.kill()
        server.start()
        scene.clients.wait_until_live()
    writer.answer()
    scene.wait_until_equal()
    report("2 servers killed twice each under 400 writes, 6 clients")


def test_many_processes_with_writers_in_others(scene, report):
    servers = [scene.site.serve() for _ in range(PROCESSES)]
    for server in servers:
        scene.watch(server.url, number=20)
    scene.wait_until_equal()
    writers = [scene.writer() for _ in range(2)]
    for writer in writers:
        writer.send("for number in range(30): add(1); change(str(number))")
    for client in scene.clients.all:
        client.call("c1", "faults.box", {"box": scene.box}, "add", title="by an action")
    for writer in writers:
        writer.answer()
    wait_until(lambda: all(client.protocol.replies for client in scene.clients.all), what="the replies")
    scene.wait_until_equal()

    most = max(connections(scene.site, server.pid) for server in servers)
    assert 1 <= most <= CONNECTIONS
    report(
        f"{PROCESSES} servers with 20 clients each, 60 actions, 120 writes from 2 other processes;"
        f" at most {most} database connections per server"
    )


@pytest.mark.short
def test_connections_to_the_database_do_not_grow_with_clients(scene, report):
    server = scene.site.serve()
    for number in (1, 39):
        watching = scene.watch(server.url, number=number)
        scene.wait_until_equal()
        for client in watching:
            client.call("c1", "faults.box", {"box": scene.box}, "add", title="by an action")
        wait_until(lambda: all(client.protocol.replies for client in scene.clients.all), what="the replies")
        scene.wait_until_equal()
        counted = connections(scene.site, server.pid)
        assert 1 <= counted <= CONNECTIONS
    report(f"40 clients and 39 actions at once: the server has {counted} connections to the database")


def connections(site, pid: int) -> int:
    """How many connections a server process has to the database."""
    process = psutil.Process(pid)
    if site.backend == "sqlite":
        return sum(file.path.endswith("site.sqlite3") for file in process.open_files())
    return sum(bool(each.raddr) and each.raddr.port == site.port for each in process.net_connections("tcp"))
