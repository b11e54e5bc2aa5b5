"""Suite: compares realtime with its peers on this machine. It writes the results as JSON and as a page.

    make bench-quick        the most important peers, in under three minutes
    make bench              all peers, in under fifteen minutes
    .venv-bench/bin/python -m benchmarks.suite --only fan-out latency --peers realtime-uvicorn bare-uvicorn

The server has one core, and the load driver the other one. Each run measures each peer in turn, and begins with
another peer. docs/explanation/performance.md explains the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks import black_box, measures
from benchmarks.report import write
from benchmarks.servers import (
    BARE,
    DCRF,
    JAVASCRIPT,
    OUTSIDE,
    PEERS,
    PLAIN,
    REALTIME,
    ROOT,
    Bench,
    Driver,
    DriverError,
    Peer,
    missing,
)

OUTPUT = ROOT / "build" / "bench"
QUICK = [*REALTIME, *BARE, PEERS["channels-memory-daphne"], *DCRF[:1], *JAVASCRIPT]
FAN_OUT = [peer for peer in PEERS.values() if peer not in PLAIN]
MEASURES = ("fan-out", "many", "latency", "connections", "burst", "storm", "scale", "routing", "text", "black-box")

Step = tuple[str, Peer | None, Callable[[measures.Context], None]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suite", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer peers, clients and runs")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES)
    parser.add_argument("--peers", nargs="+", choices=sorted(PEERS), default=[])
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()

    started = time.time()
    results: dict[str, Any] = {"machine": machine(), "quick": options.quick, "records": [], "failed": []}
    peers = [PEERS[name] for name in options.peers] or (QUICK if options.quick else FAN_OUT)
    for peer in peers:
        if why := missing(peer):
            results["failed"].append(f"{peer.label} was left out: {why}.")
    peers = [peer for peer in peers if not missing(peer)]
    with Bench() as bench, Driver() as driver, suppress(KeyboardInterrupt):  # then the results so far are written
        context = measures.Context(bench, driver, results["records"].append)
        for run, (name, peer, step) in steps(peers, quick=options.quick, runs=options.runs, only=options.only):
            context.run = run
            label = peer.label if peer else ""
            print(f"{time.time() - started:6.0f} s  {name:<12} {label}", file=sys.stderr, flush=True)
            try:
                step(context)
            except (DriverError, AssertionError) as error:
                results["failed"].append(f"{name} of {label}, run {run + 1}: {error}")
                print(f"          {error}", file=sys.stderr, flush=True)
    results["seconds"] = time.time() - started
    results["loaded"] = machine()["load"]
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "results.json").write_text(json.dumps(results))
    print(write(results, options.output / "index.html"))


def steps(peers: Sequence[Peer], *, quick: bool, runs: int, only: Sequence[str]) -> Iterator[tuple[int, Step]]:
    """Yield all steps, each with the number of its run."""
    runs = runs or (2 if quick else 3)
    for run in range(runs):
        turn = run * len(peers) // runs
        for step in one_run([*peers[turn:], *peers[:turn]], run, quick=quick):
            if step[0] in only:
                yield run, step
    for step in once(peers, quick=quick):
        if step[0] in only:
            yield 0, step


def one_run(peers: Sequence[Peer], run: int, *, quick: bool) -> Iterator[Step]:
    ours = [peer for peer in peers if peer in REALTIME]
    seconds = 0.6 if quick else 0.8
    for peer in peers:
        yield "fan-out", peer, _do(measures.fan_out, peer, sizes=[100, 1000], seconds=seconds, flood_at=1000)
    if run > (0 if quick else 1):  # these figures vary less
        return
    for peer in ours:
        yield "latency", peer, _do(measures.idle_latency, peer, rounds=30 if quick else 100)
    for peer in [peer for peer in [*REALTIME, *PLAIN] if peer in REALTIME or ours]:
        if peer in PLAIN or peer in ours:
            yield "connections", peer, _do(measures.idle_clients, peer, clients=300 if quick else 500)


def once(peers: Sequence[Peer], *, quick: bool) -> Iterator[Step]:
    """Yield the steps that take long or vary little."""
    ours = [peer for peer in peers if peer in REALTIME]
    many = [] if quick else [peer for peer in peers if peer.fast and peer.name != "ws"]
    for peer in many:
        yield "many", peer, _do(measures.fan_out, peer, sizes=[5000, 10_000], seconds=1.0)
    for peer in ours:
        clients = 200 if quick else 1000
        yield "latency", peer, _do(measures.loaded_latency, peer, clients=clients, rounds=10 if quick else 30)
        rows = 1000 if quick else 10_000
        yield "burst", peer, _do(measures.burst, peer, clients=clients, rows=rows)
    for peer in [*ours, *(peer for peer in BARE if ours)]:
        yield "storm", peer, _do(measures.storm, peer, clients=500 if quick else 5000)
    for peer in ours[-1:]:
        for processes in (1, 2) if quick else (1, 2, 4):
            clients = 200 if quick else 1000
            step = _do(measures.scale, peer, processes=processes, clients=clients, seconds=0.5 if quick else 2)
            yield "scale", peer, step
    if ours and not quick:
        yield from outside()
    if ours:
        queries = [1, 1000] if quick else [1, 1000, 10_000]
        yield "routing", None, _do(routing, queries=queries, changes=40)
        yield "text", None, _do(text, options=["--readers", "20", "--token", "40", "--only-bytes"] if quick else [])


def outside() -> Iterator[Step]:
    """Yield the measures of another process's changes. Peers are measured where they can do the work."""
    ours, by_hand, dcrf = OUTSIDE
    for database in ("sqlite", "postgresql"):
        steps: list[tuple[Peer, Callable[..., None], dict[str, Any]]] = [
            (ours, black_box.audiences, {"number": 2000, "changes": 6}),
            (ours, black_box.small_queries, {"number": 300, "changes": 3000}),
            (ours, black_box.rows, {"numbers": (100, 100_000), "changes": 25}),
            (ours, black_box.renamed, {"boards": 1000, "tasks": 10}),
            (ours, black_box.imports, {"numbers": (10_000, 50_000)}),
        ]
        if database == "sqlite":
            steps += [
                (ours, black_box.many_queries, {"number": 10_000, "a_second": 500, "seconds": 8}),
                (by_hand, black_box.audiences, {"number": 2000, "changes": 6}),
                (by_hand, black_box.small_queries, {"number": 300, "changes": 3000}),
                (dcrf, black_box.small_queries, {"number": 300, "changes": 3000}),
                (by_hand, black_box.renamed, {"boards": 1000, "tasks": 10}),
            ]
        for peer, measure, options in steps:
            yield "black-box", peer, _do(measure, peer, database=database, **options)


