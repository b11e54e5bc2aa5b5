"""Clients over real WebSockets: reference clients that come back when they are cut, in an event loop of their own."""

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Coroutine, Iterable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from realtime.protocol.messages import VERSION
from tests.support.replica import ReferenceClient
from tests.support.waiting import seconds, wait_until

PAUSE_SECONDS = (0.05, 0.3)  # before a client tries again
Rows = Iterable[tuple[str, Any]]  # keys and rows, in order

SILENT_HEARTBEATS = 2  # as the protocol says


class LiveClient:
    """One client. Everything below `run` happens in the loop of its `Clients`."""

    def __init__(self, clients: "Clients", url: str, *, session: str = "", version: int = VERSION) -> None:
        self.url = url  # may be changed: the next connection goes there
        self.protocol = ReferenceClient(version=version)
        self.error: BaseException | None = None
        self.connections = 0
        self.ends: list[tuple[bool, int | None]] = []  # of connections: whether open, and the last code
        self.asked: list[str] = []  # at the beginning of this connection
        self.messages: deque[tuple[float, dict[str, Any]]] = deque(maxlen=100_000)  # with the time of arrival
        self.text = 0  # characters that came
        self._chance = random.Random()  # Hypothesis watches the one that all share
        self._clients = clients
        self._headers = {"Cookie": f"sessionid={session}"} if session else {}
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._online = asyncio.Event()
        self._online.set()

    # from the test

    def subscribe(
        self, stream: str, params: dict[str, Any], *, format: str = "data", rows: Rows = (), **options: Any
    ) -> int:
        """Want a live query. A page has its `rows` already, and their `cursor` and `fingerprint`."""
        id = max(self.protocol.subscriptions, default=0) + 1
        target = {"stream": stream, "params": params, "format": format} | options
        self._clients.call(self._subscribe(id, target, rows))
        return id

    def call(self, id: str, stream: str, params: dict[str, Any], action: str, **args: Any) -> None:
        message = ReferenceClient.text(type="call", id=id, stream=stream, params=params, action=action, args=args)
        self._clients.call(self._send([message]))

    def be_present(self, id: int, data: dict[str, Any]) -> None:
        self._clients.call(self._say(id, data))

    def tell(self, id: int, name: str, data: Any) -> None:
        self._clients.call(self._send([ReferenceClient.text(type="send", id=id, name=name, data=data)]))

    def rows(self, id: int = 1) -> list[list[Any]]:
        return [list(row) for row in self.protocol.subscriptions[id].replica.ordered]

    @property
    def live(self) -> bool:
        self.raise_error()
        return self.protocol.live

    def cut(self) -> None:
        """Cut the connection without a word, and stay away until `come_back`."""
        self._clients.call(self._cut())

    def come_back(self) -> None:
        self._clients.loop.call_soon_threadsafe(self._online.set)

    def raise_error(self) -> None:
        if self.error is not None:
            raise self.error

    # in the loop

    def start(self) -> None:
        self._task = asyncio.create_task(self.run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def run(self) -> None:
        while self.error is None:
            await self._online.wait()
            try:
                await self._connect()
            except (OSError, EOFError, WebSocketException, TimeoutError):
                pass
            except AssertionError as error:
                last = [message for _, message in list(self.messages)[-5:]]
                error.add_note(f"Before it came: {last}\nAt last came: {self.protocol.last}\nAsked: {self.asked}")
                self.error = error
            self.protocol.lose()
            await asyncio.sleep(self._chance.uniform(*PAUSE_SECONDS))

    async def _connect(self) -> None:
        options: dict[str, Any] = {"ping_interval": None, "compression": None, "max_size": None, "close_timeout": 1}
        async with connect(self.url, additional_headers=self._headers, open_timeout=30, **options) as socket:
            self.connections += 1
            self._socket = socket
            try:
                self.asked = self.protocol.open()
                for message in self.asked:
                    await socket.send(message)
                silence = None
                while True:
                    async with asyncio.timeout(silence):
                        text = await socket.recv()
                    assert isinstance(text, str), "Messages are text."
                    silence = await self._take(socket, text) or silence
            finally:
                self._socket = None
                self.ends.append((self.protocol.window is not None, socket.close_code))

    async def _take(self, socket: ClientConnection, text: str) -> float | None:
        self.text += len(text)
        for answer in self.protocol.receive(text):
            await socket.send(answer)
        message = self.protocol.last
        self.messages.append((time.monotonic(), message))
        return SILENT_HEARTBEATS * message["heartbeat"] if message["type"] == "welcome" else None

    async def _subscribe(self, id: int, target: dict[str, Any], rows: Rows) -> None:
        messages = self.protocol.subscribe(id, **target)
        self.protocol.subscriptions[id].replica.hold(dict(rows))
        await self._send(messages)

    async def _say(self, id: int, data: dict[str, Any]) -> None:
        await self._send(self.protocol.be_present(id, data))

    async def _send(self, messages: list[str]) -> None:
        for message in messages:
            if self._socket is not None:
                await self._socket.send(message)

    async def _cut(self) -> None:
        self._online.clear()
        if self._socket is not None:
            self._socket.transport.abort()


class Clients:
    """The clients of a test, and their thread."""

    def __init__(self) -> None:
        self.all: list[LiveClient] = []
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="clients")
        self._thread.start()

    def __call__(self, url: str, *, session: str = "", version: int = VERSION) -> LiveClient:
        """One more client, which connects."""
        return self.many(1, url, session=session, version=version)[0]

    def of(self, kind: Any, url: str, **options: Any) -> Any:
        """One more client of another kind: see `faults_transports`."""
        return self.call(self._make_of(kind, url, options))

    async def _make_of(self, kind: Any, url: str, options: dict[str, Any]) -> Any:
        client = kind(self, url, **options)
        client.start()
        self.all.append(client)
        return client

    def many(self, number: int, url: str, *, session: str = "", version: int = VERSION) -> list[LiveClient]:
        return self.call(self._make(number, url, session, version))

    async def _make(self, number: int, url: str, session: str, version: int) -> list[LiveClient]:
        made = [LiveClient(self, url, session=session, version=version) for _ in range(number)]
        for client in made:
            client.start()
        self.all += made
        return made

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds(60))

    def wait_until_live(self, *, timeout: float = 30) -> None:
        wait_until(lambda: all(client.live for client in self.all), what="all clients to be live", timeout=timeout)

    def close(self) -> None:
        self.call(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _close(self) -> None:
        await asyncio.gather(*(client.stop() for client in self.all))
