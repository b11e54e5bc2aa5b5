"""Black box: what the changes of one writer in another process cost a server process, and how soon clients have them.

Clients are connections of the load driver, costs are processor time of the server. The least of several attempts
counts, because other processes of the machine only add to it. Where a figure has one to compare with, the same server
is measured both ways.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.measures import Context, Record, latencies
from benchmarks.servers import Peer, Server, Writer

ATTEMPTS = 3
AT_ONCE = 500  # clients
PATIENCE_SECONDS = 300
SETTLE_SECONDS = 0.3  # for what a server does after all clients have a change
DELETED = '"drops":["'  # the mark of a change that brings no text


class Site:
    """A server of a peer with a database of its own, and a writer."""

    def __init__(self, context: Context, peer: Peer, server: Server, writer: Writer, database: str) -> None:
        self.writer = writer
        self.is_realtime = peer.kind == "realtime"
        self._context = context
        self._peer = peer
        self._server = server
        self._database = database

    def subscribe(
        self, subscriptions: Sequence[tuple[str, int]], sessions: Sequence[str] = (), stream: str = ""
    ) -> None:
        """Connect a client for each of these parameters; a stream has them, and by hand they name a group."""
        self._context.driver("open", peer=self._server.connection(patience=1000 * PATIENCE_SECONDS))
        own = [
            self._server.subscriber(stream, {name: value}, sessions[place] if sessions else "")
            for place, (name, value) in enumerate(subscriptions)
        ]
        for start in range(0, len(own), AT_ONCE):  # the driver takes long to read a long line
            self._context.driver("grow", own=own[start : start + AT_ONCE])

    def processor_seconds(self) -> float:
        return self._server.processor_seconds()

    def spend(self, write: Callable[[], Any], deliveries: int, **options: Any) -> Record:
        """Write changes; return the server's seconds of processor, and what the clients have received."""
        processor = self._server.processor_seconds()
        self._context.driver("expect", deliveries=deliveries, **options)
        written = write()
        found = self._context.driver("arrived")
        time.sleep(SETTLE_SECONDS)
        return {**found, "processor": self._server.processor_seconds() - processor, "written": written}

    def spend_each(self, write: Callable[[int], Any], changes: int, **options: Any) -> tuple[float, int]:
        """Write changes for one client, each when it has the last one; return the cost of one, and its bytes."""
        processor, sizes = self._server.processor_seconds(), []
        for step in range(changes):
            self._context.driver("expect", deliveries=1, **options)
            write(step)
            sizes.append(self._context.driver("arrived")["bytes"])
        return (self._server.processor_seconds() - processor) / changes, max(sizes)

    def record(self, what: str, **figures: Any) -> None:
        self._context.record("black-box", self._peer, what=what, database=self._database, **figures)


@contextmanager
def site(context: Context, peer: Peer, database: str) -> Iterator[Site]:
    address = context.bench.postgresql() if database == "postgresql" else ""
    with context.served(peer, database=address, patience=PATIENCE_SECONDS) as server, server.writer() as writer:
        yield Site(context, peer, server, writer, database)


def audiences(context: Context, peer: Peer, *, database: str, number: int, changes: int) -> None:
    """Measure a changed row that so many users see: each in a live query of their own, and all in the same one."""
    with site(context, peer, database) as at:
        sessions = at.writer("users", number)
        pk = at.writer("fill_board", 1, 10, for_all=True)
        found = {}
        for stream in ("board", "own", "members") if at.is_realtime else ("board", "own"):
            own = [("own", place) for place in range(number)]
            subscriptions = own if stream == "own" and not at.is_realtime else [("board", 1)] * number
            groups = [f"{name}-{value}" for name, value in dict.fromkeys(subscriptions)]
            at.subscribe(subscriptions, sessions, stream)
            spent = [
                at.spend(lambda groups=groups: at.writer("edit_task", pk, groups), number) for _ in range(changes)
            ]
            found[stream] = min(each["processor"] for each in spent[1:])
            if stream != "board":
                at.record(f"audiences: {stream}", processor=found[stream], beside=found["board"], number=number)


