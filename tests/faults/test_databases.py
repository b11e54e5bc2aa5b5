"""Databases that go away, commit in another order than they number, and have another clock than the server."""

import pytest

from tests.settings import BACKEND
from tests.support.faults_scene import Scene

served = pytest.mark.skipif(BACKEND == "sqlite", reason="SQLite has no server")
CLOCKS = [86400, -86400]


@served
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_database_is_restarted(make_site, clients, report, how):
    site = make_site(own_server=True)
    scene = Scene(site, clients)
    server = site.serve()
    scene.watch(server.url, number=3)
    scene.wait_until_equal()
    for _ in range(2):
        getattr(site.database_server, how)()
        site.database_server.start()
        scene.worker.run("connection.close(); add(3)")
        scene.wait_until_equal(timeout=60)
    name = {"stop": "shut down", "kill": "killed with -9"}[how]
    report(f"the database {name} twice and started again; 3 clients whose server went on")


@pytest.mark.short
def test_the_later_id_commits_first(scene, report):
    server = scene.site.serve()
    (client,) = scene.watch(server.url)
    scene.wait_until_equal()
    early = scene.writer()
    early.run("atomic = transaction.atomic(); atomic.__enter__(); add(1, 'early')" if BACKEND != "sqlite" else "pass")
    scene.worker.run("add(1, 'late')")
    scene.wait_until_equal()  # the reader is past the later id
    early.run("atomic.__exit__(None, None, None)" if BACKEND != "sqlite" else "add(1, 'early')")
    scene.wait_until_equal()
    assert {"early", "late"} <= {row["title"] for _, row in client.rows()}
    report("a transaction with the earlier id that commits after a later one was read")


def test_many_transactions_commit_in_any_order(scene, report):
    server = scene.site.serve()
    scene.watch(server.url, number=2)
    writers = [scene.writer() for _ in range(3)]
    for seed, writer in enumerate(writers):
        writer.send(
            "import random\n"
            f"chance = random.Random({seed})\n"
            "for number in range(40):\n"
            "    try:\n"
            "        with transaction.atomic():\n"
            "            add(chance.randrange(1, 4)); time.sleep(chance.random() / 50)\n"
            "            if chance.random() < 0.3: raise KeyError\n"
            "    except KeyError: pass\n"
        )
    for writer in writers:
        writer.answer()
    scene.wait_until_equal()
    report("120 transactions of 3 processes, a third of them rolled back, overlapping at random")


@pytest.mark.parametrize("seconds", CLOCKS)
def test_a_clock_is_wrong_and_jumps(scene, report, seconds):
    right = scene.site.serve()
    wrong = scene.site.serve(clock=seconds)
    scene.watch(right.url)
    scene.watch(wrong.url)
    scene.wait_until_equal()
    early, writer = scene.writer(clock=-seconds), scene.writer(clock=seconds)
    if BACKEND != "sqlite":
        early.run("atomic = transaction.atomic(); atomic.__enter__(); add(1, 'early')")
    writer.run("add(3)")
    scene.wait_until_equal()
    wrong.jump()
    writer.run("add(3)")
    scene.wait_until_equal()
    if BACKEND != "sqlite":
        early.run("atomic.__exit__(None, None, None)")
    for client in scene.clients.all:
        client.cut()
    writer.run("add(3)")
    for client in scene.clients.all:
        client.come_back()
    scene.wait_until_equal()
    report(f"a server whose clock jumps by {seconds:+} s, and two writers whose clocks are wrong, one late")
