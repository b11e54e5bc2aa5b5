"""Calls from markup name the token of their container: the server believes that, and nothing else of the page."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User

from realtime.auth import tokens
from realtime.auth.identity import Identity
from realtime.streams.surroundings import Surroundings
from tests.models import Book, Shelf
from tests.support.wire import WireClient, until


@pytest.fixture
def other(elsewhere) -> Shelf:
    return elsewhere(Shelf.objects.create, name="other")


@pytest.fixture
def identity(elsewhere) -> Identity:
    return Identity(str(elsewhere(User.objects.create_user, "ann").pk))


def sign(shelf: Shelf, user: str | None, *, format: str = "html") -> str:
    return tokens.sign(stream="books", params={"shelf": shelf.pk}, format=format, user=user)


def call(id: str, token: str, **more) -> str:
    return json.dumps({"type": "call", "id": id, "token": token, "action": "add", "args": {"title": "new"}, **more})


async def reply(client: WireClient, message: str) -> dict:
    await until(lambda: client.received)
    client.connection.receive(message)
    id = json.loads(message)["id"]
    await until(lambda: id in client.protocol.replies)
    return client.protocol.replies[id]


@pytest.mark.parametrize("format", ["html", "value:count", "form", "actions"])
async def test_call_runs_on_the_stream_and_parameters_that_were_signed(shelf, other, identity, elsewhere, format):
    async with WireClient(identity) as client:
        assert "error" not in await reply(client, call("c1", sign(shelf, identity.user, format=format)))
    assert list(await elsewhere.soon(lambda: list(Book.objects.values_list("shelf", flat=True)))) == [shelf.pk]


@pytest.mark.parametrize("whose", ["another user", "a visitor"])
async def test_token_of_somebody_else_calls_nothing(shelf, identity, elsewhere, whose):
    async with WireClient(identity) as client:
        answer = await reply(client, call("c1", sign(shelf, None if whose == "a visitor" else "777")))
        assert answer["error"]["code"] == 4211
        assert client.closed is None
    assert await elsewhere.soon(Book.objects.count) == 0


async def test_refusal_of_a_token_is_in_the_language_of_the_client(shelf, identity):
    async with WireClient(identity._replace(surroundings=Surroundings(language="de"))) as client:
        answer = await reply(client, call("c1", "forged"))
    assert answer["error"]["reason"] == (
        "Das Token dieses Abonnements stammt nicht von diesem Server. Laden Sie die Seite neu."
    )


@pytest.mark.parametrize("spoil", [lambda text: "", lambda text: text[:-1], lambda text: f"x{text}", lambda _: "{}"])
async def test_forged_token_calls_nothing_and_the_connection_goes_on(shelf, identity, spoil):
    async with WireClient(identity) as client:
        assert (await reply(client, call("c1", spoil(sign(shelf, identity.user)))))["error"]["code"] == 4211
        assert client.closed is None


async def test_token_that_is_too_old_calls_nothing(shelf, identity, settings):
    settings.REALTIME_TOKEN_SECONDS = 1e-6
    async with WireClient(identity) as client:
        assert (await reply(client, call("c1", sign(shelf, identity.user))))["error"]["code"] == 4100


@pytest.mark.parametrize(
    "more", [{"stream": "books"}, {"stream": "books", "params": {"shelf": 1}}, {"params": {"shelf": 1}}]
)
async def test_call_with_a_token_names_no_other_stream_or_parameters(shelf, identity, more):
    async with WireClient(identity) as client:
        await until(lambda: client.received)
        client.connection.receive(call("c1", sign(shelf, identity.user), **more))
        assert client.closed == (4200, "A call needs either 'token', or 'stream' with 'params'.")


async def test_call_without_either_breaks_the_protocol(identity):
    async with WireClient(identity) as client:
        await until(lambda: client.received)
        client.connection.receive('{"type":"call","id":"c1","action":"add"}')
        assert client.closed[0] == 4200


async def test_repeated_call_runs_once_whichever_way_it_names_its_stream(shelf, identity, elsewhere):
    async with WireClient(identity) as client:
        first = await reply(client, call("c1", sign(shelf, identity.user)))
    by_name = {"type": "call", "id": "c1", "stream": "books", "params": {"shelf": shelf.pk}, "action": "add"}
    async with WireClient(identity) as client:
        again = await reply(client, json.dumps({**by_name, "args": {"title": "new"}}))
    assert again["result"] == first["result"]
    assert await elsewhere.soon(Book.objects.count) == 1
