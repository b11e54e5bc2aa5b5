"""The log under real concurrency: a read gives exactly what has become visible since its cursor, however old it is."""

import random
import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection, connections, transaction

from realtime.changelog import get_changelog
from realtime.changelog.base import NewChange
from realtime.models import Change, Log
from tests.support.elsewhere import Elsewhere
from tests.support.waiting import seconds, wait_until

SECONDS = 3
ENOUGH = 20  # of what is written and read, also where it takes longer
WRITERS = 4
READERS = 2
LIMIT = 100_000

pytestmark = [pytest.mark.databases, pytest.mark.django_db(transaction=True)]


class Undo(Exception):
    pass


@pytest.fixture
def threads() -> Iterator[list[Elsewhere]]:
    threads = [Elsewhere() for _ in range(WRITERS + READERS)]
    yield threads
    for thread in threads:
        thread.close()
    Change.objects.all().delete()
    Log.objects.all().delete()


def write(seed: int, stop: threading.Event, done: list[int]) -> None:
    """Transactions of several appends, which take their time and overlap; a third of them are undone."""
    chance = random.Random(seed)
    log = get_changelog("default")
    while not stop.is_set():
        number = chance.randrange(1, 4)
        try:
            with transaction.atomic():
                for _ in range(number):
                    log.append([NewChange("m", str(seed), "u")] * chance.randrange(1, 4))
                    time.sleep(chance.choice([0, 0.001, 0.02]))
                if chance.random() < 0.3:
                    raise Undo
        except Undo:
            continue
        done.append(number)
        time.sleep(chance.choice([0, 0.005]))


def read(seed: int, stop: threading.Event, done: list[int]) -> None:
    """Read from the last cursor, or from any before it, and compare with what the table shows in the same snapshot."""
    chance = random.Random(seed)
    log = get_changelog("default")
    with log.snapshot():
        states = [(log.head(), visible())]
    last = False
    while not last:
        last = stop.is_set()
        with log.snapshot():
            cursor, before = states[-1] if chance.random() < 0.5 else chance.choice(states)
            reading = log.read(cursor, limit=LIMIT)
            now = visible()
            found = {change.id for change in reading.changes}
            missing, again = now - before - found, found & before
            assert not missing, f"from {cursor} to {reading.cursor}: {missing} are missing"
            # MySQL's cursors join gaps when there are many: what is between them is read again
            assert not again or connection.vendor == "mysql", f"from {cursor} to {reading.cursor}: {again} come again"
            head = log.head()
        states.append((chance.choice([reading.cursor, head]), now))
        done.append(1)


def visible() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {connection.ops.quote_name(Change._meta.db_table)}")
        return {id for (id,) in cursor.fetchall()}


def test_a_read_gives_what_has_become_visible_since_its_cursor(threads):
    get_changelog("default").head()
    stop, written, reads = threading.Event(), [], []
    working = [thread._thread.submit(write, seed, stop, written) for seed, thread in enumerate(threads[:WRITERS])]
    working += [thread._thread.submit(read, seed, stop, reads) for seed, thread in enumerate(threads[WRITERS:])]

    def failed() -> bool:
        return any(future.done() for future in working)

    stop.wait(SECONDS)
    try:
        wait_until(lambda: failed() or min(sum(written), len(reads)) > ENOUGH, what="transactions and reads")
    finally:
        stop.set()
    for future in working:
        future.result(seconds(30))
    connections.close_all()
