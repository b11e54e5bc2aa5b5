"""A token over a session's cookie, on a real server: whose connection it is, and what ends it soon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from tests.models import Book
from tests.support import passes
from tests.support.waiting import seconds

ENDED = 4101


def log_in(name: str) -> str:
    browser = Browser()
    browser.force_login(User.objects.get_or_create(username=name)[0])
    return browser.cookies["sessionid"].value


def log_out(session: str) -> None:
    browser = Browser()
    browser.cookies["sessionid"] = session
    assert browser.post("/logout/").status_code == 302
    assert not browser.cookies["sessionid"].value


def delete(session: str) -> None:
    User.objects.get(username="ann").delete()


def deactivate(session: str) -> None:
    ann = User.objects.get(username="ann")
    ann.is_active = False
    ann.save()


def change_password(session: str) -> None:
    ann = User.objects.get(username="ann")
    ann.set_password("new")
    ann.save()


@pytest.fixture
def connect(client) -> Any:
    """`async with connect(session, token) as remote`: greeted with this token, if any, over the session's cookie."""

    @asynccontextmanager
    async def connect(session: str, token: str | None = None):
        async with client(session, greet=False) as remote:
            remote.protocol.token = token
            await remote.say(*remote.protocol.open())
            await remote.step()
            yield remote

    return connect


@pytest.mark.parametrize(
    ("way", "cookie_of", "has_token", "ends"),
    [
        (log_out, "ann", False, True),
        (log_out, "ann", True, True),
        (log_out, "bob", True, False),  # of another browser's session; the token goes on
        (delete, "ann", True, True),
        (delete, "bob", True, True),
        (deactivate, "ann", True, True),
        (deactivate, "bob", True, True),
        (change_password, "ann", False, True),
        (change_password, "ann", True, False),  # who has a token is for the hook to say
    ],
)
async def test_rows_and_events_stop_soon(
    connect, server, shelf, elsewhere, session, way: Callable[[str], None], cookie_of: str, has_token: bool, ends: bool
):
    cookie = session if cookie_of == "ann" else await elsewhere.soon(log_in, "bob")
    async with connect(cookie, passes.token("ann") if has_token else None) as remote:
        await remote.subscribe("books", shelf=shelf.pk)
        await elsewhere.soon(way, session)
        if ends:
            async with asyncio.timeout(seconds(5)):
                code, _ = await remote.closed()
            await elsewhere.soon(Book.objects.create, shelf=shelf, title="after")
            assert (code, remote.titles()) == (ENDED, [])
        else:
            await elsewhere.soon(Book.objects.create, shelf=shelf, title="after")
            await remote.until(lambda: remote.titles() == ["after"])
    await server.until(lambda clients: clients == 0)


async def test_nothing_of_the_cookies_user_comes_and_their_logout_is_theirs_alone(
    connect, server, shelf, elsewhere, session
):
    cookie = await elsewhere.soon(log_in, "bob")
    async with connect(cookie, passes.token("ann")) as mixed, connect(cookie) as bob, connect(session) as ann:
        await mixed.subscribe("books", shelf=shelf.pk)
        for remote, text in ((bob, "for bob"), (ann, "for ann")):
            await remote.call("c1", "talk", "announce", {"text": text}, shelf=shelf.pk)
        await mixed.until(lambda: events(mixed))
        assert events(mixed) == ["for ann"]

        await elsewhere.soon(log_out, cookie)
        async with asyncio.timeout(seconds(5)):
            assert (await bob.closed())[0] == ENDED
        await ann.call("c2", "talk", "announce", {"text": "again"}, shelf=shelf.pk)
        await elsewhere.soon(Book.objects.create, shelf=shelf, title="after")
        await mixed.until(lambda: mixed.titles() == ["after"] and len(events(mixed)) == 2)
        assert events(mixed) == ["for ann", "again"]
    await server.until(lambda clients: clients == 0)


def events(remote: Any) -> list[str]:
    return [message["data"]["text"] for message in remote.received if message["type"] == "event"]
