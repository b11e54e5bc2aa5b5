"""The live server, and clients over the network."""

from __future__ import annotations

import threading
from unittest import mock

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User

from realtime.hub import hub
from realtime.testing import FaultyNetwork, LiveServer, LiveServerTestCase, Viewer
from tests.models import Book, Shelf
from tests.support import http
from tests.support.waiting import seconds, wait_until


@pytest.fixture
async def scene(realtime_server: LiveServer, committing: None) -> tuple[LiveServer, str, Shelf]:
    """The server, the session of ann, and a shelf."""
    ann = await User.objects.acreate_user("ann")
    session = await sync_to_async(realtime_server.session)(ann)
    return realtime_server, session, await Shelf.objects.acreate(name="one")


async def rows_are(client, query, wanted):
    async for change in query:
        if [row["title"] for row in change.rows] == wanted:
            return


async def test_client_with_a_session_sees_what_the_test_commits(scene):
    server, session, shelf = scene
    async with server.client(session) as client:
        books = client.subscribe("books", {"shelf": shelf.pk})
        await books.ready()

        await Book.objects.acreate(shelf=shelf, title="a")

        await rows_are(client, books, ["a"])


async def test_connections_that_a_test_cuts_are_resumed(scene):
    server, session, shelf = scene
    network = server.application = FaultyNetwork(server.application)
    async with server.client(session) as client:
        books = client.subscribe("books", {"shelf": shelf.pk})
        await books.ready()

        network.disconnect()
        await Book.objects.acreate(shelf=shelf, title="a")

        await rows_are(client, books, ["a"])


async def test_pages_and_static_files_are_served(scene):
    server, _, _ = scene
    host = server.url.removeprefix("http://")
    script = await http.request(f"http://{host}/static/realtime/realtime.js", method="GET")
    assert "WebSocket" in await script.text()
    assert await (await http.request(f"http://{host}/clients/", method="GET")).json() == 0


async def test_next_test_has_the_project_again(scene):
    server, _, _ = scene
    assert not isinstance(server.application, FaultyNetwork)


class WithALiveServerTests(LiveServerTestCase):
    def test_viewer_waits_for_what_a_client_writes(self):
        shelf = Shelf.objects.create(name="one")
        session = self.server.session(User.objects.create_user("ann"))
        viewer = Viewer("top", {"shelf": shelf})
        viewer.refresh()

        async def add() -> None:
            async with self.server.client(session) as client:
                await client.call("books", {"shelf": shelf.pk}, "add", {"title": "a"})

        async_to_sync(add)()

        viewer.wait_for(lambda rows: [row["title"] for row in rows] == ["a"], within=seconds(10))

    def test_server_keeps_no_connection_to_the_database_for_clients_that_have_gone(self):
        async def visit() -> None:
            async with self.server.client() as client:
                books = client.subscribe("top", {"shelf": 0})
                await books.ready()
                assert readers()

        with mock.patch("realtime.hub.hub.LINGER_SECONDS", 30.0):
            self.server.call(hub._hubs.clear)  # the next one is made as it is outside of this suite
            async_to_sync(visit)()
        wait_until(lambda: not readers(), what="the reader of the log ends")


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "realtime-default"]
