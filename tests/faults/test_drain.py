"""Servers that are told to stop (SIGTERM): their clients are sent on, and come back elsewhere."""

import os
import signal

import pytest

from tests.support.faults_scene import Scene
from tests.support.waiting import wait_until

pytestmark = pytest.mark.once

GOING_AWAY = 4000


def byes(client) -> list[int]:
    return [message["code"] for _, message in client.messages if message["type"] == "bye"]


def away(client) -> list[float]:
    """For how many seconds the client was away each time: from `bye` to the first frame of the next connection."""
    found, since = [], None
    for at, message in list(client.messages):
        if message["type"] == "bye":
            since = since or at
        elif message["type"] == "frame" and since is not None:
            found.append(at - since)
            since = None
    return found


def roll(scene, make_balancer, program: str, *, number: int, writes: int, pause: float = 0.01) -> str:
    servers = [scene.site.serve(program=program) for _ in range(2)]
    balancer = make_balancer([server.port for server in servers])
    watching = scene.watch(balancer.url, number=number)
    scene.wait_until_equal()
    writer = scene.writer()
    writer.send(f"for number in range({writes}): change(str(number)); add(1); time.sleep({pause})")
    for turn, server in enumerate(servers):
        for place, client in enumerate(watching[::4]):
            client.call(f"c{turn}.{place}", "faults.box", {"box": scene.box}, "add", title="by an action")
        server.terminate()
        server.start()
        scene.clients.wait_until_live(timeout=60)
    writer.answer()
    scene.wait_until_equal(timeout=60)

    ends = [code for client in watching for was_open, code in client.ends if was_open]
    assert (set(ends), len(ends) >= number) == ({GOING_AWAY}, True)  # nobody was lost without a word
    assert [server.trouble() for server in servers] == [[], []]
    times = sorted(seconds for client in watching for seconds in away(client))
    return (
        f"2 {program} processes restarted in turn by SIGTERM under {2 * writes} writes, {number} clients: each was "
        f"told, and was live again after {times[len(times) // 2]:.2f} s in the middle, {times[-1]:.2f} s at the most"
    )


@pytest.mark.short
@pytest.mark.parametrize("program", ["daphne", "uvicorn"])
def test_a_rolling_restart(scene, make_balancer, program, report):
    report(roll(scene, make_balancer, program, number=12, writes=40))


@pytest.mark.parametrize("program", ["daphne", "uvicorn"])
def test_a_rolling_restart_under_load(scene, make_balancer, program, report):
    report(roll(scene, make_balancer, program, number=200, writes=300, pause=0.05))


@pytest.mark.short
def test_a_server_that_is_told_to_stop_waits_for_calls_and_takes_nobody(make_site, clients, report):
    site = make_site(REALTIME_DRAIN_SECONDS=120.0, REALTIME_ACTION_SECONDS=120.0)
    scene = Scene(site, clients)
    server = site.serve(fresh=True)
    caller, other = scene.watch(server.url, number=2)
    scene.wait_until_equal()
    file = site.directory / "now"
    box = {"box": scene.box}
    caller.call("c1", "faults.box", box, "add_after", title="at last", file=str(file))
    caller.call("c2", "nowhere", {}, "nothing")  # answered after the first, since calls run one by one
    caller.tell(1, "no such event", {})  # refused: proof that the server has taken what was sent before
    wait_until(lambda: caller.protocol.rejected_events, what="the calls to have come")

    os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: byes(other), what="the client without a call to be sent on")
    (late,) = scene.watch(server.url)
    wait_until(lambda: byes(late), what="the client that comes late to be sent on")
    assert "welcome" not in [message["type"] for _, message in late.messages]
    assert (byes(caller), server.running) == ([], True)

    file.touch()
    wait_until(lambda: byes(caller), what="the caller to be sent on")
    assert sorted(caller.protocol.replies) == ["c1", "c2"]
    assert "error" not in caller.protocol.replies["c1"]
    wait_until(lambda: not server.running, what="the server to end")
    server.start()
    scene.wait_until_equal()
    assert [row["title"] for _, row in other.rows()].count("at last") == 1
    report("a server told to stop while an action runs: the caller got its reply, a new client was sent on at once")
