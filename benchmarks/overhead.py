"""Overhead: the cost of writes without live streams, with ORM capture, and with triggers.

    python -m benchmarks.overhead
    python -m benchmarks.overhead --databases postgresql --rounds 30

Every round measures each capture in turn. The figures are the tenth percentile of all calls, which other work on the
machine affects least: the writer's waiting time, and the processor time of the writer and its database (on Linux, if
the database server runs on this machine). Each has its ratio to the figure without live streams. Each call is its own
transaction, with the database's default durability: with fsync.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Cost(NamedTuple):
    """The cost of a call, in seconds."""

    waited: float
    worked: float  # processor time


CAPTURES = ("none", "orm", "triggers")
ROWS = 1000
SAVES = 100  # in each round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql", "mysql"])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(f"{'database':<12}{'write':<26}{'capture':<10}{'milliseconds':>14}{'ratio':>8}{'processor':>12}{'ratio':>8}")
    for database in options.databases:  # one process each, because settings have one database
        environment = {**os.environ, "REALTIME_TEST_DATABASE": database, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        command = [sys.executable, "-c", f"from benchmarks.overhead import measure; measure({options.rounds})"]
        subprocess.run(command, env=environment, check=True)


def measure(rounds: int) -> None:
    """Measure on the database in the environment, and print the lines of the table."""
    import django
    from django.test.utils import setup_databases, teardown_databases

    django.setup()
    from django.db import connection

    created = setup_databases(verbosity=0, interactive=False)
    try:
        times = run(rounds + 1)
    finally:
        teardown_databases(created, verbosity=0)
    for name, by_capture in times.items():
        plain = tenth(by_capture["none"])
        for capture in CAPTURES:
            ours = tenth(by_capture[capture])
            waited, worked = (
                f"{mine * 1000:>{width}.3f}{mine / base:>8.2f}"
                for mine, base, width in zip(ours, plain, (14, 12), strict=True)
            )
            print(f"{connection.vendor:<12}{name:<26}{capture:<10}{waited}{worked}", flush=True)


def tenth(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.quantiles(times, n=10, method="inclusive")[0] for times in zip(*costs, strict=True)))


def run(rounds: int) -> dict[str, dict[str, list[Cost]]]:
    from tests.models import Book, Shelf

    shelf = Shelf.objects.create(name="shelf")
    other = Shelf.objects.create(name="other")
    times: dict[str, dict[str, list[Cost]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        turn = number % len(CAPTURES)  # each capture is first equally often
        for capture in CAPTURES[turn:] + CAPTURES[:turn]:
            begin(capture)
            for name, cost in writes(Book, shelf, other):
                if number:  # the first round warms up
                    times[name][capture].append(cost)
    return times


def begin(capture: str) -> None:
    """Switch to this capture, with an empty log and an empty table."""
    from django.db import connection
    from django.test import override_settings

    from realtime.capture import install, orm, triggers
    from realtime.models import Change
    from tests.models import Book

    orm.unwatch()
    triggers.remove("default")
    Book.objects.all().delete()
    Change.objects.all().delete()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE tests_book, realtime_change")
    if capture != "none":
        with override_settings(REALTIME_CAPTURE=capture):
            install.install()
            if capture == "triggers":
                triggers.install("default")


def writes(Book: Any, shelf: Any, other: Any) -> Iterator[tuple[str, Cost]]:
    """Yield each kind of write with its cost."""
    measured = Meter().cost
    books = [Book(title=f"Book {number}", shelf=shelf) for number in range(ROWS)]
    yield f"bulk_create({ROWS})", measured(lambda: Book.objects.bulk_create(books))
    for number in range(SAVES):
        yield "save(), new", measured(Book(title=f"New {number}", shelf=other).save)
    for book in books[:SAVES]:
        book.pages += 1
        yield "save(), again", measured(book.save)
    of_shelf, created = Book.objects.filter(shelf=shelf), Book.objects.filter(title__startswith="Book")
    yield f"update() of {ROWS}", measured(lambda: of_shelf.update(pages=7))
    yield f"update() of {ROWS}, moved", measured(lambda: of_shelf.update(shelf=other))
    yield f"delete() of {ROWS}", measured(created.delete)


class Meter:
    """Measures the cost of calls: of this thread, and of the database's thread for its connection."""

    def __init__(self) -> None:
        from django.db import connection

        self._server: Any = None
        asked = {
            "mysql": "SELECT tid FROM information_schema.processlist WHERE id = connection_id()",  # MariaDB
            "postgresql": "SELECT pg_backend_pid()",
        }.get(connection.vendor)
        if asked:
            with connection.cursor() as cursor:
                cursor.execute(asked)
                (thread,) = cursor.fetchone()
            # the work of a server on another machine is not measured
            self._server = next(Path("/proc").glob(f"[0-9]*/task/{thread}/schedstat"), None)

    def cost(self, call: Callable[[], Any]) -> Cost:
        begun, worked = time.perf_counter(), self._worked()
        call()
        return Cost(time.perf_counter() - begun, self._worked() - worked)

    def _worked(self) -> float:
        server = int(self._server.read_text().split()[0]) / 1e9 if self._server else 0.0
        return time.thread_time() + server


if __name__ == "__main__":
    main()
