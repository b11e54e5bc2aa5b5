"""Each call runs exactly once: connections are cut at any step, and servers are killed between action and reply."""

import os
import time
from itertools import cycle

import pytest

from tests.support.faults_calls import call_all
from tests.support.faults_scene import Scene

SHORT = 300
LONG = int(os.environ.get("REALTIME_TEST_CALLS", "100000"))

COUNT = """(lambda titles: [len(titles), len(set(titles))])(
    list(Item.objects.filter(title__startswith='word').values_list('title', flat=True)))"""
KEYS = "dict(Item.objects.filter(title__startswith='word').values_list('title', 'pk'))"


def call_and_count(site, clients, report, number: int, *, servers: int, kill: bool) -> None:
    scene = Scene(site, clients, items=0)
    running = [site.serve() for _ in range(servers)]
    turns = cycle(running)

    def trouble() -> None:
        if kill:
            server = next(turns)
            server.kill()
            server.start()

    began = time.monotonic()
    words = [f"word {n}" for n in range(number)]
    counts, results = call_all(
        lambda: [server.url for server in running],
        words,
        params={"box": scene.box},
        callers=8,
        trouble=trouble,
    )
    taken = time.monotonic() - began
    assert scene.worker.ask(COUNT) == [number, number]
    assert results == scene.worker.ask(KEYS)
    facts = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    report(f"{number} calls by 8 callers on {servers} servers in {taken:.0f} s, each ran once: {facts}")


@pytest.mark.short
def test_calls_whose_connections_are_cut_run_once(site, clients, report):
    call_and_count(site, clients, report, SHORT, servers=1, kill=False)


def test_calls_run_once_while_connections_are_cut_and_servers_killed(site, clients, report):
    call_and_count(site, clients, report, LONG, servers=2, kill=True)