def small_queries(context: Context, peer: Peer, *, database: str, number: int, changes: int) -> None:
    """Measure live queries of ten rows with one subscriber each, while rows are changed one by one without a pause."""
    with site(context, peer, database) as at:
        at.writer("fill_rooms", number, 10)
        at.subscribe([("room", room) for room in range(2, number + 2)], stream="items")
        found = [at.spend(lambda: at.writer("change_rooms", changes), changes) for _ in range(ATTEMPTS)]
        at.record(
            "small live queries",
            processor=min(each["processor"] for each in found) / changes,
            behind=min(each["at"] - each["written"] for each in found),
            rate=max(changes / each["seconds"] for each in found),
            number=number,
        )


def many_queries(context: Context, peer: Peer, *, database: str, number: int, a_second: int, seconds: float) -> None:
    """Measure so many live queries with one subscriber each, while changes are spread over them."""
    changes = int(a_second * seconds)
    with site(context, peer, database) as at:
        at.writer("fill_rooms", number, 1)
        at.subscribe([("room", room) for room in range(2, number + 2)], stream="items")
        found = at.spend(lambda: at.writer("change_rooms", changes, a_second=a_second), changes, stamped=True)
        figures = {"processor": found["processor"] / changes, "latencies": latencies(found)}
        at.record("many live queries", number=number, a_second=a_second, **figures)


def rows(context: Context, peer: Peer, *, database: str, numbers: tuple[int, int], changes: int) -> None:
    """Measure one changed row among few and among many."""
    with site(context, peer, database) as at:
        keys = {number: at.writer("fill_board", number, number) for number in numbers}
        found: dict[str, list[tuple[float, int]]] = {}
        for number, pk in keys.items():
            at.subscribe([("board", number)], stream="board")
            added: list[int] = []
            writes: dict[str, Callable[[int], Any]] = {
                "edit": lambda step, pk=pk: at.writer("edit_task", pk),
                "move": lambda step, pk=pk, number=number: at.writer("move_task", pk, step * 7919 % number),
                "add": lambda step, added=added, number=number: added.append(at.writer("add_task", number, step)),
                "delete": lambda step, added=added: at.writer("delete_task", added.pop()),
            }
            for name, write in writes.items():
                mark = {"mark": DELETED} if name == "delete" else {}
                found.setdefault(name, []).append(at.spend_each(write, changes, **mark))
        for name, [(few, few_bytes), (many, many_bytes)] in found.items():
            at.record(f"rows: {name}", processor=many, beside=few, bytes=many_bytes, bytes_beside=few_bytes)


def renamed(context: Context, peer: Peer, *, database: str, boards: int, tasks: int) -> None:
    """Measure a renamed person, whose name stands on so many tasks of each of these live queries."""
    with site(context, peer, database) as at:
        person = at.writer("assign_tasks", boards, tasks)
        at.subscribe([("board", board) for board in range(boards)], stream="assigned")
        found = [
            at.spend(lambda: at.writer("rename", person, boards, tasks), boards * tasks, stamped=True)
            for _ in range(ATTEMPTS + 1)
        ]
        processor = min(each["processor"] for each in found[1:])
        first = min(min(latencies(each)) for each in found[1:])
        seconds = min(each["at"] - each["written"] for each in found[1:])
        at.record("renamed person", processor=processor, first=first, seconds=seconds, number=boards)


def imports(context: Context, peer: Peer, *, database: str, numbers: Sequence[int]) -> None:
    """Measure imports into a room that nobody sees, beside 200 live queries of others."""
    with site(context, peer, database) as at:
        at.writer("fill_rooms", 200, 1)
        at.subscribe([("room", room) for room in range(2, 202)], stream="items")

        def change(number: int) -> Record:
            if number:
                at.writer("import_items", 1, number)
            return at.spend(lambda: at.writer("change_rooms", 200), 200)  # which come after the import

        change(0)
        for number in numbers:
            beside = min((change(0) for _ in range(ATTEMPTS)), key=lambda each: each["processor"])
            processor = at.processor_seconds()
            found = change(number)
            at.record(
                f"import of {number:,} rows",
                processor=at.processor_seconds() - processor - beside["processor"],
                bytes=found["bytes"] - beside["bytes"],
                number=number,
            )
