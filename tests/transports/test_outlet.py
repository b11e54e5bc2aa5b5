"""The outlet under each server that it knows: everything goes out, in order, whichever way."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.processes import Process, accepts, free_port
from tests.support.waiting import seconds
from tests.transports.conftest import ROOT

COMMANDS = {
    "daphne": ["daphne", "-b", "127.0.0.1", "-p", "{port}"],
    "uvicorn": ["uvicorn", "--host", "127.0.0.1", "--port", "{port}"],
}
SIZES = [0, 1, 62, 63, 700, 32_767, 32_768, 70_000]  # on both sides of what a frame's header can say


class Site:
    def __init__(self, name: str, directory) -> None:
        self.name = name
        self.port = free_port()
        command = [part.format(port=self.port) for part in COMMANDS[name]]
        self.process = Process(
            [sys.executable, "-m", *command, "tests.transports.outlet_app:application"],
            log=directory / "log",
            ready=lambda: accepts(self.port),
            cwd=ROOT,
        )

    def client(self, **options):
        return connect(f"ws://127.0.0.1:{self.port}/", max_size=None, **options)


@pytest.fixture(scope="module", params=COMMANDS)
def site(request, tmp_path_factory) -> Iterator[Site]:
    site = Site(request.param, tmp_path_factory.mktemp("outlet"))
    site.process.start()
    yield site
    site.process.kill()


async def test_server_is_known(site):
    async with site.client() as socket:
        await socket.send('"known"')
        assert json.loads(await socket.recv()) is True


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_messages_of_all_sizes_arrive_in_order(site, compression):
    async with site.client(compression=compression) as socket:
        await socket.send(json.dumps(SIZES * 3))
        assert [await socket.recv() for _ in SIZES * 3] == ["é" * size for size in SIZES * 3]


async def test_client_that_reads_late_gets_all_in_order_and_then_the_close(site):
    sizes = [1000 * (number % 40) + number for number in range(600)]  # more than sockets hold
    async with site.client(max_queue=1) as socket:
        await socket.send(json.dumps(sizes))
        socket.transport.pause_reading()
        await asyncio.sleep(0.2)
        socket.transport.resume_reading()
        assert [len(await socket.recv()) for _ in sizes] == sizes
        await socket.send('[1, 2, 3, "end"]')
        assert [len(await socket.recv()) for _ in range(3)] == [1, 2, 3]
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd.code == 4000


async def test_client_that_is_cut_leaves_no_trouble(site):
    for _ in range(5):
        async with site.client() as socket:
            await socket.send(json.dumps([20_000] * 500))
            await socket.recv()
            socket.transport.abort()
    async with asyncio.timeout(seconds(20)), site.client() as socket:  # it goes on
        await socket.send("[5]")
        assert await socket.recv() == "é" * 5
    log = site.process.output()
    assert "never retrieved" not in log
    assert "cannot be sent anything" not in log
    assert "Traceback" not in log
