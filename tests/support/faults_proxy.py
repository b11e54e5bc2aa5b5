"""A TCP proxy that misbehaves: it swallows what it should pass on, cuts in the middle, or hands on drop by drop."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.processes import free_port
from tests.support.waiting import seconds

CHUNK = 65536


class Link:
    """One connection through the proxy. A dead one is open at both ends and passes nothing."""

    def __init__(self, writers: tuple[asyncio.StreamWriter, ...], *, dead: bool) -> None:
        self.writers = writers
        self.dead = dead

    def abort(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Passes connections to a port on this machine, until it is told otherwise.

    `swallow` keeps connections open and passes nothing more: a cable that is cut. `after_bytes` calls a function,
    once, when so many bytes have come from the server, and passes on no more of what came with them.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = free_port()
        self._swallowing = False
        self.passed = 0  # bytes from the server to clients
        self._limit: int | None = None
        self._at_limit: Callable[[], None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._links: set[Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._accept, "127.0.0.1", self.port))

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/realtime/ws/"

    def swallow(self) -> None:
        self._swallowing = True
        for link in self._links:
            link.dead = True

    def heal(self) -> None:
        """New connections pass again; those that were swallowed stay as they are."""
        self._swallowing = False

    def after_bytes(self, number: int, function: Callable[[], None]) -> None:
        self._limit, self._at_limit = self.passed + number, function

    def cut(self) -> None:
        """End all connections at once, both ways."""
        self._call(self._cut())

    def close(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds(20))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._swallowing:  # nothing comes through to the port, nor a new connection
            self._links.add(Link((writer,), dead=True))
            return
        try:
            upstream_reader, upstream_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        link = Link((writer, upstream_writer), dead=False)
        self._links.add(link)
        for source, sink, down in ((reader, upstream_writer, False), (upstream_reader, writer, True)):
            task = asyncio.create_task(self._pass(link, source, sink, down=down))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.target)

    async def _pass(
        self, link: "Link", source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, down: bool
    ) -> None:
        try:
            while data := await source.read(CHUNK):
                if down:
                    data = await self._count(data)
                if link.dead:
                    await asyncio.Event().wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            if not link.dead:
                self._end(link, sink)

    def _end(self, link: "Link", sink: asyncio.StreamWriter) -> None:
        link.abort()

    async def _count(self, data: bytes) -> bytes:
        if self._limit is not None and self.passed + len(data) >= self._limit:
            data = data[: self._limit - self.passed]
            self._limit = None
            assert self._at_limit is not None
            await asyncio.to_thread(self._at_limit)
        self.passed += len(data)
        return data

    async def _cut(self) -> None:
        for link in self._links:
            link.abort()
        self._links.clear()

    async def _close(self) -> None:
        self._server.close()
        await self._cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Balancer(Proxy):
    """Passes connections to several ports in turn, and leaves out those on which nobody listens."""

    def __init__(self, targets: list[int]) -> None:
        self._targets = targets
        super().__init__(targets[0])

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in range(len(self._targets)):
            self._targets.append(self._targets.pop(0))
            try:
                return await asyncio.open_connection("127.0.0.1", self._targets[-1])
            except OSError:
                continue
        raise OSError("Nobody listens.")

    def _end(self, link: Link, sink: asyncio.StreamWriter) -> None:
        sink.close()  # what is on its way arrives, also at a client that is slow to read


class DistantProxy(Proxy):
    """Passes everything on after so many seconds: a server that is far away."""

    def __init__(self, target: int, *, seconds: float) -> None:
        self._seconds = seconds
        super().__init__(target)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _pass(self, link: Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, down: bool) -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await source.read(CHUNK):
                loop.call_later(self._seconds, sink.write, data)
        except OSError:
            pass
        finally:
            loop.call_later(self._seconds, self._end, link, sink)

    def _end(self, link: Link, sink: asyncio.StreamWriter) -> None:
        sink.close()  # after what is still on its way
