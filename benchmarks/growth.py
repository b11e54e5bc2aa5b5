"""Growth: how the cost of a change grows with rows, live queries and audiences, and how much memory these use.

    python -m benchmarks.growth
    python -m benchmarks.growth --databases postgresql --rows 100 10000

Everything is measured in one process, without clients: the processor time of the tick that reads, routes, computes and
encodes, and the bytes of its deltas. Compare the ratios, not the times.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TIMES = 20  # how often each change is made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--rows", nargs=2, type=int, default=[100, 100_000])
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--audiences", type=int, default=2000)
    parser.add_argument("--import", type=int, default=50_000, dest="imported")
    options = parser.parse_args()
    for database in options.databases:  # one process each, because settings have one database
        environment = {**os.environ, "REALTIME_TEST_DATABASE": database, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        call = f"measure({options.rows}, {options.queries}, {options.audiences}, {options.imported})"
        command = [sys.executable, "-c", f"from benchmarks.growth import measure; {call}"]
        subprocess.run(command, env=environment, check=True)


def measure(rows: list[int], queries: int, audiences: int, imported: int) -> None:
    """Measure on the database in the environment."""
    import django
    from django.test.utils import setup_databases, teardown_databases

    django.setup()
    from django.conf import settings
    from django.db import connection

    settings.REALTIME_LIMITS = {**getattr(settings, "REALTIME_LIMITS", {}), "rows": 2 * max(rows)}

    created = setup_databases(verbosity=0, interactive=False)
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE INDEX tests_book_order ON tests_book (pages, id)")
        print(f"{connection.vendor}: microseconds of processor for a change, bytes of its deltas", flush=True)
        measure_rows(rows)
        measure_queries(queries)
        measure_audiences(audiences)
        measure_members(audiences)
        measure_personal(audiences)
        measure_import(imported)
        measure_memory()
    finally:
        teardown_databases(created, verbosity=0)


def measure_rows(numbers: list[int]) -> None:
    from tests.models import Book

    print(f"  {'one changed row among':<28}" + "".join(f"{number:>18,}" for number in numbers) + f"{'ratio':>8}")
    found: dict[str, list[tuple[float, int]]] = {}
    for number in numbers:
        shelf = filled(number)
        tail = opened([ordered()({})])
        some = Book.objects.filter(shelf=shelf)[number // 2]
        changes: dict[str, Callable[[int], Any]] = {
            "edit": lambda step, pk=some.pk: Book.objects.filter(pk=pk).update(title=f"title {step}"),
            "move": lambda step, pk=some.pk, n=number: Book.objects.filter(pk=pk).update(pages=step * 7919 % n),
            "add": lambda step, shelf=shelf, n=number: Book.objects.create(shelf=shelf, title="new", pages=step % n),
            "delete": lambda step: Book.objects.filter(title="new").first().delete(),  # type: ignore[union-attr]
        }
        for name, change in changes.items():
            found.setdefault(name, []).append(cost(tail, change))
        Book.objects.all().delete()
    for name, costs in found.items():
        cells = "".join(f"{seconds * 1e6:>10,.0f} {size:>5} B" for seconds, size in costs)
        print(f"  {name:<28}{cells}{costs[-1][0] / costs[0][0]:>8.2f}", flush=True)


def measure_queries(number: int) -> None:
    """Measure live queries of ten rows each, with one changed row in each: in one tick, and in a tick each."""
    from realtime.streams.registry import registry
    from tests.models import Book, Shelf

    shelves = Shelf.objects.bulk_create([Shelf(name=str(place)) for place in range(number)])
    Book.objects.bulk_create([Book(title=f"{place}", shelf=shelf) for shelf in shelves for place in range(10)])
    kind = registry.get("books")
    tail = opened([kind(kind.clean_params({"shelf": shelf.pk})) for shelf in shelves])
    for name, together in ((f"{number} live queries at once", number), (f"{number} live queries in turn", 1)):
        begun, seconds = 0, 0.0
        for step in range(2 * number):
            Book.objects.filter(shelf=shelves[step % number], title="5").update(pages=step)
            if (step + 1) % together == 0:
                seconds, begun = seconds + tick(tail)[0], begun + together
        print(f"  {name:<28}{seconds / begun * 1e6:>10,.0f}", flush=True)
    Book.objects.all().delete()


def measure_audiences(number: int) -> None:
    from tests.models import Book

    pk = filled(10).books.first().pk
    costs = []
    for audiences in (1, number):
        kind = ordered()
        tail = opened([kind({}, audience) for audience in range(audiences)])
        costs.append(cost(tail, lambda step: Book.objects.filter(pk=pk).update(title=f"title {step}"), times=3))
    print(
        f"  {f'{number} audiences to one':<28}{costs[1][0] * 1e6:>10,.0f}{costs[1][0] / costs[0][0]:>34.2f}",
        flush=True,
    )
    Book.objects.all().delete()


def measure_members(number: int) -> None:
    """Measure a row that is for all of these personal live queries."""
    from tests.models import Book, Tag

    tags = Tag.objects.bulk_create([Tag(name=str(place)) for place in range(number)])
    book = filled(10).books.first()
    book.tags.set(tags)
    costs = []
    for audiences in (1, number):
        kind = personal("tags")
        tail = opened([kind({}, tag.pk) for tag in tags[:audiences]])
        costs.append(cost(tail, lambda step: Book.objects.filter(pk=book.pk).update(title=f"title {step}"), times=3))
    name = f"a row for {number} of {number}"
    print(f"  {name:<28}{costs[1][0] * 1e6:>10,.0f}{costs[1][0] / costs[0][0]:>34.2f}", flush=True)
    Book.objects.all().delete()


def measure_personal(number: int) -> None:
    """Live queries of one audience each, and a row that is for three of them."""
    from tests.models import Book, Tag

    tags = Tag.objects.bulk_create([Tag(name=str(place)) for place in range(number)])
    book = filled(10).books.first()
    book.tags.set([tags[0], tags[number // 2], tags[-1]])
    costs = {}
    for path, audiences in (("tags", 20), ("tags", number), ("", number)):
        kind = personal(path)
        some = [*tags[: audiences - 3], tags[0], tags[number // 2], tags[-1]]
        with allocated() as used:
            tail = opened([kind({}, tag.pk) for tag in some])
        change = lambda step: Book.objects.filter(pk=book.pk).update(title=f"title {step}")  # noqa: E731
        costs[path, audiences] = cost(tail, change, times=3)[0]
        name = f"a row for 3 of {audiences}" + ("" if path else ", no audience_by")
        ratio = costs[path, audiences] / costs["tags", 20]
        memory = used[0] / len(some) / 1024
        print(f"  {name:<36}{costs[path, audiences] * 1e6:>10,.0f}{memory:>10.1f} KiB each{ratio:>8.2f}", flush=True)
        del tail
    Book.objects.all().delete()


def measure_import(number: int) -> None:
    """Measure an import into a partition without subscribers."""
    from realtime.streams.registry import registry
    from tests.models import Book, Shelf

    seen, unseen = Shelf.objects.create(name="seen"), Shelf.objects.create(name="not seen")
    kind = registry.get("books")
    tail = opened([kind(kind.clean_params({"shelf": seen.pk}))])
    Book.objects.bulk_create([Book(shelf=unseen, title="imported") for _ in range(number)], batch_size=5000)
    seconds, size = tick(tail)
    print(f"  {f'import of {number:,} rows':<28}{seconds * 1e6:>10,.0f} {size:>5} B", flush=True)
    Book.objects.all().delete()


def measure_memory() -> None:
    from realtime.streams.registry import registry
    from tests.models import Book, Shelf

    shelves = Shelf.objects.bulk_create([Shelf(name=str(place)) for place in range(1000)])
    kind = registry.get("books")
    streams = [kind(kind.clean_params({"shelf": shelf.pk})) for shelf in shelves]
    with allocated() as used:
        empty = opened(streams)
    print(f"  {'memory of a live query':<28}{used[0] / len(streams) / 1024:>10.1f} KiB", flush=True)
    del empty
    filled(20_000)
    with allocated() as used:
        full = opened([ordered()({})])
    print(f"  {'memory of a row':<28}{used[0] / 20_000:>10.0f} bytes", flush=True)
    del full
    Book.objects.all().delete()


@contextmanager
def allocated() -> Iterator[list[int]]:
    """Yield a list that then gets the bytes that the block has allocated and not freed."""
    used: list[int] = []
    gc.collect()
    tracemalloc.start()
    yield used
    gc.collect()
    used.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()


def filled(number: int) -> Any:
    """Return a shelf with so many books."""
    from tests.models import Book, Shelf

    shelf = Shelf.objects.create(name="shelf")
    books = [Book(shelf=shelf, title=f"{place}", pages=place) for place in range(number)]
    Book.objects.bulk_create(books, batch_size=5000)
    return shelf


def ordered() -> Any:
    """Return a stream of all books, in an order that has an index."""
    from realtime import ModelStream
    from tests.models import Book

    class Ordered(ModelStream):
        name = "ordered"
        model = Book
        fields = ["id", "title", "pages"]

        def get_queryset(self) -> Any:
            return Book.objects.order_by("pages")

    return Ordered


def personal(path: str) -> Any:
    """A stream of the books with the audience's tag; if `path`, its `audience_by`, is empty, the QuerySet says so."""
    from realtime import ModelStream
    from tests.models import Book

    class Personal(ModelStream):
        name = "personal"
        model = Book
        fields = ["id", "title", "pages"]
        depends_on = ["tags"]
        audience_by = path

        def audience(self, user: Any) -> Any:
            return user.pk

        def get_queryset(self) -> Any:
            rows = Book.objects.order_by("pages")
            return rows if path else rows.filter(tags=self.audience_key)

    return Personal


def opened(streams: list[Any]) -> Any:
    """Return a tail with these live queries."""
    from realtime.changelog import get_changelog
    from realtime.conf import limits
    from realtime.queries.query_key import query_key
    from realtime.queries.tail import Tail
    from realtime.queries.tick import Want

    tail = Tail(get_changelog("default"), max_changes=limits.changes)
    tail.tick({Want(query_key(stream, "data"), None): stream for stream in streams}, [])
    return tail


def cost(tail: Any, change: Callable[[int], Any], *, times: int = TIMES) -> tuple[float, int]:
    """Return the seconds of the tick after a change, and the bytes of its deltas: the minimum of several."""
    found = []
    for step in range(times + 1):
        change(step)
        found.append(tick(tail))
    return min(seconds for seconds, _ in found[1:]), max(size for _, size in found[1:])


def tick(tail: Any) -> tuple[float, int]:
    start = time.process_time()
    found = tail.tick({}, [])
    return time.process_time() - start, sum(len(delta.encoded("known") or b"") for delta in found.deltas.values())


if __name__ == "__main__":
    main()
