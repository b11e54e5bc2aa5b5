"""Chunks: Socket.IO and a plain SSE endpoint: they send what they are given to each client, and keep nothing.

They run in a thread of the benchmark, because only the bytes of their clients count.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import socketio
import uvicorn
from websockets.asyncio.client import connect

from tests.support.processes import free_port
from tests.support.waiting import wait_until

_socketio = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=[])
_readers: list[asyncio.Queue[str]] = []  # of the SSE endpoint
THE_END = "the end"  # the last message


async def _serve_events(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    queue: asyncio.Queue[str] = asyncio.Queue()
    _readers.append(queue)
    text = ""
    while text != THE_END:
        text = await queue.get()
        await send({"type": "http.response.body", "body": f"data: {text}\n\n".encode(), "more_body": text != THE_END})


_application = socketio.ASGIApp(_socketio, other_asgi_app=_serve_events)


class Chunks:
    """One client of each, on one server."""

    def __init__(self, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self._port, self._loop = port, loop

    async def bytes_of(self, messages: list[Any]) -> dict[str, int]:
        """Send these messages to both clients; return the bytes that each has received for them, by its name."""
        stream, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        async with connect(f"ws://127.0.0.1:{self._port}/socket.io/?EIO=4&transport=websocket") as socket:
            await socket.recv()
            await socket.send("40")
            await socket.recv()
            await stream.readuntil(b"\r\n\r\n")
            sending = asyncio.run_coroutine_threadsafe(_send([*messages, THE_END]), self._loop)
            found = {"Socket.IO": 0, "plain SSE": 0}
            while THE_END not in (text := str(await socket.recv())):
                found["Socket.IO"] += len(text.encode()) if text.startswith("42") else 0
            while THE_END.encode() not in (line := await stream.readuntil(b"\n")):
                if line.startswith(b"data: "):
                    found["plain SSE"] += len(line) + 1  # and the empty line behind it
            await asyncio.wrap_future(sending)
        writer.close()
        return found


async def _send(messages: list[Any]) -> None:
    while not _readers:  # noqa: ASYNC110 - the request is being served
        await asyncio.sleep(0.01)
    for message in messages:
        await _socketio.emit("text", message)
        for queue in _readers:
            queue.put_nowait(message if isinstance(message, str) else json.dumps(message, separators=(",", ":")))
    _readers.clear()


@contextmanager
def chunks() -> Iterator[Chunks]:
    """Run both."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(_application, port=port, log_level="error", timeout_graceful_shutdown=1))
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    wait_until(lambda: server.started, what="the peers")
    try:
        yield Chunks(port, loops[0])
    finally:
        server.should_exit = True
        thread.join(5)
