"""Faulty network: a simulated bad network, to test that a project's pages survive it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

CUT_CODE = 3012  # without a meaning: below 3000 daphne only sends 1000, and the protocol uses codes from 4000 on


class _Cut(Exception):
    """The connection ends here."""


class _Link:
    """One connection or request. A cut takes effect with the next message at the latest."""

    def __init__(self, hang_up: Callable[[], Awaitable[None]] | None = None) -> None:
        self._broken = False
        self._hang_up = hang_up
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def is_broken(self) -> bool:
        return self._broken

    async def cut(self) -> None:
        if not self._broken:
            self._broken = True
            if self._hang_up is not None:
                await self._hang_up()

    def cut_soon(self) -> None:
        """Cut the connection, from any thread."""
        self._loop.call_soon_threadsafe(self._start)

    def _start(self) -> None:
        task = self._loop.create_task(self.cut())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class FaultyNetwork:
    """Wraps an ASGI application in a simulated bad network, for tests.

    Probabilities are from 0 to 1. `cut`: a message in either direction is lost, together with its connection; an HTTP
    response is lost after the request took effect. `delay`: messages take up to this many seconds, in order.
    `refuse`: a new connection or request is refused. `repeat`: an HTTP request is executed twice, and the second
    response is returned. Only requests to `path` are affected. The same `seed` gives the same faults for the same
    messages. All are attributes that a test may change at any time; `faults` counts the injected faults.

        application = FaultyNetwork(get_default_application(), cut=0.05, delay=0.2)
    """

    def __init__(
        self,
        application: Any,
        *,
        cut: float = 0.0,
        delay: float = 0.0,
        refuse: float = 0.0,
        repeat: float = 0.0,
        seed: int | None = None,
        path: str = "/realtime/",
    ) -> None:
        self.application = application
        self.cut = cut
        self.delay = delay
        self.refuse = refuse
        self.repeat = repeat
        self.path = path
        self.faults = {"cut": 0, "refused": 0, "repeated": 0}
        self.seed = random.randrange(2**32) if seed is None else seed  # noqa: S311
        self._random = random.Random(self.seed)  # noqa: S311
        self._links: set[_Link] = set()

    def __repr__(self) -> str:
        return f"<FaultyNetwork seed={self.seed} {self.faults}>"

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        affected = str(scope.get("path", "")).startswith(self.path)
        if scope["type"] == "websocket" and affected:
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http" and affected:
            await self._http(scope, receive, send)
        else:
            await self.application(scope, receive, send)

    def disconnect(self) -> None:
        """Cut all connections, from any thread. Set `refuse = 1` first to keep the network down."""
        for link in list(self._links):
            link.cut_soon()

    async def _websocket(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if self._happens(self.refuse, "refused"):
            await receive()
            await send({"type": "websocket.close", "code": CUT_CODE})
            return
        link = _Link(partial(send, {"type": "websocket.close", "code": CUT_CODE}))

        async def faulty_receive() -> dict[str, Any]:
            message = await receive()
            if message["type"] == "websocket.receive" and not link.is_broken():
                await self._sleep()
                if self._happens(self.cut, "cut"):
                    await link.cut()
            return {"type": "websocket.disconnect", "code": 1006} if link.is_broken() else message

        async def faulty_send(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.send" and not link.is_broken():
                await self._sleep()
                if self._happens(self.cut, "cut"):
                    await link.cut()
            if not link.is_broken():
                await send(message)

        with self._open(link):
            await self.application(scope, faulty_receive, faulty_send)

    async def _http(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if self._happens(self.refuse, "refused"):
            await _answer(send, 503)
            return
        body = await _body(receive)
        await self._sleep()
        if self._happens(self.repeat, "repeated"):
            await self.application(scope, _receive_of(body, receive), _discard)
        link = _Link()
        begun = False

        async def faulty_send(message: dict[str, Any]) -> None:
            nonlocal begun
            await self._sleep()
            if self._happens(self.cut, "cut"):
                await link.cut()
            if link.is_broken():
                raise _Cut
            await send(message)
            begun = True

        with self._open(link):
            try:
                await self.application(scope, _receive_of(body, receive), faulty_send)
            except _Cut:
                if begun:  # the body ends too early
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                else:
                    await _answer(send, 502)

    @contextmanager
    def _open(self, link: _Link) -> Iterator[None]:
        self._links.add(link)
        try:
            yield
        finally:
            self._links.discard(link)

    def _happens(self, chance: float, fault: str) -> bool:
        happens = self._random.random() < chance
        self.faults[fault] += happens
        return happens

    async def _sleep(self) -> None:
        if self.delay:
            await asyncio.sleep(self._random.uniform(0, self.delay))


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(parts)


def _receive_of(body: bytes, receive: Receive) -> Receive:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_body() -> dict[str, Any]:
        return messages.pop() if messages else await receive()

    return receive_body


async def _answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def _discard(message: dict[str, Any]) -> None:
    pass
