"""A daphne on the tests' own database, for all tests of the folder, and clients that connect to it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client as Browser
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from realtime.hub.hub import Hub, get_hub
from tests.support import http
from tests.support.demo import RECORD, TROUBLE
from tests.support.elsewhere import Elsewhere
from tests.support.processes import Process, free_port, serves
from tests.support.remotes import Remote
from tests.support.tables import empty_tables
from tests.support.waiting import STEP_SECONDS, seconds

if TYPE_CHECKING:
    from pytest_django import DjangoDbBlocker

ROOT = Path(__file__).resolve().parents[3]


def environment(settings: str) -> dict[str, str]:
    return {**os.environ, "DJANGO_SETTINGS_MODULE": settings}


class Daphne:
    def __init__(
        self,
        directory: Path,
        settings: str = "tests.connections.transports.settings",
        root_path: str = "",
        application: str = "tests.asgi",
    ) -> None:
        self.port = free_port()
        self.layer = ""  # the address of its channel layer, for others who are to reach it
        self.expected_trouble: list[str] = []
        self._seen = 0
        command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), "--root-path", root_path]
        self._process = Process(
            [*command, f"{application}:application"],
            log=directory / "daphne.log",
            ready=lambda: serves(self.port),
            env=environment(settings),
            cwd=ROOT,
        )
        self.start, self.stop = self._process.start, self._process.stop

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/realtime/ws/"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def until(self, condition: Callable[[int], bool], *, user: Any = None) -> None:
        """Wait for a number of clients that the server has, or that this user has."""
        query = "" if user is None else f"?user={user.pk}"
        async with asyncio.timeout(seconds(10)):
            while True:
                response = await http.request(f"http://{self.host}/clients/{query}", method="GET")
                if condition(await response.json()):
                    return
                await asyncio.sleep(STEP_SECONDS)

    async def until_gone(self, remote: Remote) -> None:
        """Hang up while the client reads, and wait until the server has no client."""
        reading = asyncio.create_task(remote.step())
        await self.until(lambda clients: clients > 0)
        await remote.leave()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await self.until(lambda clients: clients == 0)

    def news(self) -> str:
        """What the log says since it was asked last."""
        output = self._process.output()
        news, self._seen = output[self._seen :], len(output)
        return news


@pytest.fixture(scope="package", autouse=True)
def log(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The log of all tests here, which leave it alone: the server goes on reading it."""
    yield
    with django_db_blocker.unblock():
        empty_tables()
        connections.close_all()


@pytest.fixture
def committed(log: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        empty_tables(with_log=False)
        connections.close_all()


@pytest.fixture(scope="package")
def daphne(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daphne]:
    daphne = Daphne(tmp_path_factory.mktemp("daphne"))
    daphne.start()
    yield daphne
    daphne.stop()


@pytest.fixture
def server(daphne: Daphne, committed: None) -> Iterator[Daphne]:
    """The server; a test fails when its log shows trouble that was not announced in `expected_trouble`."""
    daphne.news()
    daphne.expected_trouble = []
    yield daphne
    records = [record for record in RECORD.split(daphne.news()) if TROUBLE.search(record)]
    assert [record for record in records if not any(text in record for text in daphne.expected_trouble)] == []


class SocketRemote(Remote):
    """A reference client on a socket that is open."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__("")
        self.socket = socket

    async def send(self, *messages: str) -> None:
        for message in messages:
            await self.socket.send(message)

    say = send

    async def step(self) -> dict[str, Any]:
        text = await self.socket.recv()
        assert isinstance(text, str)
        await self.send(*self.take(text))
        return self.received[-1]

    async def closed(self) -> tuple[int, str]:
        """Read to the end; the code and reason of the close frame."""
        with suppress(ConnectionClosed):
            while True:
                self.received.append(json.loads(await self.socket.recv()))
        return self.socket.close_code, self.socket.close_reason


@pytest.fixture
def client(server: Daphne) -> Any:
    """`async with client() as remote`: connected, as a user where a session is given, and greeted."""

    @asynccontextmanager
    async def client(
        session: str = "", *, origin: str | None = None, greet: bool = True
    ) -> AsyncIterator[SocketRemote]:
        headers = {"Cookie": f"sessionid={session}"} if session else {}
        async with connect(
            server.url, additional_headers=headers, origin=origin, open_timeout=seconds(10), proxy=None
        ) as socket:
            remote = SocketRemote(socket)
            if greet:
                await remote.say(*remote.protocol.open())
                await remote.step()
            yield remote

    return client


@pytest.fixture
def session(elsewhere: Elsewhere) -> str:
    """The session of ann, who is logged in."""

    def log_in() -> str:
        browser = Browser()
        browser.force_login(User.objects.create_user("ann"))
        return browser.cookies["sessionid"].value

    return elsewhere(log_in)


@pytest.fixture
async def hub(committed: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """The hub of a test whose requests are answered in this process."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.REALTIME_HEARTBEAT_SECONDS = seconds(0.3)  # a response lasts for two, in which its rows have to come
    monkeypatch.setattr("realtime.hub.hub.LINGER_SECONDS", 30.0)
    hub = get_hub()
    yield hub
    await hub.close()
    await sync_to_async(connections.close_all)()
