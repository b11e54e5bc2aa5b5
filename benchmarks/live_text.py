"""Live text: what a growing text and a changed field cost a reader in bytes, and how soon readers see an answer.

    python -m benchmarks.live_text
    python -m benchmarks.live_text --databases postgresql --readers 100 --token 5 40

A worker writes a text of 8,000 characters: by ordinary saves, with 40 characters 20 times a second, and as a live text
at 40 tokens a second. A server process serves the readers, over WebSockets, and another process stops texts and sends
events. Bytes are those of the messages of one reader. Beside them are those of Socket.IO and of a plain SSE endpoint,
which send each row or token to the clients that are connected.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from benchmarks.peers.chunks import Chunks

LENGTH, RATE = 8000, 40
STEP, SAVES_A_SECOND = 40, 20
SHORT_TEXTS, EVENTS = 20, 100
WORDS = "lorem ipsum dolor sit amet consectetur adipiscing" * 2
NOBODY: Mapping[str, float] = MappingProxyType({})
TARGETS = {"saves": 3.0, "change": 300.0, "bytes": 1.5, "updates": 8.0, "first": 50.0, "stop": 200.0, "event": 50.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--databases", nargs="+", default=["postgresql"])
    parser.add_argument("--readers", type=int, default=100)
    parser.add_argument("--token", nargs="+", type=int, default=[5, 40], help="characters of a token")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each figure")
    parser.add_argument("--only-bytes", action="store_true", help="leave out latencies and events")
    parser.add_argument("--format", nargs="+", choices=["data", "html"], default=["data", "html"])
    options = parser.parse_args()
    from benchmarks.peers.chunks import chunks  # which workers, that run the functions below, do not need

    tell: Tell = _tell_json if options.json else _tell
    if not options.json:
        print(f"{'measure':<58}{'':>10}{'target':>10}{'Socket.IO':>11}{'plain SSE':>11}", flush=True)
    for database in options.databases:
        with site_of(database) as site, chunks() as peers:
            asyncio.run(measure(site, peers, options, tell))


@contextmanager
def site_of(database: str) -> Iterator[Any]:

    from tests.support.faults_site import Site

    site = Site(database)
    try:
        yield site
    finally:
        site.close()


class Reader:
    """A WebSocket client that counts what it receives, and notes when a text has begun."""

    def __init__(self, socket: Any) -> None:
        self.bytes = self.messages = 0
        self.live = asyncio.Event()
        self.texts: dict[str, float] = {}  # by what a message contains: when it first came
        self.wanted: list[str] = []
        self._socket = socket

    async def run(self, shelf: int, format: str) -> None:
        await self._socket.send('{"type":"hello","version":2}')
        subscribe = {"type": "subscribe", "id": 1, "stream": "answers", "params": {"shelf": shelf}, "format": format}
        await self._socket.send(json.dumps(subscribe))
        async for text in self._socket:
            now = time.time()
            self.messages += not text.startswith('{"type":"welcome"')
            self.bytes += len(text.encode())
            for wanted in self.wanted:
                if wanted in text:
                    self.texts.setdefault(wanted, now)
            if text.startswith('{"type":"frame"'):
                self.live.set()
            if self.messages % 50 == 0 or text.startswith('{"type":"heartbeat"'):
                await self._socket.send(json.dumps({"type": "ack", "messages": self.messages}))


async def measure(site: Any, peers: Chunks, options: Any, tell: Tell) -> None:
    server, worker, other = site.serve(program="uvicorn"), site.worker(), site.worker()
    for each in (worker, other):
        each.run("from benchmarks import live_text")
    for format in options.format:
        where = f"{site.backend}, {format}"
        shelf, pks = worker.ask(f"live_text.create({2 + len(options.token)})")
        async with readers_of(server.url, shelf, 1, format) as [reader]:
            await saves(worker, reader, pks[1], peers, where, tell)
        async with readers_of(server.url, shelf, options.readers, format) as readers:
            for token, pk in zip(options.token, pks[2:], strict=True):
                await long_text(worker, readers, pk, token, peers, where, tell)
            if not options.only_bytes:
                await short_texts(worker, other, readers, pks[0], where, tell)
    if not options.only_bytes:
        await events(other, server.url, options.readers, site.backend, tell)


async def saves(worker: Any, reader: Reader, pk: int, peers: Chunks, where: str, tell: Tell) -> None:
    """A text that grows by `save()`, and then a change of another field. The peers send the row each time."""
    before = reader.bytes
    await asyncio.to_thread(worker.ask, f"live_text.save({pk})")
    await asyncio.sleep(1)  # for the last frame
    rows = [{"id": pk, "text": text_of(end), "state": ""} for end in range(STEP, LENGTH + 1, STEP)]
    theirs = await peers.bytes_of(rows)
    used = (reader.bytes - before) / LENGTH
    tell(f"{where}: bytes of a reader, growing by save(), times it", used, "saves", _times(theirs, LENGTH))
    sizes: list[int] = []
    for state in ("open", "closed", "open"):
        before = reader.bytes
        await asyncio.to_thread(worker.ask, f"live_text.change({pk}, {state!r})")
        await asyncio.sleep(1.5)  # each change has a frame of its own
        sizes.append(reader.bytes - before)
    theirs = await peers.bytes_of([{**rows[-1], "state": "open"}])
    tell(f"{where}: bytes of a changed field beside that text", statistics.median(sizes), "change", theirs)


async def long_text(
    worker: Any, readers: list[Reader], pk: int, token: int, peers: Chunks, where: str, tell: Tell
) -> None:
    before = [reader.bytes for reader in readers]
    found = await asyncio.to_thread(worker.ask, f"live_text.write({pk}, {token})")
    await asyncio.sleep(1)  # for the last frame
    used = [(reader.bytes - begun) / LENGTH for reader, begun in zip(readers, before, strict=True)]
    theirs = _times(await peers.bytes_of([token_of(number, token) for number in range(LENGTH // token)]), LENGTH)
    tell(f"{where}: bytes of a reader, tokens of {token}, times it", statistics.median(used), "bytes", theirs)
    tell(f"{where}: the same, of the one with the most", max(used))
    tell(f"{where}: updates a second, tokens of {token}", found["updates"] / found["seconds"], "updates")


async def short_texts(worker: Any, other: Any, readers: list[Reader], pk: int, where: str, tell: Tell) -> None:
    first: list[float] = []
    stop: list[float] = []
    for number in range(SHORT_TEXTS):
        word = f"first{number}."
        for reader in readers:
            reader.wanted = [word]
        writing = asyncio.create_task(asyncio.to_thread(worker.ask, f"live_text.write_until_stopped({pk}, {word!r})"))
        await arrived(word, readers)
        asked = await asyncio.to_thread(other.ask, f"live_text.stop({pk})")
        found = await writing
        first += [1000 * (reader.texts[word] - found["first"]) for reader in readers]
        stop.append(1000 * (found["stopped"] - asked))
    tell(f"{where}: first token at a reader, p50, ms", statistics.median(first), "first")
    tell(f"{where}: first token at a reader, p95, ms", statistics.quantiles(first, n=20)[-1])
    tell(f"{where}: stop, the longest, ms", max(stop), "stop")


async def arrived(word: str, readers: list[Reader]) -> None:
    while not all(word in reader.texts for reader in readers):  # noqa: ASYNC110
        await asyncio.sleep(0.002)


async def events(other: Any, url: str, number: int, where: str, tell: Tell) -> None:
    shelf, _ = other.ask("live_text.create(1)")
    async with readers_of(url, shelf, number, "data") as readers:
        ages: list[float] = []
        for count in range(EVENTS):
            word = f"event{count}."
            for reader in readers:
                reader.wanted = [word]
            sent = await asyncio.to_thread(other.ask, f"live_text.send({shelf}, {word!r})")
            await arrived(word, readers)
            ages += [1000 * (reader.texts[word] - sent) for reader in readers]
    tell(f"{where}: an event of another process, p50, ms", statistics.median(ages), "event")
    tell(f"{where}: an event of another process, p95, ms", statistics.quantiles(ages, n=20)[-1])


class readers_of:
    """Readers of a shelf, which are live."""

    def __init__(self, url: str, shelf: int, number: int, format: str) -> None:
        self._url, self._shelf, self._number, self._format = url, shelf, number, format

    async def __aenter__(self) -> list[Reader]:
        from websockets.asyncio.client import connect

        origin = self._url.replace("ws://", "http://").removesuffix("/realtime/ws/")
        options: dict[str, Any] = {"ping_interval": None, "max_size": None, "compression": None}
        self._sockets = [await connect(self._url, origin=origin, **options) for _ in range(self._number)]  # type: ignore[arg-type]
        readers = [Reader(socket) for socket in self._sockets]
        self._tasks = [asyncio.create_task(reader.run(self._shelf, self._format)) for reader in readers]
        for reader in readers:
            await reader.live.wait()
        return readers

    async def __aexit__(self, *_: object) -> None:
        for socket in self._sockets:
            await socket.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _times(theirs: dict[str, int], length: int) -> dict[str, float]:
    return {name: size / length for name, size in theirs.items()}


class Tell(Protocol):
    """Takes a figure, its target if there is one, and the figures of peers."""

    def __call__(self, what: str, seen: float, target: str = "", peers: Mapping[str, float] = ...) -> None: ...


def _tell(what: str, seen: float, target: str = "", peers: Mapping[str, float] = NOBODY) -> None:
    limit = f"{TARGETS[target]:>10g}" if target else " " * 10
    print(f"{what:<58}{seen:>10.2f}{limit}" + "".join(f"{size:>11.2f}" for size in peers.values()), flush=True)


def _tell_json(what: str, seen: float, target: str = "", peers: Mapping[str, float] = NOBODY) -> None:
    print(json.dumps({"what": what, "seen": seen, "target": TARGETS.get(target), "peers": dict(peers)}), flush=True)


# what the processes of the site do


def create(number: int) -> tuple[int, list[int]]:
    """Make a shelf with so many answers."""
    from tests.models import Answer, Shelf

    shelf = Shelf.objects.create(name="answers")
    return shelf.pk, [Answer.objects.create(shelf=shelf).pk for _ in range(number)]


def text_of(length: int) -> str:
    return (WORDS * (length // len(WORDS) + 1))[:length]


def token_of(number: int, length: int) -> str:
    return WORDS[number % 40 :][:length]


def save(pk: int) -> None:
    """Let a text grow by ordinary saves."""
    from tests.models import Answer

    answer, begun = Answer.objects.get(pk=pk), time.monotonic()
    for number in range(LENGTH // STEP):
        time.sleep(max(0.0, begun + (number + 1) / SAVES_A_SECOND - time.monotonic()))
        answer.text = text_of((number + 1) * STEP)
        answer.save()


def change(pk: int, state: str) -> None:
    from tests.models import Answer

    Answer.objects.filter(pk=pk).update(state=state)


def write(pk: int, token: int) -> dict[str, float]:
    """Write a text at its rate; return the seconds, and the updates of the database meanwhile."""
    from django.db import connection

    import realtime
    from tests.models import Answer

    updates = 0

    def count(execute: Any, sql: str, *arguments: Any) -> Any:
        nonlocal updates
        updates += "UPDATE " in sql.replace("FOR UPDATE", "")
        return execute(sql, *arguments)

    begun = time.monotonic()
    answer = Answer.objects.get(pk=pk)
    with connection.execute_wrapper(count), realtime.live_text(answer, "text", state_field="state") as out:
        for number in range(LENGTH // token):
            time.sleep(max(0.0, begun + (number + 1) / RATE - time.monotonic()))
            out.write(token_of(number, token))
    return {"updates": updates, "seconds": time.monotonic() - begun}


def write_until_stopped(pk: int, word: str) -> dict[str, float]:
    """Write a word, and then wait; return when it was written, and when the writer saw that it must stop."""
    import realtime
    from tests.models import Answer

    Answer.objects.filter(pk=pk).update(text="")
    with realtime.live_text(Answer.objects.get(pk=pk), "text") as out:
        time.sleep(0.3)  # as a model does before its first token
        first = time.time()
        out.write(word)
        while not out.stopped:
            time.sleep(0.001)
    return {"first": first, "stopped": time.time()}


def stop(pk: int) -> float:
    """Stop a text; return when that was asked for."""
    import realtime
    from tests.models import Answer

    asked = time.time()
    realtime.stop_text(Answer.objects.get(pk=pk), "text")
    return asked


def send(shelf: int, word: str) -> float:
    """Send an event; return when."""
    import realtime

    sent = time.time()
    realtime.send_event("answers", {"shelf": shelf}, "word", word)
    return sent


if __name__ == "__main__":
    main()
