"""Jitter: many clients whose connections are cut repeatedly. Does every change arrive, in order, and how late?

    python -m benchmarks.jitter --clients 500 --seconds 60 --database postgresql

Each connection is cut about every 15 s for at least 2 s, without a close. A writer in another process commits 2 rows a
second. The clients run in their own process. The exit status is 1 if a change is missing, out of order or handled
twice, or if the 99th percentile of the replay is above 2 s.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from typing import Any

from tests.support.faults_clients import LiveClient
from tests.support.faults_site import Site
from tests.support.processes import tied

BETWEEN_CUTS = (12.0, 18.0)  # seconds
AWAY = (2.0, 4.0)  # seconds
CHANGES_PER_SECOND = 2.0
REPLAY_P99_SECONDS = 2.0
END_SECONDS = 20.0  # after the last change, until everything must have arrived

WRITER = """
def flow(number, pause):
    at = time.monotonic()
    for step in range(number):
        Item.objects.create(box=box, title=f"{time.monotonic():.4f}", number=step)
        at += pause
        time.sleep(max(0, at - time.monotonic()))
"""


class JitteryClient(LiveClient):
    """Records the changes that its handler gets, and how long it takes to be live again after a cut."""

    def __init__(self, url: str, *, session: str, number: int) -> None:
        super().__init__(None, url, session=session)  # type: ignore[arg-type]
        self.number = number
        self.handled: list[int] = []  # the numbers of the rows, in the order of arrival
        self.twice = 0
        self.delays: list[float] = []  # from the commit to the handler, without a cut in between
        self.replays: list[float] = []  # from the end of a cut until the client is live
        self.cuts = 0
        self._held: dict[str, Any] = {}
        self._back_at: float | None = None
        self.last_cut = 0.0

    async def suffer(self, until: float) -> None:
        """Cut the connection from time to time."""
        pause = random.uniform(0, BETWEEN_CUTS[1])
        while time.monotonic() + pause + AWAY[1] < until:
            await asyncio.sleep(pause)
            self.cuts += 1
            self.last_cut = time.monotonic()
            await self._cut()
            await asyncio.sleep(random.uniform(*AWAY))
            self._back_at = time.monotonic()
            self._online.set()
            pause = random.uniform(*BETWEEN_CUTS)

    async def _take(self, socket: Any, text: str) -> float | None:
        silence = await super()._take(socket, text)
        now = time.monotonic()
        if self.protocol.last["type"] == "frame":
            for delta in self.protocol.last["deltas"]:
                for put in delta.get("puts", ()):
                    self._handle(put, now)
            if self._back_at is not None:
                self.replays.append(now - self._back_at)
                self._back_at = None
        return silence

    def _handle(self, put: dict[str, Any], now: float) -> None:
        if self._held.get(put["key"]) == put["row"]:
            self.twice += 1
            return
        self._held[put["key"]] = put["row"]
        self.handled.append(put["row"]["number"])
        committed = float(put["row"]["title"])
        if committed > self.last_cut + AWAY[1]:
            self.delays.append(now - committed)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jitter", description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long changes flow")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "mysql"], default="sqlite")
    parser.add_argument("--load", help=argparse.SUPPRESS)  # the mode of the clients' process
    options = parser.parse_args()
    if options.load:
        print(json.dumps(asyncio.run(load(**json.loads(options.load)))))
        return 0

    changes = int(options.seconds * CHANGES_PER_SECOND)
    site = Site(options.database)
    try:
        found = measure(site, clients=options.clients, changes=changes)
    finally:
        site.close()
    return report(found, database=options.database, clients=options.clients, changes=changes)


def measure(site: Site, *, clients: int, changes: int) -> dict[str, Any]:
    server = site.serve()
    writer = site.worker()
    writer.run(WRITER + "box = Box.objects.create(title='jitter')\n")
    writer.run("from django.test import Client; user = User.objects.create(username='ada'); client = Client()")
    writer.run("client.force_login(user)")
    plan = {
        "url": server.url,
        "session": writer.ask("client.cookies['sessionid'].value"),
        "box": writer.ask("box.pk"),
        "clients": clients,
        "changes": changes,
    }
    command = [sys.executable, "-m", "benchmarks.jitter", "--load", json.dumps(plan)]
    with subprocess.Popen(tied(command), stdout=subprocess.PIPE, text=True) as generator:
        assert generator.stdout is not None
        assert generator.stdout.readline() == "ready\n"
        before = server.processor_seconds()
        writer.run(f"flow({changes}, {1 / CHANGES_PER_SECOND})")
        found: dict[str, Any] = json.loads(generator.stdout.readline())
    return found | {"processor": server.processor_seconds() - before}


async def load(*, url: str, session: str, box: int, clients: int, changes: int) -> dict[str, Any]:
    """Run all clients until each has all changes, or the time is over."""
    everyone = [JitteryClient(url, session=session, number=number) for number in range(clients)]
    for client in everyone:
        client.protocol.subscribe(1, stream="faults.box", params={"box": box}, format="data")
        client.start()
        await asyncio.sleep(0.002)
    await until(lambda: all(client.live for client in everyone), seconds=60)
    print("ready", flush=True)

    end = time.monotonic() + changes / CHANGES_PER_SECOND
    async with asyncio.TaskGroup() as group:
        for client in everyone:
            group.create_task(client.suffer(end))
    await until(lambda: all(len(client.handled) >= changes for client in everyone), seconds=END_SECONDS)
    for client in everyone:
        await client.stop()
    return {
        "delivered": sum(len(set(client.handled)) for client in everyone),
        "disordered": sum(client.handled != sorted(client.handled) for client in everyone),
        "twice": sum(client.twice + len(client.handled) - len(set(client.handled)) for client in everyone),
        "cuts": sum(client.cuts for client in everyone),
        "replays": [replay for client in everyone for replay in client.replays],
        "delays": [delay for client in everyone for delay in client.delays],
    }


async def until(condition: Any, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:  # noqa: ASYNC110 - no event to wait for
        await asyncio.sleep(0.1)


def report(found: dict[str, Any], *, database: str, clients: int, changes: int) -> int:
    wanted = clients * changes
    replay, delay = percentiles(found["replays"]), percentiles(found["delays"])
    kept = found["delivered"] == wanted and not found["disordered"] and not found["twice"]
    kept = kept and replay[2] < REPLAY_P99_SECONDS
    print(f"database    {database}, one server process")
    print(f"clients     {clients}, cut {found['cuts']} times in all, each time for {AWAY[0]:g} to {AWAY[1]:g} s")
    print(f"changes     {changes}, {CHANGES_PER_SECOND:g} a second, from another process")
    print(f"delivered   {found['delivered']} of {wanted}: {100 * found['delivered'] / wanted:.3f} %")
    print(f"order       {found['disordered']} clients out of order")
    print(f"duplicates  {found['twice']} at the handler")
    print("replay      p50 {:.3f} s, p95 {:.3f} s, p99 {:.3f} s, from the return until live".format(*replay))
    print("delay       p50 {:.3f} s, p95 {:.3f} s, p99 {:.3f} s, from the commit, while connected".format(*delay))
    print(
        f"target      {'kept' if kept else 'MISSED'}: 100 %, in order, once, replay p99 below {REPLAY_P99_SECONDS:g} s"
    )
    print(f"server      {found['processor']:.1f} s of processor time")
    return 0 if kept else 1


def percentiles(values: list[float]) -> tuple[float, float, float]:
    """Return the 50th, 95th and 99th percentile."""
    if len(values) < 2:
        return (values or [0.0])[0], (values or [0.0])[0], (values or [0.0])[0]
    cuts = statistics.quantiles(values, n=100)
    return cuts[49], cuts[94], cuts[98]


if __name__ == "__main__":
    sys.exit(main())
