"""Routing: the cost of a change that affects one of many live queries of a process.

    python -m benchmarks.routing
    python -m benchmarks.routing --databases postgresql --queries 1 1000 --changes 100

Each live query has the books of one shelf, the stream's partition. A change is written, and the tick that reads,
routes, computes and encodes it is timed. The figures are the median of a tick, and its ratio to the one with the
fewest live queries. The exit status is 1 if a ratio is above 1.2.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from typing import Any

MOST = 1.2  # the highest allowed ratio
TURN = 20  # changes with one number of live queries before the next number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--queries", nargs="+", type=int, default=[1, 100, 1000, 10_000])
    parser.add_argument("--changes", type=int, default=300)
    options = parser.parse_args()
    print(f"{'database':<12}{'live queries':>14}{'milliseconds':>14}{'ratio':>8}", flush=True)
    failed = False
    for database in options.databases:  # one process each, because settings have one database
        environment = {**os.environ, "REALTIME_TEST_DATABASE": database, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        call = f"measure({options.queries}, {options.changes})"
        command = [sys.executable, "-c", f"from benchmarks.routing import measure; {call}"]
        failed |= subprocess.run(command, env=environment, check=False).returncode != 0
    sys.exit(failed)


def measure(numbers: list[int], changes: int) -> None:
    """Measure on the database in the environment; exit with 1 if the cost grows."""
    import django
    from django.test.utils import setup_databases, teardown_databases

    django.setup()
    from django.db import connection

    created = setup_databases(verbosity=0, interactive=False)
    try:
        times = run(sorted(numbers), changes)
    finally:
        teardown_databases(created, verbosity=0)
    medians = {number: statistics.median(found) for number, found in times.items()}
    least = medians[min(medians)]
    for number, median in medians.items():
        figures = f"{number:>14,}{median * 1000:>14.3f}{median / least:>8.2f}"
        print(f"{connection.vendor:<12}{figures}", flush=True)
    sys.exit(max(medians.values()) > MOST * least)


def run(numbers: list[int], changes: int) -> dict[int, list[float]]:
    from tests.models import Book, Shelf

    shelves = Shelf.objects.bulk_create([Shelf(name=f"shelf {place}") for place in range(max(numbers))])
    Book.objects.bulk_create([Book(title="a book", shelf=shelf) for shelf in shelves], batch_size=1000)
    # the tables are equally large for all numbers of live queries
    tails = {number: opened(shelves[:number]) for number in numbers}
    times: dict[int, list[float]] = {number: [] for number in numbers}
    for turn in range(changes // TURN):
        for number in numbers if turn % 2 else reversed(numbers):
            for step in range(TURN + 1):
                Book.objects.filter(shelf=shelves[(turn + step) % number]).update(pages=turn * TURN + step)
                start = time.perf_counter()
                tick = tails[number].tick({}, [])
                if step:  # the first tick reads changes for other live queries
                    times[number].append(time.perf_counter() - start)
                    assert len(tick.deltas) == 1, tick
    return times


def opened(shelves: list[Any]) -> Any:
    """Return a tail with a live query of each shelf."""
    from realtime.changelog import get_changelog
    from realtime.queries.query_key import query_key
    from realtime.queries.tail import Tail
    from realtime.queries.tick import Want
    from realtime.streams.registry import registry

    kind = registry.get("books")
    tail = Tail(get_changelog("default"), max_changes=1000)
    streams = [kind(kind.clean_params({"shelf": shelf.pk})) for shelf in shelves]
    tail.tick({Want(query_key(stream, "data"), None): stream for stream in streams}, [])
    return tail


if __name__ == "__main__":
    main()
