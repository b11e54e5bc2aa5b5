"""The same site under uvicorn, with each of its implementations of WebSockets."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator

import pytest

from realtime.client import connect
from tests.models import Book
from tests.support.remotes import REMOTES
from tests.support.waiting import seconds
from tests.support.wire import until
from tests.transports.conftest import Daphne


class Uvicorn(Daphne):
    def __init__(self, directory, *, ws: str) -> None:
        super().__init__(directory)
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--lifespan", "off", "--ws", ws]
        options += ["--timeout-graceful-shutdown", "1"]
        self._process.command = [sys.executable, "-m", "uvicorn", *options, "tests.asgi:application"]


@pytest.fixture(scope="module", params=["auto", "websockets-sansio"])
def daphne(request, django_db_setup, tmp_path_factory) -> Iterator[Uvicorn]:
    uvicorn = Uvicorn(tmp_path_factory.mktemp("uvicorn"), ws=request.param)
    uvicorn.start()
    yield uvicorn
    uvicorn.stop()


@pytest.mark.parametrize("transport", REMOTES)
async def test_rows_changes_and_calls_come_over_each_transport(server, session, shelf, elsewhere, transport):
    async with REMOTES[transport](server.host, session=session) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="a")
        await remote.until(lambda: remote.titles() == ["a"])
        reply = await remote.call("c1", "books", "add", {"title": "b"}, shelf=shelf.pk)
        await remote.until(lambda: remote.titles() == ["a", "b"])
    assert reply["result"] == {"pk": int(remote.protocol.subscriptions[1].replica.keys[1])}


async def test_the_python_client_is_served(server, session, shelf):
    async with connect(server.url, session=session) as client:
        books = client.subscribe("books", {"shelf": shelf.pk})
        await client.wait_until_live()
        await books.call("add", {"title": "a"})
        await until(lambda: [row["title"] for row in books.rows] == ["a"])


async def test_page_of_another_site_is_told_why_it_is_refused(server):
    async with REMOTES["websocket"](server.host, origin="https://evil.example") as remote:
        code, reason = await remote.ended()
    assert (code, "REALTIME_ALLOWED_ORIGINS" in reason) == (4210, True)


async def test_it_ends_with_clients_connected(log, tmp_path):
    uvicorn = Uvicorn(tmp_path, ws="auto")
    uvicorn.start()
    async with connect(uvicorn.url) as client, REMOTES["sse"](uvicorn.host) as remote:
        await client.wait_until_live()
        await remote.subscribe("nowhere")
        process = uvicorn._process._popen
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, seconds(20)) in (0, -signal.SIGTERM)
    assert "Traceback" not in uvicorn.news()
