"""A small HTTP client on asyncio's streams: a response is read as it comes, and cut when the test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

from tests.support.waiting import seconds


class Response:
    """The answer to one request, its body unread."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._reader = reader
        self._writer = writer

    async def begin(self) -> None:
        self.status = int((await self._line()).split()[1])
        while line := await self._line():
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raise `EOFError` where it is cut."""
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(await self._line() or "0", 16):
                yield await self._exactly(size)
                await self._line()
            return
        if "content-length" in self.headers:
            yield await self._exactly(int(self.headers["content-length"]))
            return
        while chunk := await self._reader.read(65536):
            yield chunk

    async def text(self) -> str:
        """The whole body; the connection is closed."""
        try:
            return b"".join([chunk async for chunk in self.chunks()]).decode()
        finally:
            self._writer.close()

    async def json(self) -> object:
        return json.loads(await self.text())

    def cut(self) -> None:
        """Hang up, as a page that is closed."""
        self._writer.transport.abort()

    async def _line(self) -> str:
        async with asyncio.timeout(seconds(15)):
            line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError("The response was cut.")
        return line.decode("latin1").strip()

    async def _exactly(self, size: int) -> bytes:
        try:
            async with asyncio.timeout(seconds(15)):
                return await self._reader.readexactly(size)
        except asyncio.IncompleteReadError:
            raise EOFError("The response was cut.") from None


async def request(
    url: str, *, method: str = "POST", headers: Mapping[str, str] | None = None, body: str = ""
) -> Response:
    """Ask, and return when the head of the answer is there."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**24)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    content = body.encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode() + content)
    response = Response(reader, writer)
    try:
        await response.begin()
    except BaseException:
        response.cut()
        raise
    return response


async def events(response: Response) -> AsyncIterator[dict[str, str]]:
    """The events of a stream, each as its fields; comments are left out."""
    rest = ""
    async for chunk in response.chunks():
        *blocks, rest = (rest + chunk.decode()).split("\n\n")
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
            if "data" in fields:
                yield fields
