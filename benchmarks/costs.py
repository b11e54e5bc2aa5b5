"""Costs: how the costs of page positions, presence, events under overload, access, long polls, and others grow.

    python -m benchmarks.costs
    python -m benchmarks.costs --databases mysql --only head

Each figure is printed with one of the same run to compare it with: a log of 20,000 recent changes with one of 1,000; a
client among 300 present ones with one among 100; a long poll with a WebSocket frame, and with a request that Django
answers at once, by the server's processor time (on Linux). For events, it is the age of the oldest that arrived, while
more events are sent than can be delivered. For access, it is the delay of frames while twenty changes a second each
concern the access of all users, beside the delay without these changes. For patches, one of 40 fields changes, and
clients of protocol version 2 are compared with as many of version 1, which receive whole rows. For an opening, a
client of version 2 receives 100,000 rows in parts, beside one of version 1, which receives them in one frame.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHANGES = (1000, 20_000)
CROWDS = (100, 300)
EVENT_CLIENTS, EVENTS_PER_SECOND, EVENTS_FOR_SECONDS = 200, 500, 4
USERS, ACCESS_CHANGES_PER_SECOND, FRAMES_PER_SECOND, ACCESS_FOR_SECONDS = (100, 1000), 20, 4, 10
POLLERS, WRITES = 20, 100
WRITTEN_AT = re.compile(r"at (\d+\.\d+)")
MEASURES = ("head", "presence", "events", "access", "longpoll", "patches", "opening")
FIELDS, PATCHED, PATCHES = 40, 1000, 30  # of a row; clients; changes
OPENED_ROWS = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql", "mysql"])
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES)
    options = parser.parse_args()
    print(f"{'measure':<44}{'':>12}{'beside':>12}{'ratio':>8}", flush=True)
    for place, database in enumerate(options.databases):  # one process each, because settings have one database
        environment = {**os.environ, "REALTIME_TEST_DATABASE": database, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        measures = [name for name in options.only if name in ("head", "access") or place == 0]
        command = [sys.executable, "-c", f"from benchmarks.costs import measure; measure({measures})"]
        subprocess.run(command, env=environment, check=True)


def measure(names: list[str]) -> None:
    """Measure on the database in the environment, and print the lines of the table."""
    import django
    from django.test.utils import setup_databases, teardown_databases

    django.setup()
    created = setup_databases(verbosity=0, interactive=False)
    try:
        for name in names:
            globals()[name]()
    finally:
        teardown_databases(created, verbosity=0)


def tell(what: str, seen: float, beside: float, form: str = ",.1f") -> None:
    ratio = f"{seen / beside:>8.2f}" if beside else ""
    print(f"{what:<44}{seen:>12{form}}{beside:>12{form}}{ratio}", flush=True)


def head() -> None:
    from django.db import connection

    from realtime.changelog import get_changelog
    from realtime.changelog.base import NewChange
    from realtime.queries.page import HEAD_ROWS

    log, written, found = get_changelog("default"), 0, {}
    for most in CHANGES:
        while written < most:
            log.append([NewChange("tests.book", str(number), "u") for number in range(500)])
            written += 500
        times = []
        for _ in range(30):
            begun = time.perf_counter()
            log.head(rows=HEAD_ROWS)
            times.append(1e6 * (time.perf_counter() - begun))
        found[most] = statistics.median(times)
    few, many = CHANGES
    tell(f"{connection.vendor}: position, {many:,} and {few:,} changes, µs", found[many], found[few])


class Sink:
    """A client in this process that acknowledges messages and counts them. It stores no rows."""

    unsent = 0  # bytes that wait in the transport

    def __init__(self, user: str, version: int = 1) -> None:
        from realtime.auth.identity import Identity
        from realtime.connections.connection import Connection
        from realtime.hub.hub import get_hub

        self.bytes = self.frames = self.events = self.messages = 0
        self.oldest = 0.0
        self.connection = Connection(hub=get_hub(), transport=self, identity=Identity(user))
        self.connection.receive(json.dumps({"type": "hello", "version": version}))

    def send(self, text: str) -> None:
        self.messages += text[:17] != '{"type":"welcome"'
        self.bytes += len(text)
        if text.startswith(('{"type":"frame"', "[")):  # or patches in short
            self.frames += 1
        elif text.startswith('{"type":"event"'):
            self.events += 1
            self.oldest = max(self.oldest, time.monotonic() - json.loads(text)["data"])
        if self.messages % 50 == 0 or text.startswith('{"type":"heartbeat"'):
            ack = json.dumps({"type": "ack", "messages": self.messages})
            asyncio.get_running_loop().call_soon(self.connection.receive, ack)

    def close(self, code: int, reason: str) -> None: ...


def presence() -> None:
    from django.contrib.auth.models import User

    from tests.models import Shelf

    shelf = Shelf.objects.create(name="one")
    User.objects.bulk_create([User(username=f"user{number}") for number in range(sum(CROWDS))])
    users = [str(key) for key in User.objects.order_by("pk").values_list("pk", flat=True)]
    found = {}
    for crowd in CROWDS:
        sinks = asyncio.run(joined([users.pop() for _ in range(crowd)], shelf.pk))
        found[crowd] = [statistics.mean(getattr(sink, name) for sink in sinks) for name in ("bytes", "frames")]
        Shelf.objects.filter(pk=shelf.pk).delete()
        shelf = Shelf.objects.create(name="another")
    few, many = CROWDS
    tell(f"presence: bytes each, crowd of {many} and {few}", found[many][0], found[few][0])
    tell(f"presence: frames each, crowd of {many} and {few}", found[many][1], found[few][1])


async def joined(users: list[str], shelf: int) -> list[Sink]:
    """Return clients that have joined within some seconds, when all of them have all present users."""
    from realtime.hub.presence_tracker import TOGETHER_SECONDS
    from realtime.models import Presence

    sinks = []
    for user in users:
        sinks.append(Sink(user))
        asked = {"type": "subscribe", "id": 1, "stream": "talk:presence", "params": {"shelf": shelf}}
        sinks[-1].connection.receive(json.dumps(asked))
        sinks[-1].connection.receive('{"type":"present","id":1,"data":{}}')
        await asyncio.sleep(0.01)
    while await asyncio.to_thread(Presence.objects.filter(user__in=users).count) < len(users):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    await asyncio.sleep(2 * TOGETHER_SECONDS)
    for sink in sinks:
        await sink.connection.close()
    return sinks


def events() -> None:
    from django.contrib.auth.models import User

    from tests.models import Shelf

    shelf = Shelf.objects.create(name="events")
    User.objects.bulk_create([User(username=f"listener{number}") for number in range(EVENT_CLIENTS)])
    users = User.objects.filter(username__startswith="listener").values_list("pk", flat=True)
    oldest, arrived = asyncio.run(flooded([str(key) for key in users], shelf.pk))
    tell(f"events: oldest of {EVENTS_PER_SECOND} a second, s, beside the limit", oldest, 2.0)
    sent = EVENT_CLIENTS * EVENTS_PER_SECOND * EVENTS_FOR_SECONDS
    tell("events: arrived, beside those sent", arrived, sent, ",.0f")


async def flooded(users: list[str], shelf: int) -> tuple[float, int]:
    import realtime

    sinks = [Sink(user) for user in users]
    for sink in sinks:
        asked = {"type": "subscribe", "id": 1, "stream": "talk", "params": {"shelf": shelf}}
        sink.connection.receive(json.dumps(asked))
    while not all(sink.connection.settled for sink in sinks):  # noqa: ASYNC110
        await asyncio.sleep(0.05)

    def send() -> None:
        begun = time.monotonic()
        for number in range(EVENTS_PER_SECOND * EVENTS_FOR_SECONDS):
            realtime.send_event("talk", {"shelf": shelf}, "n", time.monotonic())
            time.sleep(max(0.0, begun + number / EVENTS_PER_SECOND - time.monotonic()))

    thread = threading.Thread(target=send)
    thread.start()
    while thread.is_alive():  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    await asyncio.sleep(3)
    for sink in sinks:
        await sink.connection.close()
    return max(sink.oldest for sink in sinks), sum(sink.events for sink in sinks)


class Reader(Sink):
    """A sink that stores how long each frame took since the newest title in it was written, in seconds."""

    def __init__(self, user: str) -> None:
        self.delays: list[float] = []
        super().__init__(user)

    def send(self, text: str) -> None:
        if text.startswith('{"type":"frame"') and (written := WRITTEN_AT.findall(text)):
            self.delays.append(time.time() - float(written[-1]))
        super().send(text)


def access() -> None:
    from django.contrib.auth.models import User
    from django.db import connection

    from tests.models import Book, Note, Shelf

    keys = []
    for number in range(max(USERS)):
        user = User.objects.create(username=f"reader{number}")
        keys.append(str(user.pk))
    Note.objects.bulk_create([Note(text=f"reader{number} all") for number in range(max(USERS))])
    for users in USERS:
        found = []
        for changes in (ACCESS_CHANGES_PER_SECOND, 0):
            shelf = Shelf.objects.create(name=f"{users} {changes}")
            delays = asyncio.run(delayed(keys[:users], shelf.pk, changes))
            found.append(1000 * delays[int(len(delays) * 0.99)])
            Book.objects.filter(shelf=shelf).delete()
        tell(f"{connection.vendor}: access of {users:,} users, p99 of frames, ms", *found)


async def delayed(users: list[str], shelf: int, changes: int) -> list[float]:
    """Return the delays of frames to these users, sorted, with so many changes a second to all users' access."""
    from django.db import connections

    from tests.models import Book, Note

    readers = [Reader(user) for user in users]
    for reader in readers:
        asked = {"type": "subscribe", "id": 1, "stream": "noted", "params": {"shelf": shelf}}
        reader.connection.receive(json.dumps(asked))
    while not all(reader.connection.settled for reader in readers):  # noqa: ASYNC110
        await asyncio.sleep(0.05)

    def write(per_second: int, change: Callable[[int], object]) -> None:
        begun = time.monotonic()
        for number in range(per_second * ACCESS_FOR_SECONDS):
            change(number)
            time.sleep(max(0.0, begun + (number + 1) / per_second - time.monotonic()))
        connections.close_all()

    def say(number: int) -> None:
        Book.objects.create(shelf_id=shelf, title=f"at {time.time():.4f}", pages=number)

    threads = [threading.Thread(target=write, args=(FRAMES_PER_SECOND, say))]
    if changes:
        note = (changes, lambda number: Note.objects.create(text="somebody else"))
        threads.append(threading.Thread(target=write, args=note))
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    while not all(reader.connection.settled for reader in readers):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    for reader in readers:
        await reader.connection.close()
    return sorted(delay for reader in readers for delay in reader.delays)


