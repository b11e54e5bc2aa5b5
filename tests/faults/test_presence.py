"""Presence under churn: people come, reload, leave and crash over two servers, one of which is killed."""

import time

import pytest

from tests.support.faults_crowd import Crowd
from tests.support.waiting import seconds, wait_until

SLACK_SECONDS = 3.0  # for a machine that is busy with all of this


def false_leaves(crowd: Crowd, grace: float) -> list[str]:
    """Those whom the watcher saw go, though they were there."""
    history = crowd.history()
    found = []
    for person in crowd.people:
        stays = person.stays(grace)
        for (start, end), before in zip(stays, [None, *stays[:-1]], strict=True):
            # who came back when the grace had hardly run out may be seen to go for their earlier stay
            due = start if before is None else before[1] + grace / 0.9 + seconds(SLACK_SECONDS)
            seen = False
            for at, here in history:
                if at < max(start, due) or (end is not None and at > end):
                    continue
                if seen and person.user not in here:
                    found.append(f"{person.user} was here from {start:.2f} to {end}, and not seen at {at:.2f}")
                seen = seen or person.user in here
    return found


def longest_ghosts(crowd: Crowd, grace: float) -> tuple[float, float]:
    """The longest time for which the watcher saw somebody who was gone: after leaving, and after a server's death."""
    history = crowd.history()
    left = killed = 0.0
    for person in crowd.people:
        for (_, end), following in zip(person.stays(grace), [*person.stays(grace)[1:], None], strict=True):
            if end is None:
                continue
            until = following[0] if following else time.monotonic()
            gone = next((at for at, here in history if at > end and person.user not in here), time.monotonic())
            lasted = min(gone, until) - end
            if following is None and person.killed:
                killed = max(killed, min(gone, until) - max(end, crowd.killed_at))
            else:
                left = max(left, lasted)
    return left, killed


def churn(scene, *, number: int, grace: float, lease: float, duration: float, pause: float) -> tuple[Crowd, str]:
    settings = {"REALTIME_PRESENCE_GRACE_SECONDS": grace, "REALTIME_LIMITS": {"presence_lease_seconds": lease}}
    servers = [scene.site.serve(**settings) for _ in range(2)]
    crowd = Crowd(scene.clients, scene.worker, servers, {"box": scene.box}, number=number)
    wait_until(lambda: crowd.seen() == crowd.expected(), what="all to be seen", timeout=60)

    crowd.churn(duration / 2, grace=grace, pause=pause)
    crowd.lose_server(servers[1])
    crowd.churn(duration / 2, grace=grace, pause=pause)
    wait_until(lambda: crowd.come_back(time.monotonic()) or not any(p.back for p in crowd.people), what="reloads")
    wait_until(lambda: crowd.seen() == crowd.expected(), what="those who are here to be seen", timeout=60)

    scene.worker.run("from realtime.models import Presence")
    rows = scene.worker.ask("sorted(Presence.objects.values_list('user', flat=True))")
    assert rows == sorted(crowd.expected())
    assert false_leaves(crowd, grace * 0.9) == []
    left, killed = longest_ghosts(crowd, grace)
    assert (
        left < grace + seconds(SLACK_SECONDS) + lease
    )  # one who moved on from the dead server is held up by its lease
    assert killed < lease + seconds(1)
    cuts = sum(len(person.cuts) for person in crowd.people)
    return crowd, (
        f"{number} people at a place over 2 servers, {cuts} cuts in {duration:g} s, one server killed; the longest "
        f"ghost {left:.1f} s with a grace of {grace:g} s, and {killed:.1f} s with a lease of {lease:g} s"
    )


@pytest.mark.short
def test_a_small_crowd_with_a_killed_server(scene, report):
    _, line = churn(scene, number=16, grace=2.0, lease=12.0, duration=2.0, pause=0.02)
    report(line)


def test_a_crowd_with_a_killed_server(scene, report):
    _, line = churn(scene, number=300, grace=4.0, lease=10.0, duration=60.0, pause=0.02)
    report(line)
