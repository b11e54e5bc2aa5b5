"""What the server's log holds of its clients: no token, cookie, row or address."""

from __future__ import annotations

import json
import logging
from contextlib import suppress

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import AsyncClient, Client

import realtime
from realtime.auth import tokens
from realtime.auth.identity import Identity
from tests.connections.transports.conftest import hub
from tests.connections.transports.inside import HELLO, call, messages, post, subscribe
from tests.models import Answer, Book, Shelf
from tests.support import passes
from tests.support.limits import limit
from tests.support.wire import WireClient, until

__all__ = ["hub"]

ADDRESS = "203.0.113.77"
TITLE = "a title that only readers see"
USERNAME = "ann.archer@example.org"


@pytest.fixture
def secrets(elsewhere, settings, caplog, monkeypatch) -> dict[str, str]:
    """Texts that the log must not hold; it is kept from INFO on."""
    settings.REALTIME_AUTHENTICATE = "tests.support.passes.authenticate"
    monkeypatch.setattr("realtime.connections.handshake.client_address", lambda **_: ADDRESS)
    caplog.set_level(logging.INFO)

    def make() -> dict[str, str]:
        user = User.objects.create_user(USERNAME)
        browser = Client()
        browser.force_login(user)
        shelf = Shelf.objects.create(name="one")
        Book.objects.create(shelf=shelf, title=TITLE)
        page = tokens.sign(stream="books", params={"shelf": shelf.pk}, format="data", user=str(user.pk))
        return {
            "user": str(user.pk),
            "shelf": str(shelf.pk),
            "session": browser.cookies["sessionid"].value,
            "page token": page,
            "bearer token": passes.token(USERNAME),
        }

    return elsewhere(make)


def written(caplog) -> str:
    """All that a log could show: the texts, the tracebacks, and the fields of each record."""
    formatter = logging.Formatter()
    return "\n".join(
        f"{formatter.format(record)} {vars(record)}"
        for record in caplog.records
        if record.name.partition(".")[0] in ("realtime", "django", "daphne")
    )


def assert_silent(caplog, secrets: dict[str, str]) -> None:
    text = written(caplog)
    found = [name for name, each in secrets.items() if name not in ("user", "shelf") and each in text]
    found += ["name"] if USERNAME in text else []
    assert (found, TITLE in text, ADDRESS in text) == ([], False, False), text


async def test_of_clients_that_are_served_there_is_none(secrets, caplog, hub):
    shelf = int(secrets["shelf"])
    async with WireClient(Identity(secrets["user"], secrets["session"])) as client:
        client.say(client.protocol.subscribe(1, token=secrets["page token"]))
        await until(lambda: client.titles() == [TITLE])
        line = {"type": "call", "stream": "books", "params": {"shelf": shelf}, "action": "add"}
        client.connection.receive(json.dumps({**line, "id": "c1", "args": {"title": f"{TITLE} too"}}))
        await until(lambda: client.protocol.replies)
    browser = AsyncClient(headers={"Cookie": f"sessionid={secrets['session']}"})
    await messages(await post("poll/?wait=0", HELLO, subscribe("books", shelf=shelf), client=browser))
    assert_silent(caplog, secrets)


async def test_of_clients_that_are_refused_there_is_none(secrets, caplog, hub, settings):
    limit(settings, calls_per_second=0.1)
    cookie = f"sessionid={secrets['session']}"
    bearer = secrets["bearer token"]
    wrong = [{**HELLO, "token": bearer[:-1]}, subscribe("books", token=secrets["page token"][:-1])]
    await messages(await post("poll/?wait=0", *wrong))
    await messages(await post("poll/?wait=0", {**HELLO, "token": bearer}, {"type": "noise", "x": TITLE}))
    await messages(await post("poll/", Origin="https://evil.example", Cookie=cookie))
    await messages(await post("call/", HELLO, call("c1"), call("c2"), Cookie=cookie))
    await messages(await post("poll/", body=f"[{TITLE}", Cookie=cookie))
    async with WireClient() as client:
        await until(lambda: client.received)
        client.say([json.dumps({"type": "subscribe", "id": 1, "token": secrets["page token"]})])
        await until(lambda: client.refusals)
        client.connection.receive(TITLE)
    assert_silent(caplog, secrets)


async def test_of_users_who_may_not_see_there_is_none(secrets, caplog, hub):
    async with WireClient(Identity(secrets["user"], secrets["session"])) as client:
        await client.subscribe("shelves")
        call = {"type": "call", "id": "c1", "stream": "books", "params": {"shelf": int(secrets["shelf"])}}
        client.connection.receive(json.dumps({**call, "action": "burn", "args": {"title": TITLE}}))
        await until(lambda: client.protocol.replies)
    assert "A live query is refused" in written(caplog)
    assert_silent(caplog, secrets)


async def test_of_live_texts_and_jobs_there_is_none(secrets, caplog, hub, elsewhere, monkeypatch):
    shelf = int(secrets["shelf"])
    answer = await elsewhere.soon(Answer.objects.create, shelf_id=shelf)
    async with WireClient(Identity(secrets["user"], secrets["session"])) as client:
        await client.subscribe("answers", shelf=shelf)
        await client.subscribe("answers", id=2, format="html:forged#1:signature", shelf=shelf)
        await client.subscribe("answers", id=3, shelf=shelf, window="0:10")
        async with realtime.live_text(answer, "text", state_field="state", save_seconds=60) as out:
            await out.write(TITLE)
            await until(lambda: TITLE in str(client.protocol.subscriptions[1].shown))
            stop = {"type": "call", "id": "c1", "stream": "answers", "params": {"shelf": shelf}, "action": "stop"}
            client.connection.receive(json.dumps({**stop, "args": {"pk": answer.pk}}))
            await until(lambda: client.protocol.replies)

        def gone(*_args, **_options):
            raise OperationalError("The database does not answer.")

        with monkeypatch.context() as broken, suppress(OperationalError):
            broken.setattr("realtime.writers.draft.FINISH_SECONDS", 0.0)
            async with realtime.live_text(answer, "text", state_field="state", save_seconds=0.01) as out:
                broken.setattr("realtime.actions.text_leases.save", gone)
                broken.setattr("realtime.actions.text_leases.finish", gone)
                await out.write(TITLE)
                await until(lambda: "could not be saved" in written(caplog))
    user = await User.objects.aget(pk=secrets["user"])
    with suppress(ZeroDivisionError):
        async with realtime.job(user, TITLE, total=2):
            raise ZeroDivisionError(TITLE)
    assert set(client.refusals) >= {2}
    assert_silent(caplog, secrets)


async def test_of_a_failure_of_the_server_there_is_none(secrets, caplog, hub, monkeypatch):
    monkeypatch.setattr("realtime.auth.authorization.open_stream", lambda *_: 1 / 0)
    monkeypatch.setattr("realtime.auth.identity.import_string", lambda *_: 1 / 0)
    async with WireClient(Identity(secrets["user"], secrets["session"])) as client:
        client.say([json.dumps({"type": "subscribe", "id": 1, "token": secrets["page token"]})])
        await until(lambda: client.refusals)
    async with WireClient() as client:
        client.say([json.dumps({"type": "authenticate", "token": secrets["bearer token"]})])
        await until(lambda: client.closed)
    assert "ZeroDivisionError" in written(caplog)
    assert_silent(caplog, secrets)
