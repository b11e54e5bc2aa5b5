"""Overhead: what writing costs with no live stream, with the ORM captured, and with triggers, side by side.

    python -m benchmarks.overhead
    python -m benchmarks.overhead --databases postgresql --rounds 30

Every round measures each capture once, in turn, so that a slow moment of the machine falls on all of them. The ratio
is the median of the rounds' ratios to no live stream. Everything is committed, one transaction for each call.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

CAPTURES = ("none", "orm", "triggers")
ROWS = 1000
SAVES = 100  # of a round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(f"{'database':<12}{'write':<26}{'capture':<10}{'milliseconds':>14}{'ratio':>8}")
    for database in options.databases:  # each in a process of its own: settings name one
        environment = {**os.environ, "REALTIME_TEST_DATABASE": database, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        command = [sys.executable, "-c", f"from benchmarks.overhead import measure; measure({options.rounds})"]
        subprocess.run(command, env=environment, check=True)


def measure(rounds: int) -> None:
    """Measure on the database that the environment names, and print the table's lines."""
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
        plain = by_capture["none"][1:]  # the first round warms up
        for capture in CAPTURES:
            measured = by_capture[capture][1:]
            ratio = statistics.median(ours / bare for ours, bare in zip(measured, plain, strict=True))
            milliseconds = statistics.median(measured) * 1000
            print(f"{connection.vendor:<12}{name:<26}{capture:<10}{milliseconds:>14.3f}{ratio:>8.2f}", flush=True)


def run(rounds: int) -> dict[str, dict[str, list[float]]]:
    from tests.models import Book, Shelf

    shelf = Shelf.objects.create(name="shelf")
    other = Shelf.objects.create(name="other")
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        # each goes first equally often
        turn = number % len(CAPTURES)
        for capture in CAPTURES[turn:] + CAPTURES[:turn]:
            begin(capture)
            for name, seconds in writes(Book, shelf, other).items():
                times[name][capture].append(seconds)
    return times


def begin(capture: str) -> None:
    """Capture by this from now on, over an empty log and an empty table."""
    from django.db import connection
    from django.test import override_settings

    from realtime.capture import installation, statements, triggers
    from realtime.models import Change
    from tests.models import Book

    statements.unwatch()
    triggers.remove("default")
    Book.objects.all().delete()
    Change.objects.all().delete()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE tests_book, realtime_change")
    if capture != "none":
        with override_settings(REALTIME_CAPTURE=capture):
            installation.install()
            if capture == "triggers":
                triggers.install("default")


def writes(Book: Any, shelf: Any, other: Any) -> dict[str, float]:
    """The seconds that each way to write takes, once."""
    found: dict[str, float] = {}
    books = [Book(title=f"Book {number}", shelf=shelf) for number in range(ROWS)]
    found[f"bulk_create({ROWS})"] = seconds(lambda: Book.objects.bulk_create(books))

    saved = books[:SAVES]

    def create() -> None:
        for number in range(SAVES):
            Book(title=f"New {number}", shelf=other).save()

    def save() -> None:
        for book in saved:
            book.pages += 1
            book.save()

    found["save(), new"] = seconds(create) / SAVES
    found["save(), again"] = seconds(save) / SAVES
    found[f"update() of {ROWS}"] = seconds(lambda: Book.objects.filter(shelf=shelf).update(pages=7))
    found[f"update() of {ROWS}, moved"] = seconds(lambda: Book.objects.filter(shelf=shelf).update(shelf=other))
    found[f"delete() of {ROWS}"] = seconds(lambda: Book.objects.filter(shelf=other, title__startswith="Book").delete())
    return found


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