def _do(measure: Callable[..., None], *args: Any, **options: Any) -> Callable[[measures.Context], None]:
    return lambda context: measure(context, *args, **options)


def routing(context: measures.Context, *, queries: list[int], changes: int) -> None:
    """Run the benchmark `routing`."""
    command = [sys.executable, "-m", "benchmarks.routing", "--databases", "sqlite", "--changes", str(changes)]
    command += ["--queries", *map(str, queries)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines()[1:]:
        database, queries, milliseconds, ratio = line.replace(",", "").split()
        figures = {"queries": int(queries), "milliseconds": float(milliseconds), "ratio": float(ratio)}
        context.keep({"measure": "routing", "database": database, "run": 0, **figures})


def text(context: measures.Context, *, options: list[str]) -> None:
    """Run the benchmark `live_text`."""
    command = [sys.executable, "-m", "benchmarks.live_text", "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DriverError(done.stderr.strip().splitlines()[-1])
    for line in done.stdout.splitlines():
        context.keep({"measure": "text", "run": 0, **json.loads(line)})


def machine() -> dict[str, Any]:
    """Return a description of this machine."""
    from importlib.metadata import version

    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    packages = ("django", "channels", "daphne", "uvicorn", "uvloop", "websockets", "autobahn", "msgspec")
    return {
        "processor": cpu.partition(": ")[2],
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


if __name__ == "__main__":
    main()
