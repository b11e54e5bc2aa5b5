"""Through nginx, as the documentation configures it: nothing is held back, on any transport."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.conftest import give_up
from tests.models import Book
from tests.support import nginx
from tests.support.remotes import REMOTES, Remote
from tests.support.waiting import quickest


@pytest.fixture(scope="module")
def proxy(daphne, pytestconfig, tmp_path_factory) -> Iterator[nginx.Nginx]:
    if nginx.program() is None:
        give_up(pytestconfig, "There is no nginx: install it (on Debian: apt-get install nginx).")
    proxy = nginx.Nginx(daphne.port, directory=tmp_path_factory.mktemp("nginx"))
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture(params=REMOTES)
def remote(request, proxy, server, session) -> Remote:
    return REMOTES[request.param](proxy.host, session=session, origin=f"https://{proxy.host}")


async def test_what_others_write_arrives_well_under_a_second(remote, shelf, elsewhere):
    async with remote:
        await remote.subscribe("books", shelf=shelf.pk)

        async def write(number: int) -> None:
            reading = asyncio.create_task(remote.until(lambda: f"{number}" in remote.titles()))
            await elsewhere.soon(Book.objects.create, shelf=shelf, title=f"{number}")
            await reading

        assert await quickest(write) < 1


async def test_call_has_its_reply_and_its_effect(remote, shelf):
    async with remote:
        await remote.subscribe("books", shelf=shelf.pk)
        reply = await remote.call("c1", "books", "add", {"title": "a"}, shelf=shelf.pk)
        await remote.until(remote.titles)
    assert reply["result"] == {"pk": int(remote.protocol.subscriptions[1].replica.keys[0])}


async def test_client_that_hangs_up_is_let_go_at_once(remote, server, shelf):
    async with remote:
        await remote.subscribe("books", shelf=shelf.pk)
        await server.until_gone(remote)