def longpoll() -> None:
    from django.contrib.auth.models import User
    from django.test import Client

    from tests.models import Book, Shelf

    shelf = Shelf.objects.create(name="polled")
    cookies = []
    for number in range(POLLERS):
        browser = Client()
        browser.force_login(User.objects.create_user(f"poller{number}"))
        cookies.append(browser.cookies["sessionid"].value)

    def write(number: int) -> None:
        Book.objects.create(shelf=shelf, title=f"book {number}", pages=time.time_ns() // 1000 % 2**31)

    found = {}
    with server("realtime.asgi") as (port, processor):
        for name, client in (("WebSocket", socket), ("long poll", polls)):
            found[name] = asyncio.run(spent(client, port, processor, cookies, shelf.pk, write))
        request = asyncio.run(preflights(port, processor))
    with server("benchmarks.plain_asgi") as (port, processor):
        through_django = asyncio.run(spent(polls, port, processor, cookies, shelf.pk, write))
    tell("long poll and WebSocket: µs a change and client", found["long poll"], found["WebSocket"])
    tell("the same without LongPollMiddleware", through_django, found["WebSocket"])
    tell("long poll and any request to Django: µs", found["long poll"], request)


async def spent(
    client: Callable[..., Awaitable[None]],
    port: int,
    processor: Callable[[], float],
    cookies: list[str],
    shelf: int,
    write: Callable[[int], None],
) -> float:
    """Return the server's processor time for each change and client, in microseconds."""
    arrived = [asyncio.Queue[None]() for _ in cookies]
    asked = {"type": "subscribe", "id": 1, "stream": "top", "params": {"shelf": shelf}}
    tasks = [
        asyncio.create_task(client(port, cookie, asked, queue)) for cookie, queue in zip(cookies, arrived, strict=True)
    ]
    try:
        for queue in arrived:
            await queue.get()
        await asyncio.sleep(0.5)
        before = 0.0
        for number in range(WRITES + 10):
            if number == 10:  # after the warm-up
                before = processor()
            await asyncio.to_thread(write, number)
            for queue in arrived:
                await queue.get()
        return 1e6 * (processor() - before) / WRITES / len(cookies)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def preflights(port: int, processor: Callable[[], float]) -> float:
    """Return the server's processor time for a request with an empty response, in microseconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    before = 0.0
    for number in range(5 * WRITES + 50):
        if number == 50:  # after the warm-up
            before = processor()
        writer.write(f"OPTIONS /realtime/poll/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return 1e6 * (processor() - before) / (5 * WRITES)


def patches() -> None:
    from django.contrib.auth.models import User
    from django.db.models import Value
    from django.test import override_settings

    from realtime import ModelStream
    from realtime.streams.registry import registry
    from tests.models import Book, Shelf

    others = {f"field_{number}": Value(f"The text of field {number}") for number in range(FIELDS - 2)}

    class WideStream(ModelStream):
        model = Book
        fields = ["id", "title", *others]
        partition_by = ["shelf"]

        def authorize(self, user: Any, **params: Any) -> bool:
            return True

        def get_queryset(self, shelf: int) -> Any:
            return Book.objects.filter(shelf=shelf).annotate(**others)

    registry.add("wide", WideStream)
    user = str(User.objects.create(username="subscriber").pk)
    book = Book.objects.create(shelf=Shelf.objects.create(name="wide"), title="begin")
    with override_settings(REALTIME_LIMITS={"connections_per_user": 2 * PATCHED, "checks_per_second": 1e6}):
        rounds = [[asyncio.run(changed(user, book, version)) for version in (1, 2)] for _ in range(6)]
    # the best of several rounds, because other processes of the machine only add to it
    whole, patched = (list(zip(*of_version, strict=True)) for of_version in zip(*rounds[1:], strict=True))
    tell(f"patches: bytes for one of {FIELDS} fields, and of a row", min(patched[0]), min(whole[0]))
    tell(f"the same: ms of processor, {PATCHED:,} clients", min(patched[1]), min(whole[1]))
    tell("the same: ms until all clients have it", min(patched[2]), min(whole[2]))


async def changed(user: str, book: Any, version: int) -> tuple[float, float, float]:
    """Return what a changed field costs: bytes of a client, processor time, and the time until all clients have it."""
    from django.db import connection

    sinks = [Sink(user, version) for _ in range(PATCHED)]
    for sink in sinks:
        asked = {"type": "subscribe", "id": 1, "stream": "wide", "params": {"shelf": book.shelf_id}}
        sink.connection.receive(json.dumps(asked))
    while not all(sink.connection.settled for sink in sinks):  # noqa: ASYNC110
        await asyncio.sleep(0.05)

    def write(title: str) -> None:
        type(book).objects.filter(pk=book.pk).update(title=title)
        connection.close()

    async def deliver() -> float:
        begun, frames = time.monotonic(), [sink.frames for sink in sinks]
        await asyncio.to_thread(write, f"{time.time_ns()}")
        while any(sink.frames == before for sink, before in zip(sinks, frames, strict=True)):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        return 1000 * (time.monotonic() - begun)

    await deliver()  # the first change after subscribing sends the whole row to all
    sizes, processor = [sink.bytes for sink in sinks], time.process_time()
    times = [await deliver() for _ in range(PATCHES)]
    processor = time.process_time() - processor
    used = statistics.median(sink.bytes - before for sink, before in zip(sinks, sizes, strict=True))
    for sink in sinks:
        await sink.connection.close()
    return used / PATCHES, 1000 * processor / PATCHES, statistics.median(times)


def opening() -> None:
    from django.contrib.auth.models import User
    from django.test import override_settings

    from tests.models import Book, Shelf

    user = str(User.objects.create(username="opener").pk)
    large, small = Shelf.objects.create(name="large"), Shelf.objects.create(name="small")
    titles = (f"The book with the number {number:06}, and a long title" for number in range(OPENED_ROWS))
    Book.objects.bulk_create([Book(shelf=large, title=title) for title in titles], batch_size=1000)
    book = Book.objects.create(shelf=small, title="small")
    with override_settings(REALTIME_LIMITS={"rows": 2 * OPENED_ROWS, "unread_bytes": 1 << 30}):
        asyncio.run(opened(user, small.pk, book, 2))  # everything is imported
        parts, whole = (asyncio.run(opened(user, large.pk, book, version)) for version in (2, 1))
    rows = f"{OPENED_ROWS:,} rows in parts, and at once"
    tell(f"{rows}: seconds", parts[0], whole[0])
    tell("the same: the loop's longest pause, ms", parts[1], whole[1])
    tell("the same: the largest message, KiB", parts[2], whole[2])
    tell("the same: others' change, ms, median", parts[3], whole[3])
    tell("the same: MiB of memory at most", parts[4], whole[4])


async def opened(user: str, large: int, book: Any, version: int) -> tuple[float, ...]:
    """Open many rows while others are changed.

    Return the seconds, the longest pause of the event loop, the largest message, the time of a change for a client of
    other rows, and by how much the process has grown at most (on Linux).
    """
    from django.db import connection

    class Opener(Sink):
        largest = 0

        def send(self, text: str) -> None:
            super().send(text)
            self.largest = max(self.largest, len(text))
            ack = json.dumps({"type": "ack", "messages": self.messages})
            asyncio.get_running_loop().call_soon(self.connection.receive, ack)

    other = Opener(user, 2)
    asked = {"type": "subscribe", "id": 1, "stream": "books", "params": {"shelf": book.shelf_id}}
    other.connection.receive(json.dumps(asked))
    while not other.connection.settled:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    opener = Opener(user, version)
    pauses, delays = [0.0], list[float]()

    def write() -> None:
        type(book).objects.filter(pk=book.pk).update(title=f"{time.time_ns()}")
        connection.close()

    async def change() -> None:
        while not opener.connection.settled:
            before, begun = other.frames, time.monotonic()
            await asyncio.to_thread(write)
            while other.frames == before:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
            delays.append(1000 * (time.monotonic() - begun))
            await asyncio.sleep(0.05)

    async def watch() -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.001)
            pauses.append(1000 * (time.monotonic() - begun))

    def memory(name: str) -> int:
        return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0])

    await asyncio.to_thread(forget_peak)
    before = memory("VmRSS")
    watching, begun = asyncio.create_task(watch()), time.monotonic()
    opener.connection.receive(json.dumps({**asked, "params": {"shelf": large}}))
    await change()
    seconds = time.monotonic() - begun
    watching.cancel()
    grown = (memory("VmHWM") - before) / 1024
    for client in (opener, other):
        await client.connection.close()
    return seconds, max(pauses), opener.largest / 1024, statistics.median(delays), grown


def forget_peak() -> None:
    """Forget how much memory the process has used at most until now."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")


