"""Attacks on a server, each bounded, from this machine to itself: `python -m tests.hostile.attacks NAME PORT SECONDS`.

They run in a process of their own, which gives way to others. Its standard input has what an attacker may have
gathered, as JSON.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.support.rawsocket import CONTINUATION, PING, TEXT, frame

HELLO = '{"type":"hello","version":1}'
GONE = (OSError, WebSocketException, asyncio.IncompleteReadError, TimeoutError)


class Target:
    """The server, for so many seconds, and what is known of it."""

    def __init__(self, port: int, seconds: float, known: dict[str, Any]) -> None:
        self.port = port
        self.ends = time.monotonic() + seconds
        self.known = known

    @property
    def lasts(self) -> bool:
        return time.monotonic() < self.ends

    async def over(self) -> None:
        await asyncio.sleep(max(0.0, self.ends - time.monotonic()))

    @asynccontextmanager
    async def client(self, *, session: str = "", hello: str = HELLO) -> AsyncIterator[ClientConnection]:
        """A client that has said hello, and reads whatever comes without looking at it."""
        headers = {"Cookie": f"sessionid={session}"} if session else {}
        url = f"ws://127.0.0.1:{self.port}/realtime/ws/"
        socket = await connect(
            url, additional_headers=headers, proxy=None, compression=None, max_size=None, close_timeout=0.5
        )
        await socket.send(hello)
        reading = asyncio.create_task(self._read(socket))
        try:
            yield socket
        finally:
            reading.cancel()
            with suppress(*GONE):  # a server under attack may leave before its goodbye
                await socket.close()

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(*GONE):
            number = 0
            async for _ in socket:
                number += 1
                if number % 50 == 0:
                    await socket.send(json.dumps({"type": "ack", "messages": number - 1}))

    async def clients(self, stack: AsyncExitStack, number: int, **options: Any) -> list[ClientConnection]:
        return [await stack.enter_async_context(self.client(**options)) for _ in range(number)]

    async def raw(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        return reader, writer

    def request(self, *headers: str, method: str = "GET", path: str = "/realtime/ws/") -> bytes:
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *headers, "", ""]).encode()

    def handshake(self, *headers: str) -> bytes:
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
        return self.request("Upgrade: websocket", "Connection: Upgrade", key, "Sec-WebSocket-Version: 13", *headers)


def subscribe(id: int, stream: str, params: dict[str, Any], **more: Any) -> str:
    return json.dumps({"type": "subscribe", "id": id, "stream": stream, "params": params, **more})


async def repeat(
    target: Target, work: Callable[[], Awaitable[None]], *, at_once: int = 3, pause: float = 0.02
) -> None:
    """Do something again and again, as long as the attack lasts; whoever is turned away comes back."""

    async def one() -> None:
        while target.lasts:
            with suppress(*GONE):
                await asyncio.wait_for(work(), max(0.1, target.ends - time.monotonic()))
            await asyncio.sleep(pause)

    await asyncio.gather(*[one() for _ in range(at_once)])


async def posts(target: Target) -> None:
    """Requests of a million messages."""
    bodies = itertools.cycle([b"[" + b"0," * 1_200_000 + b"0]", b"[" + b'{"type":"ack"},' * 150_000 + b"0]"])

    async def post() -> None:
        body = next(bodies)
        fields = (f"Content-Length: {len(body)}", "Content-Type: application/json")
        head = target.request(*fields, method="POST", path="/realtime/poll/")
        reader, writer = await target.raw(head + body)
        await reader.read(100)
        writer.close()

    await repeat(target, post)


async def brackets(target: Target) -> None:
    """Messages that are nothing but brackets, as large and as many as they may be."""
    sizes = itertools.cycle([60_000, 16_000, 16_000, 16_000])

    async def flood() -> None:
        inner = "[" * 12 + "]" * 12 + ","
        text = (
            f'{{"type":"call","id":"c","stream":"top","action":"x","args":{{"x":[{inner * (next(sizes) // 26)}0]}}}}'
        )
        async with target.client() as client:
            for _ in range(200):
                await client.send(text)

    await repeat(target, flood)


async def numbers(target: Target) -> None:
    """Messages of numbers that take long to read, as large and as many as they may be."""

    async def flood() -> None:
        text = '{"type":"call","id":"c","stream":"top","action":"x","args":{"x":[%s0]}}' % ("7e-310," * 2_200)
        texts = itertools.cycle([text, text.replace("7e-310", "7e-210"), text.replace("7e-310", "9" * 300)[:16_000]])
        async with target.client() as client:
            for _ in range(200):
                await client.send(next(texts))

    await repeat(target, flood)


async def cursors(target: Target) -> None:
    """Subscriptions that each come back from a place of their own."""
    places = itertools.cycle(target.known["cursors"])

    async def come_back() -> None:
        async with target.client() as client:
            for id in range(1, 101):
                cursor = next(places)
                await client.send(subscribe(id, "top", {"shelf": id}, cursor=cursor if id % 2 else f"{cursor[:-1]}7"))
            await asyncio.sleep(1)

    await repeat(target, come_back, at_once=1)


async def returning(target: Target) -> None:
    """Honest clients, each coming back from where it was."""
    places = itertools.cycle(target.known["cursors"])

    async def come_back() -> None:
        async with target.client() as client:
            await client.send(subscribe(1, "top", {"shelf": target.known["shelf"]}, cursor=next(places)))
            await asyncio.sleep(0.5)

    await repeat(target, come_back, at_once=40, pause=0.2)


async def parameters(target: Target) -> None:
    """As many live queries as a visitor can make up."""
    async with AsyncExitStack() as stack:
        for number, client in enumerate(await target.clients(stack, 15)):
            for id in range(1, 101):
                with suppress(*GONE):
                    await client.send(subscribe(id, "found", {"title": f"{number} {id}"}))
        await target.over()


async def pages(target: Target) -> None:
    """Each page of one list, and many that it does not have: each write concerns all of them."""
    async with AsyncExitStack() as stack:
        for number, client in enumerate(await target.clients(stack, 15)):
            for id in range(1, 101):
                page = number * 100 + id if id % 2 else 10**9 - number * 100 - id
                with suppress(*GONE):
                    await client.send(subscribe(id, "paged", {"shelf": target.known["shelf"], "page": page}))
        await target.over()


async def filters(target: Target) -> None:
    """Filters of one list, as many as can be made up."""
    async with AsyncExitStack() as stack:
        for number, client in enumerate(await target.clients(stack, 15)):
            for id in range(1, 101):
                with suppress(*GONE):
                    params = {"shelf": target.known["shelf"], "title": f"{number} {id}"}
                    await client.send(subscribe(id, "paged", params))
        await target.over()


async def fingerprints(target: Target) -> None:
    """Subscriptions that name rows with as long a text as fits."""
    async with AsyncExitStack() as stack:
        for client in await target.clients(stack, 100):
            for id in range(1, 101):
                with suppress(*GONE):
                    await client.send(subscribe(id, "top", {"shelf": target.known["shelf"]}, fingerprint="x" * 16_000))
        await target.over()


async def actions(target: Target) -> None:
    """Visitors who call what takes long."""
    async with AsyncExitStack() as stack:
        for client in await target.clients(stack, 12):
            for number in range(5):
                call = {
                    "type": "call",
                    "id": f"{number}",
                    "stream": "found",
                    "params": {"title": "x"},
                    "action": "slow",
                }
                await client.send(json.dumps(call))
        await target.over()


async def presence(target: Target) -> None:
    """One user who is everywhere, and says something new all the time."""
    async with AsyncExitStack() as stack:
        clients = await target.clients(stack, 10, session=target.known["session"])
        for number, client in enumerate(clients):
            for id in range(1, 101):
                await client.send(subscribe(id, "talk:presence", {"shelf": number * 100 + id}))
        for number in itertools.count():
            for client in clients:
                with suppress(*GONE):
                    message = {"type": "present", "id": number % 100 + 1, "data": {"n": number}}
                    await client.send(json.dumps(message))
            await asyncio.sleep(0.05)
            if not target.lasts:
                return


async def churn(target: Target) -> None:
    """Subscribing and leaving without end."""

    async def flood() -> None:
        async with target.client() as client:
            for number in range(400):
                await client.send(subscribe(1, "found", {"title": str(number)}))
                await client.send('{"type":"unsubscribe","id":1}')
                await asyncio.sleep(0.01)

    await repeat(target, flood, at_once=5)


async def bad_tokens(target: Target) -> None:
    """Clients that come back at once, whatever they are told."""

    async def come_back() -> None:
        async with target.client(hello='{"type":"hello","version":1,"token":"forged"}') as client:
            await client.wait_closed()

    await repeat(target, come_back, at_once=10, pause=0.0)


async def slow_handshakes(target: Target) -> None:
    """Handshakes that come byte by byte, and never end."""
    sockets = [await target.raw(target.handshake()[:40]) for _ in range(150)]
    while target.lasts:
        for _, writer in sockets:
            with suppress(*GONE):
                writer.write(b"x")
        await asyncio.sleep(0.2)


async def half_open(target: Target) -> None:
    """Clients that ask for much, and read nothing."""
    hello = frame(TEXT, HELLO.encode())
    asked = b"".join(frame(TEXT, subscribe(id, "top", {"shelf": id}).encode()) for id in range(1, 50))
    kept = []
    for _ in range(60):
        kept.append(await target.raw(target.handshake()))
        kept[-1][1].write(hello + asked)
    await target.over()
    for _, writer in kept:
        writer.transport.abort()


async def fragments(target: Target) -> None:
    """A message in a hundred thousand parts, with pings between them."""

    async def flood() -> None:
        _, writer = await target.raw(target.handshake())
        writer.write(frame(TEXT, b"[", fin=False))
        part = (frame(CONTINUATION, b"[", fin=False) + frame(PING, b"x" * 100)) * 50
        for _ in range(200):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.close()

    await repeat(target, flood, at_once=4)


async def headers(target: Target) -> None:
    """Handshakes with as many cookies and headers as fit."""
    cookie = "Cookie: " + "; ".join(f"c{number}={'x' * 8}" for number in range(500))
    more = [f"X-{number}: {'y' * 500}" for number in range(40)]

    async def come() -> None:
        reader, writer = await target.raw(target.handshake(cookie, *more))
        await reader.read(200)
        writer.close()

    await repeat(target, come, at_once=8)


async def sessions(target: Target) -> None:
    """Session cookies that a database refuses."""

    async def come() -> None:
        async with target.client(session='"\\000x"') as client:
            await client.send(subscribe(1, "books", {"shelf": 1}))
            await asyncio.sleep(0.1)

    await repeat(target, come, at_once=5)


async def made_up_sessions(target: Target) -> None:
    """Session cookies that look like those of users, each of which is looked up."""
    numbers = itertools.count()

    async def come() -> None:
        async with target.client(session=f"{next(numbers):032x}"):
            pass

    await repeat(target, come, at_once=10, pause=0.0)


async def events(target: Target) -> None:
    """Visitors who send events to all who look, as many as they can."""
    async with AsyncExitStack() as stack:
        clients = await target.clients(stack, 10)
        for client in clients:
            await client.send(subscribe(1, "talk", {"shelf": target.known["shelf"]}))
        data = {"book": 1, "words": ["x" * 100] * 40}
        message = json.dumps({"type": "send", "id": 1, "name": "typing", "data": data})
        while target.lasts:
            for client in clients:
                with suppress(*GONE):
                    await client.send(message)
            await asyncio.sleep(0.01)


async def event_streams(target: Target) -> None:
    """Server-sent events that come back at once, each from a place of its own, which it has made up."""
    places = itertools.cycle(target.known["cursors"])

    async def come_back() -> None:
        asked = {"stream": "top", "params": {"shelf": target.known["shelf"]}}
        query = urlencode([("subscribe", json.dumps(asked))] * 20)
        bookmark = {number: [f"{next(places)}{number}", "x" * 20] for number in range(40)}
        last = base64.urlsafe_b64encode(json.dumps(bookmark).encode()[:8_000]).decode()
        reader, writer = await target.raw(target.request(f"Last-Event-ID: {last}", path=f"/realtime/sse/?{query}"))
        await reader.read(3000)
        writer.close()

    await repeat(target, come_back, at_once=10, pause=0.0)


async def polls(target: Target) -> None:
    """Requests that ask for much, many at a time, whose clients leave before they are answered."""
    numbers = itertools.count()

    async def ask() -> None:
        wanted = [json.loads(subscribe(id, "found", {"title": f"{next(numbers)}"})) for id in range(1, 60)]
        body = json.dumps([json.loads(HELLO), *wanted]).encode()
        fields = (f"Content-Length: {len(body)}", "Content-Type: application/json")
        _, writer = await target.raw(target.request(*fields, method="POST", path="/realtime/poll/") + body)
        await asyncio.sleep(0.05)
        writer.transport.abort()

    await repeat(target, ask, at_once=20, pause=0.0)


async def slow_bodies(target: Target) -> None:
    """Requests whose bodies come byte by byte."""
    head = target.request(
        "Content-Length: 200000", "Content-Type: application/json", method="POST", path="/realtime/poll/"
    )
    sockets = [await target.raw(head) for _ in range(100)]
    while target.lasts:
        for _, writer in sockets:
            with suppress(*GONE):
                writer.write(b"[")
        await asyncio.sleep(0.1)
    for _, writer in sockets:
        writer.transport.abort()


ATTACKS: dict[str, Callable[[Target], Awaitable[None]]] = {
    attack.__name__: attack
    for attack in (
        posts, brackets, numbers, cursors, returning, parameters, pages, filters, fingerprints, actions, presence,
        churn, bad_tokens, slow_handshakes, half_open, fragments, headers, sessions, made_up_sessions, events,
        event_streams, polls, slow_bodies,
    )
}  # fmt: skip


def main() -> None:
    name, port, seconds = sys.argv[1:]
    os.nice(10)
    target = Target(int(port), float(seconds), json.load(sys.stdin))
    asyncio.run(asyncio.wait_for(ATTACKS[name](target), float(seconds) + 30))


if __name__ == "__main__":
    main()