async def socket(port: int, cookie: str, asked: dict[str, Any], arrived: asyncio.Queue[None]) -> None:
    from websockets.asyncio.client import connect

    address = f"ws://127.0.0.1:{port}/realtime/ws/"
    async with connect(address, additional_headers={"Cookie": f"sessionid={cookie}"}, compression=None) as peer:
        await peer.send('{"type":"hello","version":1}')
        await peer.send(json.dumps(asked))
        count = 0
        async for text in peer:
            count += 1
            if count % 50 == 0:
                await peer.send(json.dumps({"type": "ack", "messages": count - 1}))
            if '"deltas":[{' in str(text):
                arrived.put_nowait(None)


async def polls(port: int, cookie: str, asked: dict[str, Any], arrived: asyncio.Queue[None]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    token, wait = "a" * 32, "?wait=0"
    headers = f"Host: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nX-CSRFToken: {token}\r\n"
    headers += f"Cookie: sessionid={cookie}; csrftoken={token}\r\n"
    while True:
        body = json.dumps([{"type": "hello", "version": 1}, asked])
        start = f"POST /realtime/poll/{wait} HTTP/1.1\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        writer.write((start + body).encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        content = b""
        if "transfer-encoding: chunked" in answer:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                content += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            content = await reader.readexactly(int(answer.partition("content-length: ")[2].split()[0]))
        wait = ""
        for message in json.loads(content):
            if message["type"] == "subscribed":
                asked = {**asked, "fingerprint": message.get("fingerprint", "")}
            elif message["type"] == "frame":
                asked = {**asked, "cursor": message["cursor"]}
                if message["deltas"]:
                    arrived.put_nowait(None)
            elif message["type"] not in ("welcome", "behind", "heartbeat"):
                raise RuntimeError(f"The server answered {message}.")


@contextmanager
def server(application: str) -> Iterator[tuple[int, Callable[[], float]]]:
    """Run daphne on the same database; yield its port, and a function for its processor time in seconds."""
    from tests.support.processes import Process, free_port, serves

    port, settings = free_port(), "tests.connections.transports.settings"
    with tempfile.TemporaryDirectory() as folder:
        process = Process(
            [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), f"{application}:application"],
            log=Path(folder) / "daphne.log",
            ready=lambda: serves(port),
            env={**os.environ, "DJANGO_SETTINGS_MODULE": settings},
            cwd=Path(__file__).resolve().parents[1],
        )
        process.start()

        def processor() -> float:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        try:
            yield port, processor
        finally:
            process.stop()


if __name__ == "__main__":
    main()
